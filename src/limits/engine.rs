//! Bounds of the engine's thread: how often it looks, saves and retries, and what may wait for it.

/// The engine looks at its clock this often while nothing comes.
pub const TICK_SECS: u64 = 1;

/// A checkpoint is taken this long after the last, when something changed: what a crash costs is
/// reading this much of the logs again.
pub const CHECKPOINT_SECS: u64 = 5;

/// Inputs without effects that are kept for the next transaction; then a checkpoint covers them.
pub const INPUTS_PENDING_MAX: usize = 1_024;

/// Transactions that wait while the store takes none (full disk); then sources wait too.
pub const HELD_COMMITS_MAX: usize = 256;

/// Retention runs this often, in small slices.
pub const RETENTION_SECS: u64 = 60;

/// Alarms kept for `status`.
pub const ALARMS_KEPT_MAX: usize = 32;

/// The same alarm is told again after this long.
pub const ALARM_REPEAT_SECS: u64 = 300;

/// A client that logged in counts as a good one for a week.
pub const GOOD_CLIENT_SECS: u64 = 7 * 86_400;

/// Requests, alarms and facts that wait for the engine's thread.
pub const CONTROL_MESSAGES_MAX: usize = 32;

/// Outcomes of actions that wait while the store takes none; beyond, the oldest are told of and
/// found out again at the next start.
pub const OUTCOMES_WAITING_MAX: usize = 10_000;

/// Effects (messages, webhooks, program runs) that one rule may ask for in a minute.
pub const EFFECTS_PER_MINUTE_MAX: u32 = 60;

/// Effects that wait for a destination whose own queue is full; beyond, the oldest are given up.
pub const EFFECTS_WAITING_MAX: usize = 1_000;

/// A wall clock that runs ahead of the steady one by more than this has leapt.
pub const CLOCK_LEAP_SECS: u64 = 60;

/// A leap of the wall clock counts for what ends by time once it has lasted this long: a clock
/// that was wrong at boot is usually set within it.
pub const CLOCK_LEAP_HELD_SECS: u64 = 300;

/// Functions of a rule file that call each other are put in place of their calls this deep; deeper
/// ones stay scripts.
pub const LOWERED_CALL_LEVELS_MAX: usize = 8;

/// So many calls of a file's functions are put in place in one predicate: each may grow it.
pub const LOWERED_CALLS_MAX: usize = 64;

/// Which function a call in a body means is kept for so many calls of a file, by name and types: far
/// more than rules write. Beyond it all are looked up anew.
pub const SCRIPT_CALLS_KEPT_MAX: usize = 1_024;

/// A record is kept as evidence up to this length.
pub const EVIDENCE_RECORD_BYTES_MAX: usize = 1_024;

/// Events shown to a rule body and journaled as evidence, a hit.
pub const EVIDENCE_EVENTS_MAX: usize = 16;

/// Keys whose windows are read together ahead of their updates: enough for the waits to overlap,
/// few enough for what was read to stay in the first-level cache (two lines of 64 bytes each).
pub const WINDOW_LOOK_AHEAD_KEYS: usize = 128;

/// Candidates whose keys are made, and whose windows are read, ahead of their turn.
pub const CANDIDATES_LOOK_AHEAD: usize = 64;

/// Spare events that go from one thread to another together.
pub const SPARE_EVENTS_LISTED: usize = 128;

/// Lists of spare events that wait for use: what a batch of candidates takes, 1 MB at most.
pub const SPARE_LISTS_MAX: usize = 16;

/// Host names of the allowlist are resolved this often.
pub const NAMES_RESOLVED_SECS: u64 = 300;

/// Executors have this long to end what is under way when riposte stops.
pub const STOP_SECS_MAX: u64 = 5;

/// A source that delivered nothing for this long holds no timer up.
pub const SOURCE_IDLE_SECS: u64 = 10;

/// A source that delivered nothing for this long has no say in how long windows are kept. Web
/// servers that write their log in pieces do so every few minutes (nginx's `flush=5m` is usual).
pub const SOURCE_GONE_SECS: u64 = 15 * 60;

/// A source whose newest event is this much older than its arrival is catching up.
pub const CATCH_UP_SECS: u64 = 60;

/// Without records, event time follows the wall clock this far behind, so that a line that is on
/// its way still comes in order.
pub const TICK_BEHIND_SECS: u64 = 2;

/// Windows that are over are kept so much longer: a web server writes a slow request's line when it
/// ends, with the time when it began, after the lines of others. What comes later still may find its
/// window gone, by where batches end.
pub const EVENT_LATE_SECS_MAX: u64 = 120;
