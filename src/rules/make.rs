//! From what a file said to what runs: closures are looked up in the file, keys and windows are
//! judged. Small judgements on texts and names that load needs are here too.

use super::context::{Run, ScriptFn};
use super::draft::{Closure, Draft, KeyPartDraft, Quantity, WindowDraft};
use super::evaluate::Evaluator;
use super::finding::Note;
use super::keys::{FieldName, KeyPartSpec, KeySpec};
use super::load::FileDraft;
use super::lower;
use super::rule::{PureFn, QuantitySpec};
use super::syntax;
use crate::limits;
use crate::windows::WindowSpec;
use rhai::Position;
use std::path::Path;
use std::sync::Arc;

/// Makes the parts of one file's rules.
pub(super) struct Maker<'m> {
    pub file: &'m FileDraft,
    pub evaluator: &'m Evaluator,
    pub notes: &'m mut Vec<Note>,
}

impl Maker<'_> {
    fn error(&mut self, code: &'static str, position: Position, message: impl Into<String>) {
        self.notes.push(Note::error(code, position, message.into()).split_hint());
    }

    /// The function behind a closure that is called with `arguments` values; a closure that takes
    /// none of one value is fine too.
    pub(super) fn function(
        &mut self,
        closure: &Closure,
        arguments: usize,
        what: &str,
    ) -> Option<ScriptFn> {
        let captured = closure.captured.len();
        let arities: Vec<usize> = syntax::arities(&self.file.unit.ast, &closure.name)
            .into_iter()
            .filter_map(|count| count.checked_sub(captured))
            .collect();
        let arity = arities
            .iter()
            .copied()
            .find(|arity| *arity == arguments)
            .or_else(|| arities.first().copied());
        let takes_argument = match arity {
            Some(arity) if arity == arguments => arguments > 0,
            Some(0) => false,
            Some(arity) => {
                self.error(
                    "bad-closure",
                    closure.position,
                    format!(
                        "the closure of `{what}` takes {arity} values, but it is given {arguments}"
                    ),
                );
                return None;
            }
            None => {
                self.error(
                    "bad-closure",
                    closure.position,
                    format!("`{}` is no function of this file", closure.name),
                );
                return None;
            }
        };
        Some(ScriptFn {
            unit: Arc::clone(&self.file.unit),
            name: closure.name.clone(),
            captured: closure.captured.clone(),
            takes_argument,
            position: closure.position,
        })
    }

    /// A pure closure of one value, the event.
    pub(super) fn pure(&mut self, closure: &Closure, what: &str) -> Option<PureFn> {
        let function = self.function(closure, 1, what)?;
        let run = Run {
            unit: Arc::clone(&self.file.unit),
            lookups: Arc::clone(&self.evaluator.lookups),
            body: None,
        };
        let mut closure = PureFn { function, run: Arc::new(run), native: None };
        if what != "when" {
            closure.native =
                lower::draws(&closure, what == "by").ok().map(|draws| draws.into_iter().collect());
        }
        Some(closure)
    }

    /// The key of a rule.
    pub(super) fn key(&mut self, draft: &Draft) -> KeySpec {
        let Some((parts, position)) = &draft.key else {
            return KeySpec::default();
        };
        let mut specs = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                KeyPartDraft::Field(field) => {
                    specs.push(KeyPartSpec::Field(FieldName::new(field)));
                }
                KeyPartDraft::Prefix { field, v4: Some(v4), v6: Some(v6) } => {
                    specs.push(KeyPartSpec::Prefix {
                        field: FieldName::new(field),
                        v4: *v4,
                        v6: *v6,
                    });
                }
                KeyPartDraft::Prefix { .. } => {
                    self.error(
                        "bad-key",
                        *position,
                        "`prefix` takes 1 to 32 bits for IPv4 and 1 to 128 for IPv6",
                    );
                }
                KeyPartDraft::Closure(closure) => {
                    specs.extend(self.pure(closure, "by").map(KeyPartSpec::Closure));
                }
            }
        }
        KeySpec(specs)
    }

    /// The window of a rule, with what it looks at.
    pub(super) fn window(
        &mut self,
        window: &WindowDraft,
        position: Position,
    ) -> (WindowSpec, Vec<PureFn>, Option<QuantitySpec>) {
        if let Err(text) = window.spec.check() {
            self.error("bad-window", position, text);
        }
        let tests = window.tests.iter().filter_map(|test| self.pure(test, "the window")).collect();
        let quantity = match &window.quantity {
            None => None,
            Some(Quantity::Field(field)) => Some(QuantitySpec::Field(FieldName::new(field))),
            Some(Quantity::Closure(closure)) => {
                self.pure(closure, "the window").map(QuantitySpec::Closure)
            }
        };
        (window.spec, tests, quantity)
    }
}

/// A file that is too long is not even parsed.
pub(super) fn check_size(text: &str) -> Result<(), Vec<Note>> {
    if text.len() <= limits::RULE_FILE_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "the file has `{}` bytes, more than the limit of `{}`",
        text.len(),
        limits::RULE_FILE_BYTES_MAX
    );
    Err(vec![Note::error("too-long", Position::NONE, message)])
}

/// The header of a file: its first `//!` lines, joined.
pub(super) fn header(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// A file's name without folder and ending (`wordpress` of `rules/wordpress.rhai`).
pub(super) fn stem(path: &str) -> &str {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or(path)
}

/// Whether a rule may be called that: its name goes into the config, paths of URLs and metrics.
pub(super) fn is_rule_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(good)
}
