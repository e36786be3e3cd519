//! Which of many rules may care for an event, in one pass over each field that any of them looks
//! at: tables for small numbers, one automaton for all literals of a field, a set of networks. What
//! is found is a superset; the predicates themselves decide.

use super::look::{Look, Shown};
use super::need::{Condition, Need, SMALL};
use super::program::{Program, ViewId};
use super::texts::kind_for;
use crate::event::net::prefix;
use crate::event::{Field, ValueRef};
use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use smallvec::SmallVec;
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

/// Rules by the literals that a field, or what is made from it, must contain.
struct TextColumn {
    /// The field itself.
    root: ViewId,
    /// The texts that its literals are looked for in, each after what it is made from. A field
    /// that is decoded and in lower case already shows the same text in all of them, and is looked
    /// through once.
    views: Vec<ViewId>,
    rules: Vec<u32>,
    search: AhoCorasick,
    /// Whose literal it is, by its number.
    owners: Vec<Vec<u32>>,
    /// Its place among the caches.
    cache: usize,
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
            match TextColumn::new(root, views, &patterns, *caches) {
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

impl TextColumn {
    /// `None` when the automaton would be too large.
    fn new(
        root: ViewId,
        mut views: Vec<ViewId>,
        patterns: &Patterns<'_>,
        cache: usize,
    ) -> Option<Self> {
        views.sort_unstable();
        views.dedup();
        let bytes = patterns.keys().map(|bytes| bytes.len()).sum();
        let search =
            AhoCorasick::builder().kind(Some(kind_for(bytes))).build(patterns.keys()).ok()?;
        let mut owners: Vec<Vec<u32>> = patterns.values().cloned().collect();
        for owners in &mut owners {
            owners.dedup();
            owners.shrink_to_fit();
        }
        Some(Self {
            root,
            views,
            rules: sorted(patterns.values().flatten().copied().collect()),
            search,
            owners,
            cache,
        })
    }

    fn look_up(&self, look: Look<'_>, out: &mut Vec<u32>) {
        match look.raw(self.root) {
            Shown::Unit | Shown::Text([]) => {}
            // An address or a number may equal a text in its own way.
            Shown::Other => out.extend_from_slice(&self.rules),
            Shown::Text(text) => match look.scratch().caches.get(self.cache) {
                Some(cache) => cache.borrow_mut().get(text, out, |out| self.find(look, out)),
                None => self.find(look, out),
            },
        }
    }

    fn find(&self, look: Look<'_>, out: &mut Vec<u32>) {
        let before = out.len();
        let mut done: SmallVec<[&[u8]; 8]> = SmallVec::new();
        for view in &self.views {
            let Shown::Text(text) = look.shown(*view) else {
                continue;
            };
            if done.contains(&text) {
                continue;
            }
            done.push(text);
            for found in self.search.find_overlapping_iter(text) {
                let owners = self.owners.get(found.pattern().as_usize());
                out.extend(owners.into_iter().flatten());
                // A text may repeat one literal thousands of times.
                if out.len() - before > self.rules.len() {
                    out.truncate(before);
                    return out.extend_from_slice(&self.rules);
                }
            }
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

fn sorted(mut rules: Vec<u32>) -> Vec<u32> {
    rules.sort_unstable();
    rules.dedup();
    rules
}
