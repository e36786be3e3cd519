//! From Cloudflare's rows to events: which fields they have under which names.

use crate::clock::Timestamp;
use crate::cloudflare::analytics::FirewallRow;
use crate::cloudflare::audit::Entry;
use crate::cloudflare::status_page::Reported;
use crate::event::{Brought, FieldKind, Kind, Schema, Value, net};
use std::sync::Arc;

/// The kind of events of rules at Cloudflare.
pub const FIREWALL: &str = "cloudflare.firewall";
/// The kind of entries of the audit log.
pub const AUDIT: &str = "cloudflare.audit";
/// The kind of changes of incidents.
pub const STATUS: &str = "cloudflare.status";

const FIREWALL_FIELDS: [(&str, FieldKind); 15] = [
    ("ip", FieldKind::Address),
    ("host", FieldKind::Text),
    ("method", FieldKind::Text),
    ("path", FieldKind::Text),
    ("query", FieldKind::Text),
    ("user_agent", FieldKind::Text),
    ("country", FieldKind::Text),
    ("asn", FieldKind::Int),
    ("zone", FieldKind::Text),
    ("action", FieldKind::Text),
    ("product", FieldKind::Text),
    ("rule_id", FieldKind::Text),
    ("description", FieldKind::Text),
    ("ray", FieldKind::Text),
    ("sample_interval", FieldKind::Int),
];

const AUDIT_FIELDS: [(&str, FieldKind); 12] = [
    ("ip", FieldKind::Address),
    ("user", FieldKind::Text),
    ("outcome", FieldKind::Text),
    ("action", FieldKind::Text),
    ("description", FieldKind::Text),
    ("resource", FieldKind::Text),
    ("zone", FieldKind::Text),
    ("context", FieldKind::Text),
    ("token", FieldKind::Text),
    ("token_id", FieldKind::Text),
    ("account", FieldKind::Text),
    ("audit_id", FieldKind::Text),
];

const STATUS_FIELDS: [(&str, FieldKind); 6] = [
    ("incident", FieldKind::Text),
    ("name", FieldKind::Text),
    ("impact", FieldKind::Text),
    ("state", FieldKind::Text),
    ("components", FieldKind::Text),
    ("is_open", FieldKind::Bool),
];

/// The kinds that such sources give.
pub fn schema() -> Schema {
    let mut schema = Schema::default();
    let kinds: [(&str, &[(&str, FieldKind)]); 3] =
        [(FIREWALL, &FIREWALL_FIELDS), (AUDIT, &AUDIT_FIELDS), (STATUS, &STATUS_FIELDS)];
    for (kind, fields) in kinds {
        for (field, holds) in fields {
            // The names are ours, and right.
            schema.declare(kind, field, *holds).ok();
        }
    }
    schema
}

/// One row with its own name: what has the same name is the same.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub name: String,
    pub time: Timestamp,
    pub event: Brought,
}

/// Fields as they are put together; what is empty isn't there.
struct Fields(Vec<(Arc<str>, Value)>);

impl Fields {
    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.0.push((name.into(), Value::text(text)));
        }
    }

    fn address(&mut self, text: &str) {
        if let Some(address) = net::parse_ip(text.trim().as_bytes()) {
            self.0.push(("ip".into(), Value::ip(address)));
        }
    }

    fn brought(self, kind: &str, time: Timestamp) -> Brought {
        Brought { kind: Kind::Custom(kind.into()), time: Some(time), fields: self.0 }
    }
}

/// A row of `firewallEventsAdaptive`; `None` where its time can't be read.
pub(super) fn of_firewall(zone: &str, row: &FirewallRow) -> Option<Row> {
    let time = Timestamp::parse_rfc3339(&row.datetime)?;
    let mut fields = Fields(Vec::new());
    fields.address(&row.client_ip);
    fields.text("host", &row.client_request_http_host);
    fields.text("method", &row.client_request_http_method_name);
    fields.text("path", &row.client_request_path);
    // Cloudflare gives it with its mark.
    let query = &row.client_request_query;
    fields.text("query", query.strip_prefix('?').unwrap_or(query));
    fields.text("user_agent", &row.user_agent);
    fields.text("country", &row.client_country_name);
    if let Ok(number) = row.client_asn.parse::<i64>() {
        fields.0.push(("asn".into(), Value::Int(number)));
    }
    fields.text("zone", zone);
    fields.text("action", &row.action);
    fields.text("product", &row.source);
    fields.text("rule_id", &row.rule_id);
    fields.text("description", &row.description);
    fields.text("ray", &row.ray_name);
    if let Some(interval) = row.sample_interval {
        fields.0.push(("sample_interval".into(), Value::Int(interval)));
    }
    // A request may meet several rules, and each does something of its own.
    let name =
        format!("{}|{}|{}|{}|{}", row.datetime, row.ray_name, row.rule_id, row.action, row.source);
    Some(Row { name, time, event: fields.brought(FIREWALL, time) })
}

/// An entry of the audit log.
pub(super) fn of_audit(account: &str, entry: &Entry) -> Option<Row> {
    let time = Timestamp::parse_rfc3339(&entry.time)?;
    let mut fields = Fields(Vec::new());
    fields.address(&entry.ip);
    fields.text("user", &entry.actor);
    if let Some(succeeded) = entry.succeeded {
        fields.text("outcome", if succeeded { "success" } else { "failure" });
    }
    fields.text("action", &entry.action);
    fields.text("description", &entry.description);
    fields.text("resource", &entry.resource);
    fields.text("zone", &entry.zone);
    fields.text("context", &entry.context);
    fields.text("token", &entry.token);
    fields.text("token_id", &entry.token_id);
    fields.text("account", account);
    fields.text("audit_id", &entry.id);
    let name = format!("{}|{}", entry.time, entry.id);
    Some(Row { name, time, event: fields.brought(AUDIT, time) })
}

/// An incident as it is now: a change of it has another name.
pub(super) fn of_status(reported: &Reported, now: Timestamp) -> Row {
    let time = Timestamp::parse_rfc3339(&reported.updated).unwrap_or(now);
    let mut fields = Fields(Vec::new());
    fields.text("incident", &reported.id);
    fields.text("name", &reported.name);
    fields.text("impact", &reported.impact);
    fields.text("state", &reported.state);
    fields.text("components", &reported.components.join(", "));
    fields.0.push(("is_open".into(), Value::Bool(reported.is_open())));
    let name = format!("{}|{}|{}", reported.updated, reported.id, reported.state);
    Row { name, time, event: fields.brought(STATUS, time) }
}

/// The time in a name.
pub(super) fn time_of(name: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(name.split('|').next()?)
}
