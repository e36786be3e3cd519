//! The rule set in force: what the pipeline asks for each event and each hit.

use super::context::{RunId, ScriptFn, Unit};
use super::evaluate::{BodyRun, Evaluator, Looking};
use super::fault::Fault;
use super::hit::ScriptHit;
use super::host::{Host, Lookups};
use super::keys;
use super::rule::Rule;
use super::syntax::walk;
use super::timers::Timer;
use super::trial::{Scope, TestBench, TestResult};
use crate::clock::Timestamp;
use crate::decisions::{CloudflareCall, Hit, Mode};
use crate::event::{Event, key::Key};
use crate::matching::Matcher;
use crate::windows::{RuleWindow, Sample};
use rhai::{ASTNode, Dynamic, Expr, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A `test(…)` of a rule file.
#[derive(Clone)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The file.
    pub file: Arc<str>,
    /// The line of its declaration.
    pub line: usize,
    /// The rule files that it is about: whose doings its expectations see.
    pub scope: Vec<Arc<str>>,
    pub(super) body: ScriptFn,
}

/// All rules, timers and tests that could be loaded, ready to run.
///
/// Shared by threads; never changes after load: a reload makes a new one.
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) timers: Vec<Timer>,
    pub(super) tests: Vec<Test>,
    pub(super) matcher: Matcher,
    pub(super) evaluator: Arc<Evaluator>,
    pub(super) fingerprint: u64,
}

impl RuleSet {
    /// The rules, in the order of their files; a rule's place is its index everywhere else.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules' windows, as [`crate::windows::Windows::set_rules`] takes them.
    pub fn windows(&self) -> Vec<RuleWindow> {
        self.rules.iter().map(Rule::rule_window).collect()
    }

    /// What bodies of rules that aren't off, and timers, may ask of Cloudflare.
    pub fn cloudflare_calls(&self) -> BTreeSet<CloudflareCall> {
        let rules = self.rules.iter().filter(|rule| rule.mode != Mode::Off);
        let bodies = rules.filter_map(|rule| rule.body.as_ref());
        let bodies = bodies.chain(self.timers.iter().map(|timer| &timer.body));
        // A file's functions are common to its bodies: each file is looked at once.
        let units: BTreeMap<&str, &Arc<Unit>> =
            bodies.map(|body| (&*body.unit.file, &body.unit)).collect();
        let mut calls = BTreeSet::new();
        for unit in units.values() {
            walk(&unit.ast, &mut |path| {
                let Some(
                    ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) = path.last()
                else {
                    return;
                };
                if call.namespace.to_string().trim_end_matches(':') != "cf" {
                    return;
                }
                let about = match call.args.first() {
                    Some(Expr::StringConstant(text, _)) => Some(text.to_string()),
                    _ => None,
                };
                calls.insert(CloudflareCall { function: call.name.to_string(), about });
            });
        }
        calls
    }

    /// Gives a rule's window another threshold, to try what that would do. Nothing else changes, so
    /// a body that tells of the threshold tells of the old one.
    pub fn set_threshold(&mut self, rule: &str, threshold: u64) {
        for rule in self.rules.iter_mut().filter(|known| *known.name == *rule) {
            if let Some(window) = rule.window.with_threshold(threshold) {
                rule.window = window;
            }
        }
    }

    /// Of the texts, parameters and modes together: it changes when anything of them does.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The rules that care for an event, ascending. A predicate that failed counts as false and is
    /// told of in `faults`. Rules that are off never care.
    pub fn candidates(&self, event: &Event, out: &mut Vec<u32>, faults: &mut Vec<(u32, String)>) {
        // The look before this one has left no copy.
        let _looking = Looking;
        self.matcher.candidates(event, out, faults);
    }

    /// The same, without a copy of the event for scripts.
    pub fn candidates_shared(
        &self,
        event: &Arc<Event>,
        out: &mut Vec<u32>,
        faults: &mut Vec<(u32, String)>,
    ) {
        let _looking = Looking::at(Arc::clone(event));
        self.matcher.candidates(event, out, faults);
    }

    /// The rules that care for an event, ascending, each rule's own script asked: what
    /// [`Self::candidates`] is measured against. Failures count as false.
    pub fn candidates_by_script(&self, event: &Arc<Event>, out: &mut Vec<u32>) {
        out.clear();
        for (place, rule) in (0_u32..).zip(&self.rules) {
            let listens = rule.kinds.is_empty() || rule.kinds.contains(&event.kind);
            if rule.mode == Mode::Off || !listens {
                continue;
            }
            let holds = match &rule.when {
                Some(when) => self.evaluator.test(when, event).unwrap_or(false),
                None => true,
            };
            if holds {
                out.push(place);
            }
        }
    }

    /// The key an event counts for and what the rule's window gets; `None` when the event lacks a
    /// part of the key, or what the window looks at.
    pub fn sample(&self, rule: u32, event: &Arc<Event>) -> Result<Option<(Key, Sample)>, Fault> {
        let Some(rule) = self.rules.get(rule as usize) else {
            return Ok(None);
        };
        keys::sample(rule, event, &self.evaluator)
    }

    /// Runs a rule's body for a hit; a rule without one asks for nothing.
    pub fn run_body(&self, rule: u32, hit: &Arc<Hit>, host: &Arc<dyn Host>) -> BodyRun {
        let Some(body) = self.rules.get(rule as usize).and_then(|rule| rule.body.as_ref()) else {
            return BodyRun::default();
        };
        let argument = Dynamic::from(ScriptHit(Arc::clone(hit)));
        self.evaluator.body(body, Some(argument), RunId::Hit(hit.id), host)
    }

    /// What predicates and bodies look up.
    pub fn lookups(&self) -> &Arc<dyn Lookups> {
        &self.evaluator.lookups
    }

    /// The timers, in the order of their files.
    pub fn timers(&self) -> &[Timer] {
        &self.timers
    }

    /// Runs a timer's body for the time it was due.
    pub fn run_timer(&self, timer: usize, time: Timestamp, host: &Arc<dyn Host>) -> BodyRun {
        let Some(timer) = self.timers.get(timer) else {
            return BodyRun::default();
        };
        let id = RunId::Timer(format!("{}@{time}", timer.name));
        self.evaluator.body(&timer.body, None, id, host)
    }

    /// The tests of all files.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// Runs one test on a bench of its own.
    pub fn run_test(&self, test: &Test, bench: Box<dyn TestBench>) -> TestResult {
        let rules = self.rules.iter().map(|rule| (Arc::clone(&rule.name), Arc::clone(&rule.file)));
        let timers =
            self.timers.iter().map(|timer| (Arc::clone(&timer.name), Arc::clone(&timer.file)));
        let scope = Scope { files: test.scope.clone(), rules: rules.chain(timers).collect() };
        super::trial::run(&self.evaluator, test, scope, bench)
    }

    /// Runs all tests, each on a bench of its own.
    pub fn run_tests(&self, make: &dyn Fn() -> Box<dyn TestBench>) -> Vec<TestResult> {
        self.tests.iter().map(|test| self.run_test(test, make())).collect()
    }
}
