//! The guard's last check once more, right before a call: blocks gather for seconds, and who was let
//! in meanwhile must not be among them.

use super::Cloudflare;
use super::measure::Measure;
use crate::clock::Timestamp;
use crate::decisions::{Decision, DecisionId, Route, Target};
use crate::telemetry::{self, names};
use ipnet::IpNet;

impl Cloudflare {
    /// Those that may still be put in force; the others stand no longer.
    pub(super) fn still_allowed(&mut self, measure: Measure, nets: &[IpNet]) -> Vec<IpNet> {
        let Some(check) = self.check.clone() else { return nets.to_vec() };
        let mut allowed = Vec::with_capacity(nets.len());
        for net in nets {
            let standing = self.standing[measure].get(net);
            let decision = Decision {
                id: DecisionId(0),
                hit: None,
                rule: standing.map_or_else(|| "".into(), |standing| standing.why.clone()),
                target: Target::Net(*net),
                remedy: measure.remedy(),
                from: Timestamp::EPOCH,
                until: standing.and_then(|standing| standing.until),
                reason: String::new(),
                via: None,
                route: Route::Unknown,
            };
            if check.may_send(&decision) {
                allowed.push(*net);
                continue;
            }
            telemetry::counter(names::ACTIONS_REFUSED_LAST).add(1);
            tracing::warn!(
                destination = self.config.name,
                target = %decision.target,
                rule = %decision.rule,
                "refused by the last check, right before it was sent"
            );
            self.standing[measure].remove(net);
            self.barred.insert((measure, *net));
        }
        allowed
    }
}
