//! `riposte cf balancers`: load balancers of a zone, and which pools they use in which order.

use super::account::{Plan, account, carry_out, cell, choose, table};
use super::confirm::Consent;
use super::{Session, show, told};
use crate::cli::End;
use crate::cli::output::Output;
use crate::cloudflare::pools::{self, Balancer, Pool};
use crate::cloudflare::zones::Zone;
use crate::event::text;
use clap::{Args, Subcommand};

/// `riposte cf balancers`
#[derive(Debug, Subcommand)]
pub enum BalancersCommand {
    /// Show a zone's load balancers
    List {
        /// The zone's name, or its id
        zone: String,
    },
    /// Make a load balancer
    Create(PoolsInOrder),
    /// Use other pools, or the same in another order
    Order(PoolsInOrder),
    /// Remove a load balancer
    Delete {
        /// The zone's name, or its id
        zone: String,
        /// The load balancer's host name, its beginning, or its id
        balancer: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// A load balancer and its pools.
#[derive(Debug, Args)]
pub struct PoolsInOrder {
    /// The zone's name, or its id
    zone: String,
    /// The host name that it stands for
    name: String,
    /// A pool, by its name or id, the first that is well is used; may be given several times. The last
    /// is what a new load balancer falls back to when none is well
    #[arg(long = "pool", value_name = "POOL", required = true)]
    pools: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

fn all(session: &Session, zone: &Zone) -> anyhow::Result<Vec<Balancer>> {
    pools::balancers(&session.client, &zone.id).map_err(|error| told(&error))
}

fn one<'b>(rows: &'b [Balancer], wanted: &str) -> anyhow::Result<&'b Balancer> {
    choose("load balancer", wanted, rows, |row| (&row.id, &row.name))
}

/// Pools by their names, in words.
fn names<'i>(known: &[Pool], ids: impl IntoIterator<Item = &'i String>) -> String {
    let name = |id: &String| {
        let pool = known.iter().find(|pool| pool.id == *id);
        cell(pool.map_or(id.as_str(), |pool| pool.name.as_str()))
    };
    ids.into_iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Runs one of them.
pub fn run(session: &Session, command: &BalancersCommand, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let known = pools::all(&session.client, &account).map_err(|error| told(&error))?;
    match command {
        BalancersCommand::List { zone } => {
            let rows = all(session, &show::zone(session, zone)?)?;
            table(session, out, &["host name", "pools", "else", "state", "id"], &rows, |row| {
                vec![
                    cell(&row.name),
                    names(&known, &row.default_pools),
                    names(&known, &row.fallback_pool),
                    if row.enabled { "on" } else { "off" }.to_owned(),
                    cell(&row.id),
                ]
            })
        }
        BalancersCommand::Create(args) => {
            let zone = show::zone(session, &args.zone)?;
            let ids = ids(&known, &args.pools)?;
            let (shown, last) = (cell(&args.name), ids.last().cloned().unwrap_or_default());
            let plan = Plan {
                lines: vec![format!(
                    "make the load balancer `{shown}` over {}",
                    names(&known, &ids)
                )],
                calls: vec![pools::create_balancer(&zone.id, &args.name, &ids, &last)],
            };
            carry_out(session, args.consent, &plan, &format!("`{shown}` is made"), out)
        }
        BalancersCommand::Order(args) => {
            let zone = show::zone(session, &args.zone)?;
            let rows = all(session, &zone)?;
            let row = one(&rows, &args.name)?;
            let ids = ids(&known, &args.pools)?;
            let shown = cell(&row.name);
            let line = format!(
                "`{shown}` uses {} and used {}",
                names(&known, &ids),
                names(&known, &row.default_pools)
            );
            let call = pools::set_pools(&zone.id, &row.id, &ids);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, args.consent, &plan, &format!("`{shown}` is changed"), out)
        }
        BalancersCommand::Delete { zone, balancer, consent } => {
            let zone = show::zone(session, zone)?;
            let rows = all(session, &zone)?;
            let row = one(&rows, balancer)?;
            let shown = text::escape(&row.name).into_owned();
            let over = names(&known, &row.default_pools);
            let plan = Plan {
                lines: vec![format!("remove the load balancer `{shown}` over {over}")],
                calls: vec![pools::delete_balancer(&zone.id, &row.id)],
            };
            carry_out(session, *consent, &plan, &format!("`{shown}` is removed"), out)
        }
    }
}

fn ids(known: &[Pool], wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let one =
        |name: &String| Ok(choose("pool", name, known, |pool| (&pool.id, &pool.name))?.id.clone());
    wanted.iter().map(one).collect()
}
