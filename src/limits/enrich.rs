//! Bounds of enrichers: what is read and kept of databases of places, and of user agents.

/// A database has at most this length: the largest free one, cities of DB-IP, has about 130 MB; it is
/// held in memory whole.
pub const GEO_DATABASE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How often the files are looked at for a change: a `stat` of each, and a day's data is not urgent.
pub const GEO_LOOK_SECS: u64 = 5;

/// A file that was written less than this long ago may still be written to.
pub const GEO_SETTLED_SECS: u64 = 2;

/// The name of a city or of an organisation is cut at this length: the longest known have 90 bytes.
pub const GEO_NAME_BYTES_MAX: usize = 200;

/// Addresses whose place a thread remembers: those of the last minutes come again and again. About
/// 200 bytes each.
pub const GEO_CACHE_PLACES: usize = 2_048;

/// The stack of the thread that reads databases: whatever a file nests is walked on it once.
pub const GEO_STACK_BYTES: usize = 2 * 1024 * 1024;

/// From this age on `doctor` warns of a database: addresses change hands, and both makers publish at
/// least monthly.
pub const GEO_OLD_DAYS: u64 = 60;

/// A user agent is looked at up to this length: honest ones have at most 500 bytes.
pub const USER_AGENT_LOOKED_AT_BYTES_MAX: usize = 2_048;

/// A longer one is not remembered.
pub const USER_AGENT_KEPT_BYTES_MAX: usize = 512;

/// User agents that a thread remembers; about 200 bytes each.
pub const USER_AGENTS_KEPT: usize = 1_024;
