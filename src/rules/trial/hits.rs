//! Expectations of a test on hits.

use super::TestBench;
use super::diff::{Item, Pattern, Want};
use super::handle::{Answer, Handle, List, Scope, Times, number};
use crate::decisions::Target;
use crate::event::net;
use crate::rules::book::{Api, Place};
use crate::rules::context::value_error;
use crate::rules::values::Address;
use rhai::{Dynamic, NativeCallContext};
use std::sync::Arc;

/// All hits.
pub(super) fn hits(bench: &dyn TestBench, scope: &Scope) -> List {
    let items = bench.hits().iter().map(|hit| {
        let item = Item::default()
            .with("hit", &*hit.rule)
            .with("key", &*hit.key)
            .with("count", hit.count.to_string())
            .with("time", hit.time.to_string());
        (Arc::clone(&hit.rule), item)
    });
    List::of("hits", scope, items)
}

/// A key as a test names it; one IPv6 address may mean its /64.
pub(super) fn key(context: &NativeCallContext, value: &Dynamic) -> Answer<Want> {
    if let Some(address) = value.read_lock::<Address>() {
        let client = Target::client(address.0).to_string();
        return Ok(Want::Either(client, address.0.to_string()));
    }
    if let Ok(whole) = value.as_int() {
        return Ok(Want::Is(whole.to_string()));
    }
    let text = value
        .as_immutable_string_ref()
        .map_err(|kind| value_error(context, format!("a key is text, not `{kind}`")))?;
    Ok(match net::parse_ip(text.as_bytes()) {
        Some(address) => Want::Either(text.to_string(), Target::client(address).to_string()),
        None => Want::Is(text.to_string()),
    })
}

fn of(rule: &str) -> Pattern {
    Pattern::default().is("hit", rule)
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
pub(super) fn register(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_hit",
        "t.expect_hit(rule[, key[, count]])",
        "The rule fired; with a key: for that key; with a count: and counted so much.",
        r#"t.expect_hit("wp-login-guessing", "203.0.113.9", 10)"#,
    )
    .register_fn("expect_hit", |context: NativeCallContext, t: &mut Handle, rule: &str| {
        t.expect(&context, hits, &of(rule), Times::Some, &format!("a hit of `{rule}`"));
    })
    .register_fn(
        "expect_hit",
        |context: NativeCallContext, t: &mut Handle, rule: &str, whom: Dynamic| -> Answer<()> {
            let pattern = of(rule).with("key", key(&context, &whom)?);
            let what = format!("a hit of `{rule}` for `{whom}`");
            t.expect(&context, hits, &pattern, Times::Some, &what);
            Ok(())
        },
    )
    .register_fn(
        "expect_hit",
        |context: NativeCallContext,
         t: &mut Handle,
         rule: &str,
         whom: Dynamic,
         count: i64|
         -> Answer<()> {
            let pattern =
                of(rule).with("key", key(&context, &whom)?).is("count", count.to_string());
            let what = format!("a hit of `{rule}` for `{whom}` with a count of {count}");
            t.expect(&context, hits, &pattern, Times::Some, &what);
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_hits",
        "t.expect_hits(rule, n)",
        "The rule fired just so often.",
        r#"t.expect_hits("wp-login-guessing", 1)"#,
    )
    .register_fn(
        "expect_hits",
        |context: NativeCallContext, t: &mut Handle, rule: &str, n: i64| -> Answer<()> {
            let times = Times::Exactly(number(&context, n)?);
            t.expect(&context, hits, &of(rule), times, &format!("{n} hits of `{rule}`"));
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_no_hit",
        "t.expect_no_hit(rule[, key])",
        "The rule didn't fire; with a key: not for that key.",
        r#"t.expect_no_hit("scanner")"#,
    )
    .register_fn("expect_no_hit", |context: NativeCallContext, t: &mut Handle, rule: &str| {
        t.expect(&context, hits, &of(rule), Times::None, &format!("no hit of `{rule}`"));
    })
    .register_fn(
        "expect_no_hit",
        |context: NativeCallContext, t: &mut Handle, rule: &str, whom: Dynamic| -> Answer<()> {
            let pattern = of(rule).with("key", key(&context, &whom)?);
            let what = format!("no hit of `{rule}` for `{whom}`");
            t.expect(&context, hits, &pattern, Times::None, &what);
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_no_hits",
        "t.expect_no_hits()",
        "None of the rules that the test is about fired.",
        "t.expect_no_hits()",
    )
    .register_fn("expect_no_hits", |context: NativeCallContext, t: &mut Handle| {
        t.expect(&context, hits, &Pattern::default(), Times::None, "no hits");
    });
}
