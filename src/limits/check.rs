//! Bounds of what `check` looks at.

/// Faults of syntax told of one rule file: each costs parsing the rest again, and what comes after
/// so many mostly comes of them.
pub const RULE_SYNTAX_FAULTS_MAX: usize = 16;

/// Ways in which a predicate can be true that `check` follows up; beyond, less is said of the rule.
pub const CHECK_ALTERNATIVES_MAX: usize = 64;

/// Findings told of one rule file; more of them are only counted.
pub const FINDINGS_A_FILE_MAX: usize = 200;
