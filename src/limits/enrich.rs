//! Bounds of enrichers: what is read and kept of databases of places, and of user agents.

/// A database has at most this length: the largest free one, cities of DB-IP, has about 130 MB; it is
/// held in memory whole.
pub const GEO_DATABASE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How often the files are looked at for a change: a `stat` of each, and a day's data is not urgent.
pub const GEO_LOOK_SECS: u64 = 3;

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

/// Clients that wait to be verified as crawlers; beyond, rules act without it.
pub const BOT_ASKS_WAITING_MAX: usize = 64;

/// Clients that are verified at once.
pub const BOT_CHECKS_AT_ONCE: usize = 16;

/// A question to a name server may take this long, twice.
pub const BOT_DNS_SECS_MAX: u64 = 2;

/// All questions about one client together.
pub const BOT_CHECK_SECS_MAX: u64 = 10;

/// Names of one address that are looked at: a crawler's has one.
pub const BOT_NAMES_MAX: usize = 8;

/// Addresses of one name that are looked at.
pub const BOT_ADDRESSES_MAX: usize = 64;

/// A verified crawler is one for at least this long, whatever its names say: it asks often.
pub const BOT_VERIFIED_SECS_MIN: u64 = 3_600;

/// And for at most this long: addresses change hands.
pub const BOT_VERIFIED_SECS_MAX: u64 = 86_400;

/// Who is not what he says is not asked about again for at least this long.
pub const BOT_FORGED_SECS_MIN: u64 = 600;

/// And for at most this long.
pub const BOT_FORGED_SECS_MAX: u64 = 3_600;

/// After name servers gave no answer they are asked again about a client after this long.
pub const BOT_UNKNOWN_SECS: u64 = 60;

/// A block of a client that may be a crawler waits this long for the answer, and then goes ahead:
/// most answers come within 200 ms, and an attacker gains two seconds.
pub const BOT_WAIT_SECS: u64 = 2;

/// Blocks that wait so; beyond, they go ahead at once and are lifted where it turns out so.
pub const BOT_BLOCKS_WAITING_MAX: usize = 256;

/// Clients of which it is remembered whether they are crawlers; about 100 bytes each.
pub const BOTS_KNOWN_MAX: usize = 10_000;

/// The stack of the thread that asks the DNS.
pub const BOTS_STACK_BYTES: usize = 1024 * 1024;
