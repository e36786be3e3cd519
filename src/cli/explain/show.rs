//! An explanation for a person.

use super::opinion::{Opinion, Stands};
use super::report::{Report, State, ago};
use super::{ExplainArgs, parts, window};
use crate::cli::output::{Output, Style};
use crate::cli::{look, modes};
use crate::clock::format_duration;
use crate::decisions::{Ask, Mode, Verdict};
use crate::enrich::Client;
use crate::event::{Event, text};
use crate::limits;
use crate::pipeline::core::Firing;

/// Prints it.
pub(super) fn show(report: &Report, args: &ExplainArgs, out: &mut Output) -> anyhow::Result<()> {
    let chosen = &report.line.chosen;
    let (event, client) = match &report.line.event {
        Ok((event, client)) => (event, client),
        Err(why) => {
            let line = format!("not a line of format {}: {why}", chosen.words());
            let line = out.styled(Style::Red, line);
            out.line(line)?;
            let record = text::escape_cut(&report.line.record, 400);
            let line = out.styled(Style::Dim, format!("  {record}"));
            return Ok(out.line(line)?);
        }
    };
    let head = format!("parsed as {}: {} at {}", chosen.words(), event.kind, event.time);
    let head = out.styled(Style::Bold, head);
    let why = out.styled(Style::Dim, format!("  ({})", chosen.why));
    out.line(format!("{head}{why}"))?;
    for (name, value) in event.fields() {
        out.line(format!("  {name} = {}", text::escape(&value.to_text())))?;
    }
    out.line(format!("client  {}", client_words(client)))?;
    out.line(format!("state   {}", state_words(&report.state)))?;
    for firing in &report.passed.moved {
        out.line(format!("before  time moved on, and `{}` fired", firing.hit.rule))?;
    }
    rules(report, event, args, out)?;
    for firing in report.further() {
        let head = out.styled(Style::Bold, &*firing.hit.rule);
        out.line(format!("\n{head} follows: it listens to what the rules above led to"))?;
        show_firing(report, firing, out)?;
    }
    Ok(())
}

fn client_words(client: &Client) -> String {
    match client {
        Client::Nobody => "the record holds no address".to_owned(),
        Client::Itself { peer } => {
            format!("{peer}: the record's own address, which is no trusted proxy")
        }
        Client::Stated { peer, net, field, client } => format!(
            "{client}: by the field `{field}`, which the proxy {peer} (trusted by {net}) wrote"
        ),
        Client::Unstated { peer, net } => format!(
            "unknown: {peer} is a proxy (trusted by {net}), and the record names no client behind it"
        ),
    }
}

fn state_words(state: &State) -> String {
    match state {
        State::Empty(why) => format!(
            "the windows begin empty ({}); `--after FILE` lets lines through first",
            text::escape(why)
        ),
        State::Checkpoint(as_of) => {
            let since = match as_of.inputs_since {
                0 => String::new(),
                1 => "; what came in 1 input since is not in it".to_owned(),
                more => format!("; what came in {more} inputs since is not in it"),
            };
            format!("the windows as of the daemon's checkpoint {} ago{since}", ago(as_of.at))
        }
        State::Lines(0) => "the windows begin empty, as before the first line".to_owned(),
        State::Lines(1) => "the windows after 1 line before it".to_owned(),
        State::Lines(lines) => format!("the windows after {lines} lines before it"),
    }
}

fn rules(
    report: &Report,
    event: &Event,
    args: &ExplainArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let opinions = report.opinions();
    if let Some(name) = &args.rule {
        for opinion in opinions.iter().filter(|opinion| *opinion.rule.name == **name) {
            one(report, event, opinion, out)?;
        }
        return Ok(());
    }
    let told = |opinion: &&Opinion<'_>| opinion.matched() || opinion.fault().is_some();
    // What fires first.
    let fires = |opinion: &&Opinion<'_>| report.firing(opinion).is_some();
    for opinion in opinions.iter().filter(told).filter(fires) {
        one(report, event, opinion, out)?;
    }
    for opinion in opinions.iter().filter(told).filter(|opinion| !fires(opinion)) {
        one(report, event, opinion, out)?;
    }
    if !opinions.iter().any(Opinion::matched) {
        out.line("\nno rule matches")?;
    }
    let mut near: Vec<&Opinion<'_>> = opinions.iter().filter(|opinion| opinion.is_near()).collect();
    near.sort_by_key(|opinion| opinion.distance);
    if !args.all {
        near.truncate(limits::NEAR_MISSES_SHOWN_MAX);
    }
    if !near.is_empty() {
        let head = out.styled(Style::Bold, "\nnear misses: one part is not as it has to be");
        out.line(head)?;
    }
    for opinion in &near {
        near_miss(opinion, out)?;
    }
    let is_near = |opinion: &Opinion<'_>| near.iter().any(|near| near.number == opinion.number);
    let rest: Vec<&Opinion<'_>> =
        opinions.iter().filter(|opinion| !told(opinion) && !is_near(opinion)).collect();
    if args.all {
        for opinion in rest {
            one(report, event, opinion, out)?;
        }
        return Ok(());
    }
    if let Some(words) = rest_words(&rest) {
        let line = out.styled(Style::Dim, format!("\n{words}; `--all` shows them"));
        out.line(line)?;
    }
    Ok(())
}

