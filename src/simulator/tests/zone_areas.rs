//! Settings, bot management and rulesets of the look-alike, asked by the client's own areas.

use super::{client, quick, read};
use crate::cloudflare::plans::Level;
use crate::cloudflare::rules::{CacheRule, CustomRule, ManagedRule, RateLimit, Ttl};
use crate::cloudflare::rulesets::{self, CACHE, CUSTOM, MANAGED, RATE_LIMIT, Ruleset};
use crate::cloudflare::zones::{self, Zone};
use crate::cloudflare::{Client, ErrorKind, agents, billing, bots, lockdowns, pools, settings};
use crate::simulator::{Fault, FaultKind, Options, Plan, Simulator, TokenGrant};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn made<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn limit() -> RateLimit {
    made(json!({
        "ref": "login", "expression": "http.request.uri.path eq \"/login\"",
        "action": "block", "requests": 10, "period_secs": 10, "timeout_secs": 10,
    }))
}

fn custom(reference: &str) -> CustomRule {
    made(json!({
        "ref": reference, "expression": "http.host eq \"a\"", "action": "managed_challenge",
    }))
}

fn cache() -> CacheRule {
    CacheRule {
        edge_ttl: Some(Ttl::of(7_200)),
        ..made(json!({ "ref": "c", "expression": "true" }))
    }
}

fn managed() -> ManagedRule {
    made(json!({
        "ref": "m", "ruleset": "free", "categories": [{ "category": "wordpress", "enabled": false }],
    }))
}

/// Asks for everything of these areas, once.
pub(super) fn tour(client: &Client, zone: &Zone) {
    for id in ["browser_cache_ttl", "development_mode", "nel", "security_header"] {
        let setting: settings::Setting = read(client, &settings::one(&zone.id, id));
        assert_eq!(settings::check(id, &setting.value), Ok(()), "{id}");
    }
    let call = settings::change(&zone.id, "security_level", &json!("under_attack"));
    let setting: settings::Setting = read(client, &call);
    assert_eq!((setting.value, setting.editable), (json!("under_attack"), Some(true)));
    let switches: bots::Switches = read(client, &bots::read(&zone.id));
    let wanted = made(json!({ "fight_mode": true }));
    let switches: bots::Switches = read(client, &bots::change(&zone.id, &switches, &wanted));
    assert_eq!(switches["fight_mode"], json!(true));
    for (phase, rule) in
        [(RATE_LIMIT, limit().body()), (CACHE, cache().body()), (MANAGED, managed().body())]
    {
        assert_eq!(rulesets::read(client, &zone.id, phase).unwrap(), None);
        let call = rulesets::put(&zone.id, phase, None, &rule).unwrap();
        let set: Ruleset = read(client, &call);
        assert_eq!(rulesets::read(client, &zone.id, phase).unwrap().as_ref(), Some(&set));
        assert_eq!(rulesets::put(&zone.id, phase, Some(&set), &rule), None, "{phase}");
        let again: Ruleset =
            read(client, &rulesets::replace(&zone.id, phase, &set.id, &[set.rules[0].kept()]));
        assert_eq!(again.rules[0].id, set.rules[0].id, "it is the same rule");
        assert_ne!(again.version, set.version);
        let call = rulesets::delete_rule(&zone.id, &set.id, &set.rules[0].id);
        assert!(read::<Ruleset>(client, &rulesets::in_phase(call, phase)).rules.is_empty());
    }
}

/// The client knows of every plan what the look-alike refuses, each by its own figures.
#[test]
fn what_the_client_finds_no_fault_with_is_taken() {
    for (plan, level) in [
        (Plan::Free, Level::Free),
        (Plan::Pro, Level::Pro),
        (Plan::Business, Level::Business),
        (Plan::Enterprise, Level::Enterprise),
    ] {
        let simulator = Simulator::start(0, Options { plan, ..quick() }, None).unwrap();
        let client = client(&simulator, "t");
        let zone = zones::find(&client, "example.com").unwrap().unwrap();
        assert_eq!(Level::of(&zone), Some(level));
        let some = Some(level);
        let mut cases: Vec<(&str, Value, bool)> = Vec::new();
        for (period_secs, timeout_secs) in
            [(10, 10), (10, 0), (11, 10), (60, 3_600), (600, 86_400), (65_535, 60)]
        {
            let limit = RateLimit { period_secs, timeout_secs, ..limit() };
            cases.push((RATE_LIMIT, limit.body(), limit.faults(some).is_empty()));
        }
        for by in ["cf.unique_visitor_id", "http.host"] {
            let limit = RateLimit { by: vec![by.to_owned()], ..limit() };
            cases.push((RATE_LIMIT, limit.body(), limit.faults(some).is_empty()));
        }
        for secs in [1, 3_600, 7_200] {
            let cache = CacheRule { edge_ttl: Some(Ttl::of(secs)), ..cache() };
            cases.push((CACHE, cache.body(), cache.faults(some).is_empty()));
        }
        let regex =
            CustomRule { expression: "http.host matches \"^a\"".to_owned(), ..custom("regex") };
        cases.push((CUSTOM, regex.body(), regex.faults(some).is_empty()));
        for (phase, body, right) in cases {
            let present = rulesets::read(&client, &zone.id, phase).unwrap();
            let call = rulesets::put(&zone.id, phase, present.as_ref(), &body);
            let taken = call.is_none_or(|call| client.send(&call).is_ok());
            assert_eq!(taken, right, "{level:?} {body}");
        }
    }
}

