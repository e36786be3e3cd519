//! One document that is kept: what was read last, how it went, and when it is due again.
//!
//! The keeper reads; this remembers. The time is a value.

use super::super::{Document, Lease};
use crate::limits::{
    SECRET_GONE_SECS, SECRET_LOOK_SECS, SECRET_PAUSE_SECS_MAX, SECRET_REFUSED_SECS,
};
use crate::secret::{SecretError, SecretRef, SecretReport, SecretState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A kept document.
#[derive(Debug)]
pub(super) struct Entry {
    /// Any reference of the document; its field says nothing.
    reference: SecretRef,
    name: String,
    /// Held while it is read, so that many readers are one.
    reading: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    document: Option<Arc<Document>>,
    read_at: Option<Instant>,
    changed_at: Option<Instant>,
    lease_until: Option<Instant>,
    due: Instant,
    /// When it was last read because it was refused.
    hurried: Option<Instant>,
    failures: u32,
    /// Since when it can't be read.
    failing_since: Option<Instant>,
    fault: Option<String>,
}

/// Whether to read what another reader may have read just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Read, whatever is held.
    Anew,
    /// Another reader's answer does.
    UnlessHeld,
}

/// What a reading is worth telling of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// It is another than before.
    Changed,
    /// It could not be read, and now it can.
    Recovered,
    /// It can't be read, and wasn't told to be so before.
    Fault {
        fault: String,
        kept: bool,
    },
}

impl Entry {
    pub(super) fn new(reference: &SecretRef) -> Self {
        Self {
            reference: reference.clone(),
            name: reference.document(),
            reading: Mutex::new(()),
            state: Mutex::new(State {
                document: None,
                read_at: None,
                changed_at: None,
                lease_until: None,
                due: Instant::now(),
                hurried: None,
                failures: 0,
                failing_since: None,
                fault: None,
            }),
        }
    }

