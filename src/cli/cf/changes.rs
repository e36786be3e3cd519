//! `riposte cf changes`: temporary changes at Cloudflare, and their ends by hand. They are in the
//! store, so that this asks Cloudflare nothing.

use super::ChangesCommand;
use crate::cli::output::Output;
use crate::cli::{End, Usage, context, remote};
use crate::clock::{self, format_duration};
use crate::decisions::change::value_words;
use crate::event::text;
use crate::pipeline::control::{ChangeStatus, Request};
use crate::store;
use std::path::Path;

/// Lists them, or ends one.
pub fn changes(
    path: &Path,
    command: Option<&ChangesCommand>,
    json: bool,
    out: &mut Output,
) -> anyhow::Result<End> {
    if let Some(ChangesCommand::End { number }) = command {
        return remote::ask(path, Request::EndChange { number: *number }, json, out);
    }
    let config = context::config(path)?;
    let reader = store::open_read_only(&config.state_dir).map_err(Usage::of)?;
    let now = clock::now();
    let rows = reader.changes().map_err(Usage::of)?;
    if rows.is_empty() && !json {
        out.line("nothing is changed at Cloudflare")?;
    }
    for row in &rows {
        let accounts = &config.actions.cloudflare;
        let is_known = accounts.iter().any(|account| account.name == row.enforcer);
        let change = ChangeStatus::of(row, now).of_account(is_known);
        if json {
            out.json(&change)?;
            continue;
        }
        out.line(line(&change))?;
        if change.state == "orphaned" {
            let before = change.before.as_ref().map_or_else(String::new, value_words);
            out.line(format!(
                "    hint: put the entry back; or set it to {} by hand, and then `riposte cf changes end {}`",
                text::escape(&before),
                change.number
            ))?;
        }
        for claim in &change.claims {
            let counts = if claim.counts { "" } else { ", behind a stronger or newer one" };
            out.line(format!(
                "    rule `{}` wants {} until {}{counts}",
                text::escape(&claim.rule),
                text::escape(&value_words(&claim.value)),
                claim.until
            ))?;
        }
    }
    Ok(End::Well)
}

/// A change on one line.
pub fn line(change: &ChangeStatus) -> String {
    let words =
        |value: Option<&serde_json::Value>| value.map_or_else(|| "?".to_owned(), value_words);
    let now = clock::now();
    let left = |until: clock::Timestamp| format_duration(until.since(now));
    let state = match (change.state.as_str(), change.quiet_until) {
        ("left", Some(until)) => format!(
            "somebody set it to {}; rules leave it alone for {} more",
            words(change.found.as_ref()),
            left(until)
        ),
        ("orphaned", _) => format!(
            "orphaned: {}, before {}; the config has no `[[actions.cloudflare]]` named `{}` any more",
            words(change.value.as_ref()),
            words(change.before.as_ref()),
            change.enforcer
        ),
        ("ended", Some(until)) => {
            format!("ended by hand; rules leave it alone for {} more", left(until))
        }
        (state, _) => {
            let end = change.claims.iter().map(|claim| claim.until).max();
            let lasts = end.map_or_else(String::new, |end| format!(", {} more", left(end)));
            format!(
                "{state}: {}, before {}{lasts}",
                words(change.value.as_ref()),
                words(change.before.as_ref())
            )
        }
    };
    let line =
        format!("{} {} {} of {}: {state}", change.number, change.kind, change.name, change.zone);
    text::escape(&line).into_owned()
}
