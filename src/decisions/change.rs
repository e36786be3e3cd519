//! Temporary changes at Cloudflare as values: what a rule or a person asks for, and the row of the
//! ledger that knows what was there before. Pure; `actions::changes` carries them out, `store`
//! keeps the rows.

use super::cloudflare_task::CloudflareTask;
use super::model::{ActionId, RuleName};
use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;

/// What is asked of Cloudflare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudflareAsk {
    /// The zone's name; empty where `what` needs none.
    pub zone: String,
    /// The `[[actions.cloudflare]]` that the rule chose; `None` takes the one that has the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// What.
    pub what: CloudflareWhat,
}

/// What is to happen there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum CloudflareWhat {
    /// Change something for a while; what was there before comes back.
    Change {
        /// What is changed.
        kind: ChangeKind,
        /// Which of that kind (`security_level`).
        name: String,
        /// What it is to be.
        value: Json,
        /// For how long, in seconds from the time of the hit.
        seconds: u64,
    },
    /// Do something once, without a way back.
    Once {
        /// What.
        task: CloudflareTask,
    },
    /// End changes before their time: that of this number, or all of them.
    End {
        /// Its number, as `riposte cf changes` shows it.
        number: Option<u64>,
        /// Why, for people.
        why: String,
    },
}

impl CloudflareAsk {
    /// What is changed, where something is.
    pub fn place(&self) -> Option<ChangePlace> {
        match &self.what {
            CloudflareWhat::Change { kind, name, .. } => {
                Some(ChangePlace { zone: self.zone.clone(), kind: *kind, name: name.clone() })
            }
            CloudflareWhat::Once { .. } | CloudflareWhat::End { .. } => None,
        }
    }

    /// In words for people.
    pub fn words(&self) -> String {
        match &self.what {
            CloudflareWhat::Change { kind, name, value, seconds } => {
                let place =
                    ChangePlace { zone: self.zone.clone(), kind: *kind, name: name.clone() };
                let lasts = crate::clock::format_duration(std::time::Duration::from_secs(*seconds));
                format!("set {place} to {} for {lasts}", value_words(value))
            }
            CloudflareWhat::Once { task } => task.words(),
            CloudflareWhat::End { number: Some(number), why } => {
                format!("end change {number} at Cloudflare: {why}")
            }
            CloudflareWhat::End { number: None, why } => {
                format!("end all changes at Cloudflare: {why}")
            }
        }
    }
}

/// Whether a text may be the name of a zone.
pub fn is_zone(text: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let labels = || text.split('.');
    text.len() <= 253
        && text.bytes().all(right)
        && labels().count() > 1
        && labels().all(|label| !label.is_empty())
}

/// A value in words: texts without their quotes, what isn't there as `nothing`.
pub fn value_words(value: &Json) -> String {
    match value {
        Json::String(text) => format!("`{text}`"),
        Json::Null => "nothing".to_owned(),
        other => format!("`{other}`"),
    }
}

/// A kind of thing that can be changed for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A zone's setting, by its id.
    Setting,
    /// A switch of bot management, by its name.
    Bots,
    /// A rate limit that riposte makes, by the name that the rule gave.
    RateLimit,
    /// A rate limit of others that is made stricter, by its reference.
    Tightened,
    /// A custom rule that riposte makes.
    WafRule,
    /// A cache rule that riposte makes.
    CacheTtl,
    /// A managed ruleset of which something is overridden, by its name.
    Managed,
    /// Where a name leads: its A, AAAA and CNAME records.
    Records,
    /// Which Worker answers requests of a pattern.
    WorkerRoute,
    /// A load balancer's pool (`pool`), or an origin in one (`pool/origin`).
    Pool,
}

