//! Which rules an event may concern: dispatch by kind, then predicates. Stateless and shared by
//! threads; knows no Rhai.
//!
//! In: the rules' kinds and predicates, once; then events. Out: the indexes of the rules whose
//! predicate holds, ascending. How often something must happen is the windows' business.

mod cache;
mod column;
mod draw;
mod expr;
mod grams;
mod index;
mod judge;
mod look;
mod need;
mod pattern;
mod program;
mod sieve;
mod texts;
mod value;

pub use draw::{Draw, Drawer, Drawn};
pub use expr::{AddressFact, AddressTest, Expr, Literal, TextChange, TextPart, TextTest};
pub use need::{FoundBy, found_by};
pub use value::{Comparison, Const, Operator, number};

use crate::event::{Event, Kind};
use index::Index;
use look::{Look, Scratch};
use need::{Need, need};
use program::{Id, Program};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a predicate says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The rule cares.
    True,
    /// It does not.
    False,
    /// The predicate failed; the text says how. Counts as false, and is told of.
    Fault(String),
}

/// Something that says whether a rule cares for an event.
///
/// - Pure: the same event gives the same verdict, for replay must agree with live.
/// - Called from several threads at once, many times a second: it must not block.
/// - Nothing an event holds may make it panic.
pub trait Predicate: Send + Sync {
    /// Judges one event.
    fn matches(&self, event: &Event) -> Verdict;
}

/// What the matcher needs to know of a rule.
pub struct MatcherRule {
    /// The kinds of events it listens to; none means all.
    pub kinds: Vec<Kind>,
    /// The predicate in native form, where it has one: it is asked first, and makes the rule
    /// findable by the index.
    pub native: Option<Expr>,
    /// When it cares; asked where there is no native form, or where that has no answer. `None`
    /// means for each event of its kinds.
    pub predicate: Option<Box<dyn Predicate>>,
}

struct Compiled {
    native: Option<Id>,
    predicate: Option<Box<dyn Predicate>>,
}

/// All rules' kinds and predicates, made ready for looking up.
pub struct Matcher {
    /// No other matcher of this process has it.
    number: u64,
    rules: Vec<Compiled>,
    program: Program,
    /// For each built-in kind, in the order of `Kind::BUILT_IN`, the rules that listen to it.
    built_in: Vec<Index>,
    custom: HashMap<Arc<str>, Index>,
    /// The rules that listen to every kind: what a custom kind without listeners of its own gets.
    any: Index,
    caches: usize,
}

