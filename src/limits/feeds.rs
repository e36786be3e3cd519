//! Bounds of threat feeds: what is fetched, read and kept of them.

/// A feed's text is read up to this length; a longer one is refused. A million prefixes with a
/// comment each have about 30 MB.
pub const FEED_BYTES_MAX: usize = 48 * 1024 * 1024;

/// Prefixes of one feed; more are refused. Forty megabytes of IPv6, ten of IPv4.
pub const FEED_PREFIXES_MAX: usize = 2_000_000;

/// Feeds of one config.
pub const FEEDS_MAX: usize = 64;

/// A line of a feed is looked at up to this length; a longer one is a bad line.
pub const FEED_LINE_BYTES_MAX: usize = 64 * 1024;

/// A STIX pattern is looked at up to this length: an indicator names a few addresses.
pub const FEED_PATTERN_BYTES_MAX: usize = 16 * 1024;

/// So much of why a feed can't be had is kept and told: a server's own words may be in it.
pub const FEED_WORDS_BYTES_MAX: usize = 600;

/// Bad lines that are shown of one reading; the others are counted.
pub const FEED_BAD_LINES_SHOWN: usize = 5;

/// From connecting to the last byte of a feed.
pub const FEED_FETCH_SECS_MAX: u64 = 120;

/// Redirects that are followed, each looked at first.
pub const FEED_REDIRECTS_MAX: usize = 3;

/// The most often that a feed may be fetched: operators of free lists lock out whoever asks more
/// often.
pub const FEED_REFRESH_SECS_MIN: u64 = 60;

/// The most often that a failed refresh is tried again; the pause doubles up to the feed's own.
pub const FEED_RETRY_SECS_MIN: u64 = 30;

/// A feed changes by more than its factor without being refused while it has fewer entries than
/// this: small lists come and go.
pub const FEED_SMALL_ENTRIES: usize = 50;

/// The widest prefix that a feed may list: whole /8s are no threat, but a mistake.
pub const FEED_WIDEST_V4_BITS: u8 = 8;

/// The same for IPv6: registries give out /16 to /32.
pub const FEED_WIDEST_V6_BITS: u8 = 16;

/// `feed.added` events of one version; what is added beyond them is in the set all the same.
pub const FEED_EVENTS_MAX: usize = 10_000;

/// Bytes of a feed's header (`ETag`) that are kept for the next request.
pub const FEED_HEADER_BYTES_MAX: usize = 512;

/// The stack of the thread that fetches feeds: TLS needs more than a helper's.
pub const FEEDS_STACK_BYTES: usize = 1024 * 1024;

/// Pages of one TAXII collection: servers give a thousand objects a page or so.
pub const TAXII_PAGES_MAX: usize = 1_000;

/// All pages of a TAXII collection together take at most this long; all feeds are fetched by one
/// thread.
pub const TAXII_FETCH_SECS_MAX: u64 = 600;

/// What a TAXII server calls its next page has at most this length.
pub const TAXII_NEXT_BYTES_MAX: usize = 2_048;

/// IPv4 addresses, or /48s of IPv6, that a list may come to cover in any case: a /16 of them.
pub const FEED_SMALL_COVER: u64 = 65_536;

/// Objects that are asked for in one page of TAXII; servers give fewer where they like.
pub const TAXII_PAGE_OBJECTS: usize = 1_000;
