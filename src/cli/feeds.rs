//! `riposte feeds`: how threat feeds are, a look at one now, a text tried as a feed, what is shipped,
//! who lists an address.

use super::args::{FeedsCheckArgs, FeedsCommand};
use super::output::{Output, Style};
use super::{End, Usage, context};
use crate::clock::{self, format_duration};
use crate::config::Config;
use crate::decisions::Guard;
use crate::event::{net, text};
use crate::feeds::judge::Bounds;
use crate::feeds::keeper::{FeedState, Refreshed, Trouble, refresh};
use crate::feeds::read::{Layout, Reading, read};
use crate::feeds::{Copies, FeedConfig, FeedStatus, judge, shipped};
use crate::geo::keeper::GeoState;
use crate::geo::{self, GeoStatus};
use crate::limits;
use crate::pipeline::control::{self, AskError, Reply, Request};
use crate::pipeline::threat_feeds;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Runs the command.
pub fn feeds(path: &Path, command: &FeedsCommand, out: &mut Output) -> anyhow::Result<End> {
    match command {
        FeedsCommand::List(args) => list(&context::config(path)?, args.json, out),
        FeedsCommand::Refresh { feed, accept, json } => {
            let config = context::config(path)?;
            let request = Request::RefreshFeed { feed: feed.clone(), accept: *accept };
            let answer = match control::ask(&config.state_dir, &request) {
                Ok(Reply::Done { message, .. }) => Ok(message),
                Ok(Reply::Refused { message }) => Err(message),
                Ok(Reply::Status(_)) => return Err(anyhow::anyhow!("the daemon's answer is none")),
                Err(AskError::NotRunning(_)) => look(&config, feed, *accept)?,
                Err(error) => return Err(Usage::of(error)),
            };
            tell(feed, answer, *json, out)
        }
        FeedsCommand::Check(args) => check(path, args, out),
        FeedsCommand::Find { address, json } => find(path, address, *json, out),
        FeedsCommand::Shipped(args) => ships(args.json, out),
    }
}

/// How each feed is: the daemon's word, or what is at hand where none runs.
fn list(config: &Config, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let (running, feeds, databases) = match control::ask(&config.state_dir, &Request::Status) {
        Ok(Reply::Status(status)) => (true, status.feeds, status.geo),
        Ok(_) => return Err(anyhow::anyhow!("the daemon's answer is none")),
        Err(AskError::NotRunning(_)) => (false, at_hand(config), databases_at_hand(config)),
        Err(error) => return Err(Usage::of(error)),
    };
    if !json && config.feeds.is_empty() && feeds.is_empty() && databases.is_empty() {
        out.line("no feeds (`riposte feeds shipped` shows those that need only be named)")?;
    }
    for feed in &feeds {
        if json {
            out.json(feed)?;
        } else {
            line(feed, out)?;
        }
    }
    for status in databases.iter().filter(|_| !json) {
        database(status, out)?;
    }
    let any = !feeds.is_empty() || !databases.is_empty();
    if any && !json && !running {
        out.line("riposte does not run: these are the copies that it left")?;
    }
    let ill = feeds.iter().any(FeedStatus::is_ill) || databases.iter().any(GeoStatus::is_ill);
    Ok(if ill { End::Finding } else { End::Well })
}

fn at_hand(config: &Config) -> Vec<FeedStatus> {
    let copies = Copies::new(&config.state_dir);
    let feeds = threat_feeds::at_hand(config);
    let built = config.feeds.iter().filter_map(|feed| feed.build().ok());
    built
        .map(|feed| {
            let listed = feeds.get(&feed.name);
            let checked = copies.about(&feed.name).checked.filter(|_| listed.is_some());
            FeedStatus::new(&feed, listed, checked)
        })
        .collect()
}

/// The copies of databases of places that a daemon left.
fn databases_at_hand(config: &Config) -> Vec<GeoStatus> {
    let copies = geo::Copies::new(&config.state_dir);
    let status = |(role, path): (geo::Role, &Path)| {
        let edition = copies.newest(role, &mut Vec::new());
        GeoStatus::new(role, path, edition.as_ref())
    };
    config.geo.roles().map(status).collect()
}

