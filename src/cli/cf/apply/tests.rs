//! A file against the look-alike, with what goes wrong on the way: replies that are lost, a person
//! who changes something meanwhile, a token that may not, a plan that has no room.

mod records;
mod routes;

use super::file::ZoneFile;
use super::plan::What;
use super::present::{self, ZonePlan};
use super::send::{self, Done};
use crate::cloudflare::rulesets::{self, CACHE, CUSTOM, RATE_LIMIT};
use crate::cloudflare::zones::{self, Zone};
use crate::cloudflare::{Client, settings};
use crate::secret::Secret;
use crate::simulator::{Fault, FaultKind, Options, Simulator, TokenGrant};
use serde_json::json;
use std::time::Duration;

const FILE: &str = r#"
zone = "example.com"

[settings]
security_level = "high"
browser_cache_ttl = 3600

[bots]
fight_mode = true

[[waf]]
ref = "login"
expression = "http.request.uri.path eq \"/wp-login.php\""
action = "managed_challenge"

[[waf]]
ref = "env"
expression = "ends_with(http.request.uri.path, \"/.env\")"
action = "block"

[[rate_limits]]
ref = "login"
expression = "http.request.uri.path eq \"/wp-login.php\""
action = "block"
requests = 5
period_secs = 10
timeout_secs = 10

[[managed]]
ref = "free"
ruleset = "free"

[[cache]]
ref = "assets"
expression = "starts_with(http.request.uri.path, \"/assets/\")"
edge_ttl = { mode = "override_origin", secs = 7200 }
"#;

struct Stage {
    simulator: Simulator,
    client: Client,
    zone: Zone,
}

impl Stage {
    fn new() -> Self {
        Self::with(Options::new("t"), "t")
    }

    fn with(options: Options, token: &str) -> Self {
        let simulator = Simulator::start(0, options, None).unwrap();
        let client = client(&simulator, token);
        let zone = zones::find(&client, "example.com").unwrap().unwrap();
        Self { simulator, client, zone }
    }

    fn plan(&self, file: &ZoneFile) -> ZonePlan {
        present::plan(&self.client, &self.zone, file, false).unwrap()
    }

    fn send(&self, file: &ZoneFile, made: &ZonePlan) -> (anyhow::Result<()>, Done) {
        let mut done = Done::default();
        let sent = send::all(&self.client, &self.zone, file, made, false, &mut done);
        (sent, done)
    }

    fn apply(&self, file: &ZoneFile) -> Done {
        let (sent, done) = self.send(file, &self.plan(file));
        sent.unwrap();
        done
    }

    /// What a person does at the dashboard.
    fn by_hand(&self, reference: &str) {
        let rule = rulesets::rule(reference, "block", "ip.src eq 192.0.2.9", "by hand");
        let set = rulesets::read(&self.client, &self.zone.id, CUSTOM).unwrap();
        let call = rulesets::put(&self.zone.id, CUSTOM, set.as_ref(), &rule).unwrap();
        self.client.send(&call).unwrap();
    }

    fn references(&self, phase: &str) -> Vec<String> {
        let rules = self.simulator.rules("example.com", phase);
        rules.iter().map(|rule| rule["ref"].as_str().unwrap().to_owned()).collect()
    }
}

fn client(simulator: &Simulator, token: &str) -> Client {
    Client::new(&simulator.base(), Secret::new(token.to_owned()), Duration::from_secs(30))
}

fn file() -> ZoneFile {
    ZoneFile::parse(FILE).unwrap()
}

#[test]
fn a_zone_becomes_what_the_file_says_and_then_there_is_nothing_to_do() {
    let stage = Stage::new();
    stage.by_hand("theirs");
    let made = stage.plan(&file());
    assert_eq!(made.faults, Vec::<String>::new());
    assert_eq!(made.all().count(), 8, "{made:#?}");
    let before = stage.simulator.calls();
    let (sent, done) = stage.send(&file(), &made);
    sent.unwrap();
    assert_eq!(done.written.len(), 7, "{done:?}");
    // A read and a write for each setting, bot management and each of four phases.
    assert_eq!(stage.simulator.calls() - before, 14);
    assert_eq!(stage.references(CUSTOM), ["theirs", "riposte_apply_login", "riposte_apply_env"]);
    assert_eq!(stage.simulator.setting("example.com", "security_level"), json!("high"));
    assert!(!stage.plan(&file()).differs());
}

