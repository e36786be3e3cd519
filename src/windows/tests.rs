//! Tests of the windows: each kind by example here, against naive models in `models`, and what
//! holds for all kinds (saving, memory, hostile input) in `keeping`.

mod keeping;
mod models;

use super::*;
use crate::event::KeyPart;
use std::net::{IpAddr, Ipv4Addr};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn rule(name: &str, spec: WindowSpec) -> RuleWindow {
    RuleWindow { rule: Arc::from(name), fingerprint: 7, spec, cooldown: None }
}

fn windows(spec: WindowSpec) -> Windows {
    windows_resting(spec, None)
}

fn windows_resting(spec: WindowSpec, cooldown: Option<Duration>) -> Windows {
    spec.check().unwrap();
    let mut windows = Windows::new(1 << 26);
    windows.set_rules(&[RuleWindow { cooldown, ..rule("one", spec) }]);
    windows
}

fn address(number: u32) -> Key {
    Key::net(IpAddr::V4(Ipv4Addr::from(number)).into())
}

fn at(secs: i64) -> Sample {
    Sample::at(Timestamp::from_secs(secs))
}

fn count_of(windows: &mut Windows, sample: Sample) -> Option<u64> {
    windows.update(0, &address(1), &sample).map(|firing| firing.count)
}

#[test]
fn each_fires_once_in_its_cooldown() {
    let mut windows = windows(WindowSpec::Each);
    assert_eq!(count_of(&mut windows, at(100)), Some(1));
    assert_eq!(count_of(&mut windows, at(159)), None);
    assert_eq!(count_of(&mut windows, at(41)), None, "late, but as near");
    assert!(windows.update(0, &address(2), &at(101)).is_some());
    assert_eq!(count_of(&mut windows, at(160)), Some(1));
    let mut windows = windows_resting(WindowSpec::Each, Some(Duration::ZERO));
    assert_eq!(count_of(&mut windows, at(100)), Some(1));
    assert_eq!(count_of(&mut windows, at(100)), Some(1));
    assert_eq!(windows.stats().keys, 0);
}

#[test]
fn the_tenth_in_five_minutes_fires_and_empties() {
    let mut windows = windows(WindowSpec::Count { n: 10, within: secs(300) });
    for step in 0..9 {
        assert_eq!(count_of(&mut windows, at(step * 33)), None);
    }
    let firing = windows.update(0, &address(1), &at(299)).unwrap();
    assert_eq!(firing.count, 10);
    assert_eq!(firing.first, Timestamp::EPOCH);
    assert_eq!(firing.last, Timestamp::from_secs(299));
    for step in 0..9 {
        assert_eq!(count_of(&mut windows, at(300 + step)), None);
    }
    assert_eq!(count_of(&mut windows, at(600)), None, "half open");
    assert_eq!(count_of(&mut windows, at(600)), Some(10));
}

#[test]
fn repeats_count_as_often_as_they_say() {
    let spec = WindowSpec::Count { n: 5, within: secs(60) };
    let mut windows = windows(spec);
    let mut sample = at(10);
    sample.weight = 4;
    assert_eq!(count_of(&mut windows, sample), None);
    assert_eq!(count_of(&mut windows, at(11)), Some(5));
    sample.weight = u64::MAX;
    assert_eq!(count_of(&mut windows, sample), Some(u64::MAX));
    sample.weight = 0;
    assert_eq!(count_of(&mut windows, sample), None);
    assert_eq!(windows.stats().keys, 0);
}

#[test]
fn a_late_event_may_fire_on_arrival() {
    let mut windows = windows(WindowSpec::Count { n: 3, within: secs(60) });
    assert_eq!(count_of(&mut windows, at(100)), None);
    assert_eq!(count_of(&mut windows, at(150)), None);
    assert_eq!(count_of(&mut windows, at(40)), None, "too far from both");
    assert_eq!(count_of(&mut windows, at(120)), Some(3));
    assert_eq!(count_of(&mut windows, at(200)), None);
    assert_eq!(count_of(&mut windows, at(10)), None);
    assert_eq!(windows.stats().late, 1);
}

#[test]
fn long_windows_count_in_milliseconds_and_never_early() {
    let day = 86_400;
    let mut windows = windows(WindowSpec::Count { n: 2, within: secs(day) });
    let moment = |micros| Sample::at(Timestamp::from_micros(micros));
    assert_eq!(count_of(&mut windows, moment(1_500)), None);
    assert_eq!(count_of(&mut windows, moment(86_400_001_500)), None);
    assert_eq!(count_of(&mut windows, moment(172_800_000_499)), Some(2));
}

