//! Cache rules.

use super::super::plans::Level;
use super::{expression, reference_fault, yes};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who decides how long something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TtlMode {
    /// The origin's headers, else Cloudflare's default.
    RespectOrigin,
    /// The origin's headers, else it isn't kept.
    BypassByDefault,
    /// This rule, by `secs`.
    OverrideOrigin,
    /// It isn't kept (browsers only).
    Bypass,
}

/// How long something is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ttl {
    /// Who decides.
    pub mode: TtlMode,
    /// Seconds, with `override_origin`.
    #[serde(default)]
    pub secs: Option<u32>,
    /// Statuses that are kept for another time (at the edge only).
    #[serde(default)]
    pub by_status: Vec<StatusTtl>,
}

/// How long replies with some statuses are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatusTtl {
    /// The status, or the first of a range.
    pub from: u16,
    /// The last of a range.
    #[serde(default)]
    pub to: Option<u16>,
    /// Seconds; 0 for asking the origin each time, -1 for not keeping it.
    pub secs: i32,
}

/// A cache rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// The name by which it is found again.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// When it applies.
    pub expression: String,
    /// Whether it may be kept; `false` bypasses the cache.
    #[serde(default = "yes")]
    pub cache: bool,
    /// How long Cloudflare keeps it.
    #[serde(default)]
    pub edge_ttl: Option<Ttl>,
    /// How long browsers keep it.
    #[serde(default)]
    pub browser_ttl: Option<Ttl>,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub enabled: bool,
}

impl Ttl {
    /// A time that this rule decides.
    pub const fn of(secs: u32) -> Self {
        Self { mode: TtlMode::OverrideOrigin, secs: Some(secs), by_status: Vec::new() }
    }

    fn faults(&self, name: &str, least: u32, at_edge: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let overrides = self.mode == TtlMode::OverrideOrigin;
        if overrides != self.secs.is_some() {
            faults.push(format!("`{name}` has `secs` with the mode `override_origin`, only then"));
        }
        if let Some(secs) = self.secs.filter(|secs| *secs < least) {
            faults.push(format!(
                "`{name}` of {secs} s is shorter than the {least} s that the plan has"
            ));
        }
        if at_edge && self.mode == TtlMode::Bypass {
            faults.push(format!("`{name}` has no mode `bypass`\nhint: `cache = false`"));
        }
        if !at_edge && !self.by_status.is_empty() {
            faults.push(format!("`{name}` has no `by_status`"));
        }
        for known in &self.by_status {
            let to = known.to.unwrap_or(known.from);
            if !(100..1_000).contains(&known.from) || !(known.from..1_000).contains(&to) {
                faults.push(format!("`{name}` names no statuses: {} to {to}", known.from));
            }
        }
        faults
    }

    fn body(&self) -> Value {
        let mut body = json!({ "mode": self.mode });
        let Some(fields) = body.as_object_mut() else { return body };
        if let Some(secs) = self.secs {
            fields.insert("default".to_owned(), json!(secs));
        }
        let by_status: Vec<Value> = self
            .by_status
            .iter()
            .map(|known| match known.to {
                None => json!({ "status_code": known.from, "value": known.secs }),
                Some(to) => json!({
                    "status_code_range": { "from": known.from, "to": to }, "value": known.secs,
                }),
            })
            .collect();
        if !by_status.is_empty() {
            fields.insert("status_code_ttl".to_owned(), json!(by_status));
        }
        body
    }
}

impl CacheRule {
    /// What is wrong with it.
    pub fn faults(&self, level: Option<Level>) -> Vec<String> {
        let mut faults: Vec<String> = reference_fault(&self.reference).into_iter().collect();
        faults.extend(expression::faults(&self.expression, level));
        let least = level.map_or(0, |level| level.limits().edge_ttl_secs_min);
        if let Some(ttl) = &self.edge_ttl {
            faults.extend(ttl.faults("edge_ttl", least, true));
            if !self.cache {
                faults.push("what isn't kept has no `edge_ttl`".to_owned());
            }
        }
        if let Some(ttl) = &self.browser_ttl {
            faults.extend(ttl.faults("browser_ttl", 0, false));
        }
        faults
    }

    /// What is sent.
    pub fn body(&self) -> Value {
        let mut parameters = json!({ "cache": self.cache });
        if let Some(fields) = parameters.as_object_mut() {
            for (name, ttl) in [("edge_ttl", &self.edge_ttl), ("browser_ttl", &self.browser_ttl)] {
                if let Some(ttl) = ttl {
                    fields.insert(name.to_owned(), ttl.body());
                }
            }
        }
        json!({
            "ref": self.reference, "description": self.description,
            "expression": self.expression, "action": "set_cache_settings",
            "enabled": self.enabled, "action_parameters": parameters,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_as_the_plan_has_it() {
        let rule = |secs| CacheRule {
            edge_ttl: Some(Ttl::of(secs)),
            ..serde_json::from_value(json!({ "ref": "c", "expression": "true" })).unwrap()
        };
        assert_eq!(rule(7_200).faults(Some(Level::Free)).len(), 0);
        assert_eq!(rule(3_600).faults(Some(Level::Free)).len(), 1);
        assert_eq!(rule(3_600).faults(Some(Level::Pro)).len(), 0);
        assert_eq!(rule(1).faults(None).len(), 0);
        assert_eq!(
            rule(7_200).body()["action_parameters"],
            json!({ "cache": true, "edge_ttl": { "mode": "override_origin", "default": 7_200 } })
        );
    }

    #[test]
    fn modes_and_times_fit_together() {
        let rule: CacheRule = serde_json::from_value(json!({
            "ref": "c", "expression": "true", "cache": false,
            "edge_ttl": { "mode": "override_origin", "by_status": [{ "from": 99, "secs": 1 }] },
            "browser_ttl": { "mode": "bypass", "secs": 1, "by_status": [{ "from": 200, "secs": 1 }] },
        }))
        .unwrap();
        assert_eq!(rule.faults(None).len(), 5, "{:#?}", rule.faults(None));
    }
}
