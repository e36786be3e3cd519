//! A zone's traffic and what its rules did, by GraphQL. Counts are estimates: Cloudflare keeps a
//! sample of what came.

use super::call::Call;
use super::envelope::Answer;
use super::error::{ApiError, ErrorKind};
use super::graphql;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A time that is looked at (RFC 3339); Free and Pro have a day of it, Business three, Enterprise
/// thirty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// From when on.
    pub since: String,
    /// Up to when.
    pub until: String,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Requests.
    Requests,
    /// Events of rules: blocked, challenged, logged.
    Events,
}

impl Counted {
    const fn node(self) -> &'static str {
        match self {
            Self::Requests => "httpRequestsAdaptiveGroups",
            Self::Events => "firewallEventsAdaptiveGroups",
        }
    }
}

/// So many of one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The value: an address, a path, an hour, …
    pub value: String,
    /// How many.
    pub count: u64,
    /// Bytes sent; 0 for events.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One part of a question: its name in the answer, by which dimension, how many rows; `None` for a
/// row an hour, in their order.
pub type Part<'p> = (&'p str, &'p str, Option<usize>);

/// The hour, as a dimension.
pub const HOUR: &str = "datetimeHour";

/// One question for several parts, which costs one call.
pub fn groups(zone: &str, counted: Counted, span: &Span, parts: &[Part<'_>]) -> Call {
    let mut text = String::from(
        "query($zone: string!, $since: Time!, $until: Time!) { viewer { zones(filter: {zoneTag: $zone}) {",
    );
    let sums = if counted == Counted::Requests { " sum { edgeResponseBytes }" } else { "" };
    for (name, dimension, rows) in parts {
        let order = if rows.is_some() { "count_DESC" } else { "datetimeHour_ASC" };
        let rows = rows.unwrap_or(1_000);
        // Writing into a text can't fail.
        write!(
            text,
            " {name}: {}(filter: {{datetime_geq: $since, datetime_lt: $until}}, limit: {rows}, orderBy: [{order}]) {{ count{sums} dimensions {{ {dimension} }} }}",
            counted.node()
        )
        .ok();
    }
    text.push_str(" } } }");
    let variables = json!({ "zone": zone, "since": span.since, "until": span.until });
    graphql::question(&text, variables)
}

/// The rows of a part of an answer.
pub fn rows(data: &Value, name: &str, dimension: &str) -> Vec<Row> {
    let rows = data.pointer(&format!("/viewer/zones/0/{name}")).and_then(Value::as_array);
    let number = |row: &Value, path: &str| row.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    rows.into_iter()
        .flatten()
        .map(|row| {
            let value = row.pointer(&format!("/dimensions/{dimension}"));
            let value = match value {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            Row {
                value,
                count: number(row, "/count"),
                bytes: number(row, "/sum/edgeResponseBytes"),
            }
        })
        .collect()
}

/// Something that a rule of Cloudflare's did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// `block`, `managed_challenge`, `log`, …
    pub action: String,
    /// Whom it met.
    #[serde(rename = "clientIP")]
    pub client_ip: String,
    /// The network's number.
    pub client_asn: String,
    /// The country.
    pub client_country_name: String,
    /// Path of the request.
    pub client_request_path: String,
    /// When.
    pub datetime: String,
    /// Which product: `firewallCustom`, `waf`, …
    pub source: String,
    /// What the client said it is.
    pub user_agent: String,
    /// Cloudflare's name for the request.
    pub ray_name: String,
    /// Which rule.
    pub rule_id: String,
}

/// Which events are asked for; all of them where nothing is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only what met this address.
    pub ip: Option<String>,
    /// Only what this rule did, by its id.
    pub rule: Option<String>,
    /// Only what was done so.
    pub action: Option<String>,
}

/// Asks for the newest events of a time, at most so many.
pub fn latest(zone: &str, span: &Span, filter: &Filter, most: usize) -> Call {
    let mut variables = json!({ "zone": zone, "since": span.since, "until": span.until });
    let (mut heads, mut parts) = (String::new(), String::new());
    let wanted = [
        ("ip", "clientIP", &filter.ip),
        ("rule", "ruleId", &filter.rule),
        ("action", "action", &filter.action),
    ];
    for (name, field, value) in wanted {
        if let (Some(value), Some(fields)) = (value, variables.as_object_mut()) {
            // Writing into a text can't fail.
            write!(heads, ", ${name}: string!").ok();
            write!(parts, ", {field}: ${name}").ok();
            fields.insert(name.to_owned(), json!(value));
        }
    }
    let text = format!(
        "query($zone: string!, $since: Time!, $until: Time!{heads}) {{ viewer {{ zones(filter: {{zoneTag: $zone}}) {{ events: firewallEventsAdaptive(filter: {{datetime_geq: $since, datetime_lt: $until{parts}}}, limit: {most}, orderBy: [datetime_DESC]) {{ action clientIP clientAsn clientCountryName clientRequestPath datetime source userAgent rayName ruleId }} }} }} }}"
    );
    graphql::question(&text, variables)
}

