//! Where a name is to lead while its usual target is down: which of several targets, for how long,
//! and when it has been turned often enough.
//!
//! In: that a target is down or up, and that a rule wants the name turned, each with the event time.
//! Out: a [`Choice`]. Pure, and small enough to be kept as a text: the same calls give the same
//! choices, live, in replay and after a restart.
//!
//! Three things keep a flapping origin from turning the name back and forth: it goes back only after
//! a quiet time, which doubles with each turn of the last hour; a target that is well is kept for a
//! least time, even when a better one is back; and after so many turns within an hour, or a day, it
//! stays where it is while that is well, and a person is asked.

use crate::clock::Timestamp;
use crate::limits::{
    FAILOVER_ASKED_SECS, FAILOVER_DOWN_MAX, FAILOVER_HELD_SECS, FAILOVER_TURNS_KEPT,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Turns are counted over this time.
const HOUR: Duration = Duration::from_hours(1);

/// And over this one.
const DAY: Duration = Duration::from_hours(24);

/// How a name is turned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverOptions {
    /// It goes back when nobody has asked for so long.
    pub back_after: Duration,
    /// A target that is well is kept at least so long.
    pub dwell: Duration,
    /// So many turns within an hour; after that it only leaves what is down, and then for a day.
    pub turns_per_hour: usize,
    /// The same within a day. The guard refuses a rule's fourth start of a day: then the name would
    /// lead to what is down, so it has to stay before. Another target while one is in force is no
    /// start.
    pub turns_per_day: usize,
}

/// A target: addresses of either family, or one name.
pub type Target = Vec<String>;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The name is to lead there.
    Lead {
        /// Where.
        target: Target,
        /// For how long from now, unless somebody asks again.
        lasts: Duration,
        /// It led somewhere else until now.
        turn: bool,
        /// It was turned too often: it stays, and a person has to look.
        held: bool,
    },
    /// It leads there already, long enough.
    Stay,
    /// All targets are down, and it leads to none of them.
    Nowhere,
}

/// Where it leads now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    target: Target,
    since: Timestamp,
    until: Timestamp,
    /// When that was last asked for.
    asked: Timestamp,
}

impl Current {
    /// What was asked for may have been refused or have failed: nobody tells. So it is asked for
    /// again now and then; where it is in force that takes no call.
    fn is_to_be_asked_again(&self, options: &FailoverOptions, now: Timestamp) -> bool {
        let soon = options.back_after.min(Duration::from_secs(FAILOVER_ASKED_SECS));
        now.since(self.asked) >= soon
    }
}

/// What is known of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// Addresses and names that are down, and until when that is believed.
    down: BTreeMap<String, Timestamp>,
    current: Option<Current>,
    turns: Vec<Timestamp>,
}

impl Failover {
    /// Something that a target consists of is down; believed for so long.
    pub fn down(&mut self, part: &str, believed: Duration, now: Timestamp) {
        self.forget_old(now);
        if self.down.len() < FAILOVER_DOWN_MAX || self.down.contains_key(part) {
            self.down.insert(part.to_owned(), now.plus(believed));
        }
    }

    /// It is up again.
    pub fn up(&mut self, part: &str, now: Timestamp) {
        self.forget_old(now);
        self.down.remove(part);
    }

    /// Whether a target is down.
    fn is_down(&self, target: &Target) -> bool {
        target.iter().any(|part| self.down.contains_key(part))
    }

    /// The usual target is down: where now? Targets stand in the order in which they are wanted.
    pub fn ask(&mut self, targets: &[Target], options: &FailoverOptions, now: Timestamp) -> Choice {
        self.forget_old(now);
        let best = targets.iter().find(|target| !self.is_down(target)).cloned();
        let often = self.turns_within(HOUR, now) >= options.turns_per_hour
            || self.turns.len() >= options.turns_per_day;
        match (self.current.clone(), best) {
            (None, None) => Choice::Nowhere,
            (None, Some(best)) => {
                // Away from what is down in any case; but then for a day, not back and forth.
                let lasts = if often { held() } else { self.quiet(options, now) };
                self.lead(best, lasts, (true, often), now)
            }
            // There is no better one.
            (Some(current), None) => self.go_on(current, options, now),
            (Some(current), Some(best)) if current.target == best => {
                self.go_on(current, options, now)
            }
            (Some(current), Some(best)) => {
                let well = !self.is_down(&current.target) && targets.contains(&current.target);
                if well && now.since(current.since) < options.dwell {
                    return self.go_on(current, options, now);
                }
                if well && often {
                    // It was held already: that is not to be told with each ask.
                    if current.until > now.plus(HOUR) {
                        return self.go_on(current, options, now);
                    }
                    return self.lead(current.target, held(), (false, true), now);
                }
                // Away from what is down in any case, also while it is held.
                let lasts = if often { held() } else { self.quiet(options, now) };
                self.lead(best, lasts, (true, often), now)
            }
        }
    }

