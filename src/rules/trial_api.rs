//! The `t` of a test: feeds the bench, and compares what came of it with what was expected. An
//! expectation that doesn't hold is noted and the test goes on, so that all are seen at once.

use super::book::{Api, Place};
use super::context::{lock, value_error};
use super::trial::{Failure, TestBench};
use super::values::{Address, to_field};
use super::{stamps, trial_expect};
use crate::clock::{format_duration, parse_duration};
use crate::decisions::{Ask, Decision, Effect, Hit, Remedy, Target};
use crate::event::net;
use crate::event::text::escape_cut;
use crate::limits;
use rhai::{Array, Dynamic, EvalAltResult, Map, NativeCallContext};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// What a `t` holds.
pub(super) struct Inner {
    pub bench: Box<dyn TestBench>,
    pub failures: Vec<Failure>,
    pub faults_expected: bool,
}

/// The `t` in a script.
#[derive(Clone)]
pub(super) struct Handle(pub Arc<Mutex<Inner>>);

impl Handle {
    pub(super) fn new(bench: Box<dyn TestBench>) -> Self {
        Self(Arc::new(Mutex::new(Inner { bench, failures: Vec::new(), faults_expected: false })))
    }

    /// Notes a failure unless `held`.
    pub(super) fn expect(
        &self,
        context: &NativeCallContext,
        held: impl FnOnce(&dyn TestBench) -> bool,
        message: impl FnOnce() -> String,
        got: fn(&dyn TestBench) -> Vec<String>,
    ) {
        let mut inner = lock(&self.0);
        if held(inner.bench.as_ref()) {
            return;
        }
        let got = got(inner.bench.as_ref());
        let line = context.call_position().line().unwrap_or(0);
        inner.failures.push(Failure { line, message: message(), got });
    }
}

/// How many decisions or hits a failure shows.
const SHOWN_MAX: usize = 10;

fn some<T>(items: &[T], what: &str, words: impl Fn(&T) -> String) -> Vec<String> {
    if items.is_empty() {
        return vec![format!("no {what}")];
    }
    let mut shown: Vec<String> = items.iter().take(SHOWN_MAX).map(words).collect();
    if items.len() > SHOWN_MAX {
        shown.push(format!("… and {} more", items.len() - SHOWN_MAX));
    }
    shown
}

fn got_decisions(bench: &dyn TestBench) -> Vec<String> {
    some(bench.decisions(), "decisions", |decision: &Decision| {
        let long = decision.duration().map_or_else(|| "forever".to_owned(), format_duration);
        format!("{} {} for {long} by {}", decision.remedy.name(), decision.target, decision.rule)
    })
}

pub(super) fn got_hits(bench: &dyn TestBench) -> Vec<String> {
    some(bench.hits(), "hits", |hit: &Arc<Hit>| {
        format!(
            "{} for {} at {} (count {})",
            hit.rule,
            escape_cut(hit.key.as_bytes(), 100),
            hit.time,
            hit.count
        )
    })
}

pub(super) fn got_asks(bench: &dyn TestBench) -> Vec<String> {
    some(bench.asks(), "asks", |ask: &Ask| match ask {
        Ask::Decide { target, remedy, .. } => format!("{} {target}", remedy.name()),
        Ask::Lift { target } => format!("unblock {target}"),
        Ask::Effect(Effect::Notify { channel, message }) => {
            format!("notify {channel}: {}", escape_cut(message.as_bytes(), 100))
        }
        Ask::Effect(Effect::Webhook { name, .. }) => format!("webhook {name}"),
        Ask::Effect(Effect::Exec { name, .. }) => format!("exec {name}"),
        Ask::Effect(Effect::Log { message }) => {
            format!("log {}", escape_cut(message.as_bytes(), 100))
        }
        Ask::Emit { kind, .. } => format!("emit {kind}"),
        Ask::Tag { key, name, .. } => format!("tag {} {name}", escape_cut(key.as_bytes(), 100)),
        Ask::Score { key, points } => format!("score {} {points}", escape_cut(key.as_bytes(), 100)),
    })
}

/// Registers the `t`.
pub(super) fn register(api: &mut Api<'_>) {
    api.engine.register_type_with_name::<Handle>("test bench");
    register_feeding(api);
    register_decisions(api);
    trial_expect::register(api);
}

fn duration(context: &NativeCallContext, text: &str) -> Answer<Duration> {
    parse_duration(text).map_err(|error| value_error(context, error.to_string()))
}

