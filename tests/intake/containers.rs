//! Logs as Docker and Kubernetes' runtimes write them, rotated as they do, with `kill -9` in between.
//! The writers here stand in for the daemons: no container is started.

use super::place;
use super::support::{Place, line};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A rule for each container's lines, and one that knows the container.
const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404 && e.container == "web").by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("each").on("http").by("path").count(1, "1h").then(|hit| log(hit.key));
"#;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A line as Docker keeps it, in parts of that many bytes.
fn docker(text: &str, part: usize) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let parts: Vec<String> = bytes.chunks(part).map(|part| part.iter().collect()).collect();
    let stamp = riposte::clock::now();
    let object = |part: &String| {
        let log = serde_json::to_string(part).unwrap();
        format!("{{\"log\":{log},\"stream\":\"stdout\",\"time\":\"{stamp}\"}}\n")
    };
    parts.iter().map(object).collect::<Vec<_>>().concat()
}

/// The same as a runtime of Kubernetes keeps it.
fn cri(text: &str, part: usize) -> String {
    let text = text.trim_end();
    let bytes: Vec<char> = text.chars().collect();
    let parts: Vec<String> = bytes.chunks(part).map(|part| part.iter().collect()).collect();
    let stamp = riposte::clock::now();
    let tagged = |(place, part): (usize, &String)| {
        let tag = if place + 1 == parts.len() { "F" } else { "P" };
        format!("{stamp} stdout {tag} {part}\n")
    };
    parts.iter().enumerate().map(tagged).collect::<Vec<_>>().concat()
}

/// Writes 42 lines, rotates, kills; then all are there once, and `web` is known.
fn try_out(
    place: &Place,
    log: &PathBuf,
    rotated: &dyn Fn(usize) -> PathBuf,
    wrap: &dyn Fn(&str) -> String,
) {
    let mut daemon = place.start_and_wait();
    // A new container's log is found within some seconds; what is rotated away before is not.
    append(log, &wrap(&line("203.0.113.9", "/first", 404)));
    place.wait(Duration::from_secs(30), "the log is found", || place.hits("each").len() == 1);
    let mut number = 0;
    for round in 0..4 {
        for _ in 0..10 {
            append(log, &wrap(&line("203.0.113.9", &format!("/n{number}"), 404)));
            number += 1;
        }
        fs::rename(log, rotated(round)).unwrap();
        if round % 2 == 0 {
            daemon.kill();
            daemon = place.start_and_wait();
        }
    }
    append(log, &wrap(&line("203.0.113.9", "/last", 404)));
    place.wait(Duration::from_secs(30), "all came", || place.hits("each").len() == 42);
    assert!(place.hits("each").values().all(|count| *count == 1), "none is doubled");
    assert_eq!(place.blocked(), ["203.0.113.9"]);
    daemon.terminate();
}

#[test]
fn serial_dockers_logs_are_read_with_their_container() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("containers/0123");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("config.v2.json"),
        r#"{"ID":"0123456789abcdef","Name":"/web","Config":{"Image":"nginx","Labels":{}}}"#,
    )
    .unwrap();
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"docker\"\ntype = \"docker\"\nfrom = \"beginning\"\npaths = [\"{}/containers/*/*-json.log\"]\ntags = {{ web = \"nginx\" }}\nformat = \"json\"\n",
            root.path().display()
        ),
    );
    place.write("rules.rhai", RULES);
    let log = folder.join("0123-json.log");
    // Docker numbers upwards; here each keeps its number, as if ten were kept and more came.
    let rotated = |round: usize| log.with_extension(format!("log.{}", 9 - round));
    try_out(&place, &log, &rotated, &|text| docker(text, 40));
}

#[test]
fn serial_pods_logs_are_read_with_their_pod() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("pods/shop_front-7d_12-34/web");
    fs::create_dir_all(&folder).unwrap();
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"pods\"\ntype = \"kubernetes\"\nfrom = \"beginning\"\npaths = [\"{}/pods/*/*/*.log\"]\nformat = \"nginx\"\n",
            root.path().display()
        ),
    );
    place.write("rules.rhai", RULES);
    let log = folder.join("0.log");
    let rotated = |round: usize| folder.join(format!("0.log.20261127-10000{round}"));
    try_out(&place, &log, &rotated, &|text| cri(text, 40));
}
