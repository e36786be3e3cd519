//! The `t` of a test: what it holds, and how an expectation is judged and noted. One that doesn't
//! hold is noted and the test goes on, so that all are seen at once.

use super::diff::{Item, Pattern};
use super::{Failure, TestBench};
use crate::decisions::RuleName;
use crate::event::text;
use crate::limits;
use crate::rules::context::{Run, lock, value_error};
use rhai::{EvalAltResult, NativeCallContext};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(super) type Answer<T> = Result<T, Box<EvalAltResult>>;

/// Whose doings count in a test: those of the rules that it tests, unless a rule is named. So a
/// user's own rules can't make shipped tests fail, nor make them pass.
#[derive(Debug, Default)]
pub(in crate::rules) struct Scope {
    /// Files whose rules are tested; the test's own where nothing else is said.
    pub files: Vec<Arc<str>>,
    /// All rules and timers, with their files.
    pub rules: BTreeMap<RuleName, Arc<str>>,
}

impl Scope {
    pub(super) fn has(&self, rule: &str) -> bool {
        self.rules.get(rule).is_some_and(|file| self.files.contains(file))
    }
}

/// What a `t` holds.
pub(in crate::rules) struct Inner {
    pub bench: Box<dyn TestBench>,
    pub failures: Vec<Failure>,
    pub failures_more: usize,
    pub expectations: usize,
    pub faults_expected: bool,
    pub scope: Arc<Scope>,
}

/// The `t` in a script.
#[derive(Clone)]
pub(in crate::rules) struct Handle(pub Arc<Mutex<Inner>>);

/// A list of what was got, with what its things are called.
pub(super) struct List {
    /// `hits`, `decisions` …
    pub word: &'static str,
    /// Of the rules in scope.
    pub own: Vec<Item>,
    /// Of the others.
    pub others: Vec<Item>,
}

impl List {
    /// Takes things apart by the rule that made them.
    pub(super) fn of(
        word: &'static str,
        scope: &Scope,
        items: impl IntoIterator<Item = (RuleName, Item)>,
    ) -> Self {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for (rule, item) in items {
            if scope.has(&rule) { own.push(item) } else { others.push(item) }
        }
        Self { word, own, others }
    }
}

/// How often something should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// At least once.
    Some,
    /// Never.
    None,
    /// Just so often.
    Exactly(usize),
}

/// Makes a list of what was got.
pub(super) type Lister = fn(&dyn TestBench, &Scope) -> List;

impl Handle {
    pub(in crate::rules) fn new(bench: Box<dyn TestBench>, scope: Arc<Scope>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            bench,
            failures: Vec::new(),
            failures_more: 0,
            expectations: 0,
            faults_expected: false,
            scope,
        })))
    }

    /// Judges an expectation: so many things of that pattern among what `list` gives. `what` says
    /// what is wanted, for people.
    pub(super) fn expect(
        &self,
        context: &NativeCallContext,
        list: Lister,
        pattern: &Pattern,
        times: Times,
        what: &str,
    ) {
        let mut inner = lock(&self.0);
        inner.expectations += 1;
        let scope = Arc::clone(&inner.scope);
        let named = pattern.named("hit").or_else(|| pattern.named("rule"));
        if let Some(rule) = named
            && !scope.rules.contains_key(rule)
        {
            let message = format!("there is no rule `{}`", text::escape(rule));
            let near = text::nearest(rule, scope.rules.keys().map(|name| &**name));
            let hint = near.map(|near| format!("did you mean `{}`?", text::escape(near)));
            inner.fail(context, Failure { message, hint, ..Failure::default() }, None);
            return;
        }
        let mut got = list(inner.bench.as_ref(), &scope);
        if named.is_some() {
            got.own.append(&mut got.others);
        }
        let count = got.own.iter().filter(|item| pattern.matches(item)).count();
        let held = match times {
            Times::Some => count > 0,
            Times::None => count == 0,
            Times::Exactly(wanted) => count == wanted,
        };
        if held {
            return;
        }
        let mut failure = Failure { message: format!("wanted {what}"), ..Failure::default() };
        if let Times::Exactly(_) = times {
            failure.message = format!("wanted {what}, got {count}");
        }
        failure.hint = got
            .others
            .iter()
            .find(|item| times != Times::None && pattern.matches(item))
            .map(|item| format!(
                "there is one by `{}`, which this test is not about: name the rule, or its file with `tests_of`",
                item.get("rule").or_else(|| item.get("hit")).unwrap_or("another rule"),
            ));
        if count > 0 {
            got.own.retain(|item| pattern.matches(item));
        } else {
            pattern.sort(&mut got.own);
            failure.diff = pattern.difference(got.own.first());
        }
        failure.got = some(&got.own, got.word);
        failure.expected = (times != Times::None).then(|| pattern.text());
        let rule = named.map(str::to_owned);
        inner.fail(context, failure, rule.as_deref());
    }

    /// Notes a failure with words of its own unless `held`.
    pub(super) fn expect_that(
        &self,
        context: &NativeCallContext,
        held: impl FnOnce(&mut Inner) -> Result<(), Box<Failure>>,
    ) {
        let mut inner = lock(&self.0);
        inner.expectations += 1;
        if let Err(failure) = held(&mut inner) {
            inner.fail(context, *failure, None);
        }
    }
}

impl Inner {
    /// Notes a failure, with its place and what happened so far.
    fn fail(&mut self, context: &NativeCallContext, mut failure: Failure, rule: Option<&str>) {
        if self.failures.len() >= limits::TEST_FAILURES_MAX {
            self.failures_more += 1;
            return;
        }
        let position = context.call_position();
        failure.line = position.line().unwrap_or(0);
        failure.column = position.position().unwrap_or(0);
        failure.source = Run::of(context)
            .and_then(|run| source_line(&run.unit.text, failure.line))
            .unwrap_or_default();
        if self.failures.len() < limits::TEST_TRACES_MAX {
            let scope = Arc::clone(&self.scope);
            failure.trace = self.bench.trace(&|name| match rule {
                Some(rule) => rule == name,
                None => scope.has(name),
            });
        }
        self.failures.push(failure);
    }
}

/// A line of a text, without what is before and after it.
pub(super) fn source_line(text: &str, line: usize) -> Option<String> {
    let found = text.lines().nth(line.checked_sub(1)?)?;
    Some(text::escape_cut(found.trim().as_bytes(), 200))
}

fn some(items: &[Item], word: &str) -> Vec<String> {
    if items.is_empty() {
        return vec![format!("no {word}")];
    }
    let mut shown: Vec<String> =
        items.iter().take(limits::TEST_GOT_SHOWN_MAX).map(Item::text).collect();
    if items.len() > shown.len() {
        shown.push(format!("… and {} more", items.len() - shown.len()));
    }
    shown
}

/// A number of things from a script.
pub(super) fn number(context: &NativeCallContext, number: i64) -> Answer<usize> {
    usize::try_from(number)
        .map_err(|_| value_error(context, format!("`{number}` is no number of things")))
}
