//! An open document: its text as the editor has it, and the way between the editor's positions
//! (lines from 0, columns in UTF-16 units) and bytes.
//!
//! In: what was opened and how it changed. Out: text, offsets, positions. A position that isn't in
//! the text is taken to the nearest one that is.

use lsp_types::{Position, Range, TextDocumentContentChangeEvent};
use std::ops::Range as Bytes;
use std::path::PathBuf;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A rule file.
    Rules,
    /// A config.
    Config,
}

/// A document that an editor has open.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it is on disk, where it is on disk.
    pub path: Option<PathBuf>,
    /// What it is.
    pub language: Language,
    /// The editor's number of this state of it.
    pub version: i32,
    /// Its text.
    pub text: String,
    /// Where each line begins, in bytes.
    starts: Vec<usize>,
}

impl Document {
    /// A document as it was opened.
    pub fn new(path: Option<PathBuf>, language: Language, version: i32, text: String) -> Self {
        let starts = starts(&text);
        Self { path, language, version, text, starts }
    }

    /// Takes a change in: of a range, or of the whole text.
    pub fn apply(&mut self, change: TextDocumentContentChangeEvent) {
        match change.range {
            Some(range) => {
                let (a, b) = (self.offset(range.start), self.offset(range.end));
                self.text.replace_range(a.min(b)..a.max(b), &change.text);
            }
            None => self.text = change.text,
        }
        self.starts = starts(&self.text);
    }

    /// The byte at a position.
    pub fn offset(&self, position: Position) -> usize {
        let Some(&start) = self.starts.get(position.line as usize) else {
            return self.text.len();
        };
        let line = self.line(position.line as usize);
        let mut units = 0;
        for (at, character) in line.char_indices() {
            if units >= position.character as usize {
                return start + at;
            }
            units += character.len_utf16();
        }
        start + line.len()
    }

    /// The position of a byte.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        let units: usize = before.chars().map(char::len_utf16).sum();
        Position::new(number(line), number(units))
    }

    /// The range of some bytes.
    pub fn range(&self, bytes: &Bytes<usize>) -> Range {
        Range::new(self.position(bytes.start), self.position(bytes.end))
    }

    /// The byte of a place as findings have it: line from 1, column in characters from 1; a column
    /// of 0 is the line's first character that is no blank.
    pub fn offset_of_place(&self, line: usize, column: usize) -> usize {
        let Some(index) = line.checked_sub(1) else { return 0 };
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        let text = self.line(index);
        if column == 0 {
            return start + (text.len() - text.trim_start().len());
        }
        let in_line = text.char_indices().nth(column - 1).map_or(text.len(), |(at, _)| at);
        start + in_line
    }

    /// A line without its end.
    pub fn line(&self, index: usize) -> &str {
        let start = self.starts.get(index).copied().unwrap_or(self.text.len());
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r'])
    }
}

/// A count as the protocol writes it.
pub fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(text: &str) -> Document {
        Document::new(None, Language::Rules, 1, text.to_owned())
    }

    #[test]
    fn columns_are_counted_in_utf_16() {
        let document = document("let a = \"é😀x\";\r\n  b\n");
        let x = document.text.find('x').unwrap();
        assert_eq!(document.position(x), Position::new(0, 12));
        assert_eq!(document.offset(Position::new(0, 12)), x);
        // The middle of a surrogate pair is no place; the next one is taken.
        assert_eq!(document.offset(Position::new(0, 11)), x);
        assert_eq!(document.offset(Position::new(0, 99)), "let a = \"é😀x\";".len());
        assert_eq!(document.offset(Position::new(9, 0)), document.text.len());
        assert_eq!(document.offset_of_place(1, 12), x);
        assert_eq!(document.offset_of_place(2, 0), document.text.find('b').unwrap());
    }

    #[test]
    fn changes_of_ranges_are_taken_in() {
        let mut document = document("a😀b\nc\n");
        let change = |range, text: &str| TextDocumentContentChangeEvent {
            range,
            range_length: None,
            text: text.to_owned(),
        };
        let range = Range::new(Position::new(0, 3), Position::new(1, 1));
        document.apply(change(Some(range), "é\nd"));
        assert_eq!(document.text, "a😀é\nd\n");
        assert_eq!(document.position(document.text.find('d').unwrap()), Position::new(1, 0));
        document.apply(change(None, ""));
        assert_eq!(document.offset(Position::new(0, 5)), 0);
    }

    proptest! {
        #[test]
        fn every_character_has_one_position(text in "[a-zé😀\"\n\r ]{0,60}") {
            let document = document(&text);
            for (at, character) in text.char_indices().filter(|(_, c)| !"\n\r".contains(*c)) {
                prop_assert_eq!(document.offset(document.position(at)), at, "{:?}", character);
            }
        }

        #[test]
        fn no_change_breaks_it(text in "[aé😀\n]{0,20}", a in 0u32..6, b in 0u32..9, c in 0u32..6, d in 0u32..9) {
            let mut document = document(&text);
            let range = Range::new(Position::new(a, b), Position::new(c, d));
            let text = "ü\n".to_owned();
            document.apply(TextDocumentContentChangeEvent { range: Some(range), range_length: None, text });
            prop_assert!(document.text.contains('ü'));
        }
    }
}
