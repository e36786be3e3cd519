//! Pools of load balancers and the origins in them: whether one is used, and an origin's share.
//!
//! Origins are written all together, those that aren't named are removed: they go back as they were
//! read, but for the one that changes.

use super::{Around, Present, Site};
use crate::cloudflare::pools::{self, Origin, Pool};
use crate::cloudflare::{ApiError, Area, Call, Client, ErrorKind, Priority};
use crate::decisions::ChangePlace;
use serde_json::{Value as Json, json};

/// The pool of a place, and the origin in it where that is meant.
fn names(place: &ChangePlace) -> (&str, Option<&str>) {
    match place.name.split_once('/') {
        Some((pool, origin)) => (pool, Some(origin)),
        None => (&place.name, None),
    }
}

/// By its name alone: under two names it would have two rows of the ledger, and each would take the
/// other's doing for a person's.
fn is_meant(origin: &Origin, name: &str) -> bool {
    origin.name == name
}

fn value_of(place: &ChangePlace, pool: &Pool) -> Option<Json> {
    match names(place).1 {
        None => Some(json!({ "enabled": pool.enabled })),
        Some(name) => {
            let origin = pool.origins.iter().find(|origin| is_meant(origin, name))?;
            Some(json!({ "enabled": origin.enabled, "weight": origin.weight }))
        }
    }
}

pub(super) fn read(client: &Client, site: &Site, place: &ChangePlace) -> Result<Present, ApiError> {
    let (name, _) = names(place);
    let pools = pools::all(client, &site.account)?;
    let found = pools.into_iter().find(|pool| pool.name == name);
    let missing = || {
        let words = format!("there is no {place}: `riposte cf pools` lists them");
        ApiError::of(Area::Pools, ErrorKind::Refused, words)
    };
    let pool = found.ok_or_else(missing)?;
    let value = value_of(place, &pool).ok_or_else(missing)?;
    Ok(Present { value, around: Around::Pool(pool) })
}

/// What was there before, with what the claim says.
pub(super) fn target(place: &ChangePlace, before: &Json, value: &Json) -> Result<Json, String> {
    let Some(mut fields) = before.as_object().cloned() else {
        return Err(format!("there is no {place}"));
    };
    for (name, value) in value.as_object().into_iter().flatten() {
        if !fields.contains_key(name) {
            return Err(format!("`{name}` is an origin's, not a pool's: name one with `origin`"));
        }
        // Shares are compared as they are read.
        let value = if name == "weight" { json!(value.as_f64()) } else { value.clone() };
        fields.insert(name.clone(), value);
    }
    Ok(Json::Object(fields))
}

pub(super) fn call(
    site: &Site,
    place: &ChangePlace,
    present: &Present,
    value: &Json,
) -> Option<Call> {
    let enabled = value.get("enabled").and_then(Json::as_bool)?;
    let Around::Pool(pool) = &present.around else {
        // Of a place that nobody has looked at, for a dry run.
        return Some(pools::enable(&site.account, names(place).0, enabled));
    };
    let call = match names(place).1 {
        None => pools::enable(&site.account, &pool.id, enabled),
        Some(name) => {
            let mut origins = pool.origins.clone();
            if let Some(origin) = origins.iter_mut().find(|origin| is_meant(origin, name)) {
                origin.enabled = enabled;
                origin.weight = value.get("weight").and_then(Json::as_f64).unwrap_or(origin.weight);
            }
            pools::set_origins(&site.account, &pool.id, &origins)
        }
    };
    Some(call.priority(Priority::Urgent))
}

pub(super) fn reply(place: &ChangePlace, pool: Option<Pool>) -> Option<Json> {
    value_of(place, &pool?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::ChangeKind;

    fn place(name: &str) -> ChangePlace {
        let (zone, name) = ("example.com".to_owned(), name.to_owned());
        ChangePlace { zone, kind: ChangeKind::Pool, name }
    }

    #[test]
    fn other_origins_go_back_as_they_were() {
        let pool: Pool = serde_json::from_value(json!({
            "id": "p1", "name": "web", "origins": [
                { "name": "a", "address": "192.0.2.1", "enabled": true, "weight": 1, "port": 8443 },
                { "name": "b", "address": "192.0.2.2", "enabled": true, "weight": 0.5 },
            ],
        }))
        .unwrap();
        let place = place("web/b");
        let before = value_of(&place, &pool).unwrap();
        let target = target(&place, &before, &json!({ "weight": 0 })).unwrap();
        assert_eq!(target, json!({ "enabled": true, "weight": 0.0 }));
        let site =
            Site { zone: "z".into(), account: "acc".into(), level: None, mark: String::new() };
        let present = Present { value: before, around: Around::Pool(pool) };
        let sent = call(&site, &place, &present, &target).unwrap();
        assert_eq!(sent.path, "/accounts/acc/load_balancers/pools/p1");
        let body = sent.body.unwrap();
        assert_eq!(body["origins"][0]["port"], 8443);
        assert_eq!(body["origins"][0]["weight"], 1.0);
        assert_eq!(body["origins"][1]["weight"], 0.0);
    }

    #[test]
    fn a_pool_has_no_share() {
        let before = json!({ "enabled": true });
        assert!(target(&place("web"), &before, &json!({ "weight": 1 })).is_err());
        assert_eq!(
            target(&place("web"), &before, &json!({ "enabled": false })).unwrap(),
            json!({ "enabled": false })
        );
    }
}
