//! Plugins: programs that speak JSON lines over their standard input and output.
//!
//! In: what a plugin's program is and may do ([`Launch`]). Out: its messages, one by one, within
//! limits ([`Talk`]), started again after pauses when it fails ([`Keeper`]), and how it is
//! ([`Health`]). What the messages mean is left to the kinds of plugins.

pub mod health;
pub mod talk;

pub use health::{Health, HealthCell, HealthState};
pub use talk::{Keeper, Launch, Message, Talk, TalkError, TalkLimits};
