//! From asks to decisions: ends from event time, escalation, reasons.

use super::*;
use crate::decisions::testing::{ask, hit, secs};
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn ends_count_from_event_time_and_names_from_the_hit() {
    let mut past = Offences::new(90 * 24 * HOUR);
    let hit = hit("2001:db8:1:2::9", 1_000);
    let ask = ask("2001:db8:1:2::9", DurationAsk::Fixed(HOUR));
    let decision = resolve(&hit, 2, &ask, &mut past).unwrap().0;
    assert_eq!(decision.id, ids::decision_id(hit.id, 2));
    assert_eq!(decision.target.to_string(), "2001:db8:1:2::/64");
    assert_eq!((decision.from, decision.until), (secs(1_000), Some(secs(4_600))));
    assert_eq!(decision.reason, "test-rule: 10 in 30s");
    assert_eq!(decision.hit, Some(hit.id));
    let lift = Ask::Lift { target: decision.target };
    assert_eq!(resolve(&hit, 0, &lift, &mut past), None);
}

#[test]
fn each_offence_doubles() {
    let mut past = Offences::new(90 * 24 * HOUR);
    let duration = DurationAsk::Escalate { base: HOUR, max: 3 * HOUR };
    let mut hours = |at| {
        let ask = ask("203.0.113.9", duration);
        let decision = resolve(&hit("203.0.113.9", at), 0, &ask, &mut past).unwrap().0;
        decision.duration().unwrap().as_secs() / 3_600
    };
    assert_eq!(hours(0), 1);
    assert_eq!(hours(5), 1, "still the same offence");
    assert_eq!(hours(3_700), 2);
    assert_eq!(hours(20_000), 3);
    assert_eq!(hours(90_000), 3);
}

#[test]
fn reasons_are_cut_and_for_ever_has_no_end() {
    let mut past = Offences::new(90 * 24 * HOUR);
    let ask = Ask::Decide {
        target: Target::parse("203.0.113.9").unwrap(),
        remedy: Remedy::Allow,
        duration: DurationAsk::Forever,
        reason: Some("ä".repeat(1_000)),
        via: Some("cloudflare".into()),
    };
    let decision = resolve(&hit("203.0.113.9", 0), 0, &ask, &mut past).unwrap().0;
    assert_eq!(decision.until, None);
    assert!(decision.reason.len() <= DECISION_REASON_BYTES_MAX);
    assert!(decision.reason.ends_with("ä…"));
    assert_eq!(decision.via.as_deref(), Some("cloudflare"));
    assert_eq!(past.before("203.0.113.9", secs(9)), 0, "an allow is no offence");
}
