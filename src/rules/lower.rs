//! Lowers a predicate that was written in Rhai to its native form, from its syntax tree.
//!
//! In: a closure of one value, the event. Out: a [`Expr`], or why there is none: then the closure
//! stays in Rhai, with the same verdicts. Nothing is guessed: what isn't known here is refused.

mod calls;
mod flow;

use super::helpers;
use super::host::Lookups;
use super::literals::constant;
use super::rule::PureFn;
use super::syntax;
use crate::event::Field;
use crate::limits;
use crate::matching::{Draw, Drawer, Expr as Native, TextChange, TextPart};
use regex::Regex;
use rhai::{AST, ASTFlags, Dynamic, Expr, FnCallExpr, ImmutableString, Stmt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `url_decode()`, which leaves a text that has nothing to decode.
const URL_DECODE: TextChange = TextChange {
    name: "url_decode",
    apply: helpers::url_decode,
    leaves: |text| {
        text.len() <= 2 * limits::SCRIPT_STRING_BYTES_MAX
            && memchr::memchr2(b'%', b'+', text).is_none()
    },
};

/// `to_upper()`.
const TO_UPPER: TextChange = TextChange {
    name: "to_upper",
    apply: |text| text.to_uppercase(),
    leaves: |text| text.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()),
};

type Lowered = Result<Native, String>;

/// What a name stands for.
#[derive(Clone)]
enum Binding {
    Event,
    Value(Dynamic),
    Local(usize),
}

struct Lowering<'l> {
    names: BTreeMap<String, Binding>,
    constants: &'l BTreeMap<ImmutableString, Dynamic>,
    /// The functions of the file, which a call may mean instead of ours.
    ast: &'l AST,
    /// Functions of the file whose calls are being lowered, one within the other.
    within: Vec<String>,
    /// Calls of functions of the file so far.
    calls: usize,
    lookups: &'l Arc<dyn Lookups>,
    locals: usize,
    last: Last,
}

/// A call that gives a value out of a text or an address: only the last one of a chain may.
enum Last {
    Refused,
    Allowed,
    Network(u8, u8),
}

/// The native form of a closure; the error says why it has none.
#[expect(clippy::redundant_closure_for_method_calls, reason = "the path is not general enough")]
pub(super) fn lower(closure: &PureFn) -> Lowered {
    with_body(closure, |lowering, body| lowering.body(body))
}

/// The native form of a closure that gives a value or, where `lists` are wanted, a list of them;
/// the error says why it has none.
pub(super) fn draws(closure: &PureFn, lists: bool) -> Result<Vec<Drawer>, String> {
    with_body(closure, |lowering, body| match body {
        [Stmt::Expr(expr)] => match &**expr {
            Expr::Array(items, _) if lists && (1..=8).contains(&items.len()) => {
                items.iter().map(|item| lowering.draw(item)).collect()
            }
            value => Ok(vec![lowering.draw(value)?]),
        },
        _ => Ok(vec![Drawer::new(Draw::Value(lowering.body(body)?))]),
    })
}

