//! Subscriptions, and what was used.

use super::reply::Reply;
use super::world::{Plan, World};
use crate::clock;
use serde_json::json;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// `/accounts/{account}/subscriptions`
pub(super) fn subscriptions(world: &World) -> Reply {
    let plan = world.options.plan;
    let price = match plan {
        Plan::Free => 0,
        Plan::Pro => 25,
        Plan::Business => 250,
        Plan::Enterprise => 5_000,
    };
    let rows = world.zones.iter().map(|zone| {
        json!({
            "id": zone.id, "state": "Paid", "price": price, "currency": "USD", "frequency": "monthly",
            "current_period_start": world.started,
            "current_period_end": clock::now().plus(30 * DAY).to_string(),
            "rate_plan": {
                "id": plan.name(), "public_name": format!("{} plan", plan.name()), "currency": "USD",
                "scope": "zone", "sets": [], "is_contract": false, "externally_managed": false,
            },
        })
    });
    Reply::result(rows.collect())
}

/// `/accounts/{account}/billing/usage`: seven days.
pub(super) fn usage() -> Reply {
    let rows = (0..7_u32).map(|day| {
        let at = clock::now().minus(DAY * (6 - day));
        json!({
            "ts": at.as_secs(), "workersRequests": 1_000 + 100 * u64::from(day),
            "workersKVReads": 40, "rateLimitingRequestsAllowed": 0, "argoAcceleratedBytes": 0,
        })
    });
    Reply::result(rows.collect())
}