    fn turns_within(&self, time: Duration, now: Timestamp) -> usize {
        self.turns.iter().filter(|turn| turn.plus(time) > now).count()
    }

    /// The quiet time, longer with each turn of the last hour.
    fn quiet(&self, options: &FailoverOptions, now: Timestamp) -> Duration {
        let turns = self.turns_within(HOUR, now);
        let doublings = u32::try_from(turns).unwrap_or(u32::MAX).min(16);
        options.back_after.saturating_mul(1 << doublings).min(held())
    }

    fn go_on(&mut self, current: Current, options: &FailoverOptions, now: Timestamp) -> Choice {
        // A quarter more than asked for, so that not every ask has to go out.
        let wanted = now.plus(options.back_after);
        if current.until >= wanted && !current.is_to_be_asked_again(options, now) {
            return Choice::Stay;
        }
        let lasts = options.back_after.saturating_add(options.back_after / 4);
        self.lead(current.target, lasts.max(current.until.since(now)), (false, false), now)
    }

    fn lead(
        &mut self,
        target: Target,
        lasts: Duration,
        (turn, held): (bool, bool),
        now: Timestamp,
    ) -> Choice {
        let before = self.current.take().filter(|_| !turn);
        if turn {
            self.turns.push(now);
            let surplus = self.turns.len().saturating_sub(FAILOVER_TURNS_KEPT);
            self.turns.drain(..surplus);
        }
        let since = before.as_ref().map_or(now, |before| before.since);
        let until = before.map_or(now, |before| before.until).max(now.plus(lasts));
        self.current = Some(Current { target: target.clone(), since, until, asked: now });
        Choice::Lead { target, lasts, turn, held }
    }

    fn forget_old(&mut self, now: Timestamp) {
        self.down.retain(|_, until| *until > now);
        self.turns.retain(|turn| turn.plus(DAY) > now);
        self.current.take_if(|current| current.until <= now);
    }

    /// Until when it is worth keeping.
    pub fn kept_until(&self) -> Option<Timestamp> {
        let turns = self.turns.last().map(|turn| turn.plus(DAY));
        let current = self.current.as_ref().map(|current| current.until);
        turns.into_iter().chain(current).chain(self.down.values().copied()).max()
    }
}

