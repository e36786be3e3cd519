//! The kernel's packet filter as an enforcer: our own table `inet riposte`, whose chain drops what
//! comes from blocked addresses at the prerouting hook, before DNAT, so that published container
//! ports are covered too.
//!
//! In: decisions. Out: one `nft -j -f -` for each batch, atomic in the kernel: an address that is
//! blocked before and after is never let through between. What is present is kept as a mirror and
//! read back at the start, after a loss, and from time to time. The kernel's own timeouts are set.
//!
//! Why a chain before connection tracking cuts open connections as well: their packets pass the
//! hook like any others. With `cut_established = false` the chain stands after connection tracking
//! and lets established flows return first.

mod call;

use super::config::NftablesConfig;
use super::enforcer::{Change, Difference, EnforceError, Enforcer, Numbers, Receipt};
use super::nft_json::{self, Layout, Table};
use super::nft_monitor::Loss;
use super::reconcile::{AddressRange, Ends, Entry, Plan, cover, difference};
use crate::clock::Timestamp;
use crate::decisions::{Decision, Outcome, Remedy};
use crate::telemetry::{self, names};
use ipnet::IpNet;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// Where the chain stands when open connections are to be left alone: after connection tracking
/// (-200), before DNAT (-100).
const PRIORITY_AFTER_TRACKING: i32 = -150;

/// The nftables enforcer.
#[derive(Debug)]
pub struct Nftables {
    command: Vec<String>,
    layout: Layout,
    /// Nothing is sent; outcomes hold what would be.
    dry_run: bool,
    /// The blocks in force by (first address, prefix length).
    standing: BTreeMap<(IpAddr, u8), Option<Timestamp>>,
    /// What the kernel holds, as far as we know.
    mirror: BTreeMap<AddressRange, Option<Timestamp>>,
    /// The table stands and the mirror is true.
    ready: bool,
    packets: u64,
    bytes: u64,
}

impl Nftables {
    /// Builds it; nothing is run yet.
    pub fn new(config: &NftablesConfig, dry_run: bool) -> Self {
        let priority =
            if config.cut_established { config.priority } else { PRIORITY_AFTER_TRACKING };
        Self {
            command: config.command.clone(),
            layout: Layout {
                table: config.table.clone(),
                priority,
                keep_established: !config.cut_established,
            },
            dry_run,
            standing: BTreeMap::new(),
            mirror: BTreeMap::new(),
            ready: false,
            packets: 0,
            bytes: 0,
        }
    }

    /// The exact text that would make the table with these decisions in force.
    pub fn dry_run(&self, decisions: &[Decision], now: Timestamp) -> String {
        let entries = cover(blocks(decisions), now);
        let mut commands = self.layout.make();
        commands.extend(self.layout.change(&[], &entries, now));
        nft_json::document(&commands)
    }

    /// Whether a loss that was seen concerns something that should still be there. Our own changes
    /// are seen too; they are in the mirror by the time this is asked.
    pub(super) fn is_loss(&self, loss: &Loss, now: Timestamp) -> bool {
        match loss {
            Loss::Structure => true,
            Loss::Element(range) => self.mirror.get(range).is_some_and(|until| {
                until.is_none_or(|until| until > now.plus(Duration::from_secs(2)))
            }),
        }
    }

    /// Sends one transaction.
    fn send(&self, commands: &[Value]) -> Result<(), EnforceError> {
        telemetry::counter(names::ENFORCER_CALLS).add(1);
        call::transact(&self.command, nft_json::document(commands))
    }

    /// Our table as the kernel has it; `None` when it is not there.
    fn read(&self, now: Timestamp) -> Result<Option<Table>, EnforceError> {
        call::list(&self.command, &self.layout.table)?
            .map(|listing| nft_json::read_table(&listing, &self.layout, now))
            .transpose()
            .map_err(EnforceError::Failed)
    }

