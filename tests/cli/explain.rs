//! `riposte explain`: a line's way, with the parts of predicates, the window, and what it leads to.

use crate::{LOG, Small};
use std::io::Write;
use std::process::Stdio;

const RULES: &str = r#"//! For explain.
const WANTED = ["/.env", "/.git/config"];
rule("secrets")
    .on("http")
    .when(|e| e.path in WANTED && !(e.status == 200 || e.user_agent.contains("friend")))
    .by("ip")
    .count(2, "1m")
    .then(|hit| {
        block(hit.ip, "1h");
        emit("trouble", #{ who: hit.ip });
    });
rule("trouble-follows").on("trouble").by("who").count(1, "1m").then(|hit| log("seen"));
rule("posts").on("http").when(|e| e.method == "POST" && e.status == 404).by("ip").count(5, "1m")
    .then(|hit| block(hit.ip, "1h"));
rule("watched").on("http").mode("shadow").when(|e| e.path.len() > 3).by("ip")
    .consecutive(|e| e.status >= 400, 5).then(|hit| block(hit.ip, "1h"));
rule("ssh").on("ssh.auth").by("ip").count(5, "1m").then(|hit| block(hit.ip, "1h"));
rule("by-user").on("http").when(|e| e.path == "/.env").by("user").count(5, "1m");
"#;

fn small() -> Small {
    let small = Small::new();
    small.write("rule.rhai", RULES);
    small
}

#[test]
fn a_line_of_a_file_comes_after_those_before_it() {
    let small = small();
    insta::assert_snapshot!(small.run(&["explain", "access.log:2"]).all(), @r#"
    [0]
    parsed as combined: http at 2026-10-10T13:55:37Z  (3 of 3 lines are access log lines as nginx and Apache write them)
      ip = 203.0.113.9
      method = GET
      path = /.git/config
      status = 404
      bytes = 153
      user_agent = curl/8
      protocol = HTTP/1.1
    client  203.0.113.9: the record's own address, which is no trusted proxy
    state   the windows after 1 line before it

    secrets: matches  rule.rhai:3
      ✓ all of
        ✓ e.path in WANTED  e.path = "/.git/config", WANTED = ["/.env","/.git/config"]
        ✓ not
          ✗ any of
            ✗ e.status == 200  e.status = 404
            ✗ e.user_agent.contains("friend")  e.user_agent = "curl/8"
      key     203.0.113.9 (ip)
      window  2 within 1m
              1 of 2 → 2: fires, which empties it
      mode    enforce (rule file)
      fires   for 203.0.113.9, count 2 since 2026-10-10T13:55:36Z
      then    block 203.0.113.9 for 1h: secrets: 2 in 1s
              guard, if it came now: pass
      then    emit an event of kind trouble

    watched: matches  rule.rhai:15
      ✓ e.path.len() > 3  e.path = "/.git/config", e.path.len() = 12
      window:
        ✓ e.status >= 400  e.status = 404
      key     203.0.113.9 (ip)
      window  5 in a row
              1 in a row of 5 → 2 in a row of 5
              fires with 3 more in a row
      mode    shadow (rule file)

    near misses: one part is not as it has to be
      posts  rule.rhai:13
        ✗ e.method == "POST"  e.method = "GET"

    3 more rules: 1 whose predicate is false, 2 for other kinds of events; `--all` shows them

    trouble-follows follows: it listens to what the rules above led to
      fires   for 203.0.113.9, count 1
      then    log: seen
    "#);
}

#[test]
fn one_rule_is_shown_and_a_line_that_is_not_there_is_told() {
    let small = small();
    insta::assert_snapshot!(small.run(&["explain", "access.log:1", "--rule", "secrets"]).all(), @r#"
    [0]
    parsed as combined: http at 2026-10-10T13:55:36Z  (3 of 3 lines are access log lines as nginx and Apache write them)
      ip = 203.0.113.9
      method = GET
      path = /.env
      status = 404
      bytes = 153
      user_agent = curl/8
      protocol = HTTP/1.1
    client  203.0.113.9: the record's own address, which is no trusted proxy
    state   the windows begin empty, as before the first line

    secrets: matches  rule.rhai:3
      ✓ all of
        ✓ e.path in WANTED  e.path = "/.env", WANTED = ["/.env","/.git/config"]
        ✓ not
          ✗ any of
            ✗ e.status == 200  e.status = 404
            ✗ e.user_agent.contains("friend")  e.user_agent = "curl/8"
      key     203.0.113.9 (ip)
      window  2 within 1m
              0 of 2 → 1 of 2
              fires with 1 more within 1m; the oldest counts until 2026-10-10T13:56:36Z
      mode    enforce (rule file)
    "#);
    assert_eq!(
        small.run(&["explain", "access.log:4"]).stderr,
        "error: `access.log` has no line 4\n"
    );
    assert_eq!(small.run(&["explain", "access.log:0"]).code, 2);
}

#[test]
fn a_line_may_come_from_standard_input_and_after_other_files() {
    let small = small();
    let mut program = crate::program();
    program.args(["-c", "riposte.toml", "explain", "-", "--after", "access.log", "--json"]);
    program.current_dir(small.dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let line = LOG.lines().next().unwrap().replace("13:55:36", "13:55:50");
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["state"]["lines"], 3);
    let rule = |name: &str| {
        let rules = said["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["rule"] == name).unwrap().clone()
    };
    // It has fired at the second line: this one is the first again.
    let secrets = rule("secrets");
    assert_eq!(secrets["window"]["before"]["count"], 0);
    assert_eq!(secrets["window"]["after"]["count"], 1);
    assert!(secrets["firing"].is_null());
    assert_eq!(secrets["mode_from"], "rule file");
    let parts = secrets["closures"][0]["parts"].as_array().unwrap();
    let truths: Vec<&str> = parts.iter().map(|part| part["truth"].as_str().unwrap()).collect();
    assert_eq!(truths, ["true", "true", "true", "false", "false", "false"]);
    assert_eq!(parts[4]["values"][0], serde_json::json!({ "name": "e.status", "value": 404 }));
    assert_eq!(rule("posts")["near_miss"], true);
    assert_eq!(rule("ssh")["what"], "listens to ssh.auth, not to http");
    assert_eq!(rule("by-user")["matched"], true);
    assert!(rule("by-user")["key"].is_null());
}

#[test]
fn what_hides_the_client_and_what_the_guard_would_say_is_told() {
    let small = small();
    small.config("[guard]\nallow = ['203.0.113.0/24']\ntrusted_proxies = ['10.0.0.0/8']\n");
    let ran = small.run(&["explain", "access.log:2"]);
    assert!(ran.stdout.contains("guard, if it came now: refused: "), "{}", ran.all());
    small.write(
        "json.log",
        "{\"time\":\"2026-10-10T13:55:36Z\",\"ip\":\"10.0.0.7\",\"x_forwarded_for\":\"1.2.3.4, 203.0.113.9\"}\n\
         {\"time\":\"2026-10-10T13:55:36Z\",\"ip\":\"10.0.0.7\",\"x_forwarded_for\":\"-\"}\n",
    );
    let client = |line: &str| {
        let ran = small.run(&["explain", "--format", "json", line]);
        ran.stdout.lines().find(|line| line.starts_with("client")).unwrap().to_owned()
    };
    insta::assert_snapshot!([client("json.log:1"), client("json.log:2")].join("\n"), @"
    client  203.0.113.9: by the field `x_forwarded_for`, which the proxy 10.0.0.7 (trusted by 10.0.0.0/8) wrote
    client  unknown: 10.0.0.7 is a proxy (trusted by 10.0.0.0/8), and the record names no client behind it
    ");
}

#[test]
fn a_name_that_no_rule_has_is_told() {
    let ran = small().run(&["explain", "--rule", "secrts", "access.log:1"]);
    assert_eq!(ran.stderr, "error: there is no rule `secrts`\nhint: did you mean `secrets`?\n");
}

#[test]
fn all_rules_are_shown_on_request() {
    let ran = small().run(&["explain", "--all", "access.log:3"]);
    for name in ["secrets", "trouble-follows", "posts", "watched", "ssh", "by-user"] {
        assert!(ran.stdout.contains(name), "{name}: {}", ran.all());
    }
}
