//! `riposte cf tokens create|roll|delete|permissions`: making a token that may do what is named and
//! nothing else, giving one another value, removing one.
//!
//! A value is seen once, where the person says: in a file that nobody else can read, or on the
//! screen.

use super::account::{Plan, account, agreed, ask, carry_out, cell, finished, table};
use super::confirm::Consent;
use super::permissions::{self, Wanted};
use super::rotate::{last, write_secret};
use super::tokens::{holder_word, in_use};
use super::{Session, show, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::clock::{self, Timestamp, parse_duration, parse_moment};
use crate::cloudflare::tokens::{self, Holder, NewToken, PermissionGroup, Token, TokenKind};
use crate::cloudflare::{Answer, ApiError};
use crate::event::text;
use clap::{Args, ValueEnum, ValueHint};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Whose a token is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The user's, and gone with the user.
    User,
    /// The account's, whoever made it.
    Account,
}

/// Where a value goes that is never given again.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Goes {
    /// Write the value to this file, readable by its owner alone
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Print the value, this once
    #[arg(long)]
    show: bool,
}

/// `riposte cf tokens create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name
    name: String,
    /// What it may do, as Cloudflare names it (`DNS Write`); may be given several times
    #[arg(long = "allow", value_name = "PERMISSION", required = true)]
    allow: Vec<String>,
    /// A zone for which it may do that, by name or id; may be given several times
    #[arg(long = "zone", value_name = "ZONE", conflicts_with = "all_zones")]
    zones: Vec<String>,
    /// It may do that for all zones of the account
    #[arg(long)]
    all_zones: bool,
    /// An account for which it may do that, by id; the config's, or the first zone's, when absent;
    /// may be given several times
    #[arg(long = "account", value_name = "ID")]
    accounts: Vec<String>,
    /// An address or network from which it may be used; from any when absent; may be given several
    /// times
    #[arg(long = "from", value_name = "ADDRESS")]
    from: Vec<String>,
    /// How long it is good (`90d`), or until when; for ever when absent
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    /// Whose it is to be; the kind of the token in use when absent
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    goes: Goes,
    #[command(flatten)]
    consent: Consent,
}

/// Whose tokens are meant: as told, else of the kind that is in use.
fn holder(session: &Session, kind: Option<Kind>) -> anyhow::Result<Holder> {
    let of_account = if let Some(kind) = kind {
        kind == Kind::Account
    } else {
        let known = account(session).ok();
        let verified = tokens::verify(&session.client, known.as_deref());
        verified.map_err(|error| told(&error))?.0 == TokenKind::Account
    };
    Ok(if of_account { Holder::Account(account(session)?) } else { Holder::User })
}

/// Shows what a token can be allowed.
pub fn list(session: &Session, kind: Option<Kind>, out: &mut Output) -> anyhow::Result<End> {
    let call = tokens::permission_groups(&holder(session, kind)?);
    let mut groups: Vec<PermissionGroup> = ask(session, &call)?;
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    table(session, out, &["permission", "for", "id"], &groups, |group| {
        vec![cell(&group.name), cell(&permissions::scopes(group)), cell(&group.id)]
    })
}

