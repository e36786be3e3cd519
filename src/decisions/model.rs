//! The words of a response as types. Plain data; serialised to the journal and to JSON. What rules
//! ask for is in `ask`.

use crate::clock::Timestamp;
use crate::event::{Event, net};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use super::ask::{Ask, DurationAsk, Effect};

/// A rule's name (`ssh-guessing-fast`), unique in a rule set.
pub type RuleName = Arc<str>;

/// What becomes of a rule's hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Actions are carried out.
    #[default]
    Enforce,
    /// Hits are journaled with what would have been done; nothing is done.
    Shadow,
    /// The rule is not evaluated.
    Off,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub u128);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                u128::from_str_radix(&text, 16)
                    .map(Self)
                    .map_err(|_| format!("`{text}` is not an id of 32 hex digits"))
            }
        }
    };
}

id_type! {
    /// Names a hit for ever: made from rule, key and the place of the event, so that reading the
    /// same log again gives the same id.
    HitId
}
id_type! {
    /// Names a decision: made from its hit and its place among the hit's asks.
    DecisionId
}
id_type! {
    /// Names an action, and is its idempotency key at the destination.
    ActionId
}

/// Whom a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// An address or a prefix. A single IPv6 client is its /64.
    Net(IpNet),
    /// An autonomous system.
    Asn(u32),
    /// A country, ISO 3166-1 alpha-2.
    Country(String),
    /// A user's name.
    User(String),
    /// A host name.
    Host(String),
}

impl Target {
    /// The target for one client: its address, or its /64 for IPv6.
    pub fn client(address: IpAddr) -> Self {
        Self::Net(net::client_net(address))
    }

    /// Reads a target as people write it: `203.0.113.9`, `2001:db8::/48`, `AS64500`,
    /// `country:NL`, `user:bob`, `host:www.example.com`. A single IPv6 address stays one address;
    /// use [`Target::client`] where a client is meant.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(net) = net::parse_net(text) {
            return Some(Self::Net(net));
        }
        if let Some(number) = text.strip_prefix("AS").or_else(|| text.strip_prefix("as")) {
            return number.parse().ok().map(Self::Asn);
        }
        let (kind, name) = text.split_once(':')?;
        if name.is_empty() {
            return None;
        }
        match kind {
            "country" => Some(Self::Country(name.to_ascii_uppercase())),
            "user" => Some(Self::User(name.to_owned())),
            "host" => Some(Self::Host(name.to_ascii_lowercase())),
            _ => None,
        }
    }

    /// The network, where the target is one.
    pub fn net(&self) -> Option<IpNet> {
        match self {
            Self::Net(net) => Some(*net),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) => f.write_str(&net::display_net(net)),
            Self::Asn(number) => write!(f, "AS{number}"),
            Self::Country(code) => write!(f, "country:{code}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Host(name) => write!(f, "host:{name}"),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| {
            format!("`{text}` is no target\nhint: write an address, a prefix, `AS64500`, `country:NL`, `user:NAME` or `host:NAME`")
        })
    }
}

/// What is done to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remedy {
    /// Refuse it.
    Block,
    /// Make its browser prove itself.
    Challenge,
    /// Ask a person to prove themselves.
    Captcha,
    /// Slow it down.
    Throttle,
    /// Let it through, whatever else says otherwise.
    Allow,
}

impl Remedy {
    /// The remedy's name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Challenge => "challenge",
            Self::Captcha => "captcha",
            Self::Throttle => "throttle",
            Self::Allow => "allow",
        }
    }
}

/// How a client reached this machine; decides where a block has an effect.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Straight: the kernel sees the client's own address.
    Direct,
    /// Through a proxy: the kernel sees only the proxy.
    Proxied,
    /// The log does not tell.
    #[default]
    Unknown,
}

/// One of the events that made a hit, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When it happened.
    pub time: Timestamp,
    /// The source it came from.
    pub source: Arc<str>,
    /// Where the record begins in its stream.
    pub offset: u64,
    /// Its line number, 0 where lines are not counted.
    pub line: u64,
    /// The record, at most `limits::EVIDENCE_RECORD_BYTES_MAX` bytes, invalid UTF-8 replaced.
    pub record: String,
}

