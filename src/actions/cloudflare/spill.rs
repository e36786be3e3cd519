//! Access rules, where the list has no room or can't be had: one call each, a few at a time.

use super::Cloudflare;
use super::plan::{access_target, text};
use super::site::RuleIds;
use super::steps::Next;
use crate::cloudflare::access_rules::{self, AccessRule};
use crate::cloudflare::{Answer, ApiError, Client, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_ACCESS_RULES_AT_ONCE;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was turned down since things were last looked at anew, with the reasons.
#[derive(Debug, Default)]
pub(super) struct Denied {
    /// Single networks.
    pub(super) nets: BTreeMap<IpNet, String>,
    /// Access rules as such: the token may not change them.
    pub(super) all: Option<String>,
}

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
                    Err(error)
                        if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotOnThisPlan) =>
                    {
                        tracing::warn!(network = %net, %error, "Cloudflare does not take a network into an access rule");
                        self.denied.nets.insert(*net, error.to_string());
                    }
                    Err(error) if error.kind == ErrorKind::Forbidden => {
                        self.deny_all(&error);
                        return Ok(Next::After(Duration::ZERO));
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

    /// Without the permission there are no access rules until things are looked at anew; lists go
    /// on.
    fn deny_all(&mut self, error: &ApiError) {
        tracing::warn!(destination = self.config.name, %error, "access rules can't be changed");
        self.told = Some(error.to_string());
        self.denied.all = Some(error.to_string());
    }

    /// Removes some.
    pub(super) fn recall(&mut self, nets: &[IpNet]) -> Result<Next, ApiError> {
        for net in nets.iter().take(CLOUDFLARE_ACCESS_RULES_AT_ONCE) {
            let client = self.client()?;
            match delete_rules(&client, &mut self.rules, net) {
                Err(error) if error.kind == ErrorKind::Forbidden => {
                    self.deny_all(&error);
                    break;
                }
                done => done?,
            }
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
