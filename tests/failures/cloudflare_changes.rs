//! Temporary changes at Cloudflare, with the daemon and the look-alike: crashes, lost replies, people
//! in between, overlaps, panic. Whatever happens, what was there before comes back once.

use crate::support::{Daemon, Place, line, private_file, transcript};
use riposte::clock;
use riposte::cloudflare::{Client, kv, pools, rulesets, settings, workers, zones};
use riposte::decisions::{Outcome, Verdict};
use riposte::secret::Secret;
use riposte::simulator::{Fault, FaultKind, Options, Simulator, TokenGrant};
use riposte::store::Entry;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const TOKEN: &str = "cfut_PlantedToken0123456789abcdefghijklmnopqr";
const ZONE: &str = "example.com";
const LEVEL: &str = "security_level";

/// How long a change is to last stands in the path, so that tests say it.
const RULES: &str = r#"
rule("attack").on("http").when(|e| e.status == 403).by("ip").count(1, "1h")
    .then(|hit| cf::under_attack("example.com", hit.event.path.sub_string(1)));
rule("scan").on("http").when(|e| e.status == 404).by("ip").count(1, "1h")
    .then(|hit| cf::security_level("example.com", "high", hit.event.path.sub_string(1)));
"#;

/// Long enough for a busy machine.
const LONG: Duration = Duration::from_mins(1);

