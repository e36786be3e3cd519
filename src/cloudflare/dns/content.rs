//! What a record's content means, however it is written: whether two are the same, the name that a
//! short one stands for, and the parts of types whose content has some.

use crate::cloudflare::plans::Level;
use serde_json::{Value, json};
use std::net::IpAddr;

/// Changes in one batch: on Free, and on other plans (read in November 2026).
const BATCH_MAX: (usize, usize) = (200, 3_500);

/// Types that Cloudflare takes as parts alone, and that are not read from a text here.
const PARTS_ALONE: [&str; 11] =
    ["CERT", "DNSKEY", "DS", "HTTPS", "LOC", "NAPTR", "SMIMEA", "SSHFP", "SVCB", "TLSA", "URI"];

/// How many changes go together; where the plan isn't known, the API says.
pub fn batch_max(level: Option<Level>) -> usize {
    if level == Some(Level::Free) { BATCH_MAX.0 } else { BATCH_MAX.1 }
}

/// Whether two contents of a type are the same, however they are written: addresses in any form,
/// names without case and final dot, texts with or without quotes.
pub fn same_content(kind: &str, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let address = |text: &str| text.parse::<IpAddr>().ok();
    match kind {
        "A" | "AAAA" => address(one).is_some_and(|one| Some(one) == address(other)),
        "TXT" => unquoted(one) == unquoted(other),
        _ => one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.')),
    }
}

/// A text without its quotes; pieces are one text, as resolvers read them.
pub fn unquoted(text: &str) -> String {
    let inner = text.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\" \"", ""))
}

/// A name with its zone; `@` is the zone itself.
pub fn whole_name(name: &str, zone: &str) -> String {
    let (name, zone) = (name.trim_end_matches('.').to_ascii_lowercase(), zone.to_ascii_lowercase());
    if name == "@" || name.is_empty() || name == zone {
        zone
    } else if name.ends_with(&format!(".{zone}")) {
        name
    } else {
        format!("{name}.{zone}")
    }
}

/// A content as the API takes it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// The content; empty where `data` says it.
    pub text: String,
    /// Of MX records.
    pub priority: Option<u16>,
    /// The parts.
    pub data: Option<Value>,
}

/// Reads a content as zone files and people write it: `10 mail.example.com` for MX,
/// `10 5 443 www.example.com` for SRV, `0 issue "letsencrypt.org"` for CAA.
pub fn read_content(kind: &str, text: &str) -> Result<Content, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let wrong = |like: &str| {
        Err(format!("`{}` is no content of {kind}\nhint: like `{like}`", text.escape_debug()))
    };
    let number = |word: &str| word.parse::<u16>().ok();
    let bare = |name: &str| name.trim_end_matches('.').to_owned();
    match (kind, words.as_slice()) {
        ("MX", [priority, host]) if number(priority).is_some() => {
            // A dot alone means that the name takes no mail.
            let host = if *host == "." { ".".to_owned() } else { bare(host) };
            Ok(Content { text: host, priority: number(priority), data: None })
        }
        ("MX", [host]) => Ok(Content { text: bare(host), ..Content::default() }),
        ("MX", _) => wrong("10 mail.example.com"),
        ("SRV", [priority, weight, port, target]) => {
            let numbers = (number(priority), number(weight), number(port));
            let (Some(priority), Some(weight), Some(port)) = numbers else {
                return wrong("10 5 443 www.example.com");
            };
            let target = if *target == "." { ".".to_owned() } else { bare(target) };
            let data = json!({
                "priority": priority, "weight": weight, "port": port, "target": target,
            });
            Ok(Content { data: Some(data), ..Content::default() })
        }
        ("SRV", _) => wrong("10 5 443 www.example.com"),
        ("CAA", [flags, tag, ..]) if flags.parse::<u8>().is_ok() => {
            let value = text.splitn(3, char::is_whitespace).nth(2).unwrap_or_default();
            let data = json!({
                "flags": flags.parse::<u8>().unwrap_or(0), "tag": tag, "value": unquoted(value),
            });
            Ok(Content { data: Some(data), ..Content::default() })
        }
        ("CAA", _) => wrong("0 issue \"letsencrypt.org\""),
        _ if PARTS_ALONE.contains(&kind) => Err(format!(
            "records of type {kind} are made of parts, which aren't read from a text\nhint: `riposte cf dns batch FILE` takes them as `data`, and so does `[[dns]]` of `riposte cf apply`"
        )),
        ("A" | "AAAA", _) => Ok(Content { text: text.trim().to_owned(), ..Content::default() }),
        ("CNAME" | "NS" | "PTR", _) => {
            Ok(Content { text: bare(text.trim()), ..Content::default() })
        }
        _ => Ok(Content { text: text.to_owned(), ..Content::default() }),
    }
}

/// Whether a TTL is the one that a reply tells; a float carries it there.
#[expect(clippy::cast_precision_loss, reason = "a TTL is a day at most")]
pub fn same_ttl(wanted: u64, present: f64) -> bool {
    (wanted as f64 - present).abs() < 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_the_same_however_they_are_written() {
        for (kind, one, other, same) in [
            ("AAAA", "2001:db8::1", "2001:0db8:0:0::1", true),
            ("A", "192.0.2.1", "192.0.2.10", false),
            ("CNAME", "B.example.net.", "b.example.net", true),
            ("TXT", "\"v=spf1 -all\"", "v=spf1 -all", true),
            ("TXT", "\"ab\" \"cd\"", "abcd", true),
            ("TXT", "Token", "token", false),
            ("TXT", "ends.", "ends", false),
        ] {
            assert_eq!(same_content(kind, one, other), same, "{kind} {one} {other}");
        }
    }

    #[test]
    fn parts_are_read_or_refused() {
        let read = |kind, text| read_content(kind, text).map_err(|_| ());
        let mx = read("MX", "10 mail.example.com.").unwrap();
        assert_eq!((mx.text.as_str(), mx.priority), ("mail.example.com", Some(10)));
        assert_eq!(read("MX", "mail.example.com").unwrap().priority, None);
        let srv = read("SRV", "10 5 443 www.example.com.").unwrap().data;
        let parts =
            json!({ "priority": 10, "weight": 5, "port": 443, "target": "www.example.com" });
        assert_eq!(srv, Some(parts));
        let caa = read("CAA", "0 issue \"ca.example; account=7\"").unwrap().data;
        assert_eq!(
            caa,
            Some(json!({ "flags": 0, "tag": "issue", "value": "ca.example; account=7" }))
        );
        for (kind, text) in [
            ("MX", "ten mail.example.com"),
            ("SRV", "10 5 www.example.com"),
            ("SRV", "10 5 99999 www.example.com"),
            ("CAA", "letsencrypt.org"),
            ("TLSA", "3 1 1 abcd"),
        ] {
            assert!(read(kind, text).is_err(), "{kind} {text}");
        }
    }

    #[test]
    fn names_are_completed() {
        for (name, whole) in [
            ("www", "www.example.com"),
            ("@", "example.com"),
            ("WWW.example.com.", "www.example.com"),
            ("example.com", "example.com"),
            ("notexample.com", "notexample.com.example.com"),
        ] {
            assert_eq!(whole_name(name, "Example.com"), whole);
        }
    }
}
