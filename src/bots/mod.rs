//! Crawlers that are who they say they are: by their operators' published ranges, and by names that
//! lead from the address to the operator and back (forward-confirmed reverse DNS).
//!
//! In: an address, and the crawler that its user agent names. Out, later: whether it is that one
//! ([`Answer`]). Nobody waits for it: a thread of its own asks the DNS, within bounds. What follows is
//! the guard's business.

mod checker;
pub mod config;
mod definitions;
mod names;

pub use checker::{Answer, Checker, Outcome};
pub use config::BotsConfig;
pub use definitions::{Definition, of_family};
pub use names::{Names, judge};
