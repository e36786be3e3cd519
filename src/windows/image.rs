//! The bytes of a saved shard, and of what belongs to no rule.

use crate::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// What opens the bytes of an image.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) seed: u64,
    /// Only in the image that belongs to no rule.
    pub(super) watermark: Option<Timestamp>,
}

/// The content of the image that belongs to no rule: up to when windows have been forgotten.
pub(super) fn settled_content(settled: Option<Timestamp>) -> Vec<u8> {
    // Serialising plain data into memory can't fail.
    postcard::to_stdvec(&settled).unwrap_or_default()
}

/// What [`settled_content`] wrote. Older files have one byte there, which says that nobody knows.
pub(super) fn settled_of(content: &[u8]) -> Option<Timestamp> {
    postcard::from_bytes(content).ok().flatten()
}

/// An image: how far time was, then the content; nothing for no content.
pub(super) fn with_header(seed: u64, watermark: Option<Timestamp>, content: &[u8]) -> Vec<u8> {
    if content.is_empty() {
        return Vec::new();
    }
    // Serialising plain data into memory can't fail.
    let mut bytes = postcard::to_stdvec(&Header { seed, watermark }).unwrap_or_default();
    bytes.extend_from_slice(content);
    bytes
}
