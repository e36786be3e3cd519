//! The machine's own public address, as the outside sees it, for names that follow it.
//!
//! In: providers that say who asks, or an interface. Out: an event `address` for each family and
//! look: `family`, `ok`, `address` and `agreed`, or `reason`. An address counts only when enough
//! providers say the same and none as many say another, and when it is a public one: a name that led
//! to a wrong address would be worse than one that leads to the last.

use super::program::Program;
use super::regular::{Look, Regular};
use crate::clock;
use crate::event::{Brought, FieldKind, Kind, Schema, Value};
use crate::http_client::{HttpClient, Method, Request};
use crate::limits;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// By its name in the config.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
        }
    }

    const fn has(self, address: IpAddr) -> bool {
        matches!((self, address), (Self::V4, IpAddr::V4(_)) | (Self::V6, IpAddr::V6(_)))
    }
}

/// How the machine's public address is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressConfig {
    /// Which families.
    pub families: Vec<Family>,
    /// How often; a tenth more or less at random.
    pub every: Duration,
    /// Addresses that answer with the address of whoever asks.
    pub providers: Vec<String>,
    /// How many providers must say the same.
    pub agree: usize,
    /// An interface whose address is taken instead of asking anybody.
    pub interface: Option<String>,
}

/// How often the address is looked for when the config doesn't say.
pub const EVERY: Duration = Duration::from_mins(5);

/// Providers that are asked when the config names none: for each family three of different hands.
const PROVIDERS: [&str; 6] = [
    "https://api.ipify.org",
    "https://ipv4.icanhazip.com",
    "https://1.1.1.1/cdn-cgi/trace",
    "https://api6.ipify.org",
    "https://ipv6.icanhazip.com",
    "https://[2606:4700:4700::1111]/cdn-cgi/trace",
];

/// The providers that are asked when the config names none.
pub fn providers() -> Vec<String> {
    PROVIDERS.map(str::to_owned).to_vec()
}

/// What is wrong with it, each in words with its hint.
pub fn faults(config: &AddressConfig) -> Vec<String> {
    let mut faults = Vec::new();
    if config.families.is_empty() {
        faults.push("`families` names none\nhint: `[\"v4\"]`, `[\"v6\"]` or both".to_owned());
    }
    if config.every < Duration::from_secs(30) {
        faults.push(
            "`every` is under thirty seconds\nhint: providers shut out who asks too often"
                .to_owned(),
        );
    }
    if config.interface.is_some() {
        return faults;
    }
    if config.agree < 2 || config.agree > config.providers.len() {
        faults.push(format!(
            "`agree` is {}, of {} providers\nhint: at least 2, since one alone may be wrong, and no more than there are",
            config.agree,
            config.providers.len()
        ));
    }
    // Over plain HTTP anybody on the way could say where the name is to lead.
    let safe = |url: &String| url.starts_with("https://") || is_local(url);
    if let Some(url) = config.providers.iter().find(|url| !safe(url)) {
        faults.push(format!(
            "provider `{}` is not asked over HTTPS",
            crate::event::text::escape(url)
        ));
    }
    faults
}

fn is_local(url: &str) -> bool {
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address = authority.and_then(|text| text.parse::<std::net::SocketAddr>().ok());
    address.is_some_and(|address| address.ip().is_loopback())
}

/// The kind of event that looks for the address give.
pub fn schema() -> Schema {
    let mut schema = Schema::default();
    let fields = [
        ("family", FieldKind::Text),
        ("ok", FieldKind::Bool),
        ("address", FieldKind::Address),
        ("agreed", FieldKind::Int),
        ("reason", FieldKind::Text),
    ];
    for (field, holds) in fields {
        // The names are ours, and right.
        schema.declare("address", field, holds).ok();
    }
    schema
}

/// The source's program.
pub fn program(config: &AddressConfig) -> Box<dyn Program> {
    let (config, mut http) = (config.clone(), None);
    let every = config.every;
    let take = move || look(&config, &mut http);
    Box::new(Regular::new(vec![Look { name: "address".to_owned(), every, take: Box::new(take) }]))
}

fn look(config: &AddressConfig, http: &mut Option<HttpClient>) -> Vec<Brought> {
    let said = match &config.interface {
        Some(name) => of_interface(name),
        None => asked(&config.providers, http),
    };
    let needed = if config.interface.is_some() { 1 } else { config.agree };
    config.families.iter().map(|family| event(*family, agreed(&said, *family, needed))).collect()
}

fn event(family: Family, found: Result<(IpAddr, usize), String>) -> Brought {
    let mut fields: Vec<(Arc<str>, Value)> = vec![
        (Arc::from("family"), Value::text(family.name())),
        (Arc::from("ok"), Value::Bool(found.is_ok())),
    ];
    match found {
        Ok((address, agreed)) => {
            fields.push((Arc::from("address"), Value::ip(address)));
            let agreed = i64::try_from(agreed).unwrap_or(i64::MAX);
            fields.push((Arc::from("agreed"), Value::Int(agreed)));
        }
        Err(reason) => fields.push((Arc::from("reason"), Value::text(reason))),
    }
    Brought { kind: Kind::from_name("address"), time: Some(clock::now()), fields }
}