#[test]
fn a_leaky_bucket_overflows_and_leaks() {
    let spec = WindowSpec::Leaky { capacity: 5, leak_every: secs(10) };
    let mut windows = windows(spec);
    for _ in 0..5 {
        assert_eq!(count_of(&mut windows, at(0)), None);
    }
    assert_eq!(count_of(&mut windows, at(10)), None, "one has leaked out");
    assert_eq!(count_of(&mut windows, at(19)), Some(6));
    for step in 0..1_000 {
        assert_eq!(count_of(&mut windows, at(100 + step * 10)), None);
    }
    assert_eq!(count_of(&mut windows, at(100)), None, "late");
    assert_eq!(windows.level(0, &address(1)).count, 2);
}

#[test]
fn a_false_one_breaks_the_row() {
    let mut windows = windows(WindowSpec::Consecutive { n: 3 });
    let mut judge = |secs, good: bool| {
        let mut sample = at(secs);
        sample.flags = u64::from(good);
        count_of(&mut windows, sample)
    };
    assert_eq!(judge(0, true), None);
    assert_eq!(judge(1, true), None);
    assert_eq!(judge(2, false), None);
    assert_eq!(judge(3, true), None);
    assert_eq!(judge(4, true), None);
    assert_eq!(judge(5, true), Some(3));
    assert_eq!(judge(6, true), None);
}

#[test]
fn a_sequence_takes_the_latest_beginning() {
    let mut windows = windows(WindowSpec::Sequence { steps: 3, within: secs(60) });
    let mut flags = |secs, flags| {
        let mut sample = at(secs);
        sample.flags = flags;
        windows.update(0, &address(1), &sample)
    };
    assert_eq!(flags(0, 0b001), None);
    assert_eq!(flags(50, 0b001), None);
    assert_eq!(flags(55, 0b111), None, "one event is one step");
    let firing = flags(100, 0b100).unwrap();
    assert_eq!(firing.first, Timestamp::from_secs(50));
    assert_eq!(flags(101, 0b110), None);
    assert_eq!(windows.stats().keys, 0, "nothing begun, nothing kept");
}

#[test]
fn silence_fires_once_until_the_key_is_seen_again() {
    let mut windows = windows(WindowSpec::Absent { after: secs(60) });
    let due = |windows: &mut Windows, secs| -> Vec<String> {
        let fired = windows.advance(Timestamp::from_secs(secs)).into_iter();
        fired.map(|(_, key, _)| key.to_string()).collect()
    };
    windows.update(0, &address(1), &at(0));
    windows.update(0, &address(2), &at(5));
    windows.update(0, &address(1), &at(30));
    windows.update(0, &address(1), &at(1));
    assert!(due(&mut windows, 64).is_empty());
    assert_eq!(due(&mut windows, 65), ["0.0.0.2"]);
    assert_eq!(due(&mut windows, 1_000), ["0.0.0.1"]);
    assert!(due(&mut windows, 9_000).is_empty());
    windows.update(0, &address(2), &at(9_000));
    windows.update(0, &address(1), &at(9_000));
    assert_eq!(due(&mut windows, 9_060), ["0.0.0.1", "0.0.0.2"]);
    assert_eq!(windows.stats().keys, 0);
}

#[test]
fn a_share_fires_only_among_enough() {
    let mut windows = windows(WindowSpec::Ratio { share: 0.5, at_least: 4, within: secs(80) });
    let mut judge = |secs, hit: bool| {
        let mut sample = at(secs);
        sample.flags = u64::from(hit);
        count_of(&mut windows, sample)
    };
    assert_eq!(judge(0, true), None);
    assert_eq!(judge(0, true), None);
    assert_eq!(judge(5, false), None);
    assert_eq!(judge(15, false), Some(2));
    assert_eq!(judge(16, true), None, "a firing empties the window");
}

#[test]
fn a_key_that_fired_rests_for_its_cooldown() {
    let spec = WindowSpec::Count { n: 2, within: secs(60) };
    let mut windows = windows_resting(spec, Some(secs(300)));
    assert_eq!(count_of(&mut windows, at(0)), None);
    assert_eq!(count_of(&mut windows, at(1)), Some(2));
    for second in 2..301 {
        assert_eq!(count_of(&mut windows, at(second)), None);
    }
    let until = windows.level(0, &address(1)).resting_until;
    assert_eq!(until, Some(Timestamp::from_secs(301)));
    assert_eq!(count_of(&mut windows, at(301)), None, "counted anew");
    assert_eq!(count_of(&mut windows, at(302)), Some(2));
}

