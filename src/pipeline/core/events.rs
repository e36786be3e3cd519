//! Events that the core makes itself: emitted ones, decisions made known, silence; and the queue
//! they wait in.

use crate::clock::Timestamp;
use crate::decisions::{Decision, Hit, ids};
use crate::event::{Event, Field, Key, Kind, Origin, Value};
use crate::limits;
use crate::telemetry::{self, names};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// An event that waits for its turn, with how it came to be.
pub(super) struct Pending {
    pub event: Arc<Event>,
    pub depth: u8,
    /// 0 for a record's own event, then 1, 2, … for those that rules emitted on its behalf: with
    /// the record's place it names the event.
    pub ordinal: u32,
    /// Made by a rule that listens to decisions: its decisions are not announced again.
    pub from_decision: bool,
}

/// The event whose turn it is, as [`Pending`] has it.
#[derive(Clone, Copy)]
pub(super) struct Cause<'e> {
    pub event: &'e Arc<Event>,
    pub depth: u8,
    pub ordinal: u32,
    pub from_decision: bool,
}

impl<'e> Cause<'e> {
    /// A record's own event, a timer's, or that of a silence.
    pub fn root(event: &'e Arc<Event>) -> Self {
        Self { event, depth: 0, ordinal: 0, from_decision: false }
    }
}

impl Pending {
    pub fn cause(&self) -> Cause<'_> {
        let (depth, ordinal) = (self.depth, self.ordinal);
        Cause { event: &self.event, depth, ordinal, from_decision: self.from_decision }
    }
}

/// What names an event for ever.
pub(super) fn place(event: &Event, ordinal: u32) -> ids::Place<'_> {
    ids::Place { stream: &event.origin.stream, offset: event.offset, ordinal }
}

/// Queues an event that a rule led to, within the bounds for one record. One that `make` doesn't
/// make, for no rule would hear of it, has its number all the same: the numbers name the others.
pub(super) fn push(
    waiting: &mut VecDeque<Pending>,
    emitted: &mut usize,
    make: impl FnOnce() -> Option<Event>,
    depth: u8,
    from_decision: bool,
) {
    if depth >= limits::EMIT_DEPTH_MAX || *emitted >= limits::EMITTED_PER_RECORD_MAX {
        telemetry::counter(names::EVENTS_EMITTED_SHED).add(1);
        return;
    }
    *emitted += 1;
    let ordinal = u32::try_from(*emitted).unwrap_or(u32::MAX);
    if let Some(event) = make() {
        let event = Arc::new(event);
        waiting.push_back(Pending { event, depth: depth + 1, ordinal, from_decision });
    }
}

/// The address that a key stands for: of an IPv6 client the one last seen.
pub(super) fn key_ip(key: &Key, event: &Event) -> Option<IpAddr> {
    let net = key.net_part()?;
    match event.ip(Field::Ip) {
        Some(address) if net.contains(&address) => Some(address),
        _ => Some(net.addr()),
    }
}

/// What `absent` shows where the last event is no longer held: a bare event with the key.
pub(super) fn absent_event(key: &Key, last: Timestamp) -> Arc<Event> {
    let mut event = Event::new(Kind::Custom("absent".into()), last);
    let stream = key.to_string().into();
    event.origin = Arc::new(Origin { source: "absent".into(), stream });
    event.offset = u64::try_from(last.as_micros()).unwrap_or(0);
    Arc::new(event)
}

/// An event by `emit`: it stands at the place of the event that led to it.
pub(in crate::pipeline) fn emitted_event(
    kind: &str,
    fields: Vec<(String, Value)>,
    hit: &Hit,
) -> Event {
    let mut event = Event::new(Kind::from_name(kind), hit.time);
    event.origin = Arc::clone(&hit.event.origin);
    event.offset = hit.event.offset;
    event.line = hit.event.line;
    for (name, value) in fields {
        match Field::from_name(&name) {
            Some(field) => event.set(field, value),
            None => event.set_extra(&Arc::from(name), value),
        }
    }
    event
}

/// The event that tells other rules of a decision.
pub(super) fn decision_event(decision: &Decision, hit: &Hit) -> Event {
    let mut event = emitted_event(Kind::Decision.name(), Vec::new(), hit);
    if let Some(net) = decision.target.net() {
        event.set(Field::Ip, Value::ip(hit.ip.filter(|ip| net.contains(ip)).unwrap_or(net.addr())));
    }
    event.set(Field::Target, Value::text(decision.target.to_string()));
    event.set(Field::Rule, Value::Text(Arc::clone(&decision.rule)));
    event.set(Field::Remedy, Value::text(decision.remedy.name()));
    event.set(Field::Reason, Value::text(&decision.reason));
    if let Some(duration) = decision.duration() {
        event.set(Field::Duration, Value::Float(duration.as_secs_f64()));
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the ids of hits would depend on whether some rule listens to decisions.
    #[test]
    fn an_event_that_nobody_hears_of_has_its_number_all_the_same() {
        let (mut waiting, mut emitted) = (VecDeque::new(), 0);
        for heard in [true, false, true] {
            let event = || heard.then(|| Event::new(Kind::Decision, Timestamp::EPOCH));
            push(&mut waiting, &mut emitted, event, 0, true);
        }
        let numbers: Vec<u32> = waiting.iter().map(|next| next.ordinal).collect();
        assert_eq!((numbers, emitted), (vec![1, 3], 3));
    }
}
