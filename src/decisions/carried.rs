//! What becomes of an action that somebody outside carries out: said by a plugin's program, heard by
//! the executor that handed it over.

use std::time::Duration;

/// What became of an action that was handed to a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// Done.
    Applied,
    /// It was so already.
    Unchanged,
    /// Accepted; how it ended comes later.
    Pending,
    /// It did not happen, and would not if tried again.
    Failed(String),
    /// It may have happened, and must not be tried again.
    Unconfirmed(String),
    /// It may be tried again.
    Retry {
        /// Why.
        reason: String,
        /// Not before this long.
        after: Option<Duration>,
        /// It may have happened all the same.
        may_have_arrived: bool,
    },
}
