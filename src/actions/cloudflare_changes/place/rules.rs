//! Rules of a zone: those that we make and remove again, found by our reference, and those of others
//! that are tightened, of which the whole rule is kept.

use super::{Around, Present, Site, tightened};
use crate::cloudflare::rules::{CacheRule, CustomRule, ManagedRule, RateLimit};
use crate::cloudflare::rulesets::{self, Rule, Ruleset};
use crate::cloudflare::{ApiError, Call, Client};
use crate::decisions::{ChangeKind, ChangePlace};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

/// A reference is cut at this length: Cloudflare's own limit is not known, 64 is within it.
const REFERENCE_CHARS_MAX: usize = 64;

fn phase(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::RateLimit | ChangeKind::Tightened => rulesets::RATE_LIMIT,
        ChangeKind::CacheTtl => rulesets::CACHE,
        ChangeKind::Managed => rulesets::MANAGED,
        _ => rulesets::CUSTOM,
    }
}

/// The reference of what we make under a name: `riposte-MARK-NAME-` and a hash of both, since what is
/// cut or not plain is not told apart in the words. The mark is cut before the name.
fn reference(site: &Site, place: &ChangePlace) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let digest = Sha256::new()
        .chain_update(site.mark.len().to_le_bytes())
        .chain_update(&site.mark)
        .chain_update(&place.name)
        .finalize();
    let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    let hash = format!("{number:08x}");
    let frame = "riposte---".len() + hash.len();
    let name: String =
        place.name.chars().map(plain).take(REFERENCE_CHARS_MAX.saturating_sub(frame)).collect();
    let room = REFERENCE_CHARS_MAX.saturating_sub(frame + name.len());
    let mark: String = site.mark.chars().map(plain).take(room).collect();
    format!("riposte-{mark}-{name}-{hash}")
}

/// The rule of a place.
fn find<'r>(site: &Site, place: &ChangePlace, set: Option<&'r Ruleset>) -> Option<&'r Rule> {
    let rules = &set?.rules;
    match place.kind {
        ChangeKind::Tightened => {
            rules.iter().find(|rule| rule.reference == place.name || rule.id == place.name)
        }
        ChangeKind::Managed => {
            let id = managed_id(&place.name)?;
            let runs = |rule: &&Rule| {
                let parameters = rule.rest.get("action_parameters");
                rule.action == "execute"
                    && parameters.and_then(|fields| fields.get("id")?.as_str()) == Some(id.as_str())
            };
            rules.iter().find(runs)
        }
        _ => {
            let ours = reference(site, place);
            rules.iter().find(|rule| rule.reference == ours)
        }
    }
}

/// The id of a managed ruleset, from its name.
fn managed_id(name: &str) -> Option<String> {
    let rule = json!({ "ref": "x", "ruleset": name });
    let body = serde_json::from_value::<ManagedRule>(rule).ok()?.body();
    body.pointer("/action_parameters/id")?.as_str().map(str::to_owned)
}

/// Whether another name stands for the rule of a place too: an id or a name.
pub(super) fn is_one(place: &ChangePlace, present: &Present, other: &str) -> bool {
    match (place.kind, &present.around) {
        (ChangeKind::Tightened, Around::Phase(Some(set))) => {
            let names = |rule: &Rule, name: &str| rule.reference == name || rule.id == name;
            set.rules.iter().any(|rule| names(rule, &place.name) && names(rule, other))
        }
        (ChangeKind::Managed, _) => {
            managed_id(other).is_some_and(|id| managed_id(&place.name) == Some(id))
        }
        _ => false,
    }
}

pub(super) fn read(client: &Client, site: &Site, place: &ChangePlace) -> Result<Present, ApiError> {
    let set = rulesets::read(client, &site.zone, phase(place.kind))?;
    let value = find(site, place, set.as_ref()).map_or(Json::Null, kept);
    Ok(Present { value, around: Around::Phase(set) })
}

/// A rule as it is written back.
fn kept(rule: &Rule) -> Json {
    let mut value = rule.kept();
    if let Some(fields) = value.as_object_mut() {
        // Ids are the server's: a rule that was removed meanwhile comes back under another.
        fields.remove("id");
    }
    value
}

pub(super) fn target(
    site: &Site,
    place: &ChangePlace,
    before: &Json,
    value: &Json,
) -> Result<Json, String> {
    match place.kind {
        ChangeKind::Tightened => tightened::target(site.level, place, before, value),
        ChangeKind::Managed => managed(site, place, before, value),
        _ => made(site, place, value),
    }
}

