//! `riposte cf status`: can Cloudflare's API be reached, does it tell of an incident, and how many calls
//! are left.

use super::{Session, told};
use crate::cli::End;
use crate::cli::output::{Output, Style};
use crate::clock::format_duration;
use crate::cloudflare::status_page;
use crate::cloudflare::{Area, Call};
use crate::event::text;
use serde_json::json;
use std::time::Duration;

/// Shows it; ends with 1 where there is an incident, or where nothing may be sent.
pub fn run(session: &Session, out: &mut Output) -> anyhow::Result<End> {
    let page = session.config.status_page().map(str::to_owned);
    let incidents = page.as_deref().map(status_page::open_now);
    let before = session.client.budget();
    let reached = match before.stopped_for {
        Some(_) => Ok(()),
        // Its headers tell what is left after the daemon's calls too.
        None => session
            .client
            .send(&Call::get(Area::Zones, "/zones").query("per_page", "5"))
            .map(drop)
            .map_err(|error| told(&error)),
    };
    let budget = session.client.budget();
    let stopped = budget.stopped_for.map(whole);
    let open = incidents.clone().flatten().unwrap_or_default();
    let well = reached.is_ok() && stopped.is_none() && open.is_empty();
    let end = if well { End::Well } else { End::Finding };
    if session.json {
        out.json(&json!({
            "api": session.config.api,
            "reached": reached.is_ok() && stopped.is_none(),
            "error": reached.as_ref().err().map(ToString::to_string),
            "calls_left": budget.left,
            "item_changes_left": budget.items_left,
            "stopped_seconds": stopped.map(|pause| pause.as_secs()),
            "status_page_read": incidents.as_ref().map(Option::is_some),
            "incidents": open,
        }))?;
        return Ok(end);
    }
    let (good, bad) = (out.styled(Style::Green, "well"), out.styled(Style::Red, "trouble"));
    match (&reached, stopped) {
        (_, Some(pause)) => out.line(format!(
            "{bad} API: nothing is sent for {}, since Cloudflare said so or failed",
            format_duration(pause)
        ))?,
        (Err(error), None) => out.line(format!("{bad} API: {error}"))?,
        (Ok(()), None) => {
            out.line(format!("{good} API: {} answers", text::escape(&session.config.api)))?;
        }
    }
    if stopped.is_none() {
        let (calls, items) = (budget.left, budget.items_left);
        out.line(format!("{good} budget: {calls} calls at once, {items} changes of list items"))?;
    }
    match (&incidents, open.as_slice()) {
        (None, _) => out.line("status page: not looked at (`status_page` of the config)")?,
        (Some(None), _) => out.line(format!("{bad} status page: it can't be read"))?,
        (Some(Some(_)), []) => {
            out.line(format!("{good} status page: no incident that concerns the API"))?;
        }
        (Some(Some(_)), open) => {
            for name in open {
                out.line(format!("{bad} incident: {}", text::escape(name)))?;
            }
        }
    }
    Ok(end)
}

fn whole(pause: Duration) -> Duration {
    Duration::from_secs(pause.as_secs().max(1))
}
