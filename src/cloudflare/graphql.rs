//! Cloudflare's GraphQL: a question as text with variables, and answers that tell errors with HTTP
//! 200. 300 questions in five minutes a user, beside the limit on calls (read in November 2026).

use super::call::{Area, Call, Form};
use super::envelope::Answer;
use super::error::{ApiError, ErrorKind};
use crate::http_client::Method;
use serde_json::{Value, json};

/// A question.
#[expect(clippy::needless_pass_by_value, reason = "variables are made for the question alone")]
pub fn question(text: &str, variables: Value) -> Call {
    Call::new(Area::Analytics, Method::POST, "/graphql")
        .body(json!({ "query": text, "variables": variables }))
        .form(Form::GraphQl)
}

/// Data is an answer only where nothing went wrong: a part of it could be taken for the whole.
pub(super) fn read(
    call: &Call,
    data: Value,
    errors: &Value,
    ray: Option<Box<str>>,
) -> Result<Answer, ApiError> {
    let first = errors.as_array().and_then(|errors| errors.first());
    let Some(first) = first else {
        if data.is_null() {
            return Err(ApiError::new(call, ErrorKind::Unreadable, "the reply holds no data"));
        }
        return Ok(Answer::of(call, data));
    };
    let message =
        first.get("message").and_then(Value::as_str).unwrap_or("the reply names no error");
    let path = first.get("path").and_then(Value::as_array).map(|path| {
        let words: Vec<String> = path
            .iter()
            .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
            .collect();
        words.join("/").into()
    });
    Err(ApiError { pointer: path, ray, ..ApiError::new(call, kind(message), message) })
}

/// The messages have no codes; these words were seen in public threads (November 2026).
fn kind(message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["rate limit", "too many", "limit reached", "quota exceeded"]) {
        ErrorKind::TooMany
    } else if says(&["does not have access to the path", "plan", "wider than", "older than"]) {
        ErrorKind::NotOnThisPlan
    } else if says(&["not authorized", "authentication", "permission", "authz"]) {
        ErrorKind::Forbidden
    } else if says(&["internal", "timeout", "timed out", "unavailable"]) {
        ErrorKind::Server
    } else {
        ErrorKind::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_though_the_status_is_well() {
        let call = question("{ viewer { zones { a } } }", json!({}));
        assert!(!call.writes(), "it asks, though by POST, and may be tried again");
        let asked = |data: Value, errors: Value| read(&call, data, &errors, None);
        assert_eq!(
            asked(json!({ "viewer": 1 }), json!(null)).unwrap().result,
            json!({ "viewer": 1 })
        );
        assert_eq!(asked(json!(1), json!([])).unwrap().result, json!(1));
        for (message, kind) in [
            ("rate limiter budget depleted: rate limit", ErrorKind::TooMany),
            ("zone 'x' does not have access to the path", ErrorKind::NotOnThisPlan),
            (
                "query time range is too large. Time range can't be wider than 1d",
                ErrorKind::NotOnThisPlan,
            ),
            ("not authorized for that account", ErrorKind::Forbidden),
            ("unknown field \"x\"", ErrorKind::Refused),
        ] {
            let error = asked(
                json!({ "viewer": 1 }),
                json!([{ "message": message, "path": ["viewer", "zones", 0] }]),
            );
            let error = error.unwrap_err();
            assert_eq!(error.kind, kind, "{message}");
            assert!(error.to_string().contains("viewer/zones/0"), "{error}");
        }
        assert_eq!(asked(json!(null), json!(null)).unwrap_err().kind, ErrorKind::Unreadable);
        assert!(asked(json!(1), json!([7])).is_err());
    }
}
