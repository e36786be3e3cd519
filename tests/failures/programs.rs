//! Programs of plugins that bring records, gone wrong: the fault is told, every other source goes
//! on, and when it is mended nothing is lost.

use super::support::trouble::{SmallDisk, attack, web_file};
use super::support::{Place, programs::plugin};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("order").on("shop.order").by("number").count(1, "1h").then(|hit| log(hit.key));
"#;

const ORDER: &str = "[source.kinds.\"shop.order\"]\nnumber = \"int\"\n";

const PRELUDE: &str = r"
import json, os, sys, time
def say(**message): print(json.dumps(message), flush=True)
hello = json.loads(sys.stdin.readline())
";

/// A place with the source `web`, and the plugin `p` as the source `shop`.
fn place(root: &tempfile::TempDir, part: &str, program: &str) -> Place {
    let dir = root.path().join("p");
    let more = format!(
        "{}[[sources]]\nname = \"shop\"\ntype = \"plugin\"\nplugin = \"p\"\nformat = \"nginx\"\n[plugins.p]\n",
        web_file(&dir)
    );
    let place = Place::new(root.path(), "p", RULES, &more);
    plugin(&dir, "p", "source", part, &format!("{PRELUDE}{program}"));
    place
}

#[test]
fn bad_sources_are_told_of_and_nobody_else_notices() {
    for (what, program, told) in [
        ("never ready", "time.sleep(600)", "was not ready"),
        ("dead at once", "sys.exit(3)", "exit code 3"),
        ("says a fault", "say(type='fault', message='no such queue')", "no such queue"),
        (
            "nonsense",
            "say(type='ready', protocol=1)\nprint('{{{', flush=True)\ntime.sleep(600)",
            "not JSON",
        ),
        (
            "no end of a line",
            "say(type='ready', protocol=1)\nwhile True: print('x' * 65536, end='', flush=True)",
            "a line of more than",
        ),
        ("another protocol", "say(type='ready', protocol=9)\ntime.sleep(600)", "protocol 9"),
        (
            "a flooded log",
            "say(type='ready', protocol=1)\nwhile True: print('x' * 4000, file=sys.stderr)",
            "floods its log",
        ),
        (
            "not a source",
            "say(type='ready', protocol=1)\nsay(type='answer', id=1)\ntime.sleep(600)",
            "not `answer`",
        ),
    ] {
        let root = tempfile::tempdir().unwrap();
        let limits = format!("{ORDER}[limits]\nstart_secs = 1\n");
        let place = place(&root, &limits, program);
        let daemon = place.start_and_wait();
        place.append(&attack("203.0.113.9"));
        place.wait(Duration::from_secs(10), what, || place.blocked() == ["203.0.113.9"]);
        place.wait(Duration::from_secs(20), what, || {
            let status = place.status();
            let alarm = status.alarms.iter().any(|alarm| alarm.text.contains(told));
            let row = status.plugins.iter().find(|plugin| plugin.name == "p");
            alarm && row.is_some_and(|row| row.faults > 0 && row.detail.contains(told))
        });
        daemon.terminate();
    }
}

/// Says so many orders with cursors, then waits.
const ORDERS: &str = r#"
say(type="ready", protocol=1)
at = int(hello.get("cursor", "-1")) + 1
for number in range(at, 2000):
    print(json.dumps({"type": "event", "cursor": str(number), "kind": "shop.order",
                      "fields": {"number": number}}), flush=True)
for line in sys.stdin: open("saved", "a").write(line)
"#;

#[test]
fn serial_a_full_disk_makes_a_program_wait_and_loses_nothing() {
    let test = "serial_a_full_disk_makes_a_program_wait_and_loses_nothing";
    let root = tempfile::tempdir().unwrap();
    let orders = ORDERS.replace("for number", "time.sleep(1)\nfor number");
    let place = place(&root, ORDER, &orders);
    let Some(disk) = SmallDisk::mount(test, &place.dir.join("state"), 48 * 1024) else { return };
    let daemon = place.start_and_wait();
    disk.fill();
    place.wait(Duration::from_secs(20), "it is told", || {
        place.log().contains("failed to write the spool, the program waits")
    });
    assert!(place.hits("order").len() < 2_000);
    disk.empty();
    place.wait(Duration::from_mins(1), "all count", || place.hits("order").len() == 2_000);
    assert!(place.hits("order").values().all(|count| *count == 1));
    assert_eq!(place.status().plugins[0].starts, 1, "the program lived on");
    daemon.terminate();
}

