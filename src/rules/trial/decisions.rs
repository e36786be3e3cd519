//! Expectations of a test on decisions: what was proposed, what the guard said, what is in force.

use super::diff::{Item, Pattern, Want};
use super::handle::{Answer, Handle, List, Scope, Times, number};
use super::{Decided, TestBench, options};
use crate::clock::format_duration;
use crate::decisions::{Decision, Remedy, Target};
use crate::event::net;
use crate::rules::book::{Api, Place};
use crate::rules::context::value_error;
use crate::rules::values::Address;
use rhai::{Dynamic, Map, NativeCallContext};
use std::sync::Arc;

const REMEDIES: [Remedy; 5] =
    [Remedy::Block, Remedy::Challenge, Remedy::Captcha, Remedy::Throttle, Remedy::Allow];

fn item(decision: &Decision) -> Item {
    let duration = decision.duration().map_or_else(|| "forever".to_owned(), format_duration);
    let item = Item::default()
        .with("remedy", decision.remedy.name())
        .with("target", decision.target.to_string())
        .with("duration", duration)
        .with("rule", &*decision.rule);
    let rest = [
        ("ends", decision.until.map(|until| until.to_string())),
        ("reason", Some(decision.reason.clone()).filter(|reason| !reason.is_empty())),
        ("via", decision.via.as_ref().map(ToString::to_string)),
    ];
    let there = rest.into_iter().filter_map(|(key, value)| Some((key, value?)));
    there.fold(item, |item, (key, value)| item.with(key, value))
}

/// All decisions that were proposed, with what the guard said.
pub(super) fn proposed(bench: &dyn TestBench, scope: &Scope) -> List {
    let items = bench.decisions().iter().map(|Decided { decision, guard }| {
        (Arc::clone(&decision.rule), item(decision).with("guard", guard.as_str()))
    });
    List::of("decisions", scope, items)
}

/// What is in force at the bench's time.
fn in_force(bench: &dyn TestBench, scope: &Scope) -> List {
    let items = bench.in_force();
    let items = items.iter().map(|decision| (Arc::clone(&decision.rule), item(decision)));
    List::of("decisions in force", scope, items)
}

/// The target that a test means: one IPv6 address is its /64, as in `block`.
pub(super) fn target(context: &NativeCallContext, value: &Dynamic) -> Answer<Target> {
    if let Some(address) = value.read_lock::<Address>() {
        return Ok(Target::client(address.0));
    }
    let text = value
        .as_immutable_string_ref()
        .map_err(|kind| value_error(context, format!("a target is text, not `{kind}`")))?;
    net::parse_ip(text.trim().as_bytes())
        .map(Target::client)
        .or_else(|| Target::parse(&text))
        .ok_or_else(|| value_error(context, format!("`{}` is no target", text.as_str())))
}

fn remedy(context: &NativeCallContext, name: &str) -> Answer<Remedy> {
    REMEDIES
        .into_iter()
        .find(|remedy| remedy.name() == name)
        .ok_or_else(|| value_error(context, format!("`{name}` is no remedy")))
}

fn of(remedy: Remedy, target: &Target) -> Pattern {
    Pattern::default().is("remedy", remedy.name()).with("target", Want::Covers(target.clone()))
}

/// `a block of `, or without a remedy `a decision about `.
fn words(article: &str, remedy: Remedy, target: &Target) -> String {
    format!("{article} {} of `{target}`", remedy.name())
}

/// What a decision is asked for in the last argument: how long, or a map.
fn more(
    context: &NativeCallContext,
    pattern: Pattern,
    more: &Dynamic,
) -> Answer<(Pattern, String)> {
    if let Some(map) = more.read_lock::<Map>() {
        let pattern = options::decision(context, pattern, &map)?;
        return Ok((pattern, " as described".to_owned()));
    }
    let text = more.as_immutable_string_ref().map_err(|kind| {
        value_error(context, format!("how long it stands is text or a map, not `{kind}`"))
    })?;
    let pattern = pattern.is("duration", options::duration(context, &text)?);
    Ok((pattern, format!(" for `{}`", text.as_str())))
}

fn expect_one(
    context: &NativeCallContext,
    t: &Handle,
    remedy: Remedy,
    whom: &Dynamic,
    rest: Option<&Dynamic>,
) -> Answer<()> {
    let target = target(context, whom)?;
    let mut pattern = of(remedy, &target);
    let mut what = words("a", remedy, &target);
    if let Some(rest) = rest {
        let (narrower, said) = more(context, pattern, rest)?;
        pattern = narrower;
        what.push_str(&said);
    }
    t.expect(context, proposed, &pattern, Times::Some, &what);
    Ok(())
}

fn expect_none(
    context: &NativeCallContext,
    t: &Handle,
    remedy: Remedy,
    whom: &Dynamic,
) -> Answer<()> {
    let target = target(context, whom)?;
    t.expect(context, proposed, &of(remedy, &target), Times::None, &words("no", remedy, &target));
    Ok(())
}

