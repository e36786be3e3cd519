//! What holds for all kinds: saving changes nothing, memory stays within its ceiling and is
//! shared out fairly, and nothing that comes in can make it panic.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn all_kinds() -> Vec<RuleWindow> {
    let within = secs(60);
    let specs = [
        WindowSpec::Each,
        WindowSpec::Count { n: 4, within },
        WindowSpec::Count { n: 20, within },
        WindowSpec::Count { n: 90, within },
        WindowSpec::Distinct { n: 4, within },
        WindowSpec::Sum { at_least: 30.0, within },
        WindowSpec::Leaky { capacity: 3, leak_every: secs(10) },
        WindowSpec::Consecutive { n: 3 },
        WindowSpec::Sequence { steps: 4, within },
        WindowSpec::Absent { after: within },
        WindowSpec::Ratio { share: 0.5, at_least: 5, within },
    ];
    let name = |place: usize| format!("rule-{place}");
    let mut rules: Vec<RuleWindow> =
        (specs.into_iter().enumerate()).map(|(place, spec)| rule(&name(place), spec)).collect();
    rules[2].cooldown = Some(secs(90));
    rules
}

#[derive(Debug, Clone)]
enum Step {
    Update(usize, u32, Sample),
    Advance(i64),
    Save,
}

fn key(number: u32) -> Key {
    match number % 3 {
        0 => address(number),
        1 => Key::text(&format!("user-{number}")),
        _ => Key::parts(&[
            KeyPart::Int(i64::from(number)),
            KeyPart::Text("a long text that goes to the heap"),
        ]),
    }
}

fn sample() -> impl Strategy<Value = Sample> {
    let time = prop_oneof![
        30 => 0_i64..600_000_000,
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
        1 => any::<i64>(),
    ];
    let weight = prop_oneof![20 => 1_u64..3, 1 => any::<u64>()];
    let amount = prop_oneof![20 => 0.0..9.0_f64, 1 => any::<f64>()];
    let distinct = prop::option::weighted(0.9, 0_u64..9);
    (time, weight, amount, distinct, 0_u64..16).prop_map(
        |(time, weight, amount, distinct, flags)| Sample {
            time: Timestamp::from_micros(time),
            weight,
            distinct,
            amount,
            flags,
        },
    )
}

fn steps(keys: u32) -> impl Strategy<Value = Vec<Step>> {
    let update = (0_usize..11, 0..keys, sample())
        .prop_map(|(rule, key, sample)| Step::Update(rule, key, sample));
    let step = prop_oneof![
        40 => update,
        3 => (0_i64..700).prop_map(Step::Advance),
        1 => Just(Step::Save),
    ];
    prop::collection::vec(step, 1..400)
}

type Images = BTreeMap<(String, u16), ShardImage>;

fn save(windows: &mut Windows, images: &mut Images) {
    for image in windows.dirty_shards() {
        images.insert((image.table.clone(), image.shard), image);
    }
}

fn load(images: &Images, memory: u64) -> Windows {
    // Another seed than the saved one, which must win.
    let mut windows = Windows::with_seed(memory, 99);
    windows.set_rules(&all_kinds());
    for image in images.values().rev() {
        windows.load_shard(image).unwrap();
    }
    windows
}