    /// Makes the kernel hold the cover of what stands, changing only the difference.
    fn mend(&mut self, now: Timestamp) -> Result<Difference, EnforceError> {
        self.standing.retain(|_, until| until.is_none_or(|until| until > now));
        let wanted = cover(self.networks(), now);
        if self.dry_run {
            self.accept(&wanted);
            return Ok(Difference::default());
        }
        self.ready = false;
        let found = self.read(now)?;
        let rebuilt = !found.as_ref().is_some_and(|table| table.sound);
        let table = found.unwrap_or_default();
        let plan = difference(&table.entries, &wanted, Ends::ReadBack);
        if rebuilt {
            let mut commands = self.layout.make();
            commands.extend(self.layout.change(&[], &wanted, now));
            self.send(&commands)?;
        } else if !plan.is_empty() {
            self.send(&self.layout.change(&plan.remove, &plan.add, now))?;
        }
        (self.packets, self.bytes) = (table.packets, table.bytes);
        self.accept(&wanted);
        Ok(Difference { missing: plan.missing, extra: plan.extra, kept: plan.kept, rebuilt })
    }

    fn accept(&mut self, entries: &[Entry]) {
        self.mirror = entries.iter().map(|entry| (entry.range, entry.until)).collect();
        self.ready = true;
        self.gauge();
    }

    fn gauge(&self) {
        let level = u64::try_from(self.mirror.len()).unwrap_or(u64::MAX);
        telemetry::gauge(names::NFTABLES_ENTRIES).set(level);
    }

    fn networks(&self) -> impl Iterator<Item = (IpNet, Option<Timestamp>)> {
        self.standing
            .iter()
            .filter_map(|((first, bits), until)| Some((IpNet::new(*first, *bits).ok()?, *until)))
    }

    fn stand(&mut self, decisions: &[Decision]) {
        self.standing.clear();
        for (net, until) in blocks(decisions) {
            self.add(&net, until);
        }
    }

    /// Lets a block stand; `false` when one that lasts as long stands already.
    fn add(&mut self, net: &IpNet, until: Option<Timestamp>) -> bool {
        let key = (net.network(), net.prefix_len());
        match self.standing.get(&key) {
            Some(None) => return false,
            Some(Some(known)) if until.is_some_and(|until| until <= *known) => return false,
            _ => {}
        }
        self.standing.insert(key, until);
        true
    }

    /// The outermost standing network around a network: what has to be laid out again with it.
    fn root(&self, net: &IpNet) -> IpNet {
        (0..net.prefix_len())
            .filter_map(|bits| IpNet::new(net.addr(), bits).ok())
            .map(|wider| wider.trunc())
            .find(|wider| self.standing.contains_key(&(wider.network(), wider.prefix_len())))
            .unwrap_or(*net)
    }

    /// What has to change in the kernel around these networks.
    fn plan(&self, touched: &[IpNet], now: Timestamp) -> Plan {
        let roots: BTreeSet<IpNet> = touched.iter().map(|net| self.root(net)).collect();
        let mut plan = Plan::default();
        for root in roots {
            let range = AddressRange::of(&root);
            let inside = self
                .standing
                .range((range.first(), 0)..=(range.last(), u8::MAX))
                .filter_map(|((first, bits), until)| {
                    let net = IpNet::new(*first, *bits).ok()?;
                    root.contains(&net).then_some((net, *until))
                });
            let wanted = cover(inside, now);
            let present: Vec<Entry> = self.mirrored(&range, now);
            let part = difference(&present, &wanted, Ends::Known);
            plan.remove.extend(part.remove);
            plan.add.extend(part.add);
        }
        plan
    }

    fn mirrored(&self, range: &AddressRange, now: Timestamp) -> Vec<Entry> {
        let Some(from) = AddressRange::new(range.first(), range.first()) else {
            return Vec::new();
        };
        self.mirror
            .range(from..)
            .take_while(|(held, _)| held.first() <= range.last())
            .filter_map(|held| held_still(held, now))
            .collect()
    }

    fn carry_out(&mut self, plan: &Plan, now: Timestamp) -> Result<(), EnforceError> {
        let sent = self.send(&self.layout.change(&plan.remove, &plan.add, now));
        match sent {
            Ok(()) => {
                for range in &plan.remove {
                    self.mirror.remove(range);
                }
                for entry in &plan.add {
                    self.mirror.insert(entry.range, entry.until);
                }
                self.gauge();
                Ok(())
            }
            Err(EnforceError::Down(reason)) => {
                self.ready = false;
                Err(EnforceError::Down(reason))
            }
            // The kernel holds something else than we thought: an element that ended this very
            // moment, a table that another tool removed. Look, and mend the difference.
            Err(_) => self.mend(now).map(|_| ()),
        }
    }

