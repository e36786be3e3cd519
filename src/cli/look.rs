//! Commands that only look: what is in force, why, what happened, how the daemon is.

use super::args::{JournalArgs, WhyArgs};
use super::output::{Output, Style, table};
use super::{End, Usage, context, remote};
use crate::clock::{self, format_duration, parse_duration};
use crate::decisions::{Action, Decision, Effect, Mode, Outcome, Target, Verdict};
use crate::event::{net, text};
use crate::pipeline::control::{self, Reply, Request, Status};
use crate::store::{self, DecisionRow, Entry, JournalQuery, JournalRow, Reader};
use serde_json::json;
use std::path::Path;

fn reader(path: &Path) -> anyhow::Result<Reader> {
    let config = context::config(path)?;
    let file = config.state_dir.join(store::DATABASE);
    let hint = match std::fs::metadata(&file).err().map(|error| error.kind()) {
        Some(std::io::ErrorKind::NotFound) => {
            return Err(Usage::of(format!(
                "nothing is recorded yet: there is no `{}`\nhint: `riposte run` makes it",
                file.display()
            )));
        }
        Some(std::io::ErrorKind::PermissionDenied) => {
            "\nhint: run this as root or as the service's user"
        }
        _ => "",
    };
    store::open_read_only(&config.state_dir).map_err(|error| Usage::of(format!("{error}{hint}")))
}

/// What is in force now.
pub fn decisions(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let in_force = reader(path)?.in_force(clock::now())?;
    if json {
        for decision in &in_force {
            out.json(decision)?;
        }
        return Ok(End::Well);
    }
    if in_force.is_empty() {
        out.line("nothing is in force")?;
    }
    let rows: Vec<Vec<String>> = in_force.iter().map(decision_row).collect();
    for line in table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

fn decision_row(decision: &Decision) -> Vec<String> {
    vec![
        decision.remedy.name().to_owned(),
        text::escape(&decision.target.to_string()).into_owned(),
        remote::remaining(decision.until),
        decision.rule.to_string(),
        text::escape(&decision.reason).into_owned(),
    ]
}

/// Everything that is known about a target, newest first.
pub fn why(path: &Path, args: &WhyArgs, out: &mut Output) -> anyhow::Result<End> {
    let reader = reader(path)?;
    let target = match remote::target(&args.target)? {
        // A single IPv6 address is one client, and that is its /64.
        Target::Net(one) if one.prefix_len() == one.max_prefix_len() => {
            Target::Net(net::client_net(one.addr()))
        }
        other => other,
    };
    let why = reader.why(&target, clock::now())?;
    if args.json {
        out.json(&why)?;
        return Ok(End::Well);
    }
    let shown = text::escape(&target.to_string()).into_owned();
    if why.in_force.is_empty() {
        out.line(format!("{shown} is not blocked: nothing is in force for it"))?;
    }
    for decision in &why.in_force {
        let head = format!("{} of {}", decision.remedy.name(), decision.target);
        let head = out.styled(Style::Red, head);
        out.line(format!(
            "{head} is in force, {} left: {} (rule `{}`)",
            remote::remaining(decision.until),
            text::escape(&decision.reason),
            decision.rule
        ))?;
    }
    for entry in &why.allowed {
        let line = format!("on the allowlist as `{}`: {}", entry.entry, text::escape(&entry.note));
        let line = out.styled(Style::Green, line);
        out.line(line)?;
    }
    for offence in &why.offences {
        out.line(format!(
            "{} offences against `{}`, the last at {}",
            offence.count, offence.rule, offence.last
        ))?;
    }
    if !why.journal.is_empty() {
        out.line("")?;
    }
    for row in &why.journal {
        show_row(row, out)?;
    }
    Ok(End::Well)
}

/// What happened.
pub fn journal(path: &Path, args: &JournalArgs, out: &mut Output) -> anyhow::Result<End> {
    let reader = reader(path)?;
    let since = parse_duration(&args.since).map_err(Usage::of)?;
    let target = args.target.as_deref().map(remote::target).transpose()?;
    let query = JournalQuery {
        rule: args.rule.clone(),
        target,
        since: Some(clock::now().minus(since)),
        limit: args.limit,
        ..JournalQuery::default()
    };
    let mut rows = reader.journal(&query)?;
    // The query gives the newest first; a journal is read downwards.
    rows.reverse();
    for row in &rows {
        if args.json {
            out.json(row)?;
        } else {
            show_row(row, out)?;
        }
    }
    Ok(End::Well)
}

fn show_row(row: &JournalRow, out: &mut Output) -> anyhow::Result<()> {
    let (word, what) = words(&row.entry);
    let time = out.styled(Style::Dim, row.recorded.to_string());
    let word = out.styled(Style::Bold, word);
    out.line(format!("{time}  {word}  {}", text::escape(&what)))?;
    if let Entry::Hit { hit, .. } = &row.entry {
        for evidence in &hit.evidence {
            let place = if evidence.line > 0 {
                format!("{}:{}", evidence.source, evidence.line)
            } else {
                format!("{}@{}", evidence.source, evidence.offset)
            };
            let line =
                format!("    {place}  {}", text::escape_cut(evidence.record.as_bytes(), 200));
            let line = out.styled(Style::Dim, line);
            out.line(line)?;
        }
    }
    Ok(())
}

/// A journal entry in a word and a sentence.
fn words(entry: &Entry) -> (&'static str, String) {
    match entry {
        Entry::Hit { hit, repeats, .. } => {
            let again =
                if *repeats > 0 { format!(", and {repeats} times more") } else { String::new() };
            (
                "hit",
                format!("rule `{}` fired for {} (count {}){again}", hit.rule, hit.key, hit.count),
            )
        }
        Entry::Decision { row: DecisionRow { decision, verdict }, .. } => {
            let length = decision.duration().map_or_else(
                || "for ever".to_owned(),
                |long| format!("for {}", format_duration(long)),
            );
            (
                "decision",
                format!(
                    "{} {} {length}: {} (guard: {})",
                    decision.remedy.name(),
                    decision.target,
                    decision.reason,
                    verdict.words()
                ),
            )
        }
        Entry::Action { action, state, guard, .. } => {
            let state = match guard {
                Verdict::Pass => state.clone(),
                other => other.words(),
            };
            ("action", format!("{}: {state}", action_words(action)))
        }
        Entry::Outcome { destination, outcome, target, .. } => {
            let whom = target.as_ref().map_or(String::new(), |target| format!(" for {target}"));
            ("outcome", format!("{}{whom} at {destination}", outcome_words(outcome)))
        }
        Entry::Lift { lift, ended } => (
            "lift",
            format!("{}: {} ({ended} decisions ended, by {})", lift.target, lift.reason, lift.by),
        ),
        Entry::Note { note } => ("note", format!("{}: {}", note.topic, note.text)),
    }
}

fn action_words(action: &Action) -> String {
    match action {
        Action::Enforce { decision } => {
            format!("put {} of {} in force", decision.remedy.name(), decision.target)
        }
        Action::Lift { target, .. } => format!("lift {target}"),
        Action::Perform { effect, .. } => effect_words(effect),
    }
}

/// What an effect does.
pub fn effect_words(effect: &Effect) -> String {
    match effect {
        Effect::Notify { channel, message } => format!("notify `{channel}`: {message}"),
        Effect::Webhook { name, .. } => format!("webhook `{name}`"),
        Effect::Exec { name, args } => format!("run `{name}` {}", args.join(" ")),
        Effect::Log { message } => format!("log: {message}"),
    }
}

fn outcome_words(outcome: &Outcome) -> String {
    let value = serde_json::to_value(outcome).unwrap_or_default();
    let word = value.get("outcome").and_then(serde_json::Value::as_str).unwrap_or("?");
    match value.get("detail").and_then(serde_json::Value::as_str) {
        Some(detail) => format!("{word} ({detail})"),
        None => word.to_owned(),
    }
}

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
    show_status(&status, out)
}

