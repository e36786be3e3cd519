//! The client: a token, the budget, and the way of one call; and listings over all their pages.
//!
//! Reads that fail are tried again here; changes are not: whether they happened, the caller finds
//! out by reading back.

use super::budget::{Budget, BudgetFigures, backoff};
use super::call::{Area, Call, Form};
use super::envelope::{self, Answer};
use super::error::{ApiError, ErrorKind};
use super::shared::{self, SharedBudget};
use super::trace::Trace;
use crate::http_client::{HttpClient, HttpError, Request};
use crate::limits::{
    CLOUDFLARE_CALL_SECS_MAX, CLOUDFLARE_LARGE_CALL_SECS_MAX, CLOUDFLARE_PAGES_MAX,
    CLOUDFLARE_RAW_REPLY_BYTES_MAX, CLOUDFLARE_REPLY_BYTES_MAX,
};
use crate::secret::Secret;
use crate::telemetry::{self, names};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Cloudflare's own API.
pub const BASE: &str = "https://api.cloudflare.com/client/v4";

/// Areas whose listings name the size of a page `limit`.
const PAGES_BY_LIMIT: [Area; 2] = [Area::Audit, Area::KeyValue];

/// How often a read that failed is tried.
const READS_MAX: u32 = 3;

/// A client of one token.
#[derive(Debug)]
pub struct Client {
    base: String,
    token: Mutex<Secret>,
    /// The user's mail address: then the token is that user's global API key.
    email: Option<String>,
    /// Built when first needed: reading the root certificates takes time and memory.
    http: OnceLock<HttpClient>,
    /// Whose budget it is, and the budget, shared with other clients of this process.
    key: shared::Key,
    budget: SharedBudget,
    /// The longest wait for the budget within a call; beyond, the call is an error.
    patience: Duration,
    /// The longest that one call may take.
    time_limit: Duration,
    trace: Option<Trace>,
}

/// Whether an address may be the API's base: HTTPS, or plain HTTP on this machine alone (the
/// look-alike), since a token must not go over the network in the clear.
pub fn check_base(base: &str) -> Result<(), String> {
    if base.starts_with("https://") && base.len() > "https://".len() {
        return Ok(());
    }
    let local = base.strip_prefix("http://").and_then(|rest| {
        let host = rest.split('/').next()?;
        host.parse::<std::net::SocketAddr>().ok()
    });
    if local.is_some_and(|address| address.ip().is_loopback()) {
        return Ok(());
    }
    Err(format!(
        "`{}` is no address of an API\nhint: `{BASE}`, or `http://127.0.0.1:PORT/client/v4` of `riposte sim`",
        base.escape_debug()
    ))
}

impl Client {
    /// A client; nothing is sent yet. Calls wait for the budget at most for `patience`. All clients
    /// of one API share a budget, as Cloudflare counts a user's calls over all tokens.
    pub fn new(base: &str, token: Secret, patience: Duration) -> Self {
        let key = (base.trim_end_matches('/').to_owned(), String::new());
        Self {
            base: key.0.clone(),
            budget: shared::budget(&key),
            key,
            token: Mutex::new(token),
            email: None,
            http: OnceLock::new(),
            patience,
            time_limit: Duration::from_secs(CLOUDFLARE_CALL_SECS_MAX),
            trace: None,
        }
    }

    /// Uses the budget of this user instead, where tokens of several users are at work.
    #[must_use]
    pub fn with_user(mut self, user: Option<&str>) -> Self {
        user.unwrap_or_default().clone_into(&mut self.key.1);
        self.budget = shared::budget(&self.key);
        self
    }

    /// Gives calls another time limit.
    #[must_use]
    pub fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Takes the token for the global API key of the user with this mail address. Such a key may do
    /// everything: a token for each use is better.
    #[must_use]
    pub fn with_email(mut self, email: Option<String>) -> Self {
        self.email = email;
        self
    }

    /// Whether it uses a global API key.
    pub const fn has_global_key(&self) -> bool {
        self.email.is_some()
    }

    /// Tells every exchange.
    #[must_use]
    pub fn with_trace(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace;
        self
    }

    /// Uses another token from now on (it was rotated); the budget stays, since it is the user's.
    pub fn set_token(&self, token: Secret) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// The token in use.
    pub fn token(&self) -> Secret {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it uses this token.
    pub fn has_token(&self, token: &Secret) -> bool {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).reveal() == token.reveal()
    }

