//! `riposte cf` for an account: tokens and their rotation, members, the audit log, figures, Workers
//! and keys, against the look-alike.

use riposte::simulator::{Fault, FaultKind, Options, Plan, Simulator};
use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub const TOKEN: &str = "cfut_PlantedToken0123456789abcdefghijklmnopqr";

/// Where exchanges with the look-alike are kept, for those who hold them to Cloudflare's schema
/// (`test.sh`).
fn transcript() -> Option<PathBuf> {
    let folder = std::env::var_os("RIPOSTE_CLOUDFLARE_TRANSCRIPTS")?;
    Some(std::path::Path::new(&folder).join(format!("{}.jsonl", std::process::id())))
}

/// A look-alike, and a config whose token is in a file.
pub struct Stage {
    pub simulator: Simulator,
    pub dir: tempfile::TempDir,
}

/// What a command said: exit code, standard output, standard error.
pub type Said = (i32, String, String);

impl Stage {
    pub fn new() -> Self {
        Self::on(Plan::Enterprise)
    }

    pub fn on(plan: Plan) -> Self {
        let options = Options { plan, ..Options::new(TOKEN) };
        let stage = Self {
            simulator: Simulator::start(0, options, transcript().as_deref()).unwrap(),
            dir: tempfile::tempdir().unwrap(),
        };
        stage.write("token", TOKEN);
        let config = format!(
            "state_dir = \"state\"\n[[actions.cloudflare]]\ntoken = \"file:{}\"\napi = \"{}\"\n",
            stage.path("token").display(),
            stage.simulator.base()
        );
        stage.write("riposte.toml", &config);
        stage
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        super::mode(&self.path(name), 0o600);
    }

    pub fn token(&self) -> String {
        std::fs::read_to_string(self.path("token")).unwrap().trim().to_owned()
    }

    pub fn run(&self, words: &[&str]) -> Said {
        self.fed(words, "")
    }

