//! `riposte doctor`: what is wrong here, and how to mend it; and the way out
//! (`riposte doctor --remove`).
//!
//! In: config, store, logs, enforcers and the machine, all read only. Out: findings. One file looks
//! at each of them.

mod actions;
mod enforcers;
mod geo;
mod machine;
mod report;
mod secrets;
mod sources;
mod state;
#[cfg(test)]
mod tests;

use super::args::DoctorArgs;
use super::output::{Output, Style};
use super::{End, Usage, context};
use crate::clock;
use crate::config::{self, Config};
use crate::decisions::CloudflareCall;
use crate::event::text;
use crate::pipeline::control::{self, AskError, Reply, Request, Status};
use crate::pipeline::rule_set;
use crate::plugins::HealthState;
use crate::rules::Severity as RuleSeverity;
use crate::store::{DATABASE, Store};
use report::Report;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Looks at everything, or takes everything away.
pub fn doctor(path: &Path, args: &DoctorArgs, out: &mut Output) -> anyhow::Result<End> {
    if args.remove {
        return remove(&context::config(path)?, args.json, out);
    }
    let report = examine(path);
    report.show(args.json, out)?;
    if !args.json {
        let words =
            if report.has_faults() { "something is wrong, see above" } else { "all is well" };
        let style = if report.has_faults() { Style::Yellow } else { Style::Green };
        let words = out.styled(style, words);
        out.line(words)?;
    }
    Ok(if report.has_faults() { End::Finding } else { End::Well })
}

/// All findings.
fn examine(path: &Path) -> Report {
    let mut report = Report::default();
    if !rustix::process::geteuid().is_root() {
        report.note(
            "user",
            "this is not root, so what only root may look at is reported as out of reach",
            "sudo riposte doctor",
        );
    }
    let config = match config::load(path) {
        Ok(config) => config,
        Err(error) => {
            for fault in &error.faults {
                let place = if fault.line > 0 {
                    format!("{}:{}:{}", path.display(), fault.line, fault.column)
                } else {
                    path.display().to_string()
                };
                report.error("config", format!("{place}: {}", fault.message), fault.hint.as_str());
            }
            machine::check(&Config::default(), None, &mut report);
            return report;
        }
    };
    report.well("config", format!("{} is right", path.display()));
    context::keep_secrets(&config);
    let asked = rules(&config, &mut report);
    let daemon = daemon(&config, &mut report);
    let in_force = state::check(&config, daemon.as_ref(), &mut report);
    sources::check(&config, daemon.as_ref(), &mut report);
    geo::check(&config, daemon.as_ref(), &mut report);
    let present = (daemon.as_ref(), in_force.as_deref());
    enforcers::check(&config, present, &asked, &mut report);
    actions::check(&config, &mut report);
    secrets::check(&config, daemon.as_ref(), &mut report);
    machine::check(&config, daemon.as_ref(), &mut report);
    report
}

/// Looks at the rules; gives what they ask of Cloudflare.
fn rules(config: &Config, report: &mut Report) -> BTreeSet<CloudflareCall> {
    let loaded = rule_set::load(config, &BTreeMap::new(), 0);
    for fault in &loaded.faults {
        report.error("rules", fault.message.as_str(), fault.hint.as_str());
    }
    let errors = loaded
        .loaded
        .findings
        .iter()
        .filter(|finding| finding.severity == RuleSeverity::Error)
        .count();
    if errors > 0 {
        report.error(
            "rules",
            format!("the rules have {}", text::count(errors, "error")),
            "riposte check",
        );
    } else if loaded.faults.is_empty() {
        report.well(
            "rules",
            format!("{} loaded", text::count(loaded.loaded.set.rules().len(), "rule")),
        );
    }
    loaded.loaded.set.cloudflare_calls()
}

