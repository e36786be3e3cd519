//! Record text is data in every output: what a client wrote must not move a cursor, forge a log
//! line or hide behind bidirectional marks.

use crate::limits::SCRIPT_STRING_BYTES_MAX;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character may be shown as it is. Control characters (C0, C1, line breaks), the
/// bidirectional marks of UAX #9 and other invisible format characters may not.
fn is_plain(character: char) -> bool {
    !character.is_control()
        && !matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{061c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with everything that is not plain written as `\u{…}` (`\t`, `\n`, `\r` as such).
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            plain if is_plain(plain) => out.push(plain),
            other => {
                // Writing to a String can't fail.
                write!(out, "\\u{{{:x}}}", u32::from(other)).ok();
            }
        }
    }
    Cow::Owned(out)
}

/// JSON text with every character that is not plain as JSON's own `\u` escape. Outside of strings
/// JSON is plain, so the value stays the same.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if json.chars().all(is_plain) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_plain(character) {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String can't fail.
            write!(out, "\\u{unit:04x}").ok();
        }
    }
    Cow::Owned(out)
}

/// The bytes as escaped text, cut at `chars_max` characters with a mark.
pub fn escape_cut(bytes: &[u8], chars_max: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let escaped = escape(&text);
    match escaped.char_indices().nth(chars_max) {
        None => escaped.into_owned(),
        Some((end, _)) => format!("{}…", escaped.get(..end).unwrap_or_default()),
    }
}

/// How many of something, in words: `1 error`, `2 errors`, `2 entries`.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    match noun.strip_suffix('y') {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// The word of `known` that `word` was most likely meant to be: at most a third of its letters
/// (at least one, at most three) may differ; upper and lower case don't.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (edits(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, where swapping two neighbours counts as one edit; long words are cut.
fn edits(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at =
                |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let change = at(&last, j) + usize::from(from != to);
            let mut best = change.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// A text field as scripts see it: invalid UTF-8 replaced, cut at
/// `limits::SCRIPT_STRING_BYTES_MAX` with a mark. Borrowed where nothing had to be changed.
pub fn for_script(bytes: &[u8]) -> Cow<'_, str> {
    // Cut first: replacing invalid bytes makes text longer, so it is cut again after.
    let head = bytes.get(..SCRIPT_STRING_BYTES_MAX + 4).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    if text.len() <= SCRIPT_STRING_BYTES_MAX {
        return text;
    }
    let end = text.floor_char_boundary(SCRIPT_STRING_BYTES_MAX);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        let known = ["threshold", "window", "status", "path"];
        assert_eq!(nearest("treshold", known), Some("threshold"));
        assert_eq!(nearest("staut", known), None);
        assert_eq!(nearest("statsu", known), Some("status"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn control_and_bidi_characters_are_escaped() {
        assert_eq!(escape("plain ä 中"), "plain ä 中");
        assert_eq!(escape("a\x1b[2Jb\n\u{202e}c"), "a\\u{1b}[2Jb\\n\\u{202e}c");
        assert_eq!(
            escape_json("{\"a\":\"\u{202e}\u{e0001}ä\"}"),
            "{\"a\":\"\\u202e\\udb40\\udc01ä\"}"
        );
        assert_eq!(escape_cut(b"abcdef", 3), "abc…");
        assert_eq!(escape_cut(b"a\xff", 9), "a\u{fffd}");
    }
}
