//! What windows cost: an update among a million live keys, and bytes a key of each kind.

use super::{Choice, Measurement, figure};
use crate::clock::Timestamp;
use crate::event::Key;
use crate::limits;
use crate::windows::{RuleWindow, Sample, WindowSpec, Windows};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

const KEYS: u32 = 100_000;

/// Samples that each key gets.
const ROUNDS: u64 = 3;

/// Measures each kind with [`KEYS`] live keys.
pub(super) fn measure(
    choice: &Choice,
    mut tell: impl FnMut(&Measurement) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let within = Duration::from_mins(5);
    for (name, spec) in [
        ("count(10, \"5m\")", WindowSpec::Count { n: 10, within }),
        ("sum(.., 1000, \"5m\")", WindowSpec::Sum { at_least: 1_000.0, within }),
        (
            "leaky(100, \"1s\")",
            WindowSpec::Leaky { capacity: 100, leak_every: Duration::from_secs(1) },
        ),
    ] {
        if choice.wants("window", 1, &format!("{name}: a million")) {
            tell(&million(name, spec))?;
        }
    }
    for (name, spec) in [
        ("each", WindowSpec::Each),
        ("count(10, \"5m\")", WindowSpec::Count { n: 10, within }),
        ("count(1000, \"5m\")", WindowSpec::Count { n: 1_000, within }),
        ("distinct(.., 10, \"5m\")", WindowSpec::Distinct { n: 10, within }),
        ("sum(.., 1000, \"5m\")", WindowSpec::Sum { at_least: 1_000.0, within }),
        (
            "leaky(100, \"1s\")",
            WindowSpec::Leaky { capacity: 100, leak_every: Duration::from_secs(1) },
        ),
        ("consecutive(.., 10)", WindowSpec::Consecutive { n: 10 }),
        ("sequence([4 predicates], \"5m\")", WindowSpec::Sequence { steps: 4, within }),
        ("absent(\"5m\")", WindowSpec::Absent { after: within }),
        ("ratio(.., 0.9, 100, \"5m\")", WindowSpec::Ratio { share: 0.9, at_least: 100, within }),
    ] {
        if choice.wants("window kind", 1, name) {
            tell(&kind(name, spec))?;
        }
    }
    Ok(())
}

/// Updates of a million live keys, in no order: nearly each one waits for memory.
fn million(name: &str, spec: WindowSpec) -> Measurement {
    const MILLION: u32 = 1_000_000;
    let mut windows = windows_of(spec);
    let key = |number: u32| Key::net(IpAddr::V4(Ipv4Addr::from(number)).into());
    let mut sample = Sample::at(Timestamp::from_secs(1_790_000_000));
    sample.amount = 1.0;
    for number in 0..MILLION {
        windows.update(0, &key(number), &sample);
    }
    let mut random = fastrand::Rng::with_seed(1);
    let order: Vec<u32> = (0..MILLION).map(|_| random.u32(..MILLION)).collect();
    sample.time = sample.time.plus(Duration::from_secs(1));
    let mut fired = 0;
    let started = Instant::now();
    let mut batch = Vec::new();
    for numbers in order.chunks(limits::WINDOW_LOOK_AHEAD_KEYS) {
        batch.clear();
        batch.extend(numbers.iter().map(|number| {
            let key = key(*number);
            (windows.spot(0, &key), key)
        }));
        windows.look_ahead(batch.iter_mut().map(|(spot, _)| spot));
        for (spot, key) in &batch {
            fired += u64::from(windows.update_at(spot, key, &sample).firing.is_some());
        }
    }
    let took = started.elapsed();
    let stats = windows.stats();
    let bytes = stats.bytes as f64 / 1e6;
    let input = format!("{name}: {} live keys in {bytes:.0} MB", stats.keys);
    figure("window", input, (u64::from(MILLION), 0), took, stats.keys + fired)
}

fn windows_of(spec: WindowSpec) -> Windows {
    let mut windows = Windows::new(1024 * 1024 * 1024);
    windows.set_rules(&[RuleWindow {
        rule: Arc::from("bench"),
        fingerprint: 1,
        spec,
        cooldown: None,
    }]);
    windows
}

fn kind(name: &str, spec: WindowSpec) -> Measurement {
    let mut windows = windows_of(spec);
    let mut fired = 0;
    let started = Instant::now();
    for round in 0..ROUNDS {
        let mut sample = Sample::at(Timestamp::from_secs(1_790_000_000));
        sample.time = sample.time.plus(Duration::from_secs(round));
        (sample.distinct, sample.amount, sample.flags) = (Some(round), 1.0, 1);
        for number in 0..KEYS {
            // Keys come as clients do, from everywhere.
            let key = Key::net(IpAddr::V4(Ipv4Addr::from(number.reverse_bits())).into());
            fired += u64::from(windows.update(0, &key, &sample).is_some());
        }
    }
    let took = started.elapsed();
    let stats = windows.stats();
    let bytes = stats.bytes as f64 / stats.keys.max(1) as f64;
    let input = format!("{name}: {bytes:.0} bytes a key at {} live keys", stats.keys);
    figure("window kind", input, (u64::from(KEYS) * ROUNDS, 0), took, stats.keys + fired)
}
