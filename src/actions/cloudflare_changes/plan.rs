//! What is to be done with a place, from its row and what is there. Pure.

use crate::clock::Timestamp;
use crate::decisions::{ChangeRow, Left};
use serde_json::Value as Json;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// It is as it should be, without looking.
    Rest,
    /// What is there has to be read first.
    Look,
    /// Nothing of ours is there any more: the row goes.
    Done,
}

/// What follows from what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is as it should be.
    AsWanted,
    /// This is to be written; the row says so already.
    Write(Json),
    /// A person changed it; the row says so already.
    Left,
    /// What was there before is there again, and nobody wants anything: the row goes.
    Done,
}

/// What the row alone says. `looks` asks for a look whatever it says.
pub(super) fn next(row: &ChangeRow, wanted: Option<&Json>, looks: bool, now: Timestamp) -> Step {
    if row.left.is_some() {
        return if row.is_quiet(now) { Step::Rest } else { Step::Done };
    }
    match (wanted, &row.before) {
        // Nobody wants anything, and nothing is done.
        (None, None) if row.is_quiet(now) && row.claims.is_empty() => Step::Rest,
        (None, None) => Step::Done,
        (None, Some(before)) if row.sure && row.set.as_ref() == Some(before) => Step::Done,
        (Some(wanted), Some(_)) if row.sure && row.set.as_ref() == Some(wanted) && !looks => {
            Step::Rest
        }
        _ => Step::Look,
    }
}

/// How values of a place are compared.
pub(super) struct Eyes<'a> {
    /// Whether two values do the same.
    pub(super) same: &'a dyn Fn(&Json, &Json) -> bool,
    /// Whatever is there is what we made: it is found by our reference alone.
    pub(super) ours: bool,
}

/// What follows from what is there, and notes it in the row.
pub(super) fn seen(
    row: &mut ChangeRow,
    present: &Json,
    wanted: Option<&Json>,
    eyes: &Eyes<'_>,
    now: Timestamp,
) -> Seen {
    let same = eyes.same;
    let Some(before) = row.before.clone() else {
        let Some(wanted) = wanted else { return Seen::Done };
        row.before = Some(present.clone());
        return write(row, present, wanted, same);
    };
    let is = |value: Option<&Json>| value.is_some_and(|value| same(present, value));
    let as_set = is(row.set.as_ref()) || is(row.got.as_ref());
    // A write that was never confirmed may not have happened.
    let is_prior = !row.sure && is(row.prior.as_ref());
    // After a lost reply Cloudflare may have written what we made in its own way.
    let is_ours = !row.sure && eyes.ours && !present.is_null() && !is_prior;
    let is_set = as_set || is_ours;
    match wanted {
        None if same(present, &before) => Seen::Done,
        _ if !is_set && !is_prior => {
            row.quiet_until = row.claims.iter().map(|claim| claim.until).max();
            row.left = Some(Left { at: now, found: present.clone() });
            row.sure = true;
            Seen::Left
        }
        None => write(row, present, &before, same),
        Some(wanted) if is_set && row.set.as_ref() == Some(wanted) => {
            row.got = Some(present.clone());
            row.sure = true;
            Seen::AsWanted
        }
        Some(wanted) => write(row, present, wanted, same),
    }
}

