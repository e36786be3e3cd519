//! `riposte cf` for areas of a zone and of the account: events, user agent rules, lockdowns, pools,
//! load balancers, Logpush, notifications, parts of Workers, many keys; against the look-alike.

use super::cloudflare_account::Stage;
use riposte::simulator::Plan;

/// Runs a change three ways: shown alone, without consent, and in earnest.
fn changed(stage: &Stage, words: &[&str], plan: &str) -> String {
    let dry = stage.well(&[words, &["--dry-run"]].concat());
    let methods = ["POST /", "PUT /", "PATCH /", "DELETE /"];
    assert!(methods.iter().any(|method| dry.starts_with(method)), "{words:?}: {dry}");
    let (code, out, error) = stage.run(words);
    assert_eq!(code, 2, "{words:?}: {out}{error}");
    assert!(out.contains(plan) && error.contains("--yes"), "{words:?}: {out}{error}");
    stage.well(&[words, &["--yes"]].concat())
}

/// What a command says that must be refused.
fn refused(stage: &Stage, words: &[&str]) -> String {
    let (code, out, error) = stage.run(words);
    assert_eq!(code, 2, "{words:?}: {out}{error}");
    error
}

#[test]
fn events_are_shown_and_chosen() {
    let stage = Stage::new();
    let rows = stage.json(&["events", "example.com", "--since", "20h", "-n", "1000"]);
    assert!(rows.len() > 100, "{}", rows.len());
    let (ip, rule) = (rows[0]["clientIP"].as_str().unwrap(), rows[0]["ruleId"].as_str().unwrap());
    let ours = ["events", "example.com", "--since", "20h", "--ip", ip, "--rule", rule];
    let found = stage.json(&ours);
    assert!(!found.is_empty() && found.len() < rows.len());
    assert!(found.iter().all(|row| row["clientIP"] == ip && row["ruleId"] == rule));
    let shown = stage.well(&[&ours[..], &["-n", "2"]].concat());
    assert!(shown.lines().count() == 3 && shown.contains("AS64496"), "{shown}");
    let none = stage.well(&["events", "example.com", "--ip", "2001:db8::1"]);
    assert!(none.starts_with("no rule of example.com did anything"), "{none}");
    assert!(refused(&stage, &["events", "example.com", "-n", "10001"]).contains("narrower time"));
    assert!(refused(&stage, &["events", "example.com", "--since", "60d"]).contains("wider than"));
}

#[test]
fn user_agent_rules_are_made_switched_and_removed() {
    let stage = Stage::on(Plan::Free);
    let add = ["agents", "add", "example.com", "BadBot/1.0", "--mode", "managed_challenge"];
    let out = changed(&stage, &add, "`managed_challenge` for `BadBot/1.0`");
    assert!(out.contains("is made"), "{out}");
    assert!(refused(&stage, &add).contains("a rule for `BadBot/1.0` already"));
    changed(&stage, &["agents", "off", "example.com", "BadBot"], "is off");
    let rows = stage.json(&["agents", "list", "example.com"]);
    assert_eq!((&rows[0]["paused"], &rows[0]["mode"]), (&true.into(), &"managed_challenge".into()));
    assert!(refused(&stage, &["agents", "off", "example.com", "BadBot"]).contains("off already"));
    changed(&stage, &["agents", "on", "example.com", "BadBot"], "is on");
    for number in 1..10 {
        let agent = format!("Bot/{number}");
        stage.well(&["agents", "add", "example.com", &agent, "--yes"]);
    }
    let full = refused(&stage, &["agents", "add", "example.com", "Bot/10", "--yes"]);
    assert!(full.contains("has 10 user agent rules, and its plan (free)"), "{full}");
    changed(&stage, &["agents", "remove", "example.com", "badbot/1.0"], "no more");
    let shown = stage.well(&["agents", "list", "example.com"]);
    assert!(!shown.contains("BadBot") && shown.contains("Bot/9"), "{shown}");
}

