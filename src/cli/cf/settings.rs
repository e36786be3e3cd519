//! `riposte cf settings`: a zone's settings; one of them; or what one is to be.

use super::confirm::agreed;
use super::{Session, show, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::settings::{self, Setting};
use crate::cloudflare::{Answer, ErrorKind};
use crate::event::text;
use clap::Args;
use serde_json::json;

/// Those that are shown when none is named: each is a call of its own.
const USUAL: [&str; 14] = [
    "always_online",
    "always_use_https",
    "automatic_https_rewrites",
    "browser_cache_ttl",
    "browser_check",
    "cache_level",
    "challenge_ttl",
    "development_mode",
    "http3",
    "ip_geolocation",
    "min_tls_version",
    "security_level",
    "ssl",
    "tls_1_3",
];

/// `riposte cf settings`
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// The zone's name, or its id
    pub zone: String,
    /// One setting (`security_level`); the usual ones without
    pub setting: Option<String>,
    /// What it is to be
    pub value: Option<String>,
    /// Show all settings; one call each
    #[arg(long, conflicts_with = "setting")]
    pub all: bool,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
}

/// Shows or changes settings.
pub fn settings(session: &Session, args: &SettingsArgs, out: &mut Output) -> anyhow::Result<End> {
    let known = || settings::KNOWN.iter().map(|(id, _)| *id);
    if let Some(id) = &args.setting
        && !known().any(|known| known == id)
    {
        let nearest = text::nearest(id, known());
        let hint = nearest.map_or("`--all` shows them".to_owned(), |id| format!("`{id}`?"));
        let id = text::escape(id);
        return Err(Usage::of(format!("there is no zone setting `{id}`\nhint: {hint}")));
    }
    if let (Some(id), Some(value)) = (&args.setting, &args.value) {
        // Before anything is asked for.
        let fault = settings::check(id, &settings::from_text(id, value)).err();
        super::rules::right(fault.as_slice())?;
    }
    let zone = show::zone(session, &args.zone)?;
    match (&args.setting, &args.value) {
        (Some(id), Some(value)) => change(session, &zone.id, id, value, args.yes, out),
        (Some(id), None) => {
            let setting = read(session, &zone.id, id)?;
            list(session, &[setting], out)
        }
        (None, _) => {
            let ids: Vec<&str> = if args.all { known().collect() } else { USUAL.to_vec() };
            let mut found = Vec::new();
            for id in ids {
                match session.client.send(&settings::one(&zone.id, id)).and_then(Answer::read) {
                    Ok(setting) => found.push(setting),
                    // Not every zone has every setting.
                    Err(error)
                        if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => {}
                    Err(error) => return Err(told(&error)),
                }
            }
            list(session, &found, out)
        }
    }
}

fn read(session: &Session, zone: &str, id: &str) -> anyhow::Result<Setting> {
    let call = settings::one(zone, id);
    session.client.send(&call).and_then(Answer::read).map_err(|error| told(&error))
}

fn list(session: &Session, all: &[Setting], out: &mut Output) -> anyhow::Result<End> {
    if session.json {
        for setting in all {
            out.json(setting)?;
        }
        return Ok(End::Well);
    }
    let head = ["setting", "value", "changeable"].map(|word| out.styled(Style::Bold, word));
    let mut rows = vec![head.to_vec()];
    for setting in all {
        let value = setting.value.as_str().map_or_else(|| setting.value.to_string(), str::to_owned);
        let changeable = if setting.is_editable() { "yes" } else { "no" };
        rows.push(vec![
            text::escape(&setting.id).into_owned(),
            text::escape(&value).into_owned(),
            changeable.to_owned(),
        ]);
    }
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

fn change(
    session: &Session,
    zone: &str,
    id: &str,
    value: &str,
    yes: bool,
    out: &mut Output,
) -> anyhow::Result<End> {
    let wanted = settings::from_text(id, value);
    let before = read(session, zone, id)?;
    let from = text::escape(&before.value.to_string()).into_owned();
    if settings::same(&before.value, &wanted) {
        return tell(session, id, &before, "unchanged", out);
    }
    if !before.is_editable() {
        return Err(Usage::of(format!("the zone's plan doesn't let `{id}` be changed")));
    }
    let to = text::escape(&wanted.to_string()).into_owned();
    if !session.json {
        out.line(format!("{id}: {from} → {to}"))?;
    }
    if !agreed(yes, out)? {
        return Ok(End::Finding);
    }
    let call = settings::change(zone, id, &wanted);
    let after = match session.client.send(&call).and_then(Answer::read::<Setting>) {
        Ok(after) => after,
        Err(error) if error.may_have_happened() => {
            let after = read(session, zone, id)?;
            if !settings::same(&after.value, &wanted) {
                return Err(told(&error));
            }
            after
        }
        Err(error) => return Err(told(&error)),
    };
    tell(session, id, &after, "changed", out)
}

fn tell(
    session: &Session,
    id: &str,
    setting: &Setting,
    word: &str,
    out: &mut Output,
) -> anyhow::Result<End> {
    if session.json {
        out.json(&json!({ "id": id, "value": setting.value, "outcome": word }))?;
    } else {
        let value = text::escape(&setting.value.to_string()).into_owned();
        out.line(format!("{} {id}: {value}", out.styled(Style::Green, word)))?;
    }
    Ok(End::Well)
}
