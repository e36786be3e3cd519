//! `in_feed`, `geo` and `ua`: look-ups in memory, the same in predicates and bodies.

use super::book::{Api, Place};
use super::context::{Run, charge};
use super::values::Address;
use crate::enrich::{Geo, user_agent};
use crate::event::net;
use crate::matching::Const;
use rhai::{Dynamic, EvalAltResult, NativeCallContext};
use std::net::IpAddr;

type Answer<T> = Result<T, Box<EvalAltResult>>;

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
        "Where an address is and whose network it is in, by the databases of `[geo]`: a map with `country`, `continent`, `city`, `asn` and `organisation`, each `()` where it is not known. Of an event's client, `e.country` and `e.asn` say the same and cost less.",
        r#"geo(e.ip).country == "NL""#,
    )
    .register_fn("geo", |context: NativeCallContext, a: Address| geo(&context, a.0))
    .register_fn("geo", |context: NativeCallContext, text: &str| {
        net::parse_ip(text.as_bytes()).map_or_else(|| geo_map(None), |address| geo(&context, address))
    });
}

/// Registers what a user agent says.
pub(super) fn register_agents(api: &mut Api<'_>) {
    api.doc(
        Place::Pure,
        "ua",
        "ua(text)",
        "Which program a user agent names: a map with `family` (`chrome`, `curl`, `googlebot`), `kind` (`browser`, `bot`, `tool`, `library`, `scanner`, `unknown`) and `version`, its first number, or `()`. It is what the client says of itself.",
        r#"ua(e.user_agent).kind == "library""#,
    )
    .register_fn("ua", |context: NativeCallContext, text: &str| -> Answer<Dynamic> {
        charge(&context, 1 + text.len() / 32)?;
        let mut map = rhai::Map::new();
        for part in AgentPart::ALL {
            map.insert(part.name().into(), part.of(text).map_or(Dynamic::UNIT, Dynamic::from));
        }
        if let Some(version) = user_agent::agent(text).version {
            map.insert("version".into(), i64::from(version).into());
        }
        Ok(map.into())
    });
    // Of no text nothing is said.
    api.engine.register_fn("ua", |(): ()| {
        let parts = AgentPart::ALL.iter().map(|part| (part.name().into(), Dynamic::UNIT));
        Dynamic::from_map(parts.collect())
    });
}

/// What `ua` tells of a user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AgentPart {
    Family,
    Kind,
    Version,
}

impl AgentPart {
    const ALL: [Self; 3] = [Self::Family, Self::Kind, Self::Version];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Family => "family",
            Self::Kind => "kind",
            Self::Version => "version",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// As text; none where it is not known.
    pub(super) fn of(self, text: &str) -> Option<String> {
        let agent = user_agent::agent(text);
        match self {
            Self::Family => Some(agent.family.to_owned()),
            Self::Kind => Some(agent.kind.name().to_owned()),
            Self::Version => agent.version.map(|version| version.to_string()),
        }
    }
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
    geo_map(place.as_deref())
}

/// What `geo` tells of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GeoPart {
    Country,
    Continent,
    City,
    Asn,
    Organisation,
}

impl GeoPart {
    const ALL: [Self; 5] =
        [Self::Country, Self::Continent, Self::City, Self::Asn, Self::Organisation];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Continent => "continent",
            Self::City => "city",
            Self::Asn => "asn",
            Self::Organisation => "organisation",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }

    /// Its value; `()` where it is not known.
    pub(super) fn of(self, place: Option<&Geo>) -> Const {
        let text = |text: &Option<String>| match text {
            Some(text) => Const::Text(text.as_str().into()),
            None => Const::Unit,
        };
        let Some(place) = place else { return Const::Unit };
        match self {
            Self::Country => text(&place.country),
            Self::Continent => text(&place.continent),
            Self::City => text(&place.city),
            Self::Asn => place.asn.map_or(Const::Unit, |asn| Const::Int(i64::from(asn))),
            Self::Organisation => text(&place.organisation),
        }
    }
}

fn geo_map(place: Option<&Geo>) -> Dynamic {
    let mut map = rhai::Map::new();
    for part in GeoPart::ALL {
        let value = match part.of(place) {
            Const::Text(text) => Dynamic::from(text.into_string()),
            Const::Int(number) => number.into(),
            _ => Dynamic::UNIT,
        };
        map.insert(part.name().into(), value);
    }
    map.into()
}
