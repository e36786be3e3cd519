//! The areas of an account, asked by our own client.

use super::{client, quick, read};
use crate::cloudflare::access_rules::Scope;
use crate::cloudflare::analytics::{self, Counted, Filter, Span};
use crate::cloudflare::audit::{self, Query};
use crate::cloudflare::billing::{self, Subscription};
use crate::cloudflare::kv::{self, Bulk, Namespace, Pair};
use crate::cloudflare::logpush::{self, Job, NewJob};
use crate::cloudflare::members;
use crate::cloudflare::tokens::{self, Holder, NewToken, PermissionGroup, Policy};
use crate::cloudflare::workers::{self, Binding, Module, Route, Schedules, Script, SecretName};
use crate::cloudflare::zones::Zone;
use crate::cloudflare::{Area, Client, ErrorKind, alerts};
use crate::limits::{CLOUDFLARE_KV_BYTES_PER_CALL, CLOUDFLARE_KV_VALUE_BYTES_MAX};
use crate::secret::Secret;
use crate::simulator::{Fault, FaultKind, Options, Plan, Simulator};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Asks for everything of an account, once; on Enterprise, where all of it is.
pub(super) fn tour(client: &Client, base: &str, zone: &Zone) {
    let account = zone.account.id.as_str();
    of_tokens(client, base, account);
    of_members(client, account);
    of_kv_and_workers(client, account, &zone.id);
    let subscriptions: Vec<Subscription> = read(client, &billing::subscriptions(account));
    assert_eq!(subscriptions[0].state, "Paid");
    let usage: Vec<billing::Usage> =
        read(client, &billing::usage(account, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"));
    assert_eq!(usage.len(), 7);
}

/// What only Enterprise, or no plan but Free, has.
pub(super) fn paid(transcript: Option<&Path>) {
    let options = Options { plan: Plan::Enterprise, ..quick() };
    let simulator = Simulator::start(0, options, transcript).unwrap();
    let client = &client(&simulator, "t");
    let zone = &crate::cloudflare::zones::all(client).unwrap().remove(0);
    let account = zone.account.id.as_str();
    let secret = Secret::new("hush".to_owned());
    let call = alerts::create_webhook(account, "ours", "https://example.com/h", Some(&secret));
    assert!(!call.to_string().contains("hush"), "{call}");
    client.send(&call).unwrap();
    let hooks: Vec<alerts::Webhook> = read(client, &alerts::webhooks(account));
    let call = alerts::create_policy(account, "p", "http_alert_origin_error", &[&hooks[0].id]);
    client.send(&call).unwrap();
    let policies: Vec<alerts::Policy> = read(client, &alerts::policies(account));
    client.send(&alerts::delete_policy(account, &policies[0].id)).unwrap();
    client.send(&alerts::delete_webhook(account, &hooks[0].id)).unwrap();
    let scope = Scope::Zone(zone.id.clone());
    let destination = logpush::to_intake("https://example.com/intake/cf", &secret);
    assert!(destination.ends_with("?header_Authorization=Bearer%20hush"), "{destination}");
    let new = NewJob {
        name: "to riposte".to_owned(),
        dataset: "http_requests".to_owned(),
        destination,
        fields: vec!["ClientIP".to_owned()],
        interval_secs: 30,
    };
    let job: Job = read(client, &logpush::create(&scope, &new));
    let job: Job = read(client, &logpush::enable(&scope, job.id, false));
    assert!(!job.enabled);
    let jobs: Vec<Job> = read(client, &logpush::all(&scope));
    assert_eq!(jobs, std::slice::from_ref(&job));
    assert_eq!(job.destination.as_deref(), Some("https://example.com/…"));
    client.send(&logpush::delete(&scope, job.id)).unwrap();
}

fn of_tokens(client: &Client, base: &str, account: &str) {
    for holder in [Holder::User, Holder::Account(account.to_owned())] {
        let groups: Vec<PermissionGroup> = read(client, &tokens::permission_groups(&holder));
        let group = groups.into_iter().find(|group| group.name == "Zone Read").unwrap();
        let resource = format!("com.cloudflare.api.account.{account}");
        let policy = Policy {
            effect: "allow".to_owned(),
            permission_groups: vec![group],
            resources: [(resource, json!("*"))].into_iter().collect(),
        };
        let new = NewToken {
            name: "second".to_owned(),
            policies: vec![policy],
            expires_on: Some("2030-01-01T00:00:00Z".to_owned()),
            condition: Some(json!({ "request_ip": { "in": ["127.0.0.1/32"] } })),
        };
        let answer = client.send(&tokens::create(&holder, &new)).unwrap();
        let value = tokens::value(&answer).unwrap();
        let id = answer.result["id"].as_str().unwrap().to_owned();
        let second = Client::new(base, value, Duration::from_secs(30));
        let (kind, status) = tokens::verify(&second, Some(account)).unwrap();
        assert_eq!(
            (kind == tokens::TokenKind::User, status.id),
            (holder == Holder::User, id.clone())
        );
        let all = tokens::all(client, &holder).unwrap();
        let listed = all.iter().find(|token| token.id == id).unwrap();
        assert!(listed.is_bound_to_addresses() && listed.last_used_on.is_some());
        assert_eq!(listed.permissions().collect::<Vec<_>>(), ["Zone Read"]);
        // The old value ends at once.
        let rolled = client.send(&tokens::roll(&holder, &id)).unwrap();
        assert!(tokens::verify(&second, Some(account)).is_err());
        second.set_token(tokens::value(&rolled).unwrap());
        assert!(tokens::verify(&second, Some(account)).is_ok());
        client.send(&tokens::delete(&holder, &id)).unwrap();
        assert!(!tokens::all(client, &holder).unwrap().iter().any(|token| token.id == id));
        let gone = client.send(&tokens::delete(&holder, &id)).unwrap_err();
        assert_eq!(gone.kind, ErrorKind::NotFound);
    }
}

fn of_members(client: &Client, account: &str) {
    let roles = members::roles(client, account).unwrap();
    client.send(&members::invite(account, "new@example.com", &[&roles[2]])).unwrap();
    let all = members::all(client, account).unwrap();
    assert_eq!((all[1].status.as_str(), all[1].roles[0].name.as_str()), ("pending", "DNS"));
    client.send(&members::change(account, &all[1].id, &[&roles[3]])).unwrap();
    assert_eq!(members::all(client, account).unwrap()[1].roles[0].name, "Analytics");
    client.send(&members::remove(account, &all[1].id)).unwrap();
    let last = client.send(&members::remove(account, &all[0].id)).unwrap_err();
    assert_eq!(last.kind, ErrorKind::Refused, "the last owner stays");
}

fn pair(key: &str, value: &str) -> Pair {
    Pair {
        key: key.to_owned(),
        value: value.to_owned(),
        expiration_ttl: Some(600),
        metadata: Some(json!({ "by": "riposte" })),
        base64: None,
    }
}

fn of_kv_and_workers(client: &Client, account: &str, zone: &str) {
    let space: Namespace = read(client, &kv::create(account, "ours"));
    client.send(&kv::put(account, &space.id, "a/b c", vec![0, 255, 7], Some(60))).unwrap();
    let value = client.send(&kv::get(account, &space.id, "a/b c")).unwrap();
    assert_eq!(value.raw, [0, 255, 7], "a value is given as it is");
    let missing = client.send(&kv::get(account, &space.id, "no")).unwrap_err();
    assert_eq!((missing.kind, missing.code), (ErrorKind::NotFound, Some(10_009)));
    let short = client.send(&kv::put(account, &space.id, "k", vec![], Some(59))).unwrap_err();
    assert_eq!(short.kind, ErrorKind::Refused);
    let pairs: Vec<Pair> = (0..1_500).map(|n| pair(&format!("k{n:04}"), "v")).collect();
    let done: Bulk = read(client, &kv::put_many(account, &space.id, &pairs));
    assert!((done.successful_key_count - 1_500.0).abs() < 0.5 && done.unsuccessful_keys.is_empty());
    let keys = kv::keys(client, account, &space.id, Some("k")).unwrap();
    assert_eq!(keys.len(), 1_500, "over two pages");
    assert_eq!(keys[0].metadata, Some(json!({ "by": "riposte" })));
    let names: Vec<String> = keys.into_iter().map(|key| key.name).collect();
    client.send(&kv::delete_many(account, &space.id, &names)).unwrap();
    client.send(&kv::delete(account, &space.id, "a/b c")).unwrap();
    assert!(kv::keys(client, account, &space.id, None).unwrap().is_empty());
    let module = Module {
        file: "worker.mjs".to_owned(),
        text: b"export default { async fetch(request, env) { return new Response('x'); } };"
            .to_vec(),
        compatibility_date: "2026-04-01".to_owned(),
        bindings: vec![
            Binding::Namespace { name: "KV".to_owned(), id: space.id.clone() },
            Binding::Text { name: "MODE".to_owned(), text: "strict".to_owned() },
            Binding::Secret { name: "KEY".to_owned(), value: Secret::new("hush".to_owned()) },
        ],
    };
    client.send(&workers::upload(account, "w", &module)).unwrap();
    let scripts: Vec<Script> = read(client, &workers::all(account));
    assert_eq!(scripts[0].handlers.as_deref(), Some(&["fetch".to_owned()][..]));
    client.send(&workers::put_secret(account, "w", "OTHER", &Secret::new("x".to_owned()))).unwrap();
    // Secrets outlive an upload that doesn't name them.
    let again = Module { bindings: vec![module.bindings[0].clone()], ..module };
    client.send(&workers::upload(account, "w", &again)).unwrap();
    let secrets: Vec<SecretName> = read(client, &workers::secrets(account, "w"));
    assert_eq!(secrets.len(), 2);
    client.send(&workers::delete_secret(account, "w", "OTHER")).unwrap();
    client.send(&workers::set_schedules(account, "w", &["*/5 * * * *".to_owned()])).unwrap();
    let present: Schedules = read(client, &workers::schedules(account, "w"));
    assert_eq!(present.schedules[0].cron, "*/5 * * * *");
    let wrong = client.send(&workers::set_schedules(account, "w", &["often".to_owned()]));
    assert_eq!(wrong.unwrap_err().kind, ErrorKind::Refused, "other calls go on");
    let route: Route = read(client, &workers::create_route(zone, "example.com/w/*", "w"));
    let routes: Vec<Route> = read(client, &workers::routes(zone));
    assert_eq!(routes, std::slice::from_ref(&route));
    let bound = client.send(&kv::delete_namespace(account, &space.id)).unwrap_err();
    assert_eq!((bound.kind, bound.code), (ErrorKind::Refused, Some(10_052)));
    client.send(&workers::delete_route(zone, &route.id)).unwrap();
    client.send(&workers::delete(account, "w")).unwrap();
    client.send(&kv::delete_namespace(account, &space.id)).unwrap();
}

fn started(plan: Plan) -> (Simulator, Client, Zone) {
    let simulator = Simulator::start(0, Options { plan, ..quick() }, None).unwrap();
    let client = client(&simulator, "t");
    let zone = crate::cloudflare::zones::all(&client).unwrap().remove(0);
    (simulator, client, zone)
}

#[test]
fn what_only_some_plans_have_is_refused_on_others() {
    let (_simulator, client, zone) = started(Plan::Free);
    let scope = Scope::Zone(zone.id.clone());
    assert_eq!(client.send(&logpush::all(&scope)).unwrap_err().kind, ErrorKind::NotOnThisPlan);
    let hook = alerts::create_webhook(&zone.account.id, "n", "https://example.com", None);
    assert_eq!(client.send(&hook).unwrap_err().kind, ErrorKind::NotOnThisPlan);
    paid(None);
}

#[test]
fn the_largest_value_goes_both_ways() {
    let (_simulator, client, zone) = started(Plan::Free);
    let account = zone.account.id.as_str();
    let space: Namespace = read(&client, &kv::create(account, "ours"));
    let large = vec![7; CLOUDFLARE_KV_VALUE_BYTES_MAX];
    client.send(&kv::put(account, &space.id, "large", large.clone(), None)).unwrap();
    let back = client.send(&kv::get(account, &space.id, "large")).unwrap().raw;
    assert!(back == large, "{} bytes", back.len());
    let larger = vec![7; CLOUDFLARE_KV_VALUE_BYTES_MAX + 1];
    let refused = client.send(&kv::put(account, &space.id, "larger", larger, None)).unwrap_err();
    assert_eq!((refused.kind, refused.status), (ErrorKind::Refused, Some(413)));
    // In one call with others too, where it is written with escapes.
    let large = "\u{1}".repeat(2 * CLOUDFLARE_KV_BYTES_PER_CALL / 6);
    let pairs = [pair("a", &large), Pair { base64: Some(true), ..pair("b", "AP8H") }];
    for part in kv::batches(&pairs) {
        read::<Bulk>(&client, &kv::put_many(account, &space.id, part));
    }
    let value = |key| client.send(&kv::get(account, &space.id, key)).unwrap().raw;
    assert!(value("a") == large.as_bytes());
    assert_eq!(value("b"), [0, 255, 7]);
    let odd = Pair { base64: Some(true), ..pair("c", "no!") };
    assert!(client.send(&kv::put_many(account, &space.id, &[odd])).is_err());
}

#[test]
fn a_token_can_have_every_permission_that_a_call_needs() {
    let (_simulator, client, _) = started(Plan::Free);
    let groups: Vec<PermissionGroup> = read(&client, &tokens::permission_groups(&Holder::User));
    for area in Area::ALL {
        for (writes, of_account) in [(false, false), (false, true), (true, false), (true, true)] {
            let Some(name) = area.permission(writes, of_account) else { continue };
            assert!(groups.iter().any(|group| group.name == name), "{name}");
        }
    }
}

#[test]
fn keys_that_were_not_written_are_told_though_the_reply_is_well() {
    let (simulator, client, zone) = started(Plan::Free);
    let account = zone.account.id;
    let space: Namespace = read(&client, &kv::create(&account, "ours"));
    simulator.fault(Fault::new(FaultKind::Partial, 1).only("PUT", "/bulk"));
    let pairs = [pair("a", "1"), pair("b", "2"), pair("c", "3")];
    let done: Bulk = read(&client, &kv::put_many(&account, &space.id, &pairs));
    assert_eq!(done.unsuccessful_keys, ["b"]);
    let keys = kv::keys(&client, &account, &space.id, None).unwrap();
    assert_eq!(keys.len(), 2);
}

#[test]
fn the_audit_log_is_read_in_its_second_version_and_else_in_its_first() {
    let (simulator, client, zone) = started(Plan::Free);
    let account = zone.account.id.as_str();
    let purge =
        crate::cloudflare::purge::purge(&zone.id, &crate::cloudflare::purge::What::Everything);
    client.send(&purge).unwrap();
    client.send(&members::invite(account, "nobody", &[])).unwrap_err();
    let query = Query {
        since: "2020-01-01T00:00:00Z".to_owned(),
        before: "2100-01-01T00:00:00Z".to_owned(),
        ..Query::default()
    };
    let (entries, old) = audit::entries(&client, account, &query).unwrap();
    assert!(!old);
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].zone, "example.com");
    assert_eq!((entries[0].succeeded, entries[1].succeeded), (Some(false), Some(true)));
    let of_zone = Query { zone: Some("example.com".to_owned()), ..query.clone() };
    assert_eq!(audit::entries(&client, account, &of_zone).unwrap().0.len(), 1);
    let endless = Query { before: String::new(), ..query.clone() };
    let refused = client.send(&audit::second(account, &endless)).unwrap_err();
    assert_eq!((refused.kind, refused.code), (ErrorKind::Refused, Some(1_001)));
    simulator.fault(Fault::new(FaultKind::Refused, 1).only("GET", "/logs/audit"));
    let (again, old) = audit::entries(&client, account, &query).unwrap();
    assert!(old);
    let ids = |entries: &[audit::Entry]| entries.iter().map(|e| e.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&entries));
}

