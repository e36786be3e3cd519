//! Text as a batch of records, as a source would give it.

use crate::clock::Timestamp;
use crate::event::{Batch, Origin, RecordSpan, Value};
use crate::limits;
use bytes::Bytes;
use std::sync::Arc;

/// Lines of text as a batch that continues the stream at `from`.
pub fn batch_of(text: &str, from: u64, arrival: Timestamp) -> Batch {
    let block = Bytes::copy_from_slice(text.as_bytes());
    let mut records = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let kept = line.len().min(limits::RECORD_BYTES_MAX);
        if !line.trim().is_empty()
            && let (Ok(first), Ok(len)) = (u32::try_from(start), u32::try_from(kept))
        {
            let offset = from + start as u64;
            let truncated = kept < line.len();
            records.push(RecordSpan { start: first, len, offset, truncated });
        }
        start += line.len() + 1;
    }
    let origin = Arc::new(Origin { source: "test".into(), stream: "test".into() });
    let to = from + text.len() as u64 + 1;
    // Stamps without a year are read as of their arrival; a test's lines come "now".
    let arrival = if arrival == Timestamp::EPOCH { crate::clock::now() } else { arrival };
    Batch { origin, arrival, block, records, from, to, first_line: 1 }
}

/// An address of an event made by hand may be text.
pub(super) fn address(name: &str, value: Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => crate::event::net::parse_ip(text.as_bytes())
            .map(Value::ip)
            .ok_or_else(|| format!("`{name}`: `{text}` is no address")),
        other => Ok(other),
    }
}
