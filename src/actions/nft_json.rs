//! nft's JSON, as much of it as we write and read back.
//!
//! In: entries to add, ranges to remove, what `nft -j list table` printed. Out: the text of one
//! transaction, and the [`Table`] as it stands. Pure; running nft is left to `nftables`.
//!
//! Source of facts: libnftables-json(5) of nftables 1.0.6 (Debian 12).

use super::reconcile::{AddressRange, Entry};
use crate::clock::Timestamp;
use crate::limits::KERNEL_TIMEOUT_SECS_MAX;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

/// The sets of our table.
///
/// Single IPv4 addresses and whole /64s, which are nearly all that is ever blocked, are kept in
/// hash sets; the rest in interval sets. nft reads every interval set of a table back before each
/// change: with 20,000 entries in one, a change takes 55 ms instead of 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Set {
    /// Single IPv4 addresses.
    Hosts4,
    /// IPv6 /64s, by their first address.
    Clients6,
    /// IPv4 networks and ranges.
    Blocked4,
    /// IPv6 networks, ranges and single addresses.
    Blocked6,
}

impl Set {
    pub(super) const ALL: [Self; 4] =
        [Self::Hosts4, Self::Clients6, Self::Blocked4, Self::Blocked6];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hosts4 => "hosts4",
            Self::Clients6 => "clients6",
            Self::Blocked4 => "blocked4",
            Self::Blocked6 => "blocked6",
        }
    }

    const fn is_v4(self) -> bool {
        matches!(self, Self::Hosts4 | Self::Blocked4)
    }

    const fn key_type(self) -> &'static str {
        if self.is_v4() { "ipv4_addr" } else { "ipv6_addr" }
    }

    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Hosts4 | Self::Clients6 => &["timeout"],
            Self::Blocked4 | Self::Blocked6 => &["interval", "timeout"],
        }
    }

    /// The set that a range belongs in.
    pub(super) fn of(range: &AddressRange) -> Self {
        let single = range.first() == range.last();
        match range.first() {
            IpAddr::V4(_) if single => Self::Hosts4,
            IpAddr::V4(_) => Self::Blocked4,
            IpAddr::V6(_) if range.as_net().is_some_and(|net| net.prefix_len() == 64) => {
                Self::Clients6
            }
            IpAddr::V6(_) => Self::Blocked6,
        }
    }

    /// The left side of the rule's match.
    fn source(self) -> Value {
        let protocol = if self.is_v4() { "ip" } else { "ip6" };
        let source = json!({"payload": {"protocol": protocol, "field": "saddr"}});
        if self == Self::Clients6 {
            json!({"&": [source, "ffff:ffff:ffff:ffff::"]})
        } else {
            source
        }
    }

    /// How a range is written as an element of this set.
    fn element(self, range: &AddressRange) -> Value {
        if matches!(self, Self::Hosts4 | Self::Clients6) || range.first() == range.last() {
            return json!(range.first());
        }
        match range.as_net() {
            Some(net) => json!({"prefix": {"addr": net.network(), "len": net.prefix_len()}}),
            None => json!({"range": [range.first(), range.last()]}),
        }
    }
}

/// What our table looks like: all that the config decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) table: String,
    pub(super) priority: i32,
    /// A block leaves connections alone that are open already.
    pub(super) keep_established: bool,
}

/// The name of our only chain.
pub(super) const CHAIN: &str = "prerouting";

impl Layout {
    fn chain(&self) -> Value {
        json!({"family": "inet", "table": self.table, "name": CHAIN, "type": "filter",
            "hook": "prerouting", "prio": self.priority, "policy": "accept"})
    }

    fn set(&self, set: Set) -> Value {
        json!({"family": "inet", "table": self.table, "name": set.name(),
            "type": set.key_type(), "flags": set.flags()})
    }

