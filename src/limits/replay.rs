//! Bounds of what reads past logs: `replay`, `parse`, finding the format of a file, and archives.

/// One read of a compressed file that is replayed; a plain one is read a block at a time.
pub const REPLAY_READ_BYTES: usize = 128 * 1024;

/// First lines of a file that are looked at to find its format: enough that a few odd lines don't
/// decide.
pub const DETECT_LINES_MAX: usize = 50;

/// Lines of a file that did not parse and are shown as examples; also how many of them a batch
/// remembers.
pub const UNPARSED_SHOWN_MAX: usize = 3;

/// What is looked at of a file before its turn, for its format and its first event.
pub const REPLAY_LOOK_BYTES: usize = 64 * 1024;

/// Characters of such a line that are shown.
pub const UNPARSED_SHOWN_CHARS_MAX: usize = 120;

/// Blocks of one file that are read and not matched yet: enough that no thread waits for the disk.
pub const REPLAY_BLOCKS_AHEAD_MAX: usize = 8;

/// A block of a file: long enough that handing it from thread to thread costs nothing.
pub const REPLAY_BLOCK_BYTES_MAX: usize = 256 * 1024;

/// The same, where many files lie in the same time.
pub const REPLAY_BLOCK_BYTES_MIN: usize = 64 * 1024;

/// Where many files lie in the same time, each has this many, so that reading and matching overlap.
pub const REPLAY_BLOCKS_AHEAD_MIN: usize = 2;

/// Bytes of all files together that are ahead of their turn. Matched blocks keep little more than
/// what rules care about, so this is minutes of an attack and days of a quiet log.
pub const REPLAY_AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The least that a file may keep ahead of its turn, however many there are.
pub const REPLAY_KEPT_BYTES_MIN: usize = 256 * 1024;

/// What an event takes beside its record while it waits for its turn, about; also counted for a
/// block of which nothing is kept.
pub const REPLAY_CANDIDATE_BYTES: usize = 1_024;

/// A zstd frame of a file that is replayed may need this much memory, as a power of two: 128 MiB,
/// what zstd itself allows without being asked for more.
pub const ZSTD_WINDOW_LOG2_MAX: u32 = 27;

/// The same in the daemon, for rotated files: 8 MiB, which every level up to 19 keeps to and every
/// reader of the format must be able to give (RFC 8878 §3.1.1.1.2).
pub const ZSTD_WINDOW_LIVE_LOG2_MAX: u32 = 23;

/// One read of a compressed file that the daemon looks through.
pub const PACKED_READ_BYTES: usize = 32 * 1024;

/// Faults of rules that a replay tells apart; each of them may be met any number of times.
pub const REPLAY_FAULTS_SHOWN_MAX: usize = 100;

/// Lines that did not parse and are shown at the end of a replay, of all files together.
pub const REPLAY_UNPARSED_SHOWN_MAX: usize = 12;

/// Up to here a replay counts how many different targets there are: a million texts are some
/// tens of MB.
pub const REPLAY_TARGETS_COUNTED_MAX: usize = 1_000_000;

/// Blocks of a file that are looked at whether their memory can be used again: as many as are held
/// by events that may still be evidence, where most lines are, and two on their way.
pub const REPLAY_BLOCKS_SPENT_MAX: usize = 8;
