//! Bounds of secrets that are kept, and of what is asked of vaults.

/// Secrets that are kept at the same time: a config names some tens.
pub const SECRETS_KEPT_MAX: usize = 1_024;

/// A vault's reply is read up to this length: the largest secret of AWS's has 64 KiB, of Vault's
/// by default 1 MiB for a whole request; what a config refers to is far smaller.
pub const VAULT_REPLY_BYTES_MAX: usize = 512 * 1024;

/// Fields of one secret; more are left out.
pub const VAULT_FIELDS_MAX: usize = 256;

/// Bytes of a vault's own words that go into a message.
pub const VAULT_WORDS_BYTES_MAX: usize = 300;

/// A vault may take this long for an answer: whoever needs the secret waits for it.
pub const VAULT_CALL_SECS_MAX: u64 = 10;

/// What a vault says of how long something lasts counts up to this, ten years: a larger figure is
/// no time that could be reckoned with.
pub const VAULT_LASTS_SECS_MAX: u64 = 10 * 365 * 24 * 3_600;

/// After a vault could not be reached, it isn't tried again for this long: many secrets that are
/// due at the same time don't each wait for the limit.
pub const VAULT_DOWN_SECS: u64 = 5;

/// The longest pause between attempts to read a secret that can't be read.
pub const SECRET_PAUSE_SECS_MAX: u64 = 300;

/// A secret that was refused where it is used is read again no more often than this.
pub const SECRET_REFUSED_SECS: u64 = 15;

/// Secrets on this machine (files, the environment) are looked at this often, so that a rotation
/// is told of even where nobody uses them just now.
pub const SECRET_LOOK_SECS: u64 = 15;

/// A secret on this machine that can't be read any more (its file is gone) stays in use this long:
/// whoever replaces it may need a moment, whoever took it away means it.
pub const SECRET_GONE_SECS: u64 = 60;

/// The most often that `vaults.reread` may ask a vault again.
pub const SECRET_REREAD_SECS_MIN: u64 = 5;

/// The stack of the thread that reads secrets: TLS needs more than a helper's.
pub const SECRETS_STACK_BYTES: usize = 1024 * 1024;

/// A message waits this long for a secret that can't be had, then it has failed: what is told
/// later than that helps nobody.
pub const SECRET_WAIT_SECS_MAX: u64 = 3_600;
