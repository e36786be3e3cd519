//! All that the look-alike holds: accounts, zones, tokens, lists, rules, records.

use super::access_rules::AccessRule;
use super::account::Account;
use super::faults::Faults;
use super::firewall::Firewall;
use super::lists::{List, Operation};
use super::pools::Balancing;
use super::rulesets::Ruleset;
use super::settings::Settings;
use super::zones::State;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A plan, as far as its limits matter here (read in November 2026).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// 1 list, 10,000 items, 5 custom rules.
    Free,
    /// 10 lists, 10,000 items, 20 custom rules.
    Pro,
    /// 10 lists, 10,000 items, 100 custom rules.
    Business,
    /// 1,000 lists, 500,000 items, 1,000 custom rules.
    Enterprise,
}

impl Plan {
    /// Its name, as the API has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Business => "business",
            Self::Enterprise => "enterprise",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Free, Self::Pro, Self::Business, Self::Enterprise]
            .into_iter()
            .find(|plan| plan.name() == name)
    }

    const fn limits(self) -> (usize, usize) {
        match self {
            Self::Free => (1, 10_000),
            Self::Pro | Self::Business => (10, 10_000),
            Self::Enterprise => (1_000, 500_000),
        }
    }
}

/// A token and what it may do.
#[derive(Debug, Clone)]
pub struct TokenGrant {
    /// The token itself.
    pub token: String,
    /// An account's token instead of a user's.
    pub of_account: bool,
    /// The permissions, as the API names them; `None` for all.
    pub permissions: Option<Vec<String>>,
}

/// How a look-alike is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The account's plan.
    pub plan: Plan,
    /// The zones' names.
    pub zones: Vec<String>,
    /// The tokens that are accepted.
    pub tokens: Vec<TokenGrant>,
    /// How long a change of a list takes.
    pub bulk_takes: Duration,
    /// Calls of a user in five minutes.
    pub calls_in_five_minutes: usize,
    /// For how long nothing is answered after too many.
    pub shut_for: Duration,
    /// Lists that an account may have, where it differs from the plan's.
    pub lists_max: Option<usize>,
    /// Items of all lists, where it differs from the plan's.
    pub items_max: Option<usize>,
    /// Changes of list items in five minutes; `None` for no limit.
    pub items_in_five_minutes: Option<usize>,
}

impl Options {
    /// The Free plan, one zone, one token that may do everything.
    pub fn new(token: &str) -> Self {
        Self {
            plan: Plan::Free,
            zones: vec!["example.com".to_owned()],
            tokens: vec![TokenGrant {
                token: token.to_owned(),
                of_account: false,
                permissions: None,
            }],
            bulk_takes: Duration::from_secs(1),
            calls_in_five_minutes: 1_200,
            shut_for: Duration::from_mins(5),
            lists_max: None,
            items_max: None,
            items_in_five_minutes: None,
        }
    }
}

/// A zone.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) rulesets: BTreeMap<String, Ruleset>,
    pub(super) access_rules: Vec<AccessRule>,
    pub(super) records: Vec<Value>,
    pub(super) purges: Vec<Value>,
    pub(super) settings: Settings,
    pub(super) firewall: Firewall,
    pub(super) state: State,
}

impl Zone {
    pub(super) fn new(id: String, name: String) -> Self {
        Self {
            id,
            rulesets: BTreeMap::new(),
            access_rules: Vec::new(),
            records: super::dns::first_records(&name),
            purges: Vec::new(),
            settings: Settings::default(),
            firewall: Firewall::default(),
            state: State::default(),
            name,
        }
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) options: Options,
    pub(super) account: String,
    pub(super) started: String,
    pub(super) zones: Vec<Zone>,
    pub(super) lists: Vec<List>,
    pub(super) operations: Vec<Operation>,
    pub(super) access_rules: Vec<AccessRule>,
    pub(super) balancing: Balancing,
    pub(super) faults: Faults,
    /// An incident on the status page.
    pub(super) incident: Option<String>,
    /// What rules did to requests, by zone, beside what is made up: rows as GraphQL gives them.
    pub(super) met: Vec<(String, Value)>,
    /// What the account's areas hold.
    pub(super) areas: Account,
    /// The request under way is to do only a part of many things.
    pub(super) partial: bool,
    pub(super) calls: u64,
    pub(super) recent: VecDeque<Instant>,
    pub(super) changed: VecDeque<(Instant, usize)>,
    pub(super) shut_until: Option<Instant>,
}