/// The events in the answer to [`latest`], the newest first.
pub fn read_events(answer: &Answer) -> Result<Vec<Event>, ApiError> {
    shaped(answer.result.pointer("/viewer/zones/0/events").cloned().unwrap_or_default())
}

/// An event of a zone's rules, with what a rule of riposte's may ask for. A field that the answer doesn't
/// have is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FirewallRow {
    /// `block`, `managed_challenge`, `log`, …
    pub action: String,
    /// Whom it met.
    #[serde(rename = "clientIP")]
    pub client_ip: String,
    /// The network's number.
    pub client_asn: String,
    /// The country.
    pub client_country_name: String,
    /// The host that was asked for.
    #[serde(rename = "clientRequestHTTPHost")]
    pub client_request_http_host: String,
    /// The method.
    #[serde(rename = "clientRequestHTTPMethodName")]
    pub client_request_http_method_name: String,
    /// The path.
    pub client_request_path: String,
    /// The query.
    pub client_request_query: String,
    /// When.
    pub datetime: String,
    /// What the rule says of itself.
    pub description: String,
    /// Which product: `firewallCustom`, `waf`, …
    pub source: String,
    /// What the client said it is.
    pub user_agent: String,
    /// Cloudflare's name for the request.
    pub ray_name: String,
    /// Which rule.
    pub rule_id: String,
    /// For how many events this one stands.
    pub sample_interval: Option<i64>,
}

/// How far back and how wide a zone's plan lets ask for events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirewallSettings {
    /// Whether the plan has them.
    pub enabled: bool,
    /// The widest span, seconds.
    pub max_duration: u64,
    /// The most rows of an answer.
    pub max_page_size: usize,
    /// How far back, seconds.
    pub not_older_than: u64,
}

/// Asks what the plan lets ask for.
pub fn firewall_settings(zone: &str) -> Call {
    let text = "query($zone: string!) { viewer { zones(filter: {zoneTag: $zone}) { settings { firewallEventsAdaptive { enabled maxDuration maxPageSize notOlderThan } } } } }";
    graphql::question(text, json!({ "zone": zone }))
}

/// The answer to [`firewall_settings`].
pub fn read_firewall_settings(answer: &Answer) -> Result<FirewallSettings, ApiError> {
    let found = answer.result.pointer("/viewer/zones/0/settings/firewallEventsAdaptive");
    shaped(found.cloned().unwrap_or_default())
}

/// Asks for the events of a span, the oldest first; `sampled` asks too for how many each stands.
pub fn firewall_events(zone: &str, span: &Span, most: usize, sampled: bool) -> Call {
    let sampled = if sampled { " sampleInterval" } else { "" };
    let text = format!(
        "query($zone: string!, $since: Time!, $until: Time!) {{ viewer {{ zones(filter: {{zoneTag: $zone}}) {{ events: firewallEventsAdaptive(filter: {{datetime_geq: $since, datetime_lt: $until}}, limit: {most}, orderBy: [datetime_ASC]) {{ action clientIP clientAsn clientCountryName clientRequestHTTPHost clientRequestHTTPMethodName clientRequestPath clientRequestQuery datetime description source userAgent rayName ruleId{sampled} }} }} }} }}"
    );
    let variables = json!({ "zone": zone, "since": span.since, "until": span.until });
    graphql::question(&text, variables)
}

/// The events in the answer to [`firewall_events`].
pub fn read_firewall_events(answer: &Answer) -> Result<Vec<FirewallRow>, ApiError> {
    shaped(answer.result.pointer("/viewer/zones/0/events").cloned().unwrap_or_default())
}

fn shaped<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|error| {
        let words = format!("the reply has another shape than is known: {error}");
        ApiError::of(super::Area::Analytics, ErrorKind::Unreadable, words)
    })
}
