//! Which of many rules may care for an event, in one pass over each field that any of them looks
//! at: tables for small numbers, one automaton for all literals, a set of networks. What is found
//! is a superset; the predicates themselves decide.

use super::expr::Look;
use super::need::{Condition, Need, SMALL};
use crate::event::net::prefix;
use crate::event::{Field, ValueRef};
use aho_corasick::{AhoCorasick, MatchKind};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};

/// Literals, each with the rules that it belongs to.
type Patterns<'n> = BTreeMap<&'n [u8], Vec<u32>>;

/// The rules that listen to one kind, made ready for looking up.
#[derive(Default)]
pub(super) struct Index {
    /// Rules that have to be asked each time, ascending.
    always: Vec<u32>,
    texts: Vec<TextColumn>,
    numbers: Vec<NumberColumn>,
    networks: Vec<NetworkColumn>,
}

/// Rules by the literals that a field must contain.
struct TextColumn {
    field: Field,
    lower: bool,
    rules: Vec<u32>,
    /// Says quickly that none of the literals is there, which is the common case.
    filter: AhoCorasick,
    /// Finds all of them.
    search: AhoCorasick,
    /// Whose literal it is, by its number.
    owners: Vec<Vec<u32>>,
}

/// Rules by the values that a number may have.
struct NumberColumn {
    field: Field,
    rules: Vec<u32>,
    table: Vec<Vec<u32>>,
}

/// Rules by the networks that an address may lie in.
struct NetworkColumn {
    field: Field,
    rules: Vec<u32>,
    v4_bits: Vec<u8>,
    v6_bits: Vec<u8>,
    networks: HashMap<IpNet, Vec<u32>>,
}

impl Index {
    /// An index over rules (ascending) with what each needs.
    pub(super) fn new<'n>(rules: impl Iterator<Item = (u32, Option<&'n Need>)>) -> Self {
        let mut index = Self::default();
        let mut literals: BTreeMap<(Field, bool), Patterns<'_>> = BTreeMap::new();
        let mut numbers: BTreeMap<Field, NumberColumn> = BTreeMap::new();
        let mut networks: BTreeMap<Field, NetworkColumn> = BTreeMap::new();
        for (rule, need) in rules {
            let Some(need) = need else {
                index.always.push(rule);
                continue;
            };
            for condition in &need.any {
                match condition {
                    Condition::Literal {
                        field,
                        lower,
                        bytes,
                    } => {
                        let column = literals.entry((*field, *lower)).or_default();
                        column.entry(bytes).or_default().push(rule);
                    }
                    Condition::Number { field, first, last } => {
                        let column = numbers.entry(*field);
                        let column = column.or_insert_with(|| NumberColumn::new(*field));
                        column.add(rule, *first, *last);
                    }
                    Condition::Network { field, net } => {
                        let column = networks.entry(*field);
                        column
                            .or_insert_with(|| NetworkColumn::new(*field))
                            .add(rule, *net);
                    }
                }
            }
        }
        for ((field, lower), patterns) in literals {
            match TextColumn::new(field, lower, &patterns) {
                Some(column) => index.texts.push(column),
                None => index.always.extend(patterns.into_values().flatten()),
            }
        }
        index.always.sort_unstable();
        index.always.dedup();
        index.numbers = numbers.into_values().collect();
        index.networks = networks.into_values().collect();
        index
    }

    /// Puts the rules that may care into `out`, ascending.
    pub(super) fn look_up(&self, look: &Look<'_>, out: &mut Vec<u32>) {
        out.extend_from_slice(&self.always);
        for column in &self.numbers {
            column.look_up(look, out);
        }
        for column in &self.networks {
            column.look_up(look, out);
        }
        for column in &self.texts {
            column.look_up(look, out);
        }
        if out.len() > self.always.len() {
            out.sort_unstable();
            out.dedup();
        }
    }
}