/// A database of places as `list` and `status` show it.
pub(super) fn database(status: &GeoStatus, out: &mut Output) -> anyhow::Result<()> {
    let (style, word) = match status.state {
        GeoState::Waiting => (Style::Dim, "not looked at yet"),
        GeoState::Well if status.is_old() => (Style::Yellow, "old"),
        GeoState::Well => (Style::Green, "well"),
        GeoState::Refused => (Style::Red, "not used"),
    };
    let mut parts = vec![out.styled(style, word)];
    match (status.age(), status.version) {
        (Some(age), Some(version)) => {
            parts.push(format!("{}, {} old", text::escape(&status.kind), format_duration(age)));
            parts.push(format!("read {} ago", format_duration(clock::now().since(version))));
            parts.push(format!("{} MB", status.bytes.div_ceil(1_000_000)));
        }
        _ => parts.push("nothing in force".to_owned()),
    }
    let name = out.styled(Style::Bold, format!("geo {}", status.database));
    out.line(format!("{name}  {}  {}", parts.join(", "), text::escape(&status.path)))?;
    for detail in status.detail.lines() {
        let detail = out.styled(Style::Yellow, text::escape(detail));
        out.line(format!("    {detail}"))?;
    }
    Ok(())
}

/// A feed as `list` and `status` show it.
pub(super) fn line(feed: &FeedStatus, out: &mut Output) -> anyhow::Result<()> {
    let now = clock::now();
    let (style, word) = match feed.state {
        FeedState::Waiting => (Style::Dim, "not looked at yet"),
        FeedState::Well => (Style::Green, "well"),
        FeedState::Failing => (Style::Red, "can't be had"),
        FeedState::Refused => (Style::Red, "refused"),
    };
    let word = out.styled(style, word);
    let mut parts = vec![word];
    match feed.version {
        Some(version) => parts.push(format!(
            "{}, {} old",
            text::count(feed.entries, "entry"),
            format_duration(now.since(version))
        )),
        None => parts.push("nothing in force".to_owned()),
    }
    if let Some(checked) = feed.checked {
        parts.push(format!("looked at {} ago", format_duration(now.since(checked))));
    }
    if let Some(next) = feed.next.filter(|next| *next > now) {
        parts.push(format!("next in {}", format_duration(next.since(now))));
    }
    if feed.bad_lines > 0 {
        parts.push(text::count(feed.bad_lines, "bad line"));
    }
    if feed.special > 0 {
        parts.push(format!("{} private or reserved, left out", feed.special));
    }
    let name = out.styled(Style::Bold, &feed.name);
    out.line(format!("{name}  {}  {}", parts.join(", "), text::escape(&feed.place)))?;
    for detail in feed.detail.lines() {
        let detail = out.styled(Style::Yellow, text::escape(detail));
        out.line(format!("    {detail}"))?;
    }
    Ok(())
}

/// Looks at a feed where no daemon runs; the next one takes what was kept.
fn look(config: &Config, feed: &str, accept: bool) -> anyhow::Result<Result<String, String>> {
    let Some(found) = config.feeds.iter().find(|known| known.name() == feed) else {
        return Ok(Err(format!("there is no feed `{feed}`\nhint: riposte feeds list")));
    };
    let built = found.build().map_err(|faults| Usage::of(faults.join("\n")))?;
    context::keep_secrets(config);
    let mut guard = Guard::new(config.guard.clone());
    context::tell_guard(&mut guard, config);
    let facts = guard.last_check().facts();
    let copies = Copies::new(&config.state_dir);
    let now = copies.newest(feed, &mut Vec::new());
    Ok(match refresh(&built, &copies, now.as_ref(), Some(&facts), accept) {
        Ok(Refreshed::Same) => Ok("it has not changed".to_owned()),
        Ok(Refreshed::New { listed, .. }) => Ok(format!(
            "{}; the daemon takes them when it starts",
            text::count(listed.prefixes.len() as u64, "entry")
        )),
        Err(Trouble::Failed { why, .. }) => Err(format!("it can't be had: {why}")),
        Err(Trouble::Refused(why)) => {
            Err(format!("refused: {why}\nhint: --accept takes it, if you know it to be right"))
        }
    })
}

fn tell(
    feed: &str,
    answer: Result<String, String>,
    json: bool,
    out: &mut Output,
) -> anyhow::Result<End> {
    let well = answer.is_ok();
    let words = answer.unwrap_or_else(|words| words);
    if json {
        out.json(&json!({ "feed": feed, "well": well, "message": words }))?;
    } else {
        let shown: Vec<_> = words.lines().map(text::escape).collect();
        let shown = shown.join("\n");
        out.line(if well { shown } else { out.styled(Style::Yellow, shown) })?;
    }
    Ok(if well { End::Well } else { End::Finding })
}

