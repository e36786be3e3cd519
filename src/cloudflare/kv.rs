//! Workers KV: namespaces, keys and values. What is written is seen everywhere after about a minute.

use super::call::{Area, Call, Form, encoded};
use super::client::Client;
use super::error::ApiError;
use crate::http_client::Method;
use crate::limits::{
    CLOUDFLARE_KV_BYTES_PER_CALL, CLOUDFLARE_KV_KEY_BYTES_MAX, CLOUDFLARE_KV_PAIRS_PER_CALL,
    CLOUDFLARE_KV_VALUE_BYTES_MAX,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Namespaces a page.
const NAMESPACES_PER_PAGE: usize = 100;

/// Keys a page; the most that Cloudflare gives.
const KEYS_PER_PAGE: usize = 1_000;

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Namespace {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    #[serde(default)]
    pub title: String,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Key {
    /// The key itself.
    pub name: String,
    /// When it ends, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<f64>,
    /// What was noted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// A key with its value, to be written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The key, at most 512 bytes.
    pub key: String,
    /// The value, at most 25 MiB.
    pub value: String,
    /// Seconds until it ends, at least 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_ttl: Option<u64>,
    /// What to note with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// The value is Base64 of what is to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<bool>,
}

/// What became of many at once: a reply that says "success" may hold failures.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Bulk {
    /// How many went well.
    pub successful_key_count: f64,
    /// The keys that didn't.
    pub unsuccessful_keys: Vec<String>,
}

fn path(account: &str) -> String {
    format!("/accounts/{}/storage/kv/namespaces", encoded(account))
}

fn below(account: &str, namespace: &str, tail: &str) -> String {
    format!("{}/{}{tail}", path(account), encoded(namespace))
}

/// All namespaces, over all pages.
pub fn namespaces(client: &Client, account: &str) -> Result<Vec<Namespace>, ApiError> {
    client.numbered(&Call::get(Area::KeyValue, path(account)), NAMESPACES_PER_PAGE)
}

/// Makes a namespace.
pub fn create(account: &str, title: &str) -> Call {
    Call::new(Area::KeyValue, Method::POST, path(account)).body(json!({ "title": title }))
}

/// Removes a namespace with all that it holds; refused while a Worker is bound to it.
pub fn delete_namespace(account: &str, namespace: &str) -> Call {
    Call::new(Area::KeyValue, Method::DELETE, below(account, namespace, ""))
}

/// The keys that begin so, over all pages.
pub fn keys(
    client: &Client,
    account: &str,
    namespace: &str,
    prefix: Option<&str>,
) -> Result<Vec<Key>, ApiError> {
    let mut call = Call::get(Area::KeyValue, below(account, namespace, "/keys"));
    if let Some(prefix) = prefix {
        call = call.query("prefix", prefix);
    }
    client.by_cursor(&call, KEYS_PER_PAGE)
}

fn value_path(account: &str, namespace: &str, key: &str) -> String {
    below(account, namespace, &format!("/values/{}", encoded(key)))
}

/// Asks for a value, which is the reply itself ([`super::Answer::raw`]).
pub fn get(account: &str, namespace: &str, key: &str) -> Call {
    Call::get(Area::KeyValue, value_path(account, namespace, key)).form(Form::Raw)
}

/// Writes a value, for so many seconds, at least 60, where they are given.
pub fn put(account: &str, namespace: &str, key: &str, value: Vec<u8>, secs: Option<u64>) -> Call {
    let mut path = Call::new(Area::KeyValue, Method::PUT, value_path(account, namespace, key));
    if let Some(secs) = secs {
        path = path.query("expiration_ttl", &secs.to_string());
    }
    path.raw("application/octet-stream", value)
}

/// Removes a key.
pub fn delete(account: &str, namespace: &str, key: &str) -> Call {
    Call::new(Area::KeyValue, Method::DELETE, value_path(account, namespace, key))
}

/// Writes many at once; at most as many as [`batches`] makes.
pub fn put_many(account: &str, namespace: &str, pairs: &[Pair]) -> Call {
    Call::new(Area::KeyValue, Method::PUT, below(account, namespace, "/bulk")).body(json!(pairs))
}

/// Removes many at once, at most 10,000.
pub fn delete_many(account: &str, namespace: &str, keys: &[String]) -> Call {
    Call::new(Area::KeyValue, Method::POST, below(account, namespace, "/bulk/delete"))
        .body(json!(keys))
}

/// What Cloudflare would refuse in a pair, and with it all the others of its call.
pub fn fault(pair: &Pair) -> Option<String> {
    let shown: String = pair.key.chars().take(64).collect();
    if !(1..=CLOUDFLARE_KV_KEY_BYTES_MAX).contains(&pair.key.len()) {
        let most = CLOUDFLARE_KV_KEY_BYTES_MAX;
        return Some(format!("the key `{shown}` has {} bytes, not 1 to {most}", pair.key.len()));
    }
    // Base64 is a third longer than what is written.
    let bytes = match pair.base64 {
        Some(true) => pair.value.len() / 4 * 3,
        _ => pair.value.len(),
    };
    let too_large = bytes > CLOUDFLARE_KV_VALUE_BYTES_MAX;
    too_large.then(|| format!("the value of `{shown}` has {bytes} bytes, Cloudflare takes 25 MiB"))
}

/// Splits pairs so that each part fits one call, by number and by size.
pub fn batches(pairs: &[Pair]) -> Vec<&[Pair]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (place, pair) in pairs.iter().enumerate() {
        // Quotes, names of fields and escapes: at most so much more.
        let size = 2 * (pair.key.len() + pair.value.len()) + 128;
        let full = place - start == CLOUDFLARE_KV_PAIRS_PER_CALL;
        if place > start && (full || bytes + size > CLOUDFLARE_KV_BYTES_PER_CALL) {
            parts.extend(pairs.get(start..place));
            (start, bytes) = (place, 0);
        }
        bytes += size;
    }
    parts.extend(pairs.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_everything_once_and_fit() {
        let pair = |n: usize, bytes: usize| Pair {
            key: n.to_string(),
            value: "v".repeat(bytes),
            expiration_ttl: None,
            metadata: None,
            base64: None,
        };
        assert!(batches(&[]).is_empty());
        let many: Vec<Pair> = (0..25_000).map(|n| pair(n, 1)).collect();
        let sizes: Vec<usize> = batches(&many).iter().map(|part| part.len()).collect();
        assert_eq!(sizes, [10_000, 10_000, 5_000]);
        let large: Vec<Pair> = (0..5).map(|n| pair(n, CLOUDFLARE_KV_BYTES_PER_CALL / 4)).collect();
        let parts = batches(&large);
        assert!(parts.len() > 1 && parts.iter().all(|part| part.len() < 3));
        assert_eq!(parts.concat(), large);
    }

    #[test]
    fn what_would_be_refused_is_told_before() {
        let pair = |key: &str, bytes: usize, base64: Option<bool>| Pair {
            key: key.to_owned(),
            value: "v".repeat(bytes),
            expiration_ttl: None,
            metadata: None,
            base64,
        };
        let most = CLOUDFLARE_KV_VALUE_BYTES_MAX;
        assert_eq!(fault(&pair("k", most, None)), None);
        assert_eq!(fault(&pair("k", most + 1, Some(true))), None, "it is shorter when decoded");
        assert!(fault(&pair("k", most + 1, None)).unwrap().contains("`k`"));
        assert!(fault(&pair("", 1, None)).is_some());
        assert!(fault(&pair(&"k".repeat(513), 1, None)).is_some());
        assert_eq!(fault(&pair(&"k".repeat(512), 1, None)), None);
    }

    #[test]
    fn keys_stay_in_their_place() {
        let call = get("a", "n", "one/../two?x");
        assert_eq!(call.path, "/accounts/a/storage/kv/namespaces/n/values/one%2F..%2Ftwo%3Fx");
    }
}
