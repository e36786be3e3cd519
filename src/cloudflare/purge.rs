//! Purging a zone's cache. That it went well does not say that anything was cached.

use super::call::{Area, Call, Lane, encoded};
use crate::http_client::Method;
use serde_json::{Value, json};

/// What to purge; exactly one kind in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Everything.
    Everything,
    /// These URLs.
    Files(Vec<String>),
    /// What carries these cache tags.
    Tags(Vec<String>),
    /// These hosts.
    Hosts(Vec<String>),
    /// What begins so, without a scheme (`www.example.com/blog`).
    Prefixes(Vec<String>),
}

impl What {
    fn body(&self) -> Value {
        match self {
            Self::Everything => json!({ "purge_everything": true }),
            Self::Files(files) => json!({ "files": files }),
            Self::Tags(tags) => json!({ "tags": tags }),
            Self::Hosts(hosts) => json!({ "hosts": hosts }),
            Self::Prefixes(prefixes) => json!({ "prefixes": prefixes }),
        }
    }
}

/// Purges a zone's cache.
pub fn purge(zone: &str, what: &What) -> Call {
    let path = format!("/zones/{}/purge_cache", encoded(zone));
    // URLs have a rate of their own, which is far above that of all calls.
    let lane = if matches!(what, What::Files(_)) { Lane::General } else { Lane::Purge };
    Call::new(Area::Purge, Method::POST, path).body(what.body()).lane(lane)
}
