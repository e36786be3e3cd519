//! `riposte test`: test files, differences, filters, JUnit, coverage, fixtures.

use super::Small;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const TESTS: &str = "\
fn guess(t, n) { for i in 0..n { t.event(\"http\", #{ ip: \"203.0.113.9\", path: \"/.env\" }); } }
test(\"one is too few\", |t| { guess(t, 1); t.expect_nothing(); });
test(\"two block <&\\\"\\u0007\", |t| { guess(t, 2); t.expect_block(\"203.0.113.9\", \"2h\"); });
test(\"a near miss\", |t| { guess(t, 1); t.expect_hit(\"secrets\"); });
test(\"a slip\", |t| { t.expect_no_hit(\"secretz\"); });
";

#[test]
fn a_test_file_is_about_the_rules_beside_it() {
    let small = Small::new();
    small.write("rule.test.rhai", TESTS);
    let ran = small.run(&["test", "rule.test.rhai"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    for wanted in [
        "pass one is too few",
        "rule.test.rhai:3:",
        "- block 203.0.113.9 for 2h",
        "+ block 203.0.113.9 for 1h by secrets",
        "`secrets`: 1 of 2 (2 within 1m) for 203.0.113.9",
        "there is no rule `secretz`",
        "did you mean `secrets`?",
        "1 passed, 3 failed",
    ] {
        assert!(ran.stdout.contains(wanted), "`{wanted}` is not in\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{7}'), "{:?}", ran.stdout);
    // The tests of the rule file itself were not asked for.
    assert!(!ran.stdout.contains("pass two block"), "{}", ran.stdout);
}

#[test]
fn a_filter_is_a_part_or_a_pattern() {
    let small = Small::new();
    small.write("rule.test.rhai", TESTS);
    for (filter, summary) in
        [("too few", "1 passed, 0"), ("/^a /", "0 passed, 2"), ("no", "0 passed, 0")]
    {
        let ran = small.run(&["test", "rule.test.rhai", "--filter", filter]);
        assert!(ran.stdout.contains(summary), "{filter}\n{}", ran.all());
        let well = summary == "1 passed, 0";
        assert_eq!(ran.code, i32::from(!well), "none that fits is no success: {}", ran.all());
    }
    assert_eq!(small.run(&["test", "--filter", "/(/"]).code, 2);
}

#[test]
fn junit_is_xml_that_others_read() {
    let small = Small::new();
    small.write("rule.test.rhai", TESTS);
    small.run(&["test", "rule.test.rhai", "--junit", "out.xml"]);
    let script = "import sys, xml.etree.ElementTree as e\n\
        r = e.parse(sys.argv[1]).getroot()\n\
        cases = r.findall('testsuite/testcase')\n\
        print(r.get('tests'), r.get('failures'), len(cases), len(r.findall('.//failure')))\n\
        print(cases[1].get('name'))\n\
        print('for 2h' in cases[1].find('failure').text)";
    let read = Command::new("python3").args(["-c", script]).arg(small.path("out.xml")).output();
    let read = read.unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let said = String::from_utf8(read.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "4 3 4 3");
    assert!(lines[1].starts_with("two block <&\""), "{said}");
    assert_eq!(lines[2], "True");
}

#[test]
fn coverage_tells_what_no_test_reaches() {
    let small = Small::new();
    let ran = small.run(&["test", "--coverage"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for wanted in [
        "no test sees `secrets` nearly fire (2 within 1m)",
        "rule.rhai:4:15: `e.path == \"/.env\"` of `secrets` is never false",
        "`e.path == \"/.git/config\"` of `secrets` is never true",
        "coverage 33 % (2 of 6)",
    ] {
        assert!(ran.stdout.contains(wanted), "`{wanted}` is not in\n{}", ran.stdout);
    }
    assert_eq!(small.run(&["test", "--coverage-min", "33"]).code, 0);
    assert_eq!(small.run(&["test", "--coverage-min", "34"]).code, 1);
}

#[test]
fn a_test_file_declares_no_rules_and_no_command_but_these_reads_it() {
    let small = Small::new();
    small.write("rule.test.rhai", "rule(\"r\").on(\"http\").by(\"ip\");");
    let ran = small.run(&["check", "rule.test.rhai"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("rule-in-test-file"), "{}", ran.all());
    let ran = small.run(&["replay", "--rules", ".", "access.log"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    small.write("lonely.test.rhai", "test(\"t\", |t| t.expect_nothing());");
    let ran = small.run(&["test", "lonely.test.rhai"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.stderr.contains("there is no `lonely.rhai`"), "{}", ran.all());
}

#[test]
fn a_fixture_lies_below_the_tests_folder() {
    let small = Small::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("log"), super::LOG).unwrap();
    std::os::unix::fs::symlink(outside.path().join("log"), small.path("link.log")).unwrap();
    let feed = |path: &str| {
        let text = format!(
            "test(\"t\", |t| {{ t.file(\"nginx\", \"{path}\"); t.expect_hits(\"secrets\", 1); }});"
        );
        small.write("rule.test.rhai", text);
        small.run(&["test", "rule.test.rhai"])
    };
    let ran = feed("access.log");
    assert_eq!(ran.code, 0, "{}", ran.all());
    for (path, why) in [
        ("../access.log", "is no path below the folder of the test"),
        ("/etc/hostname", "is no path below the folder of the test"),
        ("link.log", "leads out of the folder of the test"),
        ("riposte.toml", "no line of"),
    ] {
        let ran = feed(path);
        assert_eq!(ran.code, 1, "{}", ran.all());
        assert!(ran.stdout.contains(why), "{path}\n{}", ran.stdout);
    }
}

#[test]
fn a_test_that_loops_ends_and_the_others_run() {
    let small = Small::new();
    small.write(
        "rule.test.rhai",
        "test(\"endless\", |t| { loop { let x = 1; } }); test(\"after\", |t| t.expect_nothing());",
    );
    let ran = small.run(&["test", "rule.test.rhai"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("more operations than the limit allows"), "{}", ran.stdout);
    assert!(ran.stdout.contains("pass after"), "{}", ran.stdout);
}

/// The user's own rules neither fail nor carry the tests of other files.
#[test]
fn what_other_files_do_counts_only_by_name() {
    let small = Small::new();
    std::fs::create_dir(small.path("rules")).unwrap();
    super::mode(&small.path("rules"), 0o700);
    small.write(
        "rules/mine.rhai",
        "rule(\"all\").on(\"http\").by(\"ip\").then(|hit| block(hit.ip, \"1h\"));",
    );
    small.write(
        "rules/quiet.rhai",
        "rule(\"never\").on(\"http\").when(|e| e.status == 999).by(\"ip\").then(|hit| block(hit.ip, \"1h\"));
test(\"unharmed\", |t| { t.event(\"http\", #{ ip: \"203.0.113.9\" }); t.expect_nothing(); t.expect_hit(\"all\"); });
test(\"not carried\", |t| { t.event(\"http\", #{ ip: \"203.0.113.9\" }); t.expect_block(\"203.0.113.9\"); });",
    );
    let ran = small.run(&["test", "rules"]);
    assert!(ran.stdout.contains("pass unharmed"), "{}", ran.all());
    assert!(ran.stdout.contains("FAIL not carried"), "{}", ran.all());
    assert!(ran.stdout.contains("there is one by `all`"), "{}", ran.all());
}

#[test]
fn fixtures_may_be_compressed() {
    let small = Small::new();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(super::LOG.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    small.write("attack.log.gz", &gzip);
    small.write("attack.log.zst", zstd::stream::encode_all(super::LOG.as_bytes(), 1).unwrap());
    // The ending says nothing: what is in it does.
    small.write("attack.log", &gzip);
    for name in ["attack.log.gz", "attack.log.zst", "attack.log"] {
        small.write(
            "rule.test.rhai",
            format!("test(\"t\", |t| {{ t.file(\"nginx\", \"{name}\"); t.expect_hits(\"secrets\", 1); }});"),
        );
        let ran = small.run(&["test", "rule.test.rhai"]);
        assert_eq!(ran.code, 0, "{name}\n{}", ran.all());
    }
    small.write("attack.log.gz", &gzip[..gzip.len() / 2]);
    small.write(
        "rule.test.rhai",
        "test(\"t\", |t| { t.file(\"nginx\", \"attack.log.gz\"); t.expect_hits(\"secrets\", 1); });",
    );
    let ran = small.run(&["test", "rule.test.rhai"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("attack.log.gz"), "{}", ran.all());
}

/// A watch that is ended with the test, however that ends.
struct Watch(std::process::Child);

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_watch_runs_again_when_rules_tests_or_fixtures_change_and_ends_at_q() {
    let small = Small::new();
    small.write(
        "rule.test.rhai",
        "test(\"of a file\", |t| { t.file(\"nginx\", \"access.log\"); t.expect_hits(\"secrets\", 1); });",
    );
    let mut watch = Watch(
        super::program()
            .args(["-c", "riposte.toml", "test", "rule.rhai", "rule.test.rhai", "--watch"])
            .current_dir(small.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    // Everything up to the line that says that it waits.
    let mut round = || {
        let mut said = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            if line.starts_with("watching for changes") {
                return said;
            }
            said += &line;
            said.push('\n');
        }
        said
    };
    assert!(round().contains("2 passed, 0 failed"));
    // A rule that is too patient now.
    small.write("rule.rhai", super::RULE.replace(".count(2,", ".count(3,"));
    let said = round();
    assert!(said.contains("0 passed, 2 failed"), "{said}");
    // A slip: told of, and the watch goes on.
    small.write("rule.rhai", super::RULE.replace(".count(2,", ".cuont(2,"));
    let said = round();
    assert!(said.contains("error") && said.contains("cuont"), "{said}");
    small.write("rule.rhai", super::RULE);
    let said = round();
    assert!(said.contains("2 passed, 0 failed"), "{said}");
    // The file that a test reads.
    small.write("access.log", super::LOG.replace("/.env", "/about"));
    let said = round();
    assert!(said.contains("1 passed, 1 failed"), "{said}");
    watch.0.stdin.take().unwrap().write_all(b"q\n").unwrap();
    assert_eq!(watch.0.wait().unwrap().code(), Some(1), "as the last run ended");
}

/// A body with every way that a body can go.
const WAYS: &str = r#"
fn how_long(count) {
    if count > 9 { "1d" } else if count > 5 { "6h" } else { "1h" }
}
rule("ways").on("http").by("ip").count(2, "1m")
    .then(|hit| {
        // Far more than it takes.
        if hit.count > 9 { tag(hit.key, "often"); }
        let long = switch hit.event.method { "GET" => how_long(hit.count), "POST" => { "2h" } _ => "3h" };
        for event in hit.events { log(`${event.path}`); }
        block(hit.ip, long);
    });
fn ask(t, method) {
    for n in 0..2 { t.event("http", #{ ip: "203.0.113.9", method: method, path: "/" }); }
}
"#;

#[test]
fn coverage_tells_which_ways_of_bodies_no_test_goes() {
    let small = Small::new();
    let test = |methods: &[&str]| {
        let asks = methods.iter().map(|method| format!("ask(t, \"{method}\");"));
        let asks: String = asks.collect();
        small.write(
            "ways.rhai",
            format!("{WAYS}test(\"t\", |t| {{ {asks} t.expect_hit(\"ways\"); }});"),
        );
        small.run(&["test", "ways.rhai", "--coverage"]).stdout
    };
    let said = test(&["GET"]);
    for wanted in [
        "ways.rhai:3:5: `if count > 9` of `how_long` is never true",
        "ways.rhai:3:32: `if count > 5` of `how_long` is never true",
        "ways.rhai:8:9: `if hit.count > 9` of `ways` is never true",
        "ways.rhai:9:76: the arm `\"POST\"` of `ways` is never taken",
        "ways.rhai:9:95: the arm `_` of `ways` is never taken",
    ] {
        assert!(said.contains(wanted), "`{wanted}` is not in\n{said}");
    }
    for unwanted in
        ["`if hit.count > 9` of `ways` is never false", "for event in", "\"GET\"", "`ask`"]
    {
        assert!(!said.contains(unwanted), "`{unwanted}` is in\n{said}");
    }
    let said = test(&["PUT", "POST"]);
    assert!(said.contains("the arm `\"GET\"` of `ways` is never taken"), "{said}");
    assert!(said.contains("`if count > 5` of `how_long` is never false"), "{said}");
    assert!(!said.contains("\"POST\"") && !said.contains("the arm `_`"), "{said}");
}

#[test]
fn a_call_of_the_mark_in_a_rule_is_no_function() {
    let small = Small::new();
    small.write("rule.rhai", super::RULE.replace("block(hit.ip, \"1h\")", "__reached(0)"));
    let ran = small.run(&["check", "rule.rhai"]);
    assert!(ran.code == 1 && ran.stdout.contains("no function `__reached`"), "{}", ran.all());
}
