//! Makes a rule's parts: finds its closures in the file's text, takes them apart, and makes of each
//! part a small function of its own that Rhai can be asked.

use super::judge::{Leaf, Operand};
use super::scan::{self, Kind, Token};
use super::tree::{self, Body, Named, Node};
use super::{Part, PartKind, Parts, Predicate, Role};
use crate::rules::context::{Found, Run, ScriptFn, Unit};
use crate::rules::evaluate::Evaluator;
use crate::rules::keys::KeyPartSpec;
use crate::rules::load::with_deep_stack;
use crate::rules::rule::{PureFn, QuantitySpec, Rule};
use crate::rules::syntax;
use rhai::{ASTNode, Position};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

/// The parts of a rule.
pub(super) fn parts(rule: &Rule, evaluator: &Arc<Evaluator>) -> Parts {
    let mut out = Parts {
        rule: Arc::clone(&rule.name),
        file: Arc::clone(&rule.file),
        predicates: Vec::new(),
        all: Vec::new(),
        evaluator: Arc::clone(evaluator),
    };
    for (role, closure) in closures(rule) {
        let start = out.all.len();
        add(&mut out.all, role, closure, evaluator);
        let parts = start..out.all.len();
        out.predicates.push(Predicate { role, parts, closure: closure.clone() });
    }
    out
}

fn closures(rule: &Rule) -> impl Iterator<Item = (Role, &PureFn)> {
    let when = rule.when.iter().map(|closure| (Role::When, closure));
    let key = rule.key_spec.0.iter().enumerate().filter_map(|(place, part)| match part {
        KeyPartSpec::Closure(closure) => Some((Role::Key(place), closure)),
        _ => None,
    });
    let tests = rule.tests.iter().enumerate();
    let tests = tests.map(|(place, closure)| (Role::Window(place), closure));
    let quantity = rule.quantity.iter().filter_map(|quantity| match quantity {
        QuantitySpec::Closure(closure) => Some((Role::Quantity, closure)),
        QuantitySpec::Field(_) => None,
    });
    when.chain(key).chain(tests).chain(quantity)
}

/// Adds the parts of one closure; where it can't be taken apart, it is one part.
fn add(parts: &mut Vec<Part>, role: Role, closure: &PureFn, evaluator: &Evaluator) {
    let start = parts.len();
    let text = Arc::clone(&closure.function.unit.text);
    let tokens = scan::scan(&text);
    let value = matches!(role, Role::Key(_) | Role::Quantity);
    let found = place(closure, &text)
        .and_then(|inside| scan::body(&tokens, &closure.function.name, inside))
        .filter(|range| !range.is_empty());
    let Some(range) = found else {
        parts.push(whole(closure, value, &text));
        return;
    };
    let mut body = tree::body(&tokens, range);
    if value {
        body.root.kind = PartKind::Value;
        body.root.children.clear();
    }
    let mut making =
        Making { closure, tokens: &tokens, text: &text, body: &body, code: String::new() };
    making.add(parts, &body.root, None, 0, start);
    let code = making.code;
    if let Err(_error) = ready(parts, start, closure, &code, evaluator) {
        let (kept, rest) = parts.split_at(start);
        let mut kept = kept.to_vec();
        kept.extend(rest.first().map(|root| Part {
            kind: if value { PartKind::Value } else { PartKind::Test },
            run: Some(Leaf::whole(closure)),
            ..root.clone()
        }));
        *parts = kept;
    }
}

/// A place in the file's text that lies in the closure's body.
fn place(closure: &PureFn, text: &str) -> Option<usize> {
    let mut first = Position::NONE;
    let ast = syntax::function(&closure.function.unit.ast, &closure.function.name);
    syntax::walk(&ast, &mut |path| {
        let position = match path.last() {
            Some(ASTNode::Expr(expr)) => expr.position(),
            Some(ASTNode::Stmt(stmt)) => stmt.position(),
            _ => Position::NONE,
        };
        if !position.is_none() && (first.is_none() || position < first) {
            first = position;
        }
    });
    scan::offset(text, first.line()?, first.position()?)
}

/// A closure whose text wasn't found, as one part.
fn whole(closure: &PureFn, value: bool, text: &str) -> Part {
    let position = closure.function.position;
    let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(0));
    let start = scan::offset(text, line, column).unwrap_or(0);
    Part {
        kind: if value { PartKind::Value } else { PartKind::Test },
        parent: None,
        depth: 0,
        text: format!("{}(…)", closure.function.name),
        line,
        column,
        span: start..start,
        run: Some(Leaf::whole(closure)),
    }
}

/// The name under which the event is handed over a second time: what is read of it under its own
/// name in `let`s is told apart from what the part itself reads.
const AGAIN: &str = "event__of_part";

struct Making<'m> {
    closure: &'m PureFn,
    tokens: &'m [Token<'m>],
    text: &'m str,
    body: &'m Body,
    code: String,
}

