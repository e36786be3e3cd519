//! Going on after a fault of a rule file, only to find the faults behind it: what can't be parsed is
//! left out and the rest parsed again; what fails while the file runs is skipped statement by
//! statement. Such a file contributes nothing, whatever else is in it.
//!
//! In: a file's text. Out: a tree, a run, and every fault with its place.

use super::context::lock;
use super::fault::{FaultKind, explain, innermost};
use super::finding::Note;
use super::load::Loader;
use super::parts::scan;
use super::syntax_words::parse_note;
use crate::limits;
use rhai::{AST, Engine, EvalAltResult, Position, Scope, Stmt};
use std::collections::BTreeSet;
use std::ops::Range;

/// Words that begin a declaration where they stand at the beginning of a line.
const BEGINNINGS: &[&str] = &["rule", "test", "every", "cron", "let", "const", "fn", "private"];

/// What is said of a fault of ours.
const INTERNAL: &str = "an internal error ended loading it; please report this";

/// Runs what a file declares; a panic below becomes a finding at this place.
pub(super) fn guarded<T>(position: Position, work: impl FnOnce() -> T) -> Result<T, Vec<Note>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .map_err(|_| vec![Note::error("internal", position, INTERNAL.to_owned())])
}

/// Parses a file; where it has faults of syntax, what could be parsed without the declarations that
/// hold them, and the faults.
pub(super) fn compile(engine: &Engine, text: &str) -> (Option<AST>, Vec<Note>) {
    let mut notes: Vec<Note> = Vec::new();
    let mut rest = text.to_owned();
    for _ in 0..limits::RULE_SYNTAX_FAULTS_MAX {
        let error = match engine.compile(&rest) {
            Ok(ast) => return (Some(ast), notes),
            Err(error) => error,
        };
        let note = parse_note(&error, text);
        let position = error.position();
        let line = position.line().unwrap_or(usize::MAX);
        let column = position.position().unwrap_or(1);
        let at = scan::offset(text, line, column);
        let first = notes.is_empty();
        // A bracket that is nowhere closed is told at the end of the text, where nothing can be
        // left out for it; what is found behind another fault may come of leaving that out.
        let found = at.filter(|at| rest.get(*at..).is_some_and(|rest| !rest.trim().is_empty()));
        if first || (found.is_some() && !notes.iter().any(|known| known.position == note.position))
        {
            notes.push(note);
        }
        let chunk = found.map(|at| declaration(text, at));
        match chunk.and_then(|chunk| blank(&mut rest, chunk)) {
            Some(()) => {}
            None => break,
        }
    }
    (None, notes)
}

/// The declaration that holds a byte of the text.
fn declaration(text: &str, at: usize) -> Range<usize> {
    let mut start = 0;
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let begins = BEGINNINGS
            .iter()
            .any(|word| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(['(', ' '])));
        if begins && line_start > at {
            return start..line_start;
        }
        if begins {
            start = line_start;
        }
        line_start += line.len();
    }
    start..text.len()
}

/// Puts blanks in the place of a part of the text, character by character, so that places stay;
/// none where there are only blanks.
fn blank(text: &mut String, part: Range<usize>) -> Option<()> {
    let old = text.get(part.clone())?;
    if old.trim().is_empty() {
        return None;
    }
    let new: String = old.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
    let mut rest = text.get(..part.start)?.to_owned();
    rest.push_str(&new);
    // Wide characters became one byte: what follows keeps line and column, which is all we need,
    // but bytes must stay too for the next fault.
    let lost = old.len() - new.len();
    let newline = rest.rfind('\n').filter(|at| *at >= part.start);
    rest.insert_str(newline.unwrap_or(rest.len()), &" ".repeat(lost));
    rest.push_str(text.get(part.end..)?);
    *text = rest;
    Some(())
}

impl Loader<'_> {
    /// Runs what a file declares, each statement by itself: those after a failed one run too.
    pub(super) fn run_apart(&self, ast: &AST) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut scope = Scope::new();
        let mut lost: BTreeSet<String> = BTreeSet::new();
        for stmt in ast.statements() {
            let mut one = AST::new([stmt.clone()], ast.shared_lib().clone());
            one.set_source(ast.source().unwrap_or_default());
            let outcome =
                guarded(stmt.position(), || self.engine.run_ast_with_scope(&mut scope, &one));
            match outcome {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => {
                    let (inner, ..) = innermost(&error, Position::NONE, "");
                    if explain(inner, &|name| self.evaluator.knows(name)).0 == FaultKind::Limit {
                        // What grows without end isn't looked at any further.
                        lock(&self.collector).drafts.clear();
                        notes.push(self.error_note(&error));
                        break;
                    }
                    // What a failed `let` should have made is no second fault.
                    let of_lost = matches!(inner, EvalAltResult::ErrorVariableNotFound(name, _) if lost.contains(name));
                    if !of_lost {
                        notes.push(self.error_note(&error));
                    }
                }
                Err(found) => notes.extend(found),
            }
            if let Stmt::Var(parts, _, _) = stmt {
                lost.insert(parts.0.name.to_string());
            }
        }
        notes
    }
}