#[test]
fn what_the_file_no_longer_names_goes_and_nothing_else() {
    let stage = Stage::new();
    stage.apply(&file());
    stage.by_hand("theirs");
    let mut less = file();
    less.waf.remove(0);
    less.cache.clear();
    less.settings.clear();
    less.bots.clear();
    let made = stage.plan(&less);
    let removed: Vec<&str> =
        made.all().filter(|c| c.what == What::Remove).map(|c| c.name.as_str()).collect();
    assert_eq!((removed, made.all().count()), (vec!["login", "assets"], 2));
    stage.apply(&less);
    assert_eq!(stage.references(CUSTOM), ["riposte_apply_env", "theirs"]);
    assert_eq!(stage.references(CACHE), Vec::<String>::new());
    assert_eq!(stage.simulator.setting("example.com", "security_level"), json!("high"));
    // A file with another mark neither sees nor removes them.
    let other = ZoneFile { mark: Some("other".into()), ..ZoneFile::default() };
    assert!(!stage.plan(&other).differs());
}

/// A rule that a person made meanwhile was once removed by whoever replaced the ruleset.
#[test]
fn a_persons_change_between_plan_and_write_stops_the_write() {
    let stage = Stage::new();
    stage.by_hand("theirs");
    let made = stage.plan(&file());
    stage.by_hand("meanwhile");
    let (sent, done) = stage.send(&file(), &made);
    let error = sent.unwrap_err().to_string();
    assert!(error.contains("`waf` was changed by somebody"), "{error}");
    assert_eq!(done.written.len(), 3, "settings and bot management were written before");
    assert_eq!(stage.references(CUSTOM), ["theirs", "meanwhile"]);
    let put_by_hand = |value: &str| {
        let call = settings::change(&stage.zone.id, "security_level", &json!(value));
        stage.client.send(&call).unwrap();
    };
    put_by_hand("low");
    let made = stage.plan(&file());
    put_by_hand("under_attack");
    let error = stage.send(&file(), &made).0.unwrap_err().to_string();
    assert!(error.contains("`security_level` was changed by somebody"), "{error}");
    assert_eq!(stage.simulator.setting("example.com", "security_level"), json!("under_attack"));
}

#[test]
fn a_change_whose_reply_was_lost_is_read_back() {
    for kind in [FaultKind::Lost, FaultKind::Cut, FaultKind::NoResult] {
        let stage = Stage::new();
        stage.by_hand("theirs");
        for (method, path) in [
            ("PATCH", "/settings/security_level"),
            ("PUT", "/bot_management"),
            ("PUT", "/rulesets/"),
            ("POST", "/rulesets"),
        ] {
            stage.simulator.fault(Fault::new(kind, 1).only(method, path));
        }
        let done = stage.apply(&file());
        assert_eq!(done.written.len(), 7, "{kind:?}");
        assert_eq!(done.warnings, Vec::<String>::new(), "{kind:?}");
        assert!(!stage.plan(&file()).differs(), "{kind:?}");
    }
}

#[test]
fn a_change_that_was_not_made_is_no_success() {
    for kind in [FaultKind::Server, FaultKind::Drop, FaultKind::Html] {
        let stage = Stage::new();
        stage.by_hand("theirs");
        stage.simulator.fault(Fault::new(kind, 1).only("PUT", "/rulesets/"));
        let (sent, _) = stage.send(&file(), &stage.plan(&file()));
        let error = sent.unwrap_err().to_string();
        assert!(error.contains("could not confirm"), "{kind:?}: {error}");
        assert_eq!(stage.references(CUSTOM), ["theirs"], "{kind:?}");
        // Run again, it goes on where it stopped.
        stage.apply(&file());
        assert!(!stage.plan(&file()).differs(), "{kind:?}");
    }
}

#[test]
fn too_many_calls_stop_it_and_nothing_is_half_written() {
    let stage = Stage::new();
    let made = stage.plan(&file());
    stage.simulator.fault(Fault::new(FaultKind::TooMany, 1).only("POST", "/rulesets"));
    let (sent, done) = stage.send(&file(), &made);
    let error = sent.unwrap_err().to_string();
    assert!(error.contains("HTTP 429"), "{error}");
    assert_eq!(done.written.len(), 3);
    assert_eq!(stage.references(CUSTOM), Vec::<String>::new());
}

