//! Bounds of the command line: what `init` and `doctor` look at.

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