struct Scene {
    _root: tempfile::TempDir,
    transcript: PathBuf,
    simulator: Simulator,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        Self::with(Options::new(TOKEN))
    }

    fn with(options: Options) -> Self {
        let root = tempfile::tempdir().unwrap();
        let transcript = transcript().unwrap_or_else(|| root.path().join("transcript"));
        let simulator = Simulator::start(0, options, Some(&transcript)).unwrap();
        let token = private_file(root.path(), "token", TOKEN);
        let more = format!(
            "change_at_least = \"1s\"\n[[actions.cloudflare]]\ntoken = \"file:{}\"\napi = \"{}\"\nmark = \"web1\"\nzones = [\"{ZONE}\"]\n",
            token.display(),
            simulator.base()
        );
        let place = Place::new(root.path(), "p", RULES, &more);
        Self { _root: root, transcript, simulator, place }
    }

    fn calls(&self) -> String {
        fs::read_to_string(&self.transcript).unwrap_or_default()
    }

    fn level(&self) -> String {
        self.simulator.setting(ZONE, LEVEL).as_str().unwrap_or_default().to_owned()
    }

    fn wait_for(&self, level: &str) {
        let what = format!("the level is `{level}`");
        self.place.wait(LONG, &what, || self.level() == level);
    }

    /// Nothing of ours is known any more.
    fn wait_for_rest(&self) {
        self.place.wait(LONG, "the ledger is empty", || {
            self.place.store().changes().is_ok_and(|rows| rows.is_empty())
        });
    }

    /// Client `number` attacks: the zone is to be under attack for so long.
    fn attack(&self, number: u8, lasts: &str) {
        self.place.append(&line(&format!("203.0.113.{number}"), &format!("/{lasts}"), 403));
    }

    fn scan(&self, number: u8, lasts: &str) {
        self.place.append(&line(&format!("203.0.113.{number}"), &format!("/{lasts}"), 404));
    }

    /// A person ends the only change there is.
    fn end_by_hand(&self) {
        let number = self.place.status().changes.first().unwrap().number.to_string();
        let told = self.place.ask(&["cf", "changes", "end", &number]);
        assert!(told.contains("`medium` comes back"), "{told}");
        self.wait_for("medium");
    }

    /// Writes of the setting, as the look-alike saw them.
    fn writes(&self) -> usize {
        self.calls().lines().filter(|line| line.contains("PATCH") && line.contains(LEVEL)).count()
    }

    /// Somebody else sets the level.
    fn by_hand(&self, level: &str) {
        let client = Client::new(
            &self.simulator.base(),
            Secret::new(TOKEN.to_owned()),
            Duration::from_secs(9),
        );
        let zone = zones::find(&client, ZONE).unwrap().unwrap();
        client.send(&settings::change(&zone.id, LEVEL, &level.into())).unwrap();
    }

    /// The outcomes at a destination, the oldest first.
    fn outcomes(&self, at: &str) -> Vec<Outcome> {
        let mut rows = self.place.journal();
        rows.sort_by_key(|row| row.n);
        rows.into_iter()
            .filter_map(|row| match row.entry {
                Entry::Outcome { destination, outcome, .. } if destination == at => Some(outcome),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn a_zone_is_under_attack_for_a_while() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    scene.attack(1, "12s");
    scene.wait_for("under_attack");
    let status = scene.place.status();
    let change = status.changes.first().unwrap();
    assert_eq!(change.before, Some("medium".into()), "{change:?}");
    let shown = scene.place.ask(&["cf", "changes"]);
    assert!(shown.contains("before `medium`") && shown.contains("rule `attack`"), "{shown}");
    scene.wait_for("medium");
    scene.wait_for_rest();
    assert_eq!(scene.writes(), 2, "one there, one back");
    assert_eq!(scene.outcomes("changes:cloudflare"), [Outcome::Applied]);
    assert_eq!(scene.outcomes("changes:cloudflare:end"), [Outcome::Applied]);
    assert!(!scene.place.log().contains(TOKEN));
    daemon.terminate();
}

#[test]
fn a_kill_while_it_holds_changes_nothing() {
    let scene = Scene::new();
    let mut daemon = scene.place.start_and_wait();
    scene.attack(1, "1h");
    scene.wait_for("under_attack");
    daemon.kill();
    let daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "it is known again", || {
        scene.place.status().changes.iter().any(|change| change.state == "in force")
    });
    assert_eq!(scene.level(), "under_attack");
    assert_eq!(scene.writes(), 1, "nothing was done twice");
    scene.end_by_hand();
    assert_eq!(scene.writes(), 2, "nothing was done twice");
    daemon.terminate();
}

#[test]
fn an_end_that_passed_while_it_was_down_is_made_up_for() {
    let scene = Scene::new();
    let mut daemon = scene.place.start_and_wait();
    scene.attack(1, "8s");
    scene.wait_for("under_attack");
    daemon.kill();
    let over = clock::now().plus(Duration::from_secs(8));
    scene.place.wait(LONG, "the time is over", || clock::now() > over);
    assert_eq!(scene.level(), "under_attack", "nobody is there to put it back");
    let daemon = scene.place.start_and_wait();
    scene.wait_for("medium");
    scene.wait_for_rest();
    daemon.terminate();
}

#[test]
fn a_kill_in_the_middle_of_a_write_is_read_back() {
    let scene = Scene::new();
    let mut daemon = scene.place.start_and_wait();
    let late = Fault::new(FaultKind::Slow(Duration::from_mins(1)), 1).only("PATCH", LEVEL);
    scene.simulator.fault(late);
    scene.attack(1, "1h");
    scene.wait_for("under_attack");
    let rows = scene.place.store().changes().unwrap();
    assert!(rows.iter().all(|row| !row.sure), "the reply has not come: {rows:?}");
    daemon.kill();
    let daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "it is confirmed", || {
        scene.outcomes("changes:cloudflare") == [Outcome::Unchanged]
    });
    assert_eq!(scene.level(), "under_attack");
    scene.end_by_hand();
    daemon.terminate();
}

#[test]
fn what_somebody_set_meanwhile_is_left_alone() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    scene.attack(1, "15s");
    scene.wait_for("under_attack");
    scene.by_hand("low");
    scene.place.wait(LONG, "it is told", || {
        scene.place.log().contains("somebody changed it: left as it is")
    });
    assert_eq!(scene.level(), "low");
    let told = scene.outcomes("changes:cloudflare:end");
    let [Outcome::Failed(words)] = told.as_slice() else { panic!("{told:?}") };
    assert!(words.contains("is `low` now"), "{words}");
    assert_eq!(scene.writes(), 2, "ours and theirs");
    scene.wait_for_rest();
    daemon.terminate();
}

