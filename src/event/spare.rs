//! Memory of events that nobody holds any more, for the candidates to come: asking the system for it
//! and giving it back, one event at a time, cost as much as all the rest of keeping one.
//!
//! In: events that are let go, by whoever kept them. Out: the same memory, for who copies events. The
//! two may be different threads, so lists go over as a whole and nobody waits: where another thread is
//! at them just now, memory is asked for and given back as ever.

use super::Event;
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
        let Some(spare) = Arc::get_mut(&mut event) else { return };
        spare.let_go();
        self.0.push(event);
        if self.0.len() >= SPARE_EVENTS_LISTED {
            self.hand_over();
        }
    }

    /// A copy of an event, in memory that is at hand where there is some.
    #[inline]
    pub fn copy(&mut self, event: &Event) -> Arc<Event> {
        if self.0.is_empty() {
            self.fetch();
        }
        if let Some(mut spare) = self.0.pop()
            && let Some(place) = Arc::get_mut(&mut spare)
        {
            place.copy_from(event);
            return spare;
        }
        Arc::new(event.clone())
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
    use crate::clock::Timestamp;
    use crate::event::{Field, Kind, Origin, Value};
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
    fn a_copy_in_used_memory_is_as_any_other() {
        let mut spares = Spares::default();
        let mut plain = Event::new(Kind::Http, Timestamp::EPOCH);
        plain.set(Field::Status, Value::Int(200));
        for (before, after) in [(event("long"), event("a")), (event("b"), plain.clone())] {
            let before = Arc::new(before);
            let place = Arc::as_ptr(&before);
            spares.give(before);
            let copy = spares.copy(&after);
            assert_eq!(Arc::as_ptr(&copy), place);
            assert_eq!(format!("{copy:?}"), format!("{after:?}"));
        }
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
        there.copy(&event("y"));
        assert!(there.0.len() < SPARE_EVENTS_LISTED);
    }
}
