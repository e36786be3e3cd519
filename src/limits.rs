//! Every bound in one place: a name with the unit last, a value, and why it is that value.
//!
//! A bound that a user may set lives in the config; what is here is its default or its ceiling.

mod brought;
mod check;
mod cloudflare;
mod engine;
mod faces;
mod enrich;
mod feeds;
mod http_intake;
mod intake;
mod looks;
mod messages;
mod editor;
mod plugin_talk;
mod replay;
mod plugins;
mod report;
mod vaults;

pub use brought::*;
pub use check::*;
pub use cloudflare::*;
pub use editor::*;
pub use engine::*;
pub use enrich::*;
pub use faces::*;
pub use feeds::*;
pub use http_intake::*;
pub use intake::*;
pub use looks::*;
pub use messages::*;
pub use plugin_talk::*;
pub use plugins::*;
pub use replay::*;
pub use report::*;
pub use vaults::*;

/// A longer record is cut here and counted. The longest request line nginx takes by default is
/// 8 KiB (`large_client_header_buffers`); with referer and agent, 64 KiB holds any honest line.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// A source reads at most this much into one batch: small enough for latency, large enough that
/// the cost of a batch disappears.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Batches waiting between a source and the engine; full means that the source waits.
pub const BATCHES_QUEUED_MAX: usize = 8;

/// A text in a key is kept whole up to this length; of a longer one the rest is replaced by a
/// hash. Long enough for host names, user names and nearly all paths.
pub const KEY_TEXT_BYTES_MAX: usize = 256;

/// `count` keeps each time up to this threshold and is exact; above it, it counts in buckets.
pub const WINDOW_COUNT_EXACT_MAX: u64 = 64;

/// Values that one key of a `distinct` window may hold: 12 bytes each, found by binary search.
pub const WINDOW_DISTINCT_VALUES_MAX: u64 = 10_000;

/// Steps of a `sequence`: 8 bytes a step and key, and one bit of `Sample::flags` each.
pub const WINDOW_SEQUENCE_STEPS_MAX: u8 = 16;

/// A key of a window without a time of its own (`consecutive`) is forgotten after this silence.
pub const WINDOW_IDLE_SECS_MAX: u64 = 30 * 86_400;

/// A stamp further ahead of its arrival than this becomes its arrival time, so that one host with
/// a wrong clock can't move windows into the future.
pub const FUTURE_SKEW_SECS_MAX: u64 = 120;

/// A text field is cut to this length (at a character) before a script sees it, so that a long
/// field never breaks a rule's limits.
pub const SCRIPT_STRING_BYTES_MAX: usize = 4_096;

/// Operations (about a node of the syntax tree each) that one predicate, key or body may take. A
/// sound body takes a few hundred; this many cost about 5 ms.
pub const SCRIPT_OPERATIONS_MAX: u64 = 50_000;

/// Operations that a rule file may take at load, where it may build tables of constants.
pub const SCRIPT_LOAD_OPERATIONS_MAX: u64 = 1_000_000;

/// Operations that a `test(…)` block may take: it may write thousands of lines.
pub const SCRIPT_TEST_OPERATIONS_MAX: u64 = 5_000_000;

/// Work in native calls (a pattern on a text, decoding) that one predicate, key or body may take, in
/// units of 32 bytes looked at: the longest fields may be gone through some hundred times.
pub const SCRIPT_NATIVE_WORK_MAX: u64 = 100_000;

/// Script functions that may call each other in depth.
pub const SCRIPT_CALL_LEVELS_MAX: usize = 16;

/// Depth of an expression at the top level of a file, in nodes.
pub const SCRIPT_EXPRESSION_DEPTH_MAX: usize = 64;

/// Depth of an expression within a function or closure, in nodes.
pub const SCRIPT_FUNCTION_EXPRESSION_DEPTH_MAX: usize = 48;

/// A string that a script builds may be this long: several times what a field is cut to, so that
/// joining fields never breaks a rule.
pub const SCRIPT_BUILT_STRING_BYTES_MAX: usize = 8 * SCRIPT_STRING_BYTES_MAX;

/// Items of an array in a script.
pub const SCRIPT_ARRAY_ITEMS_MAX: usize = 1_000;

/// Entries of a map in a script.
pub const SCRIPT_MAP_ENTRIES_MAX: usize = 100;

