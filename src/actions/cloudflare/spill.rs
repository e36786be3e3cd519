//! Access rules, where the list has no room or can't be had: one call each, a few at a time.

use super::Cloudflare;
use super::plan::{access_target, text};
use super::site::RuleIds;
use super::steps::Next;
use crate::cloudflare::access_rules::{self, AccessRule};
use crate::cloudflare::{Answer, ApiError, Client, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_ACCESS_RULES_AT_ONCE;
use ipnet::IpNet;
use std::time::Duration;

impl Cloudflare {
    /// Makes some.
    pub(super) fn spill(&mut self, nets: &[IpNet]) -> Result<Next, ApiError> {
        let scopes = self.site()?.scopes;
        for net in nets.iter().take(CLOUDFLARE_ACCESS_RULES_AT_ONCE) {
            let Some(target) = access_target(net) else { continue };
            let (notes, _) = self.note_of(net);
            let mut ours = false;
            for scope in &scopes {
                let call = access_rules::block(scope, target, &text(net), &notes);
                let made = self.client()?.send(&call.priority(Priority::Urgent));
                match made.and_then(Answer::read::<AccessRule>) {
                    Ok(rule) => {
                        ours = true;
                        self.rules.entry(*net).or_default().push((scope.clone(), rule.id));
                    }
                    Err(error) if error.kind == ErrorKind::Duplicate => {
                        // Somebody else's, or ours whose reply was lost: reading back tells.
                        self.present = None;
                        self.foreign_rules.insert(*net);
                    }
                    Err(error) => return Err(error),
                }
            }
            if let Some(present) = self.present.as_mut().filter(|_| ours) {
                present.rules.insert(*net);
            }
        }
        self.gauge();
        Ok(Next::After(Duration::ZERO))
    }

    /// Removes some.
    pub(super) fn recall(&mut self, nets: &[IpNet]) -> Result<Next, ApiError> {
        for net in nets.iter().take(CLOUDFLARE_ACCESS_RULES_AT_ONCE) {
            let client = self.client()?;
            delete_rules(&client, &mut self.rules, net)?;
            if let Some(present) = &mut self.present {
                present.rules.remove(net);
            }
        }
        self.gauge();
        Ok(Next::After(Duration::ZERO))
    }
}

/// Removes an access rule of ours in all its scopes.
pub(super) fn delete_rules(
    client: &Client,
    rules: &mut RuleIds,
    net: &IpNet,
) -> Result<(), ApiError> {
    while let Some((scope, id)) = rules.get(net).and_then(|ids| ids.last().cloned()) {
        match client.send(&access_rules::delete(&scope, &id).priority(Priority::Urgent)) {
            Err(error) if error.kind != ErrorKind::NotFound => return Err(error),
            // It is gone either way.
            _ => rules.get_mut(net).map(Vec::pop),
        };
    }
    rules.remove(net);
    Ok(())
}
