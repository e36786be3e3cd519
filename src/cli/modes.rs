//! A rule's mode: where it was set, and what becomes of its decisions now.
//!
//! In: the config, and what a daemon has saved in its store, where there is one to be read.

use crate::clock::{self, Timestamp, format_duration};
use crate::config::Config;
use crate::decisions::{Desk, Guard, Mode};
use crate::pipeline::{explain, meta};
use crate::rules::Rule;
use crate::store::{Reader, StoreError};
use std::collections::BTreeMap;

/// Where a rule's mode was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the rule file, or nowhere: then it enforces.
    File,
    /// In `rules.modes` of the config.
    Config,
    /// By `riposte rules enable|shadow|off`.
    ByHand,
}

impl Origin {
    /// In a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::File => "rule file",
            Self::Config => "config",
            Self::ByHand => "set by hand",
        }
    }
}

/// What becomes of a rule's decisions now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InEffect {
    /// As which mode it acts.
    pub mode: Mode,
    /// Why that differs from its own, or what bounds it.
    pub why: Option<String>,
}

/// The modes that were set by hand, and an installation's seed; empty and 0 where nothing was saved.
#[derive(Debug, Default)]
pub struct Saved {
    /// By rule.
    pub modes: BTreeMap<String, Mode>,
    /// Of hashes in windows.
    pub seed: u64,
}

impl Saved {
    /// What the store says.
    pub fn of(reader: Option<&Reader>) -> Result<Self, StoreError> {
        let Some(reader) = reader else { return Ok(Self::default()) };
        let modes = reader.rule_modes()?.into_iter();
        Ok(Self {
            modes: modes.map(|row| (row.rule.to_string(), row.mode)).collect(),
            seed: meta::known_seed(reader)?.unwrap_or(0),
        })
    }

    /// Where a rule's mode was set.
    pub fn origin(&self, rule: &Rule, config: &Config) -> Origin {
        if self.modes.contains_key(&*rule.name) {
            Origin::ByHand
        } else if config.rules.modes.contains_key(&*rule.name) {
            Origin::Config
        } else {
            Origin::File
        }
    }
}

/// The desk as far as it is known without a daemon: the config's word, and what was saved.
pub fn desk(config: &Config, reader: Option<&Reader>) -> Result<Desk, StoreError> {
    let mut desk = Desk::new(config.guard.clone());
    if let Some(reader) = reader {
        explain::take_desk(&mut desk, reader, clock::now())?;
    }
    super::context::tell_guard(&mut desk.guard, config);
    Ok(desk)
}

/// What becomes of a rule's decisions at `now`.
pub fn in_effect(rule: &Rule, guard: &Guard, now: Timestamp) -> InEffect {
    let as_shadow = |why: String| InEffect { mode: Mode::Shadow, why: Some(why) };
    let days = guard.first_days_until().filter(|until| *until > now);
    match rule.mode {
        Mode::Off => InEffect { mode: Mode::Off, why: None },
        _ if guard.panic() => as_shadow("panic; `riposte resume` ends it".to_owned()),
        Mode::Shadow => InEffect { mode: Mode::Shadow, why: None },
        Mode::Enforce => match (days, guard.asks_until(&rule.name, now)) {
            (Some(until), _) if !rule.certain => as_shadow(format!(
                "first days, {} more; `riposte arm` ends them",
                format_duration(until.since(now))
            )),
            (_, Some(until)) => as_shadow(format!(
                "it hit clients with an authenticated success; armed again in {}",
                format_duration(until.since(now))
            )),
            (Some(_), None) => {
                InEffect { mode: Mode::Enforce, why: Some("first days: briefly".to_owned()) }
            }
            (None, None) => InEffect { mode: Mode::Enforce, why: None },
        },
    }
}

/// A mode's name.
pub const fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}
