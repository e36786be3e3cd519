//! `riposte cf tokens`: which tokens there are, what is wrong with them, and what is done to one.

use super::account::{account, cell, choose};
use super::confirm::Consent;
use super::new_tokens::{self, CreateArgs, Goes, Kind};
use super::{Session, rotate, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::clock::{self, Timestamp};
use crate::cloudflare::ErrorKind;
use crate::cloudflare::tokens::{self, Holder, Token};
use crate::event::text;
use crate::limits::{
    CLOUDFLARE_TOKEN_DAYS_MAX, CLOUDFLARE_TOKEN_EXPIRY_DAYS, CLOUDFLARE_TOKEN_PERMISSIONS_MAX,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// `riposte cf tokens`
#[derive(Debug, Args)]
pub struct TokensArgs {
    #[command(subcommand)]
    command: Option<TokensCommand>,
}

#[derive(Debug, Subcommand)]
enum TokensCommand {
    /// Show all tokens and what is wrong with them (as without a command)
    List,
    /// Replace a token: make a second one that may do the same, try it, write it to the file, remove
    /// the first
    Rotate {
        /// The token's name, or its id
        token: String,
        /// The file that gets the new token; the config's, where it is the token in use
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make a token that may do what is named and nothing else
    Create(CreateArgs),
    /// Give a token another value; the old one ends at once (`rotate` leaves no gap)
    Roll {
        /// The token's name, or its id
        token: String,
        #[command(flatten)]
        goes: Goes,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a token; what uses it is refused from then on
    Delete {
        /// The token's name, or its id
        token: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Show what a token can be allowed
    Permissions {
        /// Of whose tokens; of the kind in use when absent
        #[arg(long, value_enum)]
        kind: Option<Kind>,
    },
}

/// A token with what is wrong with it.
#[derive(Debug, Serialize)]
struct Judged<'t> {
    /// `user` or `account`.
    kind: &'static str,
    #[serde(flatten)]
    token: &'t Token,
    /// Whether it is the one that this command uses.
    in_use: bool,
    faults: Vec<String>,
}

/// Runs one of them.
pub fn run(session: &Session, args: &TokensArgs, out: &mut Output) -> anyhow::Result<End> {
    match &args.command {
        None | Some(TokensCommand::List) => list(session, out),
        Some(TokensCommand::Rotate { token, file, consent }) => {
            let all = all(session)?;
            let (holder, token) = one(&all, token)?;
            rotate::rotate(session, holder, token, file.as_deref(), *consent, out)
        }
        Some(TokensCommand::Create(args)) => new_tokens::create(session, args, out),
        Some(TokensCommand::Roll { token, goes, consent }) => {
            let all = all(session)?;
            let (holder, token) = one(&all, token)?;
            new_tokens::roll(session, (holder, token), (goes, *consent), out)
        }
        Some(TokensCommand::Delete { token, consent }) => {
            let all = all(session)?;
            let (holder, token) = one(&all, token)?;
            new_tokens::delete(session, (holder, token), *consent, out)
        }
        Some(TokensCommand::Permissions { kind }) => new_tokens::list(session, *kind, out),
    }
}

fn one<'t>(all: &'t [(Holder, Token)], wanted: &str) -> anyhow::Result<&'t (Holder, Token)> {
    choose("token", wanted, all, |(_, token)| (&token.id, &token.name))
}

/// The tokens of the user and of the account, as far as the token in use may see them.
fn all(session: &Session) -> anyhow::Result<Vec<(Holder, Token)>> {
    let account = account(session)?;
    let mut found = Vec::new();
    let mut refusals = Vec::new();
    for holder in [Holder::User, Holder::Account(account)] {
        match tokens::all(&session.client, &holder) {
            Ok(tokens) => found.extend(tokens.into_iter().map(|token| (holder.clone(), token))),
            // One kind is enough; an account's token can't see a user's.
            Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) => {
                refusals.push(error);
            }
            Err(error) => return Err(told(&error)),
        }
    }
    match refusals.as_slice() {
        [first, _] => Err(told(first)),
        _ => Ok(found),
    }
}

/// The id of the token in use; `None` where Cloudflare doesn't say.
pub fn in_use(session: &Session) -> Option<String> {
    let account = account(session).ok();
    let verified = tokens::verify(&session.client, account.as_deref()).ok();
    verified.map(|(_, status)| status.id).filter(|id| !id.is_empty())
}

fn list(session: &Session, out: &mut Output) -> anyhow::Result<End> {
    let all = all(session)?;
    let used = in_use(session);
    let now = clock::now();
    let judged: Vec<Judged<'_>> = all
        .iter()
        .map(|(holder, token)| Judged {
            kind: if *holder == Holder::User { "user" } else { "account" },
            token,
            in_use: used.as_ref() == Some(&token.id),
            faults: faults(token, now),
        })
        .collect();
    let well = judged.iter().all(|row| row.faults.is_empty());
    let end = if well { End::Well } else { End::Finding };
    if session.json {
        for row in &judged {
            out.json(row)?;
        }
        return Ok(end);
    }
    let head = ["token", "kind", "status", "id", ""].map(|word| out.styled(Style::Bold, word));
    let mut rows = vec![head.to_vec()];
    for row in &judged {
        let used = if row.in_use { "in use here" } else { "" };
        rows.push(vec![
            cell(&row.token.name),
            row.kind.to_owned(),
            cell(&row.token.status),
            cell(&row.token.id),
            used.to_owned(),
        ]);
    }
    let lines = output::table(&rows);
    let mut lines = lines.iter();
    if let Some(head) = lines.next() {
        out.line(head.trim_end())?;
    }
    for (line, row) in lines.zip(&judged) {
        out.line(line.trim_end())?;
        for fault in &row.faults {
            out.line(format!("  {} {fault}", out.styled(Style::Yellow, "!")))?;
        }
    }
    if !well {
        out.line("\nhint: `riposte cf tokens rotate NAME` replaces one without a gap")?;
    }
    Ok(end)
}

/// What is wrong with a token, for people.
fn faults(token: &Token, now: Timestamp) -> Vec<String> {
    let days = |moment: &Option<String>| {
        let moment = moment.as_deref().and_then(Timestamp::parse_rfc3339)?;
        Some(now.since(moment).as_secs() / 86_400)
    };
    let mut faults = Vec::new();
    if token.status != "active" && !token.status.is_empty() {
        faults.push(format!("it is {}: remove it", text::escape(&token.status)));
    }
    if let Some(age) = days(&token.modified_on).or_else(|| days(&token.issued_on))
        && age > CLOUDFLARE_TOKEN_DAYS_MAX
    {
        faults.push(format!("its value is {age} days old"));
    }
    if let Some(end) = token.expires_on.as_deref().and_then(Timestamp::parse_rfc3339) {
        let left = end.since(now);
        if left.is_zero() {
            faults.push("it has expired".to_owned());
        } else if left < Duration::from_hours(24 * CLOUDFLARE_TOKEN_EXPIRY_DAYS) {
            faults.push(format!("it expires in {}", clock::format_duration(whole_hours(left))));
        }
    }
    match days(&token.last_used_on) {
        None => faults.push("it was never used".to_owned()),
        Some(idle) if idle > CLOUDFLARE_TOKEN_DAYS_MAX => {
            faults.push(format!("it was last used {idle} days ago"));
        }
        Some(_) => {}
    }
    let permissions = token.permissions().count();
    if permissions > CLOUDFLARE_TOKEN_PERMISSIONS_MAX {
        faults.push(format!("it has {permissions} permissions; give each use a token of its own"));
    }
    if token.permissions().any(|name| name.ends_with("API Tokens Write")) {
        faults.push("it may make tokens, and so whatever it likes".to_owned());
    }
    if !token.is_bound_to_addresses() {
        faults.push("it may be used from any address".to_owned());
    }
    faults
}

fn whole_hours(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() - duration.as_secs() % 3_600)
        .max(Duration::from_hours(1))
}