/// Makes a token.
pub fn create(session: &Session, args: &CreateArgs, out: &mut Output) -> anyhow::Result<End> {
    let condition = from(&args.from)?;
    let expires_on = args.expires.as_deref().map(|text| end(text, clock::now())).transpose()?;
    if let Some(file) = &args.goes.file {
        // What is there may be another token that somebody uses.
        if file.exists() {
            return Err(Usage::of(format!(
                "`{}` is there already\nhint: name a new file; `riposte cf tokens rotate` replaces a token in its file",
                file.display()
            )));
        }
        is_writable(file)?;
    }
    let holder = holder(session, args.kind)?;
    let groups: Vec<PermissionGroup> = ask(session, &tokens::permission_groups(&holder))?;
    let mut zones = Vec::new();
    for name in &args.zones {
        let zone = show::zone(session, name)?;
        zones.push((zone.id, zone.name));
    }
    let accounts = match args.accounts.as_slice() {
        [] => vec![account(session)?],
        named => named.to_vec(),
    };
    let wanted = Wanted { zones, all_zones: args.all_zones, accounts };
    let (policies, mut lines) = permissions::policies(&groups, &args.allow, &wanted)?;
    let name = text::escape(&args.name).into_owned();
    lines.insert(0, format!("make the {} token `{name}`", holder_word(&holder)));
    lines.push(match args.from.as_slice() {
        [] => "it may be used from any address (`--from` names those that may)".to_owned(),
        from => format!("it may be used from {} alone", text::escape(&from.join(", "))),
    });
    lines.push(match &expires_on {
        None => "it is good for ever (`--expires` sets an end)".to_owned(),
        Some(end) => format!("it is good until {end}"),
    });
    let new = NewToken { name: args.name.clone(), policies, expires_on, condition };
    let call = tokens::create(&holder, &new);
    let plan = Plan { lines, calls: vec![call.clone()] };
    if !agreed(session, args.consent, &plan, out)? {
        return Ok(args.consent.left());
    }
    let answer = session.client.send(&call).map_err(|error| maybe_made(&error, &name))?;
    let id = answer.result.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    match give(session, &answer, &args.goes, &format!("the token `{name}` is made"), &id, out) {
        Ok(end) => Ok(end),
        Err(error) => {
            // A token whose value nobody has is only there to be wondered at.
            let back = session.client.send(&tokens::delete(&holder, &id));
            let left = match back {
                Ok(_) => "the token was removed again".to_owned(),
                Err(_) => format!(
                    "the token (`{}`) could not be removed: do that by hand",
                    text::escape(&id)
                ),
            };
            Err(Usage::of(format!("{error}\nhint: {left}")))
        }
    }
}

/// Gives a token another value; the old one ends at once.
pub fn roll(
    session: &Session,
    (holder, token): (&Holder, &Token),
    (goes, consent): (&Goes, Consent),
    out: &mut Output,
) -> anyhow::Result<End> {
    let name = text::escape(&token.name).into_owned();
    if let Some(file) = &goes.file {
        is_writable(file)?;
    }
    let mut lines = vec![format!(
        "give `{name}` ({}) another value; whoever uses the old one is refused at once",
        text::escape(&token.id)
    )];
    if in_use(session).as_ref() == Some(&token.id) {
        lines.push("it is the token in use here: `tokens rotate` leaves no gap".to_owned());
    }
    let call = tokens::roll(holder, &token.id);
    let plan = Plan { lines, calls: vec![call.clone()] };
    if !agreed(session, consent, &plan, out)? {
        return Ok(consent.left());
    }
    let answer = session.client.send(&call).map_err(|error| {
        let said = told(&error);
        if error.may_have_happened() {
            Usage::of(format!("{said}\nhint: roll it again: its old value may be refused now"))
        } else {
            said
        }
    })?;
    let done = format!("`{name}` has another value");
    give(session, &answer, goes, &done, &token.id, out).map_err(|error| {
        Usage::of(format!("{error}\nhint: the old value has ended; roll it again to another file"))
    })
}

/// Removes a token.
pub fn delete(
    session: &Session,
    (holder, token): (&Holder, &Token),
    consent: Consent,
    out: &mut Output,
) -> anyhow::Result<End> {
    let name = text::escape(&token.name).into_owned();
    if in_use(session).as_ref() == Some(&token.id) {
        return Err(Usage::of(format!(
            "`{name}` is the token in use here\nhint: `riposte cf tokens rotate` replaces it; to be without it, delete it with another token"
        )));
    }
    let used = token.last_used_on.as_deref().unwrap_or("never");
    let line = format!(
        "remove the {} token `{name}` ({}), last used: {}",
        holder_word(holder),
        text::escape(&token.id),
        text::escape(used)
    );
    let plan = Plan { lines: vec![line], calls: vec![tokens::delete(holder, &token.id)] };
    carry_out(session, consent, &plan, &format!("`{name}` is removed"), out)
}

