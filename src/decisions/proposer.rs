//! What rules propose: decisions that follow from asks, and wider ones that follow from those.
//!
//! In: hits with their asks, in event order. Out: proposed decisions. Depends on events alone, so
//! that live and replay propose the same; the desk judges them afterwards.

use super::config::GuardConfig;
use super::model::{Ask, Decision, Hit, Target};
use super::offences::Offences;
use super::prefix_set::canonical;
use super::resolve::resolve;
use super::widening::Widening;

/// The past and the hopping networks, from which proposals follow.
#[derive(Debug, Clone, Default)]
pub struct Proposer {
    config: GuardConfig,
    /// Who offended before; saved by shard.
    pub offences: Offences,
    /// Networks whose parts were blocked; saved whole.
    pub widening: Widening,
}

impl Proposer {
    /// Without a past.
    pub fn new(config: GuardConfig) -> Self {
        Self {
            offences: Offences::new(config.offences_keep),
            widening: Widening::default(),
            config,
        }
    }

    /// Takes another config; what is known stays.
    pub fn set_config(&mut self, config: GuardConfig) {
        self.config = config;
    }

    /// The proposed decisions that an ask comes to: its own first, then wider ones that follow
    /// from it. None where the ask is for something else.
    pub fn propose(&mut self, hit: &Hit, ordinal: u32, ask: &Ask) -> Vec<Decision> {
        let Some(decision) = resolve(hit, ordinal, ask, &mut self.offences) else {
            return Vec::new();
        };
        let mut proposed = self.widening.propose(&decision, &self.config);
        proposed.insert(0, decision);
        proposed
    }

    /// Whether the ask is about a target against which a proposed decision still stands: then it
    /// is the same offence, and nobody has come back.
    pub fn is_same_offence(&self, hit: &Hit, ask: &Ask) -> bool {
        let Ask::Decide { target, .. } = ask else { return false };
        let name = match target {
            Target::Net(net) => Target::Net(canonical(*net)).to_string(),
            other => other.to_string(),
        };
        self.offences.stands(&name, hit.time)
    }

    /// A person lifted what was in force for a target: hopping starts anew.
    pub fn lifted(&mut self, target: &Target) {
        if let Some(net) = target.net() {
            self.widening.forget(net);
        }
    }

    /// Forgets a target (`riposte forget`): its past, and what hopping was seen of it. Whether
    /// there was a past.
    pub fn forget(&mut self, target: &Target) -> bool {
        self.lifted(target);
        self.offences.forget(&target.to_string())
    }
}