    /// One of the same user with another token, to try that.
    #[must_use]
    pub fn like(&self, token: Secret) -> Self {
        Self::new(&self.base, token, self.patience)
            .with_user(Some(&self.key.1))
            .with_email(self.email.clone())
    }

    /// How the budget stands.
    pub fn budget(&self) -> BudgetFigures {
        self.lock_budget().figures(Instant::now())
    }

    fn lock_budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a call. A read that fails for a reason that may pass is tried again.
    pub fn send(&self, call: &Call) -> Result<Answer, ApiError> {
        let mut tries = 1;
        let mut before: Option<ApiError> = None;
        loop {
            let error = match (self.send_once(call), before.take()) {
                (Ok(answer), _) => return Ok(answer),
                // What went wrong says more than that it can't be tried again now.
                (Err(error), Some(before)) if error.kind == ErrorKind::Budget => {
                    return Err(ApiError { wait: error.wait, ..before });
                }
                (Err(error), _) => error,
            };
            let again = !call.writes()
                && tries < READS_MAX
                && matches!(
                    error.kind,
                    ErrorKind::NotSent
                        | ErrorKind::NoReply
                        | ErrorKind::Server
                        | ErrorKind::Unreadable
                );
            let pause = backoff(tries).max(error.wait.unwrap_or_default());
            if !again || pause > self.patience {
                return Err(error);
            }
            std::thread::sleep(pause);
            before = Some(error);
            tries += 1;
        }
    }

    fn send_once(&self, call: &Call) -> Result<Answer, ApiError> {
        self.wait_for_budget(call)?;
        telemetry::counter(names::CLOUDFLARE_CALLS).add(1);
        let result = self.exchange(call);
        let now = Instant::now();
        let mut budget = self.lock_budget();
        match &result {
            Ok(_) => budget.success(),
            Err(error) => {
                telemetry::counter(names::CLOUDFLARE_CALLS_FAILED).add(1);
                if matches!(error.kind, ErrorKind::TooMany | ErrorKind::TooManyItems) {
                    telemetry::counter(names::CLOUDFLARE_TOO_MANY).add(1);
                }
                budget.failure(error, now);
            }
        }
        let figures = budget.figures(now);
        drop(budget);
        telemetry::gauge(names::CLOUDFLARE_CALLS_LEFT).set(figures.left);
        let items = u64::try_from(figures.items_left).unwrap_or(u64::MAX);
        telemetry::gauge(names::CLOUDFLARE_ITEMS_LEFT).set(items);
        let stopped = figures.stopped_for.unwrap_or_default();
        telemetry::gauge(names::CLOUDFLARE_STOPPED).set(stopped.as_secs());
        // Not where calls fail: that may be over with the next start.
        if result.as_ref().map_or_else(|error| error.kind == ErrorKind::TooMany, |_| true) {
            shared::keep_stop(&self.key, stopped);
        }
        result
    }

    fn wait_for_budget(&self, call: &Call) -> Result<(), ApiError> {
        let asked = Instant::now();
        loop {
            let taken = self.lock_budget().take(call, Instant::now());
            let Err(wait) = taken else { return Ok(()) };
            if asked.elapsed() + wait > self.patience {
                let words = format!("nothing may be sent for {} s", wait.as_secs() + 1);
                let mut error = ApiError::new(call, ErrorKind::Budget, words);
                error.wait = Some(wait);
                return Err(error);
            }
            std::thread::sleep(wait);
        }
    }