/// A rule's firing: the key, the count, and the events that made it.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its name for ever.
    pub id: HitId,
    /// The rule that fired.
    pub rule: RuleName,
    /// The key it fired for, as text (`203.0.113.9`, `2001:db8:1:2::/64`, `bob|www.example.com`).
    pub key: Arc<str>,
    /// The address in the key, where it holds one; of an IPv6 client the one last seen.
    pub ip: Option<IpAddr>,
    /// How many (or how much) the window saw.
    pub count: u64,
    /// The time of the first event in the window.
    pub first: Timestamp,
    /// The time of the last.
    pub last: Timestamp,
    /// The time of the firing (event time).
    pub time: Timestamp,
    /// The event that made it fire; for `absent`, the last one seen.
    pub event: Arc<Event>,
    /// The latest events of this rule and key, oldest first, bounded.
    pub events: Vec<Arc<Event>>,
    /// How the client came here.
    pub route: Route,
}

/// A target's treatment, for how long, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its name.
    pub id: DecisionId,
    /// The hit that led to it; `None` where a person made it.
    pub hit: Option<HitId>,
    /// The rule, or `manual`, `import`, `feed`.
    pub rule: RuleName,
    /// Whom it is about.
    pub target: Target,
    /// What is done.
    pub remedy: Remedy,
    /// Since when (event time).
    pub from: Timestamp,
    /// Until when (event time); `None` for ever.
    pub until: Option<Timestamp>,
    /// Why, for people.
    pub reason: String,
    /// The enforcer that the rule chose with `via`; `None` lets the route decide.
    pub via: Option<Arc<str>>,
    /// How the client came here.
    pub route: Route,
}

impl Decision {
    /// How long it stands; `None` for ever.
    pub fn duration(&self) -> Option<Duration> {
        self.until.map(|until| until.since(self.from))
    }

    /// Whether it still stands at `now`.
    pub fn stands_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

/// Something to be carried out; a row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Put a decision in force at every enforcer that its route and `via` allow.
    Enforce {
        /// The decision.
        decision: Decision,
    },
    /// End what is in force for a target.
    Lift {
        /// Whom.
        target: Target,
        /// Why.
        reason: String,
    },
    /// Carry out an effect.
    Perform {
        /// The rule that asked.
        rule: RuleName,
        /// The key it fired for.
        key: String,
        /// The time of the hit.
        time: Timestamp,
        /// What.
        #[serde(flatten)]
        effect: Effect,
    },
}

/// What the guard says of an action. Journaled with it; only `Pass` goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "reason")]
pub enum Verdict {
    /// It may be carried out.
    Pass,
    /// It never may; the text says why (`allowlist entry 198.51.100.0/24`).
    Refused(String),
    /// The rule is in shadow (by mode, first days, panic): journaled, not done.
    Shadow(String),
    /// It waits: the ceiling of blocks a minute is reached, or the DNS is asked whether the client is a
    /// crawler.
    Queued,
    /// It was over before it was found (catch-up).
    AlreadyOver,
    /// The same or a longer decision is in force.
    AlreadyInForce,
}

impl Verdict {
    /// The verdict in a few words, as replay prints it (`pass`, or why not).
    pub fn words(&self) -> String {
        match self {
            Self::Pass => "pass".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Shadow(why) => format!("shadow: {why}"),
            Self::Queued => "queued: it waits its turn".to_owned(),
            Self::AlreadyOver => "already over".to_owned(),
            Self::AlreadyInForce => "already in force".to_owned(),
        }
    }
}

/// How an action ended, at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// The outside was already as wanted.
    Unchanged,
    /// Done and confirmed.
    Applied,
    /// Accepted by the destination, which will do it.
    Pending,
    /// It may have happened; the text says what could not be confirmed.
    Unconfirmed(String),
    /// It did not happen; the text says why.
    Failed(String),
    /// Dry run: nothing was sent; the text is the exact call that would have been.
    DryRun(String),
}