/// Variables that a script may hold at once.
pub const SCRIPT_VARIABLES_MAX: usize = 64;

/// Functions and closures in one rule file.
pub const SCRIPT_FUNCTIONS_MAX: usize = 4_000;

/// A longer rule file is refused before it is parsed.
pub const RULE_FILE_BYTES_MAX: usize = 1024 * 1024;

/// Rules in a rule set.
pub const RULES_MAX: usize = 10_000;

/// What one body may ask for (blocks, messages, events …).
pub const BODY_ASKS_MAX: usize = 100;

/// Fields of an emitted event or a webhook.
pub const EMIT_FIELDS_MAX: usize = 64;

/// Bytes of all names and values of an emitted event or a webhook together. Each text is cut to
/// `MESSAGE_BYTES_MAX`, so what clients send can't reach it.
pub const EMIT_BYTES_MAX: usize = 64 * 1024;

/// A message, a reason or a log line from a body is cut to this length.
pub const MESSAGE_BYTES_MAX: usize = 2_048;

/// A name that a body chooses (a tag, a kind, a state key) may be this long.
pub const SCRIPT_NAME_BYTES_MAX: usize = 256;

/// A pattern for `matches` may be this long.
pub const RULE_PATTERN_BYTES_MAX: usize = 1_024;

/// A compiled pattern may be this large. A class of all letters repeated 50 times takes more.
pub const RULE_PATTERN_COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Compiled patterns that are kept; past it, all are forgotten and compiled again when needed.
pub const RULE_PATTERNS_KEPT_MAX: usize = 512;

/// The shortest period of a timer.
pub const TIMER_PERIOD_SECS_MIN: u64 = 1;

/// Entries of `state::`, all rules together; past it the entry that ends first goes.
pub const STATE_ENTRIES_MAX: usize = 50_000;

/// A text in `state::` may be this long.
pub const STATE_TEXT_BYTES_MAX: usize = 1_024;

/// An entry in `state::` stays at most this long.
pub const STATE_TTL_SECS_MAX: u64 = 90 * 86_400;

/// Parts that `state::` is saved in; only those that changed are written at a checkpoint.
pub const STATE_SHARDS: u16 = 64;

/// Lines that `t.repeat` may make and `t.lines` may take in one test.
pub const TEST_LINES_MAX: usize = 20_000;

/// A field, key or window that `consecutive`, `sequence` and `ratio` look at may name this many
/// predicates (they are bits of one word).
pub const WINDOW_PREDICATES_MAX: usize = 32;

/// Longer texts are matched anew each time: what repeats is short.
pub const MATCH_CACHE_TEXT_BYTES_MAX: usize = 256;

/// Events held as evidence for hits to come, all rules together.
pub const EVIDENCE_RING_EVENTS_MAX: usize = 4_096;

/// Bytes of records held as evidence, all rules together; 1 MiB keeps a small machine small.
pub const EVIDENCE_RING_BYTES_MAX: usize = 1024 * 1024;

/// How deep events that rules emit may make rules emit again.
pub const EMIT_DEPTH_MAX: u8 = 4;

/// Events that one record may lead to by `emit`, all depths together.
pub const EMITTED_PER_RECORD_MAX: usize = 1_000;

/// Ticks of timers made up for at once when event time jumps (a quiet night, a catch-up).
pub const TIMER_TICKS_MADE_UP_MAX: u32 = 1_000;

/// Command lines that talk to the daemon at once.
pub const CONTROL_CONNECTIONS_MAX: usize = 8;

/// A request of the command line fits in this.
pub const CONTROL_REQUEST_BYTES_MAX: u64 = 64 * 1024;

/// The daemon waits this long for a command line to say what it wants.
pub const CONTROL_TIMEOUT_SECS: u64 = 5;

/// A command line waits this long for the daemon's answer; `panic` waits for every enforcer.
pub const CONTROL_REPLY_SECS_MAX: u64 = 60;

/// The stack of threads that do little; the default of 2 MiB would be address space for nothing.
pub const HELPER_THREAD_STACK_BYTES: usize = 256 * 1024;

/// Faults of a config that are looked for at once.
pub const CONFIG_FAULTS_MAX: usize = 20;

/// A secret is at most this long; a key file larger than this is a mistake.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

