//! What a riposte that is gone for good has left, a day after its end: items of the lists and access
//! rules. Removed when there is nothing else to do.

use super::Cloudflare;
use super::measure::Measure;
use super::running::Change;
use super::spill::delete;
use super::steps::Next;
use crate::cloudflare::{ApiError, ErrorKind, Priority, access_rules, lists};
use crate::limits::CLOUDFLARE_ACCESS_RULES_AT_ONCE;
use std::time::Duration;

impl Cloudflare {
    /// Whether there are any.
    pub(super) fn has_leftovers(&self) -> bool {
        self.present.as_ref().is_some_and(|present| {
            let listed = |measure: &Measure| !present.lists[*measure].orphans.is_empty();
            Measure::ALL.iter().any(listed) || !present.orphan_rules.is_empty()
        })
    }

    /// Removes some.
    pub(super) fn remove_leftovers(&mut self) -> Result<Next, ApiError> {
        let (site, client, most) = (self.site()?, self.client()?, self.removal.size());
        if self.status_page.incident().is_some() {
            return Ok(Next::Done);
        }
        let Some(present) = &mut self.present else { return Ok(Next::Done) };
        for measure in Measure::ALL {
            let ids: Vec<String> =
                present.lists[measure].orphans.iter().take(most).cloned().collect();
            let Some(list) = site.lists[measure].as_ref().filter(|_| !ids.is_empty()) else {
                continue;
            };
            let call = lists::remove(&site.account, &list.id, ids.iter().map(String::as_str));
            let call = call.priority(Priority::Housekeeping);
            return self.start_removal(&call, measure, Change::Orphans(ids));
        }
        if present.orphan_rules.is_empty() {
            return Ok(Next::Done);
        }
        for _ in 0..CLOUDFLARE_ACCESS_RULES_AT_ONCE {
            let Some((scope, id)) = present.orphan_rules.last() else { break };
            let call = access_rules::delete(scope, id).priority(Priority::Housekeeping);
            match delete(&client, &call) {
                Ok(()) => drop(present.orphan_rules.pop()),
                Err(error) if error.kind == ErrorKind::Forbidden => {
                    tracing::debug!(%error, "access rules of a riposte that is gone stay");
                    present.orphan_rules.clear();
                }
                Err(error) => return Err(error),
            }
        }
        // What they stood in the way of may have its own now.
        self.foreign_rules.clear();
        Ok(Next::After(Duration::ZERO))
    }
}
