//! A change of a list that Cloudflare has taken on: it runs on its own there, and is asked about
//! until it is done; meanwhile new blocks gather for the next.

use super::chunk::Halved;
use super::measure::Measure;
use super::present::Held;
use super::steps::{Next, failure};
use super::{Cloudflare, mark};
use crate::clock::Timestamp;
use crate::cloudflare::lists::{self, Operation};
use crate::cloudflare::{ApiError, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_POLLS_MAX;
use ipnet::IpNet;
use std::time::Duration;

/// The change.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) measure: Measure,
    pub(super) change: Change,
    pub(super) polls: u32,
}

/// What it changes.
#[derive(Debug)]
pub(super) enum Change {
    Add(Vec<(IpNet, Option<Timestamp>)>),
    Remove(Vec<IpNet>),
    /// Items of one that is gone, by their ids.
    Orphans(Vec<String>),
}

impl Running {
    /// Whether it puts a network into the list.
    pub(super) fn adds(&self, measure: Measure, net: &IpNet) -> bool {
        self.measure == measure
            && matches!(&self.change, Change::Add(nets) if nets.iter().any(|(added, _)| added == net))
    }

    /// How many it takes out of the list.
    pub(super) fn removals(&self) -> usize {
        match &self.change {
            Change::Remove(nets) => nets.len(),
            Change::Add(_) | Change::Orphans(_) => 0,
        }
    }

    /// Whether it takes a network out of the list.
    pub(super) fn removes(&self, measure: Measure, net: &IpNet) -> bool {
        self.measure == measure
            && matches!(&self.change, Change::Remove(nets) if nets.contains(net))
    }
}

impl Cloudflare {
    pub(super) fn poll(&mut self) -> Result<Next, ApiError> {
        let site = self.site()?;
        let Some(running) = &mut self.running else { return Ok(Next::After(Duration::ZERO)) };
        running.polls += 1;
        let polls = running.polls;
        let call = lists::operation(&site.account, &running.id).priority(Priority::Urgent);
        let operation: Operation = match self.client()?.send(&call) {
            Ok(answer) => answer.read()?,
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.running = None;
                self.present = None;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        match operation.status.as_str() {
            "completed" => {
                if let Some(running) = self.running.take() {
                    self.accept(running);
                }
                Ok(Next::After(Duration::ZERO))
            }
            "failed" => {
                let words = operation.error.unwrap_or_else(|| "it does not say why".to_owned());
                // What became of it, only reading back tells.
                self.present = None;
                match self.running.take() {
                    Some(running) => self.halve(running, &words),
                    None => Ok(Next::After(Duration::ZERO)),
                }
            }
            _ if polls >= CLOUDFLARE_POLLS_MAX => {
                self.running = None;
                self.present = None;
                Err(failure("a change of the list does not come to an end".to_owned()))
            }
            _ => Ok(Next::After(poll_pause(polls))),
        }
    }

    /// A change failed as a whole: the same again would fail again. It is halved until the item
    /// that fails is alone; that one goes another way, and is told.
    fn halve(&mut self, running: Running, words: &str) -> Result<Next, ApiError> {
        tracing::warn!(
            destination = self.config.name,
            words,
            "Cloudflare failed to change a list; fewer items are tried"
        );
        let halved = match running.change {
            Change::Add(nets) => {
                let halved = self.chunk.failed(nets.len());
                if let (Halved::Alone, [(net, _)]) = (halved, nets.as_slice()) {
                    self.refused.insert(*net, words.to_owned());
                }
                halved
            }
            Change::Remove(nets) => {
                let halved = self.removal.failed(nets.len());
                if let (Halved::Alone, [net]) = (halved, nets.as_slice()) {
                    self.stuck.insert(*net, words.to_owned());
                }
                halved
            }
            Change::Orphans(ids) => {
                let halved = self.removal.failed(ids.len());
                if halved == Halved::Alone {
                    self.stuck_orphans.extend(ids);
                }
                halved
            }
        };
        match halved {
            Halved::Smaller | Halved::Alone => Ok(Next::After(poll_pause(0))),
            Halved::All => Err(failure(format!("a change of the list failed: {words}"))),
        }
    }

    /// A change of a list was made.
    fn accept(&mut self, running: Running) {
        match &running.change {
            Change::Add(nets) => self.chunk.went(nets.len()),
            Change::Remove(nets) => self.removal.went(nets.len()),
            Change::Orphans(ids) => self.removal.went(ids.len()),
        }
        let Some(present) = &mut self.present else { return };
        let there = &mut present.lists[running.measure];
        match running.change {
            Change::Add(nets) => {
                for (net, until) in nets {
                    let note = mark::Note { owner: self.mark.clone(), until };
                    let held = there
                        .items
                        .entry(net)
                        .or_insert_with(|| Held { id: None, note: note.clone() });
                    held.note = note;
                }
            }
            Change::Remove(nets) => {
                for net in nets {
                    there.items.remove(&net);
                }
            }
            Change::Orphans(ids) => there.orphans.retain(|id| !ids.contains(id)),
        }
        self.gauge();
    }
}

/// The pause before a change is asked about again.
pub(super) fn poll_pause(polls: u32) -> Duration {
    match polls {
        0 | 1 => Duration::from_secs(1),
        2..=4 => Duration::from_secs(2),
        5..=9 => Duration::from_secs(4),
        _ => Duration::from_secs(8),
    }
}
