//! Whom nothing may be done to: each refusal and its words.

use crate::decisions::testing::{block, entry, secs};
use crate::decisions::{GoodClient, Guard, GuardConfig, Remedy, Target};

fn guard() -> Guard {
    let mut guard = Guard::new(GuardConfig {
        own: vec!["198.51.100.1".to_owned()],
        trusted_proxies: vec!["192.0.2.0/28".to_owned()],
        ..GuardConfig::default()
    });
    guard.set_own(&["2001:db8:1:2::5".parse().unwrap()]);
    guard.admin_login("203.0.113.50".parse().unwrap(), secs(0));
    guard.admin_login("2001:db8:7:7::1".parse().unwrap(), secs(0));
    let bot = "203.0.113.66".parse().unwrap();
    guard.good_client(bot, GoodClient::VerifiedBot, secs(100));
    let office =
        crate::decisions::Entry { comment: "office".to_owned(), ..entry("203.0.113.128/25") };
    guard.edit_allowlist(|list| list.add(office)).unwrap();
    guard
}

#[test]
fn each_refusal_says_why() {
    let guard = guard();
    for (target, wanted) in [
        ("203.0.113.9", None),
        ("2001:db8:1:3::/64", None),
        ("user:bob", None),
        ("203.0.113.200", Some("allowlist entry `203.0.113.128/25` (office)")),
        ("203.0.113.0/24", Some("it holds allowlist entry `203.0.113.128/25` (office)")),
        ("127.0.0.1", Some("a loopback address (127.0.0.0/8)")),
        ("::1", Some("a loopback address (::1/128)")),
        ("::ffff:127.0.0.1", Some("a loopback address (127.0.0.0/8)")),
        ("0.0.0.0", Some("the unspecified address (0.0.0.0/8)")),
        ("255.255.255.255", Some("a multicast, reserved or broadcast address (240.0.0.0/4)")),
        ("169.254.169.254", Some("a link-local address (169.254.0.0/16)")),
        ("10.1.2.3", Some("a private address (10.0.0.0/8)")),
        ("198.51.100.1", Some("this machine's address `198.51.100.1`")),
        ("2001:db8:1:2::/64", Some("this machine's address `2001:db8:1:2::5`")),
        ("203.0.113.50", Some("an administrator logged in from `203.0.113.50`")),
        ("2001:db8:7:7::99", Some("an administrator logged in from `2001:db8:7:7::/64`")),
        ("104.16.3.4", Some("Cloudflare's range `104.16.0.0/13`")),
        ("2a06:98c0:1::/48", Some("Cloudflare's range `2a06:98c0::/29`")),
        ("192.0.2.3", Some("trusted proxy `192.0.2.0/28`")),
        ("203.0.113.66", Some("verified bot `203.0.113.66`")),
        ("198.48.0.0/13", Some("wider than /16")),
        ("0.0.0.0/0", Some("wider than /16")),
        ("::/0", Some("wider than /32")),
        ("AS64500", Some("a whole autonomous system")),
        ("country:NL", Some("a whole country")),
    ] {
        let target = Target::parse(target).unwrap();
        let refusal = guard.facts().refusal(&target, Remedy::Block);
        assert_eq!(refusal.map(|refusal| refusal.to_string()).as_deref(), wanted, "{target}");
    }
}

#[test]
fn the_config_opens_what_may_be_opened() {
    let guard = Guard::new(GuardConfig {
        allow_private: true,
        allow_asn: true,
        allow_country: true,
        widest_v4: 8,
        cloudflare: false,
        ..GuardConfig::default()
    });
    for target in ["10.1.2.3", "AS64500", "country:NL", "198.48.0.0/13", "104.16.3.4"] {
        let target = Target::parse(target).unwrap();
        assert_eq!(guard.facts().refusal(&target, Remedy::Block), None, "{target}");
    }
    for target in ["127.0.0.1", "fe80::1", "224.0.0.1"] {
        let target = Target::parse(target).unwrap();
        assert!(guard.facts().refusal(&target, Remedy::Block).is_some(), "{target}");
    }
}

#[test]
fn letting_through_is_refused_for_width_alone() {
    let guard = guard();
    let refusal = |text: &str| guard.facts().refusal(&Target::parse(text).unwrap(), Remedy::Allow);
    assert_eq!(refusal("127.0.0.1"), None);
    assert_eq!(refusal("203.0.113.200"), None);
    assert!(refusal("0.0.0.0/0").is_some());
}

#[test]
fn executors_see_an_edit_at_once() {
    let mut guard = guard();
    let check = guard.last_check();
    let decision = block("203.0.113.9", 0, Some(60));
    assert_eq!(check.may_send(&decision), Ok(()));
    guard.edit_allowlist(|list| list.add(entry("203.0.113.9"))).unwrap();
    assert_eq!(check.may_send(&decision).unwrap_err(), "refused: allowlist entry `203.0.113.9`");
    let admin = block("198.51.100.77", 0, Some(60));
    guard.admin_login("198.51.100.77".parse().unwrap(), secs(0));
    assert!(check.may_send(&admin).is_err());
    guard.set_config(GuardConfig::default());
    assert!(check.may_send(&admin).is_err(), "facts outlive a new config");
    assert!(check.may_send(&decision).is_err());
    let mut again = Guard::new(GuardConfig::default());
    let other = again.last_check();
    again.load(&guard.save()).unwrap();
    assert!(other.may_send(&decision).is_err());
    assert!(again.load(b"\xff\xff\xff").is_err());
}
