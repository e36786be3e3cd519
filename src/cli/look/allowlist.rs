//! `riposte allow` without a target: the allowlist.

use crate::cli::output::Output;
use crate::cli::{End, context};
use crate::clock;
use crate::event::text;
use crate::store;
use serde_json::json;
use std::path::Path;

/// The allowlist.
pub fn allowlist(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    for entry in &config.guard.allow {
        if json {
            out.json(&json!({ "entry": entry, "note": "`guard.allow` of the config" }))?;
        } else {
            out.line(format!("{entry}  (config)"))?;
        }
    }
    let Ok(reader) = store::open_read_only(&config.state_dir) else { return Ok(End::Well) };
    let (_, entries) = reader.allowlist()?;
    for entry in &entries {
        if json {
            out.json(entry)?;
        } else {
            let until = match entry.until {
                None => String::new(),
                Some(until) if until <= clock::now() => format!("  over since {until}"),
                Some(until) => format!("  until {until}"),
            };
            out.line(format!("{}{until}  {}", entry.entry, text::escape(&entry.note)))?;
        }
    }
    Ok(End::Well)
}
