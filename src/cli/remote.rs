//! Commands that change something: the running daemon does it; where none runs, this process
//! does it on the store itself.

use super::output::{Output, Style};
use super::{End, Usage, context};
use crate::clock::{self, format_duration, parse_duration};
use crate::config::Config;
use crate::decisions::{Mode, Remedy, Subject, Target};
use crate::event::text;
use crate::pipeline::control::{self, AskError, Reply, Request};
use crate::pipeline::live::Live;
use crate::pipeline::machine;
use std::path::Path;

/// Has a request answered, and prints the answer.
pub fn ask(path: &Path, request: Request, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let reply = match context::config(path) {
        Ok(config) => answer(&config, request)?,
        Err(fault) => answer_despite(path, &request, fault)?,
    };
    if json {
        out.json(&reply)?;
        return Ok(if matches!(reply, Reply::Refused { .. }) { End::Finding } else { End::Well });
    }
    match reply {
        Reply::Done { message, .. } => {
            out.line(text::escape(&message))?;
            Ok(End::Well)
        }
        Reply::Refused { message } => {
            let shown: Vec<_> = message.lines().map(text::escape).collect();
            let shown = out.styled(Style::Yellow, shown.join("\n"));
            out.line(shown)?;
            Ok(End::Finding)
        }
        Reply::Status(_) => Ok(End::Well),
    }
}

/// The daemon's answer, or this process's own where none runs.
pub fn answer(config: &Config, request: Request) -> anyhow::Result<Reply> {
    match control::ask(&config.state_dir, &request) {
        Ok(reply) => Ok(reply),
        Err(AskError::NotRunning(_)) => Live::answer_once(config, request).map_err(Usage::of),
        Err(error) => Err(Usage::of(error)),
    }
}

/// The answer of a running daemon though the config has a fault: the daemon has a good one, and a
/// slip of the pen must not stand between a person and the brake.
fn answer_despite(path: &Path, request: &Request, fault: anyhow::Error) -> anyhow::Result<Reply> {
    match context::state_dir(path).map(|dir| control::ask(&dir, request)) {
        Some(Ok(reply)) => {
            tracing::warn!(%fault, "the config has faults; the running daemon was asked all the same");
            Ok(reply)
        }
        _ => Err(fault),
    }
}

/// A target as typed; a single IPv6 address stands for itself.
pub fn target(text: &str) -> anyhow::Result<Target> {
    Target::try_from(text.to_owned()).map_err(Usage::of)
}

/// Builds the request of `decisions add`.
pub fn decide(
    target_text: &str,
    duration: &str,
    reason: &str,
    remedy: &str,
) -> anyhow::Result<Request> {
    let seconds = match duration {
        "forever" => None,
        text => Some(parse_duration(text).map_err(Usage::of)?.as_secs()),
    };
    let remedy =
        [Remedy::Block, Remedy::Challenge, Remedy::Captcha, Remedy::Throttle, Remedy::Allow]
            .into_iter()
            .find(|known| known.name() == remedy)
            .ok_or_else(|| {
                let shown = text::escape(remedy);
                Usage::of(format!(
                    "`{shown}` is no remedy\nhint: block, challenge, captcha, throttle or allow"
                ))
            })?;
    Ok(Request::Decide { target: target(target_text)?, remedy, seconds, reason: reason.to_owned() })
}

/// Builds the request of `allow TARGET`.
pub fn allow(target: &str, comment: &str, duration: Option<&str>) -> anyhow::Result<Request> {
    if Subject::parse(target).is_none() {
        return Err(Usage::of(format!(
            "`{}` is no address, prefix or host name\nhint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`",
            text::escape(target)
        )));
    }
    let until = match duration {
        None => None,
        Some(text) => Some(clock::now().plus(parse_duration(text).map_err(Usage::of)?)),
    };
    Ok(Request::Allow { target: target.to_owned(), comment: comment.to_owned(), until })
}

/// What a host name stands for now.
pub fn tell_addresses(target: &str, out: &mut Output) -> anyhow::Result<()> {
    let Some(Subject::Name(name)) = Subject::parse(target) else { return Ok(()) };
    let found = machine::resolve(&name);
    if found.is_empty() {
        let line =
            format!("`{name}` resolves to no address now: nobody is protected by it until it does");
        let line = out.styled(Style::Yellow, line);
        return Ok(out.line(line)?);
    }
    let addresses: Vec<String> = found.iter().map(ToString::to_string).collect();
    Ok(out.line(format!(
        "`{name}` resolves to {} now; riposte looks again every few minutes",
        addresses.join(", ")
    ))?)
}

/// Lifts everything, also with the daemon dead: then the enforcers are cleared from here.
pub fn panic(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = match context::config(path) {
        Ok(config) => config,
        Err(fault) => {
            // The daemon clears its enforcers itself.
            let reply = answer_despite(path, &Request::Panic, fault)?;
            let (Reply::Done { message, .. } | Reply::Refused { message }) = reply else {
                return Ok(End::Well);
            };
            out.line(text::escape(&message))?;
            return Ok(End::Well);
        }
    };
    let asked = answer(&config, Request::Panic);
    // Whatever the daemon or the store say: what is in the kernel and in files must go.
    let cleared = crate::actions::remove_all(&config.actions);
    for (enforcer, result) in &cleared {
        match result {
            Ok(()) if !json => out.line(format!("{enforcer}: cleared"))?,
            Err(error) => out.line(format!("{enforcer}: {}", text::escape(error)))?,
            Ok(()) => {}
        }
    }
    let failed = cleared.iter().any(|(_, result)| result.is_err());
    match asked? {
        Reply::Done { message, .. } if json => {
            out.json(&serde_json::json!({ "message": message }))?;
        }
        Reply::Done { message, .. } | Reply::Refused { message } => {
            out.line(text::escape(&message))?;
        }
        Reply::Status(_) => {}
    }
    Ok(if failed { End::Finding } else { End::Well })
}

/// Builds the request of `rules enable|shadow|off`.
pub fn mode(rule: &str, mode: Mode) -> Request {
    Request::SetMode { rule: rule.to_owned(), mode }
}

/// How long until a moment, in words.
pub fn remaining(until: Option<clock::Timestamp>) -> String {
    match until {
        None => "for ever".to_owned(),
        Some(until) => format_duration(until.since(clock::now())),
    }
}