fn feed(context: &NativeCallContext, t: &Handle, format: &str, text: &str) -> Answer<()> {
    lock(&t.0).bench.lines(format, text).map_err(|error| value_error(context, error))
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_feeding(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "lines",
        "t.lines(format, lines)",
        "Feed lines, as text or as a list, in a format (`nginx`, `sshd`, `auto` …) or in that of a source of the config, by its name.",
        r#"t.lines("nginx", t.repeat(line, 10, "10s"))"#,
    )
    .register_fn("lines", |context: NativeCallContext, t: &mut Handle, format: &str, text: &str| {
        feed(&context, t, format, text)
    })
    .register_fn(
        "lines",
        |context: NativeCallContext, t: &mut Handle, format: &str, lines: Array| {
            let mut text = String::new();
            for line in &lines {
                let line = line.as_immutable_string_ref().map_err(|kind| {
                    value_error(&context, format!("a line is text, not `{kind}`"))
                })?;
                text.push_str(&line);
                text.push('\n');
            }
            feed(&context, t, format, &text)
        },
    );
    api.doc(Place::Test, "repeat", "t.repeat(line, n, every)", "The line n times, its time stamp moved on each time (access log, error log, syslog, ISO 8601, epoch).", r#"t.lines("nginx", t.repeat(line, 3, "1s"))"#)
        .register_fn("repeat", |context: NativeCallContext, _: &mut Handle, line: &str, n: i64, every: &str| -> Answer<Array> {
            let count = usize::try_from(n).unwrap_or(0);
            if count > limits::TEST_LINES_MAX {
                return Err(value_error(&context, format!("`repeat` makes at most `{}` lines", limits::TEST_LINES_MAX)));
            }
            let lines = stamps::repeat(line, count, duration(&context, every)?).map_err(|text| value_error(&context, text))?;
            Ok(lines.into_iter().map(Dynamic::from).collect())
        });
    api.doc(
        Place::Test,
        "event",
        "t.event(kind, fields)",
        "Feed an event made by hand.",
        r#"t.event("probe", #{ probe: "origin-a", ok: false })"#,
    )
    .register_fn(
        "event",
        |context: NativeCallContext, t: &mut Handle, kind: &str, fields: Map| -> Answer<()> {
            let mut values = Vec::with_capacity(fields.len());
            for (name, value) in &fields {
                if value.is_unit() {
                    continue;
                }
                let value = to_field(value).ok_or_else(|| {
                    value_error(
                        &context,
                        format!("the field `{name}` is text, a number, a truth or an address"),
                    )
                })?;
                values.push((name.to_string(), value));
            }
            lock(&t.0).bench.event(kind, values).map_err(|error| value_error(&context, error))
        },
    );
    api.doc(
        Place::Test,
        "advance",
        "t.advance(duration)",
        "Move the time on; `absent` and timers run.",
        r#"t.advance("1h")"#,
    )
    .register_fn(
        "advance",
        |context: NativeCallContext, t: &mut Handle, by: &str| -> Answer<()> {
            let by = duration(&context, by)?;
            lock(&t.0).bench.advance(by);
            Ok(())
        },
    );
}

/// The target that a test means: one IPv6 address is its /64, as in `block`.
fn target(context: &NativeCallContext, value: &Dynamic) -> Answer<Target> {
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

/// Whether a decision is about a target: it, or a prefix around it.
fn concerns(decision: &Decision, target: &Target) -> bool {
    match (decision.target.net(), target.net()) {
        (Some(decided), Some(wanted)) => decided.contains(&wanted),
        _ => decision.target == *target,
    }
}

fn decided(bench: &dyn TestBench, remedy: Remedy, target: &Target, long: Option<Duration>) -> bool {
    bench.decisions().iter().any(|decision| {
        decision.remedy == remedy
            && concerns(decision, target)
            && long.is_none_or(|long| decision.duration() == Some(long))
    })
}

fn remedy(context: &NativeCallContext, name: &str) -> Answer<Remedy> {
    [Remedy::Block, Remedy::Challenge, Remedy::Captcha, Remedy::Throttle, Remedy::Allow]
        .into_iter()
        .find(|remedy| remedy.name() == name)
        .ok_or_else(|| value_error(context, format!("`{name}` is no remedy")))
}

fn register_decisions(api: &mut Api<'_>) {
    api.doc(Place::Test, "expect_block", "t.expect_block(target[, duration])", "A block of the target, or of a prefix around it, was proposed; with a duration: for just as long.", r#"t.expect_block("203.0.113.9", "1h")"#)
        .register_fn("expect_block", |context: NativeCallContext, t: &mut Handle, whom: Dynamic| -> Answer<()> {
            let target = target(&context, &whom)?;
            t.expect(&context, |bench| decided(bench, Remedy::Block, &target, None), || format!("wanted a block of `{target}`"), got_decisions);
            Ok(())
        })
        .register_fn("expect_block", |context: NativeCallContext, t: &mut Handle, whom: Dynamic, long: &str| -> Answer<()> {
            let (target, duration) = (target(&context, &whom)?, duration(&context, long)?);
            t.expect(&context, |bench| decided(bench, Remedy::Block, &target, Some(duration)), || format!("wanted a block of `{target}` for `{long}`"), got_decisions);
            Ok(())
        });
    api.doc(
        Place::Test,
        "expect_no_block",
        "t.expect_no_block(target)",
        "No block that concerns the target was proposed.",
        r#"t.expect_no_block("198.51.100.7")"#,
    )
    .register_fn(
        "expect_no_block",
        |context: NativeCallContext, t: &mut Handle, whom: Dynamic| -> Answer<()> {
            let target = target(&context, &whom)?;
            t.expect(
                &context,
                |bench| !decided(bench, Remedy::Block, &target, None),
                || format!("wanted no block of `{target}`"),
                got_decisions,
            );
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_decision",
        "t.expect_decision(remedy, target)",
        "A decision of that remedy that concerns the target was proposed.",
        r#"t.expect_decision("throttle", "203.0.113.9")"#,
    )
    .register_fn(
        "expect_decision",
        |context: NativeCallContext, t: &mut Handle, name: &str, whom: Dynamic| -> Answer<()> {
            let (remedy, target) = (remedy(&context, name)?, target(&context, &whom)?);
            t.expect(
                &context,
                |bench| decided(bench, remedy, &target, None),
                || format!("wanted `{name}` of `{target}`"),
                got_decisions,
            );
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_decisions",
        "t.expect_decisions(n)",
        "Just so many decisions were proposed.",
        "t.expect_decisions(1)",
    )
    .register_fn("expect_decisions", |context: NativeCallContext, t: &mut Handle, n: i64| {
        t.expect(
            &context,
            |bench| usize::try_from(n) == Ok(bench.decisions().len()),
            || format!("wanted {n} decisions"),
            got_decisions,
        );
    });
}
