//! Cloudflare's status page: is there an incident that may be why its API fails? Asked by a thread of
//! its own, rarely, so that nothing waits for it.
//!
//! The page is one of Atlassian's, whose form is public; which components concern us is a guess.

use crate::http_client::{HttpClient, Method, Request};
use crate::limits::{
    CLOUDFLARE_REPLY_BYTES_MAX, CLOUDFLARE_SHOWN_CHARS_MAX, CLOUDFLARE_STATUS_PAGE_OPEN_SECS,
    CLOUDFLARE_STATUS_PAGE_SECS,
};
use crate::telemetry::{self, names};
use serde::Deserialize;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Cloudflare's own page.
pub const STATUS_PAGE: &str = "https://www.cloudflarestatus.com/api/v2/summary.json";

/// An answer is waited for so long.
const TIME_LIMIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Summary {
    incidents: Vec<Incident>,
}

#[derive(Deserialize)]
struct Incident {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    impact: String,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    name: String,
}

impl Incident {
    /// Open, and grave or about something that riposte uses; a data centre under repair is neither.
    fn concerns_us(&self) -> bool {
        let over = matches!(self.status.as_str(), "resolved" | "postmortem" | "completed");
        let ours = |component: &Component| {
            let name = component.name.as_str();
            matches!(name, "API" | "Dashboard" | "Firewall" | "WAF" | "Rules" | "DNS")
        };
        !over
            && (matches!(self.impact.as_str(), "major" | "critical")
                || self.components.iter().any(ours))
    }
}

/// The names of the incidents that concern us; `None` where the reply is none of such a page.
fn open_incidents(body: &[u8]) -> Option<Vec<String>> {
    let summary: Summary = serde_json::from_slice(body).ok()?;
    let name = |incident: &Incident| {
        let plain = incident.name.chars().filter(|c| !c.is_control());
        plain.take(CLOUDFLARE_SHOWN_CHARS_MAX).collect()
    };
    let open = summary.incidents.iter().filter(|incident| incident.concerns_us());
    Some(open.take(8).map(name).collect())
}

/// An incident as the page tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Told")]
pub struct Reported {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `investigating`, `identified`, `monitoring`, `resolved`, `postmortem`, …
    pub state: String,
    /// `none`, `minor`, `major` or `critical`.
    pub impact: String,
    /// When it was told of last (RFC 3339).
    pub updated: String,
    /// What it is about.
    pub components: Vec<String>,
}

impl Reported {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        !matches!(self.state.as_str(), "resolved" | "postmortem" | "completed")
    }
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    id: String,
    #[serde(default)]
    updated_at: String,
    #[serde(flatten)]
    incident: Incident,
}

impl From<Told> for Reported {
    fn from(told: Told) -> Self {
        let components = told.incident.components.into_iter().map(|component| component.name);
        Self {
            id: told.id,
            name: told.incident.name,
            state: told.incident.status,
            impact: told.incident.impact,
            updated: told.updated_at,
            components: components.collect(),
        }
    }
}

/// All incidents that the page tells of now; why not, in words.
pub fn reported(url: &str) -> Result<Vec<Reported>, String> {
    #[derive(Deserialize)]
    struct Page {
        incidents: Vec<Reported>,
    }
    let body = body(url)?;
    let page: Page = serde_json::from_slice(&body)
        .map_err(|error| format!("it is none of the form that is known: {error}"))?;
    Ok(page.incidents)
}

fn ask(url: &str) -> Option<Vec<String>> {
    body(url).ok().and_then(|body| open_incidents(&body))
}

fn body(url: &str) -> Result<Vec<u8>, String> {
    // Built each time: at rest it would hold the root certificates for nothing.
    let http = HttpClient::towards(url).map_err(|error| error.to_string())?;
    let request = Request {
        method: Method::GET,
        url: url.to_owned(),
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        body: Vec::new(),
        time_limit: TIME_LIMIT,
        reply_bytes_max: CLOUDFLARE_REPLY_BYTES_MAX,
    };
    let reply = http.call(&request).map_err(|error| error.to_string())?;
    if reply.status != 200 || !reply.whole {
        return Err(format!("answered {}", reply.status));
    }
    Ok(reply.body)
}

