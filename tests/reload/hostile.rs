//! A running daemon with rules that mean harm beside one that works: each is stopped and told of,
//! and the one that works does what it does without them.

use super::support::trouble::{address, web_file};
use super::support::{Place, line};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

/// Bodies, each of a rule that fires for every client.
const BODIES: &[&str] = &[
    "loop { }",
    "while true { let x = 1; }",
    "let n = 0; for i in 0..1000000000 { n += i; }",
    "let a = []; loop { a.push(1); }",
    "let a = [0]; loop { a += a; }",
    "let s = \"x\"; loop { s += s; }",
    "let s = \"x\"; loop { s = `${s}${s}`; }",
    "let m = #{}; for i in 0..100000 { m[`k${i}`] = i; }",
    "let a = []; loop { a = [a, a]; }",
    "let s = \"x\"; s.pad(1000000000, \"y\");",
    "let a = []; a.pad(1000000000, 0);",
    "loop { try { throw 1; } catch { } }",
    "loop { try { notify(\"x\", \"y\"); } catch { } }",
    "for i in 0..1000000 { block(`198.51.${i / 250 % 250}.${i % 250}`, \"1h\"); }",
    "for i in 0..1000 { log(\"x\"); }",
    "let s = \"aaaaaaaaaaaaaaaa\"; for i in 0..10 { s += s; } loop { s.matches(\"(a|aa|aaa)*b$\"); }",
    "let i = 0; loop { i += 1; \"x\".matches(`a${i}`); }",
    "let s = \"%41\"; for i in 0..11 { s += s; } loop { s.url_decode(); }",
    "let f = |f, n| f.call(f, n + 1); f.call(f, 0);",
    "deep(0);",
    "let i = 0; loop { i += 1; state::set(`k${i}`, \"x\", \"1d\"); }",
    "loop { emit(\"again\", #{ ip: hit.ip }); }",
    "throw \"over\";",
    "let a = [1]; a[5];",
    "let p = \"((a{100}){100}){100}\"; hit.key.matches(p + \"\");",
];

/// Files that are refused as a whole.
const FILES: &[&str] = &[
    "loop { }",
    "let s = \"x\"; loop { s += s; }",
    "let i = 0; loop { i += 1; rule(`r${i}`).on(\"http\"); }",
    "import \"/etc/passwd\" as x;",
    "open(\"/etc/passwd\");",
    "eval(\"rule\");",
    "block(\"198.51.100.1\", \"1h\");",
];

const GOOD: &str = "rule(\"good\").on(\"http\").when(|e| e.status == 404).by(\"ip\").count(3, \"1h\")\n    .then(|hit| block(hit.ip, \"1h\"));\n";

fn place(root: &std::path::Path, name: &str) -> Place {
    let place = Place::new(root, name, "", &web_file(&root.join(name)));
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &config.replace("rules.rhai", "rules"));
    fs::create_dir(place.dir.join("rules")).unwrap();
    place.write("rules/good.rhai", GOOD);
    place
}

#[test]
fn serial_rules_that_mean_harm_harm_nobody() {
    let root = tempfile::tempdir().unwrap();
    let place = place(root.path(), "hostile");
    for (number, body) in BODIES.iter().enumerate() {
        let mut text = String::from("fn deep(n) { deep(n + 1) }\n");
        write!(
            text,
            "rule(\"body-{number}\").on(\"http\").when(|e| e.status == 404).by(\"ip\").then(|hit| {{ {body} }});\n\
             rule(\"when-{number}\").on(\"http\").when(|e| {{ let hit = #{{ key: \"k\", ip: \"x\" }}; e.status == 404 && {{ {body}; true }} }}).by(\"ip\").count(2, \"1m\");\n"
        )
        .unwrap();
        // What asks has no place in a predicate: the file with both would be refused.
        let asks = ["notify", "block", "log", "state::", "emit"];
        if asks.iter().any(|call| body.contains(call)) {
            let only_body = text.lines().filter(|line| !line.contains("\"when-"));
            text = only_body.collect::<Vec<_>>().join("\n");
        }
        place.write(&format!("rules/body{number}.rhai"), &text);
    }
    for (number, text) in FILES.iter().enumerate() {
        place.write(&format!("rules/file{number}.rhai"), text);
    }
    let daemon = place.start_and_wait();
    let clients = 8;
    for number in 0..clients {
        place.append(&line(&address(number), "/x", 404).repeat(3));
        place.append(&line(&address(1_000 + number), "/x", 200).repeat(3));
    }
    place.wait(Duration::from_mins(2), "the good rule has its hits", || {
        place.hits("good").len() == clients
    });
    let hits = place.hits("good");
    assert!((0..clients).all(|number| hits.get(&address(number)) == Some(&1)), "{hits:?}");
    place.wait(Duration::from_secs(10), "its blocks are in force", || {
        let blocked = place.blocked();
        (0..clients).all(|number| blocked.contains(&address(number)))
    });
    // Nobody who only read pages, and nobody whom a million actions asked for beyond the limit.
    let blocked = place.blocked();
    assert!(!blocked.iter().any(|client| client == &address(1_000)), "{blocked:?}");
    assert!(blocked.len() <= clients + 100, "{} blocked", blocked.len());
    // Each is told of, by name.
    let log = place.log();
    for (number, body) in BODIES.iter().enumerate() {
        assert!(log.contains(&format!("body-{number}")), "{body} isn't told of\n{log}");
    }
    for (number, file) in FILES.iter().enumerate() {
        assert!(log.contains(&format!("file{number}.rhai")), "{file}\n{log}");
    }
    let rss = memory_kib(&daemon);
    assert!(rss < 128 * 1024, "{rss} KiB in use");
    daemon.terminate();
}

/// What a process keeps in memory, in KiB.
fn memory_kib(daemon: &super::support::Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
