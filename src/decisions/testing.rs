//! Short ways to make decisions and times, for the tests of this stage.

use super::ids;
use super::model::{Decision, HitId, Remedy, Route, Target};
use crate::clock::Timestamp;
use crate::event::net::parse_net;
use ipnet::IpNet;
use std::time::Duration;

pub fn secs(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

pub fn net(text: &str) -> IpNet {
    parse_net(text).unwrap()
}

/// A block by `test-rule` from second `from` on, for `duration` seconds or for ever.
pub fn block(target: &str, from: i64, duration: Option<u64>) -> Decision {
    let target = Target::parse(target).unwrap();
    let hit = ids::hit_id(
        "test-rule",
        &target.to_string(),
        ids::Place {
            stream: "test",
            offset: u64::try_from(from).unwrap(),
            ordinal: 0,
        },
    );
    Decision {
        id: ids::decision_id(hit, u32::try_from(duration.unwrap_or(0)).unwrap()),
        hit: Some(HitId(hit.0)),
        rule: "test-rule".into(),
        target,
        remedy: Remedy::Block,
        from: secs(from),
        until: duration.map(|duration| secs(from).plus(Duration::from_secs(duration))),
        reason: "a test".to_owned(),
        via: None,
        route: Route::Unknown,
    }
}

/// A decision that a person made.
pub fn manual(target: &str, remedy: Remedy, from: i64, duration: Option<u64>) -> Decision {
    let block = block(target, from, duration);
    Decision {
        id: ids::outside_decision_id("manual", &block.target, remedy, block.from),
        hit: None,
        rule: "manual".into(),
        remedy,
        ..block
    }
}
