//! Faults on demand: which requests, what becomes of them, how often.

use super::http::Request;
use serde::Deserialize;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with code 971; nothing is done.
    TooMany,
    /// The same, for as long as Cloudflare shuts a user out.
    ShutOut,
    /// 503 with an HTML page; nothing is done.
    Html,
    /// 500 in the envelope; nothing is done.
    Server,
    /// 400 in the envelope, as for something that can't be had; nothing is done.
    Refused,
    /// 200 without `result`; it is done.
    NoResult,
    /// It is done in part, as far as that can be said in a reply (bulk writes to KV).
    Partial,
    /// The connection is closed before anything is done.
    Drop,
    /// It is done, and the connection is closed without a reply.
    Lost,
    /// It is done, and the reply breaks off in its middle.
    Cut,
    /// A change of a list is taken on, and comes to nothing: asked about, it has failed.
    Fails,
    /// It is done, and the reply comes late.
    #[serde(skip)]
    Slow(Duration),
}

/// A fault, for the next so many requests that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub fault: FaultKind,
    /// How often.
    #[serde(default = "once")]
    pub times: u32,
    /// Only requests with this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path contains this.
    #[serde(default)]
    pub path: String,
    /// Only requests whose body contains this.
    #[serde(default)]
    pub body: String,
}

const fn once() -> u32 {
    1
}

impl Fault {
    /// A fault for the next `times` requests of any kind.
    pub const fn new(fault: FaultKind, times: u32) -> Self {
        Self { fault, times, method: None, path: String::new(), body: String::new() }
    }

    /// Only for requests with this method whose path contains this.
    #[must_use]
    pub fn only(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        path.clone_into(&mut self.path);
        self
    }

    /// Only for requests whose body contains this.
    #[must_use]
    pub fn with_body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    fn concerns(&self, request: &Request) -> bool {
        let method = self.method.as_ref().is_none_or(|method| *method == request.method);
        let body =
            self.body.is_empty() || String::from_utf8_lossy(&request.body).contains(&self.body);
        self.times > 0 && method && body && request.path.contains(&self.path)
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What goes wrong with a request.
    pub(super) fn take(&mut self, request: &Request) -> Option<FaultKind> {
        let fault = self.0.iter_mut().find(|fault| fault.concerns(request))?;
        fault.times -= 1;
        let kind = fault.fault;
        self.0.retain(|fault| fault.times > 0);
        Some(kind)
    }
}