const fn held() -> Duration {
    Duration::from_secs(FAILOVER_HELD_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn options() -> FailoverOptions {
        FailoverOptions {
            back_after: MINUTE * 10,
            dwell: MINUTE * 2,
            turns_per_hour: 3,
            turns_per_day: 100,
        }
    }

    fn targets() -> Vec<Target> {
        ["a", "b"].map(|name| vec![name.to_owned()]).to_vec()
    }

    fn lead(choice: &Choice) -> Option<(&str, u64, bool, bool)> {
        match choice {
            Choice::Lead { target, lasts, turn, held } => {
                Some((target[0].as_str(), lasts.as_secs(), *turn, *held))
            }
            Choice::Stay | Choice::Nowhere => None,
        }
    }

    #[test]
    fn it_goes_to_the_first_that_is_well_and_stays_while_it_is_asked() {
        let (mut name, options) = (Failover::default(), options());
        let choice = name.ask(&targets(), &options, at(0));
        assert_eq!(lead(&choice), Some(("a", 600, true, false)));
        assert_eq!(name.ask(&targets(), &options, at(0)), Choice::Stay, "long enough already");
        let choice = name.ask(&targets(), &options, at(30));
        assert_eq!(lead(&choice), Some(("a", 750, false, false)), "longer, and no turn");
        assert_eq!(name.ask(&targets(), &options, at(60)), Choice::Stay);
        name.down("a", MINUTE * 10, at(90));
        let choice = name.ask(&targets(), &options, at(91));
        assert_eq!(lead(&choice), Some(("b", 1_200, true, false)), "at once, and twice as long");
    }

    #[test]
    fn a_better_one_waits_for_the_least_time() {
        let (mut name, options) = (Failover::default(), options());
        name.down("a", MINUTE * 30, at(0));
        assert_eq!(lead(&name.ask(&targets(), &options, at(0))), Some(("b", 600, true, false)));
        name.up("a", at(10));
        assert_eq!(lead(&name.ask(&targets(), &options, at(20))), Some(("b", 750, false, false)));
        assert_eq!(lead(&name.ask(&targets(), &options, at(120))), Some(("a", 1_200, true, false)));
    }

    #[test]
    fn an_origin_that_flaps_turns_the_name_ever_more_rarely_and_then_it_stays() {
        let (mut name, options) = (Failover::default(), options());
        let soon = FailoverOptions { back_after: MINUTE, ..options };
        let mut told = Vec::new();
        // Down again the moment that the name is back.
        let mut now = 0;
        for _ in 0..4 {
            let choice = name.ask(&targets(), &soon, at(now));
            let (_, lasts, turn, held) = lead(&choice).unwrap();
            told.push((lasts, turn, held));
            now += i64::try_from(lasts).unwrap();
        }
        let day = FAILOVER_HELD_SECS;
        assert_eq!(
            told,
            [(60, true, false), (120, true, false), (240, true, false), (day, true, true)]
        );
        assert_eq!(name.ask(&targets(), &soon, at(430)), Choice::Stay);
        let choice = name.ask(&targets(), &soon, at(500));
        let why = "asked for again, as it may have been refused; and it is told once";
        assert_eq!(lead(&choice), Some(("a", day - 80, false, false)), "{why}");
    }

    #[test]
    fn a_name_that_is_held_leaves_what_goes_down() {
        let (mut name, mut options) = (Failover::default(), options());
        options.turns_per_day = 0;
        let day = FAILOVER_HELD_SECS;
        assert_eq!(lead(&name.ask(&targets(), &options, at(0))), Some(("a", day, true, true)));
        name.down("a", MINUTE * 10, at(3_600));
        assert_eq!(lead(&name.ask(&targets(), &options, at(3_600))), Some(("b", day, true, true)));
        name.up("a", at(4_000));
        let choice = name.ask(&targets(), &options, at(8_000));
        assert_eq!(lead(&choice), Some(("b", day - 4_400, false, false)), "well, so it stays");
    }

    #[test]
    fn also_one_that_flaps_slowly_stays_before_the_guard_refuses() {
        let (mut name, mut options) = (Failover::default(), options());
        options.turns_per_day = 2;
        let held: Vec<bool> = [0, 10_000, 20_000]
            .into_iter()
            .map(|now| lead(&name.ask(&targets(), &options, at(now))).unwrap().3)
            .collect();
        assert_eq!(held, [false, false, true]);
    }

    #[test]
    fn with_all_targets_down_it_stays_or_goes_nowhere() {
        let (mut name, options) = (Failover::default(), options());
        for target in ["a", "b"] {
            name.down(target, MINUTE * 60, at(0));
        }
        assert_eq!(name.ask(&targets(), &options, at(1)), Choice::Nowhere);
        name.up("b", at(2));
        assert_eq!(lead(&name.ask(&targets(), &options, at(2))), Some(("b", 600, true, false)));
        name.down("b", MINUTE * 60, at(3));
        assert_eq!(lead(&name.ask(&targets(), &options, at(4))), Some(("b", 750, false, false)));
    }

    #[derive(Debug, Clone)]
    enum Move {
        Down(usize),
        Up(usize),
        Ask,
        Save,
    }

    fn moves() -> impl Strategy<Value = Vec<(u16, Move)>> {
        let one = prop_oneof![
            (0..3_usize).prop_map(Move::Down),
            (0..3_usize).prop_map(Move::Up),
            Just(Move::Ask),
            Just(Move::Save),
        ];
        proptest::collection::vec((0..900_u16, one), 1..200)
    }

    proptest! {
        /// Whatever happens: past the turns that are allowed it only leaves what is down, and then
        /// for a day; it never goes to a target that is down; a refused ask is made again; and a
        /// restart changes nothing.
        #[test]
        fn it_never_flaps(moves in moves()) {
            let names = ["a", "b", "c"];
            let targets: Vec<Target> = names.map(|name| vec![name.to_owned()]).to_vec();
            let options = options();
            let mut name = Failover::default();
            let mut now = 0_i64;
            let mut turns: Vec<i64> = Vec::new();
            // Where it leads, and until when.
            let mut leads: Option<(Target, i64)> = None;
            let mut told = 0;
            for (pause, one) in moves {
                now += i64::from(pause);
                match one {
                    Move::Down(index) => name.down(names[index], MINUTE * 20, at(now)),
                    Move::Up(index) => name.up(names[index], at(now)),
                    Move::Save => {
                        let text = serde_json::to_string(&name).unwrap();
                        prop_assert_eq!(&serde_json::from_str::<Failover>(&text).unwrap(), &name);
                        name = serde_json::from_str(&text).unwrap();
                    }
                    Move::Ask => {
                        leads.take_if(|(_, until)| *until <= now);
                        let choice = name.ask(&targets, &options, at(now));
                        if choice == Choice::Stay {
                            let since = u64::try_from(now - told).unwrap();
                            prop_assert!(since < FAILOVER_ASKED_SECS, "it is asked for again");
                        }
                        let Choice::Lead { target, lasts, turn, held } = choice else { continue };
                        told = now;
                        prop_assert!(lasts >= options.back_after);
                        let mut until = now + i64::try_from(lasts.as_secs()).unwrap();
                        if turn {
                            prop_assert!(!name.is_down(&target));
                            turns.retain(|before| now - before < 3_600);
                            let often = turns.len() >= options.turns_per_hour;
                            prop_assert_eq!(held, often);
                            let leaves_well = leads.is_some_and(|(from, _)| !name.is_down(&from));
                            prop_assert!(!often || !leaves_well, "it was to stay");
                            turns.push(now);
                        } else {
                            let before = leads.unwrap();
                            prop_assert_eq!(&before.0, &target);
                            until = until.max(before.1);
                        }
                        leads = Some((target, until));
                    }
                }
            }
        }
    }
}