impl Making<'_> {
    fn slice(&self, range: &Range<usize>) -> (&str, Range<usize>) {
        let tokens = self.tokens.get(range.clone()).unwrap_or_default();
        let start = tokens.first().map_or(0, |token| token.start);
        let end = tokens.last().map_or(start, Token::end);
        (self.text.get(start..end).unwrap_or_default(), start..end)
    }

    fn line(&self, range: &Range<usize>) -> String {
        scan::one_line(self.tokens.get(range.clone()).unwrap_or_default())
    }

    fn add(
        &mut self,
        parts: &mut Vec<Part>,
        node: &Node,
        parent: Option<usize>,
        depth: usize,
        first: usize,
    ) {
        let place = parts.len();
        let (_, span) = self.slice(&node.range);
        let (line, column) = scan::line_and_column(self.text, span.start);
        let leaf = node.children.is_empty();
        let run = leaf.then(|| self.leaf(&node.range, place - first));
        let text = self.line(&node.range);
        parts.push(Part { kind: node.kind, parent, depth, text, line, column, span, run });
        for child in &node.children {
            self.add(parts, child, Some(place), depth + 1, first);
        }
    }

    /// Writes the functions of a leaf.
    fn leaf(&mut self, range: &Range<usize>, number: usize) -> Leaf {
        let name = format!("part__{number}");
        self.function(&name, &self.body.names, range);
        let mut operands = Vec::new();
        let worked_out = match self.tokens.get(range.clone()) {
            Some([first, ..]) if first.is("{") => Vec::new(),
            _ => tree::operands(self.tokens, range.clone()),
        };
        let names = self.names_in(range);
        let all = names.into_iter().chain(worked_out);
        for (place, operand) in all.enumerate() {
            let shown = self.line(&operand);
            if operands.iter().any(|known: &Operand| known.shown == shown) {
                continue;
            }
            let name = format!("part__{number}_{place}");
            self.function(&name, &self.body.names, &operand);
            operands.push(Operand { shown, name });
        }
        Leaf::new(name, operands, self.event_name())
    }

    /// The first mention in a leaf of each name that stands for a value: of a `let`, a constant of
    /// the file, or what the closure captured.
    fn names_in(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let unit = &self.closure.function.unit;
        let captured = self.captured();
        let mut found: Vec<Range<usize>> = Vec::new();
        for place in range.clone() {
            let Some(token) = self.tokens.get(place).filter(|token| token.kind == Kind::Word)
            else {
                continue;
            };
            let neighbour = |at: Option<usize>| at.and_then(|at| self.tokens.get(at));
            let inside = neighbour(place.checked_sub(1))
                .is_some_and(|before| before.is(".") || before.is("?."));
            let called = neighbour(Some(place + 1))
                .is_some_and(|after| after.is("(") || after.is(":") || after.is("::"));
            let known = self.body.names.iter().any(|named| named.name == token.text)
                || captured.iter().any(|name| name == token.text)
                || unit.constants.contains_key(token.text);
            if known && !inside && !called {
                found.push(place..place + 1);
            }
        }
        found
    }

    fn parameters(&self) -> Vec<String> {
        let function = &self.closure.function;
        let mut functions = function.unit.ast.iter_functions();
        let found = functions.find(|known| known.name == function.name.as_str());
        found.map_or_else(Vec::new, |found| {
            found.params.iter().map(|name| (*name).to_owned()).collect()
        })
    }

    fn captured(&self) -> Vec<String> {
        let mut names = self.parameters();
        names.truncate(self.closure.function.captured.len());
        names
    }

    /// The name of the event in the closure; none for a closure that doesn't take it.
    fn event_name(&self) -> Option<String> {
        let captured = self.closure.function.captured.len();
        self.parameters().into_iter().nth(captured)
    }

    /// Writes a function that gives the value of a piece of the body.
    fn function(&mut self, name: &str, names: &[Named], range: &Range<usize>) {
        let mut parameters = self.parameters();
        let event = self.event_name();
        if event.is_some() {
            parameters.push(AGAIN.to_owned());
        }
        // Writing to a String can't fail.
        write!(self.code, "fn {name}({}) {{ ", parameters.join(", ")).ok();
        let mut code = String::new();
        for named in names {
            code.push_str(self.slice(&named.statement).0);
            code.push('\n');
        }
        if let Some(event) = event {
            writeln!(code, "let {event} = {AGAIN};").ok();
        }
        code.push_str(self.slice(range).0);
        code.push_str("\n}\n");
        self.code.push_str(&code);
    }
}

/// Parses the code and hands each leaf its function.
fn ready(
    parts: &mut [Part],
    start: usize,
    closure: &PureFn,
    code: &str,
    evaluator: &Evaluator,
) -> Result<(), String> {
    let old = &closure.function.unit;
    let compiled = with_deep_stack(|| evaluator.pure.compile(code))?;
    let mut ast =
        old.ast.merge(&compiled.map_err(|error| error.to_string())?.clone_functions_only());
    ast.set_source(&*old.file);
    let unit = Arc::new(Unit {
        file: Arc::clone(&old.file),
        text: Arc::clone(&old.text),
        ast,
        constants: old.constants.clone(),
        found: Found::default(),
        calls_modules: old.calls_modules,
    });
    let run =
        Run { unit: Arc::clone(&unit), lookups: Arc::clone(&closure.run.lookups), body: None };
    let run = Arc::new(run);
    for part in parts.iter_mut().skip(start) {
        let position = u16::try_from(part.line).ok().zip(u16::try_from(part.column).ok());
        let position = position
            .map_or(closure.function.position, |(line, column)| Position::new(line, column));
        let function = ScriptFn {
            unit: Arc::clone(&unit),
            name: "".into(),
            captured: closure.function.captured.clone(),
            takes_argument: true,
            position,
        };
        if let Some(leaf) = &mut part.run {
            leaf.ready(PureFn { function, run: Arc::clone(&run), native: None });
        }
    }
    Ok(())
}
