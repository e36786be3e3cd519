//! Memory of blocks that were given, for the blocks to come: a new block costs the system more than
//! reading it does, where memory is given back and asked for again each time.
//!
//! In: blocks as they are given. Out: the memory of one that nobody holds any more.

use crate::limits;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// The blocks that were given last.
#[derive(Debug, Default)]
pub(super) struct Spent(VecDeque<Bytes>);

impl Spent {
    /// Room for a block; what stands in it means nothing.
    pub(super) fn room(&mut self) -> BytesMut {
        // Whoever holds a block longer than others hold theirs keeps none of them from use.
        let free = self.0.iter().position(Bytes::is_unique);
        let block = free.and_then(|place| self.0.remove(place));
        block.and_then(|block| block.try_into_mut().ok()).unwrap_or_default()
    }

    /// Takes note of a block that is given away.
    pub(super) fn give(&mut self, block: &Bytes) {
        if self.0.len() >= limits::REPLAY_BLOCKS_SPENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(block.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_holds_it() {
        let mut spent = Spent::default();
        assert!(spent.room().is_empty());
        let block = Bytes::from(vec![7; 1_000]);
        let place = block.as_ptr();
        spent.give(&block);
        let held = block.slice(10..20);
        drop(block);
        assert!(spent.room().is_empty(), "a part of it is still held");
        assert_eq!(held[..], [7; 10]);
        drop(held);
        let room = spent.room();
        assert_eq!((room.as_ptr(), room.len()), (place, 1_000));
        assert!(spent.room().is_empty(), "it is given once");
    }

    #[test]
    fn few_blocks_are_kept() {
        let mut spent = Spent::default();
        for _ in 0..3 * limits::REPLAY_BLOCKS_SPENT_MAX {
            spent.give(&Bytes::from(vec![0; 10]));
        }
        assert_eq!(spent.0.len(), limits::REPLAY_BLOCKS_SPENT_MAX);
    }
}