/// The daemon's own word, where one runs.
fn daemon(config: &Config, report: &mut Report) -> Option<Status> {
    let status = match control::ask(&config.state_dir, &Request::Status) {
        Ok(Reply::Status(status)) => *status,
        Ok(_) => {
            report.error("daemon", "its answer is none to `status`", "is it of another version?");
            return None;
        }
        Err(AskError::NotRunning(_)) => {
            report.warning(
                "daemon",
                "riposte does not run, so nothing new is blocked",
                "systemctl enable --now riposte (or `riposte run`)",
            );
            return None;
        }
        Err(error) => {
            report.failed("daemon", &error);
            return None;
        }
    };
    report.well("daemon", format!("riposte {} runs (pid {})", status.version, status.pid));
    if status.version != env!("CARGO_PKG_VERSION") {
        report.warning(
            "daemon",
            format!(
                "the daemon is of version {}, this program of {}",
                status.version,
                env!("CARGO_PKG_VERSION")
            ),
            "systemctl restart riposte",
        );
    }
    if status.panic {
        report.warning("daemon", "a panic is on: nothing is put in force", "riposte resume");
    }
    if status.dry_run {
        report.note("daemon", "it is a dry run: nothing is carried out", "");
    }
    for sentence in &status.unapplied {
        report.error("daemon", sentence.as_str(), "riposte check");
    }
    for destination in status.destinations.iter().filter(|destination| !destination.healthy) {
        let (what, hint) =
            destination.detail.split_once("\nhint: ").unwrap_or((&destination.detail, ""));
        report.error("daemon", format!("`{}` is in trouble: {what}", destination.name), hint);
    }
    for plugin in status.plugins.iter().filter(|plugin| !plugin.healthy) {
        let what = format!("plugin `{}` does not work: {}", plugin.name, plugin.detail);
        let hint = if plugin.state == HealthState::Refused.word() {
            "mend it, then restart riposte"
        } else {
            "see its lines in the log; it is started again by itself"
        };
        report.error("daemon", what, hint);
    }
    for alarm in status.alarms.iter().rev().take(5) {
        let ago = clock::format_duration(clock::now().since(alarm.time));
        report.warning(
            "daemon",
            format!("alarm of `{}`, {ago} ago: {}", alarm.from, alarm.text),
            "",
        );
    }
    Some(status)
}

/// Takes everything away that riposte put on this machine. Not while a daemon runs: it would put
/// everything back.
fn remove(config: &Config, json: bool, out: &mut Output) -> anyhow::Result<End> {
    match control::ask(&config.state_dir, &Request::Status) {
        Err(AskError::NotRunning(_)) => {}
        Err(error) => return Err(Usage::of(error)),
        Ok(reply) => {
            let pid = match reply {
                Reply::Status(status) => format!(" (pid {})", status.pid),
                _ => String::new(),
            };
            return Err(Usage::of(format!(
                "riposte runs{pid}, and would put back what is removed\nhint: `systemctl stop riposte` (or end it), then again"
            )));
        }
    }
    // A daemon that starts or ends just now has no socket, but the store.
    let _held = if config.state_dir.join(DATABASE).exists() {
        Some(Store::open(&config.state_dir).map_err(Usage::of)?)
    } else {
        None
    };
    let removed = crate::actions::remove_all(&config.actions);
    for (enforcer, result) in &removed {
        if json {
            let error = result.as_ref().err();
            out.json(&serde_json::json!({ "enforcer": enforcer, "removed": error.is_none(), "error": error }))?;
            continue;
        }
        let line = match result {
            Ok(()) => format!("{}: removed", text::escape(enforcer)),
            Err(error) => {
                let error: Vec<_> = error.lines().map(text::escape).collect();
                out.styled(Style::Red, format!("{}: {}", text::escape(enforcer), error.join("\n")))
            }
        };
        out.line(line)?;
    }
    if !json {
        if removed.is_empty() {
            out.line("the config names no enforcer, so there is nothing to remove")?;
        }
        out.line(format!(
            "what riposte remembers stays in {}; the next `riposte run` puts back what is still in force",
            config.state_dir.display()
        ))?;
    }
    let failed = removed.iter().any(|(_, result)| result.is_err());
    Ok(if failed { End::Finding } else { End::Well })
}