/// What a child program may print, unless its caller says otherwise: enough for a message.
pub const PROGRAM_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Reading the kernel's sets back may take this much: 100 bytes an entry, a million entries.
pub const NFT_OUTPUT_BYTES_MAX: usize = 128 * 1024 * 1024;

/// One call of `nft` may take this long: a transaction of thousands takes 0.1 s.
pub const NFT_CALL_SECS_MAX: u64 = 20;

/// One value handed to a program's argv.
pub const PROGRAM_VALUE_BYTES_MAX: usize = 4_096;

/// A reply's body is read up to this length; riposte only looks at its status and start.
pub const REPLY_BYTES_MAX: usize = 256 * 1024;

/// Jobs waiting for one destination. What doesn't fit stays in the outbox and is handed in again.
pub const DESTINATION_JOBS_MAX: usize = 20_000;

/// Jobs that an enforcer takes in one transaction.
pub const ENFORCER_BATCH_MAX: usize = 10_000;

/// A destination that asks to be left alone for longer than this (`Retry-After`) is tried again
/// after this.
pub const RETRY_AFTER_SECS_MAX: u64 = 600;

/// The longest pause between two attempts at a destination that fails.
pub const BACKOFF_SECS_MAX: u64 = 60;

/// Failures in a row after which a destination's circuit opens.
pub const BREAKER_FAILURES_MAX: u32 = 5;

/// The text of a call that a dry run shows is cut here.
pub const DRY_RUN_CALL_BYTES_MAX: usize = 16 * 1024;

/// The kernel's own timeout is at most this, so that its arithmetic can't overflow; a longer
/// decision is put in force again by reconciling long before.
pub const KERNEL_TIMEOUT_SECS_MAX: u64 = 10 * 366 * 86_400;

/// A connection to the store keeps at most this much of it in memory, in KiB.
pub const STORE_CACHE_KIB: i64 = 1_024;

/// How long the store waits for another process (a copy being made, a person's query).
pub const STORE_BUSY_MILLIS_MAX: u64 = 5_000;

/// After a commit the log is flushed to disk within this time: what a power cut can cost.
pub const STORE_SYNC_MILLIS: u64 = 100;

/// The store's log is folded into the database beyond this size. Larger means fewer commits that
/// wait for the disk: the first after a folding does. A commit of a hit, a decision and an action
/// takes about 50 KiB of it.
pub const STORE_WAL_FOLD_BYTES: u64 = 16 * 1024 * 1024;

/// Beyond this the writer folds the log itself; it can grow further only while another program
/// keeps an old view open.
pub const STORE_WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Rows that one transaction of background work touches, so that a decision waits a few
/// milliseconds at most.
pub const STORE_SLICE_ROWS_MAX: usize = 200;

/// Bytes of window state that one transaction of a checkpoint writes, for the same reason.
pub const STORE_SLICE_BYTES_MAX: usize = 1024 * 1024;

/// Hits of the same rule, key and verdict that get a row of their own in a minute; more become a
/// counter.
pub const STORE_REPEATS_A_MINUTE_MAX: u32 = 5;

/// Different hits that are counted for that in a minute; beyond it the count begins again.
pub const STORE_REPEAT_KEYS_MAX: usize = 10_000;

/// Journal rows that `why` tells at most.
pub const STORE_WHY_ROWS_MAX: usize = 1_000;

/// Entries of the allowlist: a lookup stays fast, and a list this long is better written as
/// prefixes.
pub const ALLOWLIST_ENTRIES_MAX: usize = 10_000;

/// Addresses that count for one host name of the allowlist, so that whoever answers for the name
/// can't let the world in.
pub const ALLOWLIST_NAME_ADDRESSES_MAX: usize = 8;

/// Decisions in force at once. At about 500 bytes each they fill 25 MB, and a kernel set of this
/// size is still quick.
pub const STANDING_DECISIONS_MAX: usize = 50_000;

/// Blocks that wait for their turn when rules block faster than the ceiling. At about 400 bytes
/// each they fill 3 MB; beyond, they are made at once.
pub const BLOCKS_QUEUED_MAX: usize = 8_192;

/// Addresses of administrators that logged in, kept at once.
pub const ADMIN_ADDRESSES_MAX: usize = 256;

