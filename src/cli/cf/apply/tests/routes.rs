//! Worker routes of the file against the look-alike.

use super::*;
use crate::cloudflare::workers::{self, Module, Route};

const ROUTES: &str = r#"
[[worker_routes]]
pattern = "example.com/api/*"
worker = "api"

[[worker_routes]]
pattern = "example.com/api/open/*"
"#;

fn with_worker(names: &[&str]) -> Stage {
    let stage = Stage::new();
    for name in names {
        let module = Module {
            file: "worker.mjs".to_owned(),
            text: b"export default {}".to_vec(),
            compatibility_date: "2026-11-01".to_owned(),
            bindings: Vec::new(),
        };
        stage.client.send(&workers::upload(&stage.zone.account.id, name, &module)).unwrap();
    }
    stage
}

fn there(stage: &Stage) -> Vec<String> {
    let answer = stage.client.send(&workers::routes(&stage.zone.id)).unwrap();
    let routes: Vec<Route> = answer.read().unwrap();
    let shown = |route: Route| format!("{} {}", route.pattern, route.script.unwrap_or_default());
    routes.into_iter().map(shown).collect()
}

#[test]
fn routes_become_what_the_file_says_also_when_a_reply_is_lost() {
    let stage = with_worker(&["api", "other"]);
    let file = ZoneFile::parse(ROUTES).unwrap();
    stage.simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/workers/routes"));
    assert_eq!(stage.apply(&file).written, ["2 routes"]);
    assert_eq!(there(&stage), ["example.com/api/* api", "example.com/api/open/* "]);
    assert!(!stage.plan(&file).differs());
    // What the file no longer names stays, and what leads elsewhere is taken over only when asked.
    assert!(!stage.plan(&ZoneFile::default()).differs());
    let moved = ZoneFile::parse(&ROUTES.replace("\"api\"", "\"other\"")).unwrap();
    assert!(stage.plan(&moved).is_blocked());
    let made = present::plan(&stage.client, &stage.zone, &moved, true).unwrap();
    let mut done = Done::default();
    send::all(&stage.client, &stage.zone, &moved, &made, true, &mut done).unwrap();
    assert_eq!(there(&stage), ["example.com/api/* other", "example.com/api/open/* "]);
}

#[test]
fn a_route_that_somebody_made_meanwhile_stays_theirs() {
    let stage = with_worker(&["api", "other"]);
    let file = ZoneFile::parse(ROUTES).unwrap();
    let made = stage.plan(&file);
    let theirs = workers::create_route_of(&stage.zone.id, "example.com/api/*", Some("other"));
    stage.client.send(&theirs).unwrap();
    let (sent, done) = stage.send(&file, &made);
    assert!(sent.unwrap_err().to_string().contains("was changed by somebody"));
    assert!(done.written.is_empty());
    assert_eq!(there(&stage), ["example.com/api/* other"]);
}
