//! Answers that are kept: bounded in number and in time. The time is a value.

use super::Fields;
use crate::limits::ENRICHER_ANSWERS_MAX;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Answers by key, the oldest first out.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: HashMap<String, (Fields, Instant)>,
    /// Keys in the order in which they came, each with when.
    order: VecDeque<(String, Instant)>,
}

impl Answers {
    /// What is known of a key and not too old.
    pub(super) fn get(&self, key: &str, now: Instant, ttl: Duration) -> Option<&Fields> {
        let (fields, since) = self.kept.get(key)?;
        (now.saturating_duration_since(*since) < ttl).then_some(fields)
    }

    /// Keeps an answer.
    pub(super) fn insert(&mut self, key: String, fields: Fields, now: Instant) {
        self.kept.insert(key.clone(), (fields, now));
        self.order.push_back((key, now));
        // A key that was answered again stands in the order twice; its first place is passed over.
        while self.order.len() > ENRICHER_ANSWERS_MAX {
            let Some((key, at)) = self.order.pop_front() else {
                return;
            };
            if self.kept.get(&key).is_some_and(|(_, since)| *since == at) {
                self.kept.remove(&key);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn answers_grow_old_and_make_room() {
        let mut answers = Answers::default();
        let now = Instant::now();
        let ttl = Duration::from_secs(10);
        answers.insert("a".to_owned(), Arc::default(), now);
        assert!(answers.get("a", now + Duration::from_secs(9), ttl).is_some());
        assert!(answers.get("a", now + ttl, ttl).is_none());
        assert!(answers.get("b", now, ttl).is_none());
        for number in 0..ENRICHER_ANSWERS_MAX * 2 {
            answers.insert(number.to_string(), Arc::default(), now);
        }
        assert_eq!(answers.len(), ENRICHER_ANSWERS_MAX);
        assert!(answers.get("a", now, ttl).is_none());
        for _ in 0..ENRICHER_ANSWERS_MAX * 2 {
            answers.insert("same".to_owned(), Arc::default(), Instant::now());
        }
        assert!(answers.get("same", Instant::now(), ttl).is_some());
        assert!(answers.len() <= ENRICHER_ANSWERS_MAX);
    }
}
