//! Tests of rules as a whole: load, match, sample, run.

mod basics;
mod lowering;
mod modules;
mod bodies;
mod checks;
mod codes;
mod hostile;
mod parts;
mod random;
mod references;
mod trials;

use super::*;
use crate::clock::Timestamp;
use crate::decisions::{Hit, HitId, Route};
use crate::enrich::Geo;
use crate::event::{Event, Field, Kind, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The sample of the reference, with the Cloudflare rule left out.
pub(super) const SAMPLE: &str = r#"//! Clients that guess WordPress passwords.

rule("wp-login-guessing")
    .on("http")
    .when(|e| e.method == "POST" && e.path.ends_with("/wp-login.php") && e.status in [200, 401, 403])
    .by("ip")                     // an IPv6 client counts as its /64
    .count(10, "5m")              // the tenth in any five minutes
    .then(|hit| {
        block(hit.ip, escalate("1h", "30d"));
        notify("ops", `${hit.ip} tried ${hit.count} passwords on ${hit.event.host}`);
    });

rule("origin-down")
    .on("probe").by("probe")
    .when(|e| e.probe == "origin-a")
    .consecutive(|e| !e.ok, 3)
    .then(|hit| notify("ops", "origin-a is down"));

test("ten guesses block, nine don't", |t| {
    let line = `203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] "POST /wp-login.php HTTP/1.1" 200 512 "-" "curl/8"`;
    t.lines("nginx", t.repeat(line, 10, "10s"));     // repeat moves the time stamps on
    t.expect_block("203.0.113.9");
});
"#;

pub(super) fn file(text: &str) -> RuleFile {
    RuleFile { path: "rules/a.rhai".to_owned(), text: text.to_owned() }
}

pub(super) fn load(text: &str) -> Loaded {
    RuleSet::load(&[file(text)], &[], &Settings::default())
}

/// A set that must load without an error.
pub(super) fn set(text: &str) -> RuleSet {
    let loaded = load(text);
    assert!(!loaded.has_errors(), "{}", render(&loaded.findings, false));
    loaded.set
}

/// The findings of a text, as people read them.
pub(super) fn findings(text: &str) -> String {
    render(&load(text).findings, false)
}

pub(super) fn http(ip: &str, method: &str, path: &str, status: i64) -> Arc<Event> {
    let mut event = Event::new(Kind::Http, Timestamp::from_secs(1_000));
    event.set(Field::Ip, Value::ip(ip.parse().unwrap()));
    event.set(Field::Method, Value::text(method));
    event.set(Field::Path, Value::text(path));
    event.set(Field::Status, Value::Int(status));
    Arc::new(event)
}

pub(super) fn hit_of(event: &Arc<Event>) -> Arc<Hit> {
    let ip = event.ip(Field::Ip);
    Arc::new(Hit {
        id: HitId(7),
        rule: Arc::from("r"),
        key: ip.map_or_else(|| "*".to_owned(), |ip| ip.to_string()).into(),
        ip,
        count: 10,
        first: event.time,
        last: event.time,
        time: event.time,
        event: Arc::clone(event),
        events: vec![Arc::clone(event)],
        route: Route::Unknown,
    })
}

/// A host with a state of its own.
#[derive(Default)]
pub(super) struct TestHost {
    state: Mutex<ScriptState>,
}

impl TestHost {
    pub(super) fn shared() -> Arc<dyn Host> {
        Arc::new(Self { state: Mutex::new(ScriptState::new()) })
    }
}

impl Host for TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000)
    }

    fn past_hits(&self, key: &str, _within: Duration) -> u64 {
        u64::try_from(key.len()).unwrap()
    }

    fn in_feed(&self, _address: IpAddr, feed: &str) -> bool {
        assert_ne!(feed, "panics", "a defect of a native function");
        feed == "bad"
    }

    fn geo(&self, _address: IpAddr) -> Option<Arc<Geo>> {
        Some(Arc::new(Geo { country: Some("NL".to_owned()), asn: Some(64_500), ..Geo::default() }))
    }

    fn state_get(&self, key: &str) -> Option<StateValue> {
        self.state.lock().unwrap().get(key, self.now())
    }

    fn state_set(&self, key: &str, value: StateValue, ttl: Duration) {
        self.state.lock().unwrap().set(key, value, ttl, self.now());
    }

    fn state_add(&self, key: &str, amount: f64, ttl: Duration) -> f64 {
        self.state.lock().unwrap().add(key, amount, ttl, self.now())
    }
}

pub(super) fn candidates(set: &RuleSet, event: &Arc<Event>) -> (Vec<u32>, Vec<(u32, String)>) {
    let mut out = Vec::new();
    let mut faults = Vec::new();
    set.candidates(event, &mut out, &mut faults);
    let mut shared = Vec::new();
    set.candidates_shared(event, &mut shared, &mut Vec::new());
    assert_eq!(out, shared);
    (out, faults)
}

/// Whether the only rule's predicate, given as text, holds; a fault is an error.
pub(super) fn holds(predicate: &str, event: &Arc<Event>) -> Result<bool, String> {
    let set =
        set(&format!("rule(\"r\").on(\"http\").when(|e| {predicate}).by(\"ip\").then(|hit| ());"));
    let (out, faults) = candidates(&set, event);
    match faults.first() {
        Some((_, text)) => Err(text.clone()),
        None => Ok(out == [0]),
    }
}

/// Runs a body given as text for an event.
pub(super) fn body(text: &str, event: &Arc<Event>) -> BodyRun {
    let set = set(&format!("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| {{ {text} }});"));
    set.run_body(0, &hit_of(event), &TestHost::shared())
}

pub(super) fn params(of: &str, values: &[(&str, serde_json::Value)]) -> Settings {
    let values: BTreeMap<String, serde_json::Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Settings { params: BTreeMap::from([(of.to_owned(), values)]), ..Settings::default() }
}
