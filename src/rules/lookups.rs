//! `in_feed` and `geo`: look-ups in memory, the same in predicates and bodies.

use super::book::{Api, Place};
use super::context::Run;
use super::host::Geo;
use super::values::Address;
use crate::event::net;
use rhai::{Dynamic, NativeCallContext};
use std::net::IpAddr;

/// Registers the look-ups.
pub(super) fn register(api: &mut Api<'_>) {
    api.doc(
        Place::Pure,
        "in_feed",
        "in_feed(address, feed)",
        "Whether a feed of the config lists the address, or a prefix around it. Of a feed that was never fetched nobody is listed.",
        r#"in_feed(e.ip, "known-attackers")"#,
    )
    .register_fn("in_feed", |context: NativeCallContext, a: Address, feed: &str| {
        in_feed(&context, a.0, feed)
    })
    .register_fn("in_feed", |context: NativeCallContext, text: &str, feed: &str| {
        net::parse_ip(text.as_bytes()).is_some_and(|address| in_feed(&context, address, feed))
    });
    api.doc(
        Place::Pure,
        "geo",
        "geo(address)",
        "Where an address is: a map with `country`, `asn` and `organisation`, each `()` where it is not known. This version has no such data yet, so nothing is known.",
        r#"geo(e.ip).country == "NL""#,
    )
    .register_fn("geo", |context: NativeCallContext, a: Address| geo(&context, a.0))
    .register_fn("geo", |context: NativeCallContext, text: &str| {
        net::parse_ip(text.as_bytes()).map_or_else(|| geo_map(None), |address| geo(&context, address))
    });
}

fn in_feed(context: &NativeCallContext, address: IpAddr, feed: &str) -> bool {
    Run::of(context).is_some_and(|run| match &run.body {
        Some(body) => body.host.in_feed(address, feed),
        None => run.lookups.in_feed(address, feed),
    })
}

fn geo(context: &NativeCallContext, address: IpAddr) -> Dynamic {
    let place = Run::of(context).and_then(|run| match &run.body {
        Some(body) => body.host.geo(address),
        None => run.lookups.geo(address),
    });
    geo_map(place)
}

fn geo_map(place: Option<Geo>) -> Dynamic {
    let place = place.unwrap_or_default();
    let mut map = rhai::Map::new();
    map.insert("country".into(), place.country.map_or(Dynamic::UNIT, Dynamic::from));
    map.insert("asn".into(), place.asn.map_or(Dynamic::UNIT, |asn| i64::from(asn).into()));
    map.insert("organisation".into(), place.organisation.map_or(Dynamic::UNIT, Dynamic::from));
    map.into()
}