#[test]
fn somebody_in_between_is_noticed_after_a_crash_too() {
    let scene = Scene::new();
    let mut daemon = scene.place.start_and_wait();
    scene.attack(1, "30m");
    scene.wait_for("under_attack");
    scene.place.wait(LONG, "it is confirmed", || {
        scene.outcomes("changes:cloudflare") == [Outcome::Applied]
    });
    daemon.kill();
    scene.by_hand("medium");
    let daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "it is seen", || {
        scene.place.status().changes.first().is_some_and(|change| change.state == "left")
    });
    scene.place.wait(LONG, "an alarm is raised", || {
        let alarms = scene.place.status().alarms;
        alarms.iter().any(|alarm| alarm.text.contains("somebody changed it"))
    });
    scene.attack(2, "40m");
    scene.place.wait(LONG, "the rule is kept from it", || {
        matches!(scene.outcomes("changes:cloudflare").last(), Some(Outcome::Failed(_)))
    });
    assert_eq!(scene.level(), "medium");
    let shown = scene.place.ask(&["cf", "changes"]);
    assert!(shown.contains("somebody set it to `medium`"), "{shown}");
    daemon.terminate();
}

#[test]
fn of_several_the_strongest_counts_and_the_next_one_follows() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    scene.scan(1, "30s");
    scene.wait_for("high");
    scene.attack(2, "8s");
    scene.wait_for("under_attack");
    scene.wait_for("high");
    scene.wait_for("medium");
    scene.wait_for_rest();
    assert_eq!(scene.writes(), 4);
    daemon.terminate();
}

#[test]
fn the_fourth_start_of_a_day_asks_a_person() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    for number in 1..=3 {
        scene.attack(number, "6s");
        scene.place.wait(LONG, "it has ended", || {
            scene.outcomes("changes:cloudflare:end").len() == usize::from(number)
        });
    }
    daemon.terminate();
    // Also after a restart.
    let daemon = scene.place.start_and_wait();
    scene.attack(4, "30m");
    scene.place.wait(LONG, "it is refused", || {
        scene.place.journal().into_iter().any(|row| {
            matches!(row.entry, Entry::Action { guard: Verdict::Refused(why), .. } if why.contains("a person has to decide"))
        })
    });
    let alarms = scene.place.status().alarms;
    assert!(alarms.iter().any(|alarm| alarm.text.contains("was refused")), "{alarms:?}");
    assert_eq!(scene.level(), "medium");
    daemon.terminate();
}

#[test]
fn a_lost_reply_is_read_back_before_anything_is_tried_again() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    scene.simulator.fault(Fault::new(FaultKind::Lost, 1).only("PATCH", LEVEL));
    scene.attack(1, "15s");
    scene.place.wait(LONG, "it is confirmed", || {
        scene.outcomes("changes:cloudflare") == [Outcome::Applied]
    });
    assert_eq!(scene.level(), "under_attack");
    assert_eq!(
        scene.writes(),
        0,
        "the one that was lost is not in the transcript, and there is no other"
    );
    scene.simulator.fault(Fault::new(FaultKind::Cut, 1).only("PATCH", LEVEL));
    scene.wait_for("medium");
    scene.wait_for_rest();
    assert_eq!(scene.outcomes("changes:cloudflare:end"), [Outcome::Applied]);
    daemon.terminate();
}

#[test]
fn an_outage_is_waited_out() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    scene.simulator.fault(Fault::new(FaultKind::Html, 4).only("PATCH", LEVEL));
    scene.attack(1, "1h");
    scene.place.wait(Duration::from_mins(2), "it is set all the same", || {
        scene.outcomes("changes:cloudflare") == [Outcome::Applied]
    });
    assert_eq!(scene.level(), "under_attack");
    daemon.terminate();
}

