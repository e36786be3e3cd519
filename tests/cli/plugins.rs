//! `riposte plugin`: a new plugin of each kind passes its own tests, a wrong answer is told.

use crate::{Ran, program};
use std::path::Path;

fn run(dir: &Path, words: &[&str]) -> Ran {
    let config = dir.join("riposte.toml");
    let output = program().arg("-c").arg(config).arg("plugin").args(words).output().unwrap();
    Ran::new(&output, dir)
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("riposte.toml");
    std::fs::write(&config, "[rules]\npack = false\n[plugins.mod_a]\n").unwrap();
    crate::mode(&config, 0o600);
    dir
}

#[test]
fn a_new_plugin_of_each_kind_passes_its_own_tests() {
    let dir = folder();
    let has_jq = std::process::Command::new("jq").arg("--version").output().is_ok();
    let made = run(dir.path(), &["new", "mod_a", "--kind", "module"]);
    assert_eq!(made.code, 0, "{}", made.all());
    let tested = run(dir.path(), &["test", "mod_a"]);
    assert_eq!(tested.code, 0, "{}", tested.all());
    for language in ["python", "shell"].iter().filter(|one| has_jq || **one == "python") {
        for kind in ["source", "parser", "enricher", "action"] {
            let name = format!("{kind}-{language}");
            let made = run(dir.path(), &["new", &name, "--kind", kind, "--language", language]);
            assert_eq!(made.code, 0, "{}", made.all());
            let tested = run(dir.path(), &["test", &name]);
            assert_eq!(tested.code, 0, "{name}: {}", tested.all());
        }
    }
    let listed = run(dir.path(), &["list"]);
    assert_eq!(listed.code, 0, "{}", listed.all());
    assert!(listed.stdout.contains("mod_a") && listed.stdout.contains("used"), "{}", listed.all());
}

/// A program starts in its own folder: a path that is relative to riposte's led elsewhere.
#[test]
fn a_program_is_found_through_a_relative_path_of_the_config() {
    let dir = folder();
    run(dir.path(), &["new", "geo", "--kind", "enricher"]);
    let words = ["-c", "riposte.toml", "plugin", "test", "geo"];
    let output = program().current_dir(dir.path()).args(words).output().unwrap();
    let tested = Ran::new(&output, dir.path());
    assert_eq!(tested.code, 0, "{}", tested.all());
}

#[test]
fn an_answer_that_differs_is_shown_as_a_difference() {
    let dir = folder();
    run(dir.path(), &["new", "geo", "--kind", "enricher"]);
    let tests = dir.path().join("plugins/geo/tests/sample.jsonl");
    let text = std::fs::read_to_string(&tests).unwrap();
    std::fs::write(&tests, text.replace("true", "false")).unwrap();
    let tested = run(dir.path(), &["test", "geo"]);
    assert_eq!(tested.code, 1, "{}", tested.all());
    assert!(tested.stdout.contains("- fields.sample: false"), "{}", tested.all());
    assert!(tested.stdout.contains("+ fields.sample: true"), "{}", tested.all());
    std::fs::write(
        dir.path().join("plugins/geo/program.py"),
        "#!/bin/sh\nread -r hello\necho hello\nread -r more\n",
    )
    .unwrap();
    let tested = run(dir.path(), &["test", "geo"]);
    assert_eq!(tested.code, 1, "{}", tested.all());
    assert!(tested.stdout.contains("not JSON"), "{}", tested.all());
}

#[test]
fn what_is_refused_is_listed_with_its_place() {
    let dir = folder();
    run(dir.path(), &["new", "geo", "--kind", "enricher"]);
    let manifest = dir.path().join("plugins/geo/plugin.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("protocol = 1", "protocol = 9")).unwrap();
    let listed = run(dir.path(), &["list"]);
    assert_eq!(listed.code, 1, "{}", listed.all());
    let all = listed.all();
    assert!(all.contains("geo/plugin.toml:5:1: `protocol` is 9"), "{all}");
    assert!(all.contains("there is no plugin `mod_a`"), "{all}");
}

/// Answers a DNS query by the first label of the name that it asks for.
fn answer_query(server: &std::net::UdpSocket, query: &[u8], to: std::net::SocketAddr) {
    let (head, question) = query.split_at_checked(12).unwrap();
    let [high, low, ..] = *head else { return };
    let send = |forge: u8, code: u8, address: Option<[u8; 4]>| {
        let answers = u8::from(address.is_some());
        let mut said = vec![high, low ^ forge, 0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0];
        said.extend(question);
        if let Some(address) = address {
            said.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            said.extend(address);
        }
        server.send_to(&said, to).unwrap();
    };
    let (length, labels) = question.split_first().unwrap();
    match labels.get(..usize::from(*length)).unwrap() {
        b"2" => send(0, 3, None),
        b"3" => send(0, 0, Some([127, 255, 255, 254])),
        b"4" => send(1, 0, Some([127, 0, 0, 2])),
        b"5" => {
            send(1, 0, Some([127, 0, 0, 2]));
            send(0, 3, None);
        }
        _ => send(0, 0, Some([127, 0, 0, 2])),
    }
}

#[test]
fn the_shipped_dnsbl_tells_listings_from_errors_and_forgeries() {
    let dir = folder();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/dnsbl");
    let plugin = dir.path().join("plugins/dnsbl");
    std::fs::create_dir_all(plugin.join("tests")).unwrap();
    for file in ["plugin.toml", "dnsbl.py", "tests/no_address.jsonl", "tests/nobody_is_asked.jsonl"]
    {
        std::fs::copy(shipped.join(file), plugin.join(file)).unwrap();
        crate::mode(&plugin.join(file), if file == "dnsbl.py" { 0o755 } else { 0o644 });
    }
    for folder in [dir.path().join("plugins"), plugin.clone(), plugin.join("tests")] {
        crate::mode(&folder, 0o755);
    }
    let config = dir.path().join("riposte.toml");
    std::fs::write(&config, "[rules]\npack = false\n[plugins.dnsbl]\n").unwrap();
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    // It ends with the tests.
    std::thread::spawn(move || {
        let mut query = [0_u8; 512];
        while let Ok((length, from)) = server.recv_from(&mut query) {
            answer_query(&server, &query[..length], from);
        }
    });
    let mut play = vec![format!(
        "{{\"settings\": {{\"zones\": [\"bl.example.org\"], \"resolver\": \"127.0.0.1:{port}\", \"timeout_ms\": 1000}}}}"
    )];
    for (id, (key, listed)) in [
        ("45.0.0.1", "true"),
        ("2a00::1", "true"),
        ("45.0.0.2", "false"),
        ("45.0.0.3", "null"),
        ("45.0.0.4", "null"),
        ("45.0.0.5", "false"),
        // This server would say that it is listed, but is not asked.
        ("10.0.0.1", "null"),
    ]
    .into_iter()
    .enumerate()
    {
        let zone = if listed == "true" { "\"bl.example.org\"" } else { "null" };
        play.push(format!(
            "{{\"send\": {{\"type\": \"ask\", \"id\": {id}, \"key\": \"{key}\"}}}}\n{{\"expect\": {{\"type\": \"answer\", \"id\": {id}, \"fields\": {{\"dnsbl_listed\": {listed}, \"dnsbl_zone\": {zone}}}}}}}"
        ));
    }
    std::fs::write(plugin.join("tests/server.jsonl"), play.join("\n")).unwrap();
    let tested = run(dir.path(), &["test", "dnsbl"]);
    assert_eq!(tested.code, 0, "{}", tested.all());
    assert!(tested.stdout.contains("3 tests, 0 failed"), "{}", tested.all());
}