#[test]
fn a_phase_holds_as_many_rules_as_the_plan_has() {
    let simulator = Simulator::start(0, quick(), None).unwrap();
    let client = client(&simulator, "t");
    let zone = zones::find(&client, "example.com").unwrap().unwrap();
    let most = Level::Free.limits().custom_rules;
    let rules: Vec<Value> = (0..most).map(|n| custom(&format!("r{n}")).body()).collect();
    let set: Ruleset = read(&client, &rulesets::create(&zone.id, CUSTOM, &rules));
    let call = rulesets::put(&zone.id, CUSTOM, Some(&set), &custom("one-more").body()).unwrap();
    let error = client.send(&call).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotOnThisPlan, "{error}");
}

#[test]
fn a_refusal_names_the_permission_of_its_phase() {
    let mut options = quick();
    options.tokens.push(TokenGrant {
        token: "waf".into(),
        of_account: false,
        permissions: Some(vec!["Zone Read".into(), "Zone WAF Write".into()]),
    });
    let simulator = Simulator::start(0, options, None).unwrap();
    let client = client(&simulator, "waf");
    let zone = zones::find(&client, "example.com").unwrap().unwrap();
    assert_eq!(rulesets::read(&client, &zone.id, RATE_LIMIT).unwrap(), None);
    let needs = |call: &crate::cloudflare::Call| {
        let error = client.send(call).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
        error.permission.unwrap()
    };
    assert_eq!(needs(&rulesets::entry_point(&zone.id, CACHE)), "Cache Settings Read");
    let call = rulesets::put(&zone.id, CACHE, None, &cache().body()).unwrap();
    assert_eq!(needs(&call), "Cache Settings Write");
    assert_eq!(needs(&settings::one(&zone.id, "ssl")), "Zone Settings Read");
    let call = settings::change(&zone.id, "ssl", &json!("full"));
    assert_eq!(needs(&call), "Zone Settings Write");
    assert_eq!(needs(&bots::read(&zone.id)), "Bot Management Read");
}

/// Any other failure must not look as if a phase were empty: who replaces it would remove rules.
#[test]
fn only_a_missing_entry_point_is_an_empty_phase() {
    let simulator = Simulator::start(0, quick(), None).unwrap();
    let client = client(&simulator, "t");
    let error = rulesets::read(&client, &"0".repeat(32), CUSTOM).unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::NotFound, Some(7_003)));
    let zone = zones::find(&client, "example.com").unwrap().unwrap();
    for kind in [FaultKind::Refused, FaultKind::NoResult] {
        simulator.fault(Fault::new(kind, 3).only("GET", "entrypoint"));
        assert!(rulesets::read(&client, &zone.id, CUSTOM).is_err(), "{kind:?}");
        simulator.clear_faults();
    }
}

#[test]
fn a_setting_that_the_plan_keeps_is_told_and_refused() {
    let simulator = Simulator::start(0, quick(), None).unwrap();
    let client = client(&simulator, "t");
    let zone = zones::find(&client, "example.com").unwrap().unwrap();
    let polish: settings::Setting = read(&client, &settings::one(&zone.id, "polish"));
    assert!(!polish.is_editable());
    let call = settings::change(&zone.id, "polish", &json!("lossy"));
    assert_eq!(client.send(&call).unwrap_err().kind, ErrorKind::NotOnThisPlan);
    let call = settings::change(&zone.id, "security_level", &json!("highest"));
    assert_eq!(client.send(&call).unwrap_err().kind, ErrorKind::Refused);
    assert_eq!(simulator.setting("example.com", "security_level"), json!("medium"));
}

