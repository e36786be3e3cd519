//! A rule as the engine knows it: what others may read of it, and its closures.

use super::context::{Run, ScriptFn};
use super::draft::Param;
use super::keys::{FieldName, KeyPartSpec, KeySpec};
use crate::clock::format_duration;
use crate::decisions::{Mode, RuleName};
use crate::event::Kind;
use crate::matching::Drawer;
use crate::windows::{RuleWindow, WindowSpec};
use std::sync::Arc;
use std::time::Duration;

/// A pure closure, ready to be called.
#[derive(Clone)]
pub(super) struct PureFn {
    pub function: ScriptFn,
    pub run: Arc<Run>,
    /// What it gives, in native form: asked first, the closure where that has no answer. Keys and
    /// what windows look at have it here; predicates have theirs in the matcher.
    pub native: Option<Arc<[Drawer]>>,
}

/// What `distinct` compares and `sum` adds.
#[derive(Clone)]
pub(super) enum QuantitySpec {
    Field(FieldName),
    Closure(PureFn),
}

/// A rule.
#[derive(Clone)]
pub struct Rule {
    /// Its name, unique in the set.
    pub name: RuleName,
    /// The file that declares it.
    pub file: Arc<str>,
    /// The line of its `rule(…)`.
    pub line: usize,
    /// The file's header (`//!` lines), joined.
    pub summary: Arc<str>,
    /// The kinds of events it listens to; none means all.
    pub kinds: Vec<Kind>,
    /// What becomes of its hits.
    pub mode: Mode,
    /// Only attackers trip it: it acts at once on a new install.
    pub certain: bool,
    /// When a key fires.
    pub window: WindowSpec,
    /// How long a key that fired rests, where the rule says so.
    pub cooldown: Option<Duration>,
    /// Of key and window: windows keep their state across a reload while it stays the same.
    pub fingerprint: u64,
    /// What is counted apart, in words (`ip`, `ip, user`, `ip/24,48`); empty: everything together.
    pub key: String,
    /// The parameters of its file, as they stand.
    pub params: Arc<[Param]>,
    /// Whether its predicate runs natively; if not, why. A rule without one has nothing to run.
    pub lowered: Result<(), String>,
    pub(super) when: Option<PureFn>,
    pub(super) key_spec: KeySpec,
    pub(super) tests: Vec<PureFn>,
    pub(super) quantity: Option<QuantitySpec>,
    pub(super) body: Option<ScriptFn>,
}

impl Rule {
    /// Its window, as [`crate::windows::Windows::set_rules`] takes it.
    pub fn rule_window(&self) -> RuleWindow {
        RuleWindow {
            rule: Arc::clone(&self.name),
            fingerprint: self.fingerprint,
            spec: self.window,
            cooldown: self.cooldown,
        }
    }

    /// Whether it does something beyond recording its hits.
    pub fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// How many closures of its key and window run as scripts for each candidate.
    pub(super) fn scripts(&self) -> usize {
        let quantity = self.quantity.iter().filter_map(|quantity| match quantity {
            QuantitySpec::Closure(closure) => Some(closure),
            QuantitySpec::Field(_) => None,
        });
        let key = self.key_spec.0.iter().filter_map(|part| match part {
            KeyPartSpec::Closure(closure) => Some(closure),
            _ => None,
        });
        let all = self.tests.iter().chain(quantity).chain(key);
        all.filter(|closure| closure.native.is_none()).count()
    }

    /// The window in words (`10 within 5m`).
    pub fn window_words(&self) -> String {
        window_words(&self.window)
    }
}

/// A window in words.
pub(super) fn window_words(window: &WindowSpec) -> String {
    let time = |duration: &Duration| format_duration(*duration);
    match window {
        WindowSpec::Each => "each".to_owned(),
        WindowSpec::Count { n, within } => format!("{n} within {}", time(within)),
        WindowSpec::Distinct { n, within } => format!("{n} different within {}", time(within)),
        WindowSpec::Sum { at_least, within } => {
            format!("sum of {at_least} within {}", time(within))
        }
        WindowSpec::Leaky { capacity, leak_every } => {
            format!("more than {capacity}, one leaking every {}", time(leak_every))
        }
        WindowSpec::Consecutive { n } => format!("{n} in a row"),
        WindowSpec::Sequence { steps, within } => format!("{steps} steps within {}", time(within)),
        WindowSpec::Absent { after } => format!("silent for {}", time(after)),
        WindowSpec::Ratio { share, at_least, within } => {
            format!("a share of {share} of at least {at_least} within {}", time(within))
        }
    }
}
