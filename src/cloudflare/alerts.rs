//! Notifications of Cloudflare's: where they go (webhooks), and of what (policies).

use super::call::{Area, Call, encoded};
use super::masked;
use crate::http_client::Method;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A webhook.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Where it goes, without what may be secret.
    #[serde(default, deserialize_with = "masked::read")]
    pub url: Option<String>,
    /// When it last went well.
    #[serde(default)]
    pub last_success: Option<String>,
    /// When it last failed.
    #[serde(default)]
    pub last_failure: Option<String>,
}

/// A policy: of what, and to whom.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Of what (`dos_attack_l7`, `http_alert_origin_error`, …).
    #[serde(default)]
    pub alert_type: String,
    /// Whether it is on.
    #[serde(default)]
    pub enabled: bool,
    /// To whom: lists of ids by the kind of destination.
    #[serde(default)]
    pub mechanisms: Map<String, Value>,
}

fn path(account: &str) -> String {
    format!("/accounts/{}/alerting/v3", encoded(account))
}

/// All webhooks; the reply holds their addresses.
pub fn webhooks(account: &str) -> Call {
    Call::get(Area::Alerts, format!("{}/destinations/webhooks", path(account))).hidden()
}

/// Makes a webhook; what it sends carries the secret in `cf-webhook-auth`. Not on Free.
pub fn create_webhook(account: &str, name: &str, url: &str, secret: Option<&Secret>) -> Call {
    let mut body = json!({ "name": name, "url": url });
    if let (Some(secret), Some(fields)) = (secret, body.as_object_mut()) {
        fields.insert("secret".to_owned(), json!(secret.reveal()));
    }
    let path = format!("{}/destinations/webhooks", path(account));
    Call::new(Area::Alerts, Method::POST, path).body(body).hidden()
}

/// Removes a webhook.
pub fn delete_webhook(account: &str, id: &str) -> Call {
    let path = format!("{}/destinations/webhooks/{}", path(account), encoded(id));
    Call::new(Area::Alerts, Method::DELETE, path)
}

/// All policies.
pub fn policies(account: &str) -> Call {
    Call::get(Area::Alerts, format!("{}/policies", path(account)))
}

/// Makes a policy that tells these webhooks.
pub fn create_policy(account: &str, name: &str, alert_type: &str, webhooks: &[&str]) -> Call {
    let webhooks: Vec<Value> = webhooks.iter().map(|id| json!({ "id": id })).collect();
    Call::new(Area::Alerts, Method::POST, format!("{}/policies", path(account))).body(json!({
        "name": name,
        "alert_type": alert_type,
        "enabled": true,
        "mechanisms": { "webhooks": webhooks },
    }))
}

/// Removes a policy.
pub fn delete_policy(account: &str, id: &str) -> Call {
    let path = format!("{}/policies/{}", path(account), encoded(id));
    Call::new(Area::Alerts, Method::DELETE, path)
}
