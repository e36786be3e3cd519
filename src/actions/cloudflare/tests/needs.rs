//! Permissions that are needed and those that the token has.

use super::super::verify::{Check, verify};
use super::*;
use crate::decisions::CloudflareCall;
use crate::secret::Secret;

fn asked() -> BTreeSet<CloudflareCall> {
    let call = |function: &str, about: Option<&str>| CloudflareCall {
        function: function.to_owned(),
        about: about.map(str::to_owned),
    };
    BTreeSet::from([
        call("under_attack", Some("example.com")),
        call("dns_set", Some("www.example.com")),
        call("purge", None),
        call("bot_fight_mode", Some("elsewhere.example")),
        call("warm", Some("example.com")),
    ])
}

fn checks(permissions: &[&str], more: &str) -> Vec<Check> {
    let base = ["Zone Read", "Account Filter Lists Edit", "Zone WAF Write"];
    let all = base.iter().chain(permissions).map(|name| (*name).to_owned());
    let mut options = options();
    options.tokens = vec![TokenGrant {
        token: TOKEN.to_owned(),
        of_account: false,
        permissions: Some(all.collect()),
    }];
    let stage = stage(options, &format!("access_rules_max = 0\n{more}"));
    let client = stage.config.client(Secret::new(TOKEN.to_owned()), Duration::from_secs(5));
    let mut checks = verify(&client, &stage.config, &[], &asked());
    checks.retain(|check| check.what.starts_with("permission "));
    checks
}

/// What is found of a permission.
fn of<'c>(checks: &'c [Check], permission: &str) -> Option<&'c Check> {
    checks.iter().find(|check| check.what == format!("permission `{permission}`"))
}

#[test]
fn a_missing_permission_is_told_by_its_name_with_what_needs_it() {
    // Its policies may be read, so the difference between reading and writing is seen.
    let seen = checks(&["API Tokens Read", "DNS Read", "Zone Settings Write"], "");
    let dns = of(&seen, "DNS Write").unwrap();
    assert!(!dns.well && dns.found.contains("rules call `cf::dns_set`"), "{dns:?}");
    assert!(dns.hint.as_ref().unwrap().contains("add `DNS Write`"), "{dns:?}");
    assert!(!of(&seen, "Cache Purge").unwrap().well);
    for had in ["Zone Settings Write", "Account Filter Lists Edit", "Zone WAF Write"] {
        let check = of(&seen, had).unwrap();
        assert!(check.well && check.found.contains("the token has it"), "{check:?}");
    }
    // Neither is a zone of this entry's in it.
    assert!(of(&seen, "Bot Management Write").is_none(), "{seen:?}");
}

#[test]
fn a_token_that_cannot_look_at_itself_is_tried_by_reading() {
    let seen = checks(&["DNS Read"], "");
    let dns = of(&seen, "DNS Write").unwrap();
    assert!(dns.well && dns.found.contains("reading works"), "{dns:?}");
    let settings = of(&seen, "Zone Settings Write").unwrap();
    assert!(!settings.well && settings.found.contains("for `example.com`"), "{settings:?}");
    let purge = of(&seen, "Cache Purge").unwrap();
    assert!(purge.well && purge.found.contains("can't be looked at"), "{purge:?}");
    // What is put back is another machine's.
    let seen = checks(&["DNS Read"], "changes = false");
    assert!(of(&seen, "Zone Settings Write").is_none() && of(&seen, "DNS Write").is_some());
}

#[test]
fn a_global_key_has_everything_and_is_no_token() {
    let mut stage = stage(options(), "access_rules_max = 0\nemail = \"a@example.com\"");
    let key = Secret::new("key".to_owned());
    let client = stage.config.client(key.clone(), Duration::from_secs(5));
    assert!(client.has_global_key() && client.like(key.clone()).has_global_key());
    stage.config.email = None;
    assert!(!stage.config.client(key, Duration::from_secs(5)).has_global_key());
}
