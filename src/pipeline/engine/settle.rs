//! What people have said, in config and store, as the desk must have it: allowlist, panic, the end
//! of the first days. At start before the first action leaves, and again at a reload.

use super::Engine;
use crate::clock;
use crate::decisions::{Entry, Subject};
use crate::pipeline::{machine, meta};
use crate::store::{AllowEntry, StoreError};
use std::sync::Arc;

impl Engine {
    /// Puts the allowlist of config and store, this machine's addresses and a panic in force, and
    /// lifts what stands against them.
    pub(in crate::pipeline) fn settle(&mut self) -> Result<(), StoreError> {
        let now = clock::now();
        let from_config = self.config.guard.allow.iter().filter_map(|text| {
            Some(Entry {
                subject: Subject::parse(text)?,
                comment: "`guard.allow` of the config".to_owned(),
                added: now,
                by: "config".to_owned(),
                until: None,
            })
        });
        let store = Arc::clone(&self.store);
        let (_, rows) = store.read().allowlist()?;
        let valid = |row: &AllowEntry| row.until.is_none_or(|until| until > now);
        let from_store = rows.into_iter().filter(valid).filter_map(|row| {
            Some(Entry {
                subject: Subject::parse(&row.entry)?,
                comment: row.note,
                added: row.added,
                by: "command line".to_owned(),
                until: row.until,
            })
        });
        let entries: Vec<Entry> = from_config.chain(from_store).collect();
        self.settle_with(entries, meta::panic(store.read())?);
        let over = self.config.guard.first_days.is_zero() || meta::armed(store.read())?;
        if over && let Some(report) = self.desk().guard.arm() {
            tracing::info!(report = report.words(), "the first days are over");
        }
        Ok(())
    }

    fn settle_with(&mut self, entries: Vec<Entry>, panic: bool) {
        let now = clock::now();
        let saved: Vec<_> =
            self.desk().guard.allowlist().entries().map(|entry| entry.subject.clone()).collect();
        let mut commit = self.begin(now);
        for subject in saved {
            if !entries.iter().any(|entry| entry.subject == subject) {
                self.desk().disallow(&subject);
            }
        }
        for entry in entries {
            let allowed = self.desk.try_book(|desk| desk.allow(entry));
            match allowed {
                Ok(steps) => self.steps(steps, "config", now, &mut commit),
                Err(full) => self.alarm("allowlist", full.to_string()),
            }
        }
        let steps = self.desk.book(|desk| desk.set_own(&machine::own_addresses()));
        self.steps(steps, "config", now, &mut commit);
        // A panic that was on when riposte stopped lifts also what the store still held.
        if panic || self.desk().guard.panic() {
            let steps = self.desk.book(|desk| desk.set_panic(panic, now));
            self.steps(steps, "config", now, &mut commit);
        }
        self.end_refused_changes(&mut commit, now);
        self.finish(commit);
        self.renew_names();
    }
}
