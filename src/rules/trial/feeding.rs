//! What a test feeds its bench: lines, files, events by hand, time, and what is known beside them.

use super::handle::{Answer, Handle};
use super::options;
use crate::clock::parse_duration;
use crate::enrich::Geo;
use crate::event::net;
use crate::limits;
use crate::rules::book::{Api, Place};
use crate::rules::context::{Run, lock, value_error};
use crate::rules::stamps;
use crate::rules::values::{Address, to_field, to_json};
use ipnet::IpNet;
use rhai::{Array, Dynamic, Map, NativeCallContext};
use std::time::Duration;

fn duration(context: &NativeCallContext, text: &str) -> Answer<Duration> {
    parse_duration(text).map_err(|error| value_error(context, error.to_string()))
}

fn feed(context: &NativeCallContext, t: &Handle, format: &str, text: &str) -> Answer<()> {
    lock(&t.0).bench.lines(format, text).map_err(|error| value_error(context, error))
}

pub(super) fn register(api: &mut Api<'_>) {
    register_lines(api);
    register_events(api);
    register_time(api);
    register_surroundings(api);
}

fn register_lines(api: &mut Api<'_>) {
    api.doc(Place::Test, "lines", "t.lines(format, lines)", "Feed lines, as text or as a list, in a format (`nginx`, `sshd`, `auto` …) or in that of a source of the config, by its name.", r#"t.lines("nginx", t.repeat(line, 10, "10s"))"#)
        .register_fn("lines", |context: NativeCallContext, t: &mut Handle, format: &str, text: &str| {
            feed(&context, t, format, text)
        })
        .register_fn("lines", |context: NativeCallContext, t: &mut Handle, format: &str, lines: Array| {
            let mut text = String::new();
            for line in &lines {
                let line = line.as_immutable_string_ref().map_err(|kind| {
                    value_error(&context, format!("a line is text, not `{kind}`"))
                })?;
                text.push_str(&line);
                text.push('\n');
            }
            feed(&context, t, format, &text)
        });
    api.doc(Place::Test, "file", "t.file(format, path)", "Feed the lines of a file; gzip and zstd are unpacked. The path begins at the folder of the test's file, and the file lies below it. Lines that don't parse are passed over.", r#"t.file("nginx", "fixtures/attack.log.gz")"#)
        .register_fn("file", |context: NativeCallContext, t: &mut Handle, format: &str, path: &str| -> Answer<()> {
            let file = Run::of(&context).map(|run| run.unit.file.to_string()).unwrap_or_default();
            lock(&t.0).bench.file(format, &file, path).map_err(|error| value_error(&context, error))
        });
    api.doc(Place::Test, "repeat", "t.repeat(line, n, every)", "The line n times, its time stamp moved on each time (access log, error log, syslog, ISO 8601, epoch).", r#"t.lines("nginx", t.repeat(line, 3, "1s"))"#)
        .register_fn("repeat", |context: NativeCallContext, _: &mut Handle, line: &str, n: i64, every: &str| -> Answer<Array> {
            let count = usize::try_from(n).unwrap_or(0);
            if count > limits::TEST_LINES_MAX {
                return Err(value_error(&context, format!("`repeat` makes at most `{}` lines", limits::TEST_LINES_MAX)));
            }
            let lines = stamps::repeat(line, count, duration(&context, every)?).map_err(|text| value_error(&context, text))?;
            Ok(lines.into_iter().map(Dynamic::from).collect())
        });
}

fn register_events(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "event",
        "t.event(kind, fields)",
        "Feed an event made by hand, at the test's time, or at its field `time` (RFC 3339).",
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
}

fn register_time(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "advance",
        "t.advance(duration)",
        "Move the time on: timers and `absent` run, decisions and state end.",
        r#"t.advance("1h")"#,
    )
    .register_fn(
        "advance",
        |context: NativeCallContext, t: &mut Handle, by: &str| -> Answer<()> {
            let by = duration(&context, by)?;
            let mut inner = lock(&t.0);
            let time = inner.bench.now().plus(by);
            inner.bench.at(time).map_err(|error| value_error(&context, error))
        },
    );
    api.doc(Place::Test, "at", "t.at(time)", "Move the time on to a moment (RFC 3339), as `advance` does. At the beginning of a test it may be any moment.", r#"t.at("2026-10-10T14:00:00Z")"#)
        .register_fn("at", |context: NativeCallContext, t: &mut Handle, time: &str| -> Answer<()> {
            let time = options::time(&context, time)?;
            lock(&t.0).bench.at(time).map_err(|error| value_error(&context, error))
        });
}

fn network(context: &NativeCallContext, value: &Dynamic) -> Answer<IpNet> {
    if let Some(address) = value.read_lock::<Address>() {
        return Ok(IpNet::from(address.0));
    }
    let text = value
        .as_immutable_string_ref()
        .map_err(|kind| value_error(context, format!("a prefix is text, not `{kind}`")))?;
    net::parse_net(&text)
        .ok_or_else(|| value_error(context, format!("`{}` is no prefix", text.as_str())))
}

#[expect(clippy::too_many_lines, reason = "a table of functions, one after the other")]
fn register_surroundings(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "feed",
        "t.feed(name, [prefixes])",
        "What `in_feed` finds in a feed, in this test.",
        r#"t.feed("bad-hosts", ["203.0.113.0/24"])"#,
    )
    .register_fn(
        "feed",
        |context: NativeCallContext, t: &mut Handle, name: &str, list: Array| -> Answer<()> {
            let nets =
                list.iter().map(|item| network(&context, item)).collect::<Answer<Vec<IpNet>>>()?;
            lock(&t.0).bench.feed(name, nets).map_err(|error| value_error(&context, error))
        },
    );
    api.doc(
        Place::Test,
        "geo",
        "t.geo(prefix, #{ country, continent, city, asn, organisation })",
        "What `geo` knows of an address or prefix, in this test; events that follow have their `country` and `asn` from it.",
        r#"t.geo("203.0.113.0/24", #{ country: "NL", asn: 64500 })"#,
    )
    .register_fn(
        "geo",
        |context: NativeCallContext, t: &mut Handle, whom: Dynamic, map: Map| -> Answer<()> {
            let net = network(&context, &whom)?;
            let mut geo = Geo::default();
            for (name, value) in &map {
                let text = options::json_text(&to_json(value));
                match name.as_str() {
                    "country" => geo.country = Some(text),
                    "continent" => geo.continent = Some(text),
                    "city" => geo.city = Some(text),
                    "organisation" => geo.organisation = Some(text),
                    "asn" => {
                        let asn = text.parse().map_err(|_| {
                            value_error(
                                &context,
                                format!("`{text}` is no number of an autonomous system"),
                            )
                        })?;
                        geo.asn = Some(asn);
                    }
                    other => {
                        return Err(options::unknown(
                            &context,
                            other,
                            &["country", "continent", "city", "asn", "organisation"],
                        ));
                    }
                }
            }
            lock(&t.0).bench.geo(net, geo).map_err(|error| value_error(&context, error))
        },
    );
    api.doc(
        Place::Test,
        "allow",
        "t.allow(target)",
        "Put an address or prefix on the allowlist, in this test.",
        r#"t.allow("198.51.100.0/24")"#,
    )
    .register_fn(
        "allow",
        |context: NativeCallContext, t: &mut Handle, whom: Dynamic| -> Answer<()> {
            let net = network(&context, &whom)?;
            lock(&t.0).bench.allow(net).map_err(|error| value_error(&context, error))
        },
    );
    api.doc(
        Place::Test,
        "past_hits",
        "t.past_hits(key, n)",
        "Let the key have had so many hits just before now, as `past_hits` counts them.",
        r#"t.past_hits("203.0.113.9", 3)"#,
    )
    .register_fn(
        "past_hits",
        |context: NativeCallContext, t: &mut Handle, key: &str, n: i64| -> Answer<()> {
            let count = u64::try_from(n).unwrap_or(0);
            if count > limits::TEST_PAST_HITS_MAX {
                return Err(value_error(
                    &context,
                    format!("a key gets at most `{}` past hits", limits::TEST_PAST_HITS_MAX),
                ));
            }
            lock(&t.0).bench.past_hits(key, count).map_err(|error| value_error(&context, error))
        },
    );
    api.doc(Place::Test, "param", "t.param(name, value)", "Run the rest of the test as if the config set this parameter of the rules under test. Before anything is fed.", r#"t.param("threshold", 3)"#)
        .register_fn("param", |context: NativeCallContext, t: &mut Handle, name: &str, value: Dynamic| -> Answer<()> {
            let mut inner = lock(&t.0);
            let files = inner.scope.files.clone();
            inner.bench.param(&files, name, to_json(&value)).map_err(|error| value_error(&context, error))
        });
}