/// Does the steps; with `reload`, starts anew from what was saved at each `Save`.
fn run(steps: &[Step], memory: u64, reload: bool) -> (Vec<String>, Stats) {
    let mut windows = Windows::new(memory);
    windows.set_rules(&all_kinds());
    let (mut images, mut log) = (Images::new(), Vec::new());
    for (place, step) in steps.iter().enumerate() {
        match step {
            Step::Update(rule, number, sample) => {
                if let Some(firing) = windows.update(*rule, &key(*number), sample) {
                    log.push(format!("{place} {rule} {number} {firing:?}"));
                }
            }
            Step::Advance(secs) => {
                for fired in windows.advance(Timestamp::from_secs(*secs)) {
                    log.push(format!("{place} {fired:?}"));
                }
                windows.forget_before(Timestamp::from_secs(*secs));
            }
            Step::Save => {
                save(&mut windows, &mut images);
                if reload {
                    windows = load(&images, memory);
                }
            }
        }
        assert!(windows.stats().bytes <= memory);
    }
    let stats = Stats {
        // Counted since the start.
        evicted: 0,
        late: 0,
        ..windows.stats()
    };
    (log, stats)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn saving_and_loading_at_any_point_changes_nothing(steps in steps(12)) {
        prop_assert_eq!(run(&steps, 1 << 26, false), run(&steps, 1 << 26, true));
    }

    #[test]
    fn nor_does_it_when_memory_is_short(steps in steps(60)) {
        prop_assert_eq!(run(&steps, 3_000, false), run(&steps, 3_000, true));
    }

    #[test]
    fn damaged_images_are_refused_without_a_panic(
        steps in steps(6), place: prop::sample::Index, byte: u8, cut: prop::sample::Index
    ) {
        let mut windows = Windows::new(1 << 26);
        windows.set_rules(&all_kinds());
        let mut images = Images::new();
        for step in &steps {
            if let Step::Update(rule, number, sample) = step {
                windows.update(*rule, &key(*number), sample);
            }
        }
        save(&mut windows, &mut images);
        let mut damaged = load(&Images::new(), 1 << 26);
        for image in images.values_mut().filter(|image| !image.bytes.is_empty()) {
            let place = place.index(image.bytes.len());
            image.bytes[place] ^= byte;
            image.bytes.truncate(cut.index(image.bytes.len()) + 1);
            drop(damaged.load_shard(image));
        }
        for step in &steps {
            if let Step::Update(rule, number, sample) = step {
                damaged.update(*rule, &key(*number), sample);
            }
        }
        damaged.advance(Timestamp::MAX);
        damaged.forget_before(Timestamp::MAX);
        damaged.dirty_shards();
    }
}

#[test]
fn a_flooding_network_evicts_itself_first() {
    let mut windows = Windows::new(200_000);
    let within = secs(3_600);
    windows.set_rules(&[
        rule("quiet", WindowSpec::Count { n: 3, within }),
        rule("flooded", WindowSpec::Count { n: 3, within }),
    ]);
    let innocent: Vec<Key> = (0..40).map(|number| address(0x0a00_0001 + (number << 8))).collect();
    for key in &innocent {
        windows.update(0, key, &at(0));
        windows.update(1, key, &at(0));
    }
    let flood = |number: u32| {
        // A /48 of IPv6 and its 65,536 clients.
        let address = (0x2001_0db8_0001_u128 << 80) | (u128::from(number % 65_536) << 64);
        Key::net(crate::event::net::client_net(IpAddr::V6(address.into())))
    };
    for number in 0..100_000 {
        windows.update(1, &flood(number), &at(1));
        assert!(windows.stats().bytes <= 200_000);
    }
    assert!(windows.stats().evicted > 50_000);
    let kept = |rule| innocent.iter().filter(|key| windows.level(rule, key).count == 1).count();
    assert_eq!(kept(0), 40, "another rule loses nothing");
    assert!(kept(1) >= 38, "{} of 40 are left beside the flood", kept(1));
}

