//! What each rule makes of the event: whether it looks at it, which parts of its predicate are true,
//! and how near it was to a match.

use crate::decisions::Mode;
use crate::event::{Event, Kind};
use crate::pipeline::explain::{Passage, Passed};
use crate::rules::{Judged, PartKind, Parts, Role, Rule, RuleSet, Truth};
use std::cmp::Reverse;
use std::sync::Arc;

/// How a rule stands to the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stands {
    /// It is off.
    Off,
    /// It listens to other kinds.
    OtherKind,
    /// Its predicate failed.
    Failed(String),
    /// Its predicate is false.
    False,
    /// It matches, but the event lacks what key or window look at.
    NoKey,
    /// It matches, but its key or window failed.
    KeyFailed(String),
    /// It counts the event.
    Matches,
}

/// A rule, and what it makes of the event.
pub(super) struct Opinion<'r> {
    pub rule: &'r Rule,
    pub number: u32,
    pub stands: Stands,
    /// Its closures in parts; none for a rule that doesn't look at the event.
    pub parts: Option<(Parts, Vec<Judged>)>,
    /// Its window around the event, where it counts it.
    pub passage: Option<&'r Passage>,
    /// How many parts would have to be otherwise for a match, and how many are right.
    pub distance: Option<Distance>,
}

/// How far an event is from a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Distance {
    /// Parts that would have to be otherwise.
    pub wrong: usize,
    /// Parts that are as they have to be.
    pub right: Reverse<usize>,
}

impl Opinion<'_> {
    /// The parts that would have to be otherwise for a match.
    pub(super) fn wrong(&self) -> Vec<usize> {
        let mut places = Vec::new();
        if let Some((parts, judged)) = &self.parts
            && let Some(when) = parts.predicates().iter().find(|known| known.role == Role::When)
        {
            wrong(parts, judged, when.parts.start, true, &mut places);
        }
        places
    }

    /// Whether the rule matched.
    pub(super) fn matched(&self) -> bool {
        matches!(self.stands, Stands::NoKey | Stands::KeyFailed(_) | Stands::Matches)
    }

    /// All but one part of the predicate were as they have to be.
    pub(super) fn is_near(&self) -> bool {
        self.stands == Stands::False
            && self.distance.is_some_and(|far| far.wrong == 1 && far.right.0 >= 1)
    }

    /// How it stands, in words.
    pub(super) fn words(&self, event: &Event) -> String {
        match &self.stands {
            Stands::Off => "is off".to_owned(),
            Stands::OtherKind => {
                let kinds: Vec<&str> = self.rule.kinds.iter().map(Kind::name).collect();
                format!("listens to {}, not to {}", kinds.join(", "), event.kind)
            }
            Stands::Failed(_) => "its predicate failed".to_owned(),
            Stands::False => "its predicate is false".to_owned(),
            Stands::NoKey => {
                "matches, but the event lacks what the key or the window needs".to_owned()
            }
            Stands::KeyFailed(_) => "matches, but its key or its window failed".to_owned(),
            Stands::Matches => "matches".to_owned(),
        }
    }

    /// Why something failed.
    pub(super) fn fault(&self) -> Option<&str> {
        match &self.stands {
            Stands::Failed(why) | Stands::KeyFailed(why) => Some(why),
            _ => None,
        }
    }
}

/// What all rules make of the event.
pub(super) fn opinions<'r>(
    rules: &'r RuleSet,
    event: &Arc<Event>,
    passed: &'r Passed,
) -> Vec<Opinion<'r>> {
    let opinion = |(number, rule): (u32, &'r Rule)| {
        let passage = passed.passages.iter().find(|passage| passage.rule == number);
        let fault = passed.faults.iter().find(|(at, _)| *at == number).map(|(_, text)| text);
        let listens = rule.kinds.is_empty() || rule.kinds.contains(&event.kind);
        let stands = match (passage, fault) {
            _ if rule.mode == Mode::Off => Stands::Off,
            _ if !listens => Stands::OtherKind,
            (_, Some(fault)) => Stands::Failed(fault.clone()),
            (None, None) => Stands::False,
            (Some(passage), None) => match &passage.key {
                Ok(Some(_)) => Stands::Matches,
                Ok(None) => Stands::NoKey,
                Err(why) => Stands::KeyFailed(why.clone()),
            },
        };
        let looks = !matches!(stands, Stands::Off | Stands::OtherKind);
        let parts = rules.parts(number).filter(|_| looks);
        let (mut distance, mut judged) = (None, None);
        if let Some(parts) = &parts {
            // Of what doesn't match all parts are worth knowing, not only those that decided.
            let each = (stands == Stands::False).then(|| parts.judge_each(event));
            distance = each.as_ref().and_then(|each| distance_of(parts, each));
            judged = Some(each.unwrap_or_else(|| parts.judge(event)));
        }
        Opinion { rule, number, stands, parts: parts.zip(judged), passage, distance }
    };
    (0_u32..).zip(rules.rules()).map(opinion).collect()
}

fn distance_of(parts: &Parts, judged: &[Judged]) -> Option<Distance> {
    let when = parts.predicates().iter().find(|predicate| predicate.role == Role::When)?;
    Some(distance(parts, judged, when.parts.start, true))
}

fn children(parts: &Parts, place: usize) -> impl Iterator<Item = usize> {
    let inside = parts.parts().iter().enumerate().skip(place + 1);
    inside.filter(move |(_, child)| child.parent == Some(place)).map(|(child, _)| child)
}

/// The outermost parts that keep one from being `wanted`; of several ways the nearest.
fn wrong(parts: &Parts, judged: &[Judged], place: usize, wanted: bool, out: &mut Vec<usize>) {
    let far = |child: &usize| distance(parts, judged, *child, wanted);
    let Some(part) = parts.parts().get(place) else { return };
    if distance(parts, judged, place, wanted).wrong == 0 {
        return;
    }
    match part.kind {
        PartKind::All | PartKind::Any if (part.kind == PartKind::All) == wanted => {
            for child in children(parts, place) {
                wrong(parts, judged, child, wanted, out);
            }
        }
        PartKind::All | PartKind::Any => {
            if let Some(child) = children(parts, place).min_by_key(far) {
                wrong(parts, judged, child, wanted, out);
            }
        }
        PartKind::Not | PartKind::Test | PartKind::Value => out.push(place),
    }
}

/// How far a part is from being `wanted`.
fn distance(parts: &Parts, judged: &[Judged], place: usize, wanted: bool) -> Distance {
    let far = |wrong, right| Distance { wrong, right: Reverse(right) };
    let Some(part) = parts.parts().get(place) else { return far(0, 0) };
    let of = |child: usize, wanted: bool| distance(parts, judged, child, wanted);
    match part.kind {
        PartKind::Not => {
            children(parts, place).next().map_or(far(0, 0), |child| of(child, !wanted))
        }
        PartKind::All | PartKind::Any => {
            let all = children(parts, place).map(|child| of(child, wanted));
            if (part.kind == PartKind::All) == wanted {
                all.fold(far(0, 0), |sum, next| {
                    far(sum.wrong + next.wrong, sum.right.0 + next.right.0)
                })
            } else {
                all.min().unwrap_or(far(0, 0))
            }
        }
        PartKind::Test | PartKind::Value => {
            let truth = judged.get(place).map(|judged| &judged.truth);
            if truth.and_then(Truth::holds) == Some(wanted) { far(0, 1) } else { far(1, 0) }
        }
    }
}
