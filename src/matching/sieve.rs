//! Which of many literals a text holds, asked of texts that nearly always hold none.
//!
//! Literals of four bytes and more are found by four of their bytes (`grams`): so many places of a
//! text are looked at, each `stride` bytes after the one before, that every occurrence covers one
//! of them. Shorter literals, of which there are few, have an automaton that is asked where one of
//! their first bytes is.

use super::grams::{GRAM_BYTES, Grams};
use super::texts::kind_for;
use aho_corasick::{AhoCorasick, BuildError};

struct Short {
    /// Whether a literal begins with the byte.
    first: Box<[bool; 256]>,
    search: AhoCorasick,
    /// The literals' numbers.
    numbers: Vec<u32>,
}

/// Literals, made ready; each is known by its place among them.
pub(super) struct Sieve {
    literals: Vec<Box<[u8]>>,
    long: Option<Grams>,
    short: Option<Short>,
}

/// Where a text begins to hold what may be literals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    /// Whether it may hold short ones.
    short: bool,
    /// The first place at which long ones may be found.
    long: Option<usize>,
}

impl Sieve {
    /// Of literals none of which is empty.
    pub(super) fn new<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Result<Self, BuildError> {
        let literals: Vec<Box<[u8]>> = literals.map(Box::from).collect();
        let numbered = || (0_u32..).zip(&literals);
        let is_short = |literal: &[u8]| literal.len() < GRAM_BYTES;
        let long = Grams::new(numbered().filter(|(_, literal)| !is_short(literal)));
        let short: Vec<(u32, &[u8])> = numbered()
            .map(|(number, literal)| (number, &**literal))
            .filter(|(_, literal)| is_short(literal))
            .collect();
        let short = if short.is_empty() { None } else { Some(Short::new(&short)?) };
        Ok(Self { literals, long, short })
    }

    /// How far apart the places are that are looked at.
    pub(super) fn stride(&self) -> usize {
        match (&self.long, &self.short) {
            (Some(long), None) => long.stride(),
            _ => 1,
        }
    }

    /// Where the text, or what differs from it in the case of ASCII letters alone, begins to hold
    /// what may be literals; nothing where it holds none.
    #[inline]
    pub(super) fn begin(&self, text: &[u8]) -> Option<Beginning> {
        let short = self.short.as_ref().is_some_and(|short| short.may_hold(text));
        let mut long = None;
        if let Some(grams) = &self.long {
            grams.look(text, 0, |at, _| {
                long = Some(at);
                false
            });
        }
        (short || long.is_some()).then_some(Beginning { short, long })
    }

    /// Tells of each literal that the text holds, once for each of its places, from where it begins to
    /// hold any; ends early where `found` says false.
    pub(super) fn find_from(
        &self,
        text: &[u8],
        beginning: Beginning,
        mut found: impl FnMut(usize) -> bool,
    ) {
        if let Some(short) = self.short.as_ref().filter(|_| beginning.short) {
            for hit in short.search.find_overlapping_iter(text) {
                let number = short.numbers.get(hit.pattern().as_usize());
                if number.is_some_and(|number| !found(*number as usize)) {
                    return;
                }
            }
        }
        let (Some(grams), Some(first)) = (&self.long, beginning.long) else { return };
        grams.look(text, first, |at, entries| {
            for entry in entries {
                let number = entry.literal();
                let Some(literal) = self.literals.get(number) else { continue };
                let there = entry.start(at).and_then(|start| text.get(start..));
                if there.is_some_and(|there| there.starts_with(literal)) && !found(number) {
                    return false;
                }
            }
            true
        });
    }
}

