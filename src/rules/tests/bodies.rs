//! Bodies and timers: what they reach, what they ask for, how an error ends them.

use super::*;
use crate::decisions::{Ask, Effect};
use crate::limits;

#[test]
fn bodies_reach_the_host_and_only_ask() {
    let event = http("2001:db8:1:2:3::4", "GET", "/", 200);
    let run = body(
        r#"
        let seen = state::add(hit.ip, 1, "1h");
        seen = state::add(hit.ip, 1, "1h");
        state::set("flag", true, "1h");
        log(`${seen} ${state::get("flag")} ${state::get("none")} ${past_hits(hit.ip, "1d")} ${in_feed(hit.ip, "bad")} ${geo(hit.ip).country}`);
        block("2001:db8:9::1", "1h", #{ reason: "because", via: "nftables" });
        block("2001:db8:9::/48", "forever");
        challenge(hit, "10m"); throttle("AS64500", "1m"); captcha("country:nl", "1m"); allow("user:bob", "1m");
        unblock(hit.ip);
        tag(hit.key, "seen"); score(hit.ip, 2); webhook("siem", #{ a: 1, b: [hit.ip] }); exec("x", [hit.ip, 3]);
        let id = emit("my.kind", #{ ip: hit.ip, n: 3, f: 0.5, missing: hit.event.user });
        if id == "" { log("no id") }
        "#,
        &event,
    );
    assert_eq!(run.fault, None);
    insta::assert_debug_snapshot!(run.asks);
}

#[test]
fn an_error_ends_a_body_but_not_what_it_asked_for_before() {
    let event = http("203.0.113.9", "GET", "/", 200);
    let run = body(
        r#"block(hit.ip, "1h"); let x = hit.event.path - 3; block("198.51.100.1", "1h");"#,
        &event,
    );
    assert_eq!(run.asks.len(), 1);
    let fault = run.fault.unwrap();
    assert_eq!((fault.kind, fault.line), (FaultKind::Value, 1));
}

#[test]
fn timers_run_with_a_host() {
    let set =
        set(r#"every("5m", || log("tick")); cron("0 3 * * *", || block("203.0.113.9", "1h"));"#);
    assert_eq!(&*set.timers()[0].name, "a:every 5m:1");
    let run = set.run_timer(1, Timestamp::from_secs(0), &TestHost::shared());
    assert_eq!((run.asks.len(), run.fault), (1, None));
    assert_eq!(set.timers()[1].next_after(Timestamp::EPOCH), Timestamp::from_secs(3 * 3_600));
}

/// Which function a call means is kept from one run of a body to the next: by the types of what it
/// is given, and for this file alone.
#[test]
fn a_body_that_ran_before_means_the_same_functions_by_the_types_of_now() {
    let text = |word: &str| {
        format!(
            r#"fn shown(x) {{ `{word} ${{x}}` }}
               rule("r").on("http").by("ip").then(|hit| {{
                   let port = hit.event.port;
                   log(shown(port)); log(`${{port + port}}`);
                   block(if port == 3 {{ hit.ip }} else {{ "198.51.100.1" }}, "1h");
                   if port == 4 {{ let x = hit.event.path - port; }}
               }});"#
        )
    };
    let sets = [set(&text("one")), set(&text("two"))];
    let run = |set: &RuleSet, port: Value| {
        let mut event = Event::clone(&http("203.0.113.9", "GET", "/", 200));
        event.set(Field::Port, port);
        set.run_body(0, &hit_of(&Arc::new(event)), &TestHost::shared())
    };
    for _ in 0..4 {
        for (set, word) in sets.iter().zip(["one", "two"]) {
            for (port, shown, twice, target) in [
                (Value::Int(3), "3", "6", "203.0.113.9"),
                (Value::text("ab"), "ab", "abab", "198.51.100.1"),
                (Value::Float(0.5), "0.5", "1.0", "198.51.100.1"),
            ] {
                let run = run(set, port);
                assert_eq!(run.fault, None);
                let said = |n: usize| match run.asks.get(n) {
                    Some(Ask::Effect(Effect::Log { message })) => message.clone(),
                    other => panic!("{other:?}"),
                };
                assert_eq!((said(0), said(1)), (format!("{word} {shown}"), twice.to_owned()));
                let Some(Ask::Decide { target: whom, .. }) = run.asks.get(2) else { panic!() };
                assert_eq!(whom.to_string(), target);
            }
            let fault = run(set, Value::Int(4)).fault.unwrap();
            assert_eq!((fault.kind, fault.line), (FaultKind::Value, 6));
        }
    }
}

#[test]
fn functions_of_a_body_call_each_other_as_deep_as_the_limit_says() {
    let run = |levels: usize| {
        let text = format!(
            r#"fn down(n) {{ if n <= 1 {{ 0 }} else {{ down(n - 1) }} }}
               rule("r").on("http").by("ip").then(|hit| down({levels}));"#
        );
        let event = http("203.0.113.9", "GET", "/", 200);
        set(&text).run_body(0, &hit_of(&event), &TestHost::shared()).fault
    };
    assert_eq!(run(limits::SCRIPT_CALL_LEVELS_MAX), None);
    let fault = run(limits::SCRIPT_CALL_LEVELS_MAX + 1).unwrap();
    assert_eq!(fault.kind, FaultKind::Limit);
    assert!(fault.message.contains("deep"), "{fault}");
}

#[test]
fn changes_at_cloudflare_last_as_long_as_they_may() {
    let event = http("203.0.113.9", "GET", "/", 200);
    for call in [
        r#"cf::dns_ttl("www.example.com", 60, lasts)"#,
        r#"cf::security_level("example.com", "high", lasts)"#,
    ] {
        // Written out, `check` may find them; here they come from elsewhere.
        let run = |lasts: &str| body(&format!("let lasts = \"{lasts}\"; {call};"), &event);
        for lasts in ["0s", "8d", "52w"] {
            let fault = run(lasts).fault.unwrap();
            assert!(fault.message.contains("at least `1s` and at most `7d`"), "{call}: {fault}");
        }
        assert_eq!(run("7d").fault, None, "{call}");
    }
    for (map, words) in [("#{ vai: 1 }", "no option `vai`: there are `via`"), ("#{}", "")] {
        let script = format!(r#"cf::bot_fight_mode("example.com", "1h", {map});"#);
        let fault = body(&script, &event).fault.map(|fault| fault.message).unwrap_or_default();
        assert!(fault.contains(words) && fault.is_empty() == words.is_empty(), "{fault}");
    }
}

#[test]
fn what_rules_may_ask_of_cloudflare_is_known_beforehand() {
    let set = set(r#"
        fn away(zone) { cf::under_attack(zone, "1h") }
        rule("r").on("http").by("ip").then(|hit| {
            if hit.count > 3 { cf::purge("example.com", ["https://example.com/"]); }
            away("example.com");
        });
        every("5m", || cf::dns_set("www.example.com", "A", "192.0.2.7"));
        "#);
    let calls: Vec<(String, Option<String>)> =
        set.cloudflare_calls().into_iter().map(|call| (call.function, call.about)).collect();
    let of = |function: &str, about: Option<&str>| (function.to_owned(), about.map(str::to_owned));
    assert_eq!(
        calls,
        [
            of("dns_set", Some("www.example.com")),
            of("purge", Some("example.com")),
            of("under_attack", None),
        ]
    );
}
