//! `riposte replay` as people and scripts use it: archives, order, faults, cuts, the summary.

use crate::{Ran, Small};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

fn line(second: u32, host: u8, path: &str) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        "203.0.113.{host} - - [10/Oct/2026:13:{minute:02}:{second:02} +0000] \"GET {path} HTTP/1.1\" 404 1 \"-\" \"-\"\n"
    )
}

/// Some thousand lines in which a new client asks for a secret twice every ten seconds.
fn log() -> Vec<String> {
    let each = |second: u32| {
        let host = u8::try_from(second / 10 % 200 + 1).unwrap();
        let path = if second % 10 < 2 { "/.env" } else { "/" };
        (0..4).map(move |_| line(second, host, if path == "/" { "/" } else { path }))
    };
    (0..3_600).flat_map(each).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::stream::encode_all(text.as_bytes(), 1).unwrap()
}

/// The hits and decisions of a JSON replay, without the place where each was read.
fn told(ran: &Ran) -> Vec<String> {
    let without_place = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["source", "line", "seconds", "lines_per_second"] {
            value.as_object_mut().unwrap().remove(key);
        }
        value.to_string()
    };
    ran.stdout.lines().map(without_place).collect()
}

#[test]
fn archives_in_any_order_say_what_the_plain_log_says_on_any_number_of_threads() {
    let small = Small::new();
    let lines = log();
    small.write("whole.log", lines.concat());
    let whole = small.run(&["replay", "--json", "whole.log"]);
    assert_eq!(whole.code, 0, "{}", whole.all());
    let whole = told(&whole);
    assert!(whole.len() > 700, "{}", whole.len());
    let parts: Vec<String> = lines.chunks(lines.len() / 4 + 1).map(<[String]>::concat).collect();
    small.write("a.log.3.zst", zstd(&parts[0]));
    // Two members and two frames: as a log that was compressed in parts.
    let (first, second) = parts[1].split_at(parts[1].len() / 2);
    small.write("a.log.2.gz", [gzip(first), gzip(second)].concat());
    let (first, second) = parts[2].split_at(parts[2].len() / 3);
    small.write("a.log.1.zst", [zstd(first), zstd(second)].concat());
    small.write("a.log", &parts[3]);
    for threads in ["1", "2", "7"] {
        for files in [
            ["a.log.3.zst", "a.log.2.gz", "a.log.1.zst", "a.log"],
            ["a.log", "a.log.1.zst", "a.log.2.gz", "a.log.3.zst"],
            ["a.log.1.zst", "a.log", "a.log.3.zst", "a.log.2.gz"],
        ] {
            let mut arguments = vec!["replay", "--json", "--threads", threads];
            arguments.extend(files);
            let ran = small.run(&arguments);
            assert_eq!(told(&ran), whole, "{arguments:?}");
        }
    }
}

