//! Reading back what we hold at Cloudflare, and what others do.

use super::mark::{self, OURS};
use super::measure::{Each, Measure};
use super::present::{Held, Made, Present, Shelf};
use super::site::Site;
use crate::clock::Timestamp;
use crate::cloudflare::access_rules::{self, AccessRule};
use crate::cloudflare::lists::{self, Item};
use crate::cloudflare::{ApiError, Client, ErrorKind};
use crate::event::net::parse_net;
use crate::limits::CLOUDFLARE_ITEMS_PER_PAGE;

/// Access rules a page.
const RULES_PER_PAGE: usize = 100;

/// Reads it all back.
pub(super) fn read(
    client: &Client,
    site: &Site,
    owner: &str,
    now: Timestamp,
) -> Result<Present, ApiError> {
    let mut lists = Each::<Shelf>::default();
    for measure in Measure::ALL {
        lists[measure].idle = site.missing[measure].is_some();
        if let Some(list) = &site.lists[measure] {
            read_list(client, (&site.account, &list.id), (owner, now), &mut lists[measure])?;
        }
    }
    let mut present = Present {
        lists,
        elsewhere: site.elsewhere,
        scopes: site.scopes.len(),
        ..Present::default()
    };
    read_rules(client, site, (owner, now), &mut present)?;
    Ok(present)
}

fn read_list(
    client: &Client,
    (account, list): (&str, &str),
    (owner, now): (&str, Timestamp),
    shelf: &mut Shelf,
) -> Result<(), ApiError> {
    let call = lists::items(account, list);
    let items: Vec<Item> = client.by_cursor(&call, CLOUDFLARE_ITEMS_PER_PAGE)?;
    for Item { id, ip, comment } in items {
        let Some(net) = parse_net(&ip) else { continue };
        match comment.as_deref().and_then(mark::read) {
            Some(note) if note.owner == owner => {
                shelf.items.insert(net, Held { id: Some(id), note });
            }
            Some(note) if note.is_orphan(now) => shelf.orphans.push(id),
            _ => {
                shelf.foreign.insert(net);
            }
        }
    }
    Ok(())
}

fn read_rules(
    client: &Client,
    site: &Site,
    (owner, now): (&str, Timestamp),
    present: &mut Present,
) -> Result<(), ApiError> {
    for scope in &site.scopes {
        let call = access_rules::noted(scope, OURS);
        let found: Vec<AccessRule> = match client.numbered(&call, RULES_PER_PAGE) {
            Ok(found) => found,
            // They are a way out only; without the permission there is none, and nothing of ours.
            Err(error) if error.kind == ErrorKind::Forbidden => {
                tracing::debug!(%error, "access rules can't be read");
                continue;
            }
            Err(error) => return Err(error),
        };
        for rule in found {
            // The filter is Cloudflare's word; ours is the mark.
            let note = rule.notes.as_deref().and_then(mark::read);
            let (Some(note), Some(net)) = (note, parse_net(&rule.configuration.value)) else {
                continue;
            };
            if note.owner == owner {
                let made = Made { id: rule.id, measure: Measure::of_mode(&rule.mode) };
                present.rules.entry(net).or_default().insert(scope.clone(), made);
            } else if note.is_orphan(now) {
                present.orphan_rules.push((scope.clone(), rule.id));
            }
        }
    }
    Ok(())
}