/// A rule of ours.
fn made(site: &Site, place: &ChangePlace, value: &Json) -> Result<Json, String> {
    let mut fields = value.clone();
    if let Some(fields) = fields.as_object_mut() {
        // What the guard judged stands in the expression too.
        fields.remove("ip");
        fields.insert("ref".to_owned(), json!(reference(site, place)));
        let words = format!("made by riposte for a while: {}", place.name);
        fields.insert("description".to_owned(), json!(words));
    }
    let wrong = |error: serde_json::Error| error.to_string();
    let (faults, body) = match place.kind {
        ChangeKind::RateLimit => {
            let rule: RateLimit = serde_json::from_value(fields).map_err(wrong)?;
            (rule.faults(site.level), rule.body())
        }
        ChangeKind::CacheTtl => {
            let rule: CacheRule = serde_json::from_value(fields).map_err(wrong)?;
            (rule.faults(site.level), rule.body())
        }
        _ => {
            let rule: CustomRule = serde_json::from_value(fields).map_err(wrong)?;
            (rule.faults(site.level), rule.body())
        }
    };
    if faults.is_empty() { Ok(body) } else { Err(faults.join("; ")) }
}

/// A managed ruleset with some of it overridden: the rule that runs it, or one of ours where none
/// does.
fn managed(site: &Site, place: &ChangePlace, before: &Json, value: &Json) -> Result<Json, String> {
    let mut fields = value.clone();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("ref".to_owned(), json!(reference(site, place)));
        fields.insert("ruleset".to_owned(), json!(place.name));
        fields.insert("description".to_owned(), json!("made by riposte for a while"));
    }
    let rule: ManagedRule = serde_json::from_value(fields).map_err(|error| error.to_string())?;
    let faults = rule.faults(site.level);
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let body = rule.body();
    if before.is_null() {
        return Ok(body);
    }
    let mut changed = before.clone();
    let wanted = body.pointer("/action_parameters/overrides").and_then(Json::as_object);
    let parameters = changed.get_mut("action_parameters").and_then(Json::as_object_mut);
    if let (Some(parameters), Some(wanted)) = (parameters, wanted) {
        let overrides = parameters.entry("overrides").or_insert_with(|| json!({}));
        if let Some(overrides) = overrides.as_object_mut() {
            overrides.extend(wanted.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    Ok(changed)
}

pub(super) fn same(one: &Json, other: &Json) -> bool {
    match (one.is_null(), other.is_null()) {
        (true, true) => true,
        (false, false) => {
            serde_json::from_value::<Rule>(one.clone()).is_ok_and(|rule| rule.does(other))
        }
        _ => false,
    }
}

pub(super) fn call(
    site: &Site,
    place: &ChangePlace,
    present: &Present,
    value: &Json,
) -> Option<Call> {
    let phase = phase(place.kind);
    let set = match &present.around {
        Around::Phase(set) => set.as_ref(),
        _ => None,
    };
    let known = find(site, place, set);
    let call = match (set, known) {
        (Some(set), Some(known)) if value.is_null() => {
            rulesets::delete_rule(&site.zone, &set.id, &known.id)
        }
        (Some(set), Some(known)) => rulesets::change_rule(&site.zone, &set.id, &known.id, value),
        _ if value.is_null() => return None,
        // Before whatever might let the client through.
        (Some(set), None) if place.kind == ChangeKind::WafRule => {
            rulesets::add_rule(&site.zone, &set.id, value)
        }
        (Some(set), None) => rulesets::append_rule(&site.zone, &set.id, value),
        (None, _) => rulesets::create_entry_point(&site.zone, phase, value),
    };
    Some(rulesets::in_phase(call, phase))
}

/// What is there after a write: the reply is the whole ruleset.
pub(super) fn reply(site: &Site, place: &ChangePlace, set: Option<Ruleset>) -> Option<Json> {
    Some(find(site, place, Some(&set?)).map_or(Json::Null, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        Site { zone: "z".to_owned(), account: String::new(), level: None, mark: "web.1".to_owned() }
    }

    fn place(kind: ChangeKind, name: &str) -> ChangePlace {
        ChangePlace { zone: "example.com".to_owned(), kind, name: name.to_owned() }
    }

    #[test]
    fn what_we_make_is_found_by_our_reference_alone() {
        let place = place(ChangeKind::RateLimit, "login");
        let value = json!({
            "expression": "http.request.uri.path eq \"/login\"", "action": "block",
            "requests": 5, "period_secs": 10, "timeout_secs": 10,
        });
        let body = target(&site(), &place, &Json::Null, &value).unwrap();
        assert!(body["ref"].as_str().unwrap().starts_with("riposte-web-1-login-"), "{body}");
        let set: Ruleset = serde_json::from_value(json!({
            "id": "s", "rules": [{ "id": "1", "ref": "login", "action": "block", "expression": "true" }],
        }))
        .unwrap();
        assert_eq!(find(&site(), &place, Some(&set)), None, "theirs is not ours");
        let present = Present { value: Json::Null, around: Around::Phase(Some(set)) };
        let call = call(&site(), &place, &present, &body).unwrap();
        assert_eq!(call.path, "/zones/z/rulesets/s/rules");
        assert!(call.body.unwrap().get("position").is_none());
    }

    #[test]
    fn no_two_machines_and_names_share_a_reference() {
        let long = "web-1234567890.a-long-name-of-a-data-centre.example.com";
        let mut references = std::collections::BTreeSet::new();
        for (mark, name) in [
            ("web.1", "login"),
            ("web-1", "login"),
            ("web-1-a", "b"),
            ("web-1", "a-b"),
            (long, "login"),
            (long, "logout"),
            (&format!("{long}2"), "login"),
            (long, &"n".repeat(40)),
        ] {
            let site = Site { mark: mark.to_owned(), ..site() };
            let reference = reference(&site, &place(ChangeKind::WafRule, name));
            assert!(
                reference.len() <= REFERENCE_CHARS_MAX && reference.contains(name),
                "{reference}"
            );
            assert!(references.insert(reference), "{mark} {name}");
        }
    }

    #[test]
    fn a_limit_is_never_loosened() {
        let place = place(ChangeKind::Tightened, "theirs");
        let before = |action: &str, timeout: u32| {
            json!({
                "ref": "theirs", "action": action, "expression": "true", "action_parameters": { "response": {} },
                "ratelimit": {
                    "characteristics": ["cf.colo.id", "ip.src"], "period": 60,
                    "requests_per_period": 100, "mitigation_timeout": timeout,
                },
            })
        };
        let block = before("block", 600);
        for looser in [
            json!({ "requests": 101 }),
            json!({ "period_secs": 10 }),
            json!({ "timeout_secs": 60 }),
            json!({ "requests": 3, "action": "log" }),
            json!({ "action": "managed_challenge" }),
            json!({ "requests": 0 }),
            json!({ "requests": 3, "period_secs": 11 }),
        ] {
            assert!(target(&site(), &place, &block, &looser).is_err(), "{looser}");
        }
        let stricter = json!({ "requests": 10, "period_secs": 10, "timeout_secs": 3_600 });
        assert!(target(&site(), &place, &block, &stricter).is_ok());
        let value = json!({ "action": "managed_challenge" });
        let challenge = target(&site(), &place, &before("log", 600), &value).unwrap();
        assert_eq!(challenge["ratelimit"]["mitigation_timeout"], 0);
        assert_eq!(challenge.get("action_parameters"), None);
        let error =
            target(&site(), &place, &before("challenge", 0), &json!({ "timeout_secs": 60 }));
        assert!(error.unwrap_err().contains("a challenge has no `timeout_secs`"));
    }

    #[test]
    fn a_tightened_limit_keeps_all_else_of_the_rule() {
        let place = place(ChangeKind::Tightened, "theirs");
        let before = json!({
            "ref": "theirs", "action": "managed_challenge", "expression": "true", "enabled": true,
            "description": "", "something_new": 1,
            "ratelimit": { "characteristics": ["cf.colo.id", "ip.src"], "period": 60, "requests_per_period": 100 },
        });
        let stricter = target(&site(), &place, &before, &json!({ "requests": 10 })).unwrap();
        assert_eq!(stricter["ratelimit"]["requests_per_period"], 10);
        assert_eq!(stricter["something_new"], 1);
        assert!(!same(&before, &stricter) && same(&before, &before.clone()));
        let error = target(&site(), &place, &Json::Null, &json!({ "requests": 10 })).unwrap_err();
        assert!(error.contains("no rate limit `theirs`"), "{error}");
    }

    #[test]
    fn one_thing_under_two_names_is_known() {
        let id = managed_id("cloudflare").unwrap();
        let none = Present::unknown();
        assert!(is_one(&place(ChangeKind::Managed, "cloudflare"), &none, &id));
        assert!(!is_one(&place(ChangeKind::Managed, "owasp"), &none, &id));
        let set: Ruleset = serde_json::from_value(json!({ "id": "s", "rules": [
            { "id": "1", "ref": "theirs", "action": "block", "expression": "true" },
            { "id": "2", "ref": "other", "action": "block", "expression": "true" },
        ] }))
        .unwrap();
        let present = Present { value: Json::Null, around: Around::Phase(Some(set)) };
        assert!(is_one(&place(ChangeKind::Tightened, "theirs"), &present, "1"));
        assert!(!is_one(&place(ChangeKind::Tightened, "theirs"), &present, "2"));
    }

    #[test]
    fn a_managed_ruleset_is_found_by_what_it_runs() {
        let place = place(ChangeKind::Managed, "cloudflare");
        let set: Ruleset = serde_json::from_value(json!({ "id": "s", "rules": [{
            "id": "1", "ref": "x", "action": "execute", "expression": "true",
            "action_parameters": { "id": managed_id("cloudflare").unwrap(), "overrides": { "enabled": true } },
        }] }))
        .unwrap();
        let rule = find(&site(), &place, Some(&set)).map(kept).unwrap();
        let wanted = target(&site(), &place, &rule, &json!({ "action": "block" })).unwrap();
        assert_eq!(
            wanted["action_parameters"]["overrides"],
            json!({ "enabled": true, "action": "block" })
        );
        assert_eq!(wanted["ref"], "x", "it stays theirs");
    }
}
