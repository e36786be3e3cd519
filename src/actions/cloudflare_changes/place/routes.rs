//! Which Worker answers requests of a pattern. A place is a pattern; its value names the Worker, or
//! none, past all of which requests go. Where no route has the pattern there is nothing.

use super::{Around, Present, Site};
use crate::cloudflare::workers::{self, Route};
use crate::cloudflare::{ApiError, Call, Client, Priority};
use crate::decisions::ChangePlace;
use serde_json::{Value as Json, json};

fn value_of(route: &Route) -> Json {
    json!({ "script": route.script.as_deref().filter(|script| !script.is_empty()) })
}

pub(super) fn read(client: &Client, site: &Site, place: &ChangePlace) -> Result<Present, ApiError> {
    let call = workers::routes(&site.zone).priority(Priority::Urgent);
    let routes: Vec<Route> = client.send(&call)?.read()?;
    let found = routes.into_iter().find(|route| route.pattern == place.name);
    let value = found.as_ref().map_or(Json::Null, value_of);
    Ok(Present { value, around: Around::Route(found) })
}

pub(super) fn call(
    site: &Site,
    place: &ChangePlace,
    present: &Present,
    value: &Json,
) -> Option<Call> {
    let script = value.get("script").and_then(Json::as_str);
    match (&present.around, value.is_null()) {
        (Around::Route(Some(route)), true) => Some(workers::delete_route(&site.zone, &route.id)),
        (Around::Route(Some(route)), false) => {
            Some(workers::change_route(&site.zone, &route.id, &place.name, script))
        }
        (_, true) => None,
        (_, false) => Some(workers::create_route_of(&site.zone, &place.name, script)),
    }
}

/// What is there by the reply: a removal's tells nothing more, and some replies hold the id alone.
pub(super) fn reply(written: &Json, route: Option<&Route>) -> Option<Json> {
    if written.is_null() { Some(Json::Null) } else { route.map(value_of) }
}