/// The open incidents that may concern the API, asked once; `None` where the page can't be read.
pub fn open_now(url: &str) -> Option<Vec<String>> {
    ask(url)
}

#[derive(Debug, Default)]
struct State {
    incidents: Vec<String>,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    woken: Condvar,
}

/// What the page said last; cheap to clone and to ask.
#[derive(Debug, Clone, Default)]
pub struct StatusPage(Arc<Shared>);

impl StatusPage {
    /// An open incident, by its name.
    pub fn incident(&self) -> Option<String> {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.incidents.first().cloned()
    }

    /// Takes an answer in; what could not be read changes nothing.
    fn take(&self, answer: Option<Vec<String>>) {
        let Some(incidents) = answer else { return };
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.incidents != incidents {
            let open = incidents.join("; ");
            if incidents.is_empty() {
                tracing::info!("Cloudflare's status page tells of no incident any more");
            } else {
                tracing::warn!(open, "Cloudflare's status page tells of an incident");
            }
        }
        let count = u64::try_from(incidents.len()).unwrap_or(u64::MAX);
        telemetry::gauge(names::CLOUDFLARE_INCIDENTS).set(count);
        state.incidents = incidents;
    }

    /// Asks again and again until it is stopped: more often while there is an incident.
    fn follow(&self, url: &str) {
        loop {
            self.take(ask(url));
            let open = self.incident().is_some();
            let pause =
                if open { CLOUDFLARE_STATUS_PAGE_OPEN_SECS } else { CLOUDFLARE_STATUS_PAGE_SECS };
            let until = Instant::now() + Duration::from_secs(pause);
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if state.stopped {
                    return;
                }
                if left.is_zero() {
                    break;
                }
                let waited = self.0.woken.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

/// The thread that asks; it ends when this is dropped.
#[derive(Debug)]
pub struct StatusWatch(StatusPage);

impl StatusWatch {
    /// Begins to ask.
    pub fn start(url: &str) -> Self {
        let page = StatusPage::default();
        let (asking, url) = (page.clone(), url.to_owned());
        let thread = std::thread::Builder::new()
            .name("cloudflare-status".into())
            .stack_size(1024 * 1024)
            .spawn(move || asking.follow(&url));
        if let Err(error) = thread {
            tracing::warn!(%error, "Cloudflare's status page is not looked at");
        }
        Self(page)
    }

    /// What it said last.
    pub fn page(&self) -> StatusPage {
        self.0.clone()
    }
}

impl Drop for StatusWatch {
    fn drop(&mut self) {
        self.0.0.state.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.0.0.woken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_that_concern_us_are_told_by_name() {
        let body = r#"{"page":{"id":"x"},"status":{"indicator":"minor"},"incidents":[
            {"name":"Repairs in Oslo","impact":"minor","status":"monitoring","components":[{"name":"Oslo"}]},
            {"name":"API\u001b[31m errors","impact":"minor","status":"investigating","components":[{"name":"API"}]},
            {"name":"Over","impact":"major","status":"resolved"},
            {"name":"All is down","impact":"critical","status":"identified"}]}"#;
        let open = open_incidents(body.as_bytes()).unwrap();
        assert_eq!(open, ["API[31m errors", "All is down"]);
        for rubbish in ["", "<html>", "[]", "{}", "{\"incidents\":7}"] {
            assert_eq!(open_incidents(rubbish.as_bytes()), None, "{rubbish}");
        }
    }

    #[test]
    fn a_page_that_says_nothing_ends_no_incident() {
        let page = StatusPage::default();
        page.take(Some(vec!["API".to_owned()]));
        page.take(None);
        assert_eq!(page.incident().as_deref(), Some("API"));
        page.take(Some(Vec::new()));
        assert_eq!(page.incident(), None);
    }
}