/// Reads a file as a feed would be read, and says what came of it.
fn check(path: &Path, args: &FeedsCheckArgs, out: &mut Output) -> anyhow::Result<End> {
    let layout = layout(path, args)?;
    let shown = args.file.display();
    let mut text = Vec::new();
    let failed = |error| Usage::of(format!("failed to read `{shown}`: {error}"));
    let file = File::open(&args.file).map_err(failed)?;
    file.take(limits::FEED_BYTES_MAX as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() > limits::FEED_BYTES_MAX {
        return Err(Usage::of(format!(
            "`{shown}` is longer than {} MiB",
            limits::FEED_BYTES_MAX / 1024 / 1024
        )));
    }
    let reading = match read(&text, &layout) {
        Ok(reading) => reading,
        Err(error) => return Err(Usage::of(format!("`{shown}`: {error}"))),
    };
    let judged = judge::judge(&reading, None, Bounds::default(), None, false);
    let refusal = judged.as_ref().err().map(ToString::to_string);
    let entries = judged.map_or(0, |set| set.len());
    if args.json {
        let bad: Vec<_> =
            reading.shown.iter().map(|bad| json!({ "line": bad.line, "why": bad.why })).collect();
        out.json(&json!({
            "read": reading.prefixes.len(), "entries": entries, "special": reading.special,
            "bad_lines": reading.bad, "first_bad": bad, "refused": refusal,
        }))?;
    } else {
        out.line(format!(
            "{} read, {entries} of them not within others, {} private or reserved",
            text::count(reading.prefixes.len() as u64, "entry"),
            reading.special
        ))?;
        bad_lines(&shown.to_string(), &reading, out)?;
        if let Some(why) = &refusal {
            let line =
                out.styled(Style::Red, format!("it would be refused: {}", text::escape(why)));
            out.line(line)?;
        }
    }
    Ok(if refusal.is_some() || reading.bad > 0 { End::Finding } else { End::Well })
}

fn bad_lines(file: &str, reading: &Reading, out: &mut Output) -> anyhow::Result<()> {
    for bad in &reading.shown {
        out.line(format!("{}:{}: {}", text::escape(file), bad.line, text::escape(&bad.why)))?;
    }
    let more = reading.bad.saturating_sub(reading.shown.len() as u64);
    if more > 0 {
        out.line(format!("and {}", text::count(more, "more bad line")))?;
    }
    Ok(())
}

fn layout(path: &Path, args: &FeedsCheckArgs) -> anyhow::Result<Layout> {
    let feed = match &args.feed {
        Some(name) => {
            let shipped = shipped::all().get(name).map(|shipped| shipped.config.clone());
            let config = context::config_or_default(path)?;
            let known = config.feeds.iter().find(|feed| feed.name() == name).cloned();
            let none = || {
                format!(
                    "there is no feed `{}`\nhint: riposte feeds list, riposte feeds shipped",
                    text::escape(name)
                )
            };
            known.or(shipped).ok_or_else(|| Usage::of(none()))?
        }
        None => FeedConfig {
            format: Some(args.format.clone()),
            column: args.column,
            values: args.values.clone(),
            ..FeedConfig::default()
        },
    };
    // What the text is read with does not depend on where it comes from, or on a key.
    let feed = FeedConfig {
        name: "checked".to_owned(),
        url: None,
        path: Some(args.file.clone()),
        token_header: None,
        token: None,
        ..feed
    };
    feed.build().map(|feed| feed.layout).map_err(|faults| Usage::of(faults.join("\n")))
}

/// Which feeds list an address, by the copies at hand.
fn find(path: &Path, address: &str, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config(path)?;
    let Some(address) = net::parse_ip(address.as_bytes()) else {
        return Err(Usage::of(format!("`{}` is no address", text::escape(address))));
    };
    let feeds = threat_feeds::at_hand(&config);
    let mut found = false;
    for (name, listed) in feeds.iter() {
        let Some(entry) = listed.prefixes.entry(address) else { continue };
        found = true;
        let entry = net::display_net(&entry);
        if json {
            out.json(&json!({ "feed": name, "entry": entry }))?;
        } else {
            out.line(format!("{name}: {entry}"))?;
        }
    }
    if !found && !json {
        out.line("no feed lists it")?;
    }
    Ok(if found { End::Finding } else { End::Well })
}

/// The feeds that need only be named.
fn ships(json: bool, out: &mut Output) -> anyhow::Result<End> {
    for (name, feed) in shipped::all() {
        let key = feed.config.token_header.is_some();
        let refresh = feed.config.refresh.as_deref().unwrap_or("24h");
        if json {
            out.json(&json!({
                "name": name, "about": feed.about, "terms": feed.terms, "home": feed.home,
                "url": feed.config.url, "refresh": refresh, "needs_key": key, "read": feed.read,
            }))?;
            continue;
        }
        let shown = out.styled(Style::Bold, name);
        let key = if key { ", needs a key" } else { "" };
        out.line(format!("{shown}  {}", feed.about))?;
        out.line(format!("    every {refresh}{key}; terms: {}; {}", feed.terms, feed.home))?;
    }
    Ok(End::Well)
}
