//! HashiCorp Vault and OpenBao: KV of both versions, and any other engine that is read by a path
//! (with its lease); entered by a token or an AppRole.
//!
//! In: a path. Out: its fields, with the lease where they come with one. The session's token is
//! renewed when two thirds of its time are over, and had anew where that is refused. Facts about
//! the API were read in November 2026 and held to a running OpenBao 2.7.

use super::config::VaultConfig;
use super::peer::{Answer, Peer};
use super::{Document, Lease, at, encoded, fields, lasting, words};
use crate::http_client::Method;
use crate::process::read_secret;
use crate::secret::Secret;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Mounts that are remembered.
const MOUNTS_MAX: usize = 64;

/// A server, and the session with it.
#[derive(Debug)]
pub(super) struct Vault {
    config: VaultConfig,
    peer: Peer,
    /// Held while a session is begun, so that many readers begin one.
    session: Mutex<Option<Session>>,
    /// Where paths are mounted, by their first part.
    mounts: Mutex<BTreeMap<String, Mount>>,
}

#[derive(Debug, Clone)]
struct Session {
    token: Secret,
    /// When it is to be renewed; `None` where it can't be, or doesn't end.
    renew_at: Option<Instant>,
    /// When it is over.
    ends_at: Option<Instant>,
}

/// A mounted engine.
#[derive(Debug, Clone)]
struct Mount {
    /// Where, with a `/` at its end.
    path: String,
    /// It is the second version of KV, which has `data/` in its paths.
    versioned: bool,
}

/// Why a call didn't do.
#[derive(Debug)]
enum Refusal {
    /// The token is not taken, or may not do this.
    Denied(String),
    /// Anything else.
    Other(String),
}

impl Refusal {
    fn into_words(self) -> String {
        match self {
            Self::Denied(words) | Self::Other(words) => words,
        }
    }
}

impl From<String> for Refusal {
    fn from(words: String) -> Self {
        Self::Other(words)
    }
}

impl Session {
    /// A session with a token that lasts so long from now on.
    fn of(token: Secret, lasts: Duration, renewable: bool) -> Self {
        let now = Instant::now();
        let ends = !lasts.is_zero();
        Self {
            token,
            renew_at: (ends && renewable).then(|| now + lasts.mul_f64(2.0 / 3.0)),
            ends_at: ends.then(|| now + lasts),
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.ends_at.is_some_and(|ends| now >= ends)
    }
}

impl Vault {
    pub(super) fn new(config: &VaultConfig) -> Self {
        Self {
            config: config.clone(),
            peer: Peer::new("the vault").with_authority(config.ca_file.clone()),
            session: Mutex::new(None),
            mounts: Mutex::new(BTreeMap::new()),
        }
    }

    /// Reads what is at a path.
    pub(super) fn read(&self, path: &str) -> Result<Document, String> {
        self.with_session(|token| {
            let mount = self.mount(path, token)?;
            let place = place(path, mount.as_ref());
            let answer = self.call(Method::GET, &place, None, Some(token))?;
            if answer.is_well() {
                return document(&answer.body).map_err(Refusal::Other);
            }
            if answer.status == 404 {
                // The mount may be another by now.
                self.mounts.lock().unwrap_or_else(PoisonError::into_inner).clear();
            }
            Err(refusal(&answer, token))
        })
    }

    /// Renews a lease; gives how long it lasts now.
    pub(super) fn renew(&self, lease: &Lease) -> Result<Duration, String> {
        self.with_session(|token| {
            let body = json!({ "lease_id": lease.id, "increment": lease.lasts.as_secs() });
            let answer = self.call(Method::PUT, "sys/leases/renew", Some(&body), Some(token))?;
            if answer.is_well() {
                return Ok(seconds(&answer.body, "lease_duration"));
            }
            Err(refusal(&answer, token))
        })
    }

    /// Renews the session's token when it is time; when that has to be done next.
    pub(super) fn tend(&self) -> Option<Instant> {
        let mut session = self.lock();
        let now = Instant::now();
        if session.as_ref()?.renew_at.is_some_and(|at| now >= at) {
            self.renew_session(&mut session);
        }
        let session = session.as_ref()?;
        session.renew_at.map(|at| at.max(now + Duration::from_secs(1)))
    }

    /// Does something with the session's token; where the token itself is no longer taken, once
    /// more with a new one.
    fn with_session<T>(&self, work: impl Fn(&Secret) -> Result<T, Refusal>) -> Result<T, String> {
        let (token, is_new) = self.token()?;
        match work(&token) {
            Ok(done) => Ok(done),
            // The vault says the same of a token that has ended and of a path without a policy.
            Err(Refusal::Denied(_)) if !is_new && self.has_ended(&token) => {
                let token = self.anew(&token)?;
                work(&token).map_err(Refusal::into_words)
            }
            Err(refusal) => Err(refusal.into_words()),
        }
    }