    fn exchange(&self, call: &Call) -> Result<Answer, ApiError> {
        let failed = |error: &HttpError| {
            let kind =
                if error.may_have_arrived() { ErrorKind::NoReply } else { ErrorKind::NotSent };
            ApiError::new(call, kind, error.to_string())
        };
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut headers = match &self.email {
            None => vec![("authorization".to_owned(), format!("Bearer {}", token.reveal()))],
            Some(email) => vec![
                ("x-auth-email".to_owned(), email.clone()),
                ("x-auth-key".to_owned(), token.reveal().to_owned()),
            ],
        };
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
        let (content_type, body) = match &call.raw {
            Some(raw) => (Some(raw.content_type.clone()), raw.bytes.clone()),
            None => (call.body.as_ref().map(|_| "application/json".to_owned()), body.into_bytes()),
        };
        headers.extend(content_type.map(|name| ("content-type".to_owned(), name)));
        let large = Duration::from_secs(CLOUDFLARE_LARGE_CALL_SECS_MAX);
        let is_large = call.is_large(body.len());
        let request = Request {
            method: call.method.clone(),
            url: format!("{}{}", self.base, call.path),
            headers,
            body,
            time_limit: if is_large { self.time_limit.max(large) } else { self.time_limit },
            reply_bytes_max: match call.form {
                Form::Raw => CLOUDFLARE_RAW_REPLY_BYTES_MAX,
                _ => CLOUDFLARE_REPLY_BYTES_MAX,
            },
        };
        if let Some(trace) = &self.trace {
            trace.tell(&format!("> {call}"), &token);
        }
        let reply = match self.http().and_then(|http| http.call(&request)) {
            Ok(reply) => reply,
            Err(error) => {
                if let Some(trace) = &self.trace {
                    trace.tell(&format!("< {error}"), &token);
                }
                return Err(failed(&error));
            }
        };
        if let Some(trace) = &self.trace {
            let body = String::from_utf8_lossy(&reply.body);
            let body = if call.hidden { "[a body with a secret]".into() } else { body };
            trace.tell(&format!("< HTTP {}\n{body}", reply.status), &token);
        }
        self.lock_budget().learn(&reply, Instant::now());
        envelope::read(call, &reply)
    }

    fn http(&self) -> Result<&HttpClient, HttpError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let built = HttpClient::towards(&self.base)?;
        Ok(self.http.get_or_init(|| built))
    }

    /// All of a listing whose pages have numbers.
    pub fn numbered<T: DeserializeOwned>(
        &self,
        call: &Call,
        per_page: usize,
    ) -> Result<Vec<T>, ApiError> {
        let mut all = Vec::new();
        for page in 1..=CLOUDFLARE_PAGES_MAX {
            let call = call.clone().query("per_page", &per_page.to_string());
            let answer = self.send(&call.query("page", &page.to_string()))?;
            let pages = answer.pages();
            let rows: Vec<T> = answer.read()?;
            let count = rows.len();
            all.extend(rows);
            let last = pages.is_some_and(|pages| u64::try_from(page).unwrap_or(0) >= pages);
            if count == 0 || last || (pages.is_none() && count < per_page) {
                return Ok(all);
            }
        }
        Err(endless(call))
    }

    /// All of a listing whose pages have cursors.
    pub fn by_cursor<T: DeserializeOwned>(
        &self,
        call: &Call,
        per_page: usize,
    ) -> Result<Vec<T>, ApiError> {
        self.by_cursor_first(call, per_page, usize::MAX)
    }

    /// The pages of such a listing that hold its first so many, whole.
    pub fn by_cursor_first<T: DeserializeOwned>(
        &self,
        call: &Call,
        per_page: usize,
        most: usize,
    ) -> Result<Vec<T>, ApiError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..CLOUDFLARE_PAGES_MAX {
            let size = if PAGES_BY_LIMIT.contains(&call.area) { "limit" } else { "per_page" };
            let mut next = call.clone().query(size, &per_page.to_string());
            if let Some(cursor) = &cursor {
                next = next.query("cursor", cursor);
            }
            let answer = self.send(&next)?;
            let after = answer.cursor().map(str::to_owned);
            // An empty listing may come as `null`; a reply with nothing at all is no listing.
            if !answer.result.is_null() || answer.info.is_null() {
                all.extend(answer.read::<Vec<T>>()?);
            }
            if after.is_none() || after == cursor || all.len() >= most {
                return Ok(all);
            }
            cursor = after;
        }
        Err(endless(call))
    }
}

fn endless(call: &Call) -> ApiError {
    ApiError::new(call, ErrorKind::Unreadable, "the listing has no end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_https_or_stays_on_the_machine() {
        for base in [BASE, "http://127.0.0.1:8787/client/v4", "http://[::1]:9/client/v4"] {
            assert_eq!(check_base(base), Ok(()), "{base}");
        }
        for base in ["http://api.cloudflare.com", "http://127.0.0.1.example.com:80", "https://", ""]
        {
            assert!(check_base(base).is_err(), "{base}");
        }
    }
}
