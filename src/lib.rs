//! Riposte, as a library: the story of an event, told by the order of the modules.
//!
//! A source reads records; a parser makes each an event; enrichers add what the record does not
//! say; the matcher finds the rules that may care; windows count; a rule's body asks for actions;
//! the guard refuses what must never happen; the store journals what passes; executors carry it
//! out, and undo it when its time is up.

// Ground: no knowledge of the flow.
pub mod limits;
pub mod clock;
pub mod secret;
pub mod telemetry;
pub mod process;
pub mod http_client;
pub mod vaults;
pub mod trust;
pub mod cloudflare;

// The way of an event, stage by stage.
pub mod event;
pub mod toml_text;
pub mod sources;
pub mod parsers;
pub mod enrich;
pub mod geo;
pub mod matching;
pub mod windows;
pub mod rules;
pub mod decisions;
pub mod feeds;
pub mod bots;
pub mod store;
pub mod plugins;
pub mod actions;

// Assembly and faces.
pub mod simulator;
pub mod config;
pub mod pipeline;
pub mod cli;
