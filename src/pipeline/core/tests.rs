//! Time that runs ahead of events, and cores for tests.

use super::*;
use crate::config::Config;
use crate::event::{Event, Field, Kind, Value};
use crate::pipeline::live::route_of;
use crate::pipeline::watermark::Watermarks;
use crate::rules::{RuleFile, Settings};
use std::net::IpAddr;

/// A core with the rules of one file.
pub(super) fn core_of(text: &str) -> Core {
    let files = [RuleFile { path: "r.rhai".into(), text: text.to_owned() }];
    let loaded = RuleSet::load(&files, &[], &Settings::default());
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    let config = Config::default();
    let settings = CoreConfig {
        window_bytes_max: 1024 * 1024,
        seed: 7,
        guard: config.guard.clone(),
        route_of: route_of(&config),
        modes: Modes::AllEnforce,
    };
    Core::new(Arc::new(loaded.set), settings)
}

/// A log that was there before riposte, on a machine so busy that the engine looked at its clock
/// long before the log's first line came: windows that the clock took for over were forgotten.
#[test]
fn a_clock_that_runs_ahead_takes_nothing_from_those_who_come_late() {
    let mut core = core_of(
        "rule(\"two\").on(\"http\").by(\"ip\").count(2, \"1m\").then(|hit| block(hit.ip, \"1h\"));\n",
    );
    let (mut marks, mut firings) = (Watermarks::default(), Vec::new());
    let source: Arc<str> = Arc::from("log");
    let mut evaluate = |core: &mut Core, marks: &mut Watermarks, secs: i64, arrival: i64| {
        let mut event = Event::new(Kind::Http, Timestamp::from_secs(secs));
        event.set(Field::Ip, Value::Ip(IpAddr::from([203, 0, 113, 9])));
        let low = marks.event(&source, event.time, Timestamp::from_secs(arrival));
        core.advance(low, &mut firings);
        core.event(&Arc::new(event), &[0], &mut firings);
        core.forget_before(marks.settled());
        firings.len()
    };
    let mut idle = Vec::new();
    core.advance(marks.tick(Timestamp::from_secs(1_000)), &mut idle);
    assert_eq!(evaluate(&mut core, &mut marks, 400, 1_001), 0);
    // Far enough that everything has had its turn to be forgotten.
    for secs in 1_002..1_100 {
        core.advance(marks.tick(Timestamp::from_secs(secs)), &mut idle);
    }
    assert_eq!(evaluate(&mut core, &mut marks, 430, 1_101), 1);
    assert!(idle.is_empty());
}