/// Clients with an authenticated success, and verified bots, kept at once.
pub const GOOD_CLIENTS_MAX: usize = 10_000;

/// Keys whose hits and offences are remembered, and into how many shards they are saved: a save
/// writes only shards that changed.
pub const OFFENDERS_MAX: usize = 65_536;

/// Shards of the remembered keys.
pub const OFFENDER_SHARDS: u16 = 64;

/// Times kept for one key before neighbouring ones are put together.
pub const OFFENCE_TIMES_MAX: usize = 16;

/// Networks watched for hopping at once.
pub const WIDENING_NETWORKS_MAX: usize = 4_096;

/// A decision's reason is cut here (at a character): it goes to terminals, mails and comments.
pub const DECISION_REASON_BYTES_MAX: usize = 512;

/// Targets that the report of the first days names for each rule; the rest is counted.
pub const FIRST_DAYS_TARGETS_MAX: usize = 1_000;

/// Records in one batch: lines of a few bytes must not make the list of records larger than the
/// bytes they lie in.
pub const BATCH_RECORDS_MAX: usize = 16 * 1024;

/// The fingerprint that a file is found again by covers at most its first bytes: a few lines, with
/// time stamps that no other file has.
pub const STREAM_HEAD_BYTES_MAX: usize = 1_024;

/// Bytes before a cursor that are compared before reading on: more than a line, so that a file
/// that was truncated and has grown again is seen.
pub const STREAM_MARK_BYTES_MAX: usize = 256;

/// Streams whose cursors and marks a source keeps; the oldest go first. More than the files that
/// can be followed, so that each has its last incarnation known.
pub const STREAMS_KEPT_MAX: usize = 4_096;

/// Files followed by one source, a server with many sites having some hundreds.
pub const FILES_MAX: usize = 1_024;

/// Rotated files of one log that are looked through; a year of daily ones fits.
pub const ROTATED_FILES_MAX: usize = 512;

/// Older incarnations of one log that are open, or remembered, at a time.
pub const OLD_FILES_MAX: usize = 512;

/// An older incarnation is looked at this often while it may still be written to.
pub const LINGER_MILLIS: u64 = 200;

/// A change without a notice from the kernel is given this long before the watch counts as lost.
pub const NOTICE_MILLIS_MAX: u64 = 300;

/// A source that is told to stop is waited for this long.
pub const SOURCE_STOP_MILLIS_MAX: u64 = 500;

/// The first pause before a failed source is started again; it doubles.
pub const RESTART_PAUSE_MILLIS_MIN: u64 = 100;

/// The longest pause before a failed source is started again.
pub const RESTART_PAUSE_MILLIS_MAX: u64 = 30_000;

/// A spool's segment ends when it is this long, so that what is done can be removed in parts.
pub const SPOOL_SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes that a spool keeps by default before its source must wait.
pub const SPOOL_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One read of a source that is spooled.
pub const SPOOL_READ_BYTES_MAX: usize = 64 * 1024;

/// Streams (incarnations of files) whose places are remembered, a source.
pub const STREAMS_PER_SOURCE_MAX: usize = 1_024;

/// The store is tried again this long after it failed.
pub const STORE_RETRY_SECS: u64 = 1;

/// Actions of an earlier run that are handed over at start.
pub const OUTBOX_AT_START_MAX: usize = 100_000;

/// Own addresses and logins are looked up this often: an administrator who logs in is protected
/// within this time.
pub const FACTS_SECS: u64 = 10;
/// Fields of a source's own kept from one record: more are dropped, since each is looked up by
/// name.
pub const EXTRA_FIELDS_MAX: usize = 64;

/// A user's pattern may compile to this size: far above any honest log pattern, far below what
/// would hurt a small machine.
pub const LOG_PATTERN_COMPILED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Streams of one log that are looked for among its files after a start, the newest ones: those
/// before them were read to their end.
pub const STREAMS_SOUGHT_MAX: usize = 16;

/// The copy of a truncated file is looked for again after this pause, for a rotation may just be
/// moving it.
pub const COPY_PAUSE_MILLIS: u64 = 20;

/// Looks at rotated files, 2 ms apart, until two agree: a rotation that renames many files takes
/// some milliseconds.
pub const PICTURE_ATTEMPTS_MAX: u32 = 25;