impl Short {
    fn new(literals: &[(u32, &[u8])]) -> Result<Self, BuildError> {
        let bytes = literals.iter().map(|(_, literal)| literal.len()).sum();
        let patterns = literals.iter().map(|(_, literal)| literal);
        let search = AhoCorasick::builder().kind(Some(kind_for(bytes))).build(patterns)?;
        let mut first = Box::new([false; 256]);
        for byte in literals.iter().filter_map(|(_, literal)| literal.first()) {
            for same in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                if let Some(first) = first.get_mut(usize::from(same)) {
                    *first = true;
                }
            }
        }
        let numbers = literals.iter().map(|(number, _)| *number).collect();
        Ok(Self { first, search, numbers })
    }

    fn may_hold(&self, text: &[u8]) -> bool {
        text.iter().any(|byte| self.first.get(usize::from(*byte)).is_some_and(|first| *first))
    }
}

#[cfg(test)]
mod tests {
    use super::super::grams::STRIDE_MAX;
    use super::*;
    use proptest::prelude::*;
    use std::ops::Range;

    /// Few letters, so that literals have much in common, lie in one another and overlap.
    fn word(length: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(&b"abAB/\xc3"[..]), length)
    }

    /// Literals of these lengths, and texts made of them: with something before, between and behind
    /// them, or nothing, so that they also stand side by side and at both ends.
    fn literals_and_texts(
        length: Range<usize>,
        count: Range<usize>,
    ) -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Vec<u8>>)> {
        let filler = || prop_oneof![Just(Vec::new()), word(1..20)];
        let piece = (filler(), any::<prop::sample::Index>());
        let text = (prop::collection::vec(piece, 0..4), filler());
        let texts = prop::collection::vec(text, 8);
        let literals = prop::collection::btree_set(word(length), count);
        (literals, texts).prop_map(|(literals, texts)| {
            let literals: Vec<Vec<u8>> = literals.into_iter().collect();
            let made = |(pieces, end): (Vec<(Vec<u8>, prop::sample::Index)>, Vec<u8>)| {
                let mut text = Vec::new();
                for (filler, index) in pieces {
                    text.extend(filler);
                    if !literals.is_empty() {
                        text.extend(index.get(&literals));
                    }
                }
                text.extend(end);
                text
            };
            let texts = texts.into_iter().map(made).collect();
            (literals, texts)
        })
    }

    /// What is found is what a plain comparison at every place finds.
    fn check(
        sieve: &Sieve,
        literals: &[Vec<u8>],
        texts: Vec<Vec<u8>>,
    ) -> Result<(), TestCaseError> {
        for text in texts {
            let mut wanted = Vec::new();
            for (number, literal) in literals.iter().enumerate() {
                let places = text.windows(literal.len()).filter(|part| part == literal);
                wanted.extend(places.map(|_| number));
            }
            let mut found = Vec::new();
            if let Some(beginning) = sieve.begin(&text) {
                sieve.find_from(&text, beginning, |number| {
                    found.push(number);
                    true
                });
            }
            found.sort_unstable();
            prop_assert_eq!(&found, &wanted);
            for cased in [text.to_ascii_lowercase(), text.to_ascii_uppercase(), text] {
                prop_assert!(sieve.begin(&cased).is_some() || wanted.is_empty());
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Grams that many literals have, with the same around them or not, at both ends too.
        #[test]
        fn literals_that_differ_in_a_byte_are_told_apart(
            (literals, texts) in literals_and_texts(9..13, 1..60),
        ) {
            let sieve = Sieve::new(literals.iter().map(Vec::as_slice)).unwrap();
            check(&sieve, &literals, texts)?;
        }

        #[test]
        fn each_literal_is_found_at_each_of_its_places(
            (literals, texts) in literals_and_texts(1..25, 0..8),
        ) {
            let sieve = Sieve::new(literals.iter().map(Vec::as_slice)).unwrap();
            check(&sieve, &literals, texts)?;
        }

        #[test]
        fn long_literals_are_found_by_looks_that_lie_as_far_apart_as_they_may(
            (literals, texts) in literals_and_texts(STRIDE_MAX + GRAM_BYTES - 1..25, 1..8),
        ) {
            let sieve = Sieve::new(literals.iter().map(Vec::as_slice)).unwrap();
            prop_assert_eq!(sieve.stride(), STRIDE_MAX);
            check(&sieve, &literals, texts)?;
        }
    }
}