thread_local! {
    /// What this thread's last matcher keeps from event to event.
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Matcher {
    /// Makes the rules ready. A rule's index is its place in `rules`; rules past `u32::MAX` are
    /// left out.
    pub fn new(rules: Vec<MatcherRule>) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(1);
        let mut program = Program::default();
        let natives: Vec<Option<Id>> = (rules.iter())
            .map(|rule| rule.native.as_ref().map(|native| program.add(native)))
            .collect();
        program.close();
        let needs: Vec<Option<Need>> =
            natives.iter().map(|native| need(&program, (*native)?)).collect();
        let mut caches = 0;
        let mut index_for = |kind: Option<&Kind>| {
            let listens = |rule: &MatcherRule| {
                rule.kinds.is_empty() || kind.is_some_and(|kind| rule.kinds.contains(kind))
            };
            let listening = (0_u32..)
                .zip(rules.iter().zip(&needs))
                .filter(|(_, (rule, _))| listens(rule))
                .map(|(place, (_, need))| (place, need.as_ref()));
            Index::new(&program, listening, &mut caches)
        };
        let names = rules.iter().flat_map(|rule| &rule.kinds);
        let names: BTreeSet<&Arc<str>> = names
            .filter_map(|kind| match kind {
                Kind::Custom(name) => Some(name),
                _ => None,
            })
            .collect();
        let custom = names
            .into_iter()
            .map(|name| (Arc::clone(name), index_for(Some(&Kind::Custom(Arc::clone(name))))))
            .collect();
        let built_in = Kind::BUILT_IN.iter().map(|kind| index_for(Some(kind))).collect();
        let any = index_for(None);
        Self {
            number: MADE.fetch_add(1, Ordering::Relaxed),
            program,
            built_in,
            custom,
            any,
            caches,
            rules: (rules.into_iter().zip(natives))
                .map(|(rule, native)| Compiled { native, predicate: rule.predicate })
                .collect(),
        }
    }

    /// Puts the rules that care for `event` into `out` (emptied first), ascending, and appends
    /// what failed to `faults`.
    pub fn candidates(&self, event: &Event, out: &mut Vec<u32>, faults: &mut Vec<(u32, String)>) {
        out.clear();
        let Some(index) = self.index(&event.kind) else {
            return;
        };
        let scratch = SCRATCH.take().filter(|scratch| scratch.owner == self.number);
        let mut scratch = scratch.unwrap_or_else(|| {
            let mut scratch = Scratch::new(&self.program, self.number);
            scratch.caches.resize_with(self.caches, Default::default);
            Box::new(scratch)
        });
        scratch.next();
        let look = Look::new(event, &self.program, &scratch);
        index.look_up(look, out);
        out.retain(|place| self.holds(*place, look, faults));
        SCRATCH.set(Some(scratch));
    }

    fn holds(&self, place: u32, look: Look<'_>, faults: &mut Vec<(u32, String)>) -> bool {
        let Some(rule) = self.rules.get(place as usize) else {
            return false;
        };
        if let Some(truth) = rule.native.and_then(|native| look.truth(native)) {
            return truth;
        }
        match rule.predicate.as_ref().map(|predicate| predicate.matches(look.event())) {
            None => rule.native.is_none(),
            Some(Verdict::True) => true,
            Some(Verdict::False) => false,
            Some(Verdict::Fault(text)) => {
                faults.push((place, text));
                false
            }
        }
    }

    fn index(&self, kind: &Kind) -> Option<&Index> {
        let place = match kind {
            Kind::Http => 0,
            Kind::HttpError => 1,
            Kind::SshAuth => 2,
            Kind::Syslog => 3,
            Kind::Log => 4,
            Kind::Decision => 5,
            Kind::Custom(name) => return Some(self.custom.get(name).unwrap_or(&self.any)),
        };
        self.built_in.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::{Field, Value};

    struct StatusIs(i64);

    impl Predicate for StatusIs {
        fn matches(&self, event: &Event) -> Verdict {
            match event.int(Field::Status) {
                Some(status) if status == self.0 => Verdict::True,
                Some(_) => Verdict::False,
                None => Verdict::Fault("no status".to_owned()),
            }
        }
    }

    fn rule(kinds: &[&str], predicate: Option<StatusIs>) -> MatcherRule {
        MatcherRule {
            kinds: kinds.iter().map(|name| Kind::from_name(name)).collect(),
            native: None,
            predicate: predicate.map(|predicate| Box::new(predicate) as Box<dyn Predicate>),
        }
    }

    #[test]
    fn kinds_then_predicates_decide_and_faults_are_told() {
        let matcher = Matcher::new(vec![
            rule(&["http", "shop"], None),
            rule(&["http"], Some(StatusIs(200))),
            rule(&["http"], Some(StatusIs(404))),
            rule(&[], None),
            rule(&["decision"], Some(StatusIs(1))),
        ]);
        let (mut out, mut faults) = (vec![9], Vec::new());
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.set(Field::Status, Value::Int(404));
        matcher.candidates(&event, &mut out, &mut faults);
        assert_eq!(out, [0, 2, 3]);
        for (kind, wanted) in [("shop", &[0, 3][..]), ("other", &[3]), ("syslog", &[3])] {
            event.kind = Kind::from_name(kind);
            matcher.candidates(&event, &mut out, &mut faults);
            assert_eq!(out, wanted, "{kind}");
        }
        assert_eq!(faults, []);
        matcher.candidates(&Event::new(Kind::Decision, Timestamp::EPOCH), &mut out, &mut faults);
        assert_eq!(out, [3]);
        assert_eq!(faults, [(4, "no status".to_owned())]);
    }

    #[test]
    fn every_built_in_kind_has_its_list() {
        for kind in Kind::BUILT_IN {
            let matcher = Matcher::new(vec![rule(&[kind.name()], None)]);
            let (mut out, mut faults) = (Vec::new(), Vec::new());
            let event = Event::new(kind.clone(), Timestamp::EPOCH);
            matcher.candidates(&event, &mut out, &mut faults);
            assert_eq!(out, [0], "{kind}");
        }
    }

    fn native(expr: Expr) -> MatcherRule {
        MatcherRule { kinds: vec![Kind::Http], native: Some(expr), predicate: None }
    }

    fn path_contains(text: &str) -> Expr {
        let path = Box::new(Expr::Field(Field::Path));
        Expr::Text(path, TextTest::Contains, vec![Literal::new(text)])
    }

    #[test]
    fn the_index_finds_every_rule_that_holds_among_thousands() {
        let mut rules: Vec<MatcherRule> =
            (0..3_000).map(|number| native(path_contains(&format!("/{number}/")))).collect();
        let lower = Expr::Lower(Box::new(Expr::Field(Field::Path)));
        rules.push(native(Expr::Text(Box::new(lower), TextTest::Starts, vec![Literal::new("k/")])));
        rules.push(native(Expr::InRange(Box::new(Expr::Field(Field::Status)), 400, 5_000)));
        rules.push(native(Expr::Within(
            Box::new(Expr::Field(Field::Ip)),
            vec!["10.0.0.0/8".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
            true,
        )));
        let matcher = Matcher::new(rules);
        let found = |path: &str, status: i64, ip: &str| {
            let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
            event.set(Field::Path, Value::text(path));
            event.set(Field::Status, Value::Int(status));
            event.set(Field::Ip, Value::ip(ip.parse().unwrap()));
            let (mut out, mut faults) = (Vec::new(), Vec::new());
            matcher.candidates(&event, &mut out, &mut faults);
            assert!(faults.is_empty());
            out
        };
        assert_eq!(found("/7/77/777/", 200, "192.0.2.1"), [7, 77, 777]);
        assert_eq!(found(&"/7".repeat(9_000), 404, "10.1.2.3"), [7, 3_001, 3_002]);
        assert_eq!(found("\u{212a}/5/", 2_000, "10.2.2.3"), [5, 3_000, 3_001, 3_002]);
        assert_eq!(found("K/", 6_000, "11.0.0.1"), [3_000]);
    }
}
