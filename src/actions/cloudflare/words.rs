//! What is told of it: the calls that a dry run would make, and how it stands.

use super::measure::Measure;
use super::present::Present;
use super::{Cloudflare, mark, site};
use crate::actions::enforcer::Change;
use crate::actions::message::call_text;
use crate::clock::format_duration;
use crate::cloudflare::{BudgetFigures, lists};
use crate::decisions::Outcome;
use crate::limits::CLOUDFLARE_ITEM_CHANGES_IN_FIVE_MINUTES;

impl Cloudflare {
    /// The calls that a change would make.
    pub(super) fn rehearsed(&self, change: &Change) -> Outcome {
        let site = self.site.as_ref();
        let account = site.map(|site| site.account.clone()).or_else(|| self.config.account.clone());
        let account = account.unwrap_or_else(|| "ACCOUNT".to_owned());
        let list = |measure: Measure| {
            let there = site.and_then(|site| site.lists[measure].as_ref());
            let there = there.map(|list| list.id.clone());
            there.unwrap_or_else(|| format!("LIST:{}", measure.list(&self.config)))
        };
        let call = match change {
            Change::Enforce(decision) => {
                let measure = Measure::of(decision.remedy);
                let (Some(net), Some(measure)) = (decision.target.net(), measure) else {
                    return Outcome::Unchanged;
                };
                let comment = mark::write(&self.mark, decision.until, &decision.rule);
                lists::add(&account, &list(measure), &[site::item(&net.trunc(), comment)])
            }
            Change::Lift(target) => {
                lists::remove(&account, &list(Measure::Block), [format!("ID:{target}").as_str()])
            }
        };
        Outcome::DryRun(call_text(&call.to_string()))
    }

    /// How it stands, for status.
    pub(super) fn figures(&self) -> String {
        let Some(client) = &self.client else { return String::new() };
        let BudgetFigures { left, items_left, stopped_for, .. } = client.budget();
        let challenged = self.present.as_ref().map_or(0, Present::challenged);
        let blocked = self.entries().saturating_sub(u64::try_from(challenged).unwrap_or(0));
        let mut parts = vec![format!("{blocked} blocked")];
        if challenged > 0 {
            parts.push(format!("{challenged} challenged"));
        }
        if !self.unfit.is_empty() {
            parts.push(format!("{} without room", self.unfit.len()));
        }
        parts.push(format!("{left} calls may be made at once"));
        if items_left < CLOUDFLARE_ITEM_CHANGES_IN_FIVE_MINUTES {
            parts.push(format!("{items_left} changes of items left"));
        }
        if let Some(incident) = self.status_page.incident() {
            parts.push(format!("Cloudflare tells of an incident: {incident}"));
        }
        if let Some(left) = stopped_for {
            parts.push(format!("nothing is sent for {}", format_duration(left)));
        }
        parts.join(", ")
    }
}
