//! Workers: uploading a module, its secrets and schedules, and the routes of zones that lead to it.
//! A route that a Worker can't answer (its quota is used up) is an error for visitors: the API has
//! no way to let them pass instead.

use super::call::{Area, Call, encoded};
use crate::http_client::Method;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A Worker.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Script {
    /// Its name.
    pub id: String,
    /// When it was made.
    #[serde(default)]
    pub created_on: Option<String>,
    /// When it was last uploaded.
    #[serde(default)]
    pub modified_on: Option<String>,
    /// What it answers to (`fetch`, `scheduled`).
    #[serde(default)]
    pub handlers: Option<Vec<String>>,
    /// A mark of its content.
    #[serde(default)]
    pub etag: Option<String>,
}

/// Something that a Worker finds in its `env`.
#[derive(Debug, Clone)]
pub enum Binding {
    /// A KV namespace, by its id.
    Namespace {
        /// Its name in `env`.
        name: String,
        /// The namespace's id.
        id: String,
    },
    /// A text; Cloudflare refuses an empty one.
    Text {
        /// Its name in `env`.
        name: String,
        /// The text.
        text: String,
    },
    /// A secret.
    Secret {
        /// Its name in `env`.
        name: String,
        /// The secret.
        value: Secret,
    },
}

impl Binding {
    fn value(&self) -> Value {
        match self {
            Self::Namespace { name, id } => {
                json!({ "type": "kv_namespace", "name": name, "namespace_id": id })
            }
            Self::Text { name, text } => {
                json!({ "type": "plain_text", "name": name, "text": text })
            }
            Self::Secret { name, value } => {
                json!({ "type": "secret_text", "name": name, "text": value.reveal() })
            }
        }
    }
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub struct Module {
    /// The module's file name (`worker.mjs`).
    pub file: String,
    /// Its text.
    pub text: Vec<u8>,
    /// The day whose behaviour is wanted (`2026-11-01`); without one it would be 2021's.
    pub compatibility_date: String,
    /// What it finds in `env`; others that were there are dropped, but for secrets.
    pub bindings: Vec<Binding>,
}

fn path(account: &str, name: &str) -> String {
    format!("/accounts/{}/workers/scripts/{}", encoded(account), encoded(name))
}

/// All Workers of an account.
pub fn all(account: &str) -> Call {
    Call::get(Area::Workers, format!("/accounts/{}/workers/scripts", encoded(account)))
}

/// Uploads a module as the Worker of this name, which is in use at once.
pub fn upload(account: &str, name: &str, module: &Module) -> Call {
    let bindings: Vec<Value> = module.bindings.iter().map(Binding::value).collect();
    let metadata = json!({
        "main_module": module.file,
        "compatibility_date": module.compatibility_date,
        "bindings": bindings,
        "keep_bindings": ["secret_text", "secret_key"],
    });
    let boundary = boundary(&module.text);
    let mut body = Vec::with_capacity(module.text.len() + 1_024);
    let mut part = |name: &str, file: Option<&str>, kind: &str, content: &[u8]| {
        let file = file.map(|file| format!("; filename=\"{}\"", quoted(file))).unwrap_or_default();
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\nContent-Type: {kind}\r\n\r\n",
            quoted(name)
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    part("metadata", None, "application/json", metadata.to_string().as_bytes());
    part(&module.file, Some(&module.file), "application/javascript+module", &module.text);
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Call::new(Area::Workers, Method::PUT, path(account, name))
        .raw(format!("multipart/form-data; boundary={boundary}"), body)
        .hidden()
}

/// A line that is not in the text.
fn boundary(text: &[u8]) -> String {
    let mut number = 0_u64;
    loop {
        let boundary = format!("riposte-part-{number:016x}");
        if memchr::memmem::find(text, boundary.as_bytes()).is_none() {
            return boundary;
        }
        number += 1;
    }
}

/// A name as it may stand in quotes in a part's head.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// Removes a Worker.
pub fn delete(account: &str, name: &str) -> Call {
    Call::new(Area::Workers, Method::DELETE, path(account, name))
}

/// A secret's name; its value can't be had.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct SecretName {
    /// Its name in `env`.
    pub name: String,
    /// `secret_text`, or `secret_key`.
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// The names of a Worker's secrets.
pub fn secrets(account: &str, name: &str) -> Call {
    Call::get(Area::Workers, format!("{}/secrets", path(account, name)))
}

/// Gives a Worker a secret.
pub fn put_secret(account: &str, name: &str, secret: &str, value: &Secret) -> Call {
    Call::new(Area::Workers, Method::PUT, format!("{}/secrets", path(account, name)))
        .body(json!({ "name": secret, "text": value.reveal(), "type": "secret_text" }))
        .hidden()
}

/// Takes a secret from a Worker.
pub fn delete_secret(account: &str, name: &str, secret: &str) -> Call {
    let path = format!("{}/secrets/{}", path(account, name), encoded(secret));
    Call::new(Area::Workers, Method::DELETE, path)
}

/// When a Worker runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Schedule {
    /// A cron, in UTC.
    pub cron: String,
    /// Since when.
    #[serde(default)]
    pub created_on: Option<String>,
}

/// The reply to [`schedules`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Schedules {
    /// All of them.
    #[serde(default)]
    pub schedules: Vec<Schedule>,
}

