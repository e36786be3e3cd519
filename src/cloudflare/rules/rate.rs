//! Rate limits.

use super::super::plans::{Level, RATE_SECS};
use super::{expression, not_on, reference_fault, yes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a rate limit does beyond its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RateAction {
    /// Refuse.
    Block,
    /// Cloudflare chooses a challenge.
    ManagedChallenge,
    /// A challenge without a person's help.
    JsChallenge,
    /// A challenge that a person answers.
    Challenge,
    /// Only note it (Enterprise).
    Log,
}

/// A rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// The name by which it is found again.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Which requests it is about.
    pub expression: String,
    /// What it does.
    pub action: RateAction,
    /// So many requests are let through in a period.
    pub requests: u32,
    /// The period, in seconds.
    pub period_secs: u32,
    /// For how long it acts beyond the limit, in seconds. 0 with a challenge; 0 with `block` lets
    /// through what is below the limit (Enterprise).
    #[serde(default)]
    pub timeout_secs: u32,
    /// What is counted apart; an address by default. The data centre (`cf.colo.id`) always is.
    #[serde(default = "by_address")]
    pub by: Vec<String>,
    /// What is counted, where that isn't what is limited.
    #[serde(default)]
    pub counting_expression: Option<String>,
    /// Count only what isn't answered from the cache.
    #[serde(default)]
    pub requests_to_origin: bool,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Counted apart always, since Cloudflare counts in each data centre by itself.
const COLO: &str = "cf.colo.id";

/// Clients behind one address counted apart.
const VISITOR: &str = "cf.unique_visitor_id";

fn by_address() -> Vec<String> {
    vec!["ip.src".to_owned()]
}

impl RateLimit {
    /// What is wrong with it.
    pub fn faults(&self, level: Option<Level>) -> Vec<String> {
        let mut faults: Vec<String> = reference_fault(&self.reference).into_iter().collect();
        faults.extend(expression::faults(&self.expression, level));
        if let Some(counting) = &self.counting_expression {
            faults.extend(expression::faults(counting, level));
            faults.extend(not_on(level, |level| level > Level::Free, "counting expression"));
        }
        if self.requests == 0 {
            faults.push("`requests` can't be 0".to_owned());
        }
        if self.action == RateAction::Log {
            faults.extend(not_on(level, |level| level.limits().log, "action `log`"));
        }
        let most = level.map_or(u32::MAX, |level| level.limits().period_secs_max);
        faults.extend(length_fault("period_secs", self.period_secs, most, level));
        faults.extend(self.timeout_fault(level));
        faults.extend(self.by_fault(level));
        faults
    }

    fn timeout_fault(&self, level: Option<Level>) -> Option<String> {
        let most = level.map_or(u32::MAX, |level| level.limits().timeout_secs_max);
        match (self.action, self.timeout_secs) {
            (RateAction::Block | RateAction::Log, 0) => {
                not_on(level, |level| level == Level::Enterprise, "`timeout_secs` of 0 here")
            }
            (RateAction::Block | RateAction::Log, secs) => {
                length_fault("timeout_secs", secs, most, level)
            }
            (_, 0) => None,
            _ => Some(
                "a challenge has no `timeout_secs`: who passes it is let through\nhint: leave it out"
                    .to_owned(),
            ),
        }
    }

    fn by_fault(&self, level: Option<Level>) -> Option<String> {
        if self.by.iter().all(|name| name == COLO) {
            return Some("`by` names nothing to count by\nhint: `[\"ip.src\"]`".to_owned());
        }
        let other = self.by.iter().find(|name| !matches!(name.as_str(), "ip.src" | COLO))?;
        let least = if other == VISITOR { Level::Business } else { Level::Enterprise };
        let what = format!("counting by `{}`", other.escape_debug());
        not_on(level, |level| level >= least, &what)
    }

    /// What is sent.
    pub fn body(&self) -> Value {
        let mut by = vec![COLO];
        by.extend(self.by.iter().map(String::as_str).filter(|name| *name != COLO));
        let mut limit = json!({
            "characteristics": by, "period": self.period_secs,
            "requests_per_period": self.requests, "mitigation_timeout": self.timeout_secs,
        });
        if let Some(fields) = limit.as_object_mut() {
            if let Some(counting) = &self.counting_expression {
                fields.insert("counting_expression".to_owned(), json!(counting));
            }
            if self.requests_to_origin {
                fields.insert("requests_to_origin".to_owned(), json!(true));
            }
        }
        json!({
            "ref": self.reference, "description": self.description,
            "expression": self.expression, "action": self.action, "enabled": self.enabled,
            "ratelimit": limit,
        })
    }
}

fn length_fault(name: &str, secs: u32, most: u32, level: Option<Level>) -> Option<String> {
    if RATE_SECS.contains(&secs) && secs <= most {
        return None;
    }
    let legal: Vec<String> =
        RATE_SECS.iter().filter(|secs| **secs <= most).map(u32::to_string).collect();
    let of = level.map_or_else(String::new, |level| format!(" on the plan `{}`", level.name()));
    Some(format!("`{name}` can't be {secs}{of}\nhint: one of {}", legal.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit() -> RateLimit {
        serde_json::from_value(json!({
            "ref": "login", "expression": "http.request.uri.path eq \"/login\"",
            "action": "block", "requests": 10, "period_secs": 10, "timeout_secs": 10,
        }))
        .unwrap()
    }

    #[test]
    fn the_data_centre_is_always_counted_apart() {
        let body = limit().body();
        assert_eq!(body["ratelimit"]["characteristics"], json!(["cf.colo.id", "ip.src"]));
        let named = RateLimit { by: vec!["ip.src".into(), COLO.into()], ..limit() };
        assert_eq!(named.body(), body);
    }

    #[test]
    fn each_plan_has_its_lengths() {
        let longer = RateLimit { period_secs: 60, timeout_secs: 3_600, ..limit() };
        let longest = RateLimit { period_secs: 600, timeout_secs: 86_400, ..limit() };
        let odd = RateLimit { period_secs: 11, ..limit() };
        for (level, counts) in [
            (Some(Level::Free), [0, 2, 2, 1]),
            (Some(Level::Pro), [0, 0, 2, 1]),
            (Some(Level::Business), [0, 0, 0, 1]),
            (Some(Level::Enterprise), [0, 0, 0, 1]),
            (None, [0, 0, 0, 1]),
        ] {
            let found = [&limit(), &longer, &longest, &odd].map(|limit| limit.faults(level).len());
            assert_eq!(found, counts, "{level:?}");
        }
    }

    #[test]
    fn what_is_counted_depends_on_the_plan() {
        let by = |name: &str| RateLimit { by: vec![name.to_owned()], ..limit() };
        assert_eq!(by(VISITOR).faults(Some(Level::Pro)).len(), 1);
        assert_eq!(by(VISITOR).faults(Some(Level::Business)).len(), 0);
        assert_eq!(by("http.host").faults(Some(Level::Business)).len(), 1);
        assert_eq!(by("http.host").faults(Some(Level::Enterprise)).len(), 0);
        assert_eq!(by(COLO).faults(None).len(), 1);
        let challenge = RateLimit { action: RateAction::Challenge, ..limit() };
        assert_eq!(challenge.faults(None).len(), 1);
        let throttle = RateLimit { timeout_secs: 0, ..limit() };
        assert_eq!(throttle.faults(Some(Level::Business)).len(), 1);
    }
}