    /// Whether the vault takes a token no longer, or doesn't let it ask that.
    fn has_ended(&self, token: &Secret) -> bool {
        let answer = self.call(Method::GET, "auth/token/lookup-self", None, Some(token));
        answer.is_ok_and(|answer| matches!(answer.status, 400 | 401 | 403))
    }

    /// Another token than this one. The session stays where none is to be had: it may do for other
    /// paths.
    fn anew(&self, token: &Secret) -> Result<Secret, String> {
        let mut session = self.lock();
        // Another reader may have begun a new one meanwhile.
        if let Some(held) = session.as_ref().filter(|held| held.token != *token) {
            return Ok(held.token.clone());
        }
        let begun = self.begin()?;
        let token = begun.token.clone();
        *session = Some(begun);
        Ok(token)
    }

    /// The session's token, and whether the session was begun just now.
    fn token(&self) -> Result<(Secret, bool), String> {
        let mut session = self.lock();
        let now = Instant::now();
        if session.as_ref().is_some_and(|session| session.is_over(now)) {
            *session = None;
        }
        if session.as_ref().and_then(|session| session.renew_at).is_some_and(|at| now >= at) {
            self.renew_session(&mut session);
        }
        if let Some(session) = session.as_ref() {
            return Ok((session.token.clone(), false));
        }
        let begun = self.begin()?;
        let token = begun.token.clone();
        *session = Some(begun);
        Ok((token, true))
    }

    /// Renews the token in use; where the vault refuses, a new session is begun. What can't be done
    /// now is tried again later, and the token is used until its end.
    fn renew_session(&self, session: &mut Option<Session>) {
        let Some(held) = session.clone() else { return };
        let path = "auth/token/renew-self";
        match self.call(Method::POST, path, Some(&json!({})), Some(&held.token)) {
            Ok(answer) if answer.is_well() => {
                let auth = at(&answer.body, "auth");
                let lasts = seconds(auth, "lease_duration");
                let renewable = at(auth, "renewable").as_bool().unwrap_or(false);
                let renewed = Session::of(held.token, lasts, renewable);
                // Near its longest life each renewal gives less than the one before.
                let dwindles = renewable && lasts < Duration::from_secs(2);
                *session =
                    Some(Session { renew_at: renewed.renew_at.filter(|_| !dwindles), ..renewed });
            }
            Ok(answer) if answer.status == 400 || answer.status == 403 => {
                let later = Instant::now() + Duration::from_secs(30);
                let kept = || Session { renew_at: Some(later), ..held };
                *session = Some(self.begin().unwrap_or_else(|_| kept()));
            }
            Ok(_) | Err(_) => {
                let later = Instant::now() + Duration::from_secs(5);
                *session = Some(Session { renew_at: Some(later), ..held });
            }
        }
    }

    /// Begins a session: with the token as it is to be had now, or by the AppRole.
    fn begin(&self) -> Result<Session, String> {
        if let Some(role) = &self.config.approle {
            let read = |reference| read_secret(reference).map_err(|error| error.to_string());
            let (role_id, secret_id) = (read(&role.role_id)?, read(&role.secret_id)?);
            let body = json!({ "role_id": role_id.reveal(), "secret_id": secret_id.reveal() });
            let path = format!("auth/{}/login", encoded(role.mount.trim_matches('/'), true));
            let answer = self.call(Method::POST, &path, Some(&body), None)?;
            let auth = at(&answer.body, "auth");
            let Some(token) = at(auth, "client_token").as_str().filter(|_| answer.is_well()) else {
                let said = said(&answer, &[&role_id, &secret_id]);
                return Err(format!(
                    "the vault refuses the AppRole: {said}\nhint: has its secret id ended? `vault write -f auth/approle/role/ROLE/secret-id` gives another"
                ));
            };
            let renewable = at(auth, "renewable").as_bool().unwrap_or(false);
            let lasts = seconds(auth, "lease_duration");
            return Ok(Session::of(Secret::new(token.to_owned()), lasts, renewable));
        }
        let Some(reference) = &self.config.token else {
            return Err("the config has neither a token nor an AppRole for the vault".to_owned());
        };
        let token = read_secret(reference).map_err(|error| error.to_string())?;
        let answer = self.call(Method::GET, "auth/token/lookup-self", None, Some(&token))?;
        if answer.is_well() {
            let data = at(&answer.body, "data");
            let renewable = at(data, "renewable").as_bool().unwrap_or(false);
            return Ok(Session::of(token, seconds(data, "ttl"), renewable));
        }
        if answer.status == 403 {
            let said = said(&answer, &[&token]);
            return Err(format!(
                "the vault refuses the token: {said}\nhint: has it ended? see `vaults.vault.token`"
            ));
        }
        Err(format!("the vault answered {} to a look at its token", answer.status))
    }