#[test]
fn lockdowns_are_made_switched_and_removed() {
    let stage = Stage::on(Plan::Pro);
    let add = [
        "lockdowns",
        "add",
        "example.com",
        "--url",
        "example.com/admin/*",
        "--allow",
        "192.0.2.1",
        "--allow",
        "2001:db8::1/32",
    ];
    changed(&stage, &add, "only `192.0.2.1`, `2001:db8::1/32` may ask for `example.com/admin/*`");
    let rows = stage.json(&["lockdowns", "list", "example.com"]);
    assert_eq!(rows[0]["configurations"][0]["target"], "ip");
    assert_eq!(rows[0]["configurations"][1]["value"], "2001:db8::/32");
    changed(&stage, &["lockdowns", "off", "example.com", "example.com/admin"], "is off");
    assert!(stage.well(&["lockdowns", "list", "example.com"]).contains("off"));
    changed(&stage, &["lockdowns", "on", "example.com", "example.com/admin"], "is on");
    changed(&stage, &["lockdowns", "remove", "example.com", "example.com/admin"], "anybody may");
    assert!(stage.json(&["lockdowns", "list", "example.com"]).is_empty());
    let wrong = ["lockdowns", "add", "example.com", "--url", "x/", "--allow", "home", "--yes"];
    assert!(refused(&stage, &wrong).contains("`home` is no address"));
    let free = Stage::on(Plan::Free);
    let error = refused(&free, &[&add[..], &["--yes"]].concat());
    assert!(error.contains("(free) has room for 0 lockdowns"), "{error}");
}

#[test]
fn pools_are_made_watched_and_weighed() {
    let stage = Stage::new();
    changed(&stage, &["pools", "monitors", "create", "front page", "--path", "/health"], "https");
    let create = [
        "pools",
        "create",
        "web",
        "--origin",
        "a=192.0.2.1",
        "--origin",
        "b=192.0.2.66",
        "--monitor",
        "front",
    ];
    changed(&stage, &create, "watched by `front page`");
    let (code, out, _) = stage.run(&["pools"]);
    assert_eq!(code, 1, "one of them is ill: {out}");
    assert!(out.contains("ill: TCP connection failed") && out.contains("well"), "{out}");
    changed(
        &stage,
        &["pools", "origin", "web", "b", "--disable"],
        "`b` of `web` is used no longer",
    );
    assert_eq!(stage.run(&["pools"]).0, 0, "what isn't used may be ill");
    changed(&stage, &["pools", "origin", "web", "a", "--weight", "0.5"], "the share 0.5 and had 1");
    let rows = stage.json(&["pools"]);
    let origins = &rows[0]["pool"]["origins"];
    assert_eq!((&origins[0]["weight"], &origins[1]["enabled"]), (&0.5.into(), &false.into()));
    let last = ["pools", "origin", "web", "a", "--disable", "--dry-run"];
    assert!(stage.well(&last).contains("\"enabled\":false"));
    let (_, out, _) = stage.run(&last[..5]);
    assert!(out.contains("warning: then no origin"), "{out}");
    assert!(refused(&stage, &["pools", "origin", "web", "a", "--weight", "2"]).contains("0 to 1"));
    assert!(refused(&stage, &["pools", "origin", "web", "a", "--enable"]).contains("so already"));
    changed(&stage, &["pools", "disable", "web"], "not used");
    changed(&stage, &["pools", "enable", "web"], "used");
    let name = "www.example.com";
    changed(
        &stage,
        &["balancers", "create", "example.com", name, "--pool", "web"],
        "`www.example.com` over web",
    );
    stage.well(&["pools", "create", "spare", "--origin", "c=192.0.2.3", "--yes"]);
    let order = ["balancers", "order", "example.com", name, "--pool", "spare", "--pool", "web"];
    changed(&stage, &order, "uses spare, web and used web");
    let listed = stage.well(&["balancers", "list", "example.com"]);
    assert!(listed.contains("spare, web"), "{listed}");
    assert!(refused(&stage, &["pools", "delete", "web", "--yes"]).contains("referenced"));
    changed(&stage, &["balancers", "delete", "example.com", name], "over spare, web");
    let watch = ["pools", "monitors", "delete", "front page"];
    assert!(refused(&stage, &[&watch[..], &["--yes"]].concat()).contains("referenced by a pool"));
    changed(&stage, &["pools", "delete", "web"], "2 origins");
    changed(&stage, &watch, "remove the monitor");
    assert!(stage.json(&["pools", "monitors", "list"]).is_empty());
}