#[test]
fn a_flood_waits_on_its_pipe_while_others_go_on() {
    let root = tempfile::tempdir().unwrap();
    // Lines of a format, without an end and without cursors, into a spool of a megabyte.
    let line = r#"
say(type="ready", protocol=1)
stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
line = f'198.51.100.7 - - [{stamp}] "GET /x HTTP/1.1" 200 1 "-" "{"x" * 3000}"'
text = json.dumps({"type": "record", "line": line}) + "\n"
while True: sys.stdout.write(text)
"#;
    let place = place(&root, "", line);
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &config.replace("plugin = \"p\"", "plugin = \"p\"\nspool_mib = 1"));
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(20), "the flood comes", || place.records("shop") > 2_000);
    for number in 1..6 {
        let client = format!("203.0.113.{number}");
        place.append(&attack(&client));
        place.wait(Duration::from_secs(10), "others go on", || place.blocked().contains(&client));
    }
    let spool = fs::read_dir(place.dir.join("state/spool-shop")).unwrap();
    let bytes: u64 = spool.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 20 * 1024 * 1024, "the spool is bounded: {bytes}");
    assert_eq!(place.status().plugins[0].faults, 0, "a source that says much is no fault");
    daemon.terminate();
}

#[test]
fn undeclared_kinds_and_fields_are_counted_and_told() {
    let root = tempfile::tempdir().unwrap();
    let program = r#"
say(type="ready", protocol=1)
say(type="event", cursor="1", kind="shop.ordre", fields={"number": 1})
say(type="event", cursor="2", kind="shop.order", fields={"number": 2, "price": 3})
say(type="event", cursor="3", kind="shop.order", fields={"number": "three"})
say(type="record", cursor="4", line="two\nlines")
for line in sys.stdin: open("saved", "a").write(line)
"#;
    let place = place(&root, ORDER, program);
    let daemon = place.start_and_wait();
    place
        .wait(Duration::from_secs(10), "one is an order", || place.hits("order").contains_key("2"));
    let status = place.status();
    let told: Vec<&str> = status.alarms.iter().map(|alarm| alarm.text.as_str()).collect();
    let told = told.join("\n");
    assert!(told.contains("`shop.ordre` is not declared"), "{told}");
    assert!(told.contains("did you mean `shop.order`?"), "{told}");
    assert!(told.contains("the field `price` of `shop.order` is not declared"), "{told}");
    assert!(told.contains("is declared as int, but holds another text"), "{told}");
    assert!(told.contains("line break"), "{told}");
    let metric = |name: &str| status.metrics.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!(metric("riposte_source_faults_total"), 4);
    let shop = status.sources.iter().find(|source| source.name == "shop").unwrap();
    assert_eq!((shop.records, shop.parsed), (4, 2), "two were refused whole");
    place.wait(Duration::from_secs(10), "all are acknowledged", || {
        let saved = fs::read_to_string(place.dir.join("plugins/p/saved")).unwrap_or_default();
        saved.contains("\"4\"")
    });
    daemon.terminate();
}

#[test]
fn a_parser_that_hangs_holds_up_its_source_alone() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("p");
    let more = format!(
        "{}[[sources]]\nname = \"shop\"\npaths = [\"{}/shop.log\"]\nfrom = \"beginning\"\nformat = \"plugin:orders\"\n[plugins.p]\n",
        web_file(&dir),
        dir.display()
    );
    let place = Place::new(root.path(), "p", RULES, &more);
    let part = "[parser]\nformat = \"orders\"\n[parser.kinds.\"shop.order\"]\nnumber = \"int\"\n[limits]\nanswer_ms = 1500\n";
    let program = r#"
say(type="ready", protocol=1)
for text in sys.stdin:
    ask = json.loads(text)
    if ask["type"] != "parse": break
    if ask["line"] == "hang": time.sleep(600)
    if ask["line"] == "die": os._exit(1)
    if ask["line"] == "bad": say(type="error", id=ask["id"], message="no order"); continue
    say(type="event", id=ask["id"], kind="shop.order", fields={"number": int(ask["line"])})
"#;
    plugin(&dir, "p", "parser", part, &format!("{PRELUDE}{program}"));
    let daemon = place.start_and_wait();
    place.add("shop.log", "1\nhang\n2\nbad\ndie\n3\n");
    place.append(&attack("203.0.113.9"));
    place.wait(Duration::from_secs(5), "others go on", || place.blocked() == ["203.0.113.9"]);
    place.wait(Duration::from_secs(20), "the rest counts", || place.hits("order").len() == 3);
    let status = place.status();
    let shop = status.sources.iter().find(|source| source.name == "shop").unwrap();
    assert_eq!((shop.records, shop.parsed), (6, 3));
    assert!(status.plugins.iter().any(|plugin| plugin.name == "p" && plugin.faults >= 2));
    daemon.terminate();
}

