//! An attack is a few messages, and their counts add up.

use super::*;
use proptest::prelude::*;

fn note(rule: &str, number: u128) -> Note {
    let text = format!("message {number}");
    Note { id: ActionId(number), rule: rule.into(), time: Timestamp::from_secs(0), text }
}

fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

#[test]
fn the_first_goes_at_once_and_the_rest_is_told_together() {
    let mut groups = Groups::new(minutes(5), 30);
    let start = Instant::now();
    assert_eq!(groups.take(&note("a", 0), start), Turn::Now);
    // It could not be sent, and is tried again.
    assert_eq!(groups.take(&note("a", 0), start), Turn::Now);
    groups.sent(&"a".into(), start);
    for number in 1..1_000 {
        assert_eq!(groups.take(&note("a", number), start), Turn::Held);
    }
    assert_eq!(groups.take(&note("a", 7), start), Turn::Held, "it is held already");
    assert_eq!(groups.take(&note("b", 2_000), start), Turn::Now, "another rule's first");
    assert!(groups.due(start + minutes(4)).is_none());
    let summary = groups.due(start + minutes(5)).unwrap();
    assert_eq!((summary.of[0].count, summary.of[0].told, summary.ids.len()), (999, 1, 999));
    assert_eq!(summary.of[0].quotes.len(), MESSAGES_QUOTED_MAX);
    assert!(groups.due(start + minutes(5)).is_none());
    // The attack goes on: the next ones wait again.
    assert_eq!(groups.take(&note("a", 3_000), start + minutes(6)), Turn::Held);
    let summary = groups.due(start + minutes(10)).unwrap();
    assert_eq!((summary.of[0].count, summary.of[0].told), (1, 1_000));
    // It is over: the next one is news.
    assert_eq!(groups.take(&note("a", 3_001), start + minutes(16)), Turn::Now);
}

#[test]
fn the_last_message_of_the_hour_tells_all() {
    let mut groups = Groups::new(minutes(5), 3);
    let start = Instant::now();
    let mut turns = Vec::new();
    for number in 0..10 {
        let rule = format!("rule-{number}");
        let turn = groups.take(&note(&rule, number), start);
        if turn == Turn::Now {
            groups.sent(&rule.as_str().into(), start);
        }
        turns.push(turn);
    }
    assert_eq!(turns.iter().filter(|turn| **turn == Turn::Now).count(), 2);
    let summary = groups.due(start).unwrap();
    assert_eq!((summary.of.len(), summary.ids.len()), (8, 8));
    assert_eq!(groups.take(&note("late", 99), start), Turn::Held);
    assert!(groups.due(start + minutes(59)).is_none(), "the hour is full");
    assert_eq!(groups.due(start + minutes(60)).unwrap().of.len(), 1);
}

#[test]
fn nothing_is_grouped_where_that_is_wanted() {
    let mut groups = Groups::new(Duration::ZERO, 1_000);
    let start = Instant::now();
    for number in 0..500 {
        assert_eq!(groups.take(&note("a", number), start), Turn::Now);
        groups.sent(&"a".into(), start);
    }
}

#[test]
fn what_is_held_is_bounded_and_counted_all_the_same() {
    let mut groups = Groups::new(minutes(5), 30);
    let start = Instant::now();
    groups.sent(&"a".into(), start);
    let most = MESSAGES_HELD_MAX as u128;
    for number in 0..most {
        assert_eq!(groups.take(&note("a", number), start), Turn::Held);
    }
    assert_eq!(groups.take(&note("a", most), start), Turn::Counted);
    let summary = groups.due(start + minutes(5)).unwrap();
    assert_eq!(u128::from(summary.of[0].count), most + 1);
}

proptest! {
    /// Whatever comes when: each message is told once, by itself or in a summary, and no hour has more
    /// messages than it may.
    #[test]
    fn every_message_is_told_once(
        per_hour in 1_u32..6,
        span in 0_u64..20,
        steps in proptest::collection::vec((0_u64..15, 0_u8..4, any::<bool>()), 1..80),
    ) {
        let mut groups = Groups::new(minutes(span), per_hour);
        let start = Instant::now();
        let (mut now, mut told, mut sent) = (start, Vec::new(), Vec::new());
        let (mut counted, mut number) = (0, 0);
        for (pause, rule, works) in steps {
            now += minutes(pause);
            number += 1;
            let note = note(&format!("rule-{rule}"), number);
            if groups.take(&note, now) == Turn::Now {
                groups.sent(&note.rule, now);
                told.push(note.id);
                sent.push(now);
                counted += 1;
            }
            while let Some(summary) = works.then(|| groups.due(now)).flatten() {
                counted += summary.of.iter().map(|held| held.count).sum::<u64>();
                told.extend(&summary.ids);
                sent.push(now);
            }
        }
        for _ in 0..200 {
            now += minutes(20);
            while let Some(summary) = groups.due(now) {
                counted += summary.of.iter().map(|held| held.count).sum::<u64>();
                told.extend(&summary.ids);
                sent.push(now);
            }
        }
        prop_assert!(!groups.holds());
        prop_assert_eq!(groups.held, 0);
        told.sort();
        prop_assert_eq!(told, (1..=number).map(ActionId).collect::<Vec<_>>());
        prop_assert_eq!(u128::from(counted), number);
        for (place, at) in sent.iter().enumerate() {
            let hour = sent[place..].iter().take_while(|next| next.duration_since(*at) < HOUR);
            prop_assert!(hour.count() <= per_hour as usize);
        }
    }
}
