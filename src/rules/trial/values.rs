//! Expectations of a test on values: what the functions of a file or of a module give.

use super::Failure;
use super::handle::Handle;
use super::options::json_text;
use crate::event::text;
use crate::rules::book::{Api, Place};
use crate::rules::values::to_json;
use rhai::{Dynamic, NativeCallContext};
use serde_json::Value as Json;

/// So much of a value is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 400;

pub(super) fn register(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_equal",
        "t.expect_equal(value, wanted)",
        "A value, such as what a function of the file or of a module gives, is the one that is wanted.",
        r#"t.expect_equal("/Login".to_lower(), "/login")"#,
    )
    .register_fn(
        "expect_equal",
        |context: NativeCallContext, t: &mut Handle, value: Dynamic, wanted: Dynamic| {
            t.expect_that(&context, |_| {
                let (got, wanted) = (to_json(&value), to_json(&wanted));
                if is_equal(&got, &wanted) {
                    return Ok(());
                }
                Err(Box::new(Failure {
                    message: format!("wanted `{}`", shown(&wanted)),
                    got: vec![shown(&got)],
                    ..Failure::default()
                }))
            });
        },
    );
}

/// `1` and `1.0` are the same number.
fn is_equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| is_equal(a, b))
        }
        (Json::Object(left), Json::Object(right)) => {
            let same = |(key, value): (&String, &Json)| {
                right.get(key).is_some_and(|other| is_equal(value, other))
            };
            left.len() == right.len() && left.iter().all(same)
        }
        (left, right) => left == right,
    }
}

fn shown(value: &Json) -> String {
    let text = if value.is_null() { "()".to_owned() } else { json_text(value) };
    text::escape_cut(text.as_bytes(), SHOWN_BYTES_MAX)
}
