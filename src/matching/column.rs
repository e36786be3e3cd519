//! Rules by the literals that a field, or what is made from it, must contain.

use super::judge::has_upper;
use super::look::{Look, Shown};
use super::program::{Program, View, ViewId};
use super::sieve::{Beginning, Sieve};
use crate::event::Field;
use crate::limits::SCRIPT_STRING_BYTES_MAX;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Literals, each with the rules that it belongs to.
pub(super) type Patterns<'n> = BTreeMap<&'n [u8], Vec<u32>>;

/// A text of which more places than this would be looked at is remembered: to find it again costs
/// about as much.
const LOOKS_MAX: usize = 24;

/// The rules whose literals a field must contain.
pub(super) struct TextColumn {
    /// The field itself.
    root: ViewId,
    /// The same, where it is a well-known one.
    field: Option<Field>,
    /// The texts that its literals are looked for in, each after what it is made from. A field
    /// that is decoded and in lower case already shows the same text in all of them, and is looked
    /// through once.
    views: Vec<ViewId>,
    plain: Plain,
    rules: Vec<u32>,
    sieve: Sieve,
    /// Whose literal it is, by its number.
    owners: Vec<Vec<u32>>,
    /// Its place among the caches.
    cache: usize,
}

/// When a text is the same in all views, but for the case of its letters.
#[derive(Default)]
struct Plain {
    /// A view takes a part of the text: never.
    never: bool,
    /// One of the views is in lower case.
    lower: bool,
    /// A text in lower case is changed further.
    after_lower: bool,
    /// What changes it: each says whether it leaves a text as it is.
    leaves: Vec<fn(&[u8]) -> bool>,
}

impl Plain {
    fn of(program: &Program, views: &[ViewId]) -> Self {
        let mut plain = Self::default();
        for view in views {
            let mut changed = false;
            let mut next = program.view(*view);
            while let Some(view) = next {
                match view {
                    View::Change(_, change) => {
                        changed = true;
                        if !plain
                            .leaves
                            .iter()
                            .any(|known| std::ptr::fn_addr_eq(*known, change.leaves))
                        {
                            plain.leaves.push(change.leaves);
                        }
                    }
                    View::Lower(_) => {
                        plain.lower = true;
                        plain.after_lower |= changed;
                    }
                    View::Part(..) => plain.never = true,
                    View::Field(_) | View::Named(_) => {}
                }
                next = view.from().and_then(|from| program.view(from));
            }
        }
        plain
    }

    /// Whether each view shows the text as it is, or in lower case.
    fn is(&self, text: &[u8]) -> bool {
        !self.never
            && text.len() <= SCRIPT_STRING_BYTES_MAX
            && text.is_ascii()
            && !(self.after_lower && has_upper(text))
            && self.leaves.iter().all(|leaves| leaves(text))
    }
}

impl TextColumn {
    /// `None` when the automaton would be too large.
    pub(super) fn new(
        program: &Program,
        root: ViewId,
        mut views: Vec<ViewId>,
        patterns: &Patterns<'_>,
        cache: usize,
    ) -> Option<Self> {
        views.sort_unstable();
        views.dedup();
        let sieve = Sieve::new(patterns.keys().copied()).ok()?;
        let mut owners: Vec<Vec<u32>> = patterns.values().cloned().collect();
        for owners in &mut owners {
            owners.dedup();
            owners.shrink_to_fit();
        }
        let mut rules: Vec<u32> = patterns.values().flatten().copied().collect();
        rules.sort_unstable();
        rules.dedup();
        let field = match program.view(root) {
            Some(View::Field(field)) => Some(*field),
            _ => None,
        };
        let plain = Plain::of(program, &views);
        Some(Self { root, field, views, plain, rules, sieve, owners, cache })
    }

    /// Puts the rules that may care into `out`.
    pub(super) fn look_up(&self, look: Look<'_>, out: &mut Vec<u32>) {
        let shown = match self.field {
            Some(field) => look.field(field),
            None => look.raw(self.root),
        };
        let text = match shown {
            Shown::Unit | Shown::Text([]) => return,
            // An address or a number may equal a text in its own way.
            Shown::Other => return out.extend_from_slice(&self.rules),
            Shown::Text(text) => text,
        };
        let short = text.len() <= LOOKS_MAX * self.sieve.stride();
        if short && self.plain.is(text) {
            let Some(beginning) = self.sieve.begin(text) else {
                return;
            };
            if !(self.plain.lower && has_upper(text)) {
                return self.find_from(text, beginning, out);
            }
        }
        let find = |out: &mut Vec<u32>| {
            // A short text was asked that already.
            if short || !self.plain.is(text) || self.sieve.begin(text).is_some() {
                self.find_in_views(look, out);
            }
        };
        match look.scratch().caches.get(self.cache) {
            Some(cache) => cache.borrow_mut().get(text, out, find),
            None => find(out),
        }
    }

    /// The rules whose literals any view of the field holds.
    fn find_in_views(&self, look: Look<'_>, out: &mut Vec<u32>) {
        let mut done: SmallVec<[&[u8]; 8]> = SmallVec::new();
        for view in &self.views {
            let Shown::Text(text) = look.shown(*view) else {
                continue;
            };
            if !done.contains(&text) {
                done.push(text);
                self.find_in(text, out);
            }
        }
    }

    fn find_in(&self, text: &[u8], out: &mut Vec<u32>) {
        if let Some(beginning) = self.sieve.begin(text) {
            self.find_from(text, beginning, out);
        }
    }

    fn find_from(&self, text: &[u8], beginning: Beginning, out: &mut Vec<u32>) {
        let before = out.len();
        self.sieve.find_from(text, beginning, |literal| {
            let owners = self.owners.get(literal);
            out.extend(owners.into_iter().flatten());
            // A text may repeat one literal thousands of times.
            let too_many = out.len() - before > self.rules.len();
            if too_many {
                out.truncate(before);
                out.extend_from_slice(&self.rules);
            }
            !too_many
        });
    }
}
