//! Bounds of what others send to riposte: syslog, and the journal's reader.

/// Messages that wait for the spool; beyond, connections are not read. Each is at most a record, so
/// that this is 8 MiB at worst; what a `kill -9` loses is at most this and what the kernel holds.
pub const INTAKE_WAITING_MAX: usize = 128;

/// Connections of one syslog source at once; a fleet of small machines has fewer.
pub const INTAKE_CONNECTIONS_MAX: usize = 256;

/// Connections of one sender at once, so that one alone can't take them all.
pub const INTAKE_CONNECTIONS_A_SENDER_MAX: usize = 32;

/// How often a thread that waits for bytes looks whether riposte stops.
pub const INTAKE_LOOK_MILLIS: u64 = 200;

/// A TLS handshake may take this long.
pub const INTAKE_HANDSHAKE_SECS_MAX: u64 = 10;

/// At a stop, what has come already is read for at most this long: what the kernel holds of some
/// connections takes a fraction of it.
pub const INTAKE_DRAIN_MILLIS_MAX: u64 = 1_500;

/// The kernel is asked to hold this much of datagrams that were not read yet: a burst of some
/// thousands.
pub const INTAKE_DATAGRAMS_BYTES: usize = 4 * 1024 * 1024;

/// The kernel's count of dropped datagrams is looked at this often.
pub const INTAKE_DROPS_LOOK_SECS: u64 = 2;

/// What a sender says of its next message's octets counts up to this; a larger number is a word of a
/// line, such as a date. Messages are cut at a record's length, far below.
pub const INTAKE_MESSAGE_OCTETS_MAX: usize = 1024 * 1024;

/// A longer number of octets before a message is none: 99,999,999 is far beyond any message.
pub const INTAKE_LENGTH_DIGITS_MAX: usize = 8;

/// The first pause before the journal's reader is started again; it doubles.
pub const JOURNAL_PAUSE_MILLIS_MIN: u64 = 500;

/// The longest pause before the journal's reader is started again.
pub const JOURNAL_PAUSE_MILLIS_MAX: u64 = 60_000;

/// Containers whose files can't be read are looked for again after this pause.
pub const CONTAINERS_LOOK_MILLIS: u64 = 1_000;

/// What Docker keeps of a container is some kilobytes.
pub const CONTAINER_CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// A container's name, image or label is cut here.
pub const CONTAINER_FIELD_BYTES_MAX: usize = 256;

/// Names and matches of a journal source: each is a word of journalctl's command line.
pub const JOURNAL_MATCHES_MAX: usize = 256;

/// Parts of a container's line, in their wrapping, are put together up to this length. The runtime
/// escapes quotes and backslashes, so a line of a record's length may be twice as long there.
pub const JOINED_BYTES_MAX: usize = 2 * super::RECORD_BYTES_MAX + 16 * 1024;
