//! Would a higher threshold have spared the customers that a rule hits, and whom would it let go?
//!
//! In: the report, the targets of the rule as it is, and its targets at each threshold that was
//! tried on the same logs. Out: the best of them, or nothing where none is clearly better. Pure.

use super::{Client, Report, Verdict};
use crate::decisions::Target;
use std::collections::{BTreeMap, HashSet};

/// What a higher threshold would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// The parameter that sets the threshold, with the table of the config that sets it; `None`
    /// where the rule says a number.
    pub param: Option<(String, String)>,
    /// The threshold as it is.
    pub from: u64,
    /// The one that is better.
    pub to: u64,
    /// Likely customers that the rule stops.
    pub customers: u64,
    /// Those of them whom nothing would stop any more.
    pub spared: u64,
    /// All other targets that the report is about and the rule decides about.
    pub others: u64,
    /// Those of them about which it would decide no more.
    pub let_go: u64,
}

/// A threshold, and whom the rule stops with it.
#[derive(Debug)]
pub struct Tried {
    /// The threshold.
    pub threshold: u64,
    /// Whom it stops.
    pub targets: HashSet<Target>,
}

/// The best of the thresholds that were tried: it spares customers and lets few others go. `None`
/// where a rule hits nobody else (then nothing says that it is of use), and where each of them lets
/// more than half of the others go.
///
/// Others are those in the report: of two rule sets whom the one that is tried stops anew. However
/// many both stop already, they say nothing about what is gained; they must all stay stopped.
pub fn best<'t>(
    report: &Report,
    rule: &str,
    now: &Tried,
    tried: impl Iterator<Item = &'t Tried>,
) -> Option<Mend> {
    let hit = |client: &&Client| client.rules.iter().any(|name| &**name == rule);
    let targets_of = |client: &Client| -> Vec<&Target> {
        let places = client.targets.iter();
        let stopped = places.filter_map(|place| report.blocked.targets().get(*place as usize));
        stopped.map(|stopped| &stopped.target).collect()
    };
    let customers: Vec<&Client> = report.of_verdict(Verdict::Customer).filter(hit).collect();
    let theirs: HashSet<&Target> = customers.iter().flat_map(|client| targets_of(client)).collect();
    let of_report: HashSet<&Target> =
        report.blocked.targets().iter().map(|stopped| &stopped.target).collect();
    let (others, by_both): (Vec<&Target>, Vec<&Target>) = now
        .targets
        .iter()
        .filter(|target| !theirs.contains(target))
        .partition(|target| of_report.contains(target));
    if customers.is_empty() || others.is_empty() && by_both.is_empty() {
        return None;
    }
    let stay = |one: &&Tried| by_both.iter().all(|target| one.targets.contains(*target));
    let mut of_threshold: BTreeMap<u64, Mend> = BTreeMap::new();
    for one in tried.filter(|one| one.threshold > now.threshold).filter(stay) {
        let goes = |client: &&&Client| {
            client.rules.len() == 1
                && targets_of(client).iter().all(|target| !one.targets.contains(*target))
        };
        let spared = customers.iter().filter(goes).count() as u64;
        let let_go = others.iter().filter(|target| !one.targets.contains(**target)).count() as u64;
        let (customers, others) = (customers.len() as u64, others.len() as u64);
        let (from, to) = (now.threshold, one.threshold);
        let mend = Mend { param: None, from, to, customers, spared, others, let_go };
        of_threshold.insert(to, mend);
    }
    // Of equal ones the lowest: it changes least.
    let gain = |mend: &Mend| {
        let spared = mend.spared as f64 / mend.customers as f64;
        spared - mend.let_go as f64 / mend.others.max(1) as f64
    };
    let good = of_threshold.into_values().filter(|mend| {
        mend.spared > 0 && mend.let_go * 2 <= mend.others && gain(mend) >= GAIN_LEAST
    });
    good.reduce(|best, next| if gain(&next) > gain(&best) { next } else { best })
}

/// The share of customers spared less the share of others let go must be this at least, to be worth
/// a line.
const GAIN_LEAST: f64 = 0.25;

/// Thresholds worth trying above one, in ascending order.
pub fn thresholds(now: u64) -> Vec<u64> {
    const STEPS: [(u64, u64); 8] =
        [(5, 4), (3, 2), (2, 1), (3, 1), (4, 1), (6, 1), (10, 1), (20, 1)];
    let step = |(times, of): (u64, u64)| now.saturating_mul(times).div_ceil(of).max(now + 1);
    let mut all: Vec<u64> = STEPS.into_iter().map(step).collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_rise_and_each_is_another() {
        assert_eq!(thresholds(1), [2, 3, 4, 6, 10, 20]);
        assert_eq!(thresholds(20), [25, 30, 40, 60, 80, 120, 200, 400]);
        assert_eq!(thresholds(u64::MAX - 1).last(), Some(&u64::MAX));
    }
}
