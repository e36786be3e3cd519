//! Logins of one client at one kind of door: how many failed, how many got in, and after how many
//! failures.

use super::look::{Answer, Look};
use crate::clock::Timestamp;
use std::time::Duration;

/// A login whose answer does not tell got in when a page that is no login follows within this.
const CONFIRMED_WITHIN: Duration = Duration::from_hours(1);

/// A client's logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Logins {
    /// Refused ones.
    pub failed: u64,
    /// Accepted ones.
    pub succeeded: u64,
    /// The most failures in a row that ended with getting in.
    pub got_in_after: Option<u64>,
    in_a_row: u64,
    open: Option<Timestamp>,
}

impl Logins {
    /// A try.
    pub fn attempt(&mut self, look: &Look) {
        if self.open.take().is_some() {
            // It tries again: the last one can't have got in.
            self.fail(1);
        }
        match look.answer {
            Answer::Good => self.succeed(look.times),
            Answer::Open => self.open = Some(look.time),
            // Our own fault says nothing of the password.
            Answer::Failed => {}
            Answer::Missing | Answer::Refused | Answer::Bad => self.fail(look.times),
        }
    }

    /// A page was answered well: a login that was open got in.
    pub fn saw_page(&mut self, time: Timestamp) {
        if self.open.take().is_some_and(|open| time.since(open) <= CONFIRMED_WITHIN) {
            self.succeed(1);
        }
    }

    fn fail(&mut self, times: u64) {
        self.failed += times;
        self.in_a_row += times;
    }

    fn succeed(&mut self, times: u64) {
        self.succeeded += times;
        self.got_in_after = Some(self.got_in_after.unwrap_or(0).max(self.in_a_row));
        self.in_a_row = 0;
    }
}
