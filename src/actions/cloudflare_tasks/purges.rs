//! Purges that wait for each other: what several ask for within two seconds goes in one call, a
//! hundred things in each.

use super::{Account, TOKEN_PAUSE};
use crate::actions::breaker::backoff;
use crate::actions::effect_worker::Attempt;
use crate::cloudflare::Call;
use crate::cloudflare::purge::{self, What};
use crate::decisions::{ActionId, PurgeWhat};
use crate::limits::{
    CLOUDFLARE_PURGE_ITEMS_MAX, PURGE_WAIT_MILLIS, SECRET_WAIT_SECS_MAX, TASK_ATTEMPTS_MAX,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A purge waits this long for a token that can't be read.
const TOKEN_WAIT_MAX: Duration = Duration::from_secs(SECRET_WAIT_SECS_MAX);

/// What waits, by zone.
#[derive(Debug, Default)]
pub(super) struct Purges {
    zones: BTreeMap<String, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    what: PurgeWhat,
    actions: Vec<ActionId>,
    due: Instant,
    tries: u32,
    since: Instant,
}

/// One kind of what can be purged, of its items.
type Kind = fn(Vec<String>) -> What;

/// The parts of what is to be purged, one a call.
fn parts(what: &PurgeWhat) -> Vec<What> {
    if what.everything {
        return vec![What::Everything];
    }
    let kinds: [(&[String], Kind); 4] = [
        (&what.files, What::Files),
        (&what.tags, What::Tags),
        (&what.hosts, What::Hosts),
        (&what.prefixes, What::Prefixes),
    ];
    let of_kind = |(items, kind): (&[String], Kind)| -> Vec<What> {
        items.chunks(CLOUDFLARE_PURGE_ITEMS_MAX).map(|items| kind(items.to_vec())).collect()
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

/// The calls that it takes.
pub(super) fn calls(zone: &str, what: &PurgeWhat) -> Vec<Call> {
    parts(what).iter().map(|part| purge::purge(zone, part)).collect()
}

/// Takes what was purged off the list.
fn done(what: &mut PurgeWhat, part: &What) {
    let (list, gone) = match part {
        What::Everything => {
            *what = PurgeWhat::default();
            return;
        }
        What::Files(gone) => (&mut what.files, gone),
        What::Tags(gone) => (&mut what.tags, gone),
        What::Hosts(gone) => (&mut what.hosts, gone),
        What::Prefixes(gone) => (&mut what.prefixes, gone),
    };
    list.drain(..gone.len().min(list.len()));
}

impl Purges {
    /// Takes a purge up.
    pub(super) fn add(&mut self, id: ActionId, zone: &str, what: &PurgeWhat, now: Instant) {
        let due = now + Duration::from_millis(PURGE_WAIT_MILLIS);
        let waiting = self.zones.entry(zone.to_owned()).or_insert_with(|| Waiting {
            what: PurgeWhat::default(),
            actions: Vec::new(),
            due,
            tries: 0,
            since: now,
        });
        waiting.what.merge(what);
        waiting.actions.push(id);
    }

    pub(super) fn waits(&self) -> bool {
        !self.zones.is_empty()
    }

    /// Sends what is due, or all of it; gives the actions that ended.
    pub(super) fn flush(
        &mut self,
        account: &mut Account,
        now: Instant,
        all: bool,
    ) -> Vec<(ActionId, Attempt)> {
        let mut ended = Vec::new();
        for (zone, mut waiting) in std::mem::take(&mut self.zones) {
            // What was tried, or waits for a token, keeps its pause however much there is.
            let fresh = waiting.due == waiting.since + Duration::from_millis(PURGE_WAIT_MILLIS);
            let full = waiting.what.len() >= CLOUDFLARE_PURGE_ITEMS_MAX && fresh;
            if !all && !full && waiting.due > now {
                self.zones.insert(zone, waiting);
                continue;
            }
            let attempt = match send(account, &zone, &mut waiting.what) {
                Ok(()) => Attempt::Done,
                // A token that can't be read yet costs no attempt.
                Err(Attempt::Wait(reason)) if !all && now - waiting.since < TOKEN_WAIT_MAX => {
                    tracing::warn!(zone, reason, "a purge waits for a secret");
                    waiting.due = now + TOKEN_PAUSE;
                    self.zones.insert(zone, waiting);
                    continue;
                }
                Err(Attempt::Wait(reason)) => Attempt::Failed(reason),
                Err(Attempt::Retry { reason, after, may_have_arrived }) => {
                    waiting.tries += 1;
                    if waiting.tries < TASK_ATTEMPTS_MAX {
                        tracing::warn!(zone, reason, "a purge is tried again");
                        let pause = backoff(waiting.tries, Duration::from_secs(1));
                        waiting.due = now + pause.max(after.unwrap_or_default());
                        self.zones.insert(zone, waiting);
                        continue;
                    }
                    if may_have_arrived {
                        Attempt::Unconfirmed(reason)
                    } else {
                        Attempt::Failed(reason)
                    }
                }
                Err(attempt) => attempt,
            };
            ended.extend(waiting.actions.into_iter().map(|id| (id, attempt.clone())));
        }
        ended
    }
}

fn send(account: &mut Account, zone: &str, what: &mut PurgeWhat) -> Result<(), Attempt> {
    let id = account.zone(zone)?;
    for part in parts(what) {
        account.send(&purge::purge(&id, &part))?;
        done(what, &part);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(range: std::ops::Range<usize>) -> PurgeWhat {
        let files = range.map(|n| format!("https://example.com/{n}")).collect();
        PurgeWhat { files, ..PurgeWhat::default() }
    }

    #[test]
    fn a_hundred_go_in_a_call_and_what_went_is_not_sent_again() {
        let mut what = files(0..250);
        what.tags.push("a".to_owned());
        let parts = parts(&what);
        assert_eq!(parts.len(), 4);
        done(&mut what, &parts[0]);
        done(&mut what, &parts[3]);
        assert_eq!(what, files(100..250));
        what.everything = true;
        assert_eq!(super::parts(&what), [What::Everything]);
    }
}
