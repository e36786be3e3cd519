//! Bounds of the command line: what `init` and `doctor` look at, what a test of rules may do.

/// Files that `init` and `doctor` read of one server's config, and how deep they may nest: a large
/// hoster's nginx has some thousand, three deep.
pub const INIT_CONFIG_FILES_MAX: usize = 4_096;

/// Blocks and includes inside each other that are followed in a server's config.
pub const INIT_NESTING_MAX: usize = 64;

/// The most of a server's config file, or of a log's end, that `init` and `doctor` look at.
pub const INIT_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The most of a log's end whose lines `init` and `doctor` try.
pub const LOG_TAIL_BYTES_MAX: u64 = 64 * 1024;

/// Rules that an explained line missed by one part of their predicate, as many as a person reads;
/// `--all` shows the others too.
pub const NEAR_MISSES_SHOWN_MAX: usize = 5;

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
