//! `riposte cf billing`: what the account is subscribed to, and what it used.

use super::account::{account, ask, cell, sparkline};
use super::{Session, told};
use crate::cli::End;
use crate::cli::output::{self, Output, Style};
use crate::clock;
use crate::cloudflare::billing::{self, Subscription, Usage};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const DAYS: u64 = 30;

/// Shows both.
pub fn run(session: &Session, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let subscriptions: Vec<Subscription> = ask(session, &billing::subscriptions(&account))?;
    let now = clock::now();
    let since = now.minus(Duration::from_hours(24 * DAYS)).to_string();
    let usage = session.client.send(&billing::usage(&account, &since, &now.to_string()));
    let usage = usage.and_then(crate::cloudflare::Answer::read::<Vec<Usage>>);
    if session.json {
        for row in &subscriptions {
            out.json(&json!({ "subscription": row }))?;
        }
        for row in usage.map_err(|error| told(&error))? {
            out.json(&json!({ "usage": row }))?;
        }
        return Ok(End::Well);
    }
    let head =
        ["plan", "state", "price", "each", "until"].map(|word| out.styled(Style::Bold, word));
    let mut rows = vec![head.to_vec()];
    for row in &subscriptions {
        rows.push(vec![
            cell(&row.rate_plan.public_name),
            cell(&row.state),
            cell(&format!("{} {}", row.price, row.currency)),
            cell(row.frequency.as_deref().unwrap_or("")),
            cell(row.current_period_end.as_deref().and_then(|end| end.get(..10)).unwrap_or("")),
        ]);
    }
    for line in output::table(&rows) {
        out.line(line.trim_end())?;
    }
    match usage {
        Ok(usage) => show(&usage, out)?,
        // It is new, and not everybody has it.
        Err(error) => out.line(format!("\nwhat was used isn't told: {}", told(&error)))?,
    }
    Ok(End::Well)
}

fn show(usage: &[Usage], out: &mut Output) -> anyhow::Result<()> {
    let mut products: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for row in usage {
        for (name, value) in row.iter().filter(|(name, _)| *name != "ts") {
            products.entry(name).or_default().push(value.as_u64().unwrap_or(0));
        }
    }
    products.retain(|_, numbers| numbers.iter().any(|number| *number > 0));
    if products.is_empty() {
        return Ok(out.line(format!("\nnothing that is counted was used in {DAYS} days"))?);
    }
    let head = [format!("used in {DAYS} days"), "sum".to_owned(), "by day".to_owned()];
    let mut rows = vec![head.map(|word| out.styled(Style::Bold, word)).to_vec()];
    for (name, numbers) in &products {
        let sum = numbers.iter().fold(0_u64, |sum, number| sum.saturating_add(*number));
        rows.push(vec![cell(name), output::number(sum), sparkline(numbers)]);
    }
    out.line("")?;
    for line in output::table(&rows) {
        out.line(line)?;
    }
    Ok(())
}
