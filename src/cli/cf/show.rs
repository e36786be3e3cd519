//! `riposte cf zones`: what there is.

use super::account::cell;
use super::{Session, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::zones::{self, Zone};
use crate::event::text;

/// The zones that the token sees.
pub fn zones(session: &Session, out: &mut Output) -> anyhow::Result<End> {
    let zones = zones::all(&session.client).map_err(|error| told(&error))?;
    if session.json {
        for zone in &zones {
            out.json(zone)?;
        }
        return Ok(End::Well);
    }
    let head =
        ["zone", "status", "plan", "id", "account"].map(|word| out.styled(Style::Bold, word));
    let mut rows = vec![head.to_vec()];
    for zone in &zones {
        let plan = zone.plan.as_ref().and_then(|plan| plan.legacy_id.as_deref()).unwrap_or("?");
        let status = if zone.paused { "paused" } else { zone.status.as_str() };
        rows.push(vec![
            cell(&zone.name),
            cell(status),
            cell(plan),
            cell(&zone.id),
            cell(&zone.account.id),
        ]);
    }
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

/// A zone by its name or id; that there is none is the user's to mend.
pub fn zone(session: &Session, name: &str) -> anyhow::Result<Zone> {
    zones::find(&session.client, name).map_err(|error| told(&error))?.ok_or_else(|| {
        let name = text::escape(name);
        Usage::of(format!(
            "the token sees no zone `{name}`\nhint: `riposte cf zones` lists those that it sees"
        ))
    })
}
