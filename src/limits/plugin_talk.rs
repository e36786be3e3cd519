//! Bounds of what is said between riposte and a plugin's program.

/// A plugin's program must be ready within this long after its start.
pub const PLUGIN_START_MILLIS: u64 = 5_000;

/// A program that takes no line for this long is ended: it hangs.
pub const PLUGIN_WRITE_MILLIS: u64 = 2_000;

/// A program that was told to stop has this long to end by itself, then as long after SIGTERM.
pub const PLUGIN_STOP_MILLIS: u64 = 1_000;

/// After SIGKILL the end is waited for this long; a program that the kernel can't end (a disk that
/// does not answer) is left to it.
pub const PLUGIN_KILL_MILLIS: u64 = 500;

/// A longer line of a program is a fault: a record and its frame fit.
pub const PLUGIN_LINE_BYTES_MAX: usize = 128 * 1024;

/// Lines that wait to be looked at; then riposte stops reading, and the program waits.
pub const PLUGIN_BACKLOG_LINES_MAX: usize = 64;

/// Lines in a second beyond which a program that only answers floods.
pub const PLUGIN_LINES_A_SECOND_MAX: u32 = 10_000;

/// A line of a program's log is cut here.
pub const PLUGIN_LOG_LINE_BYTES_MAX: usize = 1_024;

/// Lines of a program's log that are shown in a minute; the rest is counted.
pub const PLUGIN_LOG_LINES_A_MINUTE_MAX: u32 = 60;

/// Bytes of a program's log in a second beyond which it floods.
pub const PLUGIN_LOG_BYTES_A_SECOND_MAX: usize = 1024 * 1024;

/// What a program said is repeated up to this many characters, in messages and faults.
pub const PLUGIN_SAID_CHARS_MAX: usize = 200;

/// A plugin's secret is at least this long: a shorter one could not be masked in what the program
/// says without masking half of it.
pub const PLUGIN_SECRET_BYTES_MIN: usize = 4;

/// The first pause before a program is started again; it doubles, with jitter.
pub const PLUGIN_PAUSE_MILLIS_MIN: u64 = 500;

/// The longest pause before a program is started again.
pub const PLUGIN_PAUSE_MILLIS_MAX: u64 = 120_000;

/// A program that lived this long without a fault begins with the first pause again.
pub const PLUGIN_PROVEN_SECS: u64 = 60;

/// An action that was accepted and not heard of for this long is unconfirmed.
pub const CARRIED_PENDING_SECS_MAX: u64 = 3_600;

/// Answers that nobody asked for, after which a program is ended; a late answer to a question that
/// was given up is none.
pub const PLUGIN_UNASKED_MAX: u32 = 16;

/// A source's batch waits at most this long for the answers of enrichers, unless the config says
/// otherwise: little enough that a hanging program does not hold a log up.
pub const ENRICHER_WAIT_MILLIS: u64 = 20;

/// The longest that a config may let a batch wait.
pub const ENRICHER_WAIT_MILLIS_MAX: u64 = 1_000;

/// Answers that one enricher keeps; beyond, the oldest go.
pub const ENRICHER_ANSWERS_MAX: usize = 10_000;

/// Questions that wait for one enricher; beyond, they are not asked.
pub const ENRICHER_QUESTIONS_MAX: usize = 1_024;

/// Different keys of one batch that an enricher is asked for; beyond, fields are missing.
pub const ENRICHER_KEYS_A_BATCH_MAX: usize = 1_024;

/// A longer key is not asked for, and a longer text in an answer is a fault.
pub const ENRICHER_TEXT_BYTES_MAX: usize = 256;

/// What enrichers said of batches that no checkpoint covers yet; beyond, one is taken.
pub const ADDITIONS_PENDING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Whether a running program's secrets have been rotated is looked at this often.
pub const PLUGIN_SECRETS_LOOK_SECS: u64 = 15;

/// Outcomes that a plugin still owes are waited for this long before it is ended for a rotated
/// secret.
pub const PLUGIN_OWED_SECS_MAX: u64 = 10;
