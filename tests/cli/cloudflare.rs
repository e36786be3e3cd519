//! `riposte cf …` on zones' rules and settings, against the look-alike: exit codes, what is shown,
//! what is not done without a yes.

use riposte::simulator::{Options, Simulator};
use std::process::{Command, Output, Stdio};

const TOKEN: &str = "simulated";

const FILE: &str = "\
zone = \"example.com\"
[settings]
security_level = \"high\"
[[waf]]
ref = \"env\"
expression = 'ends_with(http.request.uri.path, \"/.env\")'
action = \"block\"
[[dns]]
type = \"A\"
name = \"shop\"
content = \"203.0.113.80\"
";

fn simulator() -> Simulator {
    Simulator::start(0, Options::new(TOKEN), None).unwrap()
}

fn cf(simulator: &Simulator, words: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_riposte"))
        .args(["cf", "--api", &simulator.base()])
        .args(words)
        .env("CLOUDFLARE_API_TOKEN", TOKEN)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_file_is_checked_applied_and_then_nothing_is_to_do() {
    let (simulator, dir) = (simulator(), tempfile::tempdir().unwrap());
    let file = dir.path().join("zone.toml");
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();
    let (code, out, err) = cf(&simulator, &["apply", file, "--check"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(out.contains("~ security_level: \"medium\" → \"high\""), "{out}");
    assert!(out.contains("+ env: block ends_with("), "{out}");
    assert!(out.contains("+ A shop: 203.0.113.80"), "{out}");
    let (code, _, err) = cf(&simulator, &["apply", file]);
    assert_eq!(code, Some(2), "nobody can be asked: {err}");
    assert!(err.contains("`--yes`"), "{err}");
    assert!(simulator.custom_rules("example.com").is_empty());
    let (code, out, err) = cf(&simulator, &["apply", file, "--yes"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(simulator.custom_rules("example.com")[0].0, "riposte_apply_env");
    for words in [["apply", file, "--check"], ["apply", file, "--yes"]] {
        let (code, out, err) = cf(&simulator, &words);
        assert_eq!(code, Some(0), "{out}{err}");
        assert!(out.contains("nothing to do"), "{out}");
    }
}

#[test]
fn a_new_zone_is_made_what_the_file_says() {
    let (simulator, dir) = (simulator(), tempfile::tempdir().unwrap());
    let file = dir.path().join("zone.toml");
    std::fs::write(&file, FILE).unwrap();
    let file = file.to_str().unwrap();
    let words = ["zones", "create", "new.example", "--template", file, "--yes"];
    let (code, out, err) = cf(&simulator, &words);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("new.example is pending"), "{out}");
    assert_eq!(simulator.setting("new.example", "security_level"), "high");
    assert_eq!(simulator.custom_rules("new.example")[0].0, "riposte_apply_env");
    assert_eq!(simulator.setting("example.com", "security_level"), "medium");
    let (code, _, err) = cf(&simulator, &words);
    assert_eq!(code, Some(2), "it is there already: {err}");
}

#[test]
fn settings_and_rules_are_changed_with_a_yes_alone() {
    let simulator = simulator();
    let run = |words: &[&str]| cf(&simulator, words);
    let level = ["settings", "example.com", "security_level"];
    let (code, out, _) = run(&level);
    assert_eq!(code, Some(0));
    assert!(out.contains("medium"), "{out}");
    let high = [&level[..], &["high"]].concat();
    assert_eq!(run(&high).0, Some(2), "nobody can be asked");
    assert_eq!(run(&[&high[..], &["--yes"]].concat()).0, Some(0));
    assert_eq!(simulator.setting("example.com", "security_level"), "high");
    let (code, _, err) = run(&[&level[..], &["highest", "--yes"]].concat());
    assert_eq!(code, Some(2));
    assert!(err.contains("`under_attack`"), "{err}");
    let limit = ["ratelimit", "set", "example.com", "login", "--expression", "true", "--yes"];
    let (code, _, err) = run(&[&limit[..], &["--requests", "5", "--period", "60"]].concat());
    assert_eq!(code, Some(2));
    assert!(err.contains("on the plan `free`"), "{err}");
    let (code, _, err) = run(&[&limit[..], &["--requests", "5"]].concat());
    assert_eq!(code, Some(0), "{err}");
    let (_, out, _) = run(&["ratelimit", "list", "example.com"]);
    assert!(out.contains("5 in 10 s, then 10 s"), "{out}");
    let (_, out, _) = run(&["--json", "ratelimit", "list", "example.com"]);
    assert!(out.contains("\"ref\":\"login\""), "{out}");
    assert_eq!(run(&["ratelimit", "remove", "example.com", "login", "--yes"]).0, Some(0));
    assert!(simulator.rules("example.com", "http_ratelimit").is_empty());
    let waf = ["waf", "set", "example.com", "a", "--action", "block", "--expression"];
    assert_eq!(run(&[&waf[..], &["(true", "--yes"]].concat()).0, Some(2));
    assert_eq!(run(&[&waf[..], &["true", "--yes", "--off"]].concat()).0, Some(0));
    assert_eq!(run(&["waf", "remove", "example.com", "nothing", "--yes"]).0, Some(2));
}

#[test]
fn what_riposte_put_in_force_is_told_apart_from_what_others_did() {
    use riposte::cloudflare::access_rules::{self, Scope};
    use riposte::cloudflare::{Client, zones};
    let simulator = simulator();
    let token = riposte::secret::Secret::new(TOKEN.to_owned());
    let client = Client::new(&simulator.base(), token, std::time::Duration::from_secs(9));
    let account = zones::find(&client, "example.com").unwrap().unwrap().account.id;
    let (code, out, err) = cf(&simulator, &["blocks"]);
    assert_eq!((code, out.trim()), (Some(0), "nothing of riposte's is in force there"), "{err}");
    let scope = Scope::Account(account);
    let note = "riposte/web2 until 2026-11-26T20:00:00Z wp-login-guessing";
    for (ip, notes) in [("203.0.113.9", note), ("203.0.113.10", "by hand")] {
        client.send(&access_rules::make(&scope, "block", ("ip", ip), notes)).unwrap();
    }
    let (code, out, err) = cf(&simulator, &["blocks"]);
    assert_eq!(code, Some(0), "{err}");
    for word in [
        "203.0.113.9",
        "web2",
        "access rule, the account",
        "2026-11-26T20:00:00Z",
        "wp-login-guessing",
    ] {
        assert!(out.contains(word), "{word}: {out}");
    }
    assert!(!out.contains("203.0.113.10"), "{out}");
    let (_, out, _) = cf(&simulator, &["blocks", "--json"]);
    let row: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!((&row["mark"], &row["remedy"]), (&"web2".into(), &"block".into()));
}

#[test]
fn status_tells_of_the_budget_and_of_what_is_wrong() {
    let simulator = simulator();
    let (code, out, err) = cf(&simulator, &["status"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("API: http://127.0.0.1") && out.contains("calls at once"), "{out}");
    let (_, out, _) = cf(&simulator, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!((&status["reached"], &status["incidents"]), (&true.into(), &serde_json::json!([])));
    drop(simulator);
    let gone = ["cf", "--api", "http://127.0.0.1:9/client/v4", "status"];
    let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_riposte"))
        .args(gone)
        .env("CLOUDFLARE_API_TOKEN", TOKEN)
        .output()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(String::from_utf8(stdout).unwrap().contains("trouble API"));
}
