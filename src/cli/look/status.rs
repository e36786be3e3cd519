//! `riposte status`: how the daemon is.

use crate::cli::output::{Output, Style};
use crate::cli::{End, Usage, context};
use crate::clock::{self, format_duration};
use crate::event::text;
use crate::feeds::FeedStatus;
use crate::geo::GeoStatus;
use crate::pipeline::control::{self, Reply, Request, Status};
use crate::secret::SecretState;
use serde_json::json;
use std::path::Path;

/// How the daemon is.
pub fn status(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    let reply = match control::ask(&config.state_dir, &Request::Status) {
        Ok(reply) => reply,
        Err(control::AskError::NotRunning(_)) => {
            if json {
                out.json(&json!({ "running": false }))?;
            } else {
                let line = out.styled(Style::Yellow, "riposte does not run");
                out.line(line)?;
            }
            return Ok(End::Finding);
        }
        Err(error) => return Err(Usage::of(error)),
    };
    let Reply::Status(status) = reply else {
        return Err(anyhow::anyhow!("the daemon's answer is none to `status`"));
    };
    if json {
        out.json(&status)?;
        return Ok(End::Well);
    }
    show_status(&status, !config.actions.enforcer_names().is_empty(), out)
}

fn show_status(status: &Status, has_enforcer: bool, out: &mut Output) -> anyhow::Result<End> {
    let since = format_duration(clock::now().since(status.started));
    let head = format!("riposte {} runs since {since} (pid {})", status.version, status.pid);
    let head = out.styled(Style::Bold, head);
    out.line(head)?;
    if status.panic {
        let line =
            out.styled(Style::Red, "PANIC is on: nothing is put in force until `riposte resume`");
        out.line(line)?;
    }
    if status.dry_run {
        out.line("dry run: nothing is carried out")?;
    }
    if let Some(until) = status.first_days_until {
        out.line(format!(
            "first days: rules that could hit an honest client shadow for {} more (`riposte arm` ends it)",
            format_duration(until.since(clock::now()))
        ))?;
    }
    out.line(format!(
        "rules      {} enforce, {} shadow",
        status.rules_enforce, status.rules_shadow
    ))?;
    for sentence in &status.unapplied {
        let line = format!("files      {} (`riposte check`)", text::escape(sentence));
        let line = out.styled(Style::Red, line);
        out.line(line)?;
    }
    for held in &status.held {
        let line =
            format!("rule       `{}` acts as in shadow: {}", held.rule, text::escape(&held.why));
        let line = out.styled(Style::Yellow, line);
        out.line(line)?;
    }
    let decided = if !has_enforcer || status.dry_run {
        "recorded only (no enforcer carries them out)"
    } else {
        "in force"
    };
    out.line(format!(
        "decisions  {} {decided}, {} waiting",
        status.decisions_in_force, status.decisions_queued
    ))?;
    out.line(format!("memory     {:.1} MiB", status.memory_bytes as f64 / 1_048_576.0))?;
    for source in &status.sources {
        let last = source.last_arrival.map_or_else(
            || "nothing yet".to_owned(),
            |at| format!("last {} ago", format_duration(clock::now().since(at))),
        );
        out.line(format!(
            "source     {}: {}, {} parsed, {last}",
            source.name,
            text::count(source.records, "record"),
            source.parsed
        ))?;
    }
    feeds(status, out)?;
    for database in &status.geo {
        crate::cli::feeds::database(database, out)?;
    }
    destinations(status, out)?;
    changes(status, out)?;
    plugins(status, out)?;
    for alarm in &status.alarms {
        let line =
            format!("alarm      {} {}: {}", alarm.time, alarm.from, text::escape(&alarm.text));
        let line = out.styled(Style::Yellow, line);
        out.line(line)?;
    }
    Ok(if is_ill(status) { End::Finding } else { End::Well })
}

/// Whether somebody should look at something.
fn is_ill(status: &Status) -> bool {
    status.panic
        || !status.unapplied.is_empty()
        || status.destinations.iter().any(|to| !to.healthy)
        || status.feeds.iter().any(FeedStatus::is_ill)
        || status.geo.iter().any(GeoStatus::is_ill)
        || status.plugins.iter().any(|plugin| !plugin.healthy)
        || status.secrets.iter().any(|secret| secret.state.is_ill())
}

/// Threat feeds that need somebody's eyes, and how many do not.
fn feeds(status: &Status, out: &mut Output) -> anyhow::Result<()> {
    let (ill, well): (Vec<_>, Vec<_>) = status.feeds.iter().partition(|feed| feed.is_ill());
    if !well.is_empty() {
        let entries: u64 = well.iter().map(|feed| feed.entries).sum();
        let feeds = text::count(well.len() as u64, "feed");
        out.line(format!("feeds      {feeds}, {}", text::count(entries, "entry")))?;
    }
    for feed in ill {
        crate::cli::feeds::line(feed, out)?;
    }
    Ok(())
}

/// Plugins' programs and secrets, and how they are.
fn plugins(status: &Status, out: &mut Output) -> anyhow::Result<()> {
    for plugin in &status.plugins {
        let style = if plugin.healthy { Style::Green } else { Style::Red };
        let word = out.styled(style, &plugin.state);
        let starts = text::count(plugin.starts, "start");
        let faults = text::count(plugin.faults, "fault");
        let detail = if plugin.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", text::escape(&plugin.detail))
        };
        let (name, kind) = (&plugin.name, &plugin.kind);
        out.line(format!("plugin     {name} ({kind}): {word}, {starts}, {faults}{detail}"))?;
    }
    secrets(status, out)
}

/// Temporary changes at Cloudflare.
fn changes(status: &Status, out: &mut Output) -> anyhow::Result<()> {
    for change in &status.changes {
        out.line(format!("change     {}", crate::cli::cf::changes::line(change)))?;
    }
    Ok(())
}

/// Secrets that can't be read, and how many can.
fn secrets(status: &Status, out: &mut Output) -> anyhow::Result<()> {
    let (well, ill): (Vec<_>, Vec<_>) =
        status.secrets.iter().partition(|secret| !secret.state.is_ill());
    if !well.is_empty() {
        out.line(format!("secrets    {} read", well.len()))?;
    }
    for secret in ill {
        let word = match secret.state {
            SecretState::Kept => "an older value is used",
            _ => "missing, what needs it waits",
        };
        let word = out.styled(Style::Red, word);
        let (name, fault) = (text::escape(&secret.reference), text::escape(&secret.fault));
        out.line(format!("secret     {name}: {word}: {fault}"))?;
    }
    Ok(())
}

/// Where actions go, and how it is there.
fn destinations(status: &Status, out: &mut Output) -> anyhow::Result<()> {
    for destination in &status.destinations {
        let word = if destination.healthy {
            out.styled(Style::Green, "well")
        } else {
            out.styled(Style::Red, "in trouble")
        };
        out.line(format!(
            "to         {}: {word}{}{}",
            destination.name,
            if destination.queued > 0 {
                format!(", {} waiting", destination.queued)
            } else {
                String::new()
            },
            if destination.detail.is_empty() {
                String::new()
            } else {
                format!(": {}", text::escape(&destination.detail))
            }
        ))?;
    }
    Ok(())
}
