//! Messages, webhooks and program runs that rules ask for: held like decisions, and bounded.

use super::Engine;
use super::act::dry;
use crate::clock::Timestamp;
use crate::decisions::{Action, Effect, Hit, Mode, RuleFacts, Verdict, ids};
use crate::limits;
use crate::store::OutboxRow;
use std::sync::Arc;

impl Engine {
    /// The outbox row for an effect, with the word on it.
    pub(super) fn effect(
        &mut self,
        hit: &Hit,
        ordinal: u32,
        effect: Effect,
        rule: RuleFacts,
        now: Timestamp,
    ) -> OutboxRow {
        let (effect, verdict) = match self.effect_verdict(hit, rule, now) {
            Verdict::Pass => self.change_verdict(hit, effect, now),
            held => (effect, held),
        };
        let verdict = if self.dry_run && verdict == Verdict::Pass { dry() } else { verdict };
        OutboxRow {
            id: ids::action_id(hit.id, ordinal),
            hit: Some(hit.id),
            decision: None,
            action: Action::Perform {
                rule: Arc::clone(&hit.rule),
                key: hit.key.to_string(),
                time: hit.time,
                effect,
            },
            verdict,
        }
    }

    /// Effects are held like decisions; and a rule may ask for so many a minute only, so that an
    /// attack can't fill queue, store and somebody's mailbox.
    fn effect_verdict(&mut self, hit: &Hit, rule: RuleFacts, now: Timestamp) -> Verdict {
        let held = {
            let guard = &self.desk().guard;
            match rule.mode {
                _ if guard.panic() => Some("panic".to_owned()),
                Mode::Shadow => Some("mode `shadow`".to_owned()),
                Mode::Off => Some("mode `off`".to_owned()),
                Mode::Enforce if !rule.certain && guard.first_days_until().is_some() => {
                    Some("first days".to_owned())
                }
                Mode::Enforce if guard.asks_until(&hit.rule, now).is_some() => {
                    Some("the rule hit clients with an authenticated success".to_owned())
                }
                Mode::Enforce => None,
            }
        };
        if let Some(why) = held {
            return Verdict::Shadow(why);
        }
        let most = limits::EFFECTS_PER_MINUTE_MAX;
        let minute = now.as_secs().div_euclid(60);
        let count = self.effects.entry(Arc::clone(&hit.rule)).or_insert((minute, 0));
        if count.0 != minute {
            *count = (minute, 0);
        }
        count.1 += 1;
        if count.1 > most {
            let text =
                format!("more than {most} effects a minute: the rest is journaled, not done");
            self.alarm(&hit.rule, text.clone());
            return Verdict::Refused(text);
        }
        Verdict::Pass
    }
}
