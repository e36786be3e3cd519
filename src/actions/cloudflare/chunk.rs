//! How many items go in one call, and the search for one that Cloudflare doesn't take: a call with
//! it fails whole, so that it is halved until the one is alone. Pure.

use crate::limits::CLOUDFLARE_ITEMS_PER_CALL;

/// So many that turned out bad one after the other, with nothing that went well between, are no
/// matter of single items.
const ALONE_MAX: u32 = 3;

/// What comes of a call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halved {
    /// Fewer are tried next.
    Smaller,
    /// It was one alone, and is the bad one.
    Alone,
    /// All fail: it is not the items.
    All,
}

/// How many items go in the next call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    size: usize,
    /// So many of the next items hold the one that is sought; 0 while none is.
    suspects: usize,
    alone: u32,
}

impl Chunk {
    pub(super) const fn new() -> Self {
        Self { size: CLOUDFLARE_ITEMS_PER_CALL, suspects: 0, alone: 0 }
    }

    /// How many may go.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// A call with so many failed.
    pub(super) fn failed(&mut self, sent: usize) -> Halved {
        if sent > 1 {
            (self.suspects, self.size) = (sent, sent / 2);
            return Halved::Smaller;
        }
        self.alone += 1;
        (self.suspects, self.size) = (0, CLOUDFLARE_ITEMS_PER_CALL);
        if self.alone >= ALONE_MAX { Halved::All } else { Halved::Alone }
    }

    /// The bad one was pointed at.
    pub(super) fn found(&mut self) {
        *self = Self { alone: self.alone, ..Self::new() };
    }

    /// There was no room for so many; `true` when it was one alone.
    pub(super) fn no_room(&mut self, sent: usize) -> bool {
        self.size = if sent > 1 { sent / 2 } else { CLOUDFLARE_ITEMS_PER_CALL };
        sent <= 1
    }

    /// A call with so many went well.
    pub(super) fn went(&mut self, sent: usize) {
        self.alone = 0;
        self.suspects = self.suspects.saturating_sub(sent);
        self.size = if self.suspects > 0 {
            (self.suspects / 2).max(1)
        } else {
            self.size.saturating_mul(2).clamp(1, CLOUDFLARE_ITEMS_PER_CALL)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever items are bad, they are found in few calls, and all others go.
        #[test]
        fn bad_items_are_found(count in 1_usize..3_000, bad in prop::collection::btree_set(0_usize..3_000, 0..4)) {
            let mut left: Vec<usize> = (0..count).collect();
            let (mut chunk, mut found, mut calls) = (Chunk::new(), Vec::<usize>::new(), 0);
            while !left.is_empty() {
                calls += 1;
                prop_assert!(calls < 120, "{found:?} of {bad:?}");
                let sent: Vec<usize> = left.iter().take(chunk.size()).copied().collect();
                if sent.iter().any(|item| bad.contains(item)) {
                    match chunk.failed(sent.len()) {
                        Halved::Smaller => continue,
                        Halved::Alone | Halved::All => found.extend(&sent),
                    }
                } else {
                    chunk.went(sent.len());
                }
                left.drain(..sent.len());
            }
            prop_assert!(found.iter().eq(bad.iter().filter(|item| **item < count)));
        }
    }

    #[test]
    fn where_everything_fails_it_is_not_the_items() {
        let mut chunk = Chunk::new();
        assert_eq!(chunk.failed(1), Halved::Alone);
        assert_eq!(chunk.failed(1), Halved::Alone);
        assert_eq!(chunk.failed(1), Halved::All);
        chunk.went(1);
        assert_eq!(chunk.failed(1), Halved::Alone);
    }
}
