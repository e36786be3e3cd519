//! Bodies and timers: what they reach, what they ask for, how an error ends them.

use super::*;

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