#[test]
fn traffic_is_counted_and_events_are_found() {
    let (_simulator, client, zone) = started(Plan::Free);
    let now = crate::clock::now();
    let span =
        Span { since: now.minus(Duration::from_hours(23)).to_string(), until: now.to_string() };
    let parts = [("hours", analytics::HOUR, None), ("top", "clientIP", Some(3))];
    let call = analytics::groups(&zone.id, Counted::Requests, &span, &parts);
    let data = client.send(&call).unwrap().result;
    let hours = analytics::rows(&data, "hours", analytics::HOUR);
    assert!((22..=24).contains(&hours.len()), "{}", hours.len());
    assert!(hours.is_sorted_by(|a, b| a.value < b.value));
    let top = analytics::rows(&data, "top", "clientIP");
    assert!(top.len() == 3 && top[0].count >= top[1].count && top[0].bytes > 0);
    let call = analytics::groups(&zone.id, Counted::Events, &span, &[("all", "action", Some(50))]);
    let data = client.send(&call).unwrap().result;
    let counted: u64 = analytics::rows(&data, "all", "action").iter().map(|row| row.count).sum();
    let asked = |filter: &Filter, most: usize| {
        let call = analytics::latest(&zone.id, &span, filter, most);
        analytics::read_events(&client.send(&call).unwrap()).unwrap()
    };
    let events = asked(&Filter::default(), 10_000);
    assert_eq!(events.len() as u64, counted);
    assert!(events.is_sorted_by(|a, b| a.datetime >= b.datetime));
    assert_eq!(asked(&Filter::default(), 7), events[..7]);
    let filter = Filter {
        ip: Some(events[0].client_ip.clone()),
        rule: Some(events[0].rule_id.clone()),
        action: Some(events[0].action.clone()),
    };
    let found = asked(&filter, 100);
    assert!(!found.is_empty() && found.len() < events.len());
    assert!(found.iter().all(|event| (&event.client_ip, &event.rule_id, &event.action)
        == (&events[0].client_ip, &events[0].rule_id, &events[0].action)));
    // A day is what Free has; the refusal comes with HTTP 200.
    let wide = Span { since: now.minus(Duration::from_hours(72)).to_string(), ..span };
    let call = analytics::latest(&zone.id, &wide, &Filter::default(), 50);
    let error = client.send(&call).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotOnThisPlan, "{error}");
}