#[test]
fn windows_that_can_not_fire_are_refused() {
    let within = secs(60);
    for bad in [
        WindowSpec::Count { n: 0, within },
        WindowSpec::Count { n: 1 << 40, within },
        WindowSpec::Count { n: 1, within: Duration::ZERO },
        WindowSpec::Distinct { n: 10_001, within },
        WindowSpec::Sum { at_least: f64::NAN, within },
        WindowSpec::Sequence { steps: 1, within },
        WindowSpec::Ratio { share: 1.5, at_least: 1, within },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

#[test]
fn what_still_counts_at_a_time_is_told() {
    let level = |windows: &Windows, time: i64| {
        let level = windows.level_at(0, &address(1), Timestamp::from_secs(time));
        (level.count, level.of, level.first.map(|first| first.as_micros() / 1_000_000))
    };
    let mut counted = windows(WindowSpec::Count { n: 10, within: secs(300) });
    for time in [0, 100, 250] {
        counted.update(0, &address(1), &at(time));
    }
    assert_eq!(level(&counted, 299), (3, None, Some(0)));
    assert_eq!(level(&counted, 300), (2, None, Some(100)));
    assert_eq!(level(&counted, 550), (0, None, None));

    let mut ratio = windows(WindowSpec::Ratio { share: 0.9, at_least: 100, within: secs(80) });
    for time in [0, 20, 40] {
        let flags = u64::from(time > 0);
        ratio.update(0, &address(1), &Sample { flags, ..at(time) });
    }
    assert_eq!(level(&ratio, 40), (2, Some(3), Some(0)));
    assert_eq!(level(&ratio, 85), (2, Some(2), Some(20)));
    assert_eq!(level(&ratio, 900), (0, Some(0), None));

    let mut leaky = windows(WindowSpec::Leaky { capacity: 5, leak_every: secs(10) });
    for time in [0, 0, 0] {
        leaky.update(0, &address(1), &at(time));
    }
    assert_eq!(level(&leaky, 15).0, 2);
    assert_eq!(level(&leaky, 30).0, 0);

    let mut rests = windows_resting(WindowSpec::Each, Some(secs(60)));
    rests.update(0, &address(1), &at(0));
    let resting = |time: i64| {
        let until = rests.level_at(0, &address(1), Timestamp::from_secs(time)).resting_until;
        until.is_some()
    };
    assert!(resting(59) && !resting(60));
}

/// Evidence leaves out what is far from firing: of no window may that be among the last events that
/// a firing shows.
#[test]
fn what_is_far_from_firing_is_none_of_the_last_events_before_it() {
    let specs = [
        WindowSpec::Count { n: 40, within: secs(100) },
        WindowSpec::Count { n: 10, within: secs(100) },
        WindowSpec::Count { n: 300, within: secs(100) },
        WindowSpec::Distinct { n: 40, within: secs(100) },
        WindowSpec::Leaky { capacity: 40, leak_every: Duration::from_millis(700) },
        WindowSpec::Consecutive { n: 40 },
        WindowSpec::Sum { at_least: 40.0, within: secs(100) },
    ];
    let mut random = fastrand::Rng::with_seed(3);
    for spec in specs {
        let mut windows = windows(spec);
        let key = Key::text("k");
        let (mut far, mut firings, mut left_out) = (Vec::new(), 0, 0);
        let mut now = 0;
        for number in 0..40_000_u64 {
            let pause = if random.u8(..20) == 0 { 6_000_000 } else { 400_000 };
            now += random.i64(0..pause);
            let mut sample = Sample::at(Timestamp::from_micros(now));
            sample.distinct = Some(number % 61);
            sample.amount = 1.0;
            sample.flags = u64::from(random.u8(..200) > 0);
            let spot = windows.spot(0, &key);
            let counted = windows.update_at(&spot, &key, &sample);
            far.push(counted.is_far);
            if counted.firing.is_some() {
                firings += 1;
                let shown = far.iter().rev().take(crate::limits::EVIDENCE_EVENTS_MAX);
                assert!(!shown.copied().any(|far| far), "{spec:?}");
            }
            left_out += u32::from(counted.is_far);
        }
        assert!(firings > 3, "{spec:?} fired {firings} times");
        let small = matches!(spec, WindowSpec::Count { n: 10, .. } | WindowSpec::Sum { .. });
        assert_eq!(left_out == 0, small, "{spec:?}");
    }
}
