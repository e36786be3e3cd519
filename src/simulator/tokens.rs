//! API tokens: those that the look-alike takes, one that nobody looks after, and what is made.

use super::http::Request;
use super::reply::Reply;
use super::world::{Options, TokenGrant, World, new_id, stamp};
use crate::clock;
use serde_json::{Map, Value, json};

/// A token as it is listed, with its value.
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// Absent for one that is only there to be looked at.
    value: Option<String>,
    of_account: bool,
    shown: Value,
}

/// Permission groups and what they are for: `a` the account, `z` zones, `u` the user.
const GROUPS: [(&str, char); 44] = [
    ("Account Settings Read", 'a'),
    ("Account Settings Write", 'a'),
    ("Account Filter Lists Read", 'a'),
    ("Account Filter Lists Edit", 'a'),
    ("Account Firewall Access Rules Read", 'a'),
    ("Account Firewall Access Rules Write", 'a'),
    ("Account WAF Read", 'a'),
    ("Account WAF Write", 'a'),
    ("Account API Tokens Read", 'a'),
    ("Account API Tokens Write", 'a'),
    ("Billing Read", 'a'),
    ("Billing Write", 'a'),
    ("Load Balancing: Monitors and Pools Read", 'a'),
    ("Load Balancing: Monitors and Pools Write", 'a'),
    ("Notifications Read", 'a'),
    ("Notifications Write", 'a'),
    ("Workers Scripts Read", 'a'),
    ("Workers Scripts Write", 'a'),
    ("Workers KV Storage Read", 'a'),
    ("Workers KV Storage Write", 'a'),
    ("API Tokens Read", 'u'),
    ("API Tokens Write", 'u'),
    ("Zone Read", 'z'),
    ("Zone Write", 'z'),
    ("Zone Settings Read", 'z'),
    ("Zone Settings Write", 'z'),
    ("Zone WAF Read", 'z'),
    ("Zone WAF Write", 'z'),
    ("DNS Read", 'z'),
    ("DNS Write", 'z'),
    ("Firewall Services Read", 'z'),
    ("Firewall Services Write", 'z'),
    ("Cache Purge", 'z'),
    ("Cache Settings Read", 'z'),
    ("Cache Settings Write", 'z'),
    ("Bot Management Read", 'z'),
    ("Bot Management Write", 'z'),
    ("Load Balancers Read", 'z'),
    ("Load Balancers Write", 'z'),
    ("Analytics Read", 'z'),
    ("Logs Read", 'z'),
    ("Logs Write", 'z'),
    ("Workers Routes Read", 'z'),
    ("Workers Routes Write", 'z'),
];

fn group_id(place: usize) -> String {
    format!("{:032x}", 0xc0de_0000_0000_usize + place)
}

fn group(name: &str) -> Value {
    let place = GROUPS.iter().position(|(known, _)| *known == name);
    json!({ "id": place.map_or_else(|| "f".repeat(32), group_id), "name": name })
}

/// The tokens at the start: those of the options, and one that is old and never used.
pub(super) fn first(options: &Options, account: &str) -> Vec<Token> {
    let resource = format!("com.cloudflare.api.account.{account}");
    let shown = |id: String, name: &str, issued: String, groups: Vec<Value>| {
        json!({
            "id": id, "name": name, "status": "active", "issued_on": issued, "modified_on": issued,
            "policies": [{
                "id": new_id(), "effect": "allow", "permission_groups": groups,
                "resources": { resource.as_str(): "*" },
            }],
        })
    };
    let mut tokens: Vec<Token> = options
        .tokens
        .iter()
        .enumerate()
        .map(|(place, grant)| {
            let names: Vec<&str> = match &grant.permissions {
                Some(names) => names.iter().map(String::as_str).collect(),
                None => GROUPS.iter().map(|(name, _)| *name).collect(),
            };
            let groups = names.into_iter().map(group).collect();
            let id = format!("{:032x}", 0x7e57_0000_0000_c0de_usize + place);
            let name =
                if place == 0 { "simulated".to_owned() } else { format!("simulated {place}") };
            let shown = shown(id, &name, stamp(), groups);
            Token { value: Some(grant.token.clone()), of_account: grant.of_account, shown }
        })
        .collect();
    let long_ago = clock::now().minus(std::time::Duration::from_hours(200 * 24)).to_string();
    let groups = ["DNS Write", "Zone Write", "Zone Settings Write"].map(group).to_vec();
    let id = format!("{:032x}", 0x7e57_0000_0000_01d0_usize);
    let shown = shown(id, "old deploy script", long_ago, groups);
    tokens.push(Token { value: None, of_account: false, shown });
    tokens
}

/// `…/tokens/verify`: each kind of token has its own call.
pub(super) fn verify(world: &World, grant: &TokenGrant, as_account: bool) -> Reply {
    if grant.of_account != as_account {
        return Reply::refused(401, 1000, "Invalid API Token");
    }
    let known = world.areas.tokens.iter().find(|token| token.value.as_ref() == Some(&grant.token));
    let field = |name: &str| known.and_then(|token| token.shown.get(name)).cloned();
    let mut result = json!({ "id": field("id"), "status": "active" });
    for name in ["expires_on", "not_before"] {
        if let (Some(value), Some(fields)) = (field(name), result.as_object_mut()) {
            fields.insert(name.to_owned(), value);
        }
    }
    Reply::result(result)
}

/// Notes that a token was used.
pub(super) fn used(world: &mut World, value: &str) {
    let known = world.areas.tokens.iter_mut().find(|token| token.value.as_deref() == Some(value));
    if let Some(fields) = known.and_then(|token| token.shown.as_object_mut()) {
        fields.insert("last_used_on".to_owned(), json!(stamp()));
    }
}

