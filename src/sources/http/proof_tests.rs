//! Who proves what: the vectors that senders document, and what comes close to them.

use super::super::config::HttpConfig;
use super::*;
use hyper::header::{HeaderName, HeaderValue};
use std::collections::BTreeMap;

fn plan(text: &str) -> Plan {
    let config: HttpConfig = toml::from_str(text).unwrap();
    assert_eq!(config.faults(), [""; 0]);
    config.plan(&BTreeMap::new())
}

fn headers(all: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn signed(plan: &Plan, secret: &str, all: &[(&str, &str)], body: &[u8], secs: i64) -> bool {
    let signature = plan.signature.as_ref().unwrap();
    let secret = Secret::new(secret.to_owned());
    let now = Timestamp::from_secs(secs);
    is_signed(plan, signature, &secret, &headers(all), body, now).is_ok()
}

/// GitHub's own test vector ("Validating webhook deliveries").
#[test]
fn githubs_documented_vector_is_proven_and_nothing_near_it() {
    let plan = plan("preset = \"github\"\nsecret = \"env:A\"");
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
    let given = |value: &str| signed(&plan, secret, &[("x-hub-signature-256", value)], body, 0);
    assert!(given(good));
    assert!(given(&good.replace("757107ea", "757107EA")));
    for bad in [
        "",
        "sha256=",
        "sha256=75",
        good.strip_suffix("17").unwrap(),
        good.strip_suffix('7').unwrap(),
        good.strip_prefix("sha256=").unwrap(),
        &good.replace("sha256", "sha1"),
        &good.replace('7', "8"),
        &format!("{good}00"),
    ] {
        assert!(!given(bad), "{bad}");
    }
    assert!(!signed(&plan, secret, &[("x-hub-signature-256", good)], b"Hello, World?", 0));
    assert!(!signed(&plan, "another", &[("x-hub-signature-256", good)], body, 0));
    assert!(!signed(&plan, "", &[("x-hub-signature-256", good)], body, 0));
    let twice = [("x-hub-signature-256", good), ("x-hub-signature-256", "sha256=00")];
    assert!(!signed(&plan, secret, &twice, body, 0));
}

/// The vector of the Standard Webhooks specification (its reference libraries' tests).
#[test]
fn an_id_and_a_time_may_be_signed_too() {
    let plan = plan(
        "secret = \"env:A\"\ndelivery_header = \"webhook-id\"\n[signature]\nheader = \"webhook-signature\"\nprefix = \"v1,\"\nencoding = \"base64\"\nsigned = \"{id}.{time}.{body}\"\ntime_header = \"webhook-timestamp\"",
    );
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let all = |id: &'static str, time: &'static str, signature: &'static str| {
        [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)]
    };
    let good = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let good_one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let body = br#"{"test": 2432232314}"#;
    let (id, time, now) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", 1_614_265_330);
    let given = |all: &[(&str, &str)], now: i64| signed(&plan, secret, all, body, now);
    assert!(given(&all(id, time, good_one), now) && given(&all(id, time, good), now));
    assert!(
        given(&all(id, time, good_one), now + 300) && given(&all(id, time, good_one), now - 300)
    );
    assert!(!given(&all(id, time, good_one), now + 301), "a replay");
    assert!(!given(&all(id, time, good_one), now - 301));
    assert!(!given(&all("msg_other", time, good_one), now));
    assert!(!given(&all(id, "1614265331", good_one), now));
    assert!(!given(&all(id, "soon", good_one), now));
    assert!(!given(&all(id, time, good_one)[1..], now));
    assert_eq!(named(&plan, &headers(&all(id, time, good_one))), Named::Id(id.as_bytes()));
}

#[test]
fn a_secret_in_a_header_is_alone_or_behind_bearer() {
    let plan = plan("secret = \"env:A\"");
    let secret = Secret::new("open sesame\n".to_owned());
    let holds = |all: &[(&str, &str)]| holds_secret(&plan, &secret, &headers(all));
    for good in ["open sesame", "Bearer open sesame", "bearer open sesame"] {
        assert!(holds(&[("authorization", good)]), "{good}");
    }
    for bad in
        ["", "Bearer", "Bearer ", "open sesam", "open sesamee", "Basic open sesame", "bearer"]
    {
        assert!(!holds(&[("authorization", bad)]), "{bad}");
    }
    assert!(!holds(&[]) && !holds(&[("x-authorization", "open sesame")]));
    assert!(!holds(&[("authorization", "open sesame"), ("authorization", "x")]));
}

#[test]
fn a_name_that_nobody_signed_names_nothing() {
    let github = plan("preset = \"github\"\nsecret = \"env:A\"");
    let given = headers(&[("x-github-delivery", "72d3162e")]);
    assert_eq!(named(&github, &given), Named::Body { time: None });
    let plain = plan("secret = \"env:A\"\ndelivery_header = \"x-id\"");
    assert_eq!(named(&plain, &headers(&[("x-id", "7")])), Named::Id(b"7"));
    assert_eq!(named(&plain, &headers(&[("x-id", "")])), Named::Body { time: None });
    let open = plan("delivery_header = \"x-id\"");
    assert_eq!(named(&open, &headers(&[("x-id", "7")])), Named::Body { time: None });
}
