//! Windows against models that keep everything and count from scratch.

use super::*;
use proptest::prelude::*;

const WITHIN: i64 = 8_000;

fn within() -> Duration {
    Duration::from_micros(WITHIN.unsigned_abs())
}

fn moment(micros: i64) -> Sample {
    Sample::at(Timestamp::from_micros(micros))
}

/// Samples in order: how long after the one before, and two numbers of any meaning.
fn steps() -> impl Strategy<Value = Vec<(i64, u64, u64)>> {
    let gap = prop_oneof![4 => 0_i64..300, 2 => 0_i64..3_000, 1 => 0_i64..20_000];
    prop::collection::vec((gap, 0_u64..6, 0_u64..40), 1..300)
}

/// Pours samples in, watermark on their heels, and asks `model` for the same.
fn compare(
    spec: WindowSpec,
    samples: impl Iterator<Item = Sample>,
    mut model: impl FnMut(&Sample, Option<Firing>) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut windows = windows(spec);
    for sample in samples {
        let fired = windows.update(0, &address(1), &sample);
        windows.advance(sample.time);
        windows.forget_before(sample.time);
        model(&sample, fired)?;
    }
    Ok(())
}

fn in_order(steps: &[(i64, u64, u64)]) -> impl Iterator<Item = (Sample, u64, u64)> {
    let mut time = 1_000_000;
    steps.iter().map(move |(gap, first, second)| {
        time += gap;
        (moment(time), *first, *second)
    })
}

