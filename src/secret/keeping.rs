//! The keeper of this process's secrets, as those see it who use them: one place that knows what was
//! read last, so that a vault is not asked at each use, and its fall takes nothing along.
//!
//! There is one for the whole process, like the counters: a reference may stand in any stage's
//! config, and all of them are resolved by the same call. Without one (tests, commands without a
//! config) secrets are read directly, and vaults can't be asked.

use super::{Secret, SecretError, SecretRef};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// What keeps secrets.
///
/// - `get` gives the value as it was read last where reading costs something, and reads at most
///   once where several ask at the same time. A value that was had once stays while its place
///   can't be read. It blocks for one reading at most.
/// - `refused` says that the value was refused where it was used: it may have been rotated, and is
///   read again soon, whatever its age, but not more often than the keeper finds fit.
/// - `report` tells of every secret that was asked for, never its value.
pub trait Keeping: Send + Sync + fmt::Debug {
    /// The secret as it is known now.
    fn get(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
    /// This value was refused.
    fn refused(&self, reference: &SecretRef, value: &Secret);
    /// How all of them are.
    fn report(&self) -> Vec<SecretReport>;
}

impl SecretState {
    /// Whether it can't be read.
    pub const fn is_ill(self) -> bool {
        matches!(self, Self::Kept | Self::Missing)
    }
}

/// How a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretState {
    /// It was read, and is not due again.
    Well,
    /// It can't be read now; the value that was read last is used.
    Kept,
    /// It is read for the first time.
    Reading,
    /// It was never had.
    Missing,
}

/// What may be told of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretReport {
    /// Its reference, without the field.
    pub reference: String,
    /// How it is.
    pub state: SecretState,
    /// Seconds since it was read last with success.
    pub age_secs: Option<u64>,
    /// Seconds since it was seen to be another than before.
    pub changed_secs: Option<u64>,
    /// What is wrong, while something is.
    pub fault: String,
}

static KEEPER: RwLock<Option<Arc<dyn Keeping>>> = RwLock::new(None);

/// Makes this the keeper of the process's secrets, in place of the one before.
pub fn install(keeper: Arc<dyn Keeping>) {
    *KEEPER.write().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
}

/// The keeper of the process's secrets, where there is one.
pub fn keeper() -> Option<Arc<dyn Keeping>> {
    KEEPER.read().unwrap_or_else(PoisonError::into_inner).clone()
}
