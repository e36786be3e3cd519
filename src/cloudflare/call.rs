//! A request to Cloudflare as a value: it can be shown before it is sent, or instead.

use crate::http_client::Method;
pub(super) use crate::http_client::encoded;
use crate::limits::CLOUDFLARE_LARGE_CALL_BYTES;
use serde_json::Value;
use std::fmt;

/// A part of the API. Error codes mean something only together with it: the same number stands for
/// different things in different areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Area {
    /// API tokens.
    Tokens,
    /// Accounts.
    Accounts,
    /// Zones.
    Zones,
    /// DNS records.
    Dns,
    /// Lists of addresses and their items.
    Lists,
    /// Rulesets: custom rules and the like.
    Rulesets,
    /// Rulesets of cache rules, which have a permission of their own.
    CacheRules,
    /// Zone settings.
    Settings,
    /// Bot management.
    Bots,
    /// User agent rules.
    AgentRules,
    /// Zone lockdowns.
    Lockdowns,
    /// Pools of origins and their monitors.
    Pools,
    /// Load balancers.
    Balancers,
    /// Subscriptions and what they cost.
    Billing,
    /// IP access rules.
    AccessRules,
    /// Cache purge.
    Purge,
    /// Cloudflare's own address ranges.
    Ranges,
    /// Members of an account and their roles.
    Members,
    /// Who changed what.
    Audit,
    /// Figures and events, by GraphQL.
    Analytics,
    /// Jobs that push logs somewhere.
    Logpush,
    /// Notifications: where they go, and of what.
    Alerts,
    /// Workers: programs at Cloudflare, their routes and secrets.
    Workers,
    /// Keys and values that Workers read.
    KeyValue,
}

impl Area {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Tokens,
        Self::Accounts,
        Self::Zones,
        Self::Dns,
        Self::Lists,
        Self::Rulesets,
        Self::CacheRules,
        Self::Settings,
        Self::Bots,
        Self::AgentRules,
        Self::Lockdowns,
        Self::Pools,
        Self::Balancers,
        Self::Billing,
        Self::AccessRules,
        Self::Purge,
        Self::Ranges,
        Self::Members,
        Self::Audit,
        Self::Analytics,
        Self::Logpush,
        Self::Alerts,
        Self::Workers,
        Self::KeyValue,
    ];

    /// Its name, in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Accounts => "accounts",
            Self::Zones => "zones",
            Self::Dns => "dns",
            Self::Lists => "lists",
            Self::Rulesets => "rulesets",
            Self::CacheRules => "cache rules",
            Self::Settings => "zone settings",
            Self::Bots => "bot management",
            Self::AgentRules => "user agent rules",
            Self::Lockdowns => "lockdowns",
            Self::Pools => "load balancing",
            Self::Balancers => "load balancers",
            Self::Billing => "billing",
            Self::AccessRules => "access rules",
            Self::Purge => "purge",
            Self::Ranges => "ips",
            Self::Members => "members",
            Self::Audit => "audit log",
            Self::Analytics => "analytics",
            Self::Logpush => "logpush",
            Self::Alerts => "notifications",
            Self::Workers => "workers",
            Self::KeyValue => "kv",
        }
    }

    /// The permission that a token needs here, as the API names it (the dashboard says "Edit" for
    /// "Write"); `None` where any token will do.
    pub const fn permission(self, writes: bool, of_account: bool) -> Option<&'static str> {
        Some(match (self, writes, of_account) {
            (Self::Accounts, _, _) | (Self::Members | Self::Audit, false, _) => {
                "Account Settings Read"
            }
            (Self::Zones, false, _) => "Zone Read",
            (Self::Zones, true, _) => "Zone Write",
            (Self::Dns, false, _) => "DNS Read",
            (Self::Dns, true, _) => "DNS Write",
            (Self::Lists, false, _) => "Account Filter Lists Read",
            (Self::Lists, true, _) => "Account Filter Lists Edit",
            (Self::Rulesets, false, false) => "Zone WAF Read",
            (Self::Rulesets, true, false) => "Zone WAF Write",
            (Self::Rulesets, false, true) => "Account WAF Read",
            (Self::Rulesets, true, true) => "Account WAF Write",
            (Self::CacheRules, false, _) => "Cache Settings Read",
            (Self::CacheRules, true, _) => "Cache Settings Write",
            (Self::Settings, false, _) => "Zone Settings Read",
            (Self::Settings, true, _) => "Zone Settings Write",
            (Self::Bots, false, _) => "Bot Management Read",
            (Self::Bots, true, _) => "Bot Management Write",
            (Self::Pools, false, _) => "Load Balancing: Monitors and Pools Read",
            (Self::Pools, true, _) => "Load Balancing: Monitors and Pools Write",
            (Self::Balancers, false, _) => "Load Balancers Read",
            (Self::Balancers, true, _) => "Load Balancers Write",
            (Self::Billing, false, _) => "Billing Read",
            (Self::Billing, true, _) => "Billing Write",
            (Self::AccessRules, false, true) => "Account Firewall Access Rules Read",
            (Self::AccessRules, true, true) => "Account Firewall Access Rules Write",
            (Self::AccessRules | Self::AgentRules | Self::Lockdowns, false, _) => {
                "Firewall Services Read"
            }
            (Self::AccessRules | Self::AgentRules | Self::Lockdowns, true, _) => {
                "Firewall Services Write"
            }
            (Self::Purge, _, _) => "Cache Purge",
            (Self::Tokens, false, false) => "API Tokens Read",
            (Self::Tokens, true, false) => "API Tokens Write",
            (Self::Tokens, false, true) => "Account API Tokens Read",
            (Self::Tokens, true, true) => "Account API Tokens Write",
            (Self::Members | Self::Audit, true, _) => "Account Settings Write",
            (Self::Analytics, _, _) => "Analytics Read",
            (Self::Logpush, false, _) => "Logs Read",
            (Self::Logpush, true, _) => "Logs Write",
            (Self::Alerts, false, _) => "Notifications Read",
            (Self::Alerts, true, _) => "Notifications Write",
            (Self::Workers, false, true) => "Workers Scripts Read",
            (Self::Workers, true, true) => "Workers Scripts Write",
            (Self::Workers, false, false) => "Workers Routes Read",
            (Self::Workers, true, false) => "Workers Routes Write",
            (Self::KeyValue, false, _) => "Workers KV Storage Read",
            (Self::KeyValue, true, _) => "Workers KV Storage Write",
            (Self::Ranges, _, _) => return None,
        })
    }
}