impl TextColumn {
    /// `None` when the automaton would be too large.
    fn new(field: Field, lower: bool, patterns: &Patterns<'_>) -> Option<Self> {
        let build = |kind: MatchKind| {
            AhoCorasick::builder()
                .match_kind(kind)
                .ascii_case_insensitive(lower)
                .build(patterns.keys())
                .ok()
        };
        Some(Self {
            field,
            lower,
            rules: sorted(patterns.values().flatten().copied().collect()),
            filter: build(MatchKind::LeftmostFirst)?,
            search: build(MatchKind::Standard)?,
            owners: patterns.values().cloned().collect(),
        })
    }

    fn look_up(&self, look: &Look<'_>, out: &mut Vec<u32>) {
        let text = match look.event().get(self.field) {
            None => return,
            Some(ValueRef::Bytes(bytes)) => look.text(self.field, bytes),
            // An address or a number may equal a text in its own way.
            Some(_) => return out.extend_from_slice(&self.rules),
        };
        // Outside ASCII, a letter's lower case may be another letter's.
        if self.lower && !text.is_ascii() {
            return out.extend_from_slice(&self.rules);
        }
        if !self.filter.is_match(&*text) {
            return;
        }
        let before = out.len();
        for found in self.search.find_overlapping_iter(&*text) {
            out.extend(
                self.owners
                    .get(found.pattern().as_usize())
                    .into_iter()
                    .flatten(),
            );
            // A text may repeat one literal thousands of times.
            if out.len() - before > self.rules.len() {
                out.truncate(before);
                return out.extend_from_slice(&self.rules);
            }
        }
    }
}

impl NumberColumn {
    fn new(field: Field) -> Self {
        Self {
            field,
            rules: Vec::new(),
            table: vec![Vec::new(); SMALL],
        }
    }

    fn add(&mut self, rule: u32, first: i64, last: i64) {
        self.rules.push(rule);
        self.rules.dedup();
        for (number, owners) in (0_i64..).zip(&mut self.table) {
            if (first..=last).contains(&number) && owners.last() != Some(&rule) {
                owners.push(rule);
            }
        }
    }

    fn look_up(&self, look: &Look<'_>, out: &mut Vec<u32>) {
        let owners = match look.event().get(self.field) {
            None => return,
            Some(ValueRef::Int(number)) => usize::try_from(number)
                .ok()
                .and_then(|number| self.table.get(number)),
            Some(_) => None,
        };
        // Large numbers and other types are left to the predicates.
        out.extend_from_slice(owners.unwrap_or(&self.rules));
    }
}

impl NetworkColumn {
    fn new(field: Field) -> Self {
        Self {
            field,
            rules: Vec::new(),
            v4_bits: Vec::new(),
            v6_bits: Vec::new(),
            networks: HashMap::new(),
        }
    }

    fn add(&mut self, rule: u32, net: IpNet) {
        self.rules.push(rule);
        self.rules.dedup();
        let bits = match net {
            IpNet::V4(_) => &mut self.v4_bits,
            IpNet::V6(_) => &mut self.v6_bits,
        };
        if !bits.contains(&net.prefix_len()) {
            bits.push(net.prefix_len());
        }
        self.networks.entry(net.trunc()).or_default().push(rule);
    }

    fn look_up(&self, look: &Look<'_>, out: &mut Vec<u32>) {
        let address = match look.event().get(self.field) {
            None => return,
            Some(ValueRef::Ip(address)) => address,
            Some(_) => return out.extend_from_slice(&self.rules),
        };
        let bits = if address.is_ipv4() {
            &self.v4_bits
        } else {
            &self.v6_bits
        };
        for bits in bits {
            let owners = self.networks.get(&prefix(address, *bits, *bits));
            out.extend(owners.into_iter().flatten());
        }
    }
}

fn sorted(mut rules: Vec<u32>) -> Vec<u32> {
    rules.sort_unstable();
    rules.dedup();
    rules
}