#[test]
fn commands_that_look_at_lines_run_the_program() {
    let root = tempfile::tempdir().unwrap();
    let rules = r#"
rule("order").on("shop.order").by("number").count(1, "1h").then(|hit| log(hit.key));
test("an order", |t| { t.lines("plugin:p", "5"); t.expect_hit("order", "5"); });
"#;
    let place = Place::new(root.path(), "p", rules, "[plugins.p]\n");
    let part = "[parser]\nformat = \"orders\"\n[parser.kinds.\"shop.order\"]\nnumber = \"int\"\n";
    let program = r#"
say(type="ready", protocol=1)
for text in sys.stdin:
    ask = json.loads(text)
    if ask["type"] != "parse": break
    if ask["line"] == "bad": say(type="error", id=ask["id"], message="no order"); continue
    say(type="event", id=ask["id"], kind="shop.order", time="2026-10-10T13:55:36Z", fields={"number": int(ask["line"])})
"#;
    plugin(&place.dir, "p", "parser", part, &format!("{PRELUDE}{program}"));
    place.write("orders.log", "1\n2\nbad\n");
    let file = place.dir.join("orders.log");
    let file = file.to_str().unwrap();
    let (code, said) = place.code(&["parse", "--format", "plugin:p", "--json", file]);
    assert_eq!(code, 1, "one line is bad: {said}");
    assert!(said.contains(r#""kind":"shop.order""#) && said.contains(r#""number":2"#), "{said}");
    assert!(said.contains("could not read it"), "{said}");
    let said = place.ask(&["replay", "--format", "plugin:p", "--json", file]);
    assert!(said.contains(r#""parsed":2"#) && said.contains(r#""hits":2"#), "{said}");
    let said = place.ask(&["explain", "--format", "plugin:orders", "7"]);
    assert!(said.contains("shop.order") && said.contains("number"), "{said}");
    let (code, said) = place.code(&["test"]);
    assert_eq!(code, 0, "{said}");
    let (_, said) = place.code(&["parse", "--format", "plugin:q", file]);
    assert!(said.contains("there is no plugin `q`"), "{said}");
    // Where the program can't be started nobody waits.
    plugin(&place.dir, "p", "parser", part, "import sys; sys.exit(1)");
    let (code, said) = place.code(&["parse", "--format", "plugin:p", "--json", file]);
    assert_eq!(code, 1);
    assert!(said.contains("can't be started"), "{said}");
}

/// Posts to the shipped webhook source; the status that it answers with.
fn post(port: u16, secret: &str, path: &str, body: &str) -> Option<u16> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Riposte-Secret: {secret}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// The rule of docs/sources.md, with the shipped plugin: what changed is purged by a program.
#[test]
fn wordpress_says_what_changed_and_a_rule_purges_it_whoever_dies() {
    const SECRET: &str = "a-secret-of-at-least-16";
    let page = include_str!("../../docs/sources.md");
    let mut blocks = page.split("```rhai\n").filter_map(|rest| rest.split("```").next());
    let rule = blocks.find(|block| block.contains("wordpress.post_changed")).unwrap();
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("p");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let more = format!(
        "[[sources]]\nname = \"wordpress\"\ntype = \"plugin\"\nplugin = \"wordpress-webhook\"\n[plugins.wordpress-webhook]\nsecrets = {{ SECRET = \"file:{0}/secret\" }}\nsettings = {{ port = {port} }}\n[[actions.programs]]\nname = \"purge-page\"\nargv = [\"/bin/sh\", \"-c\", \"echo \\\"$1\\\" >> {0}/purged\", \"--\", \"{{1}}\"]\n",
        dir.display()
    );
    let place = Place::new(root.path(), "p", rule, &more);
    place.write("secret", SECRET);
    fs::set_permissions(dir.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/wordpress-webhook");
    fs::create_dir_all(dir.join("plugins/wordpress-webhook")).unwrap();
    for file in ["plugin.toml", "wordpress_webhook.py"] {
        fs::copy(shipped.join(file), dir.join("plugins/wordpress-webhook").join(file)).unwrap();
    }
    let (code, said) = place.code(&["check"]);
    assert_eq!(code, 0, "{said}");
    let send = |secret: &str, path: &str, body: &str| post(port, secret, path, body);
    let change = |number: u32| {
        format!(
            r#"{{"event":"updated","post":{{"ID":{number},"permalink":"https://blog.example/p/{number}?x=1","post_status":"publish"}}}}"#
        )
    };
    let purged = || fs::read_to_string(place.dir.join("purged")).unwrap_or_default();
    let mut daemon = place.start_and_wait();
    place
        .wait(Duration::from_secs(20), "it listens", || send(SECRET, "/wordpress", "{}").is_some());
    assert_eq!(send("wrong", "/wordpress", &change(1)), Some(401));
    assert_eq!(send(SECRET, "/elsewhere", &change(1)), Some(404));
    assert_eq!(send(SECRET, "/wordpress", "no json"), Some(400));
    assert_eq!(send(SECRET, "/wordpress", r#"{"post":{"ID":1}}"#), Some(422));
    assert_eq!(send(SECRET, "/wordpress", &change(1)), Some(204));
    place.wait(Duration::from_secs(10), "it is purged", || purged().contains("/p/1\n"));
    // What was acknowledged counts, though riposte dies at once.
    assert_eq!(send(SECRET, "/wordpress", &change(2)), Some(204));
    daemon.kill();
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(10), "the other too", || purged().contains("/p/2\n"));
    place.wait(Duration::from_secs(20), "it listens", || send("", "/wordpress", "").is_some());
    assert_eq!(send(SECRET, "/wordpress", &change(3)), Some(204));
    place.wait(Duration::from_secs(10), "and the next", || purged().contains("/p/3\n"));
    assert!(!place.log().contains(SECRET));
    daemon.terminate();
}
