//! Bounds of `riposte test`: what one test may feed and keep, and what is shown of it.

/// Events and lines that one test may feed, all together: a minute's work at most, so that a test
/// that loops ends by itself.
pub const TEST_FED_MAX: u64 = 1_000_000;

/// The newest events that a test keeps, for `expect_event`, the trace and coverage.
pub const TEST_EVENTS_KEPT_MAX: usize = 20_000;

/// The most of a fixture that `t.file` reads, decompressed.
pub const TEST_FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Prefixes that `t.feed` and `t.geo` take in one test.
pub const TEST_PREFIXES_MAX: usize = 10_000;

/// Past hits that one `t.past_hits` may give a key.
pub const TEST_PAST_HITS_MAX: u64 = 10_000;

/// Failures that one test tells; further ones are counted.
pub const TEST_FAILURES_MAX: usize = 20;

/// Failures of one test that come with a trace: the later ones look much the same.
pub const TEST_TRACES_MAX: usize = 3;

/// What was got, a line each, that a failure shows.
pub const TEST_GOT_SHOWN_MAX: usize = 10;

/// Threads that run tests; each has a bench with windows of its own.
pub const TEST_THREADS_MAX: usize = 64;

/// Waits this long after a change before tests run again: editors and `git` write several files.
pub const TEST_WATCH_SETTLE_MILLIS: u64 = 150;
