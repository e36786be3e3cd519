//! Bounds of looks that riposte takes itself: probes, and the search for the machine's address.

/// What was found and waits for the spool; beyond, looks wait.
pub const LOOKS_WAITING_MAX: usize = 64;

/// TLS needs more than a helper's stack.
pub const LOOK_STACK_BYTES: usize = 1024 * 1024;

/// A probe's reply is read up to this length: its status has come by then.
pub const PROBE_REPLY_BYTES_MAX: usize = 16 * 1024;

/// A provider of addresses may take this long.
pub const ADDRESS_REPLY_SECS_MAX: u64 = 10;

/// What a provider of addresses says is a few hundred bytes.
pub const ADDRESS_REPLY_BYTES_MAX: usize = 4 * 1024;

/// What was read of Cloudflare is asked for once more from this long before its end, since rows come
/// late: Cloudflare gathers events of all its data centres within some minutes.
pub const CLOUDFLARE_SOURCE_OVERLAP_SECS: u64 = 300;

/// Firewall events are asked for up to this long ago.
pub const CLOUDFLARE_FIREWALL_LAG_SECS: u64 = 15;

/// Rows in one answer: a few megabytes.
pub const CLOUDFLARE_SOURCE_ROWS_MAX: usize = 5_000;

/// A source whose calls fail asks again after this long at the latest.
pub const CLOUDFLARE_SOURCE_PAUSE_SECS_MAX: u64 = 900;

/// The most of a file below /proc that is read at once.
pub const HOST_PROC_BYTES_MAX: u64 = 1024 * 1024;

/// Networks with most connections that one look tells.
pub const HOST_PREFIXES_MAX: usize = 50;

/// The most of a watched file that is read.
pub const HOST_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
