//! Compiled regular expressions, kept by their text: bounded in length, compiled size and number.

use crate::limits;
use regex::{Regex, RegexBuilder};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// What compiling a pattern costs in operations: about 100 µs for an ordinary one.
pub(super) const COMPILE_OPERATIONS: usize = 2_000;

static KEPT: LazyLock<RwLock<HashMap<String, Arc<Regex>>>> = LazyLock::new(RwLock::default);

/// The compiled pattern, and whether it had to be compiled now. The error says why it can't be.
pub(super) fn get(pattern: &str) -> Result<(Arc<Regex>, bool), String> {
    if let Some(regex) = KEPT.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return Ok((Arc::clone(regex), false));
    }
    let regex = Arc::new(compile(pattern)?);
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= limits::RULE_PATTERNS_KEPT_MAX {
        kept.clear();
    }
    kept.insert(pattern.to_owned(), Arc::clone(&regex));
    Ok((regex, true))
}

/// Compiles a pattern within the limits.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > limits::RULE_PATTERN_BYTES_MAX {
        return Err(format!(
            "the pattern has `{}` bytes, more than the limit of `{}`",
            pattern.len(),
            limits::RULE_PATTERN_BYTES_MAX
        ));
    }
    RegexBuilder::new(pattern)
        .size_limit(limits::RULE_PATTERN_COMPILED_BYTES_MAX)
        .dfa_size_limit(limits::RULE_PATTERN_COMPILED_BYTES_MAX)
        .nest_limit(32)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "the pattern is too large once compiled\nhint: repeat less, or use narrower classes"
                    .to_owned()
            }
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or("it does not parse").trim();
                let last = last.trim_start_matches("error: ");
                format!("`{pattern}` is no regular expression: {last}")
            }
        })
}

/// Which characters of a pattern are at fault, where it can be told: counted from 0.
pub(super) fn fault(pattern: &str) -> Option<std::ops::Range<usize>> {
    let error = regex_syntax::Parser::new().parse(pattern).err()?;
    let span = match &error {
        regex_syntax::Error::Parse(error) => error.span(),
        regex_syntax::Error::Translate(error) => error.span(),
        _ => return None,
    };
    let characters = |end: usize| pattern.get(..end).map(|text| text.chars().count());
    let start = characters(span.start.offset)?;
    Some(start..characters(span.end.offset)?.max(start + 1))
}
