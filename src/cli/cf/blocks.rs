//! `riposte cf blocks`: who is kept out or challenged at Cloudflare by riposte, of this machine and of
//! others that use the account: items of its lists and access rules that carry its mark.

use super::account::{account, cell, table};
use super::{Session, told};
use crate::actions::cloudflare::mark;
use crate::cli::End;
use crate::cli::output::Output;
use crate::cloudflare::access_rules::{self, AccessRule, Scope};
use crate::cloudflare::lists::{self, Item, List};
use crate::cloudflare::{Answer, ApiError, ErrorKind, zones};
use crate::limits::CLOUDFLARE_ITEMS_PER_PAGE;
use serde::Serialize;

/// Access rules a page.
const RULES_PER_PAGE: usize = 100;

/// Something that riposte put in force.
#[derive(Debug, Serialize)]
struct Block {
    /// Address or network.
    target: String,
    /// `block` or `challenge`.
    remedy: String,
    /// In which list, or where the access rule applies.
    at: String,
    /// The mark of the machine that made it.
    mark: String,
    /// Its end, as it was noted; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The rule, or why.
    why: String,
}

impl Block {
    /// What a note tells of it; `None` where it is not riposte's.
    fn of(note: &str, target: &str, remedy: &str, at: &str) -> Option<Self> {
        let read = mark::read(note)?;
        Some(Self {
            target: target.to_owned(),
            remedy: remedy.to_owned(),
            at: at.to_owned(),
            mark: read.owner,
            until: read.until.map(|until| until.to_string()),
            why: mark::why(note).to_owned(),
        })
    }
}

/// Shows them.
pub fn run(session: &Session, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let mut found = in_lists(session, &account).map_err(|error| told(&error))?;
    found.extend(in_rules(session, &account).map_err(|error| told(&error))?);
    found.sort_by(|one, other| {
        (&one.mark, &one.at, &one.target).cmp(&(&other.mark, &other.at, &other.target))
    });
    if found.is_empty() && !session.json {
        out.line("nothing of riposte's is in force there")?;
        return Ok(End::Well);
    }
    table(session, out, &["target", "remedy", "at", "mark", "until", "why"], &found, |block| {
        let until = block.until.as_deref().unwrap_or("for ever");
        [&block.target, &block.remedy, &block.at, &block.mark, until, &block.why].map(cell).to_vec()
    })
}

fn in_lists(session: &Session, account: &str) -> Result<Vec<Block>, ApiError> {
    let all: Vec<List> = match session.client.send(&lists::all(account)).and_then(Answer::read) {
        Ok(all) => all,
        // Some plans and tokens have none; what stands in access rules is shown all the same.
        Err(error) if error.kind == ErrorKind::Forbidden => Vec::new(),
        Err(error) => return Err(error),
    };
    let config = &session.config;
    let ours = [(config.list.clone(), "block"), (config.challenge_list(), "challenge")];
    let mut found = Vec::new();
    for (name, remedy) in ours {
        let Some(list) = all.iter().find(|list| list.name == name) else { continue };
        let call = lists::items(account, &list.id);
        let items: Vec<Item> = session.client.by_cursor(&call, CLOUDFLARE_ITEMS_PER_PAGE)?;
        let at = format!("list {name}");
        found.extend(items.iter().filter_map(|item| {
            Block::of(item.comment.as_deref().unwrap_or_default(), &item.ip, remedy, &at)
        }));
    }
    Ok(found)
}

fn in_rules(session: &Session, account: &str) -> Result<Vec<Block>, ApiError> {
    let mut scopes = vec![("the account".to_owned(), Scope::Account(account.to_owned()))];
    if !session.config.zones.is_empty() {
        let all = zones::all(&session.client)?;
        let named = |zone: &&zones::Zone| {
            session
                .config
                .zones
                .iter()
                .any(|name| *name == zone.id || name.eq_ignore_ascii_case(&zone.name))
        };
        scopes = all
            .iter()
            .filter(named)
            .map(|zone| (zone.name.clone(), Scope::Zone(zone.id.clone())))
            .collect();
    }
    let mut found = Vec::new();
    for (place, scope) in scopes {
        let rules: Result<Vec<AccessRule>, ApiError> =
            session.client.numbered(&access_rules::noted(&scope, mark::OURS), RULES_PER_PAGE);
        let rules = match rules {
            Ok(rules) => rules,
            // Without `access_rules_max` the token need not see them.
            Err(error) if error.kind == ErrorKind::Forbidden => continue,
            Err(error) => return Err(error),
        };
        let at = format!("access rule, {place}");
        found.extend(rules.iter().filter_map(|rule| {
            let remedy = if rule.mode == "block" { "block" } else { "challenge" };
            Block::of(
                rule.notes.as_deref().unwrap_or_default(),
                &rule.configuration.value,
                remedy,
                &at,
            )
        }));
    }
    Ok(found)
}