fn show_status(status: &Status, out: &mut Output) -> anyhow::Result<End> {
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
    out.line(format!(
        "decisions  {} in force, {} waiting",
        status.decisions_in_force, status.decisions_queued
    ))?;
    out.line(format!("memory     {:.1} MiB", status.memory_bytes as f64 / 1_048_576.0))?;
    for source in &status.sources {
        let last = source.last_arrival.map_or_else(
            || "nothing yet".to_owned(),
            |at| format!("last {} ago", format_duration(clock::now().since(at))),
        );
        out.line(format!(
            "source     {}: {} records, {} parsed, {last}",
            source.name, source.records, source.parsed
        ))?;
    }
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
    for alarm in &status.alarms {
        let line =
            format!("alarm      {} {}: {}", alarm.time, alarm.from, text::escape(&alarm.text));
        let line = out.styled(Style::Yellow, line);
        out.line(line)?;
    }
    let trouble = status.panic || status.destinations.iter().any(|to| !to.healthy);
    Ok(if trouble { End::Finding } else { End::Well })
}

/// The allowlist.
pub fn allowlist(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    for entry in &config.guard.allow {
        if json {
            out.json(&json!({ "entry": entry, "note": "`guard.allow` of the config" }))?;
        } else {
            out.line(format!("{entry}  (config)"))?;
        }
    }
    let Ok(reader) = store::open_read_only(&config.state_dir) else { return Ok(End::Well) };
    let (_, entries) = reader.allowlist()?;
    for entry in &entries {
        if json {
            out.json(entry)?;
        } else {
            let until = match entry.until {
                None => String::new(),
                Some(until) if until <= clock::now() => format!("  over since {until}"),
                Some(until) => format!("  until {until}"),
            };
            out.line(format!("{}{until}  {}", entry.entry, text::escape(&entry.note)))?;
        }
    }
    Ok(End::Well)
}

/// The rules, with the modes that hold now.
pub fn rules(path: &Path, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config_or_default(path)?;
    let mut modes = std::collections::BTreeMap::new();
    if let Ok(reader) = store::open_read_only(&config.state_dir) {
        modes =
            reader.rule_modes()?.into_iter().map(|row| (row.rule.to_string(), row.mode)).collect();
    }
    let loaded = crate::pipeline::rule_set::load(&config, &modes, 0);
    let set = &loaded.loaded.set;
    if json {
        for rule in set.rules() {
            out.json(&json!({
                "name": &*rule.name,
                "mode": rule.mode,
                "certain": rule.certain,
                "kinds": rule.kinds.iter().map(crate::event::Kind::name).collect::<Vec<_>>(),
                "key": rule.key,
                "window": rule.window_words(),
                "file": &*rule.file,
                "line": rule.line,
            }))?;
        }
        return Ok(End::Well);
    }
    let row = |rule: &crate::rules::Rule| {
        let mode = match rule.mode {
            Mode::Enforce => out.styled(Style::Green, "enforce"),
            Mode::Shadow => out.styled(Style::Yellow, "shadow"),
            Mode::Off => out.styled(Style::Dim, "off"),
        };
        let key = if rule.key.is_empty() { String::new() } else { format!("by {}", rule.key) };
        vec![
            rule.name.to_string(),
            mode,
            rule.window_words(),
            key,
            format!("{}:{}", rule.file, rule.line),
        ]
    };
    let rows: Vec<Vec<String>> = set.rules().iter().map(row).collect();
    for line in table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}
