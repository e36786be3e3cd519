//! A zone's traffic and what its rules did, by GraphQL. Counts are estimates: Cloudflare keeps a
//! sample of what came.

use super::call::Call;
use super::client::Client;
use super::error::{ApiError, ErrorKind};
use super::graphql;
use crate::limits::CLOUDFLARE_EVENT_PAGES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
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

const EVENTS: &str = "query($zone: string!, $since: Time!, $until: Time!, $limit: Int!) { viewer { zones(filter: {zoneTag: $zone}) { events: firewallEventsAdaptive(filter: {datetime_geq: $since, datetime_lt: $until}, limit: $limit, orderBy: [datetime_ASC]) { action clientIP clientAsn clientCountryName clientRequestPath datetime source userAgent rayName ruleId } } } }";

/// Events of a time, the oldest first. There are no cursors: the next page begins at the last time
/// seen, and what comes twice is left out.
pub fn events(
    client: &Client,
    zone: &str,
    span: &Span,
    per_page: usize,
) -> Result<Vec<Event>, ApiError> {
    let mut all: Vec<Event> = Vec::new();
    let mut seen: HashSet<(String, String, String)> = HashSet::new();
    let mut since = span.since.clone();
    for _ in 0..CLOUDFLARE_EVENT_PAGES_MAX {
        let variables = json!({
            "zone": zone, "since": since, "until": span.until, "limit": per_page,
        });
        let answer = client.send(&graphql::question(EVENTS, variables))?;
        let page = answer.result.pointer("/viewer/zones/0/events").cloned().unwrap_or_default();
        let page: Vec<Event> = serde_json::from_value(page).map_err(|error| {
            let words = format!("the reply has another shape than is known: {error}");
            ApiError::of(super::Area::Analytics, ErrorKind::Unreadable, words)
        })?;
        let (rows, before) = (page.len(), all.len());
        let last = page.last().map(|event| event.datetime.clone());
        for event in page {
            let key = (event.ray_name.clone(), event.datetime.clone(), event.rule_id.clone());
            if seen.insert(key) {
                all.push(event);
            }
        }
        let Some(last) = last else { break };
        // A page that is full of one second's events would come again and again.
        if rows < per_page || all.len() == before {
            break;
        }
        since = last;
    }
    Ok(all)
}
