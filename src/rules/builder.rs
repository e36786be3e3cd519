//! What a rule file may call at load: `rule(…)` and its methods, `every`, `cron`, `test`, `param`.
//!
//! In: the calls. Out: drafts in the collector. Nothing is judged twice: what is wrong becomes a
//! note with its place, and the file runs on, so that all faults are told at once.

use super::book::{Api, Place};
use super::builder_windows;
use super::context::{freeze, lock};
use super::draft::{Closure, Collector, Draft, KeyPartDraft, TestDraft, TimerDraft, WindowDraft};
use super::finding::Note;
use super::timers::Schedule;
use crate::clock::parse_duration;
use crate::decisions::Mode;
use crate::event::Kind;
use crate::limits;
use rhai::{Array, Dynamic, FnPtr, NativeCallContext, Position};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What `rule(…)` gives; its methods fill the draft.
#[derive(Clone)]
pub(super) struct Builder {
    draft: Arc<Mutex<Draft>>,
    collector: Arc<Mutex<Collector>>,
}

/// What `prefix(…)` gives.
#[derive(Clone)]
struct Prefix(KeyPartDraft);

impl Builder {
    fn note(&self, note: Note) {
        lock(&self.collector).notes.push(note.split_hint());
    }

    pub(super) fn error(&self, code: &'static str, position: Position, message: impl Into<String>) {
        self.note(Note::error(code, position, message.into()));
    }

    pub(super) fn duration(&self, context: &NativeCallContext, text: &str) -> Option<Duration> {
        let note = |error: String| {
            let note = Note::error("bad-duration", context.call_position(), error);
            self.note(note.argument(Note::LAST));
        };
        parse_duration(text).map_err(|error| note(error.to_string())).ok()
    }

    pub(super) fn count(&self, context: &NativeCallContext, number: i64) -> Option<u64> {
        let count = u64::try_from(number).ok().filter(|count| *count > 0);
        if count.is_none() {
            self.error(
                "bad-window",
                context.call_position(),
                format!("`{number}` is no number of events to wait for"),
            );
        }
        count
    }

    pub(super) fn window(&self, context: &NativeCallContext, window: WindowDraft) -> Self {
        let position = context.call_position();
        let second = {
            let mut draft = lock(&self.draft);
            let second = draft.window.is_some();
            draft.window = Some((window, position));
            second
        };
        if second {
            self.error("second-window", position, "a rule has one window, this is its second");
        }
        self.clone()
    }

    fn set(
        &self,
        context: &NativeCallContext,
        what: &'static str,
        set: impl FnOnce(&mut Draft) -> bool,
    ) -> Self {
        let taken = set(&mut lock(&self.draft));
        if taken {
            self.error("set-twice", context.call_position(), format!("`{what}` is set twice"));
        }
        self.clone()
    }
}

/// A closure as it was handed over, with what it captured, frozen.
pub(super) fn closure(context: &NativeCallContext, pointer: &FnPtr) -> Closure {
    Closure {
        name: pointer.fn_name().into(),
        captured: pointer.curry().iter().map(freeze).collect(),
        position: context.call_position(),
    }
}

