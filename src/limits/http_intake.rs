//! Bounds of what others push over HTTP.

/// Connections at once: a dozen senders, each with some.
pub const HTTP_CONNECTIONS_MAX: usize = 64;

/// Connections of one network at once. A proxy in front is one sender, so it is half of all.
pub const HTTP_CONNECTIONS_A_SENDER_MAX: usize = 32;

/// A request's head must have come after this long; a connection without a request ends then too.
pub const HTTP_HEAD_SECS_MAX: u64 = 10;

/// A request's head: GitHub's and Cloudflare's take under 2 KiB.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Headers of a request.
pub const HTTP_HEADERS_MAX: usize = 64;

/// A body must have come after this long: 8 MiB at 300 KB/s.
pub const HTTP_BODY_SECS_MAX: u64 = 30;

/// A connection is closed after this long whatever it does, so that none stays for ever.
pub const HTTP_CONNECTION_SECS_MAX: u64 = 600;

/// A reply waits this long for the spool, then it is 503: GitHub gives up after ten seconds.
pub const HTTP_SAVED_SECS_MAX: u64 = 8;

/// What a sender that came at the wrong time is told to wait.
pub const HTTP_RETRY_AFTER_SECS: u64 = 5;

/// Bytes of all bodies that are being read or wait for the spool; beyond, requests get 503.
pub const HTTP_BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Deliveries that wait for the spool; beyond, requests get 503.
pub const HTTP_DELIVERIES_WAITING_MAX: usize = 64;

/// A body as it comes, in KiB, where the source doesn't say: GitHub's are nearly all under 1 MiB.
pub const HTTP_BODY_KIB: u64 = 1024;

/// A body of Logpush as it comes (gzip), in KiB: 32 MiB of JSON lines take about 3 MiB.
pub const HTTP_LOGPUSH_BODY_KIB: u64 = 8 * 1024;

/// A body that a source may let come, in KiB: all wait in memory as they came.
pub const HTTP_BODY_KIB_MAX: u64 = 16 * 1024;

/// A body once inflated, in MiB, where the source doesn't say.
pub const HTTP_INFLATED_MIB: u64 = 32;

/// A body once inflated that a source may allow, in MiB: lines are inflated one by one.
pub const HTTP_INFLATED_MIB_MAX: u64 = 1024;

/// A body that is one JSON text, inflated: as a tree it takes up to thirty times as much.
pub const HTTP_JSON_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Objects in a JSON text: each takes some 600 bytes as a tree, so that this is 12 MiB. Braces within
/// texts count too.
pub const HTTP_JSON_OBJECTS_MAX: usize = 20_000;

/// Commas and lists in a JSON text: each stands for a value of 32 bytes or more.
pub const HTTP_JSON_VALUES_MAX: usize = 200_000;

/// What stands around a body's list and is in each of its records.
pub const HTTP_AROUND_BYTES_MAX: usize = 8 * 1024;

/// Records that a body's list may hold; Alertmanager sends some dozens.
pub const HTTP_RECORDS_MAX: usize = 1_000;

/// A record beyond this keeps only the values that fields are made from.
pub const HTTP_RECORD_WHOLE_BYTES_MAX: usize = 16 * 1024;

/// A text within a record that was too long is cut here.
pub const HTTP_TEXT_BYTES_MAX: usize = 2 * 1024;

/// A record after that: a frame of the spool holds it with its cursor.
pub const HTTP_RECORD_BYTES_MAX: usize = 60 * 1024;

/// What a header gives to a field is cut here.
pub const HTTP_FIELD_BYTES_MAX: usize = 256;

/// Headers and keys that a source may name, so that a record's fields stay few.
pub const HTTP_FIELDS_MAX: usize = 32;

/// A signed time may be off by this much, either way.
pub const HTTP_SIGNED_TIME_SECS_MAX: u64 = 300;

/// How long a delivery is remembered where the source doesn't say: GitHub lets a person deliver
/// again what is at most three days old.
pub const HTTP_REMEMBER_SECS: u64 = 7 * 24 * 3600;

/// The same for senders that repeat themselves on purpose (Alertmanager, Grafana): a repetition
/// within this is a second attempt.
pub const HTTP_REMEMBER_REPEATERS_SECS: u64 = 300;

/// The longest that a source may ask for.
pub const HTTP_REMEMBER_SECS_MAX: u64 = 30 * 24 * 3600;

/// Deliveries that a source remembers; 4 MiB on disk. Beyond, the oldest are forgotten.
pub const HTTP_REMEMBERED_MAX: usize = 64 * 1024;

/// At a stop, connections have this long to hear their reply.
pub const HTTP_STOP_MILLIS_MAX: u64 = 1_000;
