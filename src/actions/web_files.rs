//! Files that a web server or proxy reads, as enforcers: nginx, HAProxy, Apache, Caddy, plain.
//!
//! In: decisions. Out: the file, written at once and whole (or not at all); then, at most as often
//! as the config says, the server's own test and its reload. When the test refuses the file, the
//! one before is put back. Only a file that carries our mark is ever replaced.

mod atomic;

use super::config::WebFileConfig;
use super::enforcer::{Change, Difference, EnforceError, Enforcer, Numbers, Receipt};
use super::message::call_text;
use super::reconcile::{AddressRange, Entry, outermost};
use super::web_formats::{MARK, read, render};
use crate::clock::Timestamp;
use crate::decisions::{Decision, Outcome, Remedy};
use crate::process::{self, Program};
use crate::telemetry::{self, names};
use atomic::{read_file, write_file};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A reload that failed is tried again after this.
const RELOAD_AGAIN: Duration = Duration::from_secs(30);

/// A web-server file.
#[derive(Debug)]
pub struct WebFile {
    config: WebFileConfig,
    dry_run: bool,
    /// What is in force, by (first address, prefix length, remedy).
    standing: BTreeMap<(IpAddr, u8, Remedy), Option<Timestamp>>,
    /// When the server is to read the file.
    reload_due: Option<Timestamp>,
    last_reload: Timestamp,
    /// The file as the server last read it, to be put back when it refuses the new one.
    accepted: Option<String>,
}

impl WebFile {
    /// Builds it; nothing is read or written yet.
    pub fn new(config: &WebFileConfig, dry_run: bool) -> Self {
        Self {
            config: config.clone(),
            dry_run,
            standing: BTreeMap::new(),
            reload_due: None,
            last_reload: Timestamp::EPOCH,
            accepted: None,
        }
    }

    /// The whole text of the file with these decisions in force.
    pub fn dry_run(&self, decisions: &[Decision]) -> String {
        let mut other = Self::new(&self.config, true);
        other.stand(decisions);
        other.text()
    }

    fn stand(&mut self, decisions: &[Decision]) {
        self.standing.clear();
        for decision in decisions {
            self.add(decision);
        }
    }

    /// Lets a decision stand; `false` when the same or a longer one stands already.
    fn add(&mut self, decision: &Decision) -> bool {
        let Some(net) = decision.target.net() else {
            return false;
        };
        let key = (net.network(), net.prefix_len(), decision.remedy);
        let end = |until: Option<Timestamp>| until.unwrap_or(Timestamp::MAX);
        if self.standing.get(&key).is_some_and(|known| end(*known) >= end(decision.until)) {
            return false;
        }
        self.standing.insert(key, decision.until);
        true
    }

    fn text(&self) -> String {
        let networks = self.standing.keys().filter_map(|(first, bits, remedy)| {
            let net = IpNet::new(*first, *bits).ok()?;
            Some((net, (strength(*remedy), *remedy)))
        });
        let networks: Vec<_> =
            outermost(networks).into_iter().map(|(net, (_, remedy))| (net, remedy)).collect();
        render(self.config.format, &networks)
    }