fn with_body<T>(
    closure: &PureFn,
    work: impl FnOnce(&mut Lowering<'_>, &[Stmt]) -> Result<T, String>,
) -> Result<T, String> {
    let unit = &closure.function.unit;
    let name = &closure.function.name;
    let parameters = syntax::parameters(&unit.ast, name, None).ok_or("its function isn't there")?;
    let body = syntax::body(&unit.ast, name, parameters.len());
    let captured = closure.function.captured.iter().cloned().map(Binding::Value);
    let values = captured.chain(std::iter::once(Binding::Event));
    let names = parameters.into_iter().zip(values).collect();
    let mut lowering = Lowering {
        names,
        constants: &unit.constants,
        ast: &unit.ast,
        within: Vec::new(),
        calls: 0,
        lookups: &closure.run.lookups,
        locals: 0,
        last: Last::Refused,
    };
    work(&mut lowering, &body)
}

impl Lowering<'_> {
    /// What is taken from the event: a value, or what the last call of a chain makes of one.
    fn draw(&mut self, expr: &Expr) -> Result<Drawer, String> {
        if matches!(expr, Expr::Dot(..)) {
            self.last = Last::Allowed;
        }
        let value = self.expr(expr);
        let last = std::mem::replace(&mut self.last, Last::Refused);
        let value = value?;
        Ok(Drawer::new(match last {
            Last::Network(v4, v6) => Draw::Network(value, v4, v6),
            Last::Refused | Last::Allowed => Draw::Value(value),
        }))
    }

    fn expr(&mut self, expr: &Expr) -> Lowered {
        match expr {
            Expr::And(parts, _) => Ok(Native::And(self.list(parts)?)),
            Expr::Or(parts, _) => Ok(Native::Or(self.list(parts)?)),
            Expr::FnCall(call, _) => self.call(call),
            Expr::Stmt(block) => self.body(block.statements()),
            Expr::Dot(pair, flags, _) if !flags.intersects(ASTFlags::NEGATED) => {
                self.chain_head(&pair.lhs, &pair.rhs)
            }
            Expr::Index(pair, flags, _) if !flags.intersects(ASTFlags::NEGATED) => {
                self.indexed(&pair.lhs, &pair.rhs)
            }
            Expr::Variable(..) => match self.binding(expr)? {
                Binding::Local(place) => Ok(Native::Local(place)),
                Binding::Value(value) => constant(&value).map(Native::Const),
                Binding::Event => Err("it uses the event as a whole".to_owned()),
            },
            other => match self.value(other) {
                Some(value) => constant(&value).map(Native::Const),
                None => Err("it has an expression of another kind".to_owned()),
            },
        }
    }

    fn list(&mut self, parts: &[Expr]) -> Result<Vec<Native>, String> {
        parts.iter().map(|part| self.expr(part)).collect()
    }

    fn boxed(&mut self, expr: &Expr) -> Result<Box<Native>, String> {
        self.expr(expr).map(Box::new)
    }

    fn binding(&self, expr: &Expr) -> Result<Binding, String> {
        let Expr::Variable(parts, _, _) = expr else {
            return Err("it has an expression of another kind".to_owned());
        };
        let name = parts.1.as_str();
        if !parts.2.is_empty() {
            return Err(format!("it uses `{name}` of a module"));
        }
        if let Some(known) = self.names.get(name) {
            return Ok(known.clone());
        }
        match self.constants.get(name) {
            Some(value) => Ok(Binding::Value(value.clone())),
            None => Err(format!("it uses `{name}`, which is no constant")),
        }
    }

    fn is_event(&self, expr: &Expr) -> bool {
        matches!(self.binding(expr), Ok(Binding::Event))
    }

    /// The value of an expression that is known now.
    fn value(&self, expr: &Expr) -> Option<Dynamic> {
        if let Expr::Variable(..) = expr {
            return match self.binding(expr) {
                Ok(Binding::Value(value)) => Some(value),
                _ => None,
            };
        }
        if let Expr::Array(items, _) = expr {
            let items: Option<rhai::Array> = items.iter().map(|item| self.value(item)).collect();
            return items.map(Dynamic::from);
        }
        expr.get_literal_value(None)
    }

    /// `head.rest`, where `rest` is a property, a method or a chain of them.
    fn chain_head(&mut self, head: &Expr, rest: &Expr) -> Lowered {
        if let Some(known) = self.known_of(head, rest) {
            return known;
        }
        if !self.is_event(head) {
            let base = self.expr(head)?;
            return self.chain(base, rest);
        }
        match rest {
            Expr::Property(names, _) => Ok(field(&names.2)),
            Expr::MethodCall(call, _) => self.of_event(call),
            Expr::Dot(pair, flags, _) if !flags.intersects(ASTFlags::NEGATED) => {
                let base = match &pair.lhs {
                    Expr::Property(names, _) => field(&names.2),
                    Expr::MethodCall(call, _) => self.of_event(call)?,
                    _ => return Err("it reads the event in another way".to_owned()),
                };
                self.chain(base, &pair.rhs)
            }
            _ => Err("it reads the event in another way".to_owned()),
        }
    }

    /// `head["name"]`, with a chain after it.
    fn indexed(&mut self, head: &Expr, index: &Expr) -> Lowered {
        if !self.is_event(head) {
            return Err("it has an index".to_owned());
        }
        let (name, rest) = match index {
            Expr::Dot(pair, flags, _) if !flags.intersects(ASTFlags::NEGATED) => {
                (&pair.lhs, Some(&pair.rhs))
            }
            name => (name, None),
        };
        let Expr::StringConstant(name, _) = name else {
            return Err("it reads a field by a name that isn't fixed".to_owned());
        };
        let base = field(name);
        match rest {
            None => Ok(base),
            Some(rest) => self.chain(base, rest),
        }
    }

    fn of_event(&mut self, call: &FnCallExpr) -> Lowered {
        match (call.name.as_str(), call.args.as_slice()) {
            ("has", [Expr::StringConstant(name, _)]) if !self.is_shadowed("has") => {
                Ok(Native::Has(name.as_str().into()))
            }
            (name, _) => Err(format!("it calls `{name}` on the event")),
        }
    }

    fn chain(&mut self, base: Native, rest: &Expr) -> Lowered {
        if matches!(self.last, Last::Network(..)) {
            return Err("it goes on with what it took".to_owned());
        }
        match rest {
            Expr::Property(names, _) if names.2.as_str() == "len" => {
                Ok(Native::Length(Box::new(base), false))
            }
            Expr::Property(names, _) => Err(format!("it reads `.{}` of a value", names.2)),
            Expr::MethodCall(call, _) => self.method(base, &call.name, &call.args),
            Expr::Dot(pair, flags, _) if !flags.intersects(ASTFlags::NEGATED) => {
                let base = self.chain(base, &pair.lhs)?;
                self.chain(base, &pair.rhs)
            }
            _ => Err("it goes on with an index".to_owned()),
        }
    }
}

fn field(name: &str) -> Native {
    match Field::from_name(name) {
        Some(field) => Native::Field(field),
        None => Native::Named(name.into()),
    }
}

/// What a pattern captures in a text, as a value that a predicate goes on with.
fn capture(subject: Native, regex: Regex) -> Native {
    let part = TextPart {
        name: format!("capture {}", regex.as_str()).into(),
        take: Arc::new(move |text| helpers::capture(&regex, text)),
    };
    Native::Part(Box::new(subject), part)
}
