//! `riposte cf events ZONE`: what Cloudflare's rules did lately, one event a line.

use super::account::{cell, table};
use super::{Session, show, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::clock::{self, Timestamp, parse_moment};
use crate::cloudflare::analytics::{self, Filter, Span};
use crate::event::text;
use crate::limits::CLOUDFLARE_EVENTS_SHOWN_MAX;
use clap::Args;
use std::net::IpAddr;

/// `riposte cf events`
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// The zone's name, or its id
    zone: String,
    /// From when on: how long ago (`1h`), a date or a time; Free and Pro have a day
    #[arg(long, default_value = "1h")]
    since: String,
    /// Up to when
    #[arg(long)]
    until: Option<String>,
    /// Only what met this address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Only what this rule did, by its id
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only what was done so (`block`, `managed_challenge`, `log`, …)
    #[arg(long)]
    action: Option<String>,
    /// So many at most, the newest
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 50)]
    count: usize,
}

/// Shows them, the newest first.
pub fn run(session: &Session, args: &EventsArgs, out: &mut Output) -> anyhow::Result<End> {
    if args.count > CLOUDFLARE_EVENTS_SHOWN_MAX {
        return Err(Usage::of(format!(
            "`-n` is more than {CLOUDFLARE_EVENTS_SHOWN_MAX}\nhint: a narrower time (`--since`, `--until`), or one address, rule or action"
        )));
    }
    let now = clock::now();
    let moment = |text: &str| parse_moment(text, now).map(whole).map_err(Usage::of);
    let span = Span {
        since: moment(&args.since)?,
        until: args.until.as_deref().map_or_else(|| Ok(whole(now)), moment)?,
    };
    let filter = Filter {
        ip: args.ip.map(|ip| ip.to_string()),
        rule: args.rule.clone(),
        action: args.action.clone(),
    };
    let zone = show::zone(session, &args.zone)?;
    let call = analytics::latest(&zone.id, &span, &filter, args.count);
    let answer = session.client.send(&call).map_err(|error| told(&error))?;
    let events = analytics::read_events(&answer).map_err(|error| told(&error))?;
    if events.is_empty() && !session.json {
        out.line(format!(
            "no rule of {} did anything from {} to {}",
            text::escape(&zone.name),
            span.since,
            span.until
        ))?;
        return Ok(End::Well);
    }
    let head = ["time", "done", "address", "country", "network", "path", "by", "rule"];
    table(session, out, &head, &events, |event| {
        vec![
            cell(event.datetime.trim_end_matches('Z')),
            cell(&event.action),
            cell(&event.client_ip),
            cell(&event.client_country_name),
            cell(&format!("AS{}", event.client_asn)),
            cell(&event.client_request_path),
            cell(&event.source),
            cell(&event.rule_id),
        ]
    })
}

fn whole(moment: Timestamp) -> String {
    Timestamp::from_secs(moment.as_secs()).to_string()
}