    pub(super) const fn reference(&self) -> &SecretRef {
        &self.reference
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn begin_reading(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read last.
    pub(super) fn held(&self) -> Option<Arc<Document>> {
        self.lock().document.clone()
    }

    /// What may be said without a reading: what is held, or the failure while its pause lasts.
    pub(super) fn answer(&self, now: Instant) -> Option<Result<Arc<Document>, SecretError>> {
        let state = self.lock();
        match (&state.document, &state.fault) {
            (Some(document), _) => Some(Ok(Arc::clone(document))),
            (None, Some(fault)) if now < state.due => Some(Err(self.reference.unreadable(fault))),
            _ => None,
        }
    }

    /// The error where nothing is held.
    pub(super) fn missing(&self) -> SecretError {
        self.reference.unreadable("it was not read yet")
    }

    pub(super) fn due(&self) -> Instant {
        self.lock().due
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due()
    }

    pub(super) fn is_ill(&self) -> bool {
        self.lock().fault.is_some()
    }

    /// The lease of what is held, where it can be made longer and hasn't ended.
    pub(super) fn renewable(&self, now: Instant) -> Option<Lease> {
        let state = self.lock();
        // One that was refused is had anew, however long its lease lasts.
        let hurried = state.hurried.is_some_and(|at| state.read_at.is_some_and(|read| at > read));
        let lasts = state.lease_until.is_some_and(|until| now < until) && !hurried;
        let lease = state.document.as_ref()?.lease.clone()?;
        (lasts && lease.renewable).then_some(lease)
    }

    /// Its lease lasts so long from now on.
    pub(super) fn renewed(&self, lasts: Duration, reread: Duration) {
        let mut state = self.lock();
        let now = Instant::now();
        state.read_at = Some(now);
        state.lease_until = Some(now + lasts);
        // A lease's secret doesn't change while it lasts: only the lease is to be kept.
        state.due = now + due_after(Some(lasts), reread.max(lasts), true);
        (state.failures, state.failing_since, state.fault) = (0, None, None);
    }

    /// It was read.
    pub(super) fn succeeded(&self, document: Arc<Document>, reread: Duration) -> Told {
        let mut state = self.lock();
        let now = Instant::now();
        let changed = state.document.as_ref().is_some_and(|held| !held.says_the_same(&document));
        let recovered = state.fault.is_some();
        if changed {
            state.changed_at = Some(now);
        }
        let leased = document.lease.as_ref().map(|lease| lease.lasts);
        state.lease_until = leased.map(|lasts| now + lasts);
        let reread = match leased {
            // Each reading of such a secret makes another one.
            Some(lasts) => reread.max(lasts),
            None if self.reference.is_at_hand() => Duration::from_secs(SECRET_LOOK_SECS),
            None => reread,
        };
        state.due = now + due_after(document.good_for, reread, leased.is_some());
        state.document = Some(document);
        state.read_at = Some(now);
        (state.failures, state.failing_since, state.fault) = (0, None, None);
        match (changed, recovered) {
            (true, _) => Told::Changed,
            (false, true) => Told::Recovered,
            (false, false) => Told::Nothing,
        }
    }

    /// It could not be read.
    pub(super) fn failed(&self, error: &SecretError) -> Told {
        let fault = match error {
            SecretError::Unreadable { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        let mut state = self.lock();
        let now = Instant::now();
        state.failures = state.failures.saturating_add(1);
        let pause = if self.reference.is_at_hand() {
            Duration::from_secs(SECRET_LOOK_SECS)
        } else {
            pause_after(state.failures).mul_f64(0.5 + fastrand::f64() / 2.0)
        };
        state.due = now + pause;
        let failing = now.duration_since(*state.failing_since.get_or_insert(now));
        let ends = self.reference.is_at_hand() && !outlasts(error, failing);
        let dropped = ends && state.document.take().is_some();
        let is_new = dropped || state.fault.as_ref() != Some(&fault);
        state.fault = Some(fault.clone());
        let kept = state.document.is_some();
        if is_new { Told::Fault { fault, kept } } else { Told::Nothing }
    }

    /// It was refused where it is used: it is due now, unless it was so a moment ago.
    pub(super) fn hurry(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let lately = Duration::from_secs(SECRET_REFUSED_SECS);
        if state.hurried.is_some_and(|at| now.duration_since(at) < lately) {
            return false;
        }
        state.hurried = Some(now);
        state.due = now;
        true
    }

    pub(super) fn report(&self, now: Instant) -> SecretReport {
        let state = self.lock();
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at).as_secs());
        SecretReport {
            reference: self.name.clone(),
            state: match (&state.document, &state.fault) {
                (Some(_), None) => SecretState::Well,
                (Some(_), Some(_)) => SecretState::Kept,
                (None, Some(_)) => SecretState::Missing,
                (None, None) => SecretState::Reading,
            },
            age_secs: since(state.read_at),
            changed_secs: since(state.changed_at),
            fault: state.fault.clone().unwrap_or_default(),
        }
    }
}

/// Whether what was read of a secret on this machine stays in use, after it could not be read for so
/// long: a file that is being replaced may be absent for a moment. One that others can read or
/// write is used no longer, and neither is one that was taken away.
fn outlasts(error: &SecretError, failing: Duration) -> bool {
    matches!(error, SecretError::Unreadable { .. })
        && failing < Duration::from_secs(SECRET_GONE_SECS)
}

/// When to read again: after `reread`, and in time before it ends, where the vault says how long
/// it lasts. What a vault only recommends is not followed below a second.
fn due_after(good_for: Option<Duration>, reread: Duration, leased: bool) -> Duration {
    let Some(lasts) = good_for else { return reread };
    let in_time = if leased { lasts.mul_f64(2.0 / 3.0) } else { lasts };
    in_time.min(reread).max(Duration::from_secs(1))
}

/// The longest pause after so many failures in a row.
fn pause_after(failures: u32) -> Duration {
    let doubled = 1_u64 << failures.min(16).saturating_sub(1);
    Duration::from_secs(doubled.min(SECRET_PAUSE_SECS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn document(text: &str) -> Arc<Document> {
        Arc::new(Document::of(Secret::new(text.to_owned())))
    }

    #[test]
    fn a_value_that_was_had_stays_while_its_place_cant_be_read() {
        let entry = Entry::new(&SecretRef::parse("vault:kv/a#b").unwrap());
        let reread = Duration::from_mins(5);
        let down = entry.reference().unreadable("it is down");
        assert!(entry.answer(Instant::now()).is_none(), "nothing is known yet");
        assert_eq!(entry.failed(&down), Told::Fault { fault: "it is down".into(), kept: false });
        let answer = entry.answer(Instant::now()).unwrap();
        assert!(answer.unwrap_err().to_string().contains("it is down"), "until its pause is over");
        assert!(entry.answer(entry.due()).is_none(), "then it is tried again");
        assert_eq!(entry.failed(&down), Told::Nothing, "told once");
        assert_eq!(entry.succeeded(document("one"), reread), Told::Recovered);
        assert_eq!(entry.report(Instant::now()).state, SecretState::Well);
        assert_eq!(entry.failed(&down), Told::Fault { fault: "it is down".into(), kept: true });
        assert_eq!(entry.answer(entry.due()).unwrap().unwrap(), document("one"));
        assert_eq!(entry.report(Instant::now()).state, SecretState::Kept);
        assert_eq!(entry.succeeded(document("two"), reread), Told::Changed);
        assert_eq!(entry.succeeded(document("two"), reread), Told::Nothing);
        assert_eq!(entry.report(Instant::now()).changed_secs, Some(0));
    }

    #[test]
    fn pauses_grow_to_a_limit_and_a_refusal_hurries_once() {
        let longest = Duration::from_secs(SECRET_PAUSE_SECS_MAX);
        assert_eq!(pause_after(1), Duration::from_secs(1));
        assert_eq!(pause_after(4), Duration::from_secs(8));
        assert_eq!((pause_after(30), pause_after(u32::MAX)), (longest, longest));
        let entry = Entry::new(&SecretRef::parse("vault:kv/a#b").unwrap());
        entry.succeeded(document("one"), Duration::from_mins(5));
        let now = Instant::now();
        assert!(!entry.is_due(now));
        assert!(entry.hurry(now) && entry.is_due(now));
        entry.succeeded(document("one"), Duration::from_mins(5));
        assert!(!entry.hurry(now + Duration::from_secs(1)), "not at once again");
        assert!(entry.hurry(now + Duration::from_secs(SECRET_REFUSED_SECS)));
    }

    #[test]
    fn what_is_on_this_machine_is_kept_only_over_a_short_trouble() {
        let secs = Duration::from_secs;
        let reference = SecretRef::parse("file:/a").unwrap();
        let gone = reference.unreadable("No such file");
        let exposed = SecretError::Exposed { path: "/a".to_owned(), mode: 0o644 };
        assert!(outlasts(&gone, secs(SECRET_GONE_SECS - 1)));
        assert!(!outlasts(&gone, secs(SECRET_GONE_SECS)));
        assert!(!outlasts(&exposed, Duration::ZERO));
        let entry = Entry::new(&reference);
        entry.succeeded(document("one"), secs(300));
        entry.failed(&gone);
        assert_eq!(entry.held(), Some(document("one")));
        let told = entry.failed(&exposed);
        assert!(matches!(told, Told::Fault { kept: false, .. }), "{told:?}");
        assert_eq!(
            (entry.held(), entry.report(Instant::now()).state),
            (None, SecretState::Missing)
        );
        assert_eq!(entry.succeeded(document("two"), secs(300)), Told::Recovered);
        assert_eq!(entry.held(), Some(document("two")));
    }

    #[test]
    fn it_is_due_before_it_ends() {
        let secs = Duration::from_secs;
        assert_eq!(due_after(None, secs(300), false), secs(300));
        assert_eq!(due_after(Some(secs(30)), secs(300), false), secs(30));
        assert_eq!(due_after(Some(secs(60)), secs(300), true), secs(40));
        assert_eq!(due_after(Some(secs(3_600)), secs(300), false), secs(300));
        assert_eq!(due_after(Some(Duration::ZERO), secs(300), true), secs(1));
    }
}
