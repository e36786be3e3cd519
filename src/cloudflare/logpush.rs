//! Jobs that push a zone's or an account's logs somewhere (Enterprise).

use super::access_rules::Scope;
use super::call::{Area, Call, encoded};
use super::masked;
use crate::http_client::Method;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A job.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Job {
    /// Its id.
    pub id: u64,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// What is pushed (`http_requests`, `firewall_events`, …).
    #[serde(default)]
    pub dataset: Option<String>,
    /// Where to, without what may be secret.
    #[serde(default, rename(deserialize = "destination_conf"), deserialize_with = "masked::read")]
    pub destination: Option<String>,
    /// Whether it is on; Cloudflare switches failing jobs off.
    #[serde(default)]
    pub enabled: bool,
    /// When it last went well.
    #[serde(default)]
    pub last_complete: Option<String>,
    /// When it last failed.
    #[serde(default)]
    pub last_error: Option<String>,
    /// Why.
    #[serde(default)]
    pub error_message: Option<String>,
}

/// What a new job is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its name.
    pub name: String,
    /// What is pushed.
    pub dataset: String,
    /// Where to; it holds the password.
    pub destination: String,
    /// The fields of each line; Cloudflare's choice where there are none.
    pub fields: Vec<String>,
    /// Seconds between two pushes at most, 30 to 300.
    pub interval_secs: u64,
}

/// All jobs.
pub fn all(scope: &Scope) -> Call {
    Call::get(Area::Logpush, format!("{scope}/logpush/jobs")).hidden()
}

/// Makes a job; Cloudflare tries the destination first.
pub fn create(scope: &Scope, new: &NewJob) -> Call {
    let mut output = json!({ "output_type": "ndjson", "timestamp_format": "rfc3339" });
    if let (false, Some(options)) = (new.fields.is_empty(), output.as_object_mut()) {
        options.insert("field_names".to_owned(), json!(new.fields));
    }
    Call::new(Area::Logpush, Method::POST, format!("{scope}/logpush/jobs"))
        .body(json!({
            "name": new.name,
            "dataset": new.dataset,
            "destination_conf": new.destination,
            "enabled": true,
            "output_options": output,
            "max_upload_interval_seconds": new.interval_secs,
        }))
        .hidden()
}

/// Switches a job on or off.
pub fn enable(scope: &Scope, id: u64, enabled: bool) -> Call {
    Call::new(Area::Logpush, Method::PUT, format!("{scope}/logpush/jobs/{id}"))
        .body(json!({ "enabled": enabled }))
        .hidden()
}

/// Removes a job.
pub fn delete(scope: &Scope, id: u64) -> Call {
    Call::new(Area::Logpush, Method::DELETE, format!("{scope}/logpush/jobs/{id}"))
}

/// A destination that is riposte's own intake over HTTPS; the token goes as a bearer's.
pub fn to_intake(url: &str, token: &Secret) -> String {
    let token = encoded(&format!("Bearer {}", token.reveal()));
    format!("{url}?header_Authorization={token}")
}
