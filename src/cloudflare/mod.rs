//! Cloudflare's API (v4): what can be asked, what comes back, what goes wrong and whether to try
//! again, and how many calls may be made. No policy: what is asked and when, others decide.
//!
//! In: a [`Call`], built by the file of its area. Out: an [`Answer`], read as the area's type, or
//! an [`ApiError`]. The way of a call:
//!
//! ```text
//! area::function ─▶ Call ─▶ Budget ─▶ http_client ─▶ envelope ─▶ Answer or ApiError
//! ```

mod budget;
mod call;
mod client;
mod envelope;
mod error;
mod masked;
mod shared;
mod trace;
mod window;

pub mod access_rules;
pub mod accounts;
pub mod agents;
pub mod bots;
pub mod alerts;
pub mod analytics;
pub mod audit;
pub mod billing;
pub mod dns;
pub mod graphql;
pub mod kv;
pub mod lists;
pub mod lockdowns;
pub mod plans;
pub mod pools;
pub mod logpush;
pub mod members;
pub mod purge;
pub mod ranges;
pub mod rules;
pub mod rulesets;
pub mod settings;
pub mod status_page;
pub mod tokens;
pub mod warm;
pub mod workers;
pub mod zones;

pub use budget::{Budget, BudgetFigures};
pub use call::{Area, Call, Form, Lane, Priority, RawBody};
pub use client::{BASE, Client, check_base};
pub use envelope::Answer;
pub use error::{ApiError, ErrorKind};
pub use masked::masked;
pub use shared::keep_stops_in;
pub use trace::Trace;
