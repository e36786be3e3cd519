//! Which of many literals a text holds, asked of texts that nearly always hold none.
//!
//! Literals of four bytes and more are found by four of their bytes: so many places of a text are
//! looked at, each `stride` bytes after the one before, that every occurrence covers one of them.
//! Each look is a hash and a bit. Case is folded in the bits alone: what is found is compared.
//! Shorter literals, of which there are few, have an automaton that is asked where one of their
//! first bytes is.

use super::texts::kind_for;
use aho_corasick::{AhoCorasick, BuildError};
use std::collections::HashMap;

/// Bytes of a literal that are looked at together.
const GRAM_BYTES: usize = 4;

/// Bits of the table, as a power of two: 8 KB, a quarter of the fastest memory.
const TABLE_LOG2: u32 = 16;

/// Words of the table.
const WORDS: usize = 1 << (TABLE_LOG2 - 6);

/// Looks are no further apart: beyond this they cost nothing, and each literal would have more
/// entries.
const STRIDE_MAX: usize = 8;

/// Four bytes of a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    gram: u32,
    literal: u32,
    /// Where in the literal they stand.
    offset: u8,
}

struct Long {
    stride: usize,
    table: Box<[u64; WORDS]>,
    /// By gram.
    entries: Box<[Entry]>,
}

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
    long: Option<Long>,
    short: Option<Short>,
}

fn fold(gram: [u8; GRAM_BYTES]) -> u32 {
    // Makes other bytes the same too, which only costs a comparison.
    u32::from_le_bytes(gram) | 0x2020_2020
}

/// The word of the table and the bit in it.
fn place(gram: u32) -> (usize, u64) {
    // The multiplier is 2^32 divided by the golden ratio.
    let hash = gram.wrapping_mul(0x9e37_79b9) >> (32 - TABLE_LOG2);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn grams(literal: &[u8]) -> impl Iterator<Item = u32> {
    literal.windows(GRAM_BYTES).filter_map(|window| Some(fold(*window.first_chunk()?)))
}

/// Of a literal's grams so many in a row, with their places: those that the fewest others have, so
/// that what literals have in common (`.example`) is not what they are found by.
fn rarest(literal: &[u8], stride: usize, known: &HashMap<u32, u32>) -> Vec<(u8, u32)> {
    let numbered: Vec<(u8, u32)> = (0..=u8::MAX).zip(grams(literal)).collect();
    let frequency =
        |row: &&[(u8, u32)]| -> u32 { row.iter().filter_map(|(_, gram)| known.get(gram)).sum() };
    numbered.windows(stride).min_by_key(frequency).unwrap_or_default().to_vec()
}

impl Sieve {
    /// Of literals none of which is empty.
    pub(super) fn new<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Result<Self, BuildError> {
        let literals: Vec<Box<[u8]>> = literals.map(Box::from).collect();
        let numbered = || (0_u32..).zip(&literals);
        let is_short = |literal: &[u8]| literal.len() < GRAM_BYTES;
        let long = Long::new(numbered().filter(|(_, literal)| !is_short(literal)));
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
            (Some(long), None) => long.stride,
            _ => 1,
        }
    }

    /// Whether the text, or what differs from it in the case of ASCII letters alone, may hold any.
    pub(super) fn may_hold(&self, text: &[u8]) -> bool {
        let short = self.short.as_ref().is_some_and(|short| short.may_hold(text));
        short || self.long.as_ref().is_some_and(|long| !long.look(text, |_, _| false))
    }

    /// Tells of each literal that the text holds, once for each of its places; ends early where
    /// `found` says false.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize) -> bool) {
        if let Some(short) = self.short.as_ref().filter(|short| short.may_hold(text)) {
            for hit in short.search.find_overlapping_iter(text) {
                let number = short.numbers.get(hit.pattern().as_usize());
                if number.is_some_and(|number| !found(*number as usize)) {
                    return;
                }
            }
        }
        let Some(long) = &self.long else { return };
        long.look(text, |at, gram| {
            let first = long.entries.partition_point(|entry| entry.gram < gram);
            let entries = long.entries.iter().skip(first).take_while(|entry| entry.gram == gram);
            for entry in entries {
                let number = entry.literal as usize;
                let Some(literal) = self.literals.get(number) else { continue };
                let start = at.checked_sub(usize::from(entry.offset));
                let there = start.and_then(|start| text.get(start..));
                if there.is_some_and(|there| there.starts_with(literal)) && !found(number) {
                    return false;
                }
            }
            true
        });
    }
}

impl Long {
    fn new<'l>(literals: impl Iterator<Item = (u32, &'l Box<[u8]>)> + Clone) -> Option<Self> {
        let shortest = literals.clone().map(|(_, literal)| literal.len()).min()?;
        // So many places in a row hold one that is looked at, and it lies within the literal.
        let stride = (shortest + 1 - GRAM_BYTES).min(STRIDE_MAX);
        let mut known: HashMap<u32, u32> = HashMap::new();
        for (_, literal) in literals.clone() {
            for gram in grams(literal) {
                *known.entry(gram).or_default() += 1;
            }
        }
        let mut table = Box::new([0_u64; WORDS]);
        let mut entries = Vec::new();
        for (number, literal) in literals {
            for (offset, gram) in rarest(literal, stride, &known) {
                let (word, bit) = place(gram);
                if let Some(word) = table.get_mut(word) {
                    *word |= bit;
                }
                entries.push(Entry { gram, literal: number, offset });
            }
        }
        entries.sort_unstable();
        Some(Self { stride, table, entries: entries.into() })
    }

    /// Tells of the places that a literal may cover, with what stands there, until `take` says
    /// false. Whether it never did.
    #[inline]
    fn look(&self, text: &[u8], mut take: impl FnMut(usize, u32) -> bool) -> bool {
        let (mut at, mut rest) = (0, text);
        while let Some(gram) = rest.first_chunk() {
            let gram = fold(*gram);
            let (word, bit) = place(gram);
            if self.table.get(word).is_some_and(|word| word & bit != 0) && !take(at, gram) {
                return false;
            }
            at += self.stride;
            rest = rest.get(self.stride..).unwrap_or_default();
        }
        true
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
            sieve.find(&text, |number| {
                found.push(number);
                true
            });
            found.sort_unstable();
            prop_assert_eq!(&found, &wanted);
            for cased in [text.to_ascii_lowercase(), text.to_ascii_uppercase(), text] {
                prop_assert!(sieve.may_hold(&cased) || wanted.is_empty());
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

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
