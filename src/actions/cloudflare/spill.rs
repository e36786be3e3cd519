//! Access rules, where the lists have no room or can't be had: one call each, a few at a time. With
//! several scopes (zones) a network is in force only when the rule stands in each of them.

use super::Cloudflare;
use super::measure::Measure;
use super::plan::{access_target, text};
use super::present::{InScopes, Made};
use super::steps::Next;
use crate::cloudflare::access_rules::{self, AccessRule, Scope};
use crate::cloudflare::{Answer, ApiError, Client, ErrorKind, Priority};
use crate::limits::CLOUDFLARE_ACCESS_RULES_AT_ONCE;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Networks that can't have an access rule in every scope.
    pub(super) fn closed(&self) -> BTreeSet<IpNet> {
        let foreign = self.foreign_rules.iter().map(|(net, _)| *net);
        foreign.chain(self.denied.nets.keys().copied()).collect()
    }

    /// Makes some.
    pub(super) fn spill(&mut self, all: &[(Measure, IpNet)]) -> Result<Next, ApiError> {
        let doubtful = self.foreign_rules.len();
        let made = self.make_rules(all);
        if self.foreign_rules.len() > doubtful {
            // Somebody else's, or ours whose reply was lost: reading back tells.
            self.present = None;
        }
        self.gauge();
        made.map(|()| Next::After(Duration::ZERO))
    }

    fn make_rules(&mut self, all: &[(Measure, IpNet)]) -> Result<(), ApiError> {
        let scopes = self.site()?.scopes;
        for (measure, net) in all.iter().take(CLOUDFLARE_ACCESS_RULES_AT_ONCE) {
            if self.still_allowed(*measure, &[*net]).is_empty() {
                continue;
            }
            for scope in &scopes {
                match self.make_rule(*measure, net, scope) {
                    Ok(()) => {}
                    Err(error) if error.kind == ErrorKind::Duplicate => {
                        self.foreign_rules.insert((*net, scope.clone()));
                    }
                    Err(error)
                        if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotOnThisPlan) =>
                    {
                        tracing::warn!(network = %net, %scope, %error, "Cloudflare does not take a network into an access rule");
                        self.denied.nets.insert(*net, error.to_string());
                    }
                    Err(error) if error.kind == ErrorKind::Forbidden => {
                        self.deny_all(&error);
                        return Ok(());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Makes one in one scope, or puts right the one of ours that stands there.
    fn make_rule(&mut self, measure: Measure, net: &IpNet, scope: &Scope) -> Result<(), ApiError> {
        let Some(target) = access_target(net) else { return Ok(()) };
        let (notes, _) = self.note_of(measure, net);
        let there = self.present.as_ref().and_then(|present| present.rules.get(net)?.get(scope));
        let call = match there {
            Some(made) if made.measure == Some(measure) => return Ok(()),
            Some(made) => access_rules::change(scope, &made.id, measure.action(), &notes),
            None => access_rules::make(scope, measure.action(), (target, &text(net)), &notes),
        };
        let made = self.client()?.send(&call.priority(Priority::Urgent));
        let rule: AccessRule = made.and_then(Answer::read)?;
        if let Some(present) = &mut self.present {
            let made = Made { id: rule.id, measure: Some(measure) };
            present.rules.entry(*net).or_default().insert(scope.clone(), made);
        }
        Ok(())
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
            let Some(rules) = self.present.as_mut().and_then(|held| held.rules.get_mut(net)) else {
                continue;
            };
            match delete_rules(&client, rules) {
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

/// Removes the access rules of a network in all their scopes.
pub(super) fn delete_rules(client: &Client, rules: &mut InScopes) -> Result<(), ApiError> {
    while let Some((scope, made)) = rules.first_key_value() {
        let call = access_rules::delete(scope, &made.id).priority(Priority::Urgent);
        delete(client, &call)?;
        rules.pop_first();
    }
    Ok(())
}

/// Removes something; that it is gone already is as well.
pub(super) fn delete(client: &Client, call: &crate::cloudflare::Call) -> Result<(), ApiError> {
    match client.send(call) {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