    /// The same with something on standard input.
    pub fn fed(&self, words: &[&str], input: &str) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .arg("-c")
            .arg(self.path("riposte.toml"))
            .arg("cf")
            .args(words)
            .current_dir(self.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever doesn't read it has closed the pipe.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// What a command prints that must go well.
    pub fn well(&self, words: &[&str]) -> String {
        let (code, out, error) = self.run(words);
        assert_eq!(code, 0, "{words:?}: {out}{error}");
        out
    }

    pub fn json(&self, words: &[&str]) -> Vec<Value> {
        let (_, out, error) = self.run(&[words, &["--json"]].concat());
        let rows: Result<Vec<Value>, _> = out.lines().map(serde_json::from_str).collect();
        assert!(rows.is_ok(), "{words:?}: {out}{error}");
        rows.unwrap()
    }
}

#[test]
fn tokens_are_listed_with_what_is_wrong() {
    let stage = Stage::new();
    let (code, out, _) = stage.run(&["tokens"]);
    assert_eq!(code, 1, "{out}");
    for words in [
        "old deploy script",
        "its value is 200 days old",
        "it was never used",
        "it may be used from any address",
        "in use here",
        "it may make tokens, and so whatever it likes",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let rows = stage.json(&["tokens"]);
    let ours = rows.iter().find(|row| row["in_use"] == true).unwrap();
    assert_eq!((&ours["name"], &ours["kind"]), (&"simulated".into(), &"user".into()));
    assert!(!ours["last_used_on"].is_null());
}

#[test]
fn a_token_is_replaced_without_a_gap_and_never_shown() {
    let stage = Stage::new();
    let (code, out, error) = stage.run(&["tokens", "rotate", "simulated"]);
    assert_eq!(code, 2, "without consent nothing is done: {out}{error}");
    assert!(out.contains("try it") && error.contains("--yes"), "{out}{error}");
    assert_eq!(stage.token(), TOKEN);
    let (code, out, error) = stage.run(&["--trace", "tokens", "rotate", "simulated", "--yes"]);
    assert_eq!(code, 0, "{out}{error}");
    let new = stage.token();
    assert!(new.starts_with("cfut_") && new != TOKEN);
    for secret in [TOKEN, new.as_str(), new.get(5..20).unwrap()] {
        assert!(!out.contains(secret) && !error.contains(secret), "{out}{error}");
    }
    let facts = std::fs::metadata(stage.path("token")).unwrap();
    assert_eq!(facts.mode() & 0o777, 0o600);
    let rows = stage.json(&["tokens"]);
    let named = rows.iter().filter(|row| row["name"] == "simulated").count();
    assert_eq!(named, 1, "the first is gone, and the new one works: {rows:?}");
    stage.write("token", TOKEN);
    assert_eq!(stage.run(&["zones"]).0, 2, "the first is refused");
}

#[test]
fn a_rotation_that_can_not_be_written_leaves_everything_as_it_was() {
    let stage = Stage::new();
    let file = stage.path("no/such/folder");
    let (code, out, error) =
        stage.run(&["tokens", "rotate", "simulated", "--yes", "--file", &file.to_string_lossy()]);
    assert_eq!(code, 2, "{out}");
    assert!(error.contains("stays in force; the new one was removed"), "{error}");
    let rows = stage.json(&["tokens"]);
    assert_eq!(rows.len(), 2, "the second is gone: {rows:?}");
    // A new token that can't be made changes nothing either.
    stage.simulator.fault(Fault::new(FaultKind::Refused, 1).only("POST", "/tokens"));
    assert_eq!(stage.run(&["tokens", "rotate", "simulated", "--yes"]).0, 2);
    assert_eq!(stage.token(), TOKEN);
    // One that was made though its reply was lost is of no use to anybody, and goes.
    stage.simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/tokens"));
    let (code, _, error) = stage.run(&["tokens", "rotate", "simulated", "--yes"]);
    assert_eq!(code, 2);
    assert!(error.contains("stays in force; the new one was removed"), "{error}");
    assert_eq!((stage.token().as_str(), stage.json(&["tokens"]).len()), (TOKEN, 2));
    // Nor does one whose removal fails: both work, and that is said.
    stage.simulator.fault(Fault::new(FaultKind::Server, 1).only("DELETE", "/tokens"));
    let (code, _, error) = stage.run(&["tokens", "rotate", "simulated", "--yes"]);
    assert_eq!(code, 2);
    assert!(error.contains("could not confirm") && error.contains("by hand"), "{error}");
    assert_ne!(stage.token(), TOKEN);
    stage.well(&["zones"]);
}

#[test]
fn members_are_invited_changed_and_removed() {
    let stage = Stage::new();
    assert!(stage.well(&["members"]).contains("simulated@example.com"));
    let invite = ["members", "invite", "new@example.com", "--role", "dns"];
    let (code, out, _) = stage.run(&invite);
    assert_eq!((code, out.trim()), (2, "invite `new@example.com` as `DNS`"));
    assert_eq!(stage.json(&["members"]).len(), 1, "nothing was done");
    let shown = stage.well(&[&invite[..], &["--dry-run"]].concat());
    assert!(shown.starts_with("POST /accounts/"), "{shown}");
    assert_eq!(stage.json(&["members"]).len(), 1, "nothing was done");
    stage.well(&[&invite[..], &["--yes"]].concat());
    let said =
        stage.well(&["members", "change", "new@example.com", "--role", "Analytics", "--yes"]);
    assert!(said.contains("becomes `Analytics` and was `DNS`"), "{said}");
    let rows = stage.json(&["members"]);
    assert_eq!(rows[1]["roles"][0]["name"], "Analytics");
    stage.well(&["members", "remove", "new@example.com", "--yes"]);
    let (code, _, error) = stage.run(&["members", "remove", "simulated@example.com", "--yes"]);
    assert_eq!(code, 2, "the last owner stays");
    assert!(error.contains("Super Administrator"), "{error}");
    let (_, _, error) = stage.run(&["members", "invite", "x@example.com", "--role", "A", "--yes"]);
    assert!(error.contains("`A` means more than one role"), "{error}");
    let rows = stage.json(&["audit", "--action", "delete"]);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(rows[0]["succeeded"], false);
    assert!(stage.well(&["audit", "-n", "1"]).contains("delete members (refused)"));
}

#[test]
fn figures_are_shown() {
    let stage = Stage::new();
    let out = stage.well(&["analytics", "example.com", "--top", "2"]);
    for words in ["traffic", "threats", "requests", "paths", "rules", "203.0.113.", "▁", "█"] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let rows = stage.json(&["analytics", "example.com", "--top", "2"]);
    assert_eq!(rows[0]["traffic"]["paths"].as_array().unwrap().len(), 2);
    assert!(rows[0]["threats"]["rules"][0]["count"].as_u64().unwrap() > 0);
    let (code, _, error) = stage.run(&["analytics", "example.com", "--since", "60d"]);
    assert_eq!(code, 2);
    assert!(error.contains("wider than"), "{error}");
    let out = stage.well(&["billing"]);
    assert!(out.contains("enterprise plan") && out.contains("workersRequests"), "{out}");
    assert_eq!(stage.json(&["billing"]).len(), 8);
}

#[test]
fn a_worker_is_deployed_with_its_keys_and_removed_with_its_routes() {
    let stage = Stage::new();
    stage.write(
        "worker.mjs",
        "export default { async fetch(r, env) { return new Response('x'); } };",
    );
    stage.write("keys.json", "{\"192.0.2.1\": \"block\", \"n\": {\"a\": 1}}");
    let import = ["kv", "import", "blocked", "keys.json"];
    let (code, out, _) = stage.run(&import);
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("make the namespace `blocked`"), "{out}");
    stage.well(&[&import[..], &["--yes"]].concat());
    assert_eq!(stage.well(&["kv", "get", "blocked", "192.0.2.1"]), "block");
    assert_eq!(stage.well(&["kv", "get", "blocked", "n"]), "{\"a\":1}");
    stage.well(&["kv", "put", "blocked", "192.0.2.2", "block", "--ttl", "1h", "--yes"]);
    let keys = stage.json(&["kv", "list", "blocked", "--prefix", "192.0.2."]);
    assert!(keys.len() == 2 && keys[1]["expiration"].is_number(), "{keys:?}");
    stage.well(&["kv", "delete", "blocked", "n", "--yes"]);
    assert_eq!(stage.run(&["kv", "get", "blocked", "n"]).0, 2);
    stage.simulator.fault(Fault::new(FaultKind::Partial, 1).only("PUT", "/bulk"));
    let (code, _, error) = stage.run(&[&import[..], &["--yes"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("1 of 2 keys were not written: `n`"), "{error}");
    stage.write("secret", "s3cret-value");
    let secret = format!("KEY=file:{}", stage.path("secret").display());
    let deploy = [
        "workers",
        "deploy",
        "gate",
        "worker.mjs",
        "--kv",
        "KV=blocked",
        "--var",
        "MODE=strict",
        "--secret",
        &secret,
        "--route",
        "example.com/*",
        "--cron",
        "*/5 * * * *",
    ];
    let shown = stage.well(&[&deploy[..], &["--dry-run"]].concat());
    assert!(shown.contains("PUT /accounts/") && !shown.contains("s3cret"), "{shown}");
    let (code, out, error) = stage.run(&[&["--trace"], &deploy[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{out}{error}");
    assert!(!out.contains("s3cret") && !error.contains("s3cret"), "{out}{error}");
    let listed = stage.well(&["workers", "list"]);
    assert!(listed.contains("gate") && listed.contains("example.com/*"), "{listed}");
    // Again is no fault: the route is there already.
    stage.well(&[&deploy[..], &["--yes"]].concat());
    let out = stage.well(&["workers", "delete", "gate", "--yes"]);
    assert!(out.contains("remove the route `example.com/*`"), "{out}");
    assert!(stage.json(&["workers", "list"]).is_empty());
}

#[test]
fn a_global_key_works_and_is_warned_of() {
    let stage = Stage::new();
    let (code, out, error) = stage.run(&["--email", "simulated@example.com", "zones"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("example.com"), "{out}");
    assert!(
        error.contains("warning: a global API key") && error.contains("make a token"),
        "{error}"
    );
    assert!(!error.contains(TOKEN));
    let (code, _, error) = stage.run(&["--email", "other@example.com", "zones"]);
    assert_eq!(code, 2);
    assert!(error.contains("code 9103"), "{error}");
    assert!(!stage.run(&["zones"]).2.contains("warning"));
}
