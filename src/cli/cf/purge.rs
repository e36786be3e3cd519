//! `riposte cf purge`: removes from a zone's cache, in as few calls as can be.

use super::confirm::rehearse;
use super::{Session, show, told};
use crate::cli::output::{Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::Call;
use crate::cloudflare::purge::{self, What};
use crate::event::text;
use crate::limits::CLOUDFLARE_PURGE_ITEMS_MAX;
use clap::Args;
use serde_json::json;

/// `riposte cf purge`
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// The zone's name, or its id
    pub zone: String,
    /// Whole URLs (`https://example.com/style.css`)
    pub urls: Vec<String>,
    /// What carries this cache tag; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    pub tags: Vec<String>,
    /// A whole host; may be given several times
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// What begins so, without a scheme (`example.com/blog`); may be given several times
    #[arg(long = "prefix", value_name = "PREFIX")]
    pub prefixes: Vec<String>,
    /// Everything; needs `--yes`
    #[arg(long, conflicts_with_all = ["urls", "tags", "hosts", "prefixes"])]
    pub everything: bool,
    /// Yes, everything
    #[arg(long)]
    pub yes: bool,
    /// Show the calls instead of sending them
    #[arg(long)]
    pub dry_run: bool,
}

/// Purges.
pub fn purge(session: &Session, args: &PurgeArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let calls = calls(args, &zone.id)?;
    if args.dry_run {
        rehearse(&calls, session.json, out)?;
        return Ok(End::Well);
    }
    if args.everything && !args.yes {
        return Err(Usage::of(format!(
            "this empties the whole cache of `{}`, and every visitor goes to the origin for a while\nhint: `--yes` if that is meant",
            text::escape(&zone.name)
        )));
    }
    for call in &calls {
        session.client.send(call).map_err(|error| told(&error))?;
    }
    if session.json {
        out.json(&json!({ "zone": zone.name, "calls": calls.len() }))?;
    } else {
        let done = out.styled(Style::Green, "purged");
        let calls = text::count(calls.len(), "call");
        out.line(format!("{done} {} ({calls})", text::escape(&zone.name)))?;
    }
    Ok(End::Well)
}

/// One kind of what can be purged, of its items.
type Kind = fn(Vec<String>) -> What;

/// The calls that it takes: one kind in each, so many at once.
fn calls(args: &PurgeArgs, zone: &str) -> anyhow::Result<Vec<Call>> {
    if args.everything {
        return Ok(vec![purge::purge(zone, &What::Everything)]);
    }
    if let Some(url) = args.urls.iter().find(|url| !url.contains("://")) {
        return Err(Usage::of(format!(
            "`{}` is no whole URL\nhint: `https://example.com/style.css`, or `--prefix` without the scheme",
            text::escape(url)
        )));
    }
    let kinds: [(&[String], Kind); 4] = [
        (&args.urls, What::Files),
        (&args.tags, What::Tags),
        (&args.hosts, What::Hosts),
        (&args.prefixes, What::Prefixes),
    ];
    let mut calls = Vec::new();
    for (items, kind) in kinds {
        for items in items.chunks(CLOUDFLARE_PURGE_ITEMS_MAX) {
            calls.push(purge::purge(zone, &kind(items.to_vec())));
        }
    }
    if calls.is_empty() {
        return Err(Usage::of(
            "nothing to purge was named\nhint: URLs, `--tag`, `--host`, `--prefix` or `--everything`",
        ));
    }
    Ok(calls)
}