#[test]
fn the_oldest_go_first() {
    let mut windows = Windows::new(40_000);
    windows.set_rules(&[rule("one", WindowSpec::Count { n: 9, within: secs(3_600) })]);
    let key = |number: i64| {
        Key::parts(&[KeyPart::Net("192.0.2.1/32".parse().unwrap()), KeyPart::Int(number)])
    };
    for number in 0..1_000 {
        windows.update(0, &key(number), &at(number));
    }
    let held: Vec<i64> =
        (0..1_000).filter(|number| windows.level(0, &key(*number)).count > 0).collect();
    assert_eq!(held.last(), Some(&999));
    assert!(held.len() > 300);
    assert!(held.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gaps");
}

#[test]
fn what_is_over_is_forgotten_bit_by_bit() {
    let mut windows = windows_resting(WindowSpec::Count { n: 2, within: secs(64) }, Some(secs(16)));
    for number in 0..10_000 {
        windows.update(0, &address(number << 6), &at(0));
    }
    windows.update(0, &address(0), &at(0));
    assert_eq!(windows.stats().keys, 10_000);
    windows.forget_before(Timestamp::from_secs(63));
    assert_eq!(windows.stats().keys, 9_999, "a rest is over sooner");
    windows.forget_before(Timestamp::from_secs(65));
    windows.forget_before(Timestamp::from_secs(70));
    let half = windows.stats().keys;
    assert!((1..9_999).contains(&half), "{half}");
    for second in 70..85 {
        windows.forget_before(Timestamp::from_secs(second));
    }
    assert_eq!((windows.stats().keys, windows.stats().bytes), (0, 0));
}

#[test]
fn a_reload_keeps_what_is_unchanged_and_tells_what_is_gone() {
    let rules = all_kinds();
    let mut windows = Windows::new(1 << 26);
    windows.set_rules(&rules);
    for rule in 1..4 {
        windows.update(rule, &address(1), &at(0));
    }
    let mut images = Images::new();
    save(&mut windows, &mut images);
    let mut changed: Vec<RuleWindow> = rules.iter().skip(1).rev().cloned().collect();
    let place = |name: &str| changed.iter().position(|rule| &*rule.rule == name).unwrap();
    let (same, edited) = (place("rule-1"), place("rule-2"));
    changed[edited].fingerprint = 8;
    windows.set_rules(&changed);
    assert_eq!(windows.level(same, &address(1)).count, 1);
    assert_eq!(windows.level(edited, &address(1)).count, 0);
    let gone = windows.dirty_shards();
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].table.as_str(), gone[0].fingerprint), ("rule-2", 7));
    assert!(gone[0].bytes.is_empty());
    let old = images.values().find(|image| image.table == "rule-2").unwrap();
    assert_eq!(windows.load_shard(old), Err(LoadError::Gone("rule-2".to_owned())));
}

#[test]
fn a_shard_of_another_store_is_refused() {
    let mut windows = windows(WindowSpec::Count { n: 9, within: secs(9) });
    windows.update(0, &address(1), &at(0));
    let mut other = Windows::with_seed(1 << 26, 5);
    other.set_rules(&[rule("one", WindowSpec::Count { n: 9, within: secs(9) })]);
    other.update(0, &address(2), &at(0));
    let image = other.dirty_shards().remove(0);
    let refused = windows.load_shard(&image);
    assert!(matches!(refused, Err(LoadError::Foreign { .. })), "{refused:?}");
}

#[test]
fn a_person_can_be_forgotten() {
    let mut windows = Windows::new(1 << 26);
    let mut rules = all_kinds();
    rules[1].cooldown = Some(secs(600));
    windows.set_rules(&rules);
    for rule in 0..rules.len() {
        for number in 0..40 {
            for _ in 0..4 {
                windows.update(rule, &address(number), &at(0));
            }
        }
    }
    let keys = windows.stats().keys;
    windows.dirty_shards();
    windows.forget(|key| *key == address(7));
    for rule in 0..rules.len() {
        assert_eq!(windows.level(rule, &address(7)), Level::default(), "{rule}");
    }
    assert!(windows.stats().keys < keys);
    assert!(!windows.dirty_shards().is_empty());
    let silent = windows.advance(Timestamp::from_secs(60));
    assert_eq!(silent.len(), 39);
}

#[test]
fn how_far_forgetting_has_come_is_kept_and_an_image_of_before_that_says_nothing() {
    let spec = WindowSpec::Count { n: 2, within: secs(64) };
    let of_no_rule = |windows: &mut Windows| {
        let images = windows.dirty_shards();
        images.into_iter().find(|image| image.table.is_empty()).unwrap()
    };
    let mut windows = windows_resting(spec, None);
    windows.forget_before(Timestamp::from_secs(70));
    let mut image = of_no_rule(&mut windows);
    let mut other = windows_resting(spec, None);
    other.load_shard(&image).unwrap();
    assert_eq!(other.settled, Some(Timestamp::from_secs(70)));
    // Then the header was followed by one zero.
    image = of_no_rule(&mut windows_resting(spec, None));
    assert_eq!(image.bytes.last(), Some(&0));
    let mut other = windows_resting(spec, None);
    other.load_shard(&image).unwrap();
    assert_eq!(other.settled, None);
}
