//! A slip in the name of a builder's function ends a file's run there, so that all behind it stays
//! unseen. For `check` it is put right in a copy of the text, and that is looked at: everything is
//! told at once, as if the slip were none.
//!
//! In: a file. Out: its notes, with places as in the file.

use super::finding::Note;
use super::load::Loader;
use super::parts::scan;
use super::settings::RuleFile;
use crate::limits;
use rhai::Position;
use std::sync::Arc;

/// A slip that was put right.
struct Mended {
    /// Where in the mended text.
    at: usize,
    line: usize,
    column: usize,
    /// How much longer the right name is, in bytes and in characters: names are ASCII.
    longer: isize,
}

impl Loader<'_> {
    /// Loads a file, with what is behind a slip where that is wanted.
    pub(super) fn load_file(&mut self, path: &Arc<str>, file: &RuleFile) -> Vec<Note> {
        let mut notes = self.load_once(path, file);
        let mut told = Vec::new();
        let mut mended: Vec<Mended> = Vec::new();
        let mut text = file.text.clone();
        while self.settings.analyse && told.len() < limits::RULE_SYNTAX_FAULTS_MAX {
            let found = notes.iter().enumerate().find_map(|(place, note)| {
                let (name, near) = slip(note)?;
                let (line, column) = (note.position.line()?, note.position.position()?);
                let at = scan::offset(&text, line, column)?;
                let stands = text.get(at..).is_some_and(|rest| rest.starts_with(name));
                let longer = near.len().cast_signed() - name.len().cast_signed();
                let mend = Mended { at, line, column, longer };
                stands.then(|| (place, mend, at..at + name.len(), near.to_owned()))
            });
            let Some((place, mend, range, near)) = found else { break };
            let mut note = notes.swap_remove(place);
            as_written(&mut note, &mended);
            told.push(note);
            text.replace_range(range, &near);
            mended.push(mend);
            notes = self.load_once(path, &RuleFile { path: file.path.clone(), text: text.clone() });
        }
        for note in &mut notes {
            as_written(note, &mended);
        }
        told.append(&mut notes);
        told
    }
}

/// The wrong name and the right one, of a note on a slip.
fn slip(note: &Note) -> Option<(&str, &str)> {
    let name = note.message.strip_prefix("there is no function `")?.strip_suffix('`')?;
    let near = note.hint.as_deref()?.strip_prefix("did you mean `")?.strip_suffix("`?")?;
    (note.code == "load").then_some((name, near))
}

/// Gives a note on the mended text its place in the file, the last mend first.
fn as_written(note: &mut Note, mended: &[Mended]) {
    for mend in mended.iter().rev() {
        let (line, column) = (note.position.line(), note.position.position());
        if let (Some(line), Some(column)) = (line, column)
            && line == mend.line
            && column > mend.column
        {
            let column = column.saturating_add_signed(-mend.longer);
            note.position = position(line, column).unwrap_or(note.position);
        }
        if let Some(span) = &mut note.span {
            for end in [&mut span.start, &mut span.end] {
                if *end > mend.at {
                    *end = end.saturating_add_signed(-mend.longer);
                }
            }
        }
    }
}

fn position(line: usize, column: usize) -> Option<Position> {
    Some(Position::new(u16::try_from(line).ok()?, u16::try_from(column).ok()?))
}
