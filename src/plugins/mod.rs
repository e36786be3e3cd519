//! Plugins: folders that add to riposte what it does not know itself.
//!
//! In: the plugins' folder and `[plugins.NAME]` of the config. Out: what is there and may run. A
//! plugin is a Rhai module, whose text goes to `rules`, or a program that speaks JSON lines as a
//! source, parser, enricher or action; `pipeline` hands each to the stage that it serves.
//!
//! - [`manifest`]: `plugin.toml`, read and checked.
//! - [`discover`]: the folder, looked through: who is there, who is refused and why.
//! - [`config`]: what the user says of plugins in `riposte.toml`.
//! - [`talk`]: a program's messages, one by one, within limits, started again after pauses.
//! - [`source`], [`parser`]: what programs of these kinds say.
//! - [`health`]: how a program is, for status, doctor and metrics.

pub mod config;
pub mod enricher;
pub mod action;
pub mod discover;
pub mod health;
pub mod manifest;
pub mod talk;
pub mod source;
pub mod parser;

pub use crate::event::FieldKind;
pub use action::ActionProgram;
pub use config::PluginConfig;
pub use discover::{Enabled, Found, Plugin, PluginFault, discover};
pub use enricher::{Additions, Enricher};
pub use health::{Health, HealthCell, HealthState};
pub use manifest::{Manifest, PluginKind};
pub use parser::{ParserProgram, WHY_UNREAD};
pub use source::SourceProgram;
pub use talk::{Keeper, Launch, Message, Next, Talk, TalkError, TalkLimits};