#[test]
fn a_token_without_the_permission_is_told_which() {
    let mut options = Options::new("t");
    options.tokens.push(TokenGrant {
        token: "waf".into(),
        of_account: false,
        permissions: Some(vec!["Zone Read".into(), "Zone WAF Write".into()]),
    });
    let stage = Stage::with(options, "waf");
    let error = present::plan(&stage.client, &stage.zone, &file(), false).unwrap_err().to_string();
    assert!(error.contains("`Zone Settings Read`"), "{error}");
    // What it has nothing to do with, it needs no permission for.
    let mut less = file();
    less.settings.clear();
    less.bots.clear();
    less.cache.clear();
    let made = stage.plan(&less);
    assert_eq!(made.notes.len(), 2, "{:?}", made.notes);
    assert!(made.notes[0].contains("`DNS Read`") && made.notes[1].contains("Cache Settings Read"));
    stage.send(&less, &made).0.unwrap();
    assert_eq!(stage.references(RATE_LIMIT), ["riposte_apply_login"]);
}

#[test]
fn what_the_plan_has_no_room_for_is_told_before_anything_is_written() {
    let stage = Stage::new();
    for n in 0..4 {
        stage.by_hand(&format!("theirs-{n}"));
    }
    let made = stage.plan(&file());
    assert_eq!(made.faults.len(), 1, "{:?}", made.faults);
    assert!(made.faults[0].contains("would hold 6 rules"), "{:?}", made.faults);
    let mut more = file();
    more.rate_limits[0].period_secs = 60;
    more.settings.insert("polish".into(), json!("lossy"));
    let made = stage.plan(&more);
    assert!(made.faults[0].contains("`period_secs` can't be 60"), "{:?}", made.faults);
}

#[test]
fn a_rule_of_others_is_taken_over_when_asked() {
    let stage = Stage::new();
    stage.by_hand("login");
    let made = stage.plan(&file());
    assert!(made.is_blocked());
    let id = stage.simulator.rules("example.com", CUSTOM)[0]["id"].clone();
    let made = present::plan(&stage.client, &stage.zone, &file(), true).unwrap();
    let adopted = made.all().find(|change| change.what == What::Adopt).unwrap();
    assert_eq!(adopted.name, "login");
    let mut done = Done::default();
    send::all(&stage.client, &stage.zone, &file(), &made, true, &mut done).unwrap();
    let rules = stage.simulator.rules("example.com", CUSTOM);
    assert_eq!((&rules[0]["id"], &rules[0]["ref"]), (&id, &json!("riposte_apply_login")));
    assert!(!stage.plan(&file()).differs());
}

#[test]
fn faults_of_a_file_are_told_all_with_their_lines() {
    let faults = |text: &str| -> Vec<(usize, String)> {
        let faults = ZoneFile::parse(text).unwrap_err();
        faults.into_iter().map(|fault| (fault.line, fault.message)).collect()
    };
    let found = faults("mark = \"block\"\n[settings]\nssl = \"on\"\nbrotli = \"on\"\n");
    assert_eq!(found.len(), 3, "{found:?}");
    let found = faults("[[waf]]\nref = \"a\"\nexpresion = \"true\"\naction = \"block\"\n");
    assert_eq!(found[0].0, 3, "{found:?}");
    let twice = "[[waf]]\nref = \"a\"\nexpression = \"true\"\naction = \"block\"\n".repeat(2);
    assert!(faults(&twice)[0].1.contains("is there twice"));
}

/// The file of the documentation is one that works.
#[test]
fn the_documented_file_is_applied_as_it_stands() {
    let page = include_str!("../../../../docs/cloudflare-apply.md");
    let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = ZoneFile::parse(text).unwrap();
    let stage = Stage::new();
    stage.apply(&file);
    assert!(!stage.plan(&file).differs());
    assert_eq!(stage.references(CUSTOM), ["riposte_apply_monitor", "riposte_apply_secrets"]);
    assert_eq!(stage.references(CACHE).len(), 2);
}
