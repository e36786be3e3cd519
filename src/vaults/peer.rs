//! One exchange with a vault: JSON in bounds, and a pause after it could not be reached.
//!
//! In: a request. Out: a status and what the reply holds, or why there is none. What they mean is
//! the vault's own file's. No text here holds a header or a body: both may be secrets.

use crate::http_client::{HttpClient, HttpError, Method, Request, holds_certificates};
use crate::limits::{VAULT_CALL_SECS_MAX, VAULT_DOWN_SECS, VAULT_REPLY_BYTES_MAX};
use crate::trust::distrust_chain;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What came back.
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The reply as JSON; its text as a JSON text where it is none.
    pub(super) body: Value,
}

impl Answer {
    /// Whether it was a success.
    pub(super) const fn is_well(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// Another side, and how it was lately.
#[derive(Debug)]
pub(super) struct Peer {
    /// What it is called in messages.
    name: &'static str,
    /// A file with the authorities that are believed beside the system's.
    authority: Option<PathBuf>,
    /// Built when first needed: reading the root certificates takes time and memory.
    http: OnceLock<HttpClient>,
    /// Hosts that could not be reached: until when they are left alone, and why.
    down: Mutex<BTreeMap<String, (Instant, String)>>,
}

impl Peer {
    pub(super) const fn new(name: &'static str) -> Self {
        let down = Mutex::new(BTreeMap::new());
        Self { name, authority: None, http: OnceLock::new(), down }
    }

    /// The same that also believes the authorities of this file.
    pub(super) fn with_authority(self, authority: Option<PathBuf>) -> Self {
        Self { authority, ..self }
    }

    /// Sends a request and waits for the reply.
    pub(super) fn call(
        &self,
        method: Method,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let host = host(&url).to_owned();
        if let Some((until, why)) = self.lock().get(&host)
            && Instant::now() < *until
        {
            return Err(why.clone());
        }
        // Read once, like the system's: a file that can't be read now is tried again next time.
        let pem = match (&self.authority, self.http.get()) {
            (Some(path), None) => Some(certificates(path)?),
            _ => None,
        };
        let request = Request {
            method,
            url,
            headers,
            body,
            time_limit: Duration::from_secs(VAULT_CALL_SECS_MAX),
            reply_bytes_max: VAULT_REPLY_BYTES_MAX,
        };
        let reply =
            match self.http(&request.url, pem.as_deref()).and_then(|http| http.call(&request)) {
                Ok(reply) => reply,
                Err(error) => {
                    let why = format!("{} can't be reached: {error}", self.name);
                    if !matches!(error, HttpError::Malformed { .. }) {
                        let until = Instant::now() + Duration::from_secs(VAULT_DOWN_SECS);
                        let mut down = self.lock();
                        let now = Instant::now();
                        down.retain(|_, (until, _)| now < *until);
                        down.insert(host, (until, why.clone()));
                    }
                    return Err(why);
                }
            };
        self.lock().remove(&host);
        if !reply.whole {
            let long = reply.body.len() >= VAULT_REPLY_BYTES_MAX;
            return Err(if long {
                format!(
                    "the reply of {} is longer than {} KiB",
                    self.name,
                    VAULT_REPLY_BYTES_MAX / 1024
                )
            } else {
                format!("the reply of {} broke off", self.name)
            });
        }
        let body = serde_json::from_slice(&reply.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply.body).into_owned()));
        Ok(Answer { status: reply.status, body })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, String)>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client; all addresses of a peer have the same scheme.
    fn http(&self, url: &str, pem: Option<&[u8]>) -> Result<&HttpClient, HttpError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let built = match pem {
            // Plain HTTP has no use for it.
            Some(pem) if url.starts_with("https://") => HttpClient::trusting(pem)?,
            _ => HttpClient::towards(url)?,
        };
        Ok(self.http.get_or_init(|| built))
    }
}

/// The certificates of a file. Who can write it says whom secrets are sent to.
fn certificates(path: &Path) -> Result<Vec<u8>, String> {
    if let Some(why) = distrust_chain(path) {
        return Err(format!("{}\nhint: {}", why.message, why.hint));
    }
    let shown = path.display();
    let failed = |error: std::io::Error| format!("failed to read `{shown}`: {error}");
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut pem = Vec::new();
    let most = u64::try_from(VAULT_REPLY_BYTES_MAX).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut pem).map_err(failed)?;
    if !holds_certificates(&pem) {
        return Err(format!(
            "`{shown}` holds no certificate\nhint: `ca_file` is a file in PEM, with `-----BEGIN CERTIFICATE-----`"
        ));
    }
    Ok(pem)
}

/// Scheme and host of an address.
fn host(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + "://".len());
    let length = url.get(start..).and_then(|rest| rest.find('/'));
    length.and_then(|length| url.get(..start + length)).unwrap_or(url)
}

/// Whether secrets may be fetched there: HTTPS, or plain HTTP on this machine alone.
pub(super) fn check_address(key: &str, address: &str) -> Result<(), String> {
    if let Some(rest) = address.strip_prefix("https://")
        && is_host(rest)
    {
        return Ok(());
    }
    if plain(address).is_some_and(|address| address.is_loopback()) {
        return Ok(());
    }
    Err(format!(
        "`{key}` is no address of a vault\nhint: `https://HOST:PORT`; plain `http://` only to `127.0.0.1` or `[::1]`, with a port"
    ))
}

/// Whether a metadata service may be asked there: it speaks plain HTTP, link-local.
pub(super) fn check_metadata(key: &str, address: &str) -> Result<(), String> {
    let link_local = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        // The IPv6 address of AWS's: fd00:ec2::254.
        IpAddr::V6(v6) => v6.segments().starts_with(&[0xfd00, 0x0ec2]),
    };
    match plain(address) {
        Some(address) if address.is_loopback() || link_local(address) => Ok(()),
        _ => Err(format!(
            "`{key}` is no address of a metadata service\nhint: `http://169.254.169.254`"
        )),
    }
}

/// The address of `http://ADDRESS` or `http://ADDRESS:PORT`.
fn plain(address: &str) -> Option<IpAddr> {
    let rest = address.strip_prefix("http://")?.trim_end_matches('/');
    let bare = rest.trim_start_matches('[').trim_end_matches(']');
    rest.parse::<SocketAddr>().map(|socket| socket.ip()).ok().or_else(|| bare.parse().ok())
}

fn is_host(rest: &str) -> bool {
    let rest = rest.trim_end_matches('/');
    let right = |c: char| c.is_ascii_alphanumeric() || "-._:[]/".contains(c);
    !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_over_https_or_stay_on_the_machine() {
        for well in ["https://vault.example.com:8200", "http://127.0.0.1:8200", "http://[::1]:1/"] {
            assert_eq!(check_address("a", well), Ok(()), "{well}");
        }
        for ill in [
            "http://vault.example.com",
            "http://127.0.0.1.example.com:80",
            "http://169.254.169.254",
            "https://user:word@host",
            "https://",
            "vault",
        ] {
            assert!(check_address("a", ill).is_err(), "{ill}");
        }
        for well in ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://127.0.0.1:99"] {
            assert_eq!(check_metadata("a", well), Ok(()), "{well}");
        }
        for ill in ["http://10.0.0.1", "https://169.254.169.254", "http://metadata.google"] {
            assert!(check_metadata("a", ill).is_err(), "{ill}");
        }
    }
}
