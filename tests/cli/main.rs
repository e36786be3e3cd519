//! The program as it is run: exit codes, the shapes of its JSON, its words when something is wrong.
#![expect(clippy::unwrap_used, reason = "test helpers")]

mod chat;
mod cloudflare;
mod cloudflare_account;
mod cloudflare_areas;
mod cloudflare_new_tokens;
mod configs;
mod explain;
mod formats;
mod look;
mod plugins;
mod replays;
mod testing;
mod troubles;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with a config, a log, a rule and a state of its own.
struct Small {
    dir: tempfile::TempDir,
}

const LOG: &str = "\
203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET /.env HTTP/1.1\" 404 153 \"-\" \"curl/8\"
203.0.113.9 - - [10/Oct/2026:13:55:37 +0000] \"GET /.git/config HTTP/1.1\" 404 153 \"-\" \"curl/8\"
198.51.100.7 - bob [10/Oct/2026:13:55:38 +0000] \"GET /a?b=1 HTTP/1.1\" 200 512 \"https://r.example/\" \"x\"
";

const RULE: &str = "\
//! For the tests of the command line.
rule(\"secrets\")
    .on(\"http\")
    .when(|e| e.path == \"/.env\" || e.path == \"/.git/config\")
    .by(\"ip\")
    .count(2, \"1m\")
    .then(|hit| block(hit.ip, \"1h\"));
test(\"two block\", |t| {
    t.lines(\"nginx\", `203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET /.env HTTP/1.1\" 404 1 \"-\" \"-\"`);
    t.lines(\"nginx\", `203.0.113.9 - - [10/Oct/2026:13:55:37 +0000] \"GET /.env HTTP/1.1\" 404 1 \"-\" \"-\"`);
    t.expect_block(\"203.0.113.9\");
});
";

impl Small {
    fn new() -> Self {
        let small = Self { dir: tempfile::tempdir().unwrap() };
        small.write("access.log", LOG);
        small.write("rule.rhai", RULE);
        small.config("");
        small
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        mode(&path, 0o600);
    }

    /// The config: own rule alone, blocks into a file, and what is given.
    fn config(&self, more: &str) {
        let text = format!(
            "state_dir = 'state'\n[rules]\npack = false\npaths = ['rule.rhai']\n\
             [[actions.files]]\nname = 'list'\nformat = 'plain'\npath = '{}'\n{more}",
            self.path("blocked.list").display()
        );
        self.write("riposte.toml", text);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut all = vec!["-c", "riposte.toml"];
        all.extend(arguments);
        self.run_bare(&all)
    }

    fn run_bare(&self, arguments: &[&str]) -> Ran {
        let output = program().args(arguments).current_dir(self.dir.path()).output().unwrap();
        Ran::new(&output, self.dir.path())
    }
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_riposte"));
    program.env("NO_COLOR", "1").env_remove("RIPOSTE_LOG");
    program
}

/// How a run ended.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// The folder for the test is `DIR` in what was said.
    fn new(output: &Output, dir: &Path) -> Self {
        let dir = dir.display().to_string();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&dir, "DIR");
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Everything, for a snapshot.
    fn all(&self) -> String {
        format!("[{}]\n{}{}", self.code, self.stdout, self.stderr)
    }
}

#[test]
fn exit_codes_of_each_command() {
    let small = Small::new();
    let line = LOG.lines().next().unwrap();
    for (code, arguments) in [
        (0, vec!["check"]),
        (0, vec!["check", "--json"]),
        (0, vec!["test"]),
        (0, vec!["test", "--json", "rule.rhai"]),
        (0, vec!["replay", "access.log"]),
        (0, vec!["parse", "access.log"]),
        (0, vec!["explain", line]),
        (0, vec!["explain", "--json", line]),
        (0, vec!["rules", "list"]),
        (0, vec!["rules", "list", "--json"]),
        (0, vec!["completions", "bash"]),
        (0, vec!["man"]),
        (0, vec!["init", "--print"]),
        // There is no daemon; the first of these makes the store.
        (0, vec!["decisions", "add", "203.0.113.77", "--for", "2h", "--reason", "a test"]),
        (0, vec!["decisions", "list"]),
        (0, vec!["decisions", "list", "--json"]),
        (0, vec!["why", "203.0.113.77"]),
        (0, vec!["why", "203.0.113.77", "--json"]),
        (0, vec!["journal", "--json"]),
        (0, vec!["decisions", "delete", "203.0.113.77"]),
        (1, vec!["decisions", "delete", "203.0.113.77"]),
        (0, vec!["allow", "203.0.113.0/24", "--comment", "us"]),
        (0, vec!["allow"]),
        (0, vec!["allow", "--remove", "203.0.113.0/24"]),
        (0, vec!["rules", "shadow", "secrets"]),
        (0, vec!["rules", "enable", "secrets"]),
        (0, vec!["arm"]),
        (0, vec!["panic"]),
        (0, vec!["resume"]),
        (0, vec!["forget", "203.0.113.77"]),
        (0, vec!["doctor", "--remove"]),
        (1, vec!["status"]),
        (1, vec!["status", "--json"]),
        (1, vec!["doctor"]),
        (1, vec!["rules", "off", "no-such-rule"]),
        (2, vec![]),
        (2, vec!["nonsense"]),
        (2, vec!["allow", "no address"]),
        (2, vec!["decisions", "add", "203.0.113.77", "--for", "soon"]),
        (2, vec!["decisions", "add", "203.0.113.77", "--remedy", "shout"]),
        (2, vec!["replay", "no-such.log"]),
        (2, vec!["parse", "--format", "ngnix", "access.log"]),
    ] {
        let ran = small.run(&arguments);
        assert_eq!(ran.code, code, "{arguments:?}\n{}", ran.all());
        assert!(!ran.stderr.contains("panicked"), "{arguments:?}\n{}", ran.stderr);
    }
}

#[test]
fn replay_and_parse_have_stable_json() {
    let small = Small::new();
    let ran = small.run(&["replay", "--json", "access.log"]);
    let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
    let summary: serde_json::Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
    let hit: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    let decision: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(lines.len(), 2);
    let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap();
    insta::assert_snapshot!(pretty(&hit), @r#"
    {
      "count": 2,
      "key": "203.0.113.9",
      "line": 2,
      "rule": "secrets",
      "source": "access.log",
      "time": "2026-10-10T13:55:37Z",
      "type": "hit"
    }
    "#);
    insta::assert_snapshot!(pretty(&decision), @r#"
    {
      "duration_s": 3600,
      "guard": "pass",
      "reason": "secrets: 2 in 1s",
      "remedy": "block",
      "rule": "secrets",
      "target": "203.0.113.9",
      "time": "2026-10-10T13:55:37Z",
      "type": "decision",
      "until": "2026-10-10T14:55:37Z"
    }
    "#);
    for key in ["seconds", "lines_per_second"] {
        assert!(summary[key].is_number());
    }
    let mut counts = summary.clone();
    counts.as_object_mut().unwrap().retain(|key, _| key != "seconds" && key != "lines_per_second");
    insta::assert_snapshot!(counts.to_string(), @r#"
    {"decisions":1,"hits":1,"lines":3,"parsed":3,"type":"summary","unparsed":0}
    "#);

    small.write("mixed.log", format!("{}\nno request at all\n", LOG.lines().last().unwrap()));
    let ran = small.run(&["parse", "--format", "nginx", "--json", "mixed.log"]);
    insta::assert_snapshot!(ran.all(), @r#"
    [1]
    {"bytes":512,"ip":"198.51.100.7","kind":"http","method":"GET","path":"/a","protocol":"HTTP/1.1","query":"b=1","referer":"https://r.example/","status":200,"time":"2026-10-10T13:55:38Z","user":"bob","user_agent":"x"}
    {"error":"no quoted request"}
    "#);
}

#[test]
fn record_text_is_data_on_the_terminal() {
    let small = Small::new();
    let evil = "203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET /.env HTTP/1.1\" 404 1 \"-\" \"a\x1b[2Jb\u{202e}c\"\n\x1b]0;title\x07 no line\n";
    small.write("evil.log", evil);
    for arguments in [
        vec!["parse", "--format", "nginx", "evil.log"],
        vec!["parse", "--format", "nginx", "--json", "evil.log"],
        vec!["replay", "--format", "nginx", "evil.log"],
        vec!["explain", evil.lines().next().unwrap()],
        vec!["explain", "\x1b[2J"],
        vec!["allow", "\x1b[2J.example"],
        vec!["why", "user:\x1b[2J"],
        vec!["rules", "off", "\x1b[2J"],
        vec!["replay", "\x1b[2J.log"],
    ] {
        let ran = small.run(&arguments);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains(['\x1b', '\x07', '\u{202e}']), "{arguments:?}\n{said:?}");
    }
}

#[test]
fn a_reader_that_has_enough_is_no_fault() {
    let small = Small::new();
    small.write("long.log", LOG.repeat(5_000));
    for command in ["parse --json long.log", "replay long.log", "completions bash"] {
        let script = format!(
            "set -o pipefail; '{}' -c riposte.toml {command} | head -1 >/dev/null",
            env!("CARGO_BIN_EXE_riposte")
        );
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(small.dir.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command}");
        assert!(output.status.success(), "{command}");
    }
}

#[test]
fn init_writes_a_config_that_is_right_and_keeps_an_older_one() {
    let small = Small::new();
    std::fs::create_dir_all(small.path("root/var/log/nginx")).unwrap();
    small.write("root/var/log/nginx/access.log", LOG);
    let made = small.run_bare(&["init", "--root", "root"]);
    assert_eq!(made.code, 0, "{}", made.all());
    let config = small.path("root/etc/riposte/riposte.toml");
    let facts = std::fs::metadata(&config).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o777, 0o600);
    let checked = small.run_bare(&["-c", "root/etc/riposte/riposte.toml", "check"]);
    assert!(
        checked.code == 0 && checked.stdout.contains("0 errors, 0 warnings"),
        "{}",
        checked.all()
    );
    let again = small.run_bare(&["init", "--root", "root"]);
    assert_eq!(again.code, 2);
    assert_eq!(
        again.stderr,
        "error: `root/etc/riposte/riposte.toml` is there already\nhint: `riposte init --print` shows what would be written, `--force` overwrites it\n"
    );
    std::fs::write(&config, "# mine\n").unwrap();
    for kept in ["toml.old", "toml.old.1"] {
        let forced = small.run_bare(&["init", "--root", "root", "--force"]);
        assert_eq!(forced.code, 0);
        assert!(
            forced.stdout.contains(&format!("is kept as root/etc/riposte/riposte.{kept}\n")),
            "{}",
            forced.all()
        );
    }
    assert_eq!(std::fs::read_to_string(config.with_extension("toml.old")).unwrap(), "# mine\n");
}
