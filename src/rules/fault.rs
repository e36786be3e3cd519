//! Why a predicate, key or body ended early, and whether the event could have caused it.
//!
//! In: Rhai's error. Out: a [`Fault`] with its place and words for people. What a fault leads to
//! (skip the hit, count, shadow) is the engine's to decide, by its kind.

use super::context::Unit;
use crate::limits;
use rhai::{EvalAltResult, Position};
use std::fmt;
use std::sync::Arc;

/// What kind of fault it is; decides what it may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A limit was reached (operations, sizes, depth, asks). The hit is skipped; an event may have
    /// caused it, so the rule stays as it is.
    Limit,
    /// A value was not what the code can work with. The event may have caused it, so the rule
    /// stays as it is.
    Value,
    /// The code names something that doesn't exist, whatever the event holds: the rule goes to
    /// shadow, with an alarm.
    Defect,
}

/// Why a predicate, key or body ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// What went wrong: lowercase, values in backticks.
    pub message: String,
    /// The file that it happened in (a rule file or a plugin's).
    pub file: Arc<str>,
    /// The line, 0 where it is not known.
    pub line: usize,
    /// The column, 0 where it is not known.
    pub column: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
        }
    }
}

impl Fault {
    /// From Rhai's error, thrown while code of `unit` ran; `known` tells whether any function of
    /// that name exists.
    pub(super) fn new(error: &EvalAltResult, unit: &Unit, known: &dyn Fn(&str) -> bool) -> Self {
        let (error, position, source) = innermost(error, Position::NONE, "");
        let file = if source.is_empty() { Arc::clone(&unit.file) } else { Arc::from(source) };
        let (kind, message) = explain(error, known);
        Self {
            kind,
            message,
            file,
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
        }
    }

    /// A value fault of ours at a place in `unit`.
    pub(super) fn value(message: String, unit: &Unit, position: Position) -> Self {
        Self {
            kind: FaultKind::Value,
            message,
            file: Arc::clone(&unit.file),
            line: position.line().unwrap_or(0),
            column: position.position().unwrap_or(0),
        }
    }

    /// A panic in a native function, caught: a fault of ours, not of the rule.
    pub(super) fn panicked(unit: &Unit) -> Self {
        Self::value(
            "an internal error ended it; please report this".to_owned(),
            unit,
            Position::NONE,
        )
    }
}

/// The error that began it, with the deepest place that is known and the source it lies in.
pub(super) fn innermost<'e>(
    error: &'e EvalAltResult,
    outer: Position,
    source: &'e str,
) -> (&'e EvalAltResult, Position, &'e str) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, inside, inner, position) => {
            let position = if position.is_none() { outer } else { *position };
            innermost(inner, position, if inside.is_empty() { source } else { inside })
        }
        EvalAltResult::ErrorInModule(_, inner, position) => {
            innermost(inner, if position.is_none() { outer } else { *position }, source)
        }
        _ => {
            let own = error.position();
            (error, if own.is_none() { outer } else { own }, source)
        }
    }
}

/// The kind and the words of an error.
pub(super) fn explain(error: &EvalAltResult, known: &dyn Fn(&str) -> bool) -> (FaultKind, String) {
    use EvalAltResult as E;
    let limit = |text: String| (FaultKind::Limit, text);
    match error {
        E::ErrorTooManyOperations(_) => {
            limit("it takes more operations than the limit allows".to_owned())
        }
        E::ErrorTooManyVariables(_) => limit(format!(
            "more than `{}` variables are alive at once",
            limits::SCRIPT_VARIABLES_MAX
        )),
        E::ErrorStackOverflow(_) => limit(format!(
            "functions call each other more than `{}` deep",
            limits::SCRIPT_CALL_LEVELS_MAX
        )),
        E::ErrorDataTooLarge(what, _) => {
            limit(format!("{} is larger than the limit allows", what.to_lowercase()))
        }
        E::ErrorTerminated(reason, _) => limit(reason.to_string()),
        E::ErrorTooManyModules(_) => (FaultKind::Defect, "modules can't be imported".to_owned()),
        E::ErrorFunctionNotFound(signature, _) => {
            let name = signature.split([' ', '(']).next().unwrap_or(signature);
            if known(name) {
                (FaultKind::Value, format!("`{name}` doesn't take these values: `{signature}`"))
            } else {
                (FaultKind::Defect, format!("there is no function `{name}`"))
            }
        }
        E::ErrorVariableNotFound(name, _) => {
            (FaultKind::Defect, format!("there is no variable `{name}`"))
        }
        E::ErrorModuleNotFound(name, _) => {
            (FaultKind::Defect, format!("there is no module `{name}`"))
        }
        E::ErrorRuntime(value, _) => (FaultKind::Value, value.to_string()),
        E::ErrorPropertyNotFound(name, _) => {
            (FaultKind::Value, format!("there is no property `{name}`"))
        }
        E::ErrorMismatchOutputType(wanted, got, _) | E::ErrorMismatchDataType(wanted, got, _) => {
            (FaultKind::Value, format!("`{wanted}` is needed here, but it is `{got}`"))
        }
        other => (FaultKind::Value, other.unposition_text()),
    }
}

/// An error's words without its place, which is shown apart.
trait Unposition {
    fn unposition_text(&self) -> String;
}

impl Unposition for EvalAltResult {
    fn unposition_text(&self) -> String {
        let text = self.to_string();
        let text = text.rsplit_once(" (line ").map_or(text.as_str(), |(fact, _)| fact);
        let mut characters = text.chars();
        match characters.next() {
            Some(first) => first.to_lowercase().chain(characters).collect(),
            None => String::new(),
        }
    }
}
