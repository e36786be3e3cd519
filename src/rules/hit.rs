//! The hit in a script: what a body sees of the firing it runs for.

use super::book::Api;
use super::event::ScriptEvent;
use super::values::{Address, Moment};
use crate::decisions::Hit;
use crate::event::{Field, ValueRef};
use rhai::{Array, Dynamic};
use std::sync::Arc;

/// Properties of a hit, for the reference and for `check`.
pub(super) const PROPERTIES: &[(&str, &str)] = &[
    ("rule", "The rule's name."),
    ("key", "The key it fired for, as text (`203.0.113.9`, `2001:db8:1:2::/64`)."),
    (
        "ip",
        "The address in the key, `()` where the key holds none; of an IPv6 client the one last seen.",
    ),
    ("count", "How many (or how much) the window saw."),
    ("first", "The time of the first event in the window."),
    ("last", "The time of the last."),
    ("time", "The time of the firing, in event time."),
    ("event", "The event that made it fire; for `absent` the last one seen."),
    ("events", "The latest events of this rule and key, oldest first, at most 16."),
    ("host", "The host of the event, `()` where it has none."),
];

/// A hit in a script.
#[derive(Clone)]
pub(super) struct ScriptHit(pub Arc<Hit>);

/// Registers the hit type.
pub(super) fn register(api: &mut Api<'_>) {
    api.engine
        .register_type_with_name::<ScriptHit>("hit")
        .register_get("rule", |h: &mut ScriptHit| h.0.rule.to_string())
        .register_get("key", |h: &mut ScriptHit| h.0.key.to_string())
        .register_get("ip", |h: &mut ScriptHit| {
            h.0.ip.map_or(Dynamic::UNIT, |address| Dynamic::from(Address(address)))
        })
        .register_get("count", |h: &mut ScriptHit| i64::try_from(h.0.count).unwrap_or(i64::MAX))
        .register_get("first", |h: &mut ScriptHit| Moment(h.0.first))
        .register_get("last", |h: &mut ScriptHit| Moment(h.0.last))
        .register_get("time", |h: &mut ScriptHit| Moment(h.0.time))
        .register_get("event", |h: &mut ScriptHit| ScriptEvent::new(Arc::clone(&h.0.event)))
        .register_get("events", |h: &mut ScriptHit| {
            let events = h.0.events.iter();
            events
                .map(|event| Dynamic::from(ScriptEvent::new(Arc::clone(event))))
                .collect::<Array>()
        })
        .register_get("host", |h: &mut ScriptHit| {
            h.0.event
                .get(Field::Host)
                .map_or(Dynamic::UNIT, |host: ValueRef<'_>| super::values::field_value(host))
        })
        .register_fn("to_string", |h: &mut ScriptHit| format!("{} for {}", h.0.rule, h.0.key))
        .register_fn("to_debug", |h: &mut ScriptHit| format!("{} for {}", h.0.rule, h.0.key));
}