#[test]
fn of_a_broken_archive_what_could_be_read_is_used_and_the_rest_told() {
    let small = Small::new();
    let text = log().concat();
    let whole = zstd(&text);
    small.write("a.log.zst", &whole[..whole.len() / 2]);
    small.write("b.log.gz", [gzip("no line\n"), b"no archive".to_vec()].concat());
    let ran = small.run(&["replay", "--json", "--format", "nginx", "a.log.zst", "b.log.gz"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    let mut lines = ran.stdout.lines().rev();
    let summary: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert!(summary["hits"].as_u64().unwrap() > 50, "{summary}");
    assert_eq!(summary["unparsed"], 1, "no line was cut in the middle");
    let fault: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!((&fault["type"], &fault["part"]), (&"fault".into(), &"file".into()));
    assert_eq!(fault["source"], "b.log.gz");
    insta::assert_snapshot!(lines.next().unwrap(), @r#"{"type":"fault","part":"file","message":"failed to read `a.log.zst`: the archive ends too early","count":1,"source":"a.log.zst"}"#);
    let ran = small.run(&["replay", "a.log.zst"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("  failed to read `a.log.zst`: the archive ends too early; "),
        "{}",
        ran.all()
    );
    let ran = small.run(&["parse", "--json", "a.log.zst"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.stderr, "error: failed to read `a.log.zst`: the archive ends too early\n");
    assert!(ran.stdout.lines().count() > 100, "{}", ran.all());
    // A window of 2 GiB is not made.
    small.write("giant.zst", [0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0]);
    let ran = small.run(&["replay", "giant.zst"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("a zstd frame needs a larger window"), "{}", ran.all());
    small.write("other.xz", [0xfd, b'7', b'z', b'X', b'Z', 0, 0, 0]);
    insta::assert_snapshot!(small.run(&["replay", "other.xz"]).all(), @"
    [2]
    error: failed to read `other.xz`: xz is not read here; try `xz -dc FILE | riposte replay -`
    ");
}

#[test]
fn the_summary_says_what_a_person_wants_to_know() {
    let small = Small::new();
    let log = [line(0, 9, "/.env"), line(1, 9, "/.git/config"), "what is this\n".to_owned()];
    small.write("a.log", log.concat() + line(60, 7, "/").as_str());
    let two = [line(90, 8, "/.env"), line(95, 8, "/.env"), line(100, 9, "/.env")];
    small.write("b.log", two.concat() + line(110, 9, "/.env").as_str());
    let ran = small.run(&["replay", "b.log", "a.log"]);
    assert_eq!(ran.code, 0);
    let summary = ran.stdout.split("\nsummary").nth(1).unwrap();
    let rate = summary.lines().find(|line| line.contains("lines/s")).unwrap();
    insta::assert_snapshot!(summary.replace(rate, "  TIME"), @"

      2 files, 8 lines from 2026-10-10T13:00:00Z to 2026-10-10T13:01:50Z (1m50s); 7 parsed, 1 not
      TIME
      3 hits, 3 decisions about 2 targets
        secrets  3 hits  3 decisions  2 targets
      not parsed: 1 of 4 lines of a.log, as
        line 3: no quoted request: what is this
    ");
}

#[test]
fn a_replay_is_cut_by_time_and_by_rule() {
    let small = Small::new();
    small.write("a.log", log().concat());
    let hits = |more: &[&str]| {
        let mut arguments = vec!["replay", "--json", "a.log"];
        arguments.extend(more);
        let ran = small.run(&arguments);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran.stdout.lines().filter(|line| line.contains("\"type\":\"hit\"")).count()
    };
    let all = hits(&[]);
    let from = hits(&["--since", "2026-10-10T13:30:00Z"]);
    let to = hits(&["--until", "2026-10-10T13:30:00Z"]);
    assert_eq!(from + to, all);
    let minute = ["--since", "2026-10-10T13:30:00Z", "--until", "2026-10-10T13:31:00Z"];
    assert_eq!(hits(&minute), all / 60);
    assert_eq!(hits(&["--since", "2026-10-10T14:00:00+00:00"]), 0);
    assert_eq!(hits(&["--rule", "secrets"]), all);
    insta::assert_snapshot!(small.run(&["replay", "--rule", "secret", "a.log"]).all(), @"
    [2]
    error: no rule is named `secret`
    hint: did you mean `secrets`?
    ");
    insta::assert_snapshot!(small.run(&["replay", "--since", "soon", "a.log"]).all(), @"
    [2]
    error: `--since`: `soon` is not a moment
    hint: a date (`2026-11-26`), a time (`2026-11-26T13:00:00Z`, `2026-11-26 13:00` where you are), or how long ago (`7d`)
    ");
    let swapped = ["--until", "2026-10-10T13:30:00Z", "--since", "2026-10-10T13:31:00Z", "a.log"];
    assert_eq!(small.run(&[&["replay"], &swapped[..]].concat()).code, 2);
}

#[test]
fn a_body_that_fails_is_named_with_its_place() {
    let small = Small::new();
    small.write(
        "rule.rhai",
        "rule(\"good\").on(\"http\").when(|e| e.path == \"/.env\").by(\"ip\").count(1, \"1s\")\n    .then(|hit| block(hit.ip, \"1h\"));\n\
         rule(\"bad\").on(\"http\").when(|e| e.path == \"/.env\").by(\"ip\").count(1, \"1s\")\n    .then(|hit| {\n        let n = parse_int(hit.event.path);\n        block(hit.ip, \"1h\");\n    });\n",
    );
    small.write("a.log", line(0, 9, "/.env") + line(5, 8, "/.env").as_str());
    let ran = small.run(&["replay", "--json", "a.log"]);
    let fault = ran.stdout.lines().find(|line| line.contains("\"type\":\"fault\"")).unwrap();
    let fault: serde_json::Value = serde_json::from_str(fault).unwrap();
    assert_eq!((&fault["part"], &fault["rule"]), (&"body".into(), &"bad".into()));
    assert_eq!(
        (&fault["count"], &fault["source"], &fault["line"]),
        (&2.into(), &"a.log".into(), &1.into())
    );
    assert!(fault["message"].as_str().unwrap().contains("rule.rhai:5:"), "{fault}");
    assert!(ran.stdout.lines().last().unwrap().contains("\"type\":\"summary\""));
    let ran = small.run(&["replay", "a.log"]);
    assert!(
        ran.stdout
            .contains("  2 hits were skipped because a rule's body failed:\n    rule `bad`: "),
        "{}",
        ran.all()
    );
    assert!(ran.stdout.contains("(2 times, first at a.log:1)"), "{}", ran.all());
}

#[test]
fn standard_input_is_read_in_any_packing_and_progress_stays_out_of_pipes() {
    let small = Small::new();
    let text = log().concat();
    small.write("plain", &text);
    small.write("gz", gzip(&text));
    small.write("zst", zstd(&text));
    let run = |file: &str| {
        let script = format!(
            "cat {file} | '{}' -c riposte.toml replay --json -",
            env!("CARGO_BIN_EXE_riposte")
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(small.dir.path())
            .output()
            .unwrap();
        Ran::new(&output, Path::new("/nowhere"))
    };
    let plain = run("plain");
    assert_eq!((plain.code, plain.stderr.as_str()), (0, ""));
    for packed in ["gz", "zst"] {
        assert_eq!(told(&run(packed)), told(&plain), "{packed}");
    }
}

#[test]
fn what_is_asked_of_cloudflare_is_told_and_not_sent() {
    let small = Small::new();
    small.write(
        "rule.rhai",
        r#"rule("attack").on("http").when(|e| e.path == "/.env").by("ip").count(2, "1m")
    .then(|hit| cf::under_attack("example.com", "30m"));
"#,
    );
    small.write("a.log", [line(0, 9, "/.env"), line(1, 9, "/.env")].concat());
    let ran = small.run(&["replay", "a.log"]);
    assert!(
        ran.stdout
            .contains("set setting `security_level` of `example.com` to `under_attack` for 30m"),
        "{}",
        ran.all()
    );
    let ran = small.run(&["replay", "--json", "a.log"]);
    let told = ran.stdout.lines().find(|line| line.contains(r#""type":"cloudflare""#)).unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["zone"], "example.com");
    assert_eq!(told["what"]["value"], "under_attack");
    assert_eq!(told["what"]["seconds"], 1_800);
}