impl ChangeKind {
    /// Its name, as in JSON and in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Bots => "bots",
            Self::RateLimit => "rate_limit",
            Self::Tightened => "tightened",
            Self::WafRule => "waf_rule",
            Self::CacheTtl => "cache_ttl",
            Self::Managed => "managed",
            Self::Records => "records",
            Self::WorkerRoute => "worker_route",
            Self::Pool => "pool",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Setting,
            Self::Bots,
            Self::RateLimit,
            Self::Tightened,
            Self::WafRule,
            Self::CacheTtl,
            Self::Managed,
            Self::Records,
            Self::WorkerRoute,
            Self::Pool,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something at Cloudflare that can be changed and put back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChangePlace {
    /// The zone's name.
    pub zone: String,
    /// What kind of thing.
    pub kind: ChangeKind,
    /// Which of that kind.
    pub name: String,
}

/// `setting security_level of example.com`
impl fmt::Display for ChangePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}` of `{}`", self.kind.name(), self.name, self.zone)
    }
}

/// Who wants a change, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The action that asked, which its outcomes are journaled for.
    pub action: ActionId,
    /// The rule that asked.
    pub rule: RuleName,
    /// What it wants there.
    pub value: Json,
    /// Since when (event time).
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// It was ended before its time, and waits for what was there before to come back.
    #[serde(default)]
    pub ended: bool,
    /// How it went was told.
    #[serde(default)]
    pub told: bool,
}

impl Claim {
    /// Whether it counts at `now`.
    pub fn stands_at(&self, now: Timestamp) -> bool {
        !self.ended && self.until > now
    }
}

/// A person changed what we had set; we leave it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// When that was seen.
    pub at: Timestamp,
    /// What was found.
    pub found: Json,
}

/// A row of the ledger: one thing at Cloudflare that we changed, are changing, or put back.
///
/// It is kept before each write, so that a crash at any moment leaves a row that says what may be
/// there: `set`, or, while `sure` is false, `prior`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// Its number in the ledger; 0 until it is kept.
    pub number: u64,
    /// The `[[actions.cloudflare]]`.
    pub enforcer: String,
    /// What is changed.
    pub place: ChangePlace,
    /// What was there before; `None` until it was looked at.
    pub before: Option<Json>,
    /// What was there before the last write.
    pub prior: Option<Json>,
    /// What was written last, or is about to be.
    pub set: Option<Json>,
    /// What Cloudflare made of it: it may write the same otherwise.
    pub got: Option<Json>,
    /// The last write is confirmed.
    pub sure: bool,
    /// Who wants what.
    pub claims: Vec<Claim>,
    /// A person changed it meanwhile.
    pub left: Option<Left>,
    /// A person changed or ended it: rules can't begin it again before.
    pub quiet_until: Option<Timestamp>,
    /// Since when.
    pub since: Timestamp,
}

impl ChangeRow {
    /// A row of something that nobody has looked at yet.
    pub fn new(enforcer: &str, place: ChangePlace, since: Timestamp) -> Self {
        Self {
            number: 0,
            enforcer: enforcer.to_owned(),
            place,
            before: None,
            prior: None,
            set: None,
            got: None,
            sure: true,
            claims: Vec::new(),
            left: None,
            quiet_until: None,
            since,
        }
    }

    /// The claim that counts: the strongest of those in force, of equal ones the newest.
    pub fn winner(&self, now: Timestamp) -> Option<&Claim> {
        let standing = self.claims.iter().filter(|claim| claim.stands_at(now));
        // Of equals the last is taken: claims stand in the order in which they came.
        standing.max_by_key(|claim| strength(self.place.kind, &self.place.name, &claim.value))
    }

    /// When something is to be done because time passes.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let standing = self.claims.iter().filter(|claim| claim.stands_at(now));
        standing.map(|claim| claim.until).min().or(self.quiet_until)
    }

    /// Whether something of ours is there or may be, or is to be.
    pub fn is_at_work(&self) -> bool {
        self.left.is_none() && (self.before.is_some() || !self.claims.is_empty())
    }

    /// Whether rules are kept from it now.
    pub fn is_quiet(&self, now: Timestamp) -> bool {
        self.quiet_until.is_some_and(|until| until > now)
    }
}

/// How strong a value is against others of the same place; all are equal where there is no order.
pub fn strength(kind: ChangeKind, name: &str, value: &Json) -> usize {
    match kind {
        ChangeKind::Setting => super::zone_settings::strength(name, value),
        // A switch that is on is the stronger.
        ChangeKind::Bots => usize::from(value.as_bool() == Some(true)),
        // Leading elsewhere is more than a shorter TTL.
        ChangeKind::Records => usize::from(value.get("target").is_some()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claim(value: &Json, from: i64, until: i64) -> Claim {
        Claim {
            action: ActionId(1),
            rule: "r".into(),
            value: value.clone(),
            from: Timestamp::from_secs(from),
            until: Timestamp::from_secs(until),
            ended: false,
            told: false,
        }
    }

    fn row(name: &str, claims: Vec<Claim>) -> ChangeRow {
        let place = ChangePlace {
            zone: "example.com".to_owned(),
            kind: ChangeKind::Setting,
            name: name.to_owned(),
        };
        ChangeRow { claims, ..ChangeRow::new("cloudflare", place, Timestamp::EPOCH) }
    }

    #[test]
    fn the_strongest_claim_wins_and_the_next_one_follows() {
        let (attack, high) = (json!("under_attack"), json!("high"));
        let row = row("security_level", vec![claim(&attack, 1, 10), claim(&high, 2, 20)]);
        let value = |at: i64| row.winner(Timestamp::from_secs(at)).map(|claim| &claim.value);
        assert_eq!(value(5), Some(&attack));
        assert_eq!(value(10), Some(&high));
        assert_eq!(value(20), None);
        assert_eq!(row.next_end(Timestamp::from_secs(5)), Some(Timestamp::from_secs(10)));
    }

    #[test]
    fn without_an_order_the_newest_wins() {
        let (one, other) = (json!("basic"), json!("aggressive"));
        let mut row = row("cache_level", vec![claim(&one, 1, 10), claim(&other, 2, 10)]);
        let now = Timestamp::from_secs(5);
        assert_eq!(row.winner(now).map(|claim| &claim.value), Some(&other));
        row.claims[1].ended = true;
        assert_eq!(row.winner(now).map(|claim| &claim.value), Some(&one));
    }

    #[test]
    fn an_ask_survives_the_journal() {
        let ask = CloudflareAsk {
            zone: "example.com".to_owned(),
            via: None,
            what: CloudflareWhat::Change {
                kind: ChangeKind::Setting,
                name: "security_level".to_owned(),
                value: json!("under_attack"),
                seconds: 1_800,
            },
        };
        let action = crate::decisions::Action::Perform {
            rule: "r".into(),
            key: "k".to_owned(),
            time: Timestamp::EPOCH,
            effect: crate::decisions::Effect::Cloudflare(ask),
        };
        let text = serde_json::to_string(&action).unwrap();
        assert_eq!(serde_json::from_str::<crate::decisions::Action>(&text).unwrap(), action);
    }
}
