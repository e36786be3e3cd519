//! Feeds in columns: comma, tab or another separator, with or without quotes.

use super::lines::each;
use super::{ReadError, Reading};

/// The entries of a column, or of two that hold a range's ends.
pub(super) fn columns(
    text: &[u8],
    separator: u8,
    (column, last): (usize, Option<usize>),
    reading: &mut Reading,
) -> Result<(), ReadError> {
    let separator = char::from(separator);
    each(text, reading, |line, number, reading| {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let value = |column| cell(line, separator, column);
        match (value(column), last.map(value)) {
            (Some(first), Some(Some(last))) => reading.entry(number, &format!("{first}-{last}")),
            (Some(entry), None) => reading.entry(number, entry),
            _ => {
                reading
                    .bad(number, || format!("there is no column {}", last.unwrap_or(column) + 1));
                Ok(())
            }
        }
    })
}

/// The value of a column, without quotes; a separator within quotes is text.
fn cell(line: &str, separator: char, column: usize) -> Option<&str> {
    let mut quoted = false;
    let mut cells = line.split(|character| {
        quoted ^= character == '"';
        character == separator && !quoted
    });
    Some(cells.nth(column)?.trim().trim_matches('"').trim())
}
