//! Lines of Cloudflare's Logpush: `http_requests` become events `http`, `firewall_events` become events
//! `cloudflare.firewall` (field names of developers.cloudflare.com/logs/logpush/logpush-job/datasets, of which
//! parts were read in November 2026; they have met no real job).
//!
//! In: one JSON object with whatever fields the job was told to send. Out: an event. Which dataset it is
//! of is told by the fields that only one of them has.

use super::assign::{Target, TimeFormat, Times, set_field};
use super::json_text::{Scalar, Wanted, walk};
use super::stamp::Zone;
use super::{Unparsed, scan};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind};
use std::sync::Arc;

/// Fields that its events have beside the well-known ones.
pub const ADDED: &[&str] = &[
    "action",
    "product",
    "rule_id",
    "description",
    "ray",
    "ip_class",
    "bot_score",
    "waf_score",
    "cache",
    "colo",
    "ja3",
    "ja4",
    "zone",
];

/// Reads Logpush's lines.
#[derive(Debug, Clone)]
pub struct Logpush {
    wanted: Wanted<Key>,
}

/// What a key of Cloudflare's holds.
#[derive(Debug, Clone)]
enum Key {
    /// A value like any other.
    Value(Target),
    /// The time of a request that was answered.
    Requested,
    /// The time of a firewall's event.
    Fired,
    /// What the firewall did: only its events have it.
    Action,
    /// A country: lower case in one dataset, upper case in the other.
    Country,
    /// A query, with or without its question mark.
    Query,
}

impl Default for Logpush {
    fn default() -> Self {
        Self::new()
    }
}

impl Logpush {
    /// A parser for both datasets.
    pub fn new() -> Self {
        let field = |field: Field| Key::Value(Target::Field(field));
        let extra = |name: &str| Key::Value(Target::Extra(Arc::from(name)));
        let millis = |field: Field| Key::Value(Target::Duration(field, 1e3));
        let mut wanted = Wanted::default();
        for (key, what) in [
            ("EdgeStartTimestamp", Key::Requested),
            ("Datetime", Key::Fired),
            ("Action", Key::Action),
            ("ClientIP", field(Field::Ip)),
            ("ClientSrcPort", field(Field::Port)),
            ("ClientRequestMethod", field(Field::Method)),
            ("ClientRequestPath", field(Field::Path)),
            ("ClientRequestURI", Key::Value(Target::Uri)),
            ("ClientRequestQuery", Key::Query),
            ("ClientRequestHost", field(Field::Host)),
            ("ClientRequestProtocol", field(Field::Protocol)),
            ("ClientRequestScheme", field(Field::Scheme)),
            ("ClientRequestUserAgent", field(Field::UserAgent)),
            ("ClientRequestReferer", field(Field::Referer)),
            ("ClientRequestBytes", field(Field::RequestBytes)),
            ("ClientASN", field(Field::Asn)),
            ("ClientCountry", Key::Country),
            ("EdgeResponseStatus", field(Field::Status)),
            ("EdgeResponseBytes", field(Field::Bytes)),
            ("EdgeTimeToFirstByteMs", millis(Field::Duration)),
            ("OriginResponseDurationMs", millis(Field::UpstreamDuration)),
            ("OriginIP", field(Field::Upstream)),
            ("RayID", extra("ray")),
            ("SecurityAction", extra("action")),
            ("SecurityRuleID", extra("rule_id")),
            ("SecurityRuleDescription", extra("description")),
            ("Source", extra("product")),
            ("RuleID", extra("rule_id")),
            ("Description", extra("description")),
            ("ClientIPClass", extra("ip_class")),
            ("BotScore", extra("bot_score")),
            ("WAFAttackScore", extra("waf_score")),
            ("CacheCacheStatus", extra("cache")),
            ("EdgeColoCode", extra("colo")),
            ("JA3Hash", extra("ja3")),
            ("JA4", extra("ja4")),
            ("ZoneName", field(Field::Zone)),
        ] {
            wanted.add(key, what);
        }
        Self { wanted }
    }

