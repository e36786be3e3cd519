//! What the tests of this stage share.

use super::{Outbox, Wanted};
use crate::clock::{self, Timestamp};
use crate::decisions::{ActionId, Decision, DecisionId, Outcome, Remedy, Route, Target};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A block of `target`, for so many seconds from now.
pub(in crate::actions) fn block(target: &str, secs: Option<u64>) -> Decision {
    let now = clock::now();
    Decision {
        id: DecisionId(1),
        hit: None,
        rule: "test".into(),
        target: Target::parse(target).unwrap(),
        remedy: Remedy::Block,
        from: now,
        until: secs.map(|secs| now.plus(Duration::from_secs(secs))),
        reason: "a test".to_owned(),
        via: None,
        route: Route::Direct,
    }
}

/// An outbox that keeps everything, and what is wanted, set by the test.
#[derive(Debug, Default)]
pub(in crate::actions) struct Desk {
    pub(in crate::actions) records: Mutex<Vec<(ActionId, String, Outcome, u32)>>,
    pub(in crate::actions) wanted: Mutex<Vec<Decision>>,
    pub(in crate::actions) forbidden: Mutex<Vec<Target>>,
}

impl Outbox for Desk {
    fn record(
        &self,
        id: ActionId,
        destination: &str,
        outcome: &Outcome,
        attempt: u32,
        _: Timestamp,
    ) {
        let record = (id, destination.to_owned(), outcome.clone(), attempt);
        self.records.lock().unwrap().push(record);
    }
}

impl Wanted for Desk {
    fn wanted(&self) -> Vec<Decision> {
        self.wanted.lock().unwrap().clone()
    }

    fn may_send(&self, decision: &Decision) -> bool {
        !self.forbidden.lock().unwrap().contains(&decision.target)
    }
}

impl Desk {
    /// Waits for a record of this action that is not `Pending`.
    pub(in crate::actions) fn outcome(&self, id: u128) -> (String, Outcome, u32) {
        let found = wait_for(|| {
            let records = self.records.lock().unwrap();
            records
                .iter()
                .find(|(known, _, outcome, _)| known.0 == id && *outcome != Outcome::Pending)
                .map(|(_, destination, outcome, attempt)| {
                    (destination.clone(), outcome.clone(), *attempt)
                })
        });
        found.unwrap_or_else(|| panic!("no outcome of {id} in {:?}", self.records.lock().unwrap()))
    }
}

/// Asks again and again for at most ten seconds.
pub(in crate::actions) fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    loop {
        let answer = ask();
        if answer.is_some() || started.elapsed() > Duration::from_secs(10) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
