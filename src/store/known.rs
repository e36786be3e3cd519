//! What the store holds already: for a recovery, which evaluates inputs again.

use super::subject::id_bytes;
use super::{Reader, StoreError};
use crate::decisions::{DecisionId, HitId};
use rusqlite::params;

impl Reader {
    /// Whether a hit was committed: it has a row, or its id is remembered without one.
    pub fn has_hit(&self, id: HitId) -> std::result::Result<bool, StoreError> {
        self.ask(|view| {
            view.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM hits WHERE id = ?1)
                 OR EXISTS (SELECT 1 FROM seen WHERE id = ?1)",
            )?
            .query_row(params![id_bytes(id.0)], |row| row.get(0))
        })
    }

    /// Whether a decision still waits for the ceiling of blocks a minute.
    pub fn is_queued(&self, id: DecisionId) -> std::result::Result<bool, StoreError> {
        self.ask(|view| {
            view.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM decisions WHERE id = ?1 AND verdict = 'queued')",
            )?
            .query_row(params![id_bytes(id.0)], |row| row.get(0))
        })
    }
}