/// The areas beside rules and settings, once each. Lockdowns need a paid plan.
pub(super) fn tour_of_others(client: &Client, zone: &Zone) {
    let call = agents::create(&zone.id, agents::Mode::Block, "BadBot/1.0", "a bad one");
    let rule: agents::AgentRule = read(client, &call);
    assert_eq!(agents::all(client, &zone.id).unwrap(), std::slice::from_ref(&rule));
    let call = agents::switch(&zone.id, &rule, true);
    let changed: agents::AgentRule = read(client, &call);
    assert_eq!((changed.mode.as_str(), changed.paused), ("block", true));
    client.send(&agents::delete(&zone.id, &rule.id)).unwrap();
    assert_eq!(agents::all(client, &zone.id).unwrap(), []);
    let account = &zone.account.id;
    let monitor: pools::Monitor = made(json!({ "type": "https", "path": "/health" }));
    let monitor: pools::Monitor = read(client, &pools::create_monitor(account, &monitor));
    assert_eq!(pools::monitors(client, account).unwrap(), std::slice::from_ref(&monitor));
    let origins: Vec<pools::Origin> = made(json!([
        { "name": "a", "address": "192.0.2.1", "weight": 0.5, "port": 8443 },
        { "name": "b", "address": "192.0.2.66" },
    ]));
    let call = pools::create(account, "web", &origins, Some(&monitor.id));
    let pool: pools::Pool = read(client, &call);
    assert_eq!(pools::all(client, account).unwrap(), std::slice::from_ref(&pool));
    let health: Value = read(client, &pools::health(account, &pool.id));
    let ill: Vec<String> = pools::read_health(&health)
        .into_iter()
        .filter(|origin| !origin.healthy)
        .map(|origin| origin.origin)
        .collect();
    assert_eq!(ill, ["192.0.2.66"]);
    let off: pools::Pool = read(client, &pools::enable(account, &pool.id, false));
    assert_eq!((off.enabled, &off.origins), (false, &pool.origins), "the origins stay");
    let call = pools::set_origins(account, &pool.id, &pool.origins[..1]);
    assert_eq!(read::<pools::Pool>(client, &call).origins[0].rest["port"], json!(8443));
    let call = pools::create_balancer(
        &zone.id,
        "www.example.com",
        std::slice::from_ref(&pool.id),
        &pool.id,
    );
    let balancer: pools::Balancer = read(client, &call);
    assert_eq!(pools::balancers(client, &zone.id).unwrap(), std::slice::from_ref(&balancer));
    assert!(client.send(&pools::delete(account, &pool.id)).is_err(), "it is in use");
    client.send(&pools::set_pools(&zone.id, &balancer.id, std::slice::from_ref(&pool.id))).unwrap();
    client.send(&pools::delete_balancer(&zone.id, &balancer.id)).unwrap();
    assert!(client.send(&pools::delete_monitor(account, &monitor.id)).is_err(), "it is in use");
    client.send(&pools::delete(account, &pool.id)).unwrap();
    client.send(&pools::delete_monitor(account, &monitor.id)).unwrap();
    let subscription: billing::Subscription = read(client, &zones::subscription(&zone.id));
    assert_eq!(subscription.state, "Paid");
    let new: Zone = read(client, &zones::create(account, "new.example"));
    assert_eq!((new.status.as_str(), new.name_servers.len()), ("pending", 2));
    assert!(client.send(&zones::create(account, "new.example")).is_err(), "it is there");
    for _ in 0..2 {
        client.send(&zones::check_activation(&new.id)).unwrap();
    }
    assert_eq!(zones::find(client, &new.id).unwrap().unwrap().status, "active");
    assert!(read::<Zone>(client, &zones::pause(&new.id, true)).paused);
    client.send(&zones::delete(&new.id)).unwrap();
    assert_eq!(zones::find(client, "new.example").unwrap(), None);
}

#[test]
fn a_lockdown_needs_a_plan_that_has_it() {
    for (plan, has) in [(Plan::Free, false), (Plan::Pro, true)] {
        let simulator = Simulator::start(0, Options { plan, ..quick() }, None).unwrap();
        let client = client(&simulator, "t");
        let zone = zones::find(&client, "example.com").unwrap().unwrap();
        let allowed = ["192.0.2.1", "192.0.2.0/24"].map(lockdowns::Allowed::of);
        let urls = ["example.com/admin*".to_owned()];
        let made = client.send(&lockdowns::create(&zone.id, &urls, &allowed, "d"));
        assert_eq!(made.is_ok(), has, "{plan:?}");
        let Ok(made) = made else { continue };
        let lockdown: lockdowns::Lockdown = made.read().unwrap();
        assert_eq!(lockdown.configurations[1].target, "ip_range");
        let wanted = lockdowns::Lockdown { paused: true, ..lockdown.clone() };
        let now: lockdowns::Lockdown = read(&client, &lockdowns::change(&zone.id, &wanted));
        assert_eq!(now, wanted);
        client.send(&lockdowns::delete(&zone.id, &now.id)).unwrap();
        assert_eq!(lockdowns::all(&client, &zone.id).unwrap(), []);
    }
}