    /// The rules' expressions, in order, without counters.
    fn rules(&self) -> Vec<Vec<Value>> {
        let mut rules = Vec::new();
        if self.keep_established {
            let state = json!({"match": {"op": "in", "left": {"ct": {"key": "state"}},
                "right": ["established", "related"]}});
            rules.push(vec![state, json!({"return": null})]);
        }
        for set in Set::ALL {
            let found = json!({"match": {"op": "==", "left": set.source(),
                "right": format!("@{}", set.name())}});
            rules.push(vec![found, json!({"drop": null})]);
        }
        rules
    }

    /// Commands that make the table afresh, whatever stands in its place.
    pub(super) fn make(&self) -> Vec<Value> {
        let table = json!({"table": {"family": "inet", "name": self.table}});
        // Adding what is there is nothing; only then can it surely be deleted.
        let mut commands =
            vec![json!({"add": table}), json!({"delete": table}), json!({"add": table})];
        for set in Set::ALL {
            commands.push(json!({"add": {"set": self.set(set)}}));
        }
        commands.push(json!({"add": {"chain": self.chain()}}));
        for mut expressions in self.rules() {
            let end = expressions.len().saturating_sub(1);
            expressions.insert(end, json!({"counter": {"packets": 0, "bytes": 0}}));
            commands.push(json!({"add": {"rule": {"family": "inet", "table": self.table,
                "chain": CHAIN, "comment": "riposte", "expr": expressions}}}));
        }
        commands
    }

    /// Commands that remove the table, if it is there.
    pub(super) fn remove(&self) -> Vec<Value> {
        let table = json!({"table": {"family": "inet", "name": self.table}});
        vec![json!({"add": table}), json!({"delete": table})]
    }

    /// Commands that remove ranges and add entries, one a set.
    pub(super) fn change(
        &self,
        remove: &[AddressRange],
        add: &[Entry],
        now: Timestamp,
    ) -> Vec<Value> {
        let mut commands = Vec::new();
        for set in Set::ALL {
            let elements: Vec<Value> = remove
                .iter()
                .filter(|range| Set::of(range) == set)
                .map(|range| set.element(range))
                .collect();
            if !elements.is_empty() {
                commands.push(json!({"delete": {"element": self.elements(set, &elements)}}));
            }
        }
        for set in Set::ALL {
            let elements: Vec<Value> = add
                .iter()
                .filter(|entry| Set::of(&entry.range) == set)
                .map(|entry| timed(set.element(&entry.range), entry.until, now))
                .collect();
            if !elements.is_empty() {
                commands.push(json!({"add": {"element": self.elements(set, &elements)}}));
            }
        }
        commands
    }

    fn elements(&self, set: Set, elements: &[Value]) -> Value {
        json!({"family": "inet", "table": self.table, "name": set.name(), "elem": elements})
    }
}

/// An element with the kernel's own timeout: whole seconds, rounded up, so never early.
fn timed(element: Value, until: Option<Timestamp>, now: Timestamp) -> Value {
    let Some(until) = until else {
        return element;
    };
    let left = until.since(now);
    let secs = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    json!({"elem": {"val": element, "timeout": secs.clamp(1, KERNEL_TIMEOUT_SECS_MAX)}})
}

/// The text of one transaction, as `nft -j -f -` reads it.
pub(super) fn document(commands: &[Value]) -> String {
    json!({ "nftables": commands }).to_string()
}

/// Our table as it stands.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Everything in its sets.
    pub(super) entries: Vec<Entry>,
    /// It is as the layout wants it.
    pub(super) sound: bool,
    /// Packets that its rules dropped.
    pub(super) packets: u64,
    /// Bytes that its rules dropped.
    pub(super) bytes: u64,
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    set: Option<ListedSet>,
    chain: Option<Value>,
    rule: Option<ListedRule>,
}

#[derive(Deserialize)]
struct ListedSet {
    name: String,
    #[serde(rename = "type")]
    key_type: Value,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    elem: Vec<Value>,
}