    /// The outcomes in a dry run: the exact text for each change.
    fn rehearse(&mut self, outcomes: &mut [Option<Outcome>], plan: &Plan, now: Timestamp) {
        let text = nft_json::document(&self.layout.change(&plan.remove, &plan.add, now));
        let call =
            super::message::call_text(&format!("{} -j -f - <<< {text}", self.command.join(" ")));
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
            *outcome = Some(Outcome::DryRun(call.clone()));
        }
        for range in &plan.remove {
            self.mirror.remove(range);
        }
        for entry in &plan.add {
            self.mirror.insert(entry.range, entry.until);
        }
    }
}

/// An entry of the mirror that the kernel may still hold: its timeouts are whole seconds, rounded
/// up. Adding what is held would not give it a new timeout on older kernels, so it is removed first.
fn held_still(held: (&AddressRange, &Option<Timestamp>), now: Timestamp) -> Option<Entry> {
    let (range, until) = (*held.0, *held.1);
    let over = until.is_some_and(|until| until.plus(Duration::from_millis(1_100)) <= now);
    (!over).then_some(Entry { range, until })
}

/// The networks that decisions block in the kernel, with their ends.
fn blocks(decisions: &[Decision]) -> impl Iterator<Item = (IpNet, Option<Timestamp>)> {
    decisions
        .iter()
        .filter(|decision| decision.remedy == Remedy::Block)
        .filter_map(|decision| Some((decision.target.net()?.trunc(), decision.until)))
}

impl Enforcer for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn reconcile(
        &mut self,
        wanted: &[Decision],
        now: Timestamp,
    ) -> Result<Difference, EnforceError> {
        self.stand(wanted);
        self.mend(now)
    }

    fn apply(
        &mut self,
        changes: &[Change],
        wanted: Option<&[Decision]>,
        now: Timestamp,
    ) -> Result<Receipt, EnforceError> {
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(changes.len());
        let mut touched = Vec::new();
        for change in changes {
            outcomes.push(match change {
                Change::Enforce(decision) => match decision.target.net() {
                    Some(_) if !decision.stands_at(now) => Some(Outcome::Unchanged),
                    Some(net) if self.add(&net.trunc(), decision.until) => {
                        touched.push(net.trunc());
                        None
                    }
                    Some(_) => Some(Outcome::Unchanged),
                    None => {
                        Some(Outcome::Failed(format!("nftables can't block `{}`", decision.target)))
                    }
                },
                Change::Lift(target) => match target.net() {
                    Some(net) => {
                        touched.push(net.trunc());
                        None
                    }
                    None => Some(Outcome::Unchanged),
                },
            });
        }
        let plan = if let Some(wanted) = wanted {
            self.stand(wanted);
            let all = cover(self.networks(), now);
            let present: Vec<Entry> =
                self.mirror.iter().filter_map(|held| held_still(held, now)).collect();
            difference(&present, &all, Ends::Known)
        } else {
            self.plan(&touched, now)
        };
        if self.dry_run {
            self.rehearse(&mut outcomes, &plan, now);
        } else if !self.ready {
            self.mend(now)?;
        } else if plan.is_empty() {
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
                *outcome = Some(Outcome::Unchanged);
            }
        } else {
            self.carry_out(&plan, now)?;
        }
        let done = |outcome: Option<Outcome>| outcome.unwrap_or(Outcome::Applied);
        Ok(Receipt { outcomes: outcomes.into_iter().map(done).collect() })
    }

    fn present(&mut self) -> Result<Vec<Entry>, EnforceError> {
        let now = crate::clock::now();
        Ok(self.read(now)?.unwrap_or_default().entries)
    }

    fn remove_all(&mut self) -> Result<(), EnforceError> {
        self.standing.clear();
        self.mirror.clear();
        self.ready = false;
        if self.dry_run || self.read(crate::clock::now())?.is_none() {
            return Ok(());
        }
        self.send(&self.layout.remove())
    }

    fn numbers(&mut self) -> Numbers {
        Numbers {
            entries: u64::try_from(self.mirror.len()).unwrap_or(u64::MAX),
            packets: Some(self.packets),
            bytes: Some(self.bytes),
        }
    }
}

#[cfg(test)]
mod tests;
