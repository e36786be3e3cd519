//! What a test may say more exactly, in a map: `#{ duration: "1h", reason: "guess" }`.

use super::diff::{Pattern, Want};
use super::handle::Answer;
use crate::clock::{Timestamp, format_duration, parse_duration};
use crate::event::text;
use crate::rules::context::value_error;
use crate::rules::values::to_json;
use rhai::{Dynamic, Map, NativeCallContext};
use serde_json::Value as Json;

/// What a decision may be asked for.
const OF_DECISIONS: &[&str] = &["duration", "ends", "reason", "rule", "via", "guard"];

/// A value as text, as fields and payloads show it.
pub(super) fn json_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value from a script, as what a field should be.
pub(super) fn value(value: &Dynamic) -> Want {
    let json = to_json(value);
    let text = json_text(&json);
    match json.as_f64() {
        Some(number) => Want::Number(number, text),
        None => Want::Is(text),
    }
}

/// The fields of a map.
pub(super) fn fields(pattern: Pattern, map: &Map) -> Pattern {
    map.iter()
        .fold(pattern, |pattern, (name, wanted)| pattern.with(name.to_string(), value(wanted)))
}

/// A duration in one way of writing it; `forever` where there is no end.
pub(super) fn duration(context: &NativeCallContext, text: &str) -> Answer<String> {
    if text == "forever" {
        return Ok(text.to_owned());
    }
    let duration = parse_duration(text).map_err(|error| value_error(context, error.to_string()))?;
    Ok(format_duration(duration))
}

/// What a decision should be beyond remedy and target.
pub(super) fn decision(
    context: &NativeCallContext,
    mut pattern: Pattern,
    map: &Map,
) -> Answer<Pattern> {
    for (name, wanted) in map {
        let word = json_text(&to_json(wanted));
        pattern = match name.as_str() {
            "duration" => pattern.is("duration", duration(context, &word)?),
            "ends" => pattern.is("ends", time(context, &word)?.to_string()),
            "reason" => pattern.with("reason", Want::Holds(word)),
            "rule" => pattern.is("rule", word),
            "via" => pattern.is("via", word),
            "guard" => pattern.with("guard", Want::Holds(word)),
            other => return Err(unknown(context, other, OF_DECISIONS)),
        };
    }
    Ok(pattern)
}

/// A moment, as RFC 3339 says it.
pub(super) fn time(context: &NativeCallContext, text: &str) -> Answer<Timestamp> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| value_error(context, format!("`{text}` is not an RFC 3339 time")))
}

/// An error that names what could be meant.
#[expect(clippy::unnecessary_box_returns, reason = "rhai takes its errors boxed")]
pub(super) fn unknown(
    context: &NativeCallContext,
    name: &str,
    known: &[&'static str],
) -> Box<rhai::EvalAltResult> {
    let hint = match text::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    value_error(context, format!("`{}` is nothing to expect here: {hint}", text::escape(name)))
}