#[test]
fn logpush_jobs_never_show_their_passwords() {
    let stage = Stage::new();
    stage.write("hush", "s3cret-value");
    stage.write("bucket", "s3://logs/cf?access-key-id=AK&secret-access-key=s3cret-value");
    let hush = format!("file:{}", stage.path("hush").display());
    let bucket = format!("file:{}", stage.path("bucket").display());
    let create = ["logpush", "create", "cf", "--dataset", "http_requests", "--zone", "example.com"];
    let intake = "https://logs.example.com/intake/cf";
    let create = [&create[..], &["--intake", intake, "--token", &hush]].concat();
    changed(&stage, &create, "go to https://logs.example.com/…, every 30 s");
    let to = ["logpush", "create", "s3", "--dataset", "audit_logs", "--to", &bucket];
    let said = changed(&stage, &to, "go to s3://logs/…");
    assert!(!said.contains("s3cret"), "{said}");
    for words in [
        &["--trace", "logpush", "--zone", "example.com"][..],
        &["--trace", "logpush", "list"],
        &["--trace", "logpush", "--json"],
    ] {
        let (code, out, error) = stage.run(words);
        assert_eq!(code, 0, "{error}");
        assert!(!out.contains("s3cret") && !error.contains("s3cret"), "{out}{error}");
        assert!(out.contains("/…"), "{out}");
    }
    changed(&stage, &["logpush", "disable", "cf", "--zone", "example.com"], "off from now on");
    assert_eq!(stage.json(&["logpush", "--zone", "example.com"])[0]["enabled"], false);
    changed(&stage, &["logpush", "enable", "cf", "--zone", "example.com"], "on from now on");
    changed(&stage, &["logpush", "delete", "s3"], "pushes to s3://logs/…");
    assert!(stage.json(&["logpush"]).is_empty());
    let odd = ["logpush", "create", "x", "--dataset", "d", "--to", &hush, "--yes"];
    let error = refused(&stage, &odd);
    assert!(error.contains("no destination") && !error.contains("s3cret"), "{error}");
    let literal = ["logpush", "create", "x", "--dataset", "d", "--to", "s3://b?k=s3cret", "--yes"];
    assert!(!refused(&stage, &literal).contains("s3cret"));
    let clear = ["logpush", "create", "x", "--dataset", "d", "--intake", "http://h", "--token"];
    assert!(refused(&stage, &[&clear[..], &[&hush, "--yes"]].concat()).contains("https alone"));
}

#[test]
fn webhooks_are_told_of_what_they_are_to_know() {
    let stage = Stage::new();
    stage.write("hush", "s3cret-value");
    stage.write("url", "https://chat.example.com/hooks/s3cret-value");
    let hush = format!("file:{}", stage.path("hush").display());
    let url = format!("file:{}", stage.path("url").display());
    let add = ["alerts", "add", "chat", &url, "--secret", &hush];
    let said = changed(&stage, &add, "to https://chat.example.com/…, with a secret");
    assert!(!said.contains("s3cret"), "{said}");
    let (_, out, error) = stage.run(&["--trace", "alerts"]);
    assert!(out.contains("https://chat.example.com/…"), "{out}");
    assert!(!out.contains("s3cret") && !error.contains("s3cret"), "{out}{error}");
    let policy =
        ["alerts", "policies", "add", "errors", "--type", "http_alert_origin_error", "--webhook"];
    changed(&stage, &[&policy[..], &["chat"]].concat(), "tell `chat` of `http_alert_origin_error`");
    let listed = stage.well(&["alerts", "policies", "list"]);
    assert!(listed.contains("errors") && listed.contains("chat"), "{listed}");
    assert!(refused(&stage, &[&policy[..], &["nobody"]].concat()).contains("no webhook `nobody`"));
    changed(&stage, &["alerts", "policies", "delete", "errors"], "no longer");
    changed(&stage, &["alerts", "delete", "chat"], "remove the webhook `chat`");
    assert!(stage.json(&["alerts"]).is_empty());
    assert!(refused(&stage, &["alerts", "add", "x", &hush, "--yes"]).contains("https://"));
}

