//! One budget for all who call in the name of the same user, in one process; and full stops that
//! outlast it, in a file that other processes read when they begin.
//!
//! What other processes use up is learned from the replies' headers.

use super::budget::Budget;
use crate::clock::{self, Timestamp};
use crate::limits::CLOUDFLARE_STOP_SECS_MAX;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Users that one process works for; a config has a few.
const USERS_MAX: usize = 64;

/// Shorter stops are over before anybody could have started again.
const KEPT_FROM: Duration = Duration::from_secs(5);

/// The file's name in the state folder.
const FILE: &str = "cloudflare-stop.json";

/// Whose budget: the API's address and the user's name.
pub(super) type Key = (String, String);

/// A budget that several clients share.
pub(super) type SharedBudget = Arc<Mutex<Budget>>;

static BUDGETS: Mutex<Vec<(Key, SharedBudget)>> = Mutex::new(Vec::new());

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Lets full stops be kept in a folder, so that a restart doesn't end them. The first call counts.
pub fn keep_stops_in(folder: &Path) {
    // Another call of the same process names the same folder.
    drop(FOLDER.set(folder.to_owned()));
}

/// The budget of a user.
pub(super) fn budget(key: &Key) -> SharedBudget {
    let mut budgets = BUDGETS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = budgets.iter().find(|(known, _)| known == key) {
        return Arc::clone(known);
    }
    if budgets.len() >= USERS_MAX {
        budgets.remove(0);
    }
    let now = Instant::now();
    let mut budget = Budget::new(now);
    let left = FOLDER.get().and_then(|folder| stop_left(folder, key, clock::now()));
    if let Some(left) = left {
        budget.stop(left, now);
    }
    let budget = Arc::new(Mutex::new(budget));
    budgets.push((key.clone(), Arc::clone(&budget)));
    budget
}

/// Notes that nothing may be sent for so long.
pub(super) fn keep_stop(key: &Key, left: Duration) {
    let Some(folder) = FOLDER.get().filter(|_| left >= KEPT_FROM) else { return };
    if let Err(error) = write_stop(folder, key, left, clock::now()) {
        // Another start then finds out by a refusal of its own.
        tracing::debug!(%error, "a full stop can't be kept");
    }
}

fn name((base, user): &Key) -> String {
    format!("{base} {user}")
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read(folder.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn stop_left(folder: &Path, key: &Key, now: Timestamp) -> Option<Duration> {
    let until = Timestamp::parse_rfc3339(read(folder).get(&name(key))?)?;
    let left = until.since(now);
    // What lies further ahead than any stop was written by a clock that was wrong.
    (!left.is_zero() && left <= Duration::from_secs(CLOUDFLARE_STOP_SECS_MAX)).then_some(left)
}

fn write_stop(folder: &Path, key: &Key, left: Duration, now: Timestamp) -> std::io::Result<()> {
    let mut stops = read(folder);
    stops.retain(|_, until| Timestamp::parse_rfc3339(until).is_some_and(|until| until > now));
    stops.insert(name(key), now.plus(left).to_string());
    let beside = folder.join(format!("{FILE}.{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&serde_json::to_vec(&stops)?)?;
    std::fs::rename(&beside, folder.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_outlasts_the_process_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let key = ("https://a".to_owned(), String::new());
        let other = ("https://a".to_owned(), "other".to_owned());
        let now = Timestamp::from_secs(1_000_000);
        assert_eq!(stop_left(folder.path(), &key, now), None);
        write_stop(folder.path(), &key, Duration::from_mins(5), now).unwrap();
        let later = now.plus(Duration::from_mins(2));
        assert_eq!(stop_left(folder.path(), &key, later), Some(Duration::from_mins(3)));
        assert_eq!(stop_left(folder.path(), &other, later), None, "another user goes on");
        assert_eq!(stop_left(folder.path(), &key, now.plus(Duration::from_mins(5))), None);
        let before = Timestamp::from_secs(10);
        assert_eq!(stop_left(folder.path(), &key, before), None, "the clock was wrong");
        std::fs::write(folder.path().join(FILE), "[7, {").unwrap();
        assert_eq!(stop_left(folder.path(), &key, later), None);
    }

    #[test]
    fn who_calls_for_the_same_user_shares_a_budget() {
        let key = ("https://shared.example".to_owned(), String::new());
        let other = (key.0.clone(), "other".to_owned());
        assert!(Arc::ptr_eq(&budget(&key), &budget(&key)));
        assert!(!Arc::ptr_eq(&budget(&key), &budget(&other)));
    }
}