    /// Fills the event from its record.
    pub fn parse(
        &self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        event.time = arrival;
        let times = Times { format: &TimeFormat::Any, zone, arrival };
        let (mut requested, mut fired) = (false, false);
        walk(
            line,
            &self.wanted,
            &mut |key, scalar| match key {
                Key::Value(target) => target.set_scalar(event, scalar, &times),
                Key::Requested => {
                    requested = true;
                    Target::Time.set_scalar(event, scalar, &times);
                }
                Key::Fired => {
                    fired = true;
                    Target::Time.set_scalar(event, scalar, &times);
                }
                Key::Action => {
                    fired = true;
                    Target::Extra(Arc::from("action")).set_scalar(event, scalar, &times);
                }
                Key::Country => {
                    if let Scalar::Text(text) = scalar
                        && text.len() == 2
                    {
                        let upper = text.to_ascii_uppercase();
                        set_field(event, Field::Country, &upper);
                    }
                }
                Key::Query => {
                    if let Scalar::Text(text) = scalar
                        && let Some(text) = scan::present(text.strip_prefix(b"?").unwrap_or(text))
                    {
                        Target::Field(Field::Query).set_scalar(event, Scalar::Text(text), &times);
                    }
                }
            },
            &mut |_, _| {},
        )?;
        let answered = event.get(Field::Status).is_some() && event.get(Field::Path).is_some();
        event.kind = match (requested, fired) {
            (_, true) => Kind::from_name("cloudflare.firewall"),
            (true, false) => Kind::Http,
            // A job that sends no times.
            (false, false) if answered => Kind::Http,
            (false, false) => return Err(Unparsed("of neither http_requests nor firewall_events")),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::clock::Timestamp;
    use crate::event::{Event, Field, Kind};
    use crate::parsers::{Parser, Unparsed};
    use bytes::Bytes;

    fn read(line: &str) -> Result<Event, Unparsed> {
        let record = Bytes::copy_from_slice(line.as_bytes());
        let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
        event.reset(record.clone());
        let mut parser = Parser::for_format("logpush").unwrap();
        parser.parse(&record, Timestamp::from_secs(1_793_000_000), &mut event)?;
        Ok(event)
    }

    #[test]
    fn requests_have_our_names_whatever_the_job_sends_as_time() {
        for time in ["\"2026-11-27T10:00:00Z\"", "1795773600", "1795773600000000000"] {
            let event = read(&format!(
                r#"{{"ClientIP":"203.0.113.9","ClientCountry":"de","ClientASN":64500,"ClientRequestHost":"www.example.com","ClientRequestMethod":"GET","ClientRequestPath":"/wp-login.php","ClientRequestURI":"/wp-login.php?a=1\u0026b","ClientRequestUserAgent":"curl/8","EdgeResponseStatus":403,"EdgeResponseBytes":1234,"EdgeStartTimestamp":{time},"OriginResponseDurationMs":250,"RayID":"8f0","SecurityAction":"block"}}"#
            ))
            .unwrap();
            assert_eq!(event.kind, Kind::Http);
            assert_eq!(event.time.to_string(), "2026-11-27T10:00:00Z", "{time}");
            assert_eq!(event.ip(Field::Ip), Some([203, 0, 113, 9].into()));
            assert_eq!(event.text(Field::Path).unwrap(), "/wp-login.php");
            assert_eq!(event.text(Field::Query).unwrap(), "a=1&b");
            assert_eq!(event.text(Field::Country).unwrap(), "DE");
            assert_eq!(event.text(Field::UserAgent).unwrap(), "curl/8");
            let json = event.to_json();
            assert!(json.to_string().contains("\"upstream_duration\":0.25"), "{json}");
            assert!(json.to_string().contains("\"action\":\"block\""), "{json}");
        }
    }

    #[test]
    fn what_the_firewall_did_is_no_request() {
        let event = read(
            r#"{"Action":"managed_challenge","ClientIP":"2001:db8::9","ClientRequestPath":"/x","ClientRequestQuery":"?q=1","Datetime":"2026-11-27T10:00:00Z","EdgeResponseStatus":403,"RayID":"8f1","RuleID":"abc","Source":"firewallCustom"}"#,
        )
        .unwrap();
        assert_eq!(event.kind.name(), "cloudflare.firewall");
        assert_eq!(event.text(Field::Query).unwrap(), "q=1");
        for name in ["action", "rule_id", "product", "ray"] {
            assert!(event.get_named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn other_datasets_and_rubbish_are_told() {
        for line in [
            r#"{"content":"tests"}"#,
            r#"{"QueryName":"example.com","ResponseCode":0}"#,
            r#"{"ClientIP":"203.0.113.9""#,
            "{}",
            "",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
