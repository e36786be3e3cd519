//! Takes the firings of the first reading.

use crate::cli::context::StandingFacts;
use crate::cli::output::Output;
use crate::cli::replay::{Seen, firing_as_json};
use crate::decisions::{Decision, Remedy, Target};
use crate::limits;
use crate::pipeline::compare::{Pairing, Side};
use crate::pipeline::core::Firing;
use crate::pipeline::report::{Blocked, Would};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What was gathered.
pub(super) struct Gather {
    facts: StandingFacts,
    pub blocked: Blocked,
    pub pairing: Option<Pairing>,
    /// For the faults that were met.
    pub seen: Seen,
    /// Whom each rule of the set that the report is about would stop; `None` where they were too
    /// many to be remembered.
    pub by_rule: Option<HashMap<Arc<str>, HashSet<Target>>>,
    remembered: usize,
}

impl Gather {
    pub fn new(facts: StandingFacts, compares: bool) -> Self {
        Self {
            facts,
            blocked: Blocked::default(),
            pairing: compares.then(Pairing::default),
            seen: Seen::default(),
            by_rule: Some(HashMap::new()),
            remembered: 0,
        }
    }

    pub fn firing(
        &mut self,
        core: usize,
        firing: &Firing,
        json: bool,
        out: &mut Output,
    ) -> anyhow::Result<()> {
        if json && self.pairing.is_none() {
            firing_as_json(firing, &self.facts, out)?;
        }
        self.seen.firing(firing);
        for decision in &firing.decisions {
            self.decision(core, firing, decision);
        }
        Ok(())
    }

    fn decision(&mut self, core: usize, firing: &Firing, decision: &Decision) {
        if (core == 1) == self.pairing.is_some() && self.counts(decision) {
            self.remember(decision);
        }
        let guard = self.facts.verdict(decision);
        if let Some(pairing) = &mut self.pairing {
            let side = if core == 0 { Side::Before } else { Side::After };
            pairing.note(side, decision, &firing.hit, &guard);
        } else {
            let would = Would::of(decision, &firing.hit, guard);
            self.blocked.note(&decision.target, would);
        }
    }

    fn remember(&mut self, decision: &Decision) {
        if self.remembered >= limits::REPORT_TARGETS_MAX {
            self.by_rule = None;
        }
        let Some(rules) = &mut self.by_rule else { return };
        let targets = rules.entry(Arc::clone(&decision.rule)).or_default();
        self.remembered += usize::from(targets.insert(decision.target.clone()));
    }

    /// Whether a decision stops somebody.
    pub fn counts(&self, decision: &Decision) -> bool {
        decision.remedy != Remedy::Allow && self.facts.verdict(decision) == "pass"
    }
}
