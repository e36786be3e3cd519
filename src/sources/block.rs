//! A piece of a stream that ends at a line's end: what one thread reads and any other may split.
//!
//! In: bytes with their place. Out: batches of records, a bounded number in each.

use super::lines;
use crate::clock::Timestamp;
use crate::event::{Batch, Origin};
use crate::telemetry::{counter, names};
use bytes::Bytes;
use std::sync::Arc;

/// Lines that were read together and not looked at yet.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) origin: Arc<Origin>,
    pub(super) arrival: Timestamp,
    /// Whole lines; the last one may lack its break at the stream's end.
    pub(super) bytes: Bytes,
    /// The stream offset of the first byte.
    pub(super) base: u64,
    /// What it covers of the stream: more than its bytes where a line was too long to be kept.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The number of the first line, counted from 1.
    pub(super) first_line: u64,
}

impl Block {
    /// Its lines in batches, in order.
    pub fn batches(self) -> Batches {
        Batches { from: self.from, line: self.first_line, at: 0, block: self }
    }
}

/// The batches of a block.
#[derive(Debug)]
pub struct Batches {
    block: Block,
    /// The place in the block's bytes where the next batch begins.
    at: usize,
    /// The same in the stream.
    from: u64,
    line: u64,
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let block = &self.block;
        if self.at >= block.bytes.len() {
            return None;
        }
        let bytes = block.bytes.slice(self.at..);
        let mut records = Vec::with_capacity(bytes.len() / 128 + 1);
        let base = block.base + self.at as u64;
        let split = lines::split(&bytes, base, true, &mut records);
        counter(names::RECORDS_TRUNCATED).add(split.truncated);
        self.at += split.consumed.max(1);
        let last = self.at >= block.bytes.len();
        let (from, to) = (self.from, if last { block.to } else { block.base + self.at as u64 });
        let first_line = self.line;
        self.from = to;
        self.line += records.len() as u64;
        let mut batch = lines::batch(&block.origin, bytes, records, from, to);
        batch.first_line = first_line;
        batch.arrival = block.arrival;
        Some(batch)
    }
}
