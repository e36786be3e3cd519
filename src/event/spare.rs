//! Memory of events that nobody holds any more, for those to come: asking the system for it and giving
//! it back, one event at a time, cost as much as all the rest of keeping one.
//!
//! In: events that are let go, by whoever kept them. Out: the same memory, for who makes events. The
//! two may be different threads, so lists go over as a whole and nobody waits: where another thread is
//! at them just now, memory is asked for and given back as ever.

use super::{Event, Kind};
use crate::clock::Timestamp;
use crate::limits::{SPARE_EVENTS_LISTED, SPARE_LISTS_MAX};
use std::sync::{Arc, Mutex};

/// Lists that wait for somebody who needs them.
static LISTS: Mutex<Vec<Vec<Arc<Event>>>> = Mutex::new(Vec::new());

/// One holder's spare events.
#[derive(Debug, Default)]
pub struct Spares(Vec<Arc<Event>>);

impl Spares {
    /// Lets an event go; if nobody else holds it, its memory is kept. What it held of others is not.
    #[inline]
    pub fn give(&mut self, mut event: Arc<Event>) {
        // Asked first, for it costs less.
        if Arc::strong_count(&event) > 1 {
            return;
        }
        let Some(spare) = Arc::get_mut(&mut event) else { return };
        spare.let_go();
        self.0.push(event);
        if self.0.len() >= SPARE_EVENTS_LISTED {
            self.hand_over();
        }
    }

    /// An event that nobody else holds, in memory that is at hand where there is some. What it says
    /// means nothing until it is reset.
    #[inline]
    pub fn empty(&mut self) -> Arc<Event> {
        if self.0.is_empty() {
            self.fetch();
        }
        self.0.pop().unwrap_or_else(|| Arc::new(Event::new(Kind::Log, Timestamp::EPOCH)))
    }

    #[cold]
    fn hand_over(&mut self) {
        let full = std::mem::take(&mut self.0);
        if let Ok(mut lists) = LISTS.try_lock()
            && lists.len() < SPARE_LISTS_MAX
        {
            lists.push(full);
        }
    }

    /// Lets events go for whoever needs some next.
    pub fn give_all(events: impl Iterator<Item = Arc<Event>>) {
        let mut spares = Self::default();
        for event in events {
            spares.give(event);
        }
        if !spares.0.is_empty() {
            spares.hand_over();
        }
    }

    #[cold]
    fn fetch(&mut self) {
        if let Ok(mut lists) = LISTS.try_lock()
            && let Some(list) = lists.pop()
        {
            self.0 = list;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Field, Origin, Value};
    use bytes::Bytes;

    fn event(name: &str) -> Event {
        let mut event = Event::new(Kind::Custom(name.into()), Timestamp::from_secs(7));
        event.reset(Bytes::copy_from_slice(name.as_bytes()));
        event.origin = Arc::new(Origin { source: name.into(), stream: name.into() });
        event.kind = Kind::Custom(name.into());
        event.set_bytes(Field::Path, event.record().to_vec().as_slice());
        event.set_bytes(Field::Host, b"elsewhere");
        event.set(Field::Ip, Value::ip("2001:db8::1".parse().unwrap()));
        event.set_extra(&"tenant".into(), Value::text(name));
        event.offset = name.len() as u64;
        event.line = 3;
        event
    }

    #[test]
    fn an_event_in_used_memory_is_as_any_other() {
        let mut spares = Spares::default();
        let before = Arc::new(event("long"));
        let place = Arc::as_ptr(&before);
        spares.give(before);
        let mut used = spares.empty();
        assert_eq!(Arc::as_ptr(&used), place);
        let mut new = Event::new(Kind::Http, Timestamp::EPOCH);
        let used = Arc::get_mut(&mut used).unwrap();
        for event in [&mut new, used] {
            event.reset(Bytes::from_static(b"record"));
            event.origin = Arc::default();
            event.set(Field::Status, Value::Int(200));
        }
        let shown = |event: &Event| {
            (format!("{:?}", event.fields().collect::<Vec<_>>()), event.kind.clone(), event.time)
        };
        assert_eq!(shown(used), shown(&new));
        assert_eq!((used.offset, used.line, used.record()), (0, 0, &b"record"[..]));
    }

    #[test]
    fn what_is_still_held_is_left_alone_and_what_is_let_go_holds_nothing() {
        let mut spares = Spares::default();
        let (held, block) = (Arc::new(event("held")), Bytes::from(vec![b'x'; 9]));
        spares.give(Arc::clone(&held));
        assert!(spares.0.is_empty());
        assert_eq!(held.record(), b"held");
        let mut own = event("own");
        own.reset(block.clone());
        spares.give(Arc::new(own));
        assert!(block.is_unique());
        assert!(!format!("{:?}", spares.0).contains("elsewhere"));
    }

    #[test]
    fn lists_go_from_one_holder_to_another_and_are_bounded() {
        let (mut here, mut there) = (Spares::default(), Spares::default());
        for _ in 0..SPARE_EVENTS_LISTED * (SPARE_LISTS_MAX + 3) {
            here.give(Arc::new(event("x")));
        }
        assert!(here.0.is_empty());
        // Other tests may be at the lists at this moment.
        if let Ok(lists) = LISTS.try_lock() {
            assert!(lists.len() <= SPARE_LISTS_MAX);
        }
        there.empty();
        assert!(there.0.len() < SPARE_EVENTS_LISTED);
    }
}
