//! The audit log: who changed what. The second version is asked; where it is refused or isn't there,
//! the first, and both are read into the same entry.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::{ApiError, ErrorKind};
use serde::Serialize;
use serde_json::Value;

/// Entries a page; the most that Cloudflare gives.
const PER_PAGE: usize = 1_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// From when on (RFC 3339).
    pub since: String,
    /// Up to when (RFC 3339).
    pub before: String,
    /// Only what this mail address did.
    pub actor: Option<String>,
    /// Only what came from this address.
    pub ip: Option<String>,
    /// Only this kind: `create`, `delete`, `update`, `view`.
    pub action: Option<String>,
    /// Only in this zone, by its name.
    pub zone: Option<String>,
}

/// What somebody did. A field that the log doesn't have is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// When.
    pub time: String,
    /// `create`, `delete`, `update`, `view`; other words in the first version.
    pub action: String,
    /// What was done, in words.
    pub description: String,
    /// Whether it went well; absent where the log doesn't say.
    pub succeeded: Option<bool>,
    /// Who: a mail address, else the name of what acted.
    pub actor: String,
    /// From which address.
    pub ip: String,
    /// By what: `dash`, `api_token`, …
    pub context: String,
    /// The token's name.
    pub token: String,
    /// The token's id.
    pub token_id: String,
    /// What it was done to.
    pub resource: String,
    /// In which zone.
    pub zone: String,
}

/// A question to either version: actor, address, action and zone have names of its own.
fn asked(path: String, query: &Query, names: [&str; 4]) -> Call {
    let call = Call::get(Area::Audit, path);
    let call = call.query("since", &query.since).query("before", &query.before);
    let wanted = [&query.actor, &query.ip, &query.action, &query.zone];
    let wanted = names.iter().zip(wanted).filter_map(|(name, value)| Some((name, value.as_ref()?)));
    wanted.fold(call, |call, (name, value)| call.query(name, value))
}

/// The call of the second version, by pages with cursors.
pub fn second(account: &str, query: &Query) -> Call {
    let path = format!("/accounts/{}/logs/audit", encoded(account));
    asked(path, query, ["actor_email", "actor_ip_address", "action_type", "zone_name"])
}

/// The call of the first version, by pages with numbers.
pub fn first(account: &str, query: &Query) -> Call {
    let path = format!("/accounts/{}/audit_logs", encoded(account));
    asked(path, query, ["actor.email", "actor.ip", "action.type", "zone.name"])
}

/// All entries, the newest first; whether they came from the first version.
pub fn entries(
    client: &Client,
    account: &str,
    query: &Query,
) -> Result<(Vec<Entry>, bool), ApiError> {
    newest(client, account, query, usize::MAX)
}

/// At most this many of them. Cloudflare gives the newest first, so the rest isn't read.
pub fn newest(
    client: &Client,
    account: &str,
    query: &Query,
    most: usize,
) -> Result<(Vec<Entry>, bool), ApiError> {
    let call = second(account, query);
    let (rows, old) = match client.by_cursor_first::<Value>(&call, PER_PAGE, most) {
        Ok(rows) => (rows, false),
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::NotFound | ErrorKind::NotOnThisPlan | ErrorKind::Refused
            ) =>
        {
            (client.numbered(&first(account, query), PER_PAGE)?, true)
        }
        Err(error) => return Err(error),
    };
    let mut entries: Vec<Entry> = rows.iter().map(|row| entry(row, old)).collect();
    // Pages may overlap when something happens between two of them.
    entries.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.id.cmp(&b.id)));
    entries.dedup_by(|a, b| !a.id.is_empty() && a.id == b.id);
    entries.truncate(most);
    Ok((entries, old))
}

/// A row of either version.
fn entry(row: &Value, old: bool) -> Entry {
    let text = |paths: &[&str]| {
        let found = paths.iter().find_map(|path| {
            let text = row.pointer(path)?.as_str()?;
            (!text.is_empty()).then_some(text)
        });
        found.unwrap_or_default().to_owned()
    };
    let succeeded = match row.pointer("/action/result") {
        Some(Value::Bool(well)) => Some(*well),
        Some(Value::String(word)) => Some(word == "success"),
        _ => None,
    };
    let (time, ip, resource) = if old {
        (
            text(&["/when"]),
            text(&["/actor/ip"]),
            [text(&["/resource/type"]), text(&["/resource/id"])],
        )
    } else {
        let resource = [text(&["/resource/product"]), text(&["/resource/type"])];
        (text(&["/action/time"]), text(&["/actor/ip_address"]), resource)
    };
    Entry {
        id: text(&["/id"]),
        time,
        action: text(&["/action/type"]),
        description: text(&["/action/description", "/action/info"]),
        succeeded,
        actor: text(&["/actor/email", "/actor/token_name", "/actor/type", "/actor/id"]),
        ip,
        context: text(&["/actor/context", "/interface"]),
        token: text(&["/actor/token_name"]),
        token_id: text(&["/actor/token_id"]),
        resource: resource.join(" ").trim().to_owned(),
        zone: text(&["/zone/name", "/metadata/zone_name"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_of_both_versions_become_the_same_entry() {
        let new = json!({
            "id": "1", "action": { "type": "delete", "result": "failure", "time": "2026-11-20T10:00:00Z",
                "description": "Delete a record" },
            "actor": { "type": "user", "email": "a@example.com", "ip_address": "192.0.2.1",
                "context": "api_token", "token_name": "ci" },
            "resource": { "product": "dns", "type": "records" }, "zone": { "name": "example.com" },
        });
        let old = json!({
            "id": "1", "when": "2026-11-20T10:00:00Z", "action": { "type": "delete", "result": false },
            "actor": { "type": "user", "email": "a@example.com", "ip": "192.0.2.1" },
            "interface": "API", "resource": { "type": "dns", "id": "records" },
            "metadata": { "zone_name": "example.com" },
        });
        let (new, old) = (entry(&new, false), entry(&old, true));
        assert_eq!((&new.time, &new.actor, &new.ip), (&old.time, &old.actor, &old.ip));
        assert_eq!(
            (&new.resource, &new.zone, new.succeeded),
            (&old.resource, &old.zone, Some(false))
        );
        assert_eq!(
            (old.succeeded, new.token.as_str(), old.token.as_str()),
            (Some(false), "ci", "")
        );
        // Anything at all becomes an entry.
        for odd in [json!(null), json!([]), json!({ "actor": 7, "action": [] })] {
            assert_eq!(entry(&odd, false).actor, "");
        }
    }
}
