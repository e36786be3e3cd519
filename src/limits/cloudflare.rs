//! Bounds of what riposte asks of Cloudflare's API. Facts about it were read in November 2026.

/// A reply of Cloudflare's is read up to this length: 500 list items are some 100 KiB, a ruleset of
/// 1,000 rules less than a megabyte.
pub const CLOUDFLARE_REPLY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A reply that is the thing itself (a value of Workers KV, a zone's records as text) is read up to
/// this length: a value has at most 25 MiB, 200,000 records are fewer.
pub const CLOUDFLARE_RAW_REPLY_BYTES_MAX: usize = 25 * 1024 * 1024;

/// A call to Cloudflare may take this long, with its reply.
pub const CLOUDFLARE_CALL_SECS_MAX: u64 = 30;

/// A call with a longer body than this has more time.
pub const CLOUDFLARE_LARGE_CALL_BYTES: usize = 1024 * 1024;

/// That time: 25 MiB at a megabit a second.
pub const CLOUDFLARE_LARGE_CALL_SECS_MAX: u64 = 240;

/// Calls a second that are made lastingly. Cloudflare allows 1,200 in five minutes to a user, over
/// all tokens and the dashboard; what is past that shuts everything out for five minutes.
pub const CLOUDFLARE_CALLS_PER_SECOND: f64 = 3.6;

/// Calls that may be made at once after a quiet time: with those that follow, 1,140 in five minutes.
pub const CLOUDFLARE_CALLS_AT_ONCE: f64 = 60.0;

/// The part of the calls at once that only urgent ones (blocks, lifts) may use.
pub const CLOUDFLARE_RESERVE_URGENT: f64 = 0.2;

/// The part that housekeeping leaves to all others.
pub const CLOUDFLARE_RESERVE_OTHERS: f64 = 0.5;

/// Changes of list items in five minutes: the smaller of two published figures (the other is
/// 1,000,000 in twelve hours).
pub const CLOUDFLARE_ITEM_CHANGES_IN_FIVE_MINUTES: usize = 10_000;

/// So many more may be made to let somebody in again: who was blocked by mistake must not wait five
/// minutes for the end of an attack, and the larger of the two published figures is far off.
pub const CLOUDFLARE_ITEM_CHANGES_FOR_LIFTS: usize = 100;

/// Cache purges a second and at once, as the Free plan has them: 5 a minute, 25 in a row.
pub const CLOUDFLARE_PURGES_PER_SECOND: f64 = 5.0 / 60.0;

/// See [`CLOUDFLARE_PURGES_PER_SECOND`].
pub const CLOUDFLARE_PURGES_AT_ONCE: f64 = 25.0;

/// After a refusal for too many calls nothing is sent for this long, where the refusal names no
/// time: as long as Cloudflare shuts a user out.
pub const CLOUDFLARE_STOP_SECS: u64 = 300;

/// A time that Cloudflare names is believed up to this.
pub const CLOUDFLARE_STOP_SECS_MAX: u64 = 3_600;

/// Calls that fail in a row before the circuit opens.
pub const CLOUDFLARE_FAILURES_MAX: u32 = 5;

/// The longest pause between two tries while Cloudflare fails.
pub const CLOUDFLARE_BACKOFF_SECS_MAX: u64 = 120;

/// Pages that one listing is followed over: at 500 a page more items than any plan holds.
pub const CLOUDFLARE_PAGES_MAX: usize = 1_100;

/// List items a page; the most that Cloudflare gives.
pub const CLOUDFLARE_ITEMS_PER_PAGE: usize = 500;

/// Items that all lists of an account hold together, but for Enterprise.
pub const CLOUDFLARE_LIST_ITEMS_MAX: usize = 10_000;

/// Items added or removed in one call: a whole list of any plan but Enterprise, about a megabyte.
pub const CLOUDFLARE_ITEMS_PER_CALL: usize = 10_000;

/// A list item's comment is cut at this length (Cloudflare takes 500).
pub const CLOUDFLARE_COMMENT_CHARS_MAX: usize = 200;

/// Zones that one enforcer blocks in.
pub const CLOUDFLARE_ZONES_MAX: usize = 50;

/// Access rules that are made or removed before other work has its turn: each is one call.
pub const CLOUDFLARE_ACCESS_RULES_AT_ONCE: usize = 8;

/// How often a bulk operation is asked about before its list is read again instead.
pub const CLOUDFLARE_POLLS_MAX: u32 = 40;

/// Text of a reply that is no JSON is shown up to this length.
pub const CLOUDFLARE_SHOWN_CHARS_MAX: usize = 200;

/// URLs, tags, hosts or prefixes in one purge.
pub const CLOUDFLARE_PURGE_ITEMS_MAX: usize = 100;

/// Places at Cloudflare that rules may change within a day; beyond, somebody makes up names.
pub const CHANGE_GUARD_PLACES_MAX: usize = 1_000;

/// A temporary change lasts at most this long: what is to stay longer, a person sets.
pub const CHANGE_SECS_MAX: u64 = 7 * 24 * 3_600;

/// Claims on one place at Cloudflare that are kept; each rule has one.
pub const CHANGE_CLAIMS_MAX: usize = 64;

/// A change that Cloudflare can't take now is tried again after at most this long.
pub const CHANGE_RETRY_SECS_MAX: u64 = 60;

/// Cloudflare's status page is asked this often: incidents last longer than that.
pub const CLOUDFLARE_STATUS_PAGE_SECS: u64 = 300;

/// The same while it tells of an incident, so that its end is seen.
pub const CLOUDFLARE_STATUS_PAGE_OPEN_SECS: u64 = 60;

/// While Cloudflare tells of an incident, so many read-backs are left out before one is made.
pub const CLOUDFLARE_READS_LEFT_OUT: u32 = 3;

/// Connections that the look-alike serves at once.
pub const SIMULATOR_CONNECTIONS_MAX: usize = 64;

/// The longest request that the look-alike reads: a bulk write of the largest value of KV, with
/// escapes.
pub const SIMULATOR_REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The largest value that the look-alike's KV takes, as Cloudflare's.
pub const SIMULATOR_KV_VALUE_BYTES_MAX: usize = 25 * 1024 * 1024;

/// A page that is warmed may take this long.
pub const WARM_PAGE_SECS_MAX: u64 = 30;

/// A page is read up to this length; a site map may have 50 MB, and its first part will do.
pub const WARM_PAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Pages of one site map: as many as the protocol allows in a file.
pub const WARM_LOCATIONS_MAX: usize = 50_000;

/// Pages a second that rules may warm: a visitor in a hurry, not an attack on the own origin.
pub const WARM_PAGES_PER_SECOND: f64 = 2.0;

/// Pages that wait to be warmed; what comes beyond is refused.
pub const WARM_PAGES_WAITING_MAX: usize = 2_000;

/// Purges wait this long for others, to go in one call.
pub const PURGE_WAIT_MILLIS: u64 = 2_000;

/// What fails for a reason that may pass is tried so often.
pub const TASK_ATTEMPTS_MAX: u32 = 6;

/// Targets, and their addresses, of which it is remembered that they are down, a name.
pub const FAILOVER_DOWN_MAX: usize = 32;

/// Turns of a name that are remembered: more than may happen within an hour.
pub const FAILOVER_TURNS_KEPT: usize = 64;

/// A name that was turned too often stays for this long, unless a person ends it.
pub const FAILOVER_HELD_SECS: u64 = 24 * 3_600;

/// Where a name leads is asked for again after so long at most: what was asked for before may have
/// been refused, or have failed. Where it is in force that takes no call.
pub const FAILOVER_ASKED_SECS: u64 = 300;

/// Targets of a failover, and addresses of one target.
pub const FAILOVER_TARGETS_MAX: usize = 8;

/// URLs, tags, hosts or prefixes that one call of a rule names.
pub const TASK_ITEMS_MAX: usize = 500;

/// A file for `riposte cf apply`: rules of 1,000 lines each, a thousand times over, is past what any
/// plan takes.
pub const CLOUDFLARE_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How often something is tried right after a zone was made: Cloudflare's parts don't all know it at
/// once, and refuse at random for a while.
pub const CLOUDFLARE_NEW_ZONE_TRIES: u32 = 6;

/// The pause between two of these tries.
pub const CLOUDFLARE_NEW_ZONE_PAUSE_SECS: u64 = 5;

/// Events of rules that are asked for at once; the most that Cloudflare gives.
pub const CLOUDFLARE_EVENTS_SHOWN_MAX: usize = 10_000;

/// A Worker's secret is taken up to this length (read in November 2026).
pub const CLOUDFLARE_WORKER_SECRET_BYTES_MAX: usize = 5 * 1024;

/// Keys in one bulk write to KV (read in November 2026).
pub const CLOUDFLARE_KV_PAIRS_PER_CALL: usize = 10_000;

/// Bytes in one bulk write to KV; Cloudflare takes 100 MB, and a call has to end in its time.
pub const CLOUDFLARE_KV_BYTES_PER_CALL: usize = 20 * 1024 * 1024;

/// The longest key of KV (read in November 2026).
pub const CLOUDFLARE_KV_KEY_BYTES_MAX: usize = 512;

/// The largest value of KV (read in November 2026).
pub const CLOUDFLARE_KV_VALUE_BYTES_MAX: usize = 25 * 1024 * 1024;

/// A file of keys and values that is brought in is read up to this size.
pub const CLOUDFLARE_KV_FILE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A Worker's module is read up to this size; paid plans take 10 MB when compressed.
pub const CLOUDFLARE_WORKER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A token's value is called old after so many days.
pub const CLOUDFLARE_TOKEN_DAYS_MAX: u64 = 90;

/// A token's end is told so many days before.
pub const CLOUDFLARE_TOKEN_EXPIRY_DAYS: u64 = 14;

/// A token with more permissions than this is told: what riposte needs are five.
pub const CLOUDFLARE_TOKEN_PERMISSIONS_MAX: usize = 10;

/// Changes that the look-alike's audit log remembers.
pub const SIMULATOR_AUDIT_ENTRIES_MAX: usize = 10_000;
