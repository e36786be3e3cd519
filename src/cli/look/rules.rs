//! `riposte rules list`: the rules, where each one's mode was set, and what it comes to now.

use crate::cli::modes::{self, InEffect, Origin, Saved};
use crate::cli::output::{Output, Style, table};
use crate::cli::{End, context};
use crate::clock;
use crate::config::Config;
use crate::decisions::Mode;
use crate::event::{Kind, text};
use crate::pipeline::control::{self, Reply, Request, Status};
use crate::pipeline::rule_keeper;
use crate::rules::Rule;
use crate::store::{self, DATABASE};
use serde_json::json;
use std::path::Path;

/// The rules, with the modes that hold now.
pub fn rules(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config_or_default(path)?;
    let reader = match store::open_read_only(&config.state_dir) {
        Ok(reader) => Some(reader),
        Err(error) if config.state_dir.join(DATABASE).exists() => {
            tracing::warn!(%error, "modes that were set by hand can't be read");
            None
        }
        Err(_) => None,
    };
    let saved = Saved::of(reader.as_ref())?;
    let desk = modes::desk(&config, reader.as_ref())?;
    let daemon = daemon(&config);
    let (set, old_versions) = match &reader {
        Some(reader) => {
            let kept = rule_keeper::as_in_force(&config, reader, &saved.modes)?;
            (kept.set, kept.old_versions)
        }
        None => (context::rules_as_set(&config, &[], &saved.modes, 0).loaded.set, Vec::new()),
    };
    let is_old = |rule: &Rule| old_versions.iter().any(|file| **file == *rule.file);
    let rows: Vec<Row<'_>> = set
        .rules()
        .iter()
        .map(|rule| {
            let held = daemon
                .as_ref()
                .and_then(|status| status.held.iter().find(|held| *held.rule == *rule.name));
            let in_effect = match held {
                Some(held) => InEffect { mode: Mode::Shadow, why: Some(held.why.clone()) },
                None => modes::in_effect(rule, &desk.guard, clock::now()),
            };
            let origin = saved.origin(rule, &config);
            Row { rule, origin, in_effect, is_old: is_old(rule) }
        })
        .collect();
    if json {
        for row in &rows {
            out.json(&row.to_json())?;
        }
        return Ok(End::Well);
    }
    if daemon.is_none() {
        let line = out.styled(Style::Yellow, "riposte does not run: no rule acts now");
        out.line(line)?;
    }
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.cells(out)).collect();
    for line in table(&cells) {
        out.line(line)?;
    }
    // Why rules act otherwise than they are set: each reason once.
    let mut told: Vec<(&str, usize)> = Vec::new();
    for why in rows.iter().filter_map(|row| row.in_effect.why.as_deref()) {
        match told.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => told.push((why, 1)),
        }
    }
    for (why, count) in told {
        let line = format!("* {}: {}", text::count(count, "rule"), text::escape(why));
        let line = out.styled(Style::Yellow, line);
        out.line(line)?;
    }
    Ok(End::Well)
}

fn daemon(config: &Config) -> Option<Status> {
    match control::ask(&config.state_dir, &Request::Status) {
        Ok(Reply::Status(status)) => Some(*status),
        _ => None,
    }
}

struct Row<'r> {
    rule: &'r Rule,
    origin: Origin,
    in_effect: InEffect,
    /// Its file is bad now; this is how it was when it was good last.
    is_old: bool,
}

impl Row<'_> {
    fn cells(&self, out: &Output) -> Vec<String> {
        let rule = self.rule;
        let shown = |mode: Mode| match mode {
            Mode::Enforce => out.styled(Style::Green, "enforce"),
            Mode::Shadow => out.styled(Style::Yellow, "shadow"),
            Mode::Off => out.styled(Style::Dim, "off"),
        };
        let now = match (self.in_effect.mode == rule.mode, &self.in_effect.why) {
            (true, None) => String::new(),
            (true, Some(_)) => "*".to_owned(),
            (false, _) => format!("now {}*", shown(self.in_effect.mode)),
        };
        let key = if rule.key.is_empty() { String::new() } else { format!("by {}", rule.key) };
        vec![
            rule.name.to_string(),
            shown(rule.mode),
            self.origin.words().to_owned(),
            now,
            rule.window_words(),
            key,
            format!(
                "{}:{}{}",
                text::escape(&rule.file),
                rule.line,
                if self.is_old { " (its last good version)" } else { "" }
            ),
        ]
    }

    fn to_json(&self) -> serde_json::Value {
        let rule = self.rule;
        json!({
            "name": &*rule.name,
            "mode": rule.mode,
            "mode_from": self.origin.words(),
            "in_effect": self.in_effect.mode,
            "in_effect_why": self.in_effect.why,
            "certain": rule.certain,
            "kinds": rule.kinds.iter().map(Kind::name).collect::<Vec<_>>(),
            "key": rule.key,
            "window": rule.window_words(),
            "file": &*rule.file,
            "line": rule.line,
            "old_version": self.is_old,
        })
    }
}
