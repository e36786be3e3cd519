//! JSON lines: of any shape by a field map, and those of Caddy and Traefik by maps of our own.
//!
//! In: one JSON object. Out: an event whose fields are what the map names; without a map, keys of
//! common names are understood and every other scalar of the top level is kept under its own name.

use super::assign::{Target, TimeFormat, Times};
use super::json_text::{Scalar, Wanted, unescape, walk};
use super::stamp::Zone;
use super::{Unparsed, scan};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind, Value};
use crate::limits;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Common names of keys, in falling order of trust: a later one does not replace an earlier one.
/// An address that a proxy vouched for is left to the settings of trusted proxies.
const COMMON: &[(&str, &str)] = &[
    ("time", "time"),
    ("timestamp", "time"),
    ("@timestamp", "time"),
    ("ts", "time"),
    ("time_iso8601", "time"),
    ("time_local", "time"),
    ("msec", "time"),
    ("remote_addr", "ip"),
    ("remote_ip", "ip"),
    ("client_ip", "ip"),
    ("clientip", "ip"),
    ("ip", "ip"),
    ("source.ip", "ip"),
    ("client.address", "ip"),
    ("realip_remote_addr", "peer"),
    ("method", "method"),
    ("request_method", "method"),
    ("http.request.method", "method"),
    ("request_uri", "path"),
    ("uri", "path"),
    ("path", "path"),
    ("url.path", "path"),
    ("args", "query"),
    ("query_string", "query"),
    ("query", "query"),
    ("url.query", "query"),
    ("request", "request"),
    ("status", "status"),
    ("status_code", "status"),
    ("http.response.status_code", "status"),
    ("body_bytes_sent", "bytes"),
    ("bytes_sent", "bytes"),
    ("bytes", "bytes"),
    ("size", "bytes"),
    ("request_length", "request_bytes"),
    ("http_user_agent", "user_agent"),
    ("user_agent", "user_agent"),
    ("user_agent.original", "user_agent"),
    ("http_referer", "referer"),
    ("referer", "referer"),
    ("host", "host"),
    ("http_host", "host"),
    ("scheme", "scheme"),
    ("server_protocol", "protocol"),
    ("protocol", "protocol"),
    ("remote_user", "user"),
    ("user", "user"),
    ("user.name", "user"),
    ("request_time", "duration"),
    ("duration", "duration"),
    ("upstream_response_time", "upstream_duration"),
    ("upstream_addr", "upstream"),
    ("level", "level"),
    ("message", "message"),
    ("msg", "message"),
    ("outcome", "outcome"),
    ("event.outcome", "outcome"),
    ("reason", "reason"),
    ("http_x_forwarded_for", "x_forwarded_for"),
    ("http_cf_connecting_ip", "cf_connecting_ip"),
    ("http_x_real_ip", "x_real_ip"),
];

/// Names of a source's own that are remembered, so that they are not made anew for each record.
const NAMES_MAX: usize = 256;

/// Reads JSON by a map.
#[derive(Debug, Clone)]
pub struct Json {
    wanted: Wanted<(u16, Target)>,
    /// Kept under their own names: scalars of the top level that the map does not have.
    keep_others: bool,
    names: HashMap<Box<[u8]>, Arc<str>>,
    kind: Option<Kind>,
    time_format: TimeFormat,
}

impl Json {
    /// A parser with the user's map of our names to keys; common names when it is empty.
    pub fn new(
        fields: &BTreeMap<String, String>,
        kind: Option<Kind>,
        time_format: TimeFormat,
    ) -> Self {
        let mut wanted = Wanted::default();
        if fields.is_empty() {
            for (rank, (key, name)) in (0..).zip(COMMON) {
                wanted.add(key, (rank, Target::named(name)));
            }
        }
        for (rank, (name, key)) in (0..).zip(fields) {
            wanted.add(key, (rank, Target::named(name)));
        }
        let keep_others = fields.is_empty();
        Self { wanted, keep_others, names: HashMap::new(), kind, time_format }
    }

