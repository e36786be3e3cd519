//! The past: exact while few, never too high, escalation, bounds, and saving by shards.

use super::*;
use crate::decisions::testing::secs;
use proptest::prelude::*;

const DAY: Duration = Duration::from_hours(24);

fn offences() -> Offences {
    Offences::new(90 * DAY)
}

#[test]
fn escalation_doubles_up_to_its_maximum() {
    let hour = Duration::from_hours(1);
    let hours = |count| hour * count;
    for (before, wanted) in [(0, 1), (1, 2), (2, 4), (5, 32), (10, 720), (31, 720), (400, 720)] {
        assert_eq!(escalate(hour, 30 * DAY, before), hours(wanted), "{before}");
    }
    assert_eq!(escalate(30 * DAY, hour, 0), hour);
}

#[test]
fn an_offence_counts_once_while_its_decision_stands() {
    let mut past = offences();
    let who = "203.0.113.9";
    assert_eq!(past.before(who, secs(0)), 0);
    past.note_offence(who, secs(0), Some(secs(3_600)));
    assert_eq!(past.before(who, secs(10)), 0, "a request that was on its way");
    past.note_offence(who, secs(10), Some(secs(3_610)));
    assert_eq!(past.before(who, secs(3_609)), 0);
    assert_eq!(past.before(who, secs(3_610)), 1);
    past.note_offence(who, secs(4_000), Some(secs(11_200)));
    assert_eq!(past.before(who, secs(20_000)), 2);
    assert_eq!(past.before(who, secs(91 * 86_400)), 0, "forgotten");
    assert!(past.forget(who));
    assert!(!past.forget(who));
    assert_eq!(past.before(who, secs(20_000)), 0);
}

#[test]
fn hits_are_counted_within_a_time() {
    let mut past = offences();
    for second in [0, 10, 10, 20] {
        past.note_hit("bob|www.example.com", secs(second));
    }
    let hits =
        |within, now| past.past_hits("bob|www.example.com", Duration::from_secs(within), secs(now));
    assert_eq!(hits(100, 20), 4);
    assert_eq!(hits(10, 20), 3);
    assert_eq!(hits(5, 20), 1);
    assert_eq!(hits(100, 15), 3, "later hits don't count");
    assert_eq!(past.past_hits("other", DAY, secs(20)), 0);
}

#[test]
fn a_flooding_network_pushes_out_itself() {
    let mut past = offences();
    past.note_offence("203.0.113.9", secs(0), Some(secs(1)));
    past.note_offence("2001:db8:1:2::/64", secs(0), Some(secs(1)));
    let own = shard_of("203.0.113.9");
    let flood = (0..100_u32)
        .map(|third| format!("2001:db8:f{third:x}:"))
        .find(|text| {
            shard_of(&format!("{text}:/64")) != shard_of("2001:db8:1:2::/64")
                && shard_of(&format!("{text}:/64")) != own
        })
        .unwrap();
    for number in 0..20_000_u32 {
        past.note_offence(&format!("{flood}{number:x}::/64"), secs(i64::from(number)), None);
    }
    assert_eq!(past.before("203.0.113.9", secs(30_000)), 1);
    assert_eq!(past.before("2001:db8:1:2::/64", secs(30_000)), 1);
    assert!(past.len() <= OFFENDERS_MAX / usize::from(OFFENDER_SHARDS) + 2);
}

#[test]
fn only_shards_that_changed_are_saved_and_they_come_back() {
    let mut past = offences();
    past.note_offence("203.0.113.9", secs(0), Some(secs(60)));
    past.note_hit("203.0.113.200", secs(0));
    let saved = past.dirty_shards();
    assert_eq!(saved.len(), 1, "one network, one shard");
    assert!(past.dirty_shards().is_empty());
    let mut again = offences();
    again.load_shard(&saved[0]).unwrap();
    assert_eq!(again.before("203.0.113.9", secs(100)), 1);
    assert_eq!(again.past_hits("203.0.113.200", DAY, secs(100)), 1);
    assert!(again.dirty_shards().is_empty());
    let broken = OffenceShard { shard: 3, bytes: vec![9, 9] };
    assert!(again.load_shard(&broken).unwrap_err().contains("offences shard `3`"));
}

proptest! {
    #[test]
    fn a_count_is_never_too_high_and_exact_while_few(
        mut times in prop::collection::vec(0_i64..2_000, 1..60), within in 0_u64..2_000, now in 0_i64..2_000
    ) {
        let mut past = offences();
        for at in &times {
            past.note_hit("k", secs(*at));
        }
        let oldest = now - i64::try_from(within).unwrap();
        let wanted = times.iter().filter(|at| **at >= oldest && **at <= now).count() as u64;
        let found = past.past_hits("k", Duration::from_secs(within), secs(now));
        // Asked at the present, as rules do, the count is never too high.
        let present = *times.iter().max().unwrap();
        let all = past.past_hits("k", Duration::from_secs(within), secs(present));
        let oldest = present - i64::try_from(within).unwrap();
        prop_assert!(all <= times.iter().filter(|at| **at >= oldest).count() as u64);
        times.sort_unstable();
        times.dedup();
        if times.len() <= OFFENCE_TIMES_MAX {
            prop_assert_eq!(found, wanted);
        }
    }
}

/// Shards that were saved are found again: the number is that of the network's text, for ever.
#[test]
fn a_shard_is_that_of_the_text_of_the_network() {
    let of_text = |text: &str| {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        u16::try_from((hash ^ (hash >> 32)) % u64::from(OFFENDER_SHARDS)).unwrap()
    };
    for (key, text) in [
        ("203.0.113.9", "203.0.113.0/24"),
        ("9.90.199.1", "9.90.199.0/24"),
        ("10.0.0.0/8", "10.0.0.0/24"),
        ("::ffff:192.0.2.9", "192.0.2.0/24"),
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("bob|www.example.com", "bob|www.example.com"),
        ("203.0.113.9|bob", "203.0.113.9|bob"),
        ("", ""),
    ] {
        assert_eq!(shard_of(key), of_text(text), "{key}");
    }
}
