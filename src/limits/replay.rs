//! Bounds of what reads past logs: `replay`, `parse`, and finding the format of a file.

/// One read of a file that is replayed.
pub const REPLAY_READ_BYTES: usize = 128 * 1024;

/// First lines of a file that are looked at to find its format: enough that a few odd lines don't
/// decide.
pub const DETECT_LINES_MAX: usize = 50;

/// Lines of a file that did not parse and are shown as examples; also how many of them a batch
/// remembers.
pub const UNPARSED_SHOWN_MAX: usize = 3;

/// Characters of such a line that are shown.
pub const UNPARSED_SHOWN_CHARS_MAX: usize = 120;

/// Blocks of one file that are read and not matched yet: enough that no thread waits for the disk.
pub const REPLAY_BLOCKS_AHEAD_MAX: usize = 8;

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
