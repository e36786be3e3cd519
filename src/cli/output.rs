//! Standard output, in one place: a closed pipe ends the program quietly, colours only on a
//! terminal, record text always escaped.

use crate::event::text;
use std::io::{IsTerminal, Write};

/// Where a command's own output goes. Buffered; [`Output::finish`] flushes.
pub struct Output {
    out: std::io::BufWriter<std::io::Stdout>,
    colour: bool,
}

/// The reader of our output has gone (`riposte … | head`): stop, quietly.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has gone")]
pub struct Gone;

/// How a piece of text is shown on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Heads and names.
    Bold,
    /// What matters less.
    Dim,
    /// Something went wrong or somebody is blocked.
    Red,
    /// Something went well.
    Green,
    /// Something to look at.
    Yellow,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
        }
    }
}

impl Output {
    /// Standard output; coloured on a terminal that allows it.
    pub fn stdout() -> Self {
        let stdout = std::io::stdout();
        let colour = stdout.is_terminal() && crate::config::environment::colour_wanted();
        Self { out: std::io::BufWriter::new(stdout), colour }
    }

    /// Whether colours and other marks for a terminal are wanted.
    pub const fn colour(&self) -> bool {
        self.colour
    }

    /// A line of text that we made; text from outside goes through [`Output::escaped`] first.
    pub fn line(&mut self, line: impl AsRef<str>) -> Result<(), Gone> {
        writeln!(self.out, "{}", line.as_ref()).map_err(|_| Gone)
    }

    /// A value as one line of JSON, with what must not reach a terminal as `\u` escapes.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Gone> {
        let json = serde_json::to_string(value).map_err(|_| Gone)?;
        writeln!(self.out, "{}", text::escape_json(&json)).map_err(|_| Gone)
    }

    /// Bytes from outside as they are; on a terminal escaped, and with a line's end.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if std::io::stdout().is_terminal() {
            let text = String::from_utf8_lossy(bytes);
            for line in text.lines() {
                writeln!(self.out, "{}", text::escape(line)).map_err(|_| Gone)?;
            }
            return Ok(());
        }
        self.out.write_all(bytes).map_err(|_| Gone)
    }

    /// The text in a style, where colours are wanted.
    pub fn styled(&self, style: Style, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        if self.colour && style != Style::Plain {
            format!("{}{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> Result<(), Gone> {
        self.out.flush().map_err(|_| Gone)
    }
}

/// A number for people: `1,234,567`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many things for people: `1 hit`, `2 hits`.
pub fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", number(count))
}

/// So many a second.
pub fn rate(count: u64, took: std::time::Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000 / took.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Rows with aligned columns; the last column is as wide as it wants. Widths count characters.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| visible_len(cell))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let last = row.len().saturating_sub(1);
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column != last {
                let pad = widths.get(column).copied().unwrap_or(0) - visible_len(cell) + 2;
                line.extend(std::iter::repeat_n(' ', pad));
            }
        }
        line
    };
    rows.iter().map(line).collect()
}

/// Characters of a cell without colour codes.
fn visible_len(cell: &str) -> usize {
    let mut count = 0;
    let mut in_code = false;
    for character in cell.chars() {
        match character {
            '\x1b' => in_code = true,
            'm' if in_code => in_code = false,
            _ if !in_code => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        let said = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "hit"), counted(0, "hit")), ("1 hit".into(), "0 hits".into()));
    }

    #[test]
    fn columns_align_also_with_colours() {
        let rows = vec![
            vec!["\x1b[31mred\x1b[0m".to_owned(), "x".to_owned()],
            vec!["longer".to_owned(), "y".to_owned()],
        ];
        let lines = table(&rows);
        assert_eq!(lines[1], "longer  y");
        assert!(lines[0].ends_with("     x"), "{:?}", lines[0]);
    }
}
