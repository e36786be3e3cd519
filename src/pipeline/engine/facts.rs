//! Facts about this machine, as they are found out off the engine's thread.

use super::{Engine, Facts};
use crate::clock;

impl Engine {
    /// Takes them: who may not be blocked, from now on.
    pub(super) fn facts(&mut self, facts: &Facts) {
        let now = clock::now();
        let mut commit = self.begin(now);
        let steps = self.desk.book(|desk| desk.set_own(&facts.own));
        self.steps(steps, "facts", now, &mut commit);
        for admin in &facts.admins {
            let steps = self.desk.book(|desk| desk.admin_login(*admin, now));
            self.steps(steps, "facts", now, &mut commit);
        }
        for (name, addresses) in &facts.names {
            let steps = self.desk.book(|desk| desk.resolved(name, addresses, now));
            self.steps(steps, "facts", now, &mut commit);
        }
        let ended = self.end_refused_changes(&mut commit, now);
        if commit.lifts.is_empty() && commit.decisions.is_empty() && ended == 0 {
            // Nothing follows: the inputs wait for a transaction that has a reason.
            self.pending = commit.inputs;
        } else {
            self.finish(commit);
        }
    }
}