    /// Forgets what is over; `true` when something was.
    fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.standing.len();
        self.standing.retain(|_, until| until.is_none_or(|until| until > now));
        before != self.standing.len()
    }

    /// The file as it is; `None` when it is not there. A file of somebody else is an error.
    fn current(&self) -> Result<Option<String>, EnforceError> {
        let text = read_file(&self.config.path)?;
        if let Some(text) = &text
            && !text.trim().is_empty()
            && !text.starts_with(MARK)
        {
            let path = self.config.path.display();
            return Err(EnforceError::Down(format!(
                "`{path}` was not written by riposte and is left as it is\nhint: move it away, or choose another `path`"
            )));
        }
        Ok(text)
    }

    /// Writes the file when it differs; `true` when it did.
    fn write(&mut self, now: Timestamp) -> Result<bool, EnforceError> {
        let current = self.current()?;
        let text = self.text();
        if current.as_deref() == Some(text.as_str()) {
            return Ok(false);
        }
        if !self.config.reload.is_empty() {
            if self.reload_due.is_none() {
                self.accepted = current;
            }
            // What is new does not wait until a reload that failed is tried again.
            let due = now.max(self.last_reload.plus(self.config.debounce));
            self.reload_due = Some(self.reload_due.map_or(due, |known| known.min(due)));
            // The mark tells a later run that the server has not read the file yet.
            write_file(&self.unread_mark(), "")?;
        }
        telemetry::counter(names::ENFORCER_CALLS).add(1);
        write_file(&self.config.path, &text)?;
        Ok(true)
    }

    fn unread_mark(&self) -> PathBuf {
        atomic::beside(&self.config.path, "unread")
    }

    fn run(&self, argv: &[String]) -> Result<(), String> {
        let mut program = Program::new(argv.iter().cloned());
        program.time_limit = self.config.timeout;
        match process::run(&program) {
            Ok(finished) if finished.success() => Ok(()),
            Ok(finished) => Err(format!("`{}`: {}", argv.join(" "), finished.words())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Tests and reloads.
    fn reload(&mut self, now: Timestamp) -> Result<Outcome, EnforceError> {
        self.reload_due = None;
        self.last_reload = now;
        if !self.config.test.is_empty()
            && let Err(reason) = self.run(&self.config.test)
        {
            return Err(self.roll_back(&reason, now)?);
        }
        if let Err(reason) = self.run(&self.config.reload) {
            self.reload_due = Some(now.plus(RELOAD_AGAIN));
            return Err(EnforceError::Failed(format!("failed to reload: {reason}")));
        }
        self.accepted = None;
        // Left behind, it costs one reload at the next start.
        std::fs::remove_file(self.unread_mark()).ok();
        Ok(Outcome::Applied)
    }

    /// The server's test failed: puts the file before back, unless the test fails with it too.
    fn roll_back(&mut self, reason: &str, now: Timestamp) -> Result<EnforceError, EnforceError> {
        let refused = read_file(&self.config.path)?;
        let before = self
            .accepted
            .clone()
            .filter(|text| text.starts_with(MARK))
            .unwrap_or_else(|| render(self.config.format, &[]));
        write_file(&self.config.path, &before)?;
        if let Err(still) = self.run(&self.config.test) {
            // The fault is elsewhere. Our file stays as wanted, for when the fault is mended.
            if let Some(text) = refused {
                write_file(&self.config.path, &text)?;
            }
            self.reload_due = Some(now.plus(RELOAD_AGAIN));
            return Ok(EnforceError::Failed(format!(
                "the server's own config does not pass its test, with our file or without: {still}\nhint: mend it; the file is read at the next reload"
            )));
        }
        telemetry::counter(names::WEB_FILE_ROLLBACKS).add(1);
        Ok(EnforceError::Failed(format!(
            "the server's test refused the new file, and the one before was put back: {reason}\nhint: is `format` the one that fits where the file is included?"
        )))
    }

    fn rehearse(&self) -> Outcome {
        let path = self.config.path.display();
        let mut call = format!("write {path}\n{}", self.text());
        for (what, argv) in [("test", &self.config.test), ("reload", &self.config.reload)] {
            if !argv.is_empty() {
                call.push_str(what);
                call.push_str(": ");
                call.push_str(&argv.join(" "));
                call.push('\n');
            }
        }
        Outcome::DryRun(call_text(&call))
    }
}

/// Which remedy wins where networks nest.
const fn strength(remedy: Remedy) -> u8 {
    match remedy {
        Remedy::Allow => 0,
        Remedy::Throttle => 1,
        Remedy::Challenge => 2,
        Remedy::Captcha => 3,
        Remedy::Block => 4,
    }
}

impl Enforcer for WebFile {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn reconcile(
        &mut self,
        wanted: &[Decision],
        now: Timestamp,
    ) -> Result<Difference, EnforceError> {
        self.stand(wanted);
        self.expire(now);
        if self.dry_run {
            return Ok(Difference::default());
        }
        if !self.config.reload.is_empty()
            && self.reload_due.is_none()
            && self.unread_mark().exists()
        {
            self.reload_due = Some(now);
        }
        let present = self.current()?;
        let held: BTreeSet<IpNet> = present.iter().flat_map(|text| read(text)).collect();
        let asked: BTreeSet<IpNet> = read(&self.text()).into_iter().collect();
        let written = self.write(now)?;
        Ok(Difference {
            missing: asked.difference(&held).count(),
            extra: held.difference(&asked).count(),
            kept: held.intersection(&asked).count(),
            rebuilt: written && held == asked,
        })
    }

    fn apply(
        &mut self,
        changes: &[Change],
        wanted: Option<&[Decision]>,
        now: Timestamp,
    ) -> Result<Receipt, EnforceError> {
        let mut takes_effect: Vec<bool> = Vec::with_capacity(changes.len());
        for change in changes {
            takes_effect.push(match change {
                Change::Enforce(decision) => decision.stands_at(now) && self.add(decision),
                Change::Lift(target) => target.net().is_some(),
            });
        }
        if let Some(wanted) = wanted {
            self.stand(wanted);
        }
        self.expire(now);
        let outcome = if self.dry_run {
            self.rehearse()
        } else if self.write(now)? && self.reload_due.is_none() {
            Outcome::Applied
        } else if self.reload_due.is_some() {
            Outcome::Pending
        } else {
            Outcome::Unchanged
        };
        Ok(Receipt {
            outcomes: takes_effect
                .into_iter()
                .map(|takes_effect| if takes_effect { outcome.clone() } else { Outcome::Unchanged })
                .collect(),
        })
    }

    fn present(&mut self) -> Result<Vec<Entry>, EnforceError> {
        let text = self.current()?.unwrap_or_default();
        Ok(read(&text)
            .iter()
            .map(|net| Entry { range: AddressRange::of(net), until: None })
            .collect())
    }

    fn remove_all(&mut self) -> Result<(), EnforceError> {
        self.standing.clear();
        let now = crate::clock::now();
        if self.dry_run || self.current()?.is_none() || !self.write(now)? {
            return Ok(());
        }
        if self.reload_due.is_some() {
            self.reload(now)?;
        }
        Ok(())
    }

    fn next_tick(&self) -> Option<Timestamp> {
        let ends = self.standing.values().filter_map(|until| *until);
        ends.chain(self.reload_due).min()
    }

    fn tick(&mut self, now: Timestamp) -> Result<Option<Outcome>, EnforceError> {
        if self.expire(now) && !self.dry_run {
            self.write(now)?;
        }
        match self.reload_due {
            Some(due) if due <= now => self.reload(now).map(Some),
            _ => Ok(None),
        }
    }

    fn settle(&mut self, now: Timestamp) -> Result<Option<Outcome>, EnforceError> {
        match self.reload_due {
            Some(_) => self.reload(now).map(Some),
            None => Ok(None),
        }
    }

    fn numbers(&mut self) -> Numbers {
        Numbers {
            entries: u64::try_from(self.standing.len()).unwrap_or(u64::MAX),
            ..Numbers::default()
        }
    }
}

#[cfg(test)]
mod tests;
