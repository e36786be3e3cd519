//! The branches of bodies: which ways a body, and the functions that it calls, can go, and a text of
//! the file that tells which of them were gone.
//!
//! In: a loaded set. Out: for each file its branches, and its text with a mark in each: a call that
//! counts, put behind an opening brace, before an `if`, or before an arm's value (`mark ?? value` is
//! the value, however it goes on). Lines stay where they are. A place that the tree and the text
//! don't agree on gets no mark, and isn't spoken of.

use super::context::Unit;
use super::parts::scan;
use super::set::RuleSet;
use super::syntax::{Function, functions, walk};
use rhai::{ASTNode, Engine, Expr, Position, Stmt, StmtBlock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The function that marks call; no rule may.
pub(super) const MARK: &str = "__reached";

/// How often each mark was met, by its number.
#[derive(Debug)]
pub struct Marks(Vec<AtomicU64>);

impl Marks {
    /// So many, none of which was met.
    pub fn new(count: usize) -> Self {
        Self((0..count).map(|_| AtomicU64::new(0)).collect())
    }

    fn met(&self, number: usize) -> u64 {
        self.0.get(number).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// Lets an engine run texts with marks.
pub(super) fn register(engine: &mut Engine, marks: &Arc<Marks>) {
    let marks = Arc::clone(marks);
    engine.register_fn(MARK, move |number: i64| {
        let count = usize::try_from(number).ok().and_then(|number| marks.0.get(number));
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// A way that a body can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The rule, the timer or the function that it is of.
    pub owner: Arc<str>,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is to be said where no test goes it.
    pub words: String,
    /// The mark that is met there.
    mark: usize,
    /// Gone where this was met more often than the mark: past an `if` without `else`.
    more_than: Option<usize>,
}

impl Branch {
    /// Whether it was gone.
    pub fn is_reached(&self, marks: &Marks) -> bool {
        match self.more_than {
            None => marks.met(self.mark) > 0,
            Some(before) => marks.met(before) > marks.met(self.mark),
        }
    }
}

/// Functions by name, each with whose it is.
type Bodies = Vec<(String, Arc<str>)>;

/// The branches of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBranches {
    /// The file.
    pub file: Arc<str>,
    /// In the order of the text.
    pub branches: Vec<Branch>,
    /// The text with marks.
    pub text: String,
}

impl RuleSet {
    /// The branches of all bodies, and how many marks there are.
    pub fn branches(&self) -> (Vec<FileBranches>, usize) {
        let mut files: BTreeMap<Arc<str>, (Arc<Unit>, Bodies)> = BTreeMap::new();
        let of_rules = self.rules.iter().filter_map(|rule| Some((rule.body.as_ref()?, &rule.name)));
        let of_timers = self.timers.iter().map(|timer| (&timer.body, &timer.name));
        for (body, owner) in of_rules.chain(of_timers) {
            let entry = files.entry(Arc::clone(&body.unit.file));
            let (_, bodies) = entry.or_insert_with(|| (Arc::clone(&body.unit), Vec::new()));
            bodies.push((body.name.to_string(), Arc::clone(owner)));
        }
        let mut next = 0;
        let mut found = Vec::new();
        for (file, (unit, bodies)) in files {
            let mut marker =
                Marker { text: &unit.text, next, branches: Vec::new(), marks: Vec::new() };
            for (function, owner) in called(&functions(&unit.ast), bodies) {
                marker.function(function, &owner);
            }
            next = marker.next;
            let (text, branches) = marker.finish();
            if !branches.is_empty() {
                found.push(FileBranches { file, branches, text });
            }
        }
        (found, next)
    }
}

/// The functions that run when these bodies do, each with whose it is.
fn called(all: &[Function], bodies: Bodies) -> Vec<(&Function, Arc<str>)> {
    let mut todo = bodies;
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some((name, owner)) = todo.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        for function in all.iter().filter(|function| function.name == name) {
            found.push((function, Arc::clone(&owner)));
            walk(&function.ast, &mut |path| {
                let Some(node) = path.last() else { return };
                if let ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
                | ASTNode::Stmt(Stmt::FnCall(call, _)) = node
                {
                    todo.push((call.name.to_string(), Arc::from(call.name.as_str())));
                }
                if let ASTNode::Expr(Expr::DynamicConstant(value, _)) = node
                    && let Some(pointer) = value.read_lock::<rhai::FnPtr>()
                {
                    todo.push((pointer.fn_name().to_owned(), Arc::clone(&owner)));
                }
            });
        }
    }
    found
}

/// Gathers marks for one text.
struct Marker<'t> {
    text: &'t str,
    next: usize,
    branches: Vec<Branch>,
    /// Where a mark goes, and its words.
    marks: Vec<(usize, String)>,
}

impl Marker<'_> {
    fn function(&mut self, function: &Function, owner: &Arc<str>) {
        walk(&function.ast, &mut |path| {
            let Some(ASTNode::Stmt(stmt)) = path.last() else { return };
            match stmt {
                Stmt::If(flow, position) => {
                    self.condition(&flow.body, &flow.branch, *position, owner);
                }
                Stmt::For(parts, position) => self.turns("for", &parts.2.body, *position, owner),
                Stmt::While(flow, position) => self.turns("while", &flow.body, *position, owner),
                Stmt::TryCatch(flow, _) => {
                    if let Some(at) = self.brace(&flow.branch) {
                        let words = format!("the `catch` of `{owner}` is never reached");
                        self.block(at, at, words, owner);
                    }
                }
                Stmt::Switch(parts, _) => {
                    for arm in &parts.1.expressions {
                        self.arm(&arm.rhs, owner);
                    }
                }
                _ => {}
            }
        });
    }

    /// `if … { } else { }`: is it ever true, ever false?
    fn condition(
        &mut self,
        body: &StmtBlock,
        branch: &StmtBlock,
        position: Position,
        owner: &Arc<str>,
    ) {
        let (Some(start), Some(brace)) = (self.offset(position), self.brace(body)) else { return };
        let Some(shown) = self.between(start, brace).filter(|shown| shown.starts_with("if")) else {
            return;
        };
        let words = |how: &str| format!("`{shown}` of `{owner}` is never {how}");
        let taken = self.block(brace, start, words("true"), owner);
        if let Some(other) = self.brace(branch) {
            self.block(other, start, words("false"), owner);
        } else if branch.is_empty() && self.begins_statement(start) {
            let before = self.mark(start, |number| format!("{MARK}({number}); "));
            self.branch(start, words("false"), owner, taken, Some(before));
        }
    }

    fn turns(&mut self, word: &str, body: &StmtBlock, position: Position, owner: &Arc<str>) {
        let (Some(start), Some(brace)) = (self.offset(position), self.brace(body)) else { return };
        if let Some(shown) = self.between(start, brace).filter(|shown| shown.starts_with(word)) {
            let words = format!("`{shown}` of `{owner}` never turns");
            self.block(brace, start, words, owner);
        }
    }

    /// An arm of a `switch`: a block, or a value.
    fn arm(&mut self, value: &Expr, owner: &Arc<str>) {
        let (position, block) = match value {
            Expr::Stmt(block) => (block.position(), true),
            value => (value.start_position(), false),
        };
        let Some(at) = self.offset(position) else { return };
        let before = self.text.get(..at).unwrap_or_default().trim_end();
        // Of a block with one value only the value is left in the tree.
        let inside = before.strip_suffix('{').map(str::trim_end);
        let Some(case) = inside.unwrap_or(before).strip_suffix("=>") else { return };
        let line = case.rsplit('\n').next().unwrap_or_default();
        let shown = line.rsplit(['{', '}', ',']).next().unwrap_or_default().trim();
        let start = case.len() - line.len() + line.rfind(shown).unwrap_or(0);
        let words = format!("the arm `{shown}` of `{owner}` is never taken");
        if inside.is_some() {
            let number = self.mark(at, |number| format!("{MARK}({number}); "));
            self.branch(start, words, owner, number, None);
        } else if !block {
            let number = self.mark(at, |number| format!("{MARK}({number}) ?? "));
            self.branch(start, words, owner, number, None);
        } else if self.text.get(at..).is_some_and(|rest| rest.starts_with('{')) {
            self.block(at, start, words, owner);
        }
    }

    /// A block whose brace stands at a byte, told of at another.
    fn block(&mut self, brace: usize, told: usize, words: String, owner: &Arc<str>) -> usize {
        let number = self.mark(brace + 1, |number| format!(" {MARK}({number});"));
        self.branch(told, words, owner, number, None);
        number
    }

    fn mark(&mut self, at: usize, words: impl Fn(usize) -> String) -> usize {
        let number = self.next;
        self.next += 1;
        self.marks.push((at, words(number)));
        number
    }

    fn branch(
        &mut self,
        at: usize,
        words: String,
        owner: &Arc<str>,
        mark: usize,
        more_than: Option<usize>,
    ) {
        let (line, column) = scan::line_and_column(self.text, at);
        let owner = Arc::clone(owner);
        self.branches.push(Branch { owner, line, column, words, mark, more_than });
    }

    fn finish(mut self) -> (String, Vec<Branch>) {
        self.marks.sort_by_key(|mark| std::cmp::Reverse(mark.0));
        let mut text = self.text.to_owned();
        for (at, words) in &self.marks {
            text.insert_str(*at, words);
        }
        self.branches.sort_by_key(|branch| (branch.line, branch.column));
        (text, self.branches)
    }

    fn offset(&self, position: Position) -> Option<usize> {
        scan::offset(self.text, position.line()?, position.position()?)
    }

    /// Where the brace of a block stands.
    fn brace(&self, block: &StmtBlock) -> Option<usize> {
        let at = self.offset(block.position())?;
        self.text.get(at..)?.starts_with('{').then_some(at)
    }

    /// What stands between two bytes, in one line and not longer than people read.
    fn between(&self, start: usize, end: usize) -> Option<String> {
        const SHOWN_CHARACTERS_MAX: usize = 60;
        let words: Vec<&str> = self.text.get(start..end)?.split_whitespace().collect();
        let all = words.join(" ");
        let cut: String = all.chars().take(SHOWN_CHARACTERS_MAX).collect();
        Some(if cut.len() < all.len() { format!("{cut}…") } else { all })
    }

    /// Whether a statement begins there: comments before it say nothing.
    fn begins_statement(&self, at: usize) -> bool {
        let mut before = self.text.get(..at).unwrap_or_default().trim_end();
        loop {
            let line = before.rfind('\n').map_or(0, |newline| newline + 1);
            let last = before.get(line..).unwrap_or_default();
            if !last.trim_start().starts_with("//") {
                break;
            }
            before = before.get(..line).unwrap_or_default().trim_end();
        }
        before.ends_with(['{', ';', '}'])
    }
}
