//! `riposte cf analytics ZONE`: traffic, what rules did, who and what stands out.

use super::account::{cell, sparkline};
use super::{Session, show, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::clock::{self, Timestamp, parse_moment};
use crate::cloudflare::analytics::{Counted, HOUR, Part, Row, Span, groups, rows};
use crate::event::text;
use clap::Args;
use serde_json::{Map, Value, json};

/// `riposte cf analytics`
#[derive(Debug, Args)]
pub struct AnalyticsArgs {
    /// The zone's name, or its id
    pub zone: String,
    /// From when on: how long ago (`24h`), a date or a time; Free and Pro have a day
    #[arg(long, default_value = "24h")]
    pub since: String,
    /// Up to when
    #[arg(long)]
    pub until: Option<String>,
    /// Rows of each table
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub top: usize,
}

/// Parts of what is counted: name in the output, dimension, title.
const TRAFFIC: [(&str, &str, &str); 4] = [
    ("addresses", "clientIP", "addresses"),
    ("paths", "clientRequestPath", "paths"),
    ("countries", "clientCountryName", "countries"),
    ("statuses", "edgeResponseStatus", "statuses"),
];
const THREATS: [(&str, &str, &str); 5] = [
    ("actions", "action", "what was done"),
    ("addresses", "clientIP", "addresses"),
    ("paths", "clientRequestPath", "paths"),
    ("countries", "clientCountryName", "countries"),
    ("rules", "ruleId", "rules"),
];

/// Shows it.
pub fn run(session: &Session, args: &AnalyticsArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let now = clock::now();
    let moment = |text: &str| parse_moment(text, now).map(whole).map_err(Usage::of);
    let span = Span {
        since: moment(&args.since)?,
        until: args.until.as_deref().map_or_else(|| Ok(whole(now)), moment)?,
    };
    let mut told_as_json = json!({ "zone": zone.name, "since": span.since, "until": span.until });
    if !session.json {
        let name = out.styled(Style::Bold, text::escape(&zone.name));
        out.line(format!("{name} from {} to {}; counts are estimates", span.since, span.until))?;
    }
    for (counted, title, parts) in
        [(Counted::Requests, "traffic", &TRAFFIC[..]), (Counted::Events, "threats", &THREATS[..])]
    {
        let mut asked: Vec<Part<'_>> = vec![("hours", HOUR, None)];
        asked.extend(parts.iter().map(|(name, dimension, _)| (*name, *dimension, Some(args.top))));
        let call = groups(&zone.id, counted, &span, &asked);
        let data = session.client.send(&call).map_err(|error| told(&error))?.result;
        let hours = rows(&data, "hours", HOUR);
        if session.json {
            let mut part = Map::new();
            part.insert("hours".to_owned(), json!(hours));
            for (name, dimension, _) in parts {
                part.insert((*name).to_owned(), json!(rows(&data, name, dimension)));
            }
            if let Some(fields) = told_as_json.as_object_mut() {
                fields.insert(title.to_owned(), Value::Object(part));
            }
            continue;
        }
        summary(title, counted, &hours, out)?;
        for (name, dimension, title) in parts {
            top(title, &rows(&data, name, dimension), out)?;
        }
    }
    if session.json {
        out.json(&told_as_json)?;
    }
    Ok(End::Well)
}

fn whole(moment: Timestamp) -> String {
    Timestamp::from_secs(moment.as_secs()).to_string()
}

/// One line: how many, how much, and when.
fn summary(title: &str, counted: Counted, hours: &[Row], out: &mut Output) -> anyhow::Result<()> {
    let sum = |of: fn(&Row) -> u64| hours.iter().map(of).fold(0_u64, u64::saturating_add);
    let count = output::number(sum(|row| row.count));
    let numbers: Vec<u64> = hours.iter().map(|row| row.count).collect();
    let much = match counted {
        Counted::Requests => format!("{count} requests, {}", bytes(sum(|row| row.bytes))),
        Counted::Events => format!("{count} events"),
    };
    out.line("")?;
    let title = out.styled(Style::Bold, title);
    Ok(out.line(format!("{title} {much}  {}", sparkline(&numbers)))?)
}

fn top(title: &str, rows: &[Row], out: &mut Output) -> anyhow::Result<()> {
    let most = rows.first().map_or(1, |row| row.count).max(1);
    let mut lines = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let head = if place == 0 { title } else { "" };
        let value = if row.value.is_empty() { "(none)" } else { row.value.as_str() };
        let width = usize::try_from(row.count.saturating_mul(20) / most).unwrap_or(20).max(1);
        lines.push(vec![
            format!("  {head}"),
            cell(value),
            output::number(row.count),
            "█".repeat(width.min(20)),
        ]);
    }
    for line in output::table(&lines) {
        out.line(line)?;
    }
    Ok(())
}

/// An amount for people.
fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut rest = number;
    while rest >= 10_000 && unit + 1 < UNITS.len() {
        rest /= 1_000;
        unit += 1;
    }
    format!("{} {}", output::number(rest), UNITS.get(unit).copied().unwrap_or("TB"))
}