/// Asks when a Worker runs by itself.
pub fn schedules(account: &str, name: &str) -> Call {
    Call::get(Area::Workers, format!("{}/schedules", path(account, name)))
}

/// Lets a Worker run by itself at these times (cron, UTC), and at no others.
pub fn set_schedules(account: &str, name: &str, crons: &[String]) -> Call {
    let crons: Vec<Value> = crons.iter().map(|cron| json!({ "cron": cron })).collect();
    Call::new(Area::Workers, Method::PUT, format!("{}/schedules", path(account, name)))
        .body(json!(crons))
}

/// A route: which requests a Worker answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Route {
    /// Its id.
    pub id: String,
    /// Which requests (`example.com/api/*`).
    pub pattern: String,
    /// The Worker; absent where requests go past all of them.
    #[serde(default)]
    pub script: Option<String>,
}

/// All routes of a zone.
pub fn routes(zone: &str) -> Call {
    Call::get(Area::Workers, format!("/zones/{}/workers/routes", encoded(zone)))
}

/// Lets a Worker answer requests.
pub fn create_route(zone: &str, pattern: &str, script: &str) -> Call {
    create_route_of(zone, pattern, Some(script))
}

/// Lets a Worker answer requests of a pattern; without one they go past all Workers.
pub fn create_route_of(zone: &str, pattern: &str, script: Option<&str>) -> Call {
    let mut body = json!({ "pattern": pattern });
    if let (Some(script), Some(fields)) = (script, body.as_object_mut()) {
        fields.insert("script".to_owned(), json!(script));
    }
    Call::new(Area::Workers, Method::POST, format!("/zones/{}/workers/routes", encoded(zone)))
        .body(body)
}

/// Lets another Worker answer a route's requests, or none.
pub fn change_route(zone: &str, id: &str, pattern: &str, script: Option<&str>) -> Call {
    let path = format!("/zones/{}/workers/routes/{}", encoded(zone), encoded(id));
    let mut body = json!({ "pattern": pattern });
    if let (Some(script), Some(fields)) = (script, body.as_object_mut()) {
        fields.insert("script".to_owned(), json!(script));
    }
    Call::new(Area::Workers, Method::PUT, path).body(body)
}

/// Removes a route.
pub fn delete_route(zone: &str, id: &str) -> Call {
    let path = format!("/zones/{}/workers/routes/{}", encoded(zone), encoded(id));
    Call::new(Area::Workers, Method::DELETE, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_its_parts_and_shows_no_secret() {
        let module = Module {
            file: "a\"b.mjs".to_owned(),
            text: b"riposte-part-0000000000000000".to_vec(),
            compatibility_date: "2026-11-01".to_owned(),
            bindings: vec![Binding::Secret {
                name: "KEY".to_owned(),
                value: Secret::new("hush".to_owned()),
            }],
        };
        let call = upload("acc", "w", &module);
        let shown = format!("{call} {call:?}");
        assert!(!shown.contains("hush") && shown.contains("[a body with a secret]"), "{shown}");
        let raw = call.raw.unwrap();
        assert_eq!(raw.content_type, "multipart/form-data; boundary=riposte-part-0000000000000001");
        let text = String::from_utf8(raw.bytes).unwrap();
        assert!(text.contains("name=\"a%22b.mjs\"; filename=\"a%22b.mjs\"\r\n"), "{text}");
        assert!(text.ends_with("--riposte-part-0000000000000001--\r\n"), "{text}");
    }
}
