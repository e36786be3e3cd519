//! Four bytes of each literal (a gram), by which literals are found in a text.
//!
//! Each look is a hash and a bit. Where the bit is set, the bytes before and behind what stands
//! there tell which literals it may be, hardly ever one that isn't there: some grams (`exam` of
//! `spam6.example`) are in nearly every text. Case is folded in all of this: what is found here is
//! still to be compared.

use std::collections::{BTreeMap, HashMap};

/// Bytes of a literal that are looked at together.
pub(super) const GRAM_BYTES: usize = 4;

/// Looks are no further apart: beyond this they cost nothing, and each literal would have more
/// entries.
pub(super) const STRIDE_MAX: usize = 8;

/// Bits of the table, as a power of two: 8 KB, a sixth of the fastest memory.
const TABLE_LOG2: u32 = 16;

/// Words of the table.
const WORDS: usize = 1 << (TABLE_LOG2 - 6);

/// Up to so many bytes before a gram, and behind it, are looked at together with it.
const AROUND_BYTES: usize = 4;

/// Makes capitals small; makes other bytes the same too, which only costs a comparison.
const FOLD: u64 = 0x2020_2020_2020_2020;

/// A literal with a gram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// What stands around the gram, as far as all literals of the group have it.
    around: u64,
    literal: u32,
    /// Where in the literal the gram stands.
    offset: u8,
}

impl Entry {
    /// The literal's number.
    pub(super) fn literal(&self) -> usize {
        self.literal as usize
    }

    /// Where the literal begins if the gram stands at a place.
    pub(super) fn start(&self, at: usize) -> Option<usize> {
        at.checked_sub(usize::from(self.offset))
    }
}

/// A literal's number and bytes, and where in it a gram stands.
type Cover<'l> = (u32, &'l [u8], u8);

/// Literals that have the same gram.
#[derive(Debug, Clone, Copy)]
struct Group {
    /// The gram's, which no other gram has.
    hash: u32,
    /// Its entries are those from here on to the next group's.
    first: u32,
    /// So many bytes before the gram, and behind it, are looked at: all of the literals have them.
    before: u8,
    behind: u8,
}

/// The grams of literals, made ready.
pub(super) struct Grams {
    stride: usize,
    table: Box<[u64; WORDS]>,
    /// For each beginning of a hash the first group that has no lower one.
    starts: Box<[u32]>,
    /// The hash has to be shifted by so much for that.
    shift: u32,
    /// By hash, and one behind them that ends the last one.
    groups: Box<[Group]>,
    /// By group, then by what stands around the gram.
    entries: Box<[Entry]>,
}

/// Different for each gram; grams that differ in case alone have the same.
fn hash(gram: [u8; GRAM_BYTES]) -> u32 {
    // The multiplier is 2^32 divided by the golden ratio.
    (u32::from_le_bytes(gram) | 0x2020_2020).wrapping_mul(0x9e37_79b9)
}

/// The word of the table and the bit in it.
fn place(hash: u32) -> (usize, u64) {
    let place = hash >> (32 - TABLE_LOG2);
    ((place >> 6) as usize, 1 << (place & 63))
}

fn hashes(literal: &[u8]) -> impl Iterator<Item = u32> {
    literal.windows(GRAM_BYTES).filter_map(|window| Some(hash(*window.first_chunk()?)))
}

/// Of a literal's grams so many in a row, with their places: those that the fewest others have, so
/// that what literals have in common (`.example`) is not what they are found by.
fn rarest(literal: &[u8], stride: usize, known: &HashMap<u32, u32>) -> Vec<(u8, u32)> {
    let numbered: Vec<(u8, u32)> = (0..=u8::MAX).zip(hashes(literal)).collect();
    let frequency =
        |row: &&[(u8, u32)]| -> u32 { row.iter().filter_map(|(_, hash)| known.get(hash)).sum() };
    numbered.windows(stride).min_by_key(frequency).unwrap_or_default().to_vec()
}

/// A few bytes as a number, the first of them lowest.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// So many bytes before the gram at a place of a text, and so many behind it; nothing where the text
/// has fewer.
#[inline]
fn around(text: &[u8], at: usize, before: u8, behind: u8) -> Option<u64> {
    let (before, behind) = (usize::from(before), usize::from(behind));
    let (head, tail) = (text.get(..at)?, text.get(at + GRAM_BYTES..)?);
    let head = match head.last_chunk::<AROUND_BYTES>() {
        Some(four) => u64::from(u32::from_le_bytes(*four)) >> (8 * (AROUND_BYTES - before)),
        None => u64::from(number(head.get(head.len().checked_sub(before)?..)?)),
    };
    let tail = match tail.first_chunk::<AROUND_BYTES>() {
        Some(four) => u64::from(u32::from_le_bytes(*four)) & ((1 << (8 * behind)) - 1),
        None => u64::from(number(tail.get(..behind)?)),
    };
    Some((head << 32 | tail) | FOLD)
}

