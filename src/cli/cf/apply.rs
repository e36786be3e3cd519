//! `riposte cf apply FILE`: makes a zone what a file says, and shows first what that would change.
//!
//! ```text
//! file ─▶ present (read, compare: plan) ─▶ show ─▶ a person's yes ─▶ send
//! ```

mod dns;
mod file;
mod plan;
mod present;
mod routes;
mod send;
mod show;

use super::confirm::agreed;
use super::{Session, show as shown};
use crate::cli::output::{Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::zones::Zone;
use crate::event::text;
use clap::{Args, ValueHint};
use file::ZoneFile;
use send::Done;
use serde_json::json;
use std::path::{Path, PathBuf};

/// `riposte cf apply`
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The file that says what the zone is to be like
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The zone's name or id, where the file names none or another
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Change nothing; exit with 1 when something differs
    #[arg(long, conflicts_with = "yes")]
    pub check: bool,
    /// Take over what others have made that is in the way
    #[arg(long)]
    pub adopt: bool,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// Reads a file.
pub fn read(path: &Path) -> anyhow::Result<ZoneFile> {
    ZoneFile::read(path)
}

/// Applies a file.
pub fn apply(session: &Session, args: &ApplyArgs, out: &mut Output) -> anyhow::Result<End> {
    let file = ZoneFile::read(&args.file)?;
    let Some(name) = args.zone.as_ref().or(file.zone.as_ref()) else {
        return Err(Usage::of(
            "the file names no zone\nhint: `zone = \"example.com\"` at its top, or `--zone`",
        ));
    };
    let zone = shown::zone(session, name)?;
    to_zone(session, &zone, &file, args, out)
}

/// Makes a zone what a file says.
pub fn to_zone(
    session: &Session,
    zone: &Zone,
    file: &ZoneFile,
    args: &ApplyArgs,
    out: &mut Output,
) -> anyhow::Result<End> {
    let made = present::plan(&session.client, zone, file, args.adopt)?;
    show::plan(session, zone, &made, out)?;
    super::rules::right(&made.faults)?;
    if args.check {
        return end(session, zone, &made, &Done::default(), out);
    }
    if made.is_blocked() {
        return Err(Usage::of(
            "nothing was written, since something of others is in the way\nhint: `--adopt` takes it over; or give it another name in the file",
        ));
    }
    if !made.differs() {
        return end(session, zone, &present::ZonePlan::default(), &Done::default(), out);
    }
    if !agreed(args.yes, out)? {
        return Ok(End::Finding);
    }
    let mut done = Done::default();
    let sent = send::all(&session.client, zone, file, &made, args.adopt, &mut done);
    if let Err(error) = sent {
        for part in &done.written {
            out.line(format!("done before that: {}", text::escape(part)))?;
        }
        return Err(error);
    }
    end(session, zone, &present::ZonePlan::default(), &done, out)
}

/// Tells how it went: what still differs, what was written.
fn end(
    session: &Session,
    zone: &Zone,
    left: &present::ZonePlan,
    done: &Done,
    out: &mut Output,
) -> anyhow::Result<End> {
    let differs = left.differs();
    if session.json {
        out.json(&json!({
            "type": "summary", "zone": zone.name, "differs": differs,
            "written": done.written, "warnings": done.warnings,
        }))?;
    } else {
        for part in &done.written {
            let word = out.styled(Style::Green, "done");
            out.line(format!("{word} {}", text::escape(part)))?;
        }
        for warning in &done.warnings {
            let word = out.styled(Style::Yellow, "look");
            out.line(format!("{word} {}", text::escape(warning)))?;
        }
    }
    Ok(if differs { End::Finding } else { End::Well })
}

#[cfg(test)]
mod tests;
