//! Bounds of what reads past logs: `replay`, `parse`, and finding the format of a file.

/// One read of a file that is replayed.
pub const REPLAY_READ_BYTES: usize = 128 * 1024;

/// First lines of a file that are looked at to find its format: enough that a few odd lines don't
/// decide.
pub const DETECT_LINES_MAX: usize = 50;
