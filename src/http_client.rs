//! The one way out over HTTP: rustls with ring, the system's root certificates, no redirects, a
//! time limit, and a limit on what a reply may hold.
//!
//! In: a [`Request`]. Out: a [`Reply`], or an error that says whether the request may have arrived.
//! Retries, signatures and meaning are left to the caller. No error's text holds the address,
//! which may be a secret.

pub use reqwest::Method;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::error::Error as _;
use std::time::Duration;

/// What to send.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// Names and values; a value marked secret never shows in a log.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// From connecting to the last byte of the reply.
    pub time_limit: Duration,
    /// The reply's body is cut at this length.
    pub reply_bytes_max: usize,
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// `Retry-After`, as seconds; a date in it is not read.
    pub retry_after: Option<Duration>,
    /// The reply's headers, names in lower case; those that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The body, cut at the limit.
    pub body: Vec<u8>,
    /// The body came to its end: it neither broke off nor was it cut.
    pub whole: bool,
}

impl Reply {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// No whole reply came.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The client can't be built.
    #[error(
        "failed to set up TLS: {reason}\nhint: install the system's root certificates (Debian: `apt install ca-certificates`)"
    )]
    SetUp {
        /// Why.
        reason: String,
    },
    /// The request itself can't be sent.
    #[error("the request is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Nothing was sent: no connection.
    #[error("failed to connect: {reason}")]
    Connect {
        /// Why.
        reason: String,
    },
    /// It may have arrived.
    #[error("no reply: {reason}")]
    NoReply {
        /// Why.
        reason: String,
    },
}

impl HttpError {
    /// Whether the other side may have received the request all the same.
    pub const fn may_have_arrived(&self) -> bool {
        matches!(self, Self::NoReply { .. })
    }
}

/// A client with its connections. Calls block; several threads may call at once.
#[derive(Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl HttpClient {
    /// Sets TLS and roots up; takes some milliseconds and is best done when first needed.
    pub fn new() -> Result<Self, HttpError> {
        Self::build(|builder| builder)
    }

    /// As [`HttpClient::new`] for an address like this one. What goes in the clear stays on this
    /// machine or its link, and is there to carry tokens: no proxy of the environment gets it.
    pub fn towards(url: &str) -> Result<Self, HttpError> {
        let clear = url.starts_with("http://");
        Self::build(|builder| if clear { builder.no_proxy() } else { builder })
    }

    /// As [`HttpClient::new`], and believes those whom these authorities (PEM) have signed, too.
    pub fn trusting(pem: &[u8]) -> Result<Self, HttpError> {
        let authorities = authorities(pem);
        Self::build(|builder| builder.tls_certs_merge(authorities))
    }

    /// As [`HttpClient::new`], but what goes to `host` connects to that address, whatever the DNS
    /// says of it and past any proxy; certificates are still those of `host`.
    pub fn leading(host: &str, address: std::net::SocketAddr) -> Result<Self, HttpError> {
        Self::build(|builder| builder.resolve(host, address).no_proxy())
    }

    fn build(
        with: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, HttpError> {
        let set_up = |reason: String| HttpError::SetUp { reason };
        install_provider();
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(2)
            .user_agent(concat!("riposte/", env!("CARGO_PKG_VERSION")));
        let client = with(builder).build().map_err(|error| set_up(chain(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| set_up(error.to_string()))?;
        Ok(Self { client, runtime })
    }

    /// Sends and waits for the whole reply. Must not be called on an async worker thread.
    pub fn call(&self, request: &Request) -> Result<Reply, HttpError> {
        self.runtime.block_on(send(&self.client, request))
    }
}

/// Whether a text (PEM) holds certificates.
pub fn holds_certificates(pem: &[u8]) -> bool {
    !authorities(pem).is_empty()
}

fn authorities(pem: &[u8]) -> Vec<reqwest::Certificate> {
    reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default()
}

/// Where an address leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The whole address.
    pub url: String,
    /// `https`, `http`, or something else.
    pub scheme: String,
    /// The host, an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Where `Location: …` leads in a reply to a request of `url`.
pub fn redirect(url: &str, location: &str) -> Option<Target> {
    let url = reqwest::Url::parse(url).ok()?.join(location).ok()?;
    Some(Target {
        scheme: url.scheme().to_owned(),
        host: url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port_or_known_default()?,
        url: url.into(),
    })
}

/// The address with a further parameter in its query.
pub fn with_query(url: &str, name: &str, value: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(url).ok()?;
    url.query_pairs_mut().append_pair(name, value);
    Some(url.into())
}

/// Chooses ring for the whole process, once.
pub fn install_provider() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // Refused only when one is installed already, which then serves.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

async fn send(client: &reqwest::Client, request: &Request) -> Result<Reply, HttpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let malformed = |reason: String| HttpError::Malformed { reason };
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| malformed(format!("`{name}` is no header name")))?;
        let mut value = HeaderValue::try_from(value.as_str())
            .map_err(|_| malformed(format!("the value of header `{name}` has forbidden bytes")))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let mut response = client
        .request(request.method.clone(), &request.url)
        .headers(headers)
        .body(request.body.clone())
        .timeout(request.time_limit)
        .send()
        .await
        .map_err(describe)?;
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect();
    let mut body = Vec::new();
    // The status has come, so the request has arrived: a body that breaks off changes nothing.
    let mut whole = false;
    while body.len() <= request.reply_bytes_max {
        let Ok(chunk) = response.chunk().await else { break };
        let Some(chunk) = chunk else {
            whole = true;
            break;
        };
        body.extend_from_slice(&chunk);
    }
    whole &= body.len() <= request.reply_bytes_max;
    body.truncate(request.reply_bytes_max);
    Ok(Reply { status, retry_after, headers, body, whole })
}

fn describe(error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    let reason = chain(&error);
    if error.is_builder() {
        HttpError::Malformed { reason }
    } else if error.is_connect() {
        HttpError::Connect { reason }
    } else {
        HttpError::NoReply { reason }
    }
}

/// A value as it may stand in a path's segment or a query: everything but letters, digits and
/// `-._~` (RFC 3986, unreserved characters) is encoded.
pub fn encoded(value: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a text can't fail.
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

/// A path whose segments are encoded, and whose slashes stay.
pub fn encoded_path(path: &str) -> String {
    path.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

/// An error with its causes, the outermost first.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