/// Who goes first when calls are short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Somebody is attacked, or somebody is to be let in.
    Urgent,
    /// What a person or a rule asked for.
    Ordinary,
    /// Looking after things: it can wait.
    Housekeeping,
}

/// What a call uses up beside the calls themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Nothing.
    General,
    /// So many changes of list items.
    Items(usize),
    /// A cache purge.
    Purge,
}

/// How a reply is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// In Cloudflare's envelope.
    #[default]
    Envelope,
    /// The reply itself is what was asked for; refusals are in the envelope.
    Raw,
    /// As GraphQL answers: `data` and `errors`, with HTTP 200 either way.
    GraphQl,
}

/// A body that is no JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct RawBody {
    /// Its content type.
    pub content_type: String,
    /// What is sent.
    pub bytes: Vec<u8>,
}

/// Its size alone: it may be large, and may hold secrets.
impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes of {}]", self.bytes.len(), self.content_type)
    }
}

/// A request, as it would be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What it belongs to.
    pub area: Area,
    /// The method.
    pub method: Method,
    /// The path below the API's base, with its query.
    pub path: String,
    /// The body.
    pub body: Option<Value>,
    /// A body that is no JSON; then `body` is not sent.
    pub raw: Option<RawBody>,
    /// How the reply is to be read.
    pub form: Form,
    /// Request or reply holds a secret: neither body is ever shown.
    pub hidden: bool,
    /// Who goes first.
    pub priority: Priority,
    /// What it uses up.
    pub lane: Lane,
}

impl Call {
    /// A call without a query.
    pub fn new(area: Area, method: Method, path: impl Into<String>) -> Self {
        let priority = Priority::Ordinary;
        Self {
            area,
            method,
            path: path.into(),
            body: None,
            raw: None,
            form: Form::Envelope,
            hidden: false,
            priority,
            lane: Lane::General,
        }
    }

    /// A reading call.
    pub fn get(area: Area, path: impl Into<String>) -> Self {
        Self::new(area, Method::GET, path)
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// With a body that is no JSON.
    #[must_use]
    pub fn raw(mut self, content_type: impl Into<String>, bytes: Vec<u8>) -> Self {
        self.raw = Some(RawBody { content_type: content_type.into(), bytes });
        self
    }

    /// With another way of reading the reply.
    #[must_use]
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// Never shown: the request or its reply holds a secret.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// With a query's parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(name);
        self.path.push('=');
        self.path.push_str(&encoded(value));
        self
    }

    /// With a priority.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// With what it uses up.
    #[must_use]
    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Whether it changes anything; GraphQL asks by POST.
    pub fn writes(&self) -> bool {
        self.method != Method::GET && self.form != Form::GraphQl
    }

    /// Whether more bytes may go with it than with others, and so more time: a reply that is the
    /// thing itself, or a long body.
    pub(super) fn is_large(&self, body: usize) -> bool {
        self.form == Form::Raw || body > CLOUDFLARE_LARGE_CALL_BYTES
    }

    /// The permission that a token needs for it; `None` where any token will do.
    pub fn permission(&self) -> Option<&'static str> {
        // Any token may ask about itself.
        if self.area == Area::Tokens && self.path.ends_with("/tokens/verify") {
            return None;
        }
        self.area.permission(self.writes(), self.path.starts_with("/accounts/"))
    }
}

/// Method, path and body, as a dry run shows them.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match (&self.body, &self.raw) {
            (None, None) => Ok(()),
            _ if self.hidden => f.write_str("\n[a body with a secret]"),
            (_, Some(raw)) => write!(f, "\n{raw:?}"),
            (Some(body), None) => write!(f, "\n{body}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_can_not_leave_their_place() {
        let call = Call::get(Area::Zones, "/zones").query("name", "a&b=c/../d").query("page", "1");
        assert_eq!(call.path, "/zones?name=a%26b%3Dc%2F..%2Fd&page=1");
    }

    #[test]
    fn a_call_names_its_permission() {
        let call =
            Call::new(Area::AccessRules, Method::POST, "/zones/z/firewall/access_rules/rules");
        assert_eq!(call.permission(), Some("Firewall Services Write"));
        let call = Call::get(Area::AccessRules, "/accounts/a/firewall/access_rules/rules");
        assert_eq!(call.permission(), Some("Account Firewall Access Rules Read"));
        assert_eq!(Call::get(Area::Ranges, "/ips").permission(), None);
        for path in ["/user/tokens/verify", "/accounts/a/tokens/verify"] {
            assert_eq!(Call::get(Area::Tokens, path).permission(), None, "any token may ask");
        }
        assert_eq!(Call::get(Area::Tokens, "/user/tokens").permission(), Some("API Tokens Read"));
    }
}
