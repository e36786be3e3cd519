//! Bounds of what plugins' programs bring: records, events and answers about lines.

/// Kinds of events that one plugin may declare.
pub const BROUGHT_KINDS_MAX: usize = 64;

/// The longest name of a kind or a field that a plugin may declare.
pub const BROUGHT_NAME_BYTES_MAX: usize = 64;

/// A cursor of a source's program is at most this long: a place in a file or a queue, not a state.
pub const SOURCE_CURSOR_BYTES_MAX: usize = 1_024;

/// Cursors that a source remembers, so that what its program says once more is known: far more than
/// a pipe and a queue hold that was said and not yet acknowledged.
pub const SOURCE_CURSORS_KNOWN_MAX: usize = 16 * 1024;

/// This much of what is done stays in a spool with cursors, so that they are known after a restart.
pub const SPOOL_CURSOR_BYTES_KEPT: u64 = 4 * 1024 * 1024;

/// What was said is told to be saved at the latest after so many records; earlier when no more wait.
pub const SOURCE_SAVED_RECORDS_MAX: usize = 256;

/// A source's program is looked at this often, where it says nothing: a stop is heard as fast.
pub const SOURCE_PROGRAM_LOOK_MILLIS: u64 = 100;

/// A source's program has this long to end when riposte stops.
pub const SOURCE_PROGRAM_STOP_MILLIS_MAX: u64 = 3_000;

/// The same fault in what a source's program says is told this often.
pub const SOURCE_FAULT_TOLD_SECS: u64 = 60;

/// Lines that are with a parser's program at the same time.
pub const PARSER_LINES_ASKED_MAX: usize = 64;

/// A parser's program that died with a line is started again after this long; it doubles while it
/// answers nothing.
pub const PARSER_PAUSE_MILLIS_MIN: u64 = 50;

/// The longest such pause: lines that kill it must not switch its source off.
pub const PARSER_PAUSE_MILLIS_MAX: u64 = 1_000;

/// Answers of a parser's program that stand in one line of what is kept of them.
pub const PARSER_ANSWERS_A_LINE_MAX: usize = 256;

/// Lines of kept answers beyond which the oldest are given up: they would be asked again.
pub const PARSER_ANSWER_LINES_MAX: usize = 64 * 1024;
