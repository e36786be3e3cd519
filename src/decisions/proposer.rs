//! What rules propose: decisions that follow from asks, and wider ones that follow from those.
//!
//! In: hits with their asks, in event order. Out: proposed decisions. Depends on events alone, so
//! that live and replay propose the same; the desk judges them afterwards.

use super::config::GuardConfig;
use super::model::{Ask, Decision, Hit, Target};
use super::offences::Offences;
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

/// What an ask comes to.
#[derive(Debug, Clone, Default)]
pub struct Proposed {
    /// Its own decision first, then wider ones that follow from it.
    pub decisions: Vec<Decision>,
    /// A decision that was proposed before still stands against the target: it is the same offence,
    /// and nobody has come back.
    pub same_offence: bool,
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

    /// The config that it follows.
    pub fn config(&self) -> &GuardConfig {
        &self.config
    }

    /// Takes another config; what is known stays.
    pub fn set_config(&mut self, config: GuardConfig) {
        self.config = config;
    }

    /// The proposed decisions that an ask comes to. None where the ask is for something else.
    pub fn propose(&mut self, hit: &Hit, ordinal: u32, ask: &Ask) -> Proposed {
        let Some((decision, same_offence)) = resolve(hit, ordinal, ask, &mut self.offences) else {
            return Proposed::default();
        };
        let wider = self.widening.propose(&decision, &self.config);
        let decisions = std::iter::once(decision).chain(wider).collect();
        Proposed { decisions, same_offence }
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