#[test]
fn secrets_and_schedules_of_a_worker_are_set() {
    let stage = Stage::new();
    stage.write("worker.mjs", "export default { async fetch() { return new Response(''); } };");
    stage.well(&["workers", "deploy", "gate", "worker.mjs", "--yes"]);
    let put = ["workers", "secrets", "put", "gate", "KEY"];
    let (code, out, error) = stage.fed(&[&["--trace"], &put[..], &["--yes"]].concat(), "s3cret\n");
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.contains("make the secret `KEY` of `gate`"), "{out}");
    assert!(!out.contains("s3cret") && !error.contains("s3cret"), "{out}{error}");
    stage.write("hush", "s3cret-value");
    let hush = format!("file:{}", stage.path("hush").display());
    changed(&stage, &[&put[..], &["--from", &hush]].concat(), "replace the secret `KEY`");
    assert!(refused(&stage, &[&put[..], &["--yes"]].concat()).contains("holds no secret"));
    assert_eq!(stage.json(&["workers", "secrets", "list", "gate"])[0]["name"], "KEY");
    changed(&stage, &["workers", "secrets", "delete", "gate", "KEY"], "remove the secret `KEY`");
    assert!(stage.json(&["workers", "secrets", "list", "gate"]).is_empty());
    let set = ["workers", "schedules", "gate", "--cron", "*/5 * * * *"];
    changed(&stage, &set, "runs by itself at `*/5 * * * *`; until now: never");
    assert!(stage.well(&["workers", "schedules", "gate"]).contains("*/5 * * * *"));
    // A wrong one is refused, and nothing else waits for it.
    let wrong = refused(&stage, &["workers", "schedules", "gate", "--cron", "often", "--yes"]);
    assert!(wrong.contains("invalid cron string"), "{wrong}");
    stage.well(&["workers", "list"]);
    changed(&stage, &["workers", "schedules", "gate", "--never"], "never; until now: at");
    assert!(stage.json(&["workers", "schedules", "gate"]).is_empty());
}

#[test]
fn many_keys_go_at_once_and_a_namespace_whole() {
    let stage = Stage::new();
    changed(&stage, &["kv", "namespaces", "create", "blocked"], "make the namespace `blocked`");
    let keys: Vec<String> = (0..30).map(|n| format!("\"k{n:02}\": \"v\"")).collect();
    stage.write("keys.json", &format!("{{{}, \"other\": \"v\"}}", keys.join(", ")));
    stage.well(&["kv", "import", "blocked", "keys.json", "--yes"]);
    let before = stage.simulator.calls();
    let out = stage.well(&["kv", "delete", "blocked", "--prefix", "k", "--yes"]);
    assert!(out.contains("and 10 more") && out.contains("30 keys removed"), "{out}");
    assert!(stage.simulator.calls() - before < 6, "in one call");
    assert_eq!(stage.json(&["kv", "list", "blocked"])[0]["name"], "other");
    assert!(refused(&stage, &["kv", "delete", "blocked", "--prefix", "k"]).contains("no key"));
    changed(&stage, &["kv", "delete", "blocked", "other"], "remove `other`");
    // What Cloudflare would refuse is told before anything is sent.
    stage.write("keys.json", &format!("{{\"{}\": \"v\"}}", "k".repeat(513)));
    let error = refused(&stage, &["kv", "import", "blocked", "keys.json", "--yes"]);
    assert!(error.contains("has 513 bytes"), "{error}");
    changed(&stage, &["kv", "namespaces", "delete", "blocked"], "with all its keys");
    assert!(stage.json(&["kv", "list"]).is_empty());
}