pub(super) fn register(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_block", "t.expect_block(target[, duration | #{ duration, ends, reason, rule, via, guard }])", "A block of the target, or of a prefix around it, was proposed; with a duration: for just as long. In a map: how long, its end (RFC 3339), a part of its reason, the rule, the enforcer, a part of what the guard says (`pass`, `refused: …`).", r#"t.expect_block("203.0.113.9", #{ duration: "1h", reason: "wp-login" })"#);
    api.doc(
        Place::Test,
        "expect_no_block",
        "t.expect_no_block(target)",
        "No block that concerns the target was proposed.",
        r#"t.expect_no_block("198.51.100.7")"#,
    );
    {
        let remedy = Remedy::Block;
        let (positive, negative) =
            (format!("expect_{}", remedy.name()), format!("expect_no_{}", remedy.name()));
        api.engine
            .register_fn(
                positive.as_str(),
                move |context: NativeCallContext, t: &mut Handle, whom: Dynamic| {
                    expect_one(&context, t, remedy, &whom, None)
                },
            )
            .register_fn(
                positive.as_str(),
                move |context: NativeCallContext, t: &mut Handle, whom: Dynamic, more: Dynamic| {
                    expect_one(&context, t, remedy, &whom, Some(&more))
                },
            )
            .register_fn(
                negative.as_str(),
                move |context: NativeCallContext, t: &mut Handle, whom: Dynamic| {
                    expect_none(&context, t, remedy, &whom)
                },
            );
    }
    register_any(api);
    register_standing(api);
}

fn register_any(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_decision",
        "t.expect_decision(remedy, target[, duration | #{ … }])",
        "A decision of that remedy that concerns the target was proposed.",
        r#"t.expect_decision("throttle", "203.0.113.9")"#,
    )
    .register_fn(
        "expect_decision",
        |context: NativeCallContext, t: &mut Handle, name: &str, whom: Dynamic| -> Answer<()> {
            expect_one(&context, t, remedy(&context, name)?, &whom, None)
        },
    )
    .register_fn(
        "expect_decision",
        |context: NativeCallContext,
         t: &mut Handle,
         name: &str,
         whom: Dynamic,
         more: Dynamic|
         -> Answer<()> {
            expect_one(&context, t, remedy(&context, name)?, &whom, Some(&more))
        },
    );
    api.doc(
        Place::Test,
        "expect_decisions",
        "t.expect_decisions(n)",
        "Just so many decisions were proposed by the rules that the test is about.",
        "t.expect_decisions(1)",
    )
    .register_fn(
        "expect_decisions",
        |context: NativeCallContext, t: &mut Handle, n: i64| -> Answer<()> {
            let times = Times::Exactly(number(&context, n)?);
            let all = Pattern::default();
            t.expect(&context, proposed, &all, times, &format!("{n} decisions"));
            Ok(())
        },
    );
}

fn register_standing(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_in_force", "t.expect_in_force(remedy, target)", "A decision that passed the guard is in force for the target at the test's time: not over, not lifted.", r#"t.expect_in_force("block", "203.0.113.9")"#)
        .register_fn("expect_in_force", |context: NativeCallContext, t: &mut Handle, name: &str, whom: Dynamic| -> Answer<()> {
            let (remedy, target) = (remedy(&context, name)?, target(&context, &whom)?);
            let what = format!("{} in force", words("a", remedy, &target));
            t.expect(&context, in_force, &of(remedy, &target), Times::Some, &what);
            Ok(())
        });
    api.doc(Place::Test, "expect_not_in_force", "t.expect_not_in_force(remedy, target)", "Nothing of that remedy is in force for the target at the test's time: it never was, or it is over or lifted.", r#"t.expect_not_in_force("block", "203.0.113.9")"#)
        .register_fn("expect_not_in_force", |context: NativeCallContext, t: &mut Handle, name: &str, whom: Dynamic| -> Answer<()> {
            let (remedy, target) = (remedy(&context, name)?, target(&context, &whom)?);
            let what = format!("{} in force", words("no", remedy, &target));
            t.expect(&context, in_force, &of(remedy, &target), Times::None, &what);
            Ok(())
        });
    api.doc(Place::Test, "expect_refused", "t.expect_refused(target[, part])", "A decision about the target was proposed and the guard didn't let it pass; with a part: for a reason that holds it.", r#"t.expect_refused("198.51.100.7", "allowlist")"#)
        .register_fn("expect_refused", |context: NativeCallContext, t: &mut Handle, whom: Dynamic| {
            refused(&context, t, &whom, "")
        })
        .register_fn("expect_refused", |context: NativeCallContext, t: &mut Handle, whom: Dynamic, part: &str| {
            refused(&context, t, &whom, part)
        });
}

fn refused(context: &NativeCallContext, t: &Handle, whom: &Dynamic, part: &str) -> Answer<()> {
    let target = target(context, whom)?;
    let pattern = Pattern::default()
        .with("target", Want::Covers(target.clone()))
        .with("guard", Want::Refused(part.to_owned()));
    let what = format!("a decision about `{target}` that the guard refuses");
    t.expect(context, proposed, &pattern, Times::Some, &what);
    Ok(())
}
