//! Events that rules emit during a test: they count for coverage like those that the test feeds.

use super::Trial;
use crate::decisions::Ask;
use crate::pipeline::core::{Firing, emitted_event};
use std::sync::Arc;

impl Trial {
    /// Takes note of what a body emitted. The core has passed it on already; here it is only asked
    /// whom it concerns.
    pub(super) fn note_emitted(&mut self, firing: &Firing) {
        let Some(cover) = self.cover.as_mut().filter(|_| self.params.is_empty()) else { return };
        for ask in &firing.asks {
            let Ask::Emit { kind, fields } = ask else { continue };
            let event = Arc::new(emitted_event(kind, fields.clone(), &firing.hit));
            cover.event(&event);
            let mut rules = Vec::new();
            // Faults of predicates are told of by the core.
            self.rules.candidates_shared(&event, &mut rules, &mut Vec::new());
            self.met.extend(rules.into_iter().map(|rule| (rule, Arc::clone(&event))));
        }
    }
}
