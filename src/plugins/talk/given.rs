//! The secrets that a running program was given: have they been rotated since?

use super::Launch;
use crate::limits::PLUGIN_SECRETS_LOOK_SECS;
use crate::process::resolve_secret;
use crate::secret::{Secret, SecretRef};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a program was given.
#[derive(Debug)]
pub(super) struct Given {
    secrets: Vec<(SecretRef, Secret)>,
    looked: Mutex<Instant>,
}

impl Given {
    pub(super) fn new(launch: &Launch, secrets: &BTreeMap<String, Secret>) -> Self {
        let given = launch.secrets.iter();
        let secrets = given
            .filter_map(|(name, reference)| Some((reference.clone(), secrets.get(name)?.clone())));
        Self { secrets: secrets.collect(), looked: Mutex::new(Instant::now()) }
    }

    /// Whether one of them is another now; looked at no more often than its bound says.
    pub(super) fn are_outdated(&self, now: Instant) -> bool {
        if self.secrets.is_empty() {
            return false;
        }
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let often = Duration::from_secs(PLUGIN_SECRETS_LOOK_SECS);
        if now.saturating_duration_since(*looked) < often {
            return false;
        }
        *looked = now;
        let is_other = |(reference, given): &(SecretRef, Secret)| {
            resolve_secret(reference).is_ok_and(|secret| secret != *given)
        };
        self.secrets.iter().any(is_other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_rotated_secret_is_seen_at_the_next_look_and_a_lost_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("first");
        let reference = SecretRef::File(path.clone());
        let secret = Secret::new("first".to_owned());
        let begun = Instant::now();
        let given = Given { secrets: vec![(reference, secret)], looked: Mutex::new(begun) };
        let later = |looks: u64| begun + Duration::from_secs(looks * PLUGIN_SECRETS_LOOK_SECS);
        assert!(!given.are_outdated(later(1)));
        write("second");
        assert!(!given.are_outdated(later(1)), "not looked at yet");
        assert!(given.are_outdated(later(2)));
        std::fs::remove_file(&path).unwrap();
        assert!(!given.are_outdated(later(3)));
    }
}
