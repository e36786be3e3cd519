//! Texts as services take them: cut with a mark, and free of what a service would read as more than
//! words. What reaches this has been through [`crate::actions::message::neutralise`].

use crate::event::text::escape;
use crate::limits::MESSAGE_REFUSAL_BYTES_MAX;

/// Ends a text that was cut.
const MARK: char = '…';

/// At most so many characters (as UTF-16 counts them, which is what most services do), the last one a
/// mark where it was cut.
pub(super) fn cut(text: &str, most: usize) -> String {
    let units = |text: &str| text.chars().map(char::len_utf16).sum::<usize>();
    if units(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let mut out: String = text
        .chars()
        .take_while(|character| {
            let fits = character.len_utf16() <= left;
            left = left.saturating_sub(character.len_utf16());
            fits
        })
        .collect();
    out.push(MARK);
    out
}

/// At most so many bytes, the same way.
pub(super) fn cut_bytes(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = most.saturating_sub(MARK.len_utf8());
    let end = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut out: String = text.get(..end).unwrap_or_default().to_owned();
    out.push(MARK);
    out
}

/// What somebody answered, as an error may tell it: a line, and short.
pub(super) fn shown(answer: &str) -> String {
    cut_bytes(&escape(answer.trim()), MESSAGE_REFUSAL_BYTES_MAX)
}

/// For Slack, whose text has three signs that mean something wherever they stand (Formatting text for
/// app surfaces, "Escaping text").
pub(super) fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// For Discord, which reads Markdown: its signs are escaped.
pub(super) fn discord(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '#' | '[' | ']' | '(' | ')' | '<' | ':'
        ) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_as_services_count() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        // Two units each.
        assert_eq!(cut("😀😀", 4), "😀😀");
        assert_eq!(cut("😀😀", 3), "😀…");
        assert_eq!(cut_bytes("ääää", 8), "ääää");
        assert_eq!(cut_bytes("ääää", 7), "ää…");
        assert!(shown(&"x\n".repeat(500)).len() <= MESSAGE_REFUSAL_BYTES_MAX);
    }

    #[test]
    fn signs_are_words() {
        assert_eq!(
            slack("<!channel> & <https://x|y>"),
            "&lt;!channel&gt; &amp; &lt;https://x|y&gt;"
        );
        assert_eq!(discord("**x** [a](b)"), r"\*\*x\*\* \[a\]\(b\)");
    }
}
