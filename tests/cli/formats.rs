//! `--format` and what stands in for it: logs are read as the configured source reads them.

use crate::{Small, mode};

const SHOP: &str = "\
2026-10-10 15:55:36|203.0.113.9|GET|/.env|404
2026-10-10 15:55:37|203.0.113.9|GET|/.git/config|404
";

/// A config whose source `shop` has a format that nobody could guess.
fn shop() -> Small {
    let small = Small::new();
    std::fs::create_dir(small.path("logs")).unwrap();
    mode(&small.path("logs"), 0o700);
    small.config(&format!(
        "[[sources]]\nname = 'shop'\npaths = ['{}/*.log']\nformat = 'pattern'\nkind = 'http'\n\
         pattern = '^(?<time>[^|]+)\\|(?<ip>[^|]+)\\|(?<method>\\w+)\\|(?<path>[^|]+)\\|(?<status>\\d+)$'\n\
         time_format = '%Y-%m-%d %H:%M:%S'\ntimezone = 'Europe/Berlin'\n\
         [[sources]]\nname = 'nginx'\npaths = ['{}']\nformat = 'nginx'\n",
        small.path("logs").display(),
        small.path("access.log").display(),
    ));
    small.write("logs/a.log", SHOP);
    small.write("logs/a.log.1", SHOP);
    small.write("elsewhere.txt", SHOP);
    small
}

#[test]
fn a_file_is_read_as_its_source_reads_it() {
    let small = shop();
    for file in ["logs/a.log", "logs/a.log.1", "elsewhere.txt"] {
        let ran = small.run(&["replay", "--json", file]);
        assert!(ran.stdout.contains("\"target\":\"203.0.113.9\""), "{file}\n{}", ran.all());
        // The source's time zone too.
        assert!(ran.stdout.contains("\"time\":\"2026-10-10T13:55:37Z\""), "{file}\n{}", ran.all());
    }
    insta::assert_snapshot!(small.run(&["parse", "logs/a.log.1"]).all(), @"
    [0]
    format: pattern of source `shop` (its `paths` name this file)
    2026-10-10T13:55:36Z http ip=203.0.113.9 method=GET path=/.env status=404
    2026-10-10T13:55:37Z http ip=203.0.113.9 method=GET path=/.git/config status=404
    ");
    let elsewhere = small.run(&["parse", "elsewhere.txt"]);
    assert!(
        elsewhere
            .stdout
            .starts_with("format: pattern of source `shop` (it finds the most in these lines)\n"),
        "{}",
        elsewhere.all()
    );
}

#[test]
fn a_format_is_a_formats_or_a_sources_name() {
    let small = shop();
    for format in ["shop", "source:shop"] {
        for command in ["replay", "parse"] {
            let ran = small.run(&[command, "--format", format, "elsewhere.txt"]);
            assert_eq!(ran.code, 0, "{}", ran.all());
            assert!(ran.stdout.contains("pattern of source `shop` (as named)"), "{}", ran.all());
        }
        let line = SHOP.lines().next().unwrap();
        let ran = small.run(&["explain", "--format", format, line]);
        assert!(
            ran.stdout.starts_with("parsed as pattern of source `shop`: http"),
            "{}",
            ran.all()
        );
    }
    // A built-in format has its name for itself; the source of that name is asked for.
    let ran = small.run(&["replay", "--format", "source:nginx", "access.log"]);
    assert!(ran.stdout.starts_with("access.log: nginx of source `nginx`"), "{}", ran.all());
    let ran = small.run(&["parse", "--format", "shpo", "elsewhere.txt"]);
    insta::assert_snapshot!(ran.all(), @"
    [2]
    error: `shpo` is neither a log format nor a source
    hint: did you mean `shop`?
    ");
    let ran = small.run(&["replay", "--format", "source:zzzzzz", "elsewhere.txt"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.ends_with("sources of the config are shop, nginx\n"), "{}", ran.all());
}

#[test]
fn a_line_is_explained_by_the_source_that_finds_the_most_in_it() {
    let small = shop();
    let ran = small.run(&["explain", "--json", SHOP.lines().next().unwrap()]);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["source"], "shop");
    assert_eq!(said["event"]["ip"], "203.0.113.9");
    assert_eq!(said["rules"][0]["matched"], true);
    let ran = small.run(&["explain", "--json", crate::LOG.lines().next().unwrap()]);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&said["format"], &said["source"]), (&"combined".into(), &().into()));
}

#[test]
fn a_rules_test_gives_lines_in_a_sources_format() {
    let small = shop();
    let rule = |format: &str| {
        format!(
            "rule(\"secrets\").on(\"http\").when(|e| e.path == \"/.env\").by(\"ip\").count(1, \"1m\")\n\
             .then(|hit| block(hit.ip, \"1h\"));\n\
             test(\"in the shop's format\", |t| {{\n    t.lines(\"{format}\", `{}`);\n    t.expect_block(\"203.0.113.9\");\n}});\n",
            SHOP.lines().next().unwrap()
        )
    };
    for format in ["shop", "source:shop"] {
        small.write("rule.rhai", rule(format));
        assert_eq!(small.run(&["test"]).code, 0, "{}", small.run(&["test"]).all());
    }
    small.write("rule.rhai", rule("shpo"));
    let ran = small.run(&["test"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("did you mean `shop`?"), "{}", ran.all());
}

#[test]
fn a_format_by_name_needs_no_config() {
    let small = shop();
    small.write("riposte.toml", "this is no config");
    assert_eq!(small.run(&["parse", "--format", "nginx", "access.log"]).code, 0);
    assert_eq!(small.run(&["parse", "access.log"]).code, 2);
}
