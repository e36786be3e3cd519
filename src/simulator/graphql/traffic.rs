//! What a zone's traffic was in the last day: made up, the same at each start but for the times.

use serde_json::{Value, json};
use std::time::Duration;

const HOURS: u32 = 24;
const PATHS: [&str; 6] = ["/", "/shop", "/wp-login.php", "/api/items", "/style.css", "/.env"];
const COUNTRIES: [&str; 5] = ["DE", "US", "FR", "NL", "CN"];
const RULES: [&str; 2] = ["a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2"];

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn of(zone: &str) -> Self {
        Self(zone.bytes().fold(7, |sum, byte| sum * 31 % 1_000_003 + u64::from(byte)))
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }

    fn one<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let place = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from.get(place).copied().unwrap_or_default()
    }
}

/// An hour, `ago` hours ago, as Cloudflare writes it, and a moment in it.
fn hour(ago: u32, secs: u64) -> (String, String) {
    let now = crate::clock::now().minus(Duration::from_hours(1) * ago);
    let begin = now.as_secs() - now.as_secs().rem_euclid(3_600);
    let begin = crate::clock::Timestamp::from_secs(begin);
    // The hour under way has only begun.
    let secs = if ago == 0 { 0 } else { secs };
    (begin.to_string(), begin.plus(Duration::from_secs(secs)).to_string())
}

/// Rows of requests: each stands for `count` of them.
pub(super) fn requests(zone: &str) -> Vec<Value> {
    let mut chance = Chance::of(zone);
    let mut rows = Vec::new();
    for ago in (0..HOURS).rev() {
        // More by day than by night.
        let busy = u64::from(12 - ago.abs_diff(12).min(11));
        for _ in 0..8 {
            let (hour, moment) = hour(ago, chance.below(3_600));
            let count = 5 + busy * chance.below(20);
            rows.push(json!({
                "datetime": moment, "datetimeHour": hour, "count": count,
                "edgeResponseBytes": count * (500 + chance.below(20_000)),
                "clientIP": format!("198.51.100.{}", 1 + chance.below(40)),
                "clientCountryName": chance.one(&COUNTRIES),
                "clientRequestPath": chance.one(&PATHS),
                "clientRequestHTTPHost": zone,
                "edgeResponseStatus": if chance.below(10) == 0 { 404 } else { 200 },
                "cacheStatus": chance.one(&["hit", "miss", "dynamic"]),
                "userAgent": "Mozilla/5.0",
            }));
        }
    }
    rows
}

/// Rows of what rules did.
pub(super) fn events(zone: &str) -> Vec<Value> {
    let mut chance = Chance::of(zone);
    let mut rows = Vec::new();
    for ago in (0..HOURS).rev() {
        let attack = if (8..11).contains(&ago) { 40 } else { 3 };
        for _ in 0..attack {
            let (hour, moment) = hour(ago, chance.below(3_600));
            rows.push(json!({
                "datetime": moment, "datetimeHour": hour, "count": 1,
                "action": chance.one(&["block", "block", "managed_challenge", "log"]),
                "clientIP": format!("203.0.113.{}", 1 + chance.below(12)),
                "clientAsn": "64496", "clientASNDescription": "EXAMPLE",
                "clientCountryName": chance.one(&COUNTRIES),
                "clientRequestPath": chance.one(&["/wp-login.php", "/.env", "/xmlrpc.php"]),
                "clientRequestQuery": "", "clientRequestHTTPHost": zone,
                "clientRequestHTTPMethodName": "GET", "description": "", "sampleInterval": 1,
                "ruleId": chance.one(&RULES), "source": chance.one(&["firewallCustom", "waf"]),
                "rayName": format!("{:016x}", chance.below(u64::MAX)), "userAgent": "curl/8",
            }));
        }
    }
    rows
}