#[test]
fn a_token_that_may_not_says_so_and_leaves_nothing_behind() {
    let mut options = Options::new(TOKEN);
    let may = ["Zone Read", "Zone Settings Read", "Account Filter Lists Edit", "Zone WAF Write"];
    options.tokens = vec![TokenGrant {
        token: TOKEN.to_owned(),
        of_account: false,
        permissions: Some(may.map(str::to_owned).to_vec()),
    }];
    let scene = Scene::with(options);
    let daemon = scene.place.start_and_wait();
    scene.attack(1, "1h");
    scene.place.wait(LONG, "it is told", || !scene.outcomes("changes:cloudflare").is_empty());
    let told = scene.outcomes("changes:cloudflare");
    let [Outcome::Failed(words)] = told.as_slice() else { panic!("{told:?}") };
    assert!(words.contains("Zone Settings Write"), "{words}");
    scene.wait_for_rest();
    assert_eq!(scene.level(), "medium");
    daemon.terminate();
}

#[test]
fn panic_puts_everything_back_with_and_without_a_daemon() {
    for runs in [true, false] {
        let scene = Scene::new();
        let daemon = scene.place.start_and_wait();
        scene.attack(1, "1h");
        scene.wait_for("under_attack");
        scene.place.wait(LONG, "it is confirmed", || {
            scene.outcomes("changes:cloudflare") == [Outcome::Applied]
        });
        if runs {
            let told = scene.place.ask(&["panic"]);
            assert!(told.contains("1 change at Cloudflare put back"), "{told}");
            scene.wait_for("medium");
            scene.attack(2, "1h");
            scene.place.wait_until_read();
            scene.wait_for_rest();
            daemon.terminate();
        } else {
            daemon.terminate();
            assert_eq!(scene.level(), "under_attack", "an orderly end changes nothing");
            scene.place.ask(&["panic"]);
            scene.wait_for("medium");
        }
        assert_eq!(scene.level(), "medium");
    }
}

#[test]
fn a_person_ends_one_and_rules_leave_it_alone() {
    let scene = Scene::new();
    let daemon = scene.place.start_and_wait();
    scene.attack(1, "1h");
    scene.wait_for("under_attack");
    scene.end_by_hand();
    scene.attack(2, "2h");
    scene.place.wait(LONG, "the rule is kept from it", || {
        let told = scene.outcomes("changes:cloudflare");
        told.iter()
            .any(|outcome| matches!(outcome, Outcome::Failed(why) if why.contains("ended it")))
    });
    assert_eq!(scene.level(), "medium");
    assert!(scene.place.ask(&["cf", "changes", "end", "99"]).contains("there is no change `99`"));
    daemon.terminate();
}

#[test]
fn a_dry_run_shows_the_call_and_sends_none() {
    let scene = Scene::new();
    let log = fs::File::create(scene.place.dir.join("out.log")).unwrap();
    let child = scene.place.command("run").arg("--dry-run").stderr(log).spawn().unwrap();
    let daemon = Daemon(child);
    scene.place.wait(LONG, "it runs", || scene.place.log().contains("riposte runs"));
    scene.attack(1, "1h");
    scene.place.wait(LONG, "the call is shown", || {
        matches!(scene.outcomes("changes:cloudflare").first(), Some(Outcome::DryRun(call)) if call.contains("PATCH /zones/") && call.contains("under_attack"))
    });
    assert_eq!((scene.level().as_str(), scene.writes()), ("medium", 0));
    daemon.terminate();
}

