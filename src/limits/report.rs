//! Bounds of what `replay` remembers for its report and for comparing two rule sets.

/// Clients that the report looks at, in the order in which they would be blocked: about 1 KB each.
pub const REPORT_CLIENTS_MAX: usize = 50_000;

/// Targets whose decisions are remembered for the report; one is an address or a network.
pub const REPORT_TARGETS_MAX: usize = 50_000;

/// Decisions about one target that are remembered with their times; later ones lengthen the last.
pub const REPORT_DECISIONS_MAX: usize = 16;

/// Clients of one blocked network that are looked at.
pub const REPORT_CLIENTS_OF_NETWORK_MAX: u32 = 256;

/// Buckets of a time line: as many as a phone shows.
pub const REPORT_BUCKETS: usize = 56;

/// Agents and user names of a client that are told apart; an office has more, but then it is one.
pub const REPORT_NAMES_MAX: usize = 12;

/// Lines of a client or a decision that are kept as evidence.
pub const REPORT_LINES_MAX: usize = 5;

/// Characters of a line that are shown.
pub const REPORT_LINE_CHARS_MAX: usize = 240;

/// Decisions that differ between two rule sets and are kept, of each set, with their evidence; the
/// rest is counted.
pub const COMPARED_DECISIONS_MAX: usize = 20_000;

/// Targets of which it is remembered which of two rule sets decides about them.
pub const COMPARED_TARGETS_MAX: usize = 500_000;

/// A decision of one rule set and one of the other by the same rule about the same target are the
/// same one, moved, when they lie no further apart.
pub const COMPARED_MOVE_SECS_MAX: u64 = 86_400;

/// Clients of one list that the page shows whole, with time line, reasons and lines: about 8 KB
/// each. The page stays below about 4 MB, which a phone opens.
pub const PAGE_WHOLE_MAX: usize = 60;

/// Clients of one list that the page shows in a row each, after those that are shown whole: about
/// 300 bytes each.
pub const PAGE_ROWS_MAX: usize = 400;

/// Changes between two rule sets that the page shows with their evidence: about 2 KB each.
pub const PAGE_CHANGES_MAX: usize = 200;

/// Rules in one of the page's tables.
pub const PAGE_RULES_MAX: usize = 1_000;

/// `--all` shows so many times as much of each list on the page; a browser must still open it.
pub const PAGE_ALL_FACTOR: usize = 10;

/// Rules for which the report tries higher thresholds: those that hit most customers.
pub const REPORT_MENDS_MAX: usize = 3;
