//! Feeds with an entry a line.

use super::{ReadError, Reading};
use crate::limits;

/// An entry first on each line.
pub(super) fn list(text: &[u8], reading: &mut Reading) -> Result<(), ReadError> {
    each(text, reading, |line, number, reading| {
        if line.starts_with("//") {
            return Ok(());
        }
        let line = line.split(['#', ';']).next().unwrap_or_default().trim();
        let mut words = line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next()) {
            (None, ..) => Ok(()),
            (Some(first), Some("-"), Some(last)) => {
                reading.entry(number, &format!("{first}-{last}"))
            }
            (Some(entry), ..) => reading.entry(number, entry),
        }
    })
}

/// A URL a line; hosts that are names are passed over, since a set of addresses can't hold them.
pub(super) fn urls(text: &[u8], reading: &mut Reading) -> Result<(), ReadError> {
    each(text, reading, |line, number, reading| {
        if line.is_empty() || line.starts_with(['#', ';']) {
            return Ok(());
        }
        let Some((_, rest)) = line.split_once("://") else {
            reading.bad(number, || "there is no URL".to_owned());
            return Ok(());
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = match host.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        if host.parse::<std::net::IpAddr>().is_ok() {
            return reading.entry(number, host);
        }
        Ok(())
    })
}

/// Calls for each line, trimmed, with its number; one that is too long or no text is a bad line.
pub(super) fn each(
    text: &[u8],
    reading: &mut Reading,
    mut of_line: impl FnMut(&str, u64, &mut Reading) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.len() > limits::FEED_LINE_BYTES_MAX {
            reading.bad(number, || format!("longer than {} bytes", limits::FEED_LINE_BYTES_MAX));
            continue;
        }
        match std::str::from_utf8(line) {
            Ok(line) => of_line(line.trim(), number, reading)?,
            Err(_) => reading.bad(number, || "no UTF-8".to_owned()),
        }
    }
    Ok(())
}