/// Registers everything; `collector` gathers what the file declares.
pub(super) fn register(api: &mut Api<'_>, collector: &Arc<Mutex<Collector>>) {
    register_top(api, collector);
    register_matching(api);
    builder_windows::register_windows(api);
    register_rest(api);
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_top(api: &mut Api<'_>, collector: &Arc<Mutex<Collector>>) {
    let shared = Arc::clone(collector);
    api.doc(
        Place::File,
        "rule",
        "rule(name)",
        "Begin a rule. The name is unique among all files; the config sets modes and parameters by it.",
        r#"rule("wp-login-guessing").on("http").by("ip").count(10, "5m").then(|hit| block(hit.ip, "1h"))"#,
    )
    .register_type_with_name::<Builder>("rule")
    .register_fn("rule", move |context: NativeCallContext, name: &str| {
        let draft = Arc::new(Mutex::new(Draft::new(name, context.call_position())));
        lock(&shared).drafts.push(Arc::clone(&draft));
        Builder { draft, collector: Arc::clone(&shared) }
    });
    let shared = Arc::clone(collector);
    api.doc(
        Place::File,
        "every",
        "every(duration, closure)",
        "Run a body again and again, at whole multiples of the duration, in event time.",
        r#"every("5m", || log("five minutes have passed"))"#,
    )
    .register_fn("every", move |context: NativeCallContext, period: &str, body: FnPtr| {
        let schedule =
            parse_duration(period).map_err(|error| error.to_string()).and_then(Schedule::every);
        add_timer(&shared, &context, schedule, &body);
    });
    let shared = Arc::clone(collector);
    api.doc(
        Place::File,
        "cron",
        "cron(expression, closure)",
        "Run a body at times: minute, hour, day of month, month, day of week (UTC), in event time.",
        r#"cron("0 3 * * *", || log("it is three o'clock"))"#,
    )
    .register_fn("cron", move |context: NativeCallContext, expression: &str, body: FnPtr| {
        add_timer(&shared, &context, Schedule::cron(expression), &body);
    });
    let shared = Arc::clone(collector);
    api.doc(
        Place::File,
        "test",
        "test(name, closure)",
        "A test of the file's rules, run by `riposte test`; it gets a `t` (see Tests).",
        r#"test("nine guesses don't block", |t| t.expect_no_hits())"#,
    )
    .register_fn("test", move |context: NativeCallContext, name: &str, body: FnPtr| {
        let test = TestDraft { name: name.to_owned(), body: closure(&context, &body) };
        lock(&shared).tests.push(test);
    });
    register_tests_of(api, collector);
    let shared = Arc::clone(collector);
    api.doc(
        Place::File,
        "param",
        "param(name, default)",
        "A value that the config may set without editing the file; without it the default.",
        r#"let limit = param("threshold", 10)"#,
    )
    .register_fn("param", move |context: NativeCallContext, name: &str, default: Dynamic| {
        lock(&shared).param(name, &default, context.call_position())
    });
    api.doc(
        Place::File,
        "prefix",
        "prefix(field, v4_bits, v6_bits)",
        "A key by the network around an address.",
        r#"rule("flood").on("http").by(prefix("ip", 24, 48)).count(5000, "1m")"#,
    )
    .register_type_with_name::<Prefix>("prefix")
    .register_fn("prefix", |field: &str, v4: i64, v6: i64| {
        let bits =
            |bits: i64, max: u8| u8::try_from(bits).ok().filter(|bits| (1..=max).contains(bits));
        Prefix(KeyPartDraft::Prefix {
            field: field.to_owned(),
            v4: bits(v4, 32),
            v6: bits(v6, 128),
        })
    });
}

fn register_tests_of(api: &mut Api<'_>, collector: &Arc<Mutex<Collector>>) {
    let (one, several) = (Arc::clone(collector), Arc::clone(collector));
    api.doc(
        Place::File,
        "tests_of",
        "tests_of(file | [files])",
        "Which rule files the tests of this file are about: files beside it, a folder (`.`: all in its own), shipped ones, or `*` for all. Without it a rule file's tests are about its own rules, and those of `NAME.test.rhai` about `NAME.rhai`. Expectations see what these rules do, and what rules do that they name.",
        r#"tests_of(["wordpress.rhai", "scanner.rhai"])"#,
    )
    .register_fn("tests_of", move |context: NativeCallContext, name: &str| {
        lock(&one).tests_of.push((name.to_owned(), context.call_position()));
    })
    .register_fn("tests_of", move |context: NativeCallContext, names: Array| {
        let names = names.into_iter().filter_map(|name| name.into_string().ok());
        let position = context.call_position();
        lock(&several).tests_of.extend(names.map(|name| (name, position)));
    });
}

fn add_timer(
    collector: &Arc<Mutex<Collector>>,
    context: &NativeCallContext,
    schedule: Result<Schedule, String>,
    body: &FnPtr,
) {
    let mut collector = lock(collector);
    match schedule {
        Ok(schedule) => {
            let body = closure(context, body);
            collector.timers.push(TimerDraft { schedule, body });
        }
        Err(text) => {
            collector
                .notes
                .push(Note::error("bad-schedule", context.call_position(), text).split_hint());
        }
    }
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_matching(api: &mut Api<'_>) {
    fn add_kind(builder: &Builder, context: &NativeCallContext, kind: &Dynamic) {
        match kind.as_immutable_string_ref() {
            Ok(name) if !name.is_empty() && name.len() <= limits::SCRIPT_NAME_BYTES_MAX => {
                lock(&builder.draft).kinds.push((Kind::from_name(&name), context.call_position()));
            }
            _ => builder.error(
                "bad-kind",
                context.call_position(),
                "a kind of event is named by text, as in `\"http\"`",
            ),
        }
    }
    api.doc(
        Place::Rule,
        "on",
        ".on(kind, …)",
        "The kinds of events that the rule listens to: one, several, or a list.",
        r#"rule("login-failures").on("http", "ssh.auth").when(|e| e.outcome == "failure").by("ip").count(20, "10m")"#,
    )
    .register_fn("on", |context: NativeCallContext, b: &mut Builder, kinds: Array| {
        for kind in &kinds {
                add_kind(b, &context, kind);
            }
        b.clone()
    })
    .register_fn("on", |context: NativeCallContext, b: &mut Builder, kind: Dynamic| {
        add_kind(b, &context, &kind);
        b.clone()
    })
    .register_fn("on", |context: NativeCallContext, b: &mut Builder, first: Dynamic, second: Dynamic| {
        for kind in &[first, second] {
                add_kind(b, &context, kind);
            }
        b.clone()
    })
    .register_fn("on", |context: NativeCallContext, b: &mut Builder, first: Dynamic, second: Dynamic, third: Dynamic| {
        for kind in &[first, second, third] {
                add_kind(b, &context, kind);
            }
        b.clone()
    });
    api.doc(
        Place::Rule,
        "when",
        ".when(closure)",
        "Which events matter: a pure closure that gives true or false. A field that isn't there makes it false.",
        r#"rule("admin").on("http").when(|e| e.path.starts_with("/admin/") && e.status == 403).by("ip").count(5, "1m")"#,
    )
    .register_fn("when", |context: NativeCallContext, b: &mut Builder, test: FnPtr| {
        let test = closure(&context, &test);
        b.set(&context, "when", |draft| draft.when.replace(test).is_some())
    });
    api.doc(
        Place::Rule,
        "by",
        ".by(field | [fields] | prefix(…) | closure)",
        "What is counted apart: a field, several, a prefix, or what a pure closure gives. An IPv6 client counts as its /64. Events without the field are not counted.",
        r#"rule("per-user").on("ssh.auth").by(["ip", "user"]).count(5, "10m")"#,
    )
    .register_fn("by", |context: NativeCallContext, b: &mut Builder, field: &str| {
        let key = vec![KeyPartDraft::Field(field.to_owned())];
        b.set(&context, "by", |draft| draft.key.replace((key, context.call_position())).is_some())
    })
    .register_fn("by", |context: NativeCallContext, b: &mut Builder, prefix: Prefix| {
        b.set(&context, "by", |draft| draft.key.replace((vec![prefix.0], context.call_position())).is_some())
    })
    .register_fn("by", |context: NativeCallContext, b: &mut Builder, pointer: FnPtr| {
        let key = vec![KeyPartDraft::Closure(closure(&context, &pointer))];
        b.set(&context, "by", |draft| draft.key.replace((key, context.call_position())).is_some())
    })
    .register_fn("by", |context: NativeCallContext, b: &mut Builder, list: Array| {
        let mut parts = Vec::new();
        for item in &list {
            if let Some(prefix) = item.read_lock::<Prefix>() {
                parts.push(prefix.0.clone());
            } else if let Ok(field) = item.as_immutable_string_ref() {
                parts.push(KeyPartDraft::Field(field.to_string()));
            } else {
                b.error("bad-key", context.call_position(), "a list of keys holds fields' names and `prefix(…)`");
            }
        }
        if parts.is_empty() || parts.len() > 8 {
            b.error("bad-key", context.call_position(), "a key has between 1 and 8 parts");
        }
        b.set(&context, "by", |draft| draft.key.replace((parts, context.call_position())).is_some())
    });
}

fn register_rest(api: &mut Api<'_>) {
    api.doc(Place::Rule, "cooldown", ".cooldown(duration)", "A key that fired rests this long. Without it, and without a window, a key fires at most once a minute.", r#"rule("seen").on("http").by("ip").cooldown("1h")"#)
    .register_fn("cooldown", |context: NativeCallContext, b: &mut Builder, rest: &str| {
        match b.duration(&context, rest) {
            Some(rest) => b.set(&context, "cooldown", |draft| draft.cooldown.replace(rest).is_some()),
            None => b.clone(),
        }
    });
    api.doc(Place::Rule, "mode", ".mode(text)", "`enforce` (the default), `shadow` (hits are recorded, nothing is done) or `off`; the config wins over it.", r#"rule("new-idea").on("http").mode("shadow")"#)
    .register_fn("mode", |context: NativeCallContext, b: &mut Builder, mode: &str| {
        let mode = match mode {
            "enforce" => Mode::Enforce,
            "shadow" => Mode::Shadow,
            "off" => Mode::Off,
            other => {
                b.error("bad-mode", context.call_position(), format!("`{other}` is no mode\nhint: there are `enforce`, `shadow` and `off`"));
                return b.clone();
            }
        };
        b.set(&context, "mode", |draft| draft.mode.replace(mode).is_some())
    });
    api.doc(Place::Rule, "certain", ".certain()", "Only attackers trip this rule, so it acts at once on a new install, where the others shadow for the first day.", r#"rule("secrets").on("http").when(|e| e.path == "/.env").by("ip").certain().then(|hit| block(hit.ip, "1h"))"#)
    .register_fn("certain", |context: NativeCallContext, b: &mut Builder| {
        b.set(&context, "certain", |draft| std::mem::replace(&mut draft.certain, true))
    });
    api.doc(Place::Rule, "then", ".then(closure)", "What to do: a body that gets the hit. It asks for actions, which the guard judges.", r#"rule("guessing").on("ssh.auth").by("ip").count(10, "5m").then(|hit| block(hit.ip, escalate("1h", "30d")))"#)
    .register_fn("then", |context: NativeCallContext, b: &mut Builder, body: FnPtr| {
        let body = closure(&context, &body);
        b.set(&context, "then", |draft| draft.then.replace(body).is_some())
    });
}