/// `/user/tokens…` and `/accounts/{account}/tokens…`
pub(super) fn answer(
    world: &mut World,
    request: &Request,
    of_account: bool,
    rest: &[&str],
) -> Reply {
    let body: Value = request.json();
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let of_kind = world.areas.tokens.iter().filter(|token| token.of_account == of_account);
            let rows = of_kind.map(|token| token.shown.clone()).collect();
            super::simple::paged(request, rows, 50, 20)
        }
        ("GET", ["permission_groups"]) => groups(of_account),
        ("POST", []) => create(world, &body, of_account),
        (method, [id, tail @ ..]) => {
            let place = world.areas.tokens.iter().position(|token| {
                token.of_account == of_account
                    && token.shown.get("id").and_then(Value::as_str) == Some(id)
            });
            let Some(place) = place else {
                return Reply::refused(404, 1003, "Invalid API Token id");
            };
            match (method, tail) {
                ("PUT", ["value"]) => roll(world, place),
                ("DELETE", []) => {
                    let gone = world.areas.tokens.remove(place);
                    world.options.tokens.retain(|grant| Some(&grant.token) != gone.value.as_ref());
                    Reply::result(json!({ "id": id }))
                }
                ("GET", []) => {
                    let token = world.areas.tokens.get(place);
                    Reply::result(token.map(|token| token.shown.clone()).unwrap_or_default())
                }
                _ => Reply::no_method(),
            }
        }
        _ => Reply::no_route(),
    }
}

fn groups(of_account: bool) -> Reply {
    let scope = |kind: char| match kind {
        'a' => "com.cloudflare.api.account",
        'z' => "com.cloudflare.api.account.zone",
        _ => "com.cloudflare.api.user",
    };
    let rows = GROUPS.iter().enumerate().filter(|(_, (_, kind))| !(of_account && *kind == 'u'));
    let rows = rows.map(|(place, (name, kind))| {
        json!({ "id": group_id(place), "name": name, "scopes": [scope(*kind)] })
    });
    Reply::result(rows.collect())
}

/// A value in the form that Cloudflare's have had since 2026.
fn new_value(of_account: bool) -> String {
    let prefix = if of_account { "cfat_" } else { "cfut_" };
    let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(40).collect();
    format!("{prefix}{random}{:08x}", fastrand::u32(..))
}

fn create(world: &mut World, body: &Value, of_account: bool) -> Reply {
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let policies = body.get("policies").and_then(Value::as_array).cloned().unwrap_or_default();
    if name.is_empty() || policies.is_empty() {
        return Reply::refused_at(
            400,
            1001,
            "a token needs a name and policies",
            Some("/policies"),
        );
    }
    let most = if of_account { 500 } else { 50 };
    let there = world.areas.tokens.iter().filter(|token| token.of_account == of_account).count();
    if there >= most {
        return Reply::refused(400, 1010, "exceeded the maximum number of tokens");
    }
    let mut permissions = Vec::new();
    let mut kept = Vec::new();
    for mut policy in policies {
        let ids = policy.get("permission_groups").and_then(Value::as_array);
        let ids = ids.into_iter().flatten().filter_map(|group| group.get("id")?.as_str());
        let places: Vec<Option<usize>> =
            ids.map(|id| (0..GROUPS.len()).find(|place| group_id(*place) == id)).collect();
        let resources = policy.get("resources").and_then(Value::as_object);
        if places.is_empty() || places.contains(&None) || resources.is_none_or(Map::is_empty) {
            let words = "a policy needs known permission groups, and resources";
            return Reply::refused_at(400, 1001, words, Some("/policies/0/permission_groups"));
        }
        let names = places.iter().flatten().filter_map(|place| GROUPS.get(*place));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        permissions.extend(names.iter().map(|name| (*name).to_owned()));
        if let Some(fields) = policy.as_object_mut() {
            fields.insert("id".to_owned(), json!(new_id()));
            fields.insert("permission_groups".to_owned(), names.into_iter().map(group).collect());
        }
        kept.push(policy);
    }
    let value = new_value(of_account);
    let mut shown = json!({
        "id": new_id(), "name": name, "status": "active", "issued_on": stamp(),
        "modified_on": stamp(), "policies": kept,
    });
    for field in ["expires_on", "not_before", "condition"] {
        if let (Some(value), Some(fields)) = (body.get(field), shown.as_object_mut()) {
            fields.insert(field.to_owned(), value.clone());
        }
    }
    let mut told = shown.clone();
    if let Some(fields) = told.as_object_mut() {
        fields.insert("value".to_owned(), json!(value));
    }
    let grant = TokenGrant { token: value.clone(), of_account, permissions: Some(permissions) };
    world.options.tokens.push(grant);
    world.areas.tokens.push(Token { value: Some(value), of_account, shown });
    Reply::result(told)
}

/// Another value; the old one ends at once.
fn roll(world: &mut World, place: usize) -> Reply {
    let Some(token) = world.areas.tokens.get_mut(place) else {
        return Reply::refused(404, 1003, "Invalid API Token id");
    };
    let value = new_value(token.of_account);
    let old = token.value.replace(value.clone());
    if let Some(fields) = token.shown.as_object_mut() {
        fields.insert("modified_on".to_owned(), json!(stamp()));
    }
    for grant in &mut world.options.tokens {
        if Some(&grant.token) == old.as_ref() {
            grant.token.clone_from(&value);
        }
    }
    Reply::result(json!(value))
}
