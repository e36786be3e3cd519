//! Expectations of a test on values: what the functions of a file or of a module give.

use super::Failure;
use super::handle::Handle;
use super::options::json_text;
use crate::event::text;
use crate::rules::book::{Api, Place};
use crate::rules::values::to_json;
use rhai::{Array, Dynamic, Map, NativeCallContext};
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
                if let Some(kind) = incomparable(&value).or_else(|| incomparable(&wanted)) {
                    return Err(Box::new(Failure {
                        message: format!("`{kind}` can't be compared: compare its parts"),
                        ..Failure::default()
                    }));
                }
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

/// What is in a value that has no equal, by name: an event, a function, what is no number.
fn incomparable(value: &Dynamic) -> Option<String> {
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().find_map(incomparable);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().find_map(incomparable);
    }
    if value.as_float().is_ok_and(|number| !number.is_finite()) {
        return value.as_float().ok().map(|number| number.to_string());
    }
    (to_json(value).is_null() && !value.is_unit()).then(|| value.type_name().to_owned())
}

/// `1` and `1.0` are the same number; whole numbers are compared as such.
fn is_equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => {
            left == right || (!(left.is_i64() && right.is_i64()) && left.as_f64() == right.as_f64())
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whole_numbers_are_compared_whole_and_others_by_value() {
        let near = 9_007_199_254_740_993_i64;
        assert!(!is_equal(&json!(near), &json!(near - 1)), "the same as fractions");
        assert!(is_equal(&json!([1, { "a": 2 }]), &json!([1.0, { "a": 2.0 }])));
        assert!(!is_equal(&json!({ "a": 1 }), &json!({ "a": 1, "b": 2 })));
    }

    #[test]
    fn what_has_no_equal_is_never_equal() {
        let engine = rhai::Engine::new_raw();
        let of = |script: &str| engine.eval::<Dynamic>(script).unwrap();
        for script in ["|x| x", "[1, |x| x]", "#{ a: #{ b: |x| x } }"] {
            assert!(incomparable(&of(script)).is_some(), "{script}");
        }
        assert_eq!(incomparable(&f64::NAN.into()).as_deref(), Some("NaN"));
        for script in ["()", "[1, (), \"x\"]", "#{ a: true }", "1.5"] {
            assert_eq!(incomparable(&of(script)), None, "{script}");
        }
    }
}