/// Whose tokens are meant by words of an error.
pub fn holder_word(holder: &Holder) -> &'static str {
    match holder {
        Holder::User => "user",
        Holder::Account(_) => "account",
    }
}

/// A path that was needed and not given.
pub fn no_file(token: &Token) -> anyhow::Error {
    Usage::of(format!(
        "where the new value of `{}` goes isn't known\nhint: `--file FILE`",
        text::escape(&token.name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(value: serde_json::Value) -> Token {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_wrong_with_a_token_is_found() {
        let now = Timestamp::parse_rfc3339("2026-11-26T12:00:00Z").unwrap();
        let good = token(json!({
            "id": "1", "status": "active", "issued_on": "2026-01-01T00:00:00Z",
            "modified_on": "2026-11-01T00:00:00Z", "last_used_on": "2026-11-26T11:00:00Z",
            "condition": { "request_ip": { "in": ["192.0.2.0/24"] } },
            "policies": [{ "effect": "allow", "permission_groups": [{ "id": "g", "name": "DNS Write" }] }],
        }));
        assert_eq!(faults(&good, now), Vec::<String>::new());
        let groups: Vec<_> = (0..12)
            .map(|n| json!({ "id": n.to_string(), "name": "Account API Tokens Write" }))
            .collect();
        let bad = token(json!({
            "id": "1", "status": "disabled", "issued_on": "2026-01-01T00:00:00Z",
            "expires_on": "2026-11-28T12:30:00Z", "condition": { "request_ip": { "in": [] } },
            "policies": [{ "effect": "allow", "permission_groups": groups }],
        }));
        assert_eq!(
            faults(&bad, now),
            [
                "it is disabled: remove it",
                "its value is 329 days old",
                "it expires in 2d",
                "it was never used",
                "it has 12 permissions; give each use a token of its own",
                "it may make tokens, and so whatever it likes",
                "it may be used from any address",
            ]
        );
        // Dates that are none say nothing.
        let odd = token(json!({ "id": "1", "expires_on": "soon", "issued_on": "long ago" }));
        assert_eq!(faults(&odd, now).len(), 2);
    }
}
