//! A reply becomes an answer or an error. Replies may be HTML, partial, without fields that are
//! documented, or with others: nothing here depends on more than it uses.

use super::call::{Area, Call, Form};
use super::error::{ApiError, ErrorKind};
use super::graphql;
use crate::http_client::Reply;
use crate::limits::{CLOUDFLARE_SHOWN_CHARS_MAX, CLOUDFLARE_STOP_SECS_MAX};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// What a call that went well gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The envelope's `result`; `null` where there was none.
    pub result: Value,
    /// The envelope's `result_info`.
    pub info: Value,
    /// The reply itself, of calls that are answered without an envelope.
    pub raw: Vec<u8>,
    area: Area,
    writes: bool,
}

impl Answer {
    /// The result as the area's type.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, ApiError> {
        let Self { result, area, writes, .. } = self;
        serde_json::from_value(result).map_err(|error| {
            let words = format!("the reply has another shape than is known: {error}");
            ApiError { writes, ..ApiError::of(area, ErrorKind::Unreadable, words) }
        })
    }

    /// Where the next page begins, of listings with cursors.
    pub fn cursor(&self) -> Option<&str> {
        let cursor = self.info.pointer("/cursors/after").or_else(|| self.info.get("cursor"));
        let after = cursor.and_then(Value::as_str);
        after.filter(|cursor| !cursor.is_empty())
    }

    /// How many pages there are, of listings with numbers; `None` where the reply doesn't say.
    pub fn pages(&self) -> Option<u64> {
        self.info.get("total_pages").and_then(Value::as_u64)
    }
}

impl Answer {
    /// A result that came without the envelope.
    pub(super) fn of(call: &Call, result: Value) -> Self {
        let (area, writes) = (call.area, call.writes());
        Self { result, info: Value::Null, raw: Vec::new(), area, writes }
    }
}

/// Reads a reply to a call.
pub(super) fn read(call: &Call, reply: &Reply) -> Result<Answer, ApiError> {
    let succeeded = (200..300).contains(&reply.status);
    let answer = |result: Value, info: Value, raw: Vec<u8>| Answer {
        result,
        info,
        raw,
        area: call.area,
        writes: call.writes(),
    };
    if call.form == Form::Raw && succeeded && reply.whole {
        return Ok(answer(Value::Null, Value::Null, reply.body.clone()));
    }
    let ray = reply.header("cf-ray").filter(|ray| is_plain(ray)).map(Box::from);
    let json: Option<Value> =
        if reply.whole { serde_json::from_slice(&reply.body).ok() } else { None };
    let json = json.filter(Value::is_object);
    let said_success = json.as_ref().and_then(|json| json.get("success")?.as_bool());
    match json {
        // A reply without `success` counts by its status: some products leave it out.
        Some(mut json) if succeeded && said_success != Some(false) => {
            let mut take = |name: &str| json.get_mut(name).map(Value::take).unwrap_or_default();
            if call.form == Form::GraphQl {
                return graphql::read(call, take("data"), &take("errors"), ray);
            }
            Ok(answer(take("result"), take("result_info"), Vec::new()))
        }
        // Deleting may answer with nothing at all.
        None if succeeded && reply.whole && reply.body.is_empty() => {
            Ok(answer(Value::Null, Value::Null, Vec::new()))
        }
        json => Err(failure(call, reply, json.as_ref(), ray)),
    }
}

fn failure(call: &Call, reply: &Reply, json: Option<&Value>, ray: Option<Box<str>>) -> ApiError {
    let first = json.and_then(|json| json.get("errors")?.as_array()?.first());
    let text = |error: &Value, name: &str| error.get(name)?.as_str().map(str::to_owned);
    let message = match (first.and_then(|error| text(error, "message")), json) {
        (Some(message), _) => chained(first, message),
        (None, Some(_)) => "the reply names no error".to_owned(),
        (None, None) if !reply.whole => "the reply broke off".to_owned(),
        (None, None) => format!("the reply is no JSON: {}", shown(&reply.body)),
    };
    let code = first.and_then(|error| error.get("code")?.as_i64());
    let kind = kind(call, reply.status, code, &message, json.is_some());
    let wait =
        reply.retry_after.map(|wait| wait.min(Duration::from_secs(CLOUDFLARE_STOP_SECS_MAX)));
    ApiError {
        status: Some(reply.status),
        code,
        pointer: first.and_then(|error| Some(error.pointer("/source/pointer")?.as_str()?.into())),
        ray,
        wait,
        ..ApiError::new(call, kind, message)
    }
}

/// A message with the ones that explain it.
fn chained(error: Option<&Value>, message: String) -> String {
    let chain = error.and_then(|error| error.get("error_chain")?.as_array());
    let inner = chain.into_iter().flatten().filter_map(|error| error.get("message")?.as_str());
    inner.fold(message, |text, inner| format!("{text}: {inner}"))
}