/// Rules that make and tighten rules at Cloudflare.
const RULE_RULES: &str = r#"
rule("limit").on("http").when(|e| e.status == 403).by("ip").count(1, "1h")
    .then(|hit| cf::rate_limit("example.com", "login",
        #{ path: "/login", requests: 5, period: "10s", timeout: "10s", action: "block" }, hit.event.path.sub_string(1)));
rule("wall").on("http").when(|e| e.status == 404).by("ip").count(1, "1h")
    .then(|hit| cf::waf_rule("example.com", "wall", #{ host: "a\"b", action: "block" }, hit.event.path.sub_string(1)));
rule("tight").on("http").when(|e| e.status == 429).by("ip").count(1, "1h")
    .then(|hit| cf::tighten("example.com", "theirs", #{ requests: 3 }, hit.event.path.sub_string(1)));
rule("bots").on("http").when(|e| e.status == 418).by("ip").count(1, "1h")
    .then(|hit| cf::bot_fight_mode("example.com", hit.event.path.sub_string(1)));
"#;

#[test]
fn rules_are_made_and_removed_and_those_of_others_stay() {
    let scene = Scene::new();
    fs::write(scene.place.dir.join("rules.rhai"), RULE_RULES).unwrap();
    let client =
        Client::new(&scene.simulator.base(), Secret::new(TOKEN.to_owned()), Duration::from_secs(9));
    let zone = zones::find(&client, ZONE).unwrap().unwrap();
    let theirs = rulesets::rule("theirs", "block", "(ip.src eq 192.0.2.1)", "by hand");
    client.send(&rulesets::create_entry_point(&zone.id, rulesets::CUSTOM, &theirs)).unwrap();
    let references = |phase: &str| -> Vec<String> {
        let rules = scene.simulator.rules(ZONE, phase);
        // Ours end with a hash of mark and name.
        let words = |reference: &str| match reference.rsplit_once('-') {
            Some((words, _)) if reference.starts_with("riposte-web1-") => words.to_owned(),
            _ => reference.to_owned(),
        };
        rules.iter().filter_map(|rule| Some(words(rule.get("ref")?.as_str()?))).collect()
    };
    let mut daemon = scene.place.start_and_wait();
    scene.attack(1, "30s");
    scene.scan(2, "30s");
    scene.place.wait(LONG, "both are made", || {
        references(rulesets::RATE_LIMIT) == ["riposte-web1-login"]
            && references(rulesets::CUSTOM).contains(&"riposte-web1-wall".to_owned())
    });
    let wall = &scene.simulator.rules(ZONE, rulesets::CUSTOM)[0];
    assert_eq!(wall["expression"], r#"http.host eq "a\"b""#, "it stands before all others");
    daemon.kill();
    let daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "both are removed", || {
        references(rulesets::RATE_LIMIT).is_empty()
            && !references(rulesets::CUSTOM).contains(&"riposte-web1-wall".to_owned())
    });
    assert!(references(rulesets::CUSTOM).contains(&"theirs".to_owned()));
    scene.wait_for_rest();
    daemon.terminate();
}

/// Who comes onto the allowlist is let in at once, also where a rule at Cloudflare keeps him out; and
/// what keeps others out stays.
#[test]
fn the_allowlist_wins_over_what_stands_at_cloudflare() {
    let scene = Scene::new();
    let rules = r#"
rule("wall").on("http").when(|e| e.status == 404).by("ip").count(1, "1h")
    .then(|hit| cf::waf_rule("example.com", hit.event.path.sub_string(1), #{ ip: hit.key, action: "block" }, "1h"));
"#;
    fs::write(scene.place.dir.join("rules.rhai"), rules).unwrap();
    let kept_out = || -> Vec<String> {
        let rules = scene.simulator.rules(ZONE, rulesets::CUSTOM);
        let all = rules.iter().filter_map(|rule| rule.get("expression")?.as_str());
        all.filter(|text| text.contains("203.0.113.")).map(str::to_owned).collect()
    };
    let daemon = scene.place.start_and_wait();
    scene.scan(1, "one");
    scene.scan(2, "two");
    scene.place.wait(LONG, "both are kept out", || kept_out().len() == 2);
    let told = scene.place.ask(&["allow", "203.0.113.1"]);
    assert!(told.contains("1 change at Cloudflare ended"), "{told}");
    scene.place.wait(LONG, "one is let in", || kept_out().len() == 1);
    assert!(kept_out()[0].contains("203.0.113.2"), "{:?}", kept_out());
    daemon.terminate();
    // What is on the allowlist at the next start counts as much.
    let config = scene.place.dir.join("riposte.toml");
    let text = fs::read_to_string(&config).unwrap();
    let more = text.replacen("[guard]", "[guard]\nallow = [\"203.0.113.2\"]", 1);
    assert_ne!(text, more);
    fs::write(&config, more).unwrap();
    let daemon = scene.place.start_and_wait();
    scene.place.wait(LONG, "the other is let in", || kept_out().is_empty());
    daemon.terminate();
}

/// Routes of Workers and origins of pools are changed for a while and come back, over a crash; values
/// of KV are written and removed.
#[test]
fn workers_pools_and_values() {
    let scene = Scene::new();
    let rules = r#"
rule("queue").on("http").when(|e| e.status == 503).by("ip").count(1, "1h")
    .then(|hit| cf::worker_route("example.com", "example.com/shop/*", "queue", hit.event.path.sub_string(1)));
rule("origin").on("http").when(|e| e.status == 502).by("ip").count(1, "1h")
    .then(|hit| cf::pool("example.com", "web", #{ origin: "a", enabled: false }, hit.event.path.sub_string(1)));
rule("flag").on("http").when(|e| e.status == 500).by("ip").count(1, "1h")
    .then(|hit| cf::kv_put("example.com", "flags", hit.key, "down", #{ ttl: "1h" }));
rule("unflag").on("http").when(|e| e.status == 501).by("ip").count(1, "1h")
    .then(|hit| cf::kv_delete("example.com", "flags", hit.key));
"#;
    fs::write(scene.place.dir.join("rules.rhai"), rules).unwrap();
    let client =
        Client::new(&scene.simulator.base(), Secret::new(TOKEN.to_owned()), Duration::from_secs(9));
    let zone = zones::find(&client, ZONE).unwrap().unwrap();
    let account = zone.account.id.as_str();
    for name in ["shop", "queue"] {
        let module = workers::Module {
            file: "worker.mjs".to_owned(),
            text: b"export default {}".to_vec(),
            compatibility_date: "2026-11-01".to_owned(),
            bindings: Vec::new(),
        };
        client.send(&workers::upload(account, name, &module)).unwrap();
    }
    client.send(&workers::create_route(&zone.id, "example.com/shop/*", "shop")).unwrap();
    let origins: Vec<pools::Origin> = serde_json::from_value(serde_json::json!([
        { "name": "a", "address": "192.0.2.1", "enabled": true, "weight": 1.0, "port": 8443 },
        { "name": "b", "address": "192.0.2.2", "enabled": true, "weight": 0.5 },
    ]))
    .unwrap();
    client.send(&pools::create(account, "web", &origins, None)).unwrap();
    client.send(&kv::create(account, "flags")).unwrap();
    let space = kv::namespaces(&client, account).unwrap().remove(0).id;
    let script = || -> Option<String> {
        let routes: Vec<workers::Route> =
            client.send(&workers::routes(&zone.id)).unwrap().read().unwrap();
        routes.into_iter().next().and_then(|route| route.script)
    };
    let pool = || pools::all(&client, account).unwrap().remove(0).origins;
    let keys = || kv::keys(&client, account, &space, None).unwrap().len();
    let mut daemon = scene.place.start_and_wait();
    scene.place.append(&line("203.0.113.1", "/30s", 503));
    scene.place.append(&line("203.0.113.2", "/30s", 502));
    scene.place.append(&line("203.0.113.3", "/", 500));
    scene.place.wait(LONG, "the queue answers", || script().as_deref() == Some("queue"));
    scene.place.wait(LONG, "the origin is out", || !pool()[0].enabled);
    assert_eq!(pool()[0].rest["port"], 8443);
    assert_eq!(pool()[1], origins[1], "the other is as it was");
    scene.place.wait(LONG, "the value is written", || keys() == 1);
    let value = client.send(&kv::get(account, &space, "203.0.113.3")).unwrap().raw;
    assert_eq!(value, b"down");
    daemon.kill();
    let daemon = scene.place.start_and_wait();
    scene.place.append(&line("203.0.113.3", "/", 501));
    scene.place.wait(LONG, "the value is gone", || keys() == 0);
    scene.place.wait(LONG, "the shop answers again", || script().as_deref() == Some("shop"));
    scene.place.wait(LONG, "the pool is as before", || pool() == origins);
    scene.wait_for_rest();
    daemon.terminate();
}

#[test]
fn a_limit_of_others_is_tightened_and_comes_back_whole() {
    let mut options = Options::new(TOKEN);
    options.plan = riposte::simulator::Plan::Pro;
    let scene = Scene::with(options);
    fs::write(scene.place.dir.join("rules.rhai"), RULE_RULES).unwrap();
    let client =
        Client::new(&scene.simulator.base(), Secret::new(TOKEN.to_owned()), Duration::from_secs(9));
    let zone = zones::find(&client, ZONE).unwrap().unwrap();
    let theirs = serde_json::json!({
        "ref": "theirs", "action": "block", "expression": "true", "description": "by hand", "enabled": true,
        "ratelimit": {
            "characteristics": ["cf.colo.id", "ip.src"], "period": 60,
            "requests_per_period": 100, "mitigation_timeout": 600,
        },
    });
    client.send(&rulesets::create_entry_point(&zone.id, rulesets::RATE_LIMIT, &theirs)).unwrap();
    let requests = || {
        scene.simulator.rules(ZONE, rulesets::RATE_LIMIT)[0]["ratelimit"]["requests_per_period"]
            .clone()
    };
    let daemon = scene.place.start_and_wait();
    scene.place.append(&line("203.0.113.1", "/10s", 429));
    scene.place.wait(LONG, "it is tightened", || requests() == 3);
    scene.place.wait(LONG, "it is as before", || requests() == 100);
    let rule = &scene.simulator.rules(ZONE, rulesets::RATE_LIMIT)[0];
    assert_eq!(rule["ref"], "theirs");
    assert_eq!(rule["ratelimit"]["mitigation_timeout"], 600);
    scene.wait_for_rest();
    daemon.terminate();
}

#[test]
fn a_switch_of_the_bots_comes_back() {
    let scene = Scene::new();
    fs::write(scene.place.dir.join("rules.rhai"), RULE_RULES).unwrap();
    let daemon = scene.place.start_and_wait();
    scene.place.append(&line("203.0.113.2", "/8s", 418));
    scene.place.wait(LONG, "it is told", || {
        scene.outcomes("changes:cloudflare:end") == [Outcome::Applied]
    });
    scene.wait_for_rest();
    let calls = scene.calls();
    let puts = calls
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|call| call["method"] == "PUT")
        .filter(|call| call["path"].as_str().is_some_and(|path| path.ends_with("/bot_management")));
    let set: Vec<_> = puts.map(|call| call["request"]["fight_mode"].clone()).collect();
    assert_eq!(set, [true, false], "there and back: {calls}");
    daemon.terminate();
}

/// Whose account is gone from the config, that nobody can put back: a person is told what to do, and
/// can have it forgotten.
#[test]
fn a_change_of_an_account_that_is_gone_says_what_to_do_and_is_forgotten_by_hand() {
    let scene = Scene::new();
    let mut daemon = scene.place.start_and_wait();
    scene.attack(1, "1h");
    scene.wait_for("under_attack");
    scene
        .place
        .wait(LONG, "it is told", || scene.outcomes("changes:cloudflare") == [Outcome::Applied]);
    daemon.kill();
    let config = scene.place.dir.join("riposte.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("mark = \"web1\"", "mark = \"web1\"\nname = \"other\""))
        .unwrap();
    let daemon = scene.place.start_and_wait();
    let hint = "set it to `medium` by hand, and then `riposte cf changes end 1`";
    scene.place.wait(LONG, "the alarm says so", || scene.place.log().contains(hint));
    let shown = scene.place.ask(&["cf", "changes"]);
    assert!(shown.contains("orphaned: `under_attack`, before `medium`"), "{shown}");
    assert!(shown.contains(hint), "{shown}");
    assert_eq!(scene.place.status().changes[0].state, "orphaned");
    let told = scene.place.ask(&["cf", "changes", "end", "1"]);
    assert!(told.contains("is not put back; before it was `medium`"), "{told}");
    scene.wait_for_rest();
    assert_eq!((scene.level().as_str(), scene.writes()), ("under_attack", 1));
    let ends = scene.outcomes("changes:cloudflare:end");
    assert!(
        matches!(&ends[..], [Outcome::Failed(why)] if why.starts_with("forgotten by hand")),
        "{ends:?}"
    );
    assert!(scene.place.ask(&["cf", "changes"]).contains("nothing is changed"));
    daemon.terminate();
}
