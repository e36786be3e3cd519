//! Text on a terminal: its width, lines that are wrapped or cut to it, bars and time lines.

use crate::clock::Timestamp;
use crate::limits::REPORT_BUCKETS;
use crate::pipeline::report::{Frame, Lane};
use std::io::IsTerminal;

/// How wide the output may be: the terminal's columns, between 60 and 140; 80 where it is none.
pub(super) fn width() -> usize {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return 80;
    }
    rustix::termios::tcgetwinsize(&stdout)
        .map_or(80, |size| usize::from(size.ws_col))
        .clamp(60, 140)
}

/// The text cut to so many characters, with a mark.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.char_indices().nth(most).is_none() {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// The text in lines of at most `width` characters, later ones indented.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let long = line.chars().count() + 1 + word.chars().count();
        if !line.trim().is_empty() && long > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            line.push_str(word);
        } else {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.push(line);
    lines
}

/// A bar of at most `width` blocks; something that is not nothing has one.
pub(super) fn bar(value: u64, most: u64, width: usize) -> String {
    if value == 0 || most == 0 {
        return String::new();
    }
    let blocks = value.saturating_mul(width as u64) / most;
    "█".repeat(usize::try_from(blocks).unwrap_or(width).clamp(1, width))
}

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A client's requests over time, before and after it would have been stopped.
pub(super) fn time_line(lane: &Lane, frame: &Frame, stopped: Timestamp) -> (String, String) {
    // Two buckets a character.
    let each = |pair: usize| -> u32 {
        let of = |side: &[u16; REPORT_BUCKETS]| -> u32 {
            side.get(pair * 2..pair * 2 + 2).unwrap_or_default().iter().map(|n| u32::from(*n)).sum()
        };
        of(&lane.good) + of(&lane.bad)
    };
    let most = (0..REPORT_BUCKETS / 2).map(each).max().unwrap_or(0).max(1);
    let level = |pair: usize| match each(pair) {
        0 => ' ',
        some => {
            // The square root: a few requests beside a flood are seen.
            let part = (f64::from(some) / f64::from(most)).sqrt() * 7.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
            let place = part.round() as usize;
            LEVELS.get(place).copied().unwrap_or('█')
        }
    };
    let at = frame.bucket(stopped) / 2;
    let before = (0..at).map(level).collect();
    let after = (at..REPORT_BUCKETS / 2).map(level).collect();
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        let lines = wrap("one two three four", 9, 2);
        assert_eq!(lines, ["one two", "  three", "  four"]);
        assert_eq!(bar(1, 1_000, 10), "█");
        assert_eq!(bar(0, 1_000, 10), "");
        assert_eq!(bar(1_000, 1_000, 3), "███");
    }
}