/// The address of a family that enough say, and how many do.
fn agreed(said: &[IpAddr], family: Family, needed: usize) -> Result<(IpAddr, usize), String> {
    let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for address in said.iter().filter(|address| family.has(**address)) {
        *counts.entry(*address).or_default() += 1;
    }
    let most = counts.iter().max_by_key(|(_, count)| **count);
    let Some((address, count)) = most.map(|(address, count)| (*address, *count)) else {
        return Err("nobody said an address".to_owned());
    };
    if counts.iter().any(|(other, others)| *other != address && *others == count) {
        return Err("providers disagree".to_owned());
    }
    if count < needed {
        return Err(format!("only {count} of {needed} said so"));
    }
    if !is_public(address) {
        return Err("not a public address".to_owned());
    }
    Ok((address, count))
}

/// Whether others on the internet can reach an address. The ranges for documentation count as
/// public: examples and tests use them.
pub(crate) const fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        // Global unicast is 2000::/3 (RFC 4291 §2.4), all of it.
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

const fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let protocols = a == 192 && b == 0 && c == 0;
    let measuring = a == 198 && b & 0xfe == 18;
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || shared
        || protocols
        || measuring)
}

const fn is_public_v6(v6: Ipv6Addr) -> bool {
    v6.segments()[0] & 0xe000 == 0x2000
}

/// What an interface has; temporary and private addresses among it.
fn of_interface(name: &str) -> Vec<IpAddr> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let ours = all.into_iter().filter(|interface| interface.name == name);
    ours.map(|interface| interface.ip()).filter(|address| is_public(*address)).collect()
}

/// What the providers say, of those that answered.
fn asked(providers: &[String], http: &mut Option<HttpClient>) -> Vec<IpAddr> {
    if http.is_none() {
        match HttpClient::new() {
            Ok(client) => *http = Some(client),
            Err(error) => {
                tracing::warn!(%error, "providers of the address can't be asked");
                return Vec::new();
            }
        }
    }
    let Some(client) = http else { return Vec::new() };
    let mut said = Vec::new();
    for url in providers {
        let request = Request {
            method: Method::GET,
            url: url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            time_limit: Duration::from_secs(limits::ADDRESS_REPLY_SECS_MAX),
            reply_bytes_max: limits::ADDRESS_REPLY_BYTES_MAX,
        };
        match client.call(&request) {
            Ok(reply) if reply.status == 200 => said.extend(read(&reply.body)),
            Ok(reply) => tracing::debug!(url, status = reply.status, "no address was said"),
            Err(error) => tracing::debug!(url, %error, "no address was said"),
        }
    }
    said
}

/// An address alone, or on a line `ip=…`.
fn read(body: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let line = || text.lines().find_map(|line| line.strip_prefix("ip="));
    let address = text.parse::<IpAddr>().ok().or_else(|| line()?.trim().parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn enough_must_say_the_same_and_none_as_many_another() {
        let two = ["203.0.113.7", "203.0.113.7", "203.0.113.8", "2001:db8::7"];
        assert_eq!(agreed(&all(&two), Family::V4, 2), Ok((all(&two)[0], 2)));
        assert_eq!(agreed(&all(&two), Family::V6, 2), Err("only 1 of 2 said so".to_owned()));
        assert_eq!(agreed(&all(&two), Family::V6, 1), Ok((all(&two)[3], 1)));
        let tie = ["203.0.113.7", "203.0.113.7", "203.0.113.8", "203.0.113.8"];
        assert_eq!(agreed(&all(&tie), Family::V4, 2), Err("providers disagree".to_owned()));
        assert!(agreed(&[], Family::V4, 2).is_err());
    }

    #[test]
    fn private_and_special_addresses_never_count() {
        for text in [
            "10.0.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "fe80::1",
            "fd00::1",
            "::1",
            "ff02::1",
        ] {
            let twice = all(&[text, text]);
            let family = if twice[0].is_ipv4() { Family::V4 } else { Family::V6 };
            assert!(agreed(&twice, family, 2).is_err(), "{text}");
        }
        for text in ["203.0.113.7", "100.128.0.1", "2001:db8::1", "2a00::1"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn replies_are_an_address_or_have_a_line_with_one() {
        assert_eq!(read(b"203.0.113.7\n"), Some(all(&["203.0.113.7"])[0]));
        assert_eq!(read(b"fl=1\nip=2001:db8::7\nts=2\n"), Some(all(&["2001:db8::7"])[0]));
        for body in [&b""[..], b"<html>", b"ip=", b"203.0.113.7 203.0.113.8", b"\xff"] {
            assert_eq!(read(body), None);
        }
    }

    #[test]
    fn one_provider_alone_or_in_the_clear_is_a_fault() {
        let usual = AddressConfig {
            families: vec![Family::V4],
            every: EVERY,
            providers: providers(),
            agree: 2,
            interface: None,
        };
        assert_eq!(faults(&usual), [""; 0]);
        let alone = AddressConfig { agree: 1, ..usual.clone() };
        assert_eq!(faults(&alone).len(), 1);
        let mut clear = usual;
        clear.providers.push("http://provider.example/".to_owned());
        assert_eq!(faults(&clear).len(), 1);
    }
}