    /// Fills the event from its record.
    pub fn parse(
        &mut self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        let mut found: Vec<(u16, &Target, Scalar<'_>)> = Vec::new();
        let mut others: Vec<(&[u8], Scalar<'_>)> = Vec::new();
        let keep_others = self.keep_others;
        walk(
            line,
            &self.wanted,
            &mut |(rank, target), scalar| found.push((*rank, target, scalar)),
            &mut |key, scalar| {
                if keep_others && others.len() < limits::EXTRA_FIELDS_MAX {
                    others.push((key, scalar));
                }
            },
        )?;
        event.time = arrival;
        let times = Times { format: &self.time_format, zone, arrival };
        // The most trusted comes last, so it stays; the host keeps the first.
        found.sort_by_key(|(rank, _, _)| std::cmp::Reverse(*rank));
        let host = found.iter().rfind(|(_, target, _)| **target == Target::Field(Field::Host));
        if let Some((_, target, scalar)) = host {
            target.set_scalar(event, *scalar, &times);
        }
        for (_, target, scalar) in &found {
            target.set_scalar(event, *scalar, &times);
        }
        event.kind = self.kind.clone().unwrap_or_else(|| guess_kind(event));
        for (key, scalar) in others {
            let name = self.name(key);
            Target::Extra(name).set_scalar(
                event,
                scalar,
                &Times { format: &self.time_format, zone, arrival },
            );
        }
        Ok(())
    }

    fn name(&mut self, key: &[u8]) -> Arc<str> {
        if let Some(name) = self.names.get(key) {
            return Arc::clone(name);
        }
        let name: Arc<str> = String::from_utf8_lossy(&unescape(key)).into();
        if self.names.len() < NAMES_MAX {
            self.names.insert(key.into(), Arc::clone(&name));
        }
        name
    }
}

/// A status and a path or request make it `http`; the rest is `log`.
fn guess_kind(event: &Event) -> Kind {
    let asked = event.get(Field::Path).is_some() || event.get(Field::Request).is_some();
    if asked && event.get(Field::Status).is_some() { Kind::Http } else { Kind::Log }
}

/// Reads Caddy's access log (its JSON encoder; caddyserver.com/docs/caddyfile/directives/log,
/// read in November 2026). Other lines of Caddy's become `log` events.
#[derive(Debug, Clone)]
pub struct Caddy(Mapped);

/// Reads Traefik's access log in JSON (doc.traefik.io, access logs; which field is whose was read
/// in pkg/middlewares/accesslog/logger.go; November 2026).
///
/// `ClientHost` is the client's own `X-Forwarded-For` where there is one, so the address is taken
/// from `ClientAddr`, and `ClientHost` is kept for the settings of trusted proxies.
#[derive(Debug, Clone)]
pub struct Traefik(Mapped);

/// A map of our own.
#[derive(Debug, Clone)]
struct Mapped {
    wanted: Wanted<Target>,
    time_format: TimeFormat,
}

impl Mapped {
    fn new(keys: &[(&str, Target)]) -> Self {
        let mut wanted = Wanted::default();
        for (key, target) in keys {
            wanted.add(key, target.clone());
        }
        Self { wanted, time_format: TimeFormat::Any }
    }

    fn fill(
        &self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        event.time = arrival;
        let times = Times { format: &self.time_format, zone, arrival };
        let mut said = Vec::new();
        walk(
            line,
            &self.wanted,
            &mut |target, scalar| match target {
                Target::Field(Field::Level | Field::Message) => said.push((target, scalar)),
                _ => target.set_scalar(event, scalar, &times),
            },
            &mut |_, _| {},
        )?;
        event.kind = guess_kind(event);
        // The level and message of an access log line are the same every time.
        if event.kind != Kind::Http {
            for (target, scalar) in said {
                target.set_scalar(event, scalar, &times);
            }
        }
        Ok(())
    }
}

impl Caddy {
    /// A parser for Caddy's JSON.
    pub fn new() -> Self {
        let field = Target::Field;
        let extra = |name: &str| Target::Extra(Arc::from(name));
        Self(Mapped::new(&[
            ("ts", Target::Time),
            ("level", field(Field::Level)),
            ("msg", field(Field::Message)),
            ("status", field(Field::Status)),
            ("size", field(Field::Bytes)),
            ("bytes_read", field(Field::RequestBytes)),
            ("duration", field(Field::Duration)),
            ("user_id", field(Field::User)),
            ("request.remote_addr", field(Field::Ip)),
            ("request.remote_ip", field(Field::Ip)),
            ("request.remote_port", field(Field::Port)),
            // The client behind Caddy's own `trusted_proxies`; set apart below.
            ("request.client_ip", extra("client_ip")),
            ("request.method", field(Field::Method)),
            ("request.proto", field(Field::Protocol)),
            ("request.host", field(Field::Host)),
            ("request.uri", Target::Uri),
            ("request.tls.proto", extra("tls_proto")),
            ("request.tls.version", extra("tls_version")),
            ("request.headers.User-Agent", field(Field::UserAgent)),
            ("request.headers.Referer", field(Field::Referer)),
            ("request.headers.X-Forwarded-For", extra("x_forwarded_for")),
            ("request.headers.Cf-Connecting-Ip", extra("cf_connecting_ip")),
            ("request.headers.X-Real-Ip", extra("x_real_ip")),
        ]))
    }

    /// Fills the event from its record.
    pub fn parse(
        &self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        self.0.fill(line, zone, arrival, event)?;
        if event.kind != Kind::Http {
            return Ok(());
        }
        let tls = event.get_named("tls_version").is_some();
        event.set_bytes(Field::Scheme, if tls { b"https" } else { b"http" });
        let client = match event.get_named("client_ip") {
            Some(crate::event::ValueRef::Bytes(text)) => scan::ip(text),
            _ => None,
        };
        if let (Some(client), Some(peer)) = (client, event.ip(Field::Ip))
            && client != peer
        {
            event.set(Field::Ip, Value::Ip(client));
            event.set(Field::Peer, Value::Ip(peer));
        }
        Ok(())
    }
}

impl Traefik {
    /// A parser for Traefik's JSON.
    pub fn new() -> Self {
        let field = Target::Field;
        let extra = |name: &str| Target::Extra(Arc::from(name));
        Self(Mapped::new(&[
            ("StartUTC", Target::Time),
            ("time", Target::Time),
            ("level", field(Field::Level)),
            ("ClientAddr", field(Field::Ip)),
            ("ClientHost", extra("x_forwarded_for")),
            ("ClientUsername", field(Field::User)),
            ("RequestMethod", field(Field::Method)),
            ("RequestPath", Target::Uri),
            ("RequestProtocol", field(Field::Protocol)),
            ("RequestHost", field(Field::Host)),
            ("RequestScheme", field(Field::Scheme)),
            ("RequestContentSize", field(Field::RequestBytes)),
            ("DownstreamStatus", field(Field::Status)),
            ("DownstreamContentSize", field(Field::Bytes)),
            ("Duration", Target::Duration(Field::Duration, 1e9)),
            ("OriginDuration", Target::Duration(Field::UpstreamDuration, 1e9)),
            ("ServiceAddr", field(Field::Upstream)),
            ("request_User-Agent", field(Field::UserAgent)),
            ("request_Referer", field(Field::Referer)),
            ("request_Cf-Connecting-Ip", extra("cf_connecting_ip")),
        ]))
    }

    /// Fills the event from its record.
    pub fn parse(
        &self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        self.0.fill(line, zone, arrival, event)
    }
}
