//! `riposte notify`: the channels of the config, and a message by one of them.

use super::args::NotifyCommand;
use super::output::{Output, Style};
use super::{End, Usage, context};
use crate::actions::{ChannelConfig, ChannelTo, Tried, try_channel};
use crate::config::Config;
use crate::event::text;
use crate::limits::MESSAGE_BYTES_MAX;
use crate::process::resolve_secret;
use serde_json::json;
use std::path::Path;

/// Runs the command.
pub fn notify(path: &Path, command: &NotifyCommand, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    match command {
        NotifyCommand::List(args) => list(&config, args.json, out),
        NotifyCommand::Test { channel, message, dry_run, json } => {
            test(&config, (channel, message), *dry_run, *json, out)
        }
    }
}

/// What its secrets lack, in words.
fn lacks(channel: &ChannelConfig) -> Vec<String> {
    channel
        .secrets()
        .filter_map(|reference| Some(resolve_secret(reference).err()?.to_string()))
        .collect()
}

fn list(config: &Config, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let channels = &config.actions.channels;
    if !json && channels.is_empty() {
        out.line("no channels\nhint: `[[actions.channels]]` with `name = \"ops\"` and `to = \"slack\"`: see docs/notify.md")?;
    }
    let mut end = End::Well;
    for channel in channels {
        let lacks = lacks(channel);
        if !lacks.is_empty() {
            end = End::Finding;
        }
        let is_service = matches!(channel.to, ChannelTo::Service(_));
        if json {
            let grouped = is_service.then_some(channel.group.as_secs());
            let per_hour = is_service.then_some(channel.per_hour);
            out.json(&json!({
                "name": channel.name, "to": channel.to.to_string(), "group_s": grouped,
                "per_hour": per_hour, "lacks": lacks,
            }))?;
            continue;
        }
        let name = out.styled(Style::Bold, &channel.name);
        let bounds = if is_service {
            format!(
                ", one message a rule in {}, {} an hour",
                crate::clock::format_duration(channel.group),
                channel.per_hour
            )
        } else {
            String::new()
        };
        out.line(format!("{name}  {}{bounds}", channel.to))?;
        for lack in lacks {
            for line in lack.lines() {
                let line = out.styled(Style::Yellow, text::escape(line));
                out.line(format!("    {line}"))?;
            }
        }
    }
    Ok(end)
}

fn test(
    config: &Config,
    (name, message): (&str, &str),
    dry_run: bool,
    json: bool,
    out: &mut Output,
) -> anyhow::Result<End> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Usage::of(format!("the message is longer than {MESSAGE_BYTES_MAX} bytes")));
    }
    let tried = try_channel(&config.actions, name, message, dry_run);
    let Some(tried) = tried else { return Err(Usage::of(unknown(config, name))) };
    let (word, style, detail) = match &tried {
        Tried::Rehearsed(call) => ("would be sent", Style::Dim, call.as_str()),
        Tried::Sent => ("sent", Style::Green, ""),
        Tried::Failed(reason) => ("failed", Style::Red, reason.as_str()),
        Tried::Unconfirmed(reason) => ("may have arrived", Style::Yellow, reason.as_str()),
    };
    if json {
        out.json(&json!({ "channel": name, "outcome": word, "detail": detail }))?;
    } else {
        let word = out.styled(style, word);
        out.line(format!("{}: {word}", text::escape(name)))?;
        for line in detail.lines() {
            out.line(format!("    {}", text::escape(line)))?;
        }
    }
    Ok(if matches!(tried, Tried::Sent | Tried::Rehearsed(_)) { End::Well } else { End::Finding })
}

fn unknown(config: &Config, name: &str) -> String {
    let known: Vec<String> =
        config.actions.channels.iter().map(|channel| format!("`{}`", channel.name)).collect();
    let hint = if known.is_empty() {
        "the config has none: add `[[actions.channels]]`".to_owned()
    } else {
        known.join(", ")
    };
    format!("there is no channel `{}`\nhint: {hint}", text::escape(name))
}
