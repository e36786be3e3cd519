//! Expectations of a test on hits, effects and faults.

use super::book::{Api, Place};
use super::context::lock;
use super::trial_api::{Handle, got_asks, got_hits};
use crate::decisions::{Ask, Effect};
use rhai::NativeCallContext;

/// Registers them.
pub(super) fn register(api: &mut Api<'_>) {
    register_hits(api);
    register_asks(api);
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_hits(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_hit",
        "t.expect_hit(rule[, key])",
        "The rule fired, with a key: for that key.",
        r#"t.expect_hit("wp-login-guessing", "203.0.113.9")"#,
    )
    .register_fn("expect_hit", |context: NativeCallContext, t: &mut Handle, rule: &str| {
        t.expect(
            &context,
            |bench| bench.hits().iter().any(|hit| &*hit.rule == rule),
            || format!("wanted a hit of `{rule}`"),
            got_hits,
        );
    })
    .register_fn(
        "expect_hit",
        |context: NativeCallContext, t: &mut Handle, rule: &str, key: &str| {
            t.expect(
                &context,
                |bench| bench.hits().iter().any(|hit| &*hit.rule == rule && &*hit.key == key),
                || format!("wanted a hit of `{rule}` for `{key}`"),
                got_hits,
            );
        },
    );
    api.doc(
        Place::Test,
        "expect_no_hit",
        "t.expect_no_hit(rule)",
        "The rule didn't fire.",
        r#"t.expect_no_hit("scanner")"#,
    )
    .register_fn("expect_no_hit", |context: NativeCallContext, t: &mut Handle, rule: &str| {
        t.expect(
            &context,
            |bench| bench.hits().iter().all(|hit| &*hit.rule != rule),
            || format!("wanted no hit of `{rule}`"),
            got_hits,
        );
    });
    api.doc(
        Place::Test,
        "expect_no_hits",
        "t.expect_no_hits()",
        "No rule fired.",
        "t.expect_no_hits()",
    )
    .register_fn("expect_no_hits", |context: NativeCallContext, t: &mut Handle| {
        t.expect(
            &context,
            |bench| bench.hits().is_empty(),
            || "wanted no hits".to_owned(),
            got_hits,
        );
    });
    api.doc(
        Place::Test,
        "expect_hits",
        "t.expect_hits(rule, n)",
        "The rule fired just so often.",
        r#"t.expect_hits("wp-login-guessing", 1)"#,
    )
    .register_fn(
        "expect_hits",
        |context: NativeCallContext, t: &mut Handle, rule: &str, n: i64| {
            t.expect(
                &context,
                |bench| {
                    usize::try_from(n)
                        == Ok(bench.hits().iter().filter(|hit| &*hit.rule == rule).count())
                },
                || format!("wanted {n} hits of `{rule}`"),
                got_hits,
            );
        },
    );
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_asks(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_notify", "t.expect_notify(channel)", "A message to the channel was asked for.", r#"t.expect_notify("ops")"#)
        .register_fn("expect_notify", |context: NativeCallContext, t: &mut Handle, wanted: &str| {
            t.expect(
                &context,
                |bench| bench.asks().iter().any(|ask| matches!(ask, Ask::Effect(Effect::Notify { channel, .. }) if channel == wanted)),
                || format!("wanted a message to `{wanted}`"),
                got_asks,
            );
        });
    api.doc(Place::Test, "expect_webhook", "t.expect_webhook(name)", "The webhook was asked for.", r#"t.expect_webhook("siem")"#)
        .register_fn("expect_webhook", |context: NativeCallContext, t: &mut Handle, wanted: &str| {
            t.expect(
                &context,
                |bench| bench.asks().iter().any(|ask| matches!(ask, Ask::Effect(Effect::Webhook { name, .. }) if name == wanted)),
                || format!("wanted the webhook `{wanted}`"),
                got_asks,
            );
        });
    api.doc(
        Place::Test,
        "expect_exec",
        "t.expect_exec(name)",
        "The program was asked for.",
        r#"t.expect_exec("snapshot")"#,
    )
    .register_fn("expect_exec", |context: NativeCallContext, t: &mut Handle, wanted: &str| {
        t.expect(
            &context,
            |bench| {
                bench.asks().iter().any(
                    |ask| matches!(ask, Ask::Effect(Effect::Exec { name, .. }) if name == wanted),
                )
            },
            || format!("wanted the program `{wanted}`"),
            got_asks,
        );
    });
    api.doc(
        Place::Test,
        "expect_emit",
        "t.expect_emit(kind)",
        "An event of the kind was emitted.",
        r#"t.expect_emit("shop.suspect")"#,
    )
    .register_fn("expect_emit", |context: NativeCallContext, t: &mut Handle, wanted: &str| {
        t.expect(
            &context,
            |bench| {
                bench
                    .asks()
                    .iter()
                    .any(|ask| matches!(ask, Ask::Emit { kind, .. } if kind == wanted))
            },
            || format!("wanted an event of kind `{wanted}`"),
            got_asks,
        );
    });
    api.doc(
        Place::Test,
        "expect_fault",
        "t.expect_fault()",
        "A rule ended in a fault; without this, a fault fails the test.",
        "t.expect_fault()",
    )
    .register_fn("expect_fault", |context: NativeCallContext, t: &mut Handle| {
        lock(&t.0).faults_expected = true;
        t.expect(
            &context,
            |bench| !bench.faults().is_empty(),
            || "wanted a fault".to_owned(),
            |_| vec!["no faults".to_owned()],
        );
    });
}