impl Grams {
    /// Of literals none of which is shorter than a gram, with their numbers; nothing where there are
    /// none.
    pub(super) fn new<'l>(
        literals: impl Iterator<Item = (u32, &'l Box<[u8]>)> + Clone,
    ) -> Option<Self> {
        let shortest = literals.clone().map(|(_, literal)| literal.len()).min()?;
        // So many places in a row hold one that is looked at, and it lies within the literal.
        let stride = (shortest + 1 - GRAM_BYTES).min(STRIDE_MAX);
        let mut known: HashMap<u32, u32> = HashMap::new();
        for (_, literal) in literals.clone() {
            for hash in hashes(literal) {
                *known.entry(hash).or_default() += 1;
            }
        }
        let mut by_hash: BTreeMap<u32, Vec<Cover<'_>>> = BTreeMap::new();
        for (literal, bytes) in literals {
            for (offset, hash) in rarest(bytes, stride, &known) {
                by_hash.entry(hash).or_default().push((literal, bytes, offset));
            }
        }
        let mut table = Box::new([0_u64; WORDS]);
        let (mut groups, mut entries) = (Vec::new(), Vec::new());
        for (hash, of) in &by_hash {
            let (word, bit) = place(*hash);
            if let Some(word) = table.get_mut(word) {
                *word |= bit;
            }
            let room = |bytes: &mut dyn Iterator<Item = usize>| {
                u8::try_from(bytes.min().unwrap_or(0).min(AROUND_BYTES)).unwrap_or(0)
            };
            let before = room(&mut of.iter().map(|(.., offset)| usize::from(*offset)));
            let behind = room(&mut of.iter().map(|(_, bytes, offset)| {
                bytes.len().saturating_sub(usize::from(*offset) + GRAM_BYTES)
            }));
            let first = u32::try_from(entries.len()).ok()?;
            groups.push(Group { hash: *hash, first, before, behind });
            let made = of.iter().filter_map(|(literal, bytes, offset)| {
                let around = around(bytes, usize::from(*offset), before, behind)?;
                Some(Entry { around, literal: *literal, offset: *offset })
            });
            entries.extend(made);
            entries.get_mut(first as usize..)?.sort_unstable();
        }
        // About one group has each beginning.
        let shift = 32 - groups.len().next_power_of_two().ilog2().clamp(1, TABLE_LOG2);
        let starts = (0..1_u32 << (32 - shift)).filter_map(|start| {
            u32::try_from(groups.partition_point(|group| group.hash >> shift < start)).ok()
        });
        let starts = starts.collect();
        let first = u32::try_from(entries.len()).ok()?;
        groups.push(Group { hash: u32::MAX, first, before: 0, behind: 0 });
        Some(Self { stride, table, starts, shift, groups: groups.into(), entries: entries.into() })
    }

    /// How far apart the places are that are looked at.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Tells of the places, from `first` on (which is one of those that are looked at), that
    /// literals may cover, and of those literals, until `take` says false.
    #[inline]
    pub(super) fn look(
        &self,
        text: &[u8],
        first: usize,
        take: impl FnMut(usize, &[Entry]) -> bool,
    ) {
        let Some(rest) = text.get(first..) else { return };
        // A stride that is known while this is compiled costs less.
        match self.stride {
            1 => self.look_each(text, (first..).zip(rest.windows(GRAM_BYTES)), take),
            stride => {
                let looks = (first..).step_by(stride).zip(rest.windows(GRAM_BYTES).step_by(stride));
                self.look_each(text, looks, take);
            }
        }
    }

    #[inline]
    fn look_each<'t>(
        &self,
        text: &[u8],
        looks: impl Iterator<Item = (usize, &'t [u8])>,
        mut take: impl FnMut(usize, &[Entry]) -> bool,
    ) {
        for (at, gram) in looks {
            let Some(gram) = gram.first_chunk() else { return };
            let hash = hash(*gram);
            let (word, bit) = place(hash);
            if self.table.get(word).is_some_and(|word| word & bit != 0) {
                let entries = self.entries_at(text, at, hash);
                if !entries.is_empty() && !take(at, entries) {
                    return;
                }
            }
        }
    }

    /// The literals that may cover a place, by the hash of the gram that stands there.
    fn entries_at(&self, text: &[u8], at: usize, hash: u32) -> &[Entry] {
        self.group(hash).and_then(|found| self.entries_of(found, text, at)).unwrap_or_default()
    }

    /// The group of a gram, by its hash, and where the entries of the next one begin.
    #[inline]
    fn group(&self, hash: u32) -> Option<(Group, u32)> {
        let mut place = *self.starts.get((hash >> self.shift) as usize)? as usize;
        loop {
            let (group, next) = (self.groups.get(place)?, self.groups.get(place + 1)?);
            if group.hash >= hash {
                return (group.hash == hash).then_some((*group, next.first));
            }
            place += 1;
        }
    }

    #[inline]
    fn entries_of(&self, (group, end): (Group, u32), text: &[u8], at: usize) -> Option<&[Entry]> {
        let around = around(text, at, group.before, group.behind)?;
        let all = self.entries.get(group.first as usize..end as usize)?;
        let entries = all.get(all.partition_point(|entry| entry.around < around)..)?;
        let same = entries.iter().take_while(|entry| entry.around == around).count();
        entries.get(..same)
    }
}
