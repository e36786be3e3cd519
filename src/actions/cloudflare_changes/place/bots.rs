//! Switches of bot management. A change names all that are there (see `cloudflare::bots`).

use super::{Around, Present, Site};
use crate::cloudflare::bots::{self, Switches};
use crate::cloudflare::{ApiError, Call, Client, Priority};
use crate::decisions::ChangePlace;
use serde_json::Value as Json;

pub(super) fn read(client: &Client, site: &Site, place: &ChangePlace) -> Result<Present, ApiError> {
    let call = bots::read(&site.zone).priority(Priority::Urgent);
    let switches: Switches = client.send(&call)?.read()?;
    let value = switches.get(&place.name).cloned().unwrap_or_default();
    Ok(Present { value, around: Around::Switches(switches) })
}

pub(super) fn call(site: &Site, place: &ChangePlace, present: &Present, value: &Json) -> Call {
    let none = Switches::new();
    let switches = match &present.around {
        Around::Switches(switches) => switches,
        _ => &none,
    };
    let wanted = Switches::from_iter([(place.name.clone(), value.clone())]);
    bots::change(&site.zone, switches, &wanted)
}

pub(super) fn reply(place: &ChangePlace, switches: Option<Switches>) -> Option<Json> {
    switches?.get(&place.name).cloned()
}