/// The account's id: always the same, so that a config can name it.
const ACCOUNT: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

/// An id as Cloudflare makes them.
pub(super) fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// Now, as Cloudflare writes it.
pub(super) fn stamp() -> String {
    crate::clock::now().to_string()
}

impl World {
    pub(super) fn new(options: Options) -> Self {
        let zone = |(number, name): (usize, &String)| {
            Zone::new(format!("{:032x}", 0x20_0000 + number), name.clone())
        };
        let zones = options.zones.iter().enumerate().map(zone).collect();
        let areas = Account::new(&options, ACCOUNT);
        Self {
            options,
            areas,
            partial: false,
            account: ACCOUNT.to_owned(),
            started: stamp(),
            zones,
            lists: Vec::new(),
            operations: Vec::new(),
            access_rules: Vec::new(),
            balancing: Balancing::default(),
            faults: Faults::default(),
            incident: None,
            met: Vec::new(),
            calls: 0,
            recent: VecDeque::new(),
            changed: VecDeque::new(),
            shut_until: None,
        }
    }

    pub(super) fn lists_max(&self) -> usize {
        self.options.lists_max.unwrap_or(self.options.plan.limits().0)
    }

    pub(super) fn items_max(&self) -> usize {
        self.options.items_max.unwrap_or(self.options.plan.limits().1)
    }

    pub(super) fn zone(&mut self, id: &str) -> Option<&mut Zone> {
        self.zones.iter_mut().find(|zone| zone.id == id)
    }

    pub(super) fn items_of(&self, list: &str) -> Vec<(String, String)> {
        let list = self.lists.iter().find(|known| known.name == list);
        let items = list.into_iter().flat_map(|list| &list.items);
        items.map(|item| (item.ip.clone(), item.comment.clone())).collect()
    }

    pub(super) fn records_of(&self, zone: &str) -> Vec<(String, String, String)> {
        let zone = self.zones.iter().find(|known| known.name == zone);
        let text = |record: &Value, field: &str| {
            record.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let records = zone.into_iter().flat_map(|zone| &zone.records);
        records.map(|row| (text(row, "type"), text(row, "name"), text(row, "content"))).collect()
    }

    pub(super) fn custom_rules(&self, zone: &str) -> Vec<(String, String)> {
        let rules = self.rules_in_use(zone).into_iter();
        rules.map(|(reference, expression, _)| (reference, expression)).collect()
    }

    /// Reference, expression and action.
    fn rules_in_use(&self, zone: &str) -> Vec<(String, String, String)> {
        let text = |rule: &Value, name: &str| {
            rule.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let zone = self.zones.iter().find(|known| known.name == zone);
        let rules = zone
            .and_then(|zone| zone.rulesets.get(super::rulesets::CUSTOM))
            .into_iter()
            .flat_map(|ruleset| &ruleset.rules);
        rules
            .filter(|rule| rule.get("enabled").and_then(Value::as_bool) != Some(false))
            .map(|rule| (text(rule, "ref"), text(rule, "expression"), text(rule, "action")))
            .collect()
    }

    /// Who is met with an action in a zone.
    pub(super) fn met(&self, zone: &str, action: &str) -> Vec<String> {
        let mut blocked = Vec::new();
        let rules = self.rules_in_use(zone);
        for (_, expression, _) in rules.iter().filter(|(_, _, does)| does == action) {
            for list in self.lists.iter().filter(|list| names_list(expression, &list.name)) {
                blocked.extend(list.items.iter().map(|item| item.ip.clone()));
            }
        }
        let of_zone = self.zones.iter().filter(|known| known.name == zone);
        let rules = of_zone.flat_map(|zone| &zone.access_rules).chain(&self.access_rules);
        blocked.extend(rules.filter(|rule| rule.mode == action).map(|rule| rule.value.clone()));
        blocked
    }
}

/// Whether an expression refers to a list.
pub(super) fn names_list(expression: &str, list: &str) -> bool {
    expression.match_indices('$').any(|(at, _)| {
        let rest = expression.get(at + 1..).unwrap_or_default();
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
        name == Some(list)
    })
}
