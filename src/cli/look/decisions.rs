//! `riposte decisions list`: what is in force.

use super::{doubt, reader, tell_doubt};
use crate::cli::output::{Output, table};
use crate::cli::{End, context, remote};
use crate::clock;
use crate::decisions::Decision;
use crate::event::text;
use std::path::Path;

/// What is in force now, as far as the store knows.
pub fn decisions(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    let in_force = reader(&config)?.in_force(clock::now())?;
    if json {
        for decision in &in_force {
            out.json(decision)?;
        }
        return Ok(End::Well);
    }
    if in_force.is_empty() {
        out.line("nothing is in force")?;
        return Ok(End::Well);
    }
    tell_doubt(doubt(&config), out)?;
    let rows: Vec<Vec<String>> = in_force.iter().map(row).collect();
    for line in table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

/// A decision as a row of a table.
pub(super) fn row(decision: &Decision) -> Vec<String> {
    vec![
        decision.remedy.name().to_owned(),
        text::escape(&decision.target.to_string()).into_owned(),
        remote::remaining(decision.until),
        decision.rule.to_string(),
        text::escape(&decision.reason).into_owned(),
    ]
}