fn write(
    row: &mut ChangeRow,
    present: &Json,
    wanted: &Json,
    same: &dyn Fn(&Json, &Json) -> bool,
) -> Seen {
    row.set = Some(wanted.clone());
    row.got = None;
    if same(present, wanted) {
        row.sure = true;
        return Seen::AsWanted;
    }
    row.prior = Some(present.clone());
    row.sure = false;
    Seen::Write(wanted.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::{ActionId, ChangeKind, ChangePlace, Claim};
    use proptest::prelude::*;
    use serde_json::json;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn row(values: &[&str]) -> ChangeRow {
        let place = ChangePlace {
            zone: "example.com".to_owned(),
            kind: ChangeKind::Setting,
            name: "security_level".to_owned(),
        };
        let mut row = ChangeRow::new("cloudflare", place, at(0));
        row.claims = values
            .iter()
            .zip(1..)
            .map(|(value, number)| Claim {
                action: ActionId(number),
                rule: "r".into(),
                value: json!(value),
                from: at(0),
                until: at(i64::try_from(number).unwrap() * 100),
                ended: false,
                told: false,
            })
            .collect();
        row
    }

    fn equal() -> Eyes<'static> {
        Eyes { same: &|one, other| one == other, ours: false }
    }

    fn wanted(row: &ChangeRow, now: Timestamp) -> Option<Json> {
        row.winner(now).map(|claim| claim.value.clone())
    }

    #[test]
    fn what_was_there_before_comes_back() {
        let mut row = row(&["under_attack"]);
        let want = wanted(&row, at(1));
        assert_eq!(next(&row, want.as_ref(), false, at(1)), Step::Look);
        let seen_now = seen(&mut row, &json!("medium"), want.as_ref(), &equal(), at(1));
        assert_eq!(seen_now, Seen::Write(json!("under_attack")));
        row.sure = true;
        assert_eq!(next(&row, want.as_ref(), false, at(1)), Step::Rest);
        assert_eq!(next(&row, None, false, at(101)), Step::Look);
        let seen_now = seen(&mut row, &json!("under_attack"), None, &equal(), at(101));
        assert_eq!(seen_now, Seen::Write(json!("medium")));
        row.sure = true;
        assert_eq!(next(&row, None, false, at(101)), Step::Done);
    }

    #[test]
    fn what_a_person_set_is_left_alone() {
        let mut row = row(&["under_attack"]);
        let want = wanted(&row, at(1));
        seen(&mut row, &json!("medium"), want.as_ref(), &equal(), at(1));
        row.sure = true;
        assert_eq!(seen(&mut row, &json!("high"), want.as_ref(), &equal(), at(2)), Seen::Left);
        assert_eq!(next(&row, want.as_ref(), true, at(3)), Step::Rest, "nothing is touched");
        assert_eq!(next(&row, None, false, at(100)), Step::Done, "and then forgotten");
    }

    #[test]
    fn a_lost_reply_is_read_back() {
        for (present, then) in [
            ("under_attack", Seen::AsWanted),
            ("medium", Seen::Write(json!("under_attack"))),
            ("high", Seen::Left),
        ] {
            let mut row = row(&["under_attack"]);
            let want = wanted(&row, at(1));
            seen(&mut row, &json!("medium"), want.as_ref(), &equal(), at(1));
            assert!(!row.sure);
            assert_eq!(seen(&mut row, &json!(present), want.as_ref(), &equal(), at(2)), then);
        }
    }

    #[test]
    fn a_write_that_may_have_happened_is_not_forgotten_with_its_claim() {
        for (present, then) in [
            ("under_attack", Seen::Write(json!("medium"))),
            ("medium", Seen::Done),
            ("high", Seen::Left),
        ] {
            let mut row = row(&["under_attack"]);
            let want = wanted(&row, at(1));
            seen(&mut row, &json!("medium"), want.as_ref(), &equal(), at(1));
            row.claims.clear();
            assert_eq!(next(&row, None, false, at(2)), Step::Look);
            assert_eq!(seen(&mut row, &json!(present), None, &equal(), at(2)), then);
        }
    }

    #[test]
    fn what_cloudflare_writes_otherwise_is_still_ours() {
        let ours = Eyes { same: &|one, other| one == other, ours: true };
        let mut row = row(&["a == b"]);
        let want = wanted(&row, at(1));
        let first = seen(&mut row, &Json::Null, want.as_ref(), &ours, at(1));
        assert_eq!(first, Seen::Write(json!("a == b")));
        // The reply was lost, and what is there reads otherwise.
        assert_eq!(seen(&mut row, &json!("a eq b"), want.as_ref(), &ours, at(2)), Seen::AsWanted);
        assert_eq!(seen(&mut row, &json!("a eq b"), want.as_ref(), &ours, at(3)), Seen::AsWanted);
        // Once it is known how it reads, anything else is a person's.
        let mut changed = row.clone();
        assert_eq!(seen(&mut changed, &json!("b eq c"), want.as_ref(), &ours, at(4)), Seen::Left);
        assert_eq!(seen(&mut row, &json!("a eq b"), None, &ours, at(101)), Seen::Write(Json::Null));
    }

    /// What the outside and a run of riposte do to each other.
    #[derive(Debug, Clone, Copy)]
    enum Move {
        Write(bool),
        Crash,
        Time,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one =
            prop_oneof![any::<bool>().prop_map(Move::Write), Just(Move::Crash), Just(Move::Time)];
        proptest::collection::vec(one, 1..40)
    }

    proptest! {
        /// Whatever is lost on the way and wherever it crashes: in the end what was there before is
        /// there again, and no change is taken for a person's.
        #[test]
        fn it_always_ends_as_it_was_before(moves in moves()) {
            let mut outside = json!("medium");
            let mut row = row(&["high", "under_attack", "low"]);
            let mut now = 1;
            let tail = [Move::Time, Move::Write(true), Move::Write(true)].into_iter().cycle().take(40);
            for one in moves.into_iter().chain(tail) {
                match one {
                    // The row is what the store holds: nothing else survives.
                    Move::Crash => row = serde_json::from_value(serde_json::to_value(&row).unwrap()).unwrap(),
                    Move::Time => now += 37,
                    Move::Write(arrives) => {
                        let want = wanted(&row, at(now));
                        if next(&row, want.as_ref(), false, at(now)) != Step::Look { continue; }
                        if let Seen::Write(value) = seen(&mut row, &outside, want.as_ref(), &equal(), at(now)) && arrives {
                            outside = value;
                            // The reply may be lost: `sure` then stays false.
                            row.sure = now % 2 == 0;
                        }
                        prop_assert!(row.left.is_none(), "{row:?}");
                    }
                }
            }
            prop_assert_eq!(outside, json!("medium"));
        }
    }
}