proptest! {
    #[test]
    fn small_counts_are_exact(n in 1_u64..=64, steps in steps()) {
        let mut held: Vec<i64> = Vec::new();
        let samples = in_order(&steps).map(|(mut sample, weight, rare)| {
            sample.weight = if rare == 0 { weight } else { 1 };
            sample
        });
        compare(WindowSpec::Count { n, within: within() }, samples, |sample, fired| {
            let now = sample.time.as_micros();
            held.extend((0..sample.weight).map(|_| now));
            held.retain(|time| now - time < WITHIN);
            let wanted = (held.len() as u64 >= n && sample.weight > 0).then(|| Firing {
                count: held.len() as u64,
                first: Timestamp::from_micros(held[0]),
                last: sample.time,
            });
            if wanted.is_some() {
                held.clear();
            }
            prop_assert_eq!(fired, wanted);
            Ok(())
        })?;
    }

    #[test]
    fn disorder_never_makes_a_small_count_early(
        n in 1_usize..=20, times in prop::collection::vec(0_i64..60_000, 1..200)
    ) {
        let mut held: Vec<i64> = Vec::new();
        let samples = times.iter().map(|time| moment(*time));
        compare(WindowSpec::Count { n: n as u64, within: within() }, samples, |sample, fired| {
            held.push(sample.time.as_micros());
            held.sort_unstable();
            let run = held.windows(n).any(|run| run[n - 1] - run[0] < WITHIN);
            prop_assert!(run || fired.is_none());
            // Until some were dropped (n - 1 are kept), it is exact in any order too.
            if held.len() <= n && held[held.len() - 1] - held[0] < 2 * WITHIN {
                prop_assert_eq!(run, fired.is_some());
            }
            if fired.is_some() {
                held.clear();
            }
            Ok(())
        })?;
    }

    #[test]
    fn large_counts_and_sums_are_late_by_a_bucket_at_most(
        threshold in 65_u64..200, as_sum: bool, steps in steps()
    ) {
        let spec = if as_sum {
            WindowSpec::Sum { at_least: threshold as f64 / 4.0, within: within() }
        } else {
            WindowSpec::Count { n: threshold, within: within() }
        };
        let mut held: Vec<(i64, u64)> = Vec::new();
        let samples = in_order(&steps).map(|(mut sample, weight, amount)| {
            sample.weight = if as_sum { 1 } else { weight * amount };
            sample.amount = (weight * amount) as f64 / 4.0;
            sample
        });
        compare(spec, samples, |sample, fired| {
            let now = sample.time.as_micros();
            let amount = if as_sum { state::whole(sample.amount * 4.0) } else { sample.weight };
            held.push((now, amount));
            let total = |span: i64| -> u64 {
                held.iter().filter(|(time, _)| now - time < span).map(|(_, amount)| amount).sum()
            };
            if let Some(firing) = fired {
                prop_assert!(total(WITHIN) >= threshold, "early");
                let count = if as_sum { total(WITHIN) / 4 } else { total(WITHIN) };
                prop_assert!(firing.count <= count);
                held.clear();
            } else if amount > 0 {
                prop_assert!(total(WITHIN / 8 * 7) < threshold, "late by more than a bucket");
            }
            Ok(())
        })?;
    }

    #[test]
    fn different_values_are_counted_exactly(n in 1_u64..30, steps in steps()) {
        let mut held: Vec<(i64, u64)> = Vec::new();
        let samples = in_order(&steps).map(|(mut sample, none, value)| {
            sample.distinct = (none > 0).then_some(value);
            sample
        });
        compare(WindowSpec::Distinct { n, within: within() }, samples, |sample, fired| {
            let now = sample.time.as_micros();
            held.extend(sample.distinct.map(|value| (now, value)));
            held.retain(|(time, _)| now - time < WITHIN);
            let values: std::collections::BTreeSet<u64> =
                held.iter().map(|(_, value)| *value).collect();
            let wanted = sample.distinct.is_some() && values.len() as u64 >= n;
            prop_assert_eq!(fired.map(|firing| firing.count), wanted.then_some(values.len() as u64));
            if wanted {
                held.clear();
            }
            Ok(())
        })?;
    }

    #[test]
    fn shares_are_those_of_the_last_eight_buckets(
        share in 1_u64..=10, at_least in 1_u64..20, steps in steps()
    ) {
        let share = share as f64 / 10.0;
        let mut held: Vec<(i64, bool)> = Vec::new();
        let samples = in_order(&steps).map(|(mut sample, hit, _)| {
            sample.flags = u64::from(hit > 3);
            sample
        });
        compare(WindowSpec::Ratio { share, at_least, within: within() }, samples, |sample, fired| {
            let bucket = sample.time.as_micros() / (WITHIN / 8);
            held.push((bucket, sample.flags == 1));
            held.retain(|(other, _)| bucket - other < 8);
            let hits = held.iter().filter(|(_, hit)| *hit).count() as u64;
            let all = held.len() as u64;
            let wanted = all >= at_least && hits as f64 >= share * all as f64;
            prop_assert_eq!(fired.map(|firing| firing.count), wanted.then_some(hits));
            if wanted {
                held.clear();
            }
            Ok(())
        })?;
    }

    #[test]
    fn sequences_are_found_wherever_they_begin(
        steps_of in 2_u8..5, steps in prop::collection::vec((0_i64..4_000, 0_u64..32), 1..60)
    ) {
        let mut held: Vec<(i64, u64)> = Vec::new();
        let mut time = 0;
        let samples = steps.iter().map(|(gap, flags)| {
            time += gap;
            let mut sample = moment(time);
            sample.flags = *flags;
            sample
        });
        compare(WindowSpec::Sequence { steps: steps_of, within: within() }, samples, |sample, fired| {
            let now = sample.time.as_micros();
            held.push((now, sample.flags));
            // From each beginning, the earliest possible next step; the last event must be the last.
            let complete = |from: usize| {
                let mut step = 0;
                for (place, (time, flags)) in held.iter().enumerate().skip(from) {
                    let last = place + 1 == held.len();
                    let final_step = step + 1 == steps_of;
                    if flags >> step & 1 == 1 && time - held[from].0 < WITHIN && final_step == last {
                        step += 1;
                    }
                    if step == 0 {
                        return false;
                    }
                }
                step == steps_of
            };
            let wanted = (0..held.len()).any(complete);
            prop_assert_eq!(fired.is_some(), wanted);
            if wanted {
                held.clear();
            }
            Ok(())
        })?;
    }

    #[test]
    fn one_that_would_be_the_nth_fires(
        n in 2_u64..6, distinct in any::<bool>(),
        steps in prop::collection::vec((0_i64..3_000, 0_u64..4), 1..60)
    ) {
        let spec = if distinct {
            WindowSpec::Distinct { n, within: within() }
        } else {
            WindowSpec::Count { n, within: within() }
        };
        let mut windows = windows(spec);
        let mut time = 0;
        for (gap, value) in steps {
            time += gap;
            let sample = Sample { distinct: Some(value), ..moment(time) };
            let before = windows.level_at(0, &address(1), sample.time);
            let fired = windows.update(0, &address(1), &sample);
            let after = windows.level_at(0, &address(1), sample.time);
            if distinct {
                prop_assert!(fired.is_none() || before.count + 1 >= n);
                prop_assert!(fired.is_some() || (before.count..=before.count + 1).contains(&after.count));
            } else {
                prop_assert_eq!(fired.is_some(), before.count + 1 >= n);
                prop_assert!(fired.is_some() || after.count == before.count + 1);
            }
            prop_assert!(fired.is_none() || after.count == 0);
        }
    }
}