fn near_miss(opinion: &Opinion<'_>, out: &mut Output) -> anyhow::Result<()> {
    let rule = opinion.rule;
    let place = format!("{}:{}", text::escape(&rule.file), rule.line);
    let place = out.styled(Style::Dim, place);
    out.line(format!("  {}  {place}", rule.name))?;
    if let Some((parts, judged)) = &opinion.parts {
        for line in parts::some(parts, judged, &opinion.wrong(), out) {
            out.line(format!("    {line}"))?;
        }
    }
    Ok(())
}

fn rest_words(rest: &[&Opinion<'_>]) -> Option<String> {
    let count = |stands: &Stands| rest.iter().filter(|opinion| opinion.stands == *stands).count();
    let kinds = [
        (count(&Stands::False), "whose predicate is false"),
        (count(&Stands::OtherKind), "for other kinds of events"),
        (count(&Stands::Off), "off"),
    ];
    let parts: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let noun = if rest.len() == 1 { "rule" } else { "rules" };
    (!rest.is_empty()).then(|| format!("{} more {noun}: {}", rest.len(), parts.join(", ")))
}

/// One rule: how it stands, the parts of its predicate, key, window, and what it asks for.
fn one(
    report: &Report,
    event: &Event,
    opinion: &Opinion<'_>,
    out: &mut Output,
) -> anyhow::Result<()> {
    let rule = opinion.rule;
    let style = match (opinion.fault(), opinion.matched()) {
        (Some(_), _) => Style::Red,
        (None, true) => Style::Green,
        (None, false) => Style::Dim,
    };
    let name = out.styled(style, &*rule.name);
    let (origin, in_effect) = report.mode(rule);
    let place = format!("{}:{}", text::escape(&rule.file), rule.line);
    let place = out.styled(Style::Dim, place);
    out.line(format!("\n{name}: {}  {place}", opinion.words(event)))?;
    if let Some(why) = opinion.fault() {
        out.line(format!("  {}", out.styled(Style::Red, text::escape(why))))?;
    }
    if let Some((parts, judged)) = &opinion.parts {
        for line in parts::lines(parts, judged, out) {
            out.line(format!("  {line}"))?;
        }
    }
    let Some(passage) = opinion.passage else { return Ok(()) };
    let Ok(Some(key)) = &passage.key else { return Ok(()) };
    let by = if rule.key.is_empty() { "everything together" } else { &*rule.key };
    out.line(format!("  key     {} ({by})", text::escape(&key.to_string())))?;
    let firing = report.firing(opinion);
    let count = firing.map(|firing| firing.hit.count);
    out.line(format!("  window  {}", rule.window_words()))?;
    for line in window::words(rule, passage.before, passage.after, count) {
        out.line(format!("          {line}"))?;
    }
    let mut mode = format!("{} ({})", modes::name(rule.mode), origin.words());
    if in_effect.mode != rule.mode {
        mode = format!("{mode}, in effect {}", modes::name(in_effect.mode));
    }
    if let Some(why) = &in_effect.why {
        mode = format!("{mode}: {why}");
    }
    let mode = if in_effect.mode == Mode::Enforce { mode } else { out.styled(Style::Yellow, mode) };
    out.line(format!("  mode    {mode}"))?;
    match firing {
        Some(firing) => show_firing(report, firing, out),
        None => Ok(()),
    }
}

/// What a body asks for, and what the guard would make of it.
fn show_firing(report: &Report, firing: &Firing, out: &mut Output) -> anyhow::Result<()> {
    let hit = &firing.hit;
    let since = if hit.first == hit.last { String::new() } else { format!(" since {}", hit.first) };
    let head = out.styled(Style::Bold, "fires");
    out.line(format!("  {head}   for {}, count {}{since}", text::escape(&hit.key), hit.count))?;
    if let Some(fault) = &firing.fault {
        let line = format!("  then    failed: {}", text::escape(&fault.to_string()));
        let line = out.styled(Style::Red, line);
        out.line(line)?;
    }
    for proposed in report.proposed(firing) {
        let decision = &proposed.decision;
        let length = decision
            .duration()
            .map_or_else(|| "for ever".to_owned(), |long| format!("for {}", format_duration(long)));
        let style = if proposed.verdict == Verdict::Pass { Style::Red } else { Style::Yellow };
        let words =
            format!("{} {}", decision.remedy.name(), text::escape(&decision.target.to_string()));
        let words = out.styled(style, words);
        out.line(format!("  then    {words} {length}: {}", text::escape(&decision.reason)))?;
        let verdict = text::escape(&proposed.verdict.words()).into_owned();
        out.line(format!("          guard, if it came now: {verdict}"))?;
    }
    for ask in &firing.asks {
        if let Some(words) = ask_words(ask) {
            out.line(format!("  then    {}", text::escape(&words)))?;
        }
    }
    if firing.asks.is_empty() && firing.fault.is_none() {
        out.line("  then    nothing: its body asks for nothing")?;
    }
    Ok(())
}

/// An ask in words; none for a decision, which is shown resolved.
fn ask_words(ask: &Ask) -> Option<String> {
    Some(match ask {
        Ask::Decide { .. } => return None,
        Ask::Lift { target } => format!("unblock {target}"),
        Ask::Effect(effect) => look::effect_words(effect),
        Ask::Emit { kind, .. } => format!("emit an event of kind {kind}"),
        Ask::Tag { key, name, duration } => {
            format!("tag {key} as {name} for {}", format_duration(*duration))
        }
        Ask::Score { key, points } => format!("add {points} to the score of {key}"),
    })
}