/// Hands a value over, once.
fn give(
    session: &Session,
    answer: &Answer,
    goes: &Goes,
    done: &str,
    id: &str,
    out: &mut Output,
) -> anyhow::Result<End> {
    let Some(value) = tokens::value(answer) else {
        return Err(Usage::of("the reply holds no token\nhint: look at `riposte cf tokens`"));
    };
    if let Some(file) = &goes.file {
        write_secret(file, &value)?;
        if let Err(error) = last(file) {
            tracing::warn!(%error, file = %file.display(), "the value is written, and may not outlast a power cut");
        }
        return finished(session, &format!("{done}; its value is in `{}`", file.display()), out);
    }
    if session.json {
        out.json(&json!({ "done": done, "id": id, "value": value.reveal() }))?;
        return Ok(End::Well);
    }
    finished(session, &format!("{done}; this is its value, shown this once:"), out)?;
    out.line(text::escape(value.reveal()))?;
    Ok(End::Well)
}

/// Whether a value can be written here, asked before there is one that could be lost.
fn is_writable(path: &Path) -> anyhow::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".riposte-try-{}", std::process::id()));
    let neighbour = path.with_file_name(name);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&neighbour)
        .and_then(|_| std::fs::remove_file(&neighbour))
        .map_err(|error| Usage::of(format!("failed to write `{}`: {error}", path.display())))
}

fn maybe_made(error: &ApiError, name: &str) -> anyhow::Error {
    let said = told(error);
    if !error.may_have_happened() {
        return said;
    }
    Usage::of(format!(
        "{said}\nhint: if `riposte cf tokens` shows `{name}`, delete it: its value is lost"
    ))
}

/// The condition for these addresses; none where there are none.
fn from(addresses: &[String]) -> anyhow::Result<Option<Value>> {
    for address in addresses {
        if address.parse::<IpNet>().is_err() && address.parse::<IpAddr>().is_err() {
            return Err(Usage::of(format!(
                "`{}` is no address or network\nhint: `--from 192.0.2.0/24`",
                text::escape(address)
            )));
        }
    }
    Ok((!addresses.is_empty()).then(|| json!({ "request_ip": { "in": addresses } })))
}

/// When a token ends: after a time from now on, or at a moment; Cloudflare takes whole seconds.
fn end(text: &str, now: Timestamp) -> anyhow::Result<String> {
    let moment = match parse_duration(text) {
        Ok(life) => now.plus(life),
        Err(_) => parse_moment(text, now).map_err(Usage::of)?,
    };
    if moment.as_secs() <= now.as_secs() {
        return Err(Usage::of(format!("`{}` is not in the future", text::escape(text))));
    }
    Ok(Timestamp::from_secs(moment.as_secs()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_lies_ahead() {
        let now = Timestamp::parse_rfc3339("2026-11-26T12:00:00.5Z").unwrap();
        assert_eq!(end("90d", now).unwrap(), "2027-02-24T12:00:00Z");
        assert_eq!(end("2027-01-01T00:00:00Z", now).unwrap(), "2027-01-01T00:00:00Z");
        for past in ["0s", "2026-01-01T00:00:00Z"] {
            assert!(end(past, now).unwrap_err().to_string().contains("not in the future"));
        }
        assert!(end("soon", now).is_err());
    }

    #[test]
    fn addresses_are_addresses() {
        assert_eq!(from(&[]).unwrap(), None);
        let nets = ["192.0.2.0/24".to_owned(), "2001:db8::1".to_owned()];
        assert_eq!(from(&nets).unwrap().unwrap()["request_ip"]["in"], json!(nets));
        assert!(from(&["example.com".to_owned()]).is_err());
    }
}