/// Code and status together; the status first, since codes repeat from area to area. Sources of
/// the codes are dated in docs/cloudflare.md; none is formal.
fn kind(call: &Call, status: u16, code: Option<i64>, message: &str, json: bool) -> ErrorKind {
    let says = |words: &[&str]| {
        let message = message.to_ascii_lowercase();
        words.iter().any(|word| message.contains(word))
    };
    let pending = call.area == Area::Lists && call.writes() && says(&["pending", "outstanding"]);
    match (status, code, call.area) {
        (200..300, _, _) if !json => ErrorKind::Unreadable,
        (429, _, _) if pending => ErrorKind::Busy,
        // "You have been ratelimited", told of changes of items alone.
        (400..=499, Some(10_040), Area::Lists) if call.writes() => ErrorKind::TooManyItems,
        // Other codes of too many calls (10100, 10300) mean something else without the status: 10100
        // is also what a cron that can't be read gets.
        (429, _, _) | (_, Some(971), _) => ErrorKind::TooMany,
        (500..=599, _, _) => ErrorKind::Server,
        (_, Some(10_009), Area::AccessRules) | (_, Some(81_057 | 81_058), Area::Dns) => {
            ErrorKind::Duplicate
        }
        (400..=499, _, _) if pending => ErrorKind::Busy,
        // Somebody made a phase's entry point between our look and our write: another look finds it.
        (409, _, Area::Rulesets | Area::CacheRules) => ErrorKind::Busy,
        // A missing entry point is told by 404 and this code in the area of rulesets alone.
        (404, _, _) => ErrorKind::NotFound,
        (400..=499, _, _)
            if says(&[
                "quota",
                "maximum number",
                "entitle",
                "not allowed",
                "upgrade",
                "exceeded",
            ]) =>
        {
            ErrorKind::NotOnThisPlan
        }
        (401 | 403, _, _) | (400, Some(6_003 | 9_106 | 9_107 | 10_000), _) => ErrorKind::Forbidden,
        _ => ErrorKind::Refused,
    }
}

fn is_plain(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The beginning of a text that nobody expected, on one line, control characters left out.
fn shown(body: &[u8]) -> String {
    let start = body.get(..body.len().min(4 * CLOUDFLARE_SHOWN_CHARS_MAX)).unwrap_or_default();
    let text = String::from_utf8_lossy(start);
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line: String =
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "it is empty".to_owned();
    }
    line.chars().take(CLOUDFLARE_SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            retry_after: None,
            headers: vec![("cf-ray".to_owned(), "8f2a-AMS".to_owned())],
            body: body.as_bytes().to_vec(),
            whole: true,
        }
    }

    fn get(area: Area) -> Call {
        Call::get(area, "/accounts/a/x")
    }

    #[test]
    fn any_reply_gives_an_answer_or_an_error() {
        let bodies = [
            "",
            "null",
            "[]",
            "7",
            "{}",
            "{\"success\":true}",
            "<html>busy</html>",
            "{\"success\":",
            "{\"success\":false}",
            "{\"success\":\"no\",\"errors\":{}}",
            "{\"success\":false,\"errors\":[7,null]}",
            "{\"success\":false,\"errors\":[{\"code\":\"x\",\"message\":[]}]}",
        ];
        for status in [200, 204, 301, 400, 401, 403, 404, 429, 500, 524] {
            for body in bodies {
                match read(&get(Area::Lists), &reply(status, body)) {
                    Ok(_) => assert!(status < 300, "{status} {body}"),
                    Err(error) => {
                        assert_eq!(error.status, Some(status));
                        assert!(error.to_string().contains("ray 8f2a-AMS"), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn kinds_go_by_status_and_area() {
        let failed = |area, status, code: i64, message: &str| {
            let body = format!(
                "{{\"success\":false,\"errors\":[{{\"code\":{code},\"message\":\"{message}\"}}],\"result\":null}}"
            );
            let mut call = get(area);
            call.method = crate::http_client::Method::POST;
            read(&call, &reply(status, &body)).unwrap_err()
        };
        for (area, status, code, message, kind) in [
            (Area::Rulesets, 404, 10_003, "could not find entrypoint", ErrorKind::NotFound),
            (Area::AccessRules, 400, 10_009, "duplicate_of_existing", ErrorKind::Duplicate),
            (Area::Lists, 400, 10_009, "duplicate", ErrorKind::Refused),
            (Area::Lists, 403, 10_000, "Authentication error", ErrorKind::Forbidden),
            (Area::Lists, 429, 10_040, "there is a pending bulk operation", ErrorKind::Busy),
            (Area::Lists, 429, 10_040, "you have been ratelimited", ErrorKind::TooManyItems),
            (Area::Lists, 429, 971, "throttling", ErrorKind::TooMany),
            (Area::Zones, 429, 10_100, "More than 1200 requests", ErrorKind::TooMany),
            (Area::Zones, 403, 971, "throttling", ErrorKind::TooMany),
            (Area::Workers, 400, 10_100, "invalid cron string", ErrorKind::Refused),
            (Area::Lists, 400, 1, "quota of lists exceeded", ErrorKind::NotOnThisPlan),
            (Area::Zones, 503, 0, "x", ErrorKind::Server),
        ] {
            assert_eq!(failed(area, status, code, message).kind, kind, "{area:?} {status} {code}");
        }
        let error = failed(Area::Lists, 403, 10_000, "Authentication error").to_string();
        assert!(error.contains("needs `Account Filter Lists Edit`"), "{error}");
    }

    #[test]
    fn a_change_without_a_whole_reply_may_have_happened() {
        let mut call = get(Area::Lists);
        let mut broken = reply(200, "{\"success\":true,\"result\":{}}");
        broken.whole = false;
        assert!(!read(&call, &broken).unwrap_err().may_have_happened(), "a read changes nothing");
        call.method = crate::http_client::Method::POST;
        let error = read(&call, &broken).unwrap_err();
        assert!(error.may_have_happened());
        assert!(error.to_string().starts_with("could not confirm"), "{error}");
    }
}