    /// Where a path is mounted; `None` where the vault doesn't tell.
    fn mount(&self, path: &str, token: &Secret) -> Result<Option<Mount>, Refusal> {
        let known = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |mount: &&Mount| path.starts_with(&mount.path);
        if let Some(mount) = known.values().filter(fits).max_by_key(|mount| mount.path.len()) {
            return Ok(Some(mount.clone()));
        }
        drop(known);
        let place = format!("sys/internal/ui/mounts/{}", encoded(path, true));
        let answer = self.call(Method::GET, &place, None, Some(token))?;
        if answer.status == 403 {
            // So it is also where the mount isn't there.
            return Err(refusal(&answer, token));
        }
        let data = at(&answer.body, "data");
        let place = at(data, "path").as_str().filter(|place| !place.is_empty());
        let Some(place) = place.filter(|_| answer.is_well()) else {
            // A server from before 2018, or one that hides it: the path is taken as written.
            return Ok(None);
        };
        let versioned = at(data, "type") == "kv" && at(at(data, "options"), "version") == "2";
        let mount = Mount { path: place.to_owned(), versioned };
        let mut known = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOUNTS_MAX {
            known.insert(mount.path.clone(), mount.clone());
        }
        Ok(Some(mount))
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&Secret>,
    ) -> Result<Answer, String> {
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        if let Some(token) = token {
            headers.push(("X-Vault-Token".to_owned(), token.reveal().to_owned()));
        }
        if let Some(namespace) = &self.config.namespace {
            headers.push(("X-Vault-Namespace".to_owned(), namespace.clone()));
        }
        let url = format!("{}/v1/{path}", self.config.address.trim_end_matches('/'));
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.peer.call(method, url, headers, body)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an answer that is no success means.
fn refusal(answer: &Answer, token: &Secret) -> Refusal {
    let said = said(answer, &[token]);
    let warned = at(&answer.body, "warnings")
        .get(0)
        .and_then(Value::as_str)
        .map(|text| words(text, &[token]));
    match answer.status {
        403 => Refusal::Denied(format!(
            "the vault refuses it: {said}\nhint: the token needs a policy with `read` on this path"
        )),
        404 => Refusal::Other(match warned {
            Some(warned) => format!("the vault has nothing there: {warned}"),
            None => "the vault has nothing there".to_owned(),
        }),
        429 => Refusal::Other("the vault is asked too often".to_owned()),
        503 => Refusal::Other("the vault is sealed or down for maintenance".to_owned()),
        status => Refusal::Other(format!("the vault answered {status}: {said}")),
    }
}

/// The path of the API for a path as people write it: the second version of KV keeps what is in
/// it below `data/`.
fn place(path: &str, mount: Option<&Mount>) -> String {
    match mount.filter(|mount| mount.versioned) {
        Some(mount) => {
            let rest = path.strip_prefix(&mount.path).unwrap_or_default();
            let rest = rest.strip_prefix("data/").unwrap_or(rest);
            format!("{}data/{}", encoded(&mount.path, true), encoded(rest, true))
        }
        None => encoded(path, true),
    }
}

/// The fields of a reply, and its lease.
fn document(body: &Value) -> Result<Document, String> {
    let outer = at(body, "data").as_object().ok_or("the vault's reply holds no data")?;
    let versioned = outer.get("metadata").is_some_and(|metadata| at(metadata, "version").is_u64());
    let object = match outer.get("data") {
        Some(Value::Object(inner)) if versioned => inner,
        Some(Value::Null) if versioned => {
            return Err("its newest version is deleted".to_owned());
        }
        _ => outer,
    };
    let id = at(body, "lease_id").as_str().unwrap_or_default();
    let lasts = seconds(body, "lease_duration");
    let lease = (!id.is_empty()).then(|| Lease {
        id: id.to_owned(),
        lasts,
        renewable: at(body, "renewable").as_bool().unwrap_or(false),
    });
    // The first version of KV has no lease and says with its duration when to look again.
    let good_for = (!lasts.is_zero()).then_some(lasts);
    Ok(Document { whole: None, fields: fields(object), good_for, lease })
}

fn seconds(value: &Value, key: &str) -> Duration {
    lasting(at(value, key))
}

/// The vault's own words for a refusal.
fn said(answer: &Answer, sent: &[&Secret]) -> String {
    let errors = at(&answer.body, "errors").as_array();
    let text: Vec<&str> = errors.into_iter().flatten().filter_map(Value::as_str).collect();
    let text = text.join("; ");
    if text.is_empty() { format!("it answered {}", answer.status) } else { words(&text, sent) }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
