//! Words that leave riposte: what a client wrote is data there too.

use crate::event::text::escape;
use crate::limits::DRY_RUN_CALL_BYTES_MAX;

/// A message for people with control characters escaped, and markup and mentions of chat services
/// made harmless: `@everyone` pings nobody, `<…>` and `](…)` link nowhere.
pub(super) fn neutralise(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let escaped = escape(message);
    let mut characters = escaped.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            // A word joiner after the sign ends the mention and shows nothing.
            '@' => out.push_str("@\u{2060}"),
            '<' => out.push('‹'),
            '>' => out.push('›'),
            ']' if characters.peek() == Some(&'(') => out.push_str("] "),
            other => out.push(other),
        }
    }
    out
}

/// The text of a call for a dry run, cut to what the journal takes.
pub(super) fn call_text(text: &str) -> String {
    if text.len() <= DRY_RUN_CALL_BYTES_MAX {
        return text.to_owned();
    }
    let end =
        (0..=DRY_RUN_CALL_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let (start, rest) = text.split_at(end);
    format!("{start}… ({} bytes more)", rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_mentioned_and_nothing_is_linked() {
        assert_eq!(
            neutralise("@everyone <!here> [x](http://e) \u{1b}[2J\n"),
            "@\u{2060}everyone ‹!here› [x] (http://e) \\u{1b}[2J\\n"
        );
    }

    #[test]
    fn a_long_call_is_cut_with_a_mark() {
        let cut = call_text(&"ä".repeat(DRY_RUN_CALL_BYTES_MAX));
        assert!(cut.ends_with("bytes more)"));
        assert!(cut.len() < DRY_RUN_CALL_BYTES_MAX + 40);
    }
}
