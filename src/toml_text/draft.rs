//! A text with its faults taken out one by one, only to find the faults behind them: a word that was
//! nearly right is put right, what can't be is blanked.
//!
//! In: the text and a fault's place. Out: a text that says as much as possible of what was meant,
//! and which further faults only come of what was blanked. Lines stay where they are.

use std::ops::Range;

/// A text on its way to one without faults.
pub(super) struct Draft {
    /// As it is now.
    pub text: String,
    /// Keys whose lines were blanked.
    keys: Vec<String>,
    /// Tables that were blanked.
    tables: Vec<String>,
    /// Where in a line something became longer or shorter: line, column behind it, by how much.
    shifts: Vec<(usize, usize, isize)>,
}

impl Draft {
    /// The text as it was written.
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), keys: Vec::new(), tables: Vec::new(), shifts: Vec::new() }
    }

    /// Whether nothing was blanked yet.
    pub fn is_whole(&self) -> bool {
        self.keys.is_empty() && self.tables.is_empty()
    }

    /// Line and column of a byte in the text as it was written, both counted from 1.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let (line, column) = place(&self.text, at);
        self.shifted(line, column)
    }

    /// A place of the draft as a place of the text as it was written.
    pub fn shifted(&self, line: usize, column: usize) -> (usize, usize) {
        let shifts = self.shifts.iter().filter(|shift| shift.0 == line && column >= shift.1);
        let shift: isize = shifts.map(|shift| shift.2).sum();
        (line, column.saturating_add_signed(-shift))
    }

    /// Puts another word in the place of one, where the text stays readable with it.
    pub fn replace(&mut self, span: Range<usize>, word: &str) -> bool {
        let Some(old) = self.text.get(span.clone()) else { return false };
        let quoted = old.starts_with(['"', '\'']);
        let new = if quoted { format!("\"{word}\"") } else { word.to_owned() };
        let longer = new.chars().count().cast_signed() - old.chars().count().cast_signed();
        let mut text = self.text.clone();
        text.replace_range(span.clone(), &new);
        // A key that is there already can't be there twice.
        if toml::from_str::<toml::Table>(&text).is_err() {
            return false;
        }
        let (line, column) = place(&text, span.start + new.len());
        self.text = text;
        self.shifts.push((line, column, longer));
        true
    }

    /// Blanks the line that holds byte `at`; of the head of a table, the table with it. False where
    /// there is nothing left to blank.
    pub fn blank(&mut self, at: usize) -> bool {
        let start = line_start(&self.text, at);
        let Some(from_here) = self.text.get(start..) else { return false };
        if is_head(from_here) {
            return self.blank_table(at);
        }
        let line = from_here.split_inclusive('\n').next().unwrap_or_default();
        let key = line.split('=').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        let (key, range) = (key.to_owned(), start..start + line.len());
        // Where the value goes on over lines, all of it goes.
        let range = if self.reads_without(range.clone()) { range } else { self.value(start) };
        self.keys.push(key);
        self.blank_range(range)
    }

    /// Blanks the table that holds byte `at`, with its head.
    pub fn blank_table(&mut self, at: usize) -> bool {
        let Some(range) = self.table(at) else { return false };
        self.tables.extend(self.text.get(range.clone()).map(str::to_owned));
        self.blank_range(range)
    }

    /// Whether a line of the table that holds byte `at` was blanked, so that a key that is missing
    /// in it may be the one.
    pub fn misses_a_line(&self, original: &str, at: usize) -> bool {
        let Some(table) = self.table(at) else { return !self.keys.is_empty() };
        let first = place(&self.text, table.start).0;
        let last = place(&self.text, table.end).0;
        let lines = original.lines().zip(self.text.lines()).skip(first - 1).take(last - first + 1);
        lines.into_iter().any(|(was, is)| !was.trim().is_empty() && is.trim().is_empty())
    }

    /// Whether a fault of values speaks of what was blanked, so that it may come of that alone.
    pub fn may_cause(&self, words: &str) -> bool {
        let message = words.split("\nhint: ").next().unwrap_or_default();
        message.split('`').skip(1).step_by(2).any(|token| {
            let key = token.split(['=', ' ']).next().unwrap_or(token);
            let name = token.rsplit(':').next().unwrap_or(token);
            self.keys.iter().any(|blanked| blanked == key)
                || self.tables.iter().any(|table| {
                    [token, name].iter().any(|word| {
                        table.contains(&format!("\"{word}\""))
                            || table.contains(&format!("'{word}'"))
                    })
                })
        })
    }

    fn table(&self, at: usize) -> Option<Range<usize>> {
        let mut start = line_start(&self.text, at);
        while !is_head(self.text.get(start..)?) {
            start = line_start(&self.text, start.checked_sub(1)?);
        }
        let rest = self.text.get(start..)?;
        let mut end = start;
        for (number, line) in rest.split_inclusive('\n').enumerate() {
            if number > 0 && is_head(line) {
                break;
            }
            end += line.len();
        }
        Some(start..end)
    }

    /// From a line to the line before the next key or head.
    fn value(&self, start: usize) -> Range<usize> {
        let rest = self.text.get(start..).unwrap_or_default();
        let mut end = start;
        for (number, line) in rest.split_inclusive('\n').enumerate() {
            end += line.len();
            if number > 0 && self.reads_without(start..end) {
                break;
            }
        }
        start..end
    }

    fn reads_without(&self, range: Range<usize>) -> bool {
        let mut text = self.text.clone();
        blank_range(&mut text, range) && toml::from_str::<toml::Table>(&text).is_ok()
    }

    fn blank_range(&mut self, range: Range<usize>) -> bool {
        blank_range(&mut self.text, range)
    }
}

/// Puts blanks in the place of a part, byte by byte; false where it is blank already.
fn blank_range(text: &mut String, range: Range<usize>) -> bool {
    let Some(part) = text.get(range.clone()).filter(|part| !part.trim().is_empty()) else {
        return false;
    };
    let blank: String = part
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(range, &blank);
    true
}

/// Whether a line is the head of a table.
pub(super) fn is_head(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default().trim();
    // The rest of a list over lines begins with a bracket too, but ends a head's way only by chance.
    line.starts_with('[') && line.split('#').next().unwrap_or_default().trim_end().ends_with(']')
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Line and column of a byte, counted from 1.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = line_start(text, at);
    let column = before.get(start..).map_or(0, |part| part.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}