#[derive(Deserialize)]
struct ListedRule {
    #[serde(default)]
    expr: Vec<Value>,
}

/// Reads what `nft -j list table inet NAME` printed.
pub(super) fn read_table(text: &[u8], layout: &Layout, now: Timestamp) -> Result<Table, String> {
    let listing: Listing = serde_json::from_slice(text)
        .map_err(|error| format!("failed to read nft's listing: {error}"))?;
    let mut table = Table::default();
    let mut sets_found = 0;
    let mut sound = true;
    let mut chains = Vec::new();
    let mut rules = Vec::new();
    for listed in listing.nftables {
        if let Some(set) = listed.set {
            let known = Set::ALL.into_iter().find(|known| known.name() == set.name);
            sound &= known.is_some_and(|known| is_shaped(&set, known));
            sets_found += 1;
            if let Some(known) = known {
                table
                    .entries
                    .extend(set.elem.iter().filter_map(|elem| read_element(elem, known, now)));
            }
        }
        chains.extend(listed.chain);
        rules.extend(listed.rule);
    }
    sound &= sets_found == Set::ALL.len();
    sound &= matches!(chains.as_slice(), [chain] if holds(chain, &layout.chain()));
    let mut found = Vec::new();
    for rule in rules {
        let (counters, rest): (Vec<Value>, Vec<Value>) =
            rule.expr.into_iter().partition(|expression| expression.get("counter").is_some());
        let drops = rest.iter().any(|expression| expression.get("drop").is_some());
        for counter in counters.iter().filter(|_| drops) {
            table.packets += counted(counter, "packets");
            table.bytes += counted(counter, "bytes");
        }
        found.push(rest);
    }
    table.sound = sound && found == layout.rules();
    Ok(table)
}

fn is_shaped(set: &ListedSet, known: Set) -> bool {
    let mut flags: Vec<&str> = set.flags.iter().map(String::as_str).collect();
    flags.sort_unstable();
    set.key_type == known.key_type() && flags == known.flags()
}

/// Whether an object has all the members of another, with the same values.
fn holds(object: &Value, wanted: &Value) -> bool {
    wanted
        .as_object()
        .is_some_and(|members| members.iter().all(|(name, value)| object.get(name) == Some(value)))
}

fn counted(counter: &Value, name: &str) -> u64 {
    counter
        .get("counter")
        .and_then(|counter| counter.get(name))
        .and_then(Value::as_u64)
        .unwrap_or(0)
}

/// One element of a listing; what can't be read is none of ours and is left out, so that it counts
/// as not wanted nowhere.
fn read_element(element: &Value, set: Set, now: Timestamp) -> Option<Entry> {
    let (value, until) = match element.get("elem") {
        Some(inner) => {
            let expires = inner.get("expires").and_then(Value::as_u64);
            let until = expires.map(|secs| now.plus(Duration::from_secs(secs)));
            (inner.get("val")?, until)
        }
        None => (element, None),
    };
    let range = read_range(value)?;
    let range = if set == Set::Clients6 {
        AddressRange::of(&ipnet::IpNet::new(range.first(), 64).ok()?)
    } else {
        range
    };
    Some(Entry { range, until })
}

fn read_range(value: &Value) -> Option<AddressRange> {
    if let Some(text) = value.as_str() {
        let address = text.parse().ok()?;
        return AddressRange::new(address, address);
    }
    if let Some(prefix) = value.get("prefix") {
        let address: IpAddr = prefix.get("addr")?.as_str()?.parse().ok()?;
        let bits = u8::try_from(prefix.get("len")?.as_u64()?).ok()?;
        return Some(AddressRange::of(&ipnet::IpNet::new(address, bits).ok()?));
    }
    let ends = value.get("range")?.as_array()?;
    let [first, last] = ends.as_slice() else {
        return None;
    };
    AddressRange::new(first.as_str()?.parse().ok()?, last.as_str()?.parse().ok()?)
}
