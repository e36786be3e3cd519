//! What follows from a failure: how long nothing is tried, what is no longer known, what is told.

use super::Cloudflare;
use super::chunk::Chunk;
use super::site::SiteError;
use super::spill::Denied;
use crate::actions::enforcer::EnforceError;
use crate::cloudflare::{Area, Call, ErrorKind, lists};
use crate::limits::CLOUDFLARE_BACKOFF_SECS_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long to wait when another change of the account's lists is under way.
const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// How long to wait when the token is refused: a person has to do something.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

impl Cloudflare {
    /// Uses the token as it is now, when it is another than before and Cloudflare accepts it.
    pub(super) fn renew_token(&mut self) {
        let Some(client) = &self.client else { return };
        let trial = self.trial();
        self.rotation.renew(client, &self.config, &trial);
    }

    /// The token in use was refused: it may have been rotated.
    fn token_was_refused(&mut self) {
        let Some(client) = &self.client else { return };
        let trial = self.trial();
        self.rotation.was_refused(client, &self.config, &trial);
    }

    /// What a new token is tried with.
    fn trial(&self) -> Call {
        match &self.site {
            Some(site) => lists::all(&site.account),
            None => Call::get(Area::Zones, "/zones").query("per_page", "5"),
        }
    }

    /// The place and what fits may all be others by now.
    pub(super) fn forget(&mut self) {
        self.stale = false;
        (self.site, self.present, self.room) = (None, None, usize::MAX);
        (self.refused, self.foreign_rules) = (BTreeMap::new(), BTreeSet::new());
        (self.chunk, self.removal) = (Chunk::new(), Chunk::new());
        (self.stuck, self.stuck_orphans) = (BTreeMap::new(), BTreeSet::new());
        self.denied = Denied::default();
        self.sort_out();
    }

    /// What follows from a failure, and how long to wait.
    pub(super) fn failed(&mut self, error: SiteError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let backoff =
            Duration::from_secs((1 << self.failures.min(10)).min(CLOUDFLARE_BACKOFF_SECS_MAX))
                .mul_f64(0.5 + fastrand::f64() / 2.0);
        let error = match error {
            SiteError::Api(error) => error,
            SiteError::Config(text) => {
                self.site = None;
                self.trouble = Some(EnforceError::Down(text));
                return REFUSED_PAUSE;
            }
        };
        if error.may_have_happened() {
            // Only reading back tells.
            self.present = None;
        }
        let wait = error.wait.unwrap_or_default();
        match error.kind {
            ErrorKind::Budget => {
                // That it has to wait is no failure, and ends none.
                self.failures -= 1;
                return wait.max(Duration::from_millis(100));
            }
            // Another change of the account's lists: ours from before a restart, or another tool's.
            ErrorKind::Busy if self.failures < 10 => return wait.max(BUSY_PAUSE),
            ErrorKind::NotFound => {
                self.site = None;
                self.present = None;
            }
            ErrorKind::Forbidden => {
                // The budget is the user's, and stays.
                self.token_was_refused();
                self.trouble = Some(EnforceError::Down(error.to_string()));
                return REFUSED_PAUSE.min(backoff * 4);
            }
            _ => {}
        }
        self.trouble = Some(if error.may_have_happened() {
            EnforceError::Unconfirmed(error.to_string())
        } else {
            EnforceError::Failed(error.to_string())
        });
        backoff.max(wait)
    }
}
