//! Which of many rules may care for an event, in one pass over each field that any of them looks
//! at: tables for small numbers, a sieve for all literals of a field, a set of networks. What is
//! found is a superset; the predicates themselves decide.

use super::column::{Patterns, TextColumn};
use super::look::Look;
use super::need::{Condition, Need, SMALL};
use super::program::{Program, ViewId};
use crate::event::net::prefix;
use crate::event::{Field, ValueRef};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashMap};

/// The rules that listen to one kind, made ready for looking up.
#[derive(Default)]
pub(super) struct Index {
    /// Rules that have to be asked each time, ascending.
    always: Vec<u32>,
    texts: Vec<TextColumn>,
    numbers: Vec<NumberColumn>,
    networks: Vec<NetworkColumn>,
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
    /// An index over rules (ascending) with what each needs; `caches` counts the columns that
    /// have one.
    pub(super) fn new<'n>(
        program: &Program,
        rules: impl Iterator<Item = (u32, Option<&'n Need>)>,
        caches: &mut usize,
    ) -> Self {
        let mut index = Self::default();
        let mut literals: BTreeMap<ViewId, (Vec<ViewId>, Patterns<'_>)> = BTreeMap::new();
        let mut numbers: BTreeMap<Field, NumberColumn> = BTreeMap::new();
        let mut networks: BTreeMap<Field, NetworkColumn> = BTreeMap::new();
        for (rule, need) in rules {
            let Some(need) = need else {
                index.always.push(rule);
                continue;
            };
            for condition in &need.any {
                match condition {
                    Condition::Literal { view, bytes } => {
                        let root = program.root(*view).unwrap_or(*view);
                        let (views, patterns) = literals.entry(root).or_default();
                        views.push(*view);
                        patterns.entry(bytes).or_default().push(rule);
                    }
                    Condition::Number { field, first, last } => {
                        let column = numbers.entry(*field);
                        let column = column.or_insert_with(|| NumberColumn::new(*field));
                        column.add(rule, *first, *last);
                    }
                    Condition::Network { field, net } => {
                        let column = networks.entry(*field);
                        column.or_insert_with(|| NetworkColumn::new(*field)).add(rule, *net);
                    }
                }
            }
        }
        for (root, (views, patterns)) in literals {
            match TextColumn::new(program, root, views, &patterns, *caches) {
                Some(column) => {
                    index.texts.push(column);
                    *caches += 1;
                }
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
    pub(super) fn look_up(&self, look: Look<'_>, out: &mut Vec<u32>) {
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

impl NumberColumn {
    fn new(field: Field) -> Self {
        Self { field, rules: Vec::new(), table: vec![Vec::new(); SMALL] }
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

    fn look_up(&self, look: Look<'_>, out: &mut Vec<u32>) {
        let owners = match look.event().get(self.field) {
            None => return,
            Some(ValueRef::Int(number)) => {
                usize::try_from(number).ok().and_then(|number| self.table.get(number))
            }
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

    fn look_up(&self, look: Look<'_>, out: &mut Vec<u32>) {
        let address = match look.event().get(self.field) {
            None => return,
            Some(ValueRef::Ip(address)) => address,
            Some(_) => return out.extend_from_slice(&self.rules),
        };
        let bits = if address.is_ipv4() { &self.v4_bits } else { &self.v6_bits };
        for bits in bits {
            let owners = self.networks.get(&prefix(address, *bits, *bits));
            out.extend(owners.into_iter().flatten());
        }
    }
}
