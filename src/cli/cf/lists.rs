//! `riposte cf lists`: the account's lists, and what is in one.

use super::{Session, told};
use crate::cli::output::{self, Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::lists::{self, Item, List};
use crate::event::text;
use crate::limits::CLOUDFLARE_ITEMS_PER_PAGE;

pub use super::account::account;

/// All lists, or the items of one.
pub fn lists(session: &Session, name: Option<&str>, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let all: Vec<List> = session
        .client
        .send(&lists::all(&account))
        .and_then(crate::cloudflare::Answer::read)
        .map_err(|error| told(&error))?;
    let Some(name) = name else { return show(session, &all, out) };
    let Some(list) = all.into_iter().find(|list| list.name == name) else {
        let name = text::escape(name);
        return Err(Usage::of(format!(
            "the account has no list `{name}`\nhint: `riposte cf lists`"
        )));
    };
    let call = lists::items(&account, &list.id);
    let items: Vec<Item> =
        session.client.by_cursor(&call, CLOUDFLARE_ITEMS_PER_PAGE).map_err(|error| told(&error))?;
    if session.json {
        for item in &items {
            out.json(item)?;
        }
        return Ok(End::Well);
    }
    let row = |item: &Item| {
        let comment = item.comment.as_deref().unwrap_or_default();
        vec![text::escape(&item.ip).into_owned(), text::escape(comment).into_owned()]
    };
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}

fn show(session: &Session, lists: &[List], out: &mut Output) -> anyhow::Result<End> {
    if session.json {
        for list in lists {
            out.json(list)?;
        }
        return Ok(End::Well);
    }
    let head = ["list", "kind", "items", "description"].map(|word| out.styled(Style::Bold, word));
    let mut rows = vec![head.to_vec()];
    for list in lists {
        rows.push(vec![
            text::escape(&list.name).into_owned(),
            text::escape(&list.kind).into_owned(),
            list.num_items.to_string(),
            text::escape(&list.description).into_owned(),
        ]);
    }
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(End::Well)
}
