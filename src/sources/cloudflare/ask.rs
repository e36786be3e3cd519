//! What Cloudflare is asked, and its rows.

use super::config::{CloudflareSourceConfig, Of};
use super::rows::{Row, of_audit, of_firewall, of_status};
use super::spans::{Reach, Span};
use crate::clock::Timestamp;
use crate::cloudflare::status_page::Reported;
use crate::cloudflare::{ApiError, Client, ErrorKind, analytics, audit, status_page, zones};
use crate::limits;
use crate::process::{resolve_secret, secret_refused};
use crate::telemetry::{counter, names};
use std::collections::BTreeMap;
use std::time::Duration;

/// Calls wait so long for the budget that all of riposte has.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long the audit log goes back that is asked for after a pause. It has eighteen months; nobody wants
/// an alarm of last year.
const AUDIT_BACK: Duration = Duration::from_hours(24 * 7);

/// Something went wrong: in words, and how long to wait.
#[derive(Debug)]
pub(super) struct Trouble {
    pub words: String,
    pub wait: Option<Duration>,
}

impl Trouble {
    fn of(words: impl Into<String>) -> Self {
        Self { words: words.into(), wait: None }
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self { words: format!("Cloudflare can't be asked: {error}"), wait: error.wait }
    }
}

/// What is asked.
pub(super) struct Ask {
    config: CloudflareSourceConfig,
    client: Option<Client>,
    /// The zone's id and name.
    zone: Option<(String, String)>,
    reach: Option<Reach>,
    /// Cloudflare does not know how an event was sampled.
    no_sampling: bool,
    /// Incidents that went on at the last look, by their ids: one that is over leaves the page.
    open: BTreeMap<String, Reported>,
}

impl Ask {
    pub fn new(config: CloudflareSourceConfig) -> Self {
        Self {
            config,
            client: None,
            zone: None,
            reach: None,
            no_sampling: false,
            open: BTreeMap::new(),
        }
    }

    /// How much later than their stamps rows arrive.
    pub fn lag(&self) -> Duration {
        match self.config.of {
            Of::Firewall => Duration::from_secs(limits::CLOUDFLARE_FIREWALL_LAG_SECS),
            Of::Audit | Of::Status => Duration::ZERO,
        }
    }

    /// Whether each answer says all there is.
    pub fn is_whole(&self) -> bool {
        self.config.of == Of::Status
    }

    /// How things are now.
    pub fn now(&mut self, now: Timestamp) -> Result<Vec<Row>, Trouble> {
        let mut reported = status_page::reported(&self.config.page)
            .map_err(|why| Trouble::of(format!("Cloudflare's status page can't be read: {why}")))?;
        let open = reported.iter().filter(|one| one.is_open());
        let open: BTreeMap<_, _> = open.map(|one| (one.id.clone(), one.clone())).collect();
        let before = std::mem::replace(&mut self.open, open);
        for (id, gone) in before {
            if !reported.iter().any(|one| one.id == id) {
                let (state, updated) = ("resolved".to_owned(), now.to_string());
                reported.push(Reported { state, updated, ..gone });
            }
        }
        Ok(reported.iter().map(|one| of_status(one, now)).collect())
    }

    /// What may be asked for, as Cloudflare says it of the zone's plan.
    pub fn reach(&mut self) -> Result<Reach, Trouble> {
        if let Some(reach) = self.reach {
            return Ok(reach);
        }
        let reach = match self.config.of {
            Of::Audit | Of::Status => Reach {
                back: AUDIT_BACK,
                wide: AUDIT_BACK,
                rows: limits::CLOUDFLARE_SOURCE_ROWS_MAX,
            },
            Of::Firewall => {
                let (id, name) = self.zone()?;
                let answer = self.send(&analytics::firewall_settings(&id))?;
                let settings = analytics::read_firewall_settings(&answer)?;
                if !settings.enabled {
                    return Err(Trouble::of(format!(
                        "`{name}` has no firewall events on its plan"
                    )));
                }
                Reach {
                    back: Duration::from_secs(settings.not_older_than),
                    wide: Duration::from_secs(settings.max_duration),
                    rows: settings.max_page_size.clamp(1, limits::CLOUDFLARE_SOURCE_ROWS_MAX),
                }
            }
        };
        self.reach = Some(reach);
        Ok(reach)
    }

    /// The rows of a span, at most so many.
    pub fn between(&mut self, span: Span, most: usize) -> Result<Vec<Row>, Trouble> {
        let (since, until) = (span.from.to_string(), span.to.to_string());
        if self.config.of == Of::Audit {
            let account = self.config.account.clone().unwrap_or_default();
            let query = audit::Query { since, before: until, ..audit::Query::default() };
            let entries =
                self.with_client(|client| audit::newest(client, &account, &query, most))?.0;
            return Ok(entries.iter().filter_map(|entry| of_audit(&account, entry)).collect());
        }
        let (id, name) = self.zone()?;
        let asked = analytics::Span { since, until };
        let sampled = !self.no_sampling;
        let mut answer = self.send(&analytics::firewall_events(&id, &asked, most, sampled));
        if sampled && answer.as_ref().is_err_and(|error| error.words.contains("sampleInterval")) {
            self.no_sampling = true;
            answer = self.send(&analytics::firewall_events(&id, &asked, most, false));
        }
        let found = analytics::read_firewall_events(&answer?)?;
        let mut rows = Vec::with_capacity(found.len());
        for row in &found {
            match of_firewall(&name, row) {
                Some(row) => rows.push(row),
                None => counter(names::SOURCE_FAULTS).add(1),
            }
        }
        Ok(rows)
    }

    fn zone(&mut self) -> Result<(String, String), Trouble> {
        if let Some(zone) = &self.zone {
            return Ok(zone.clone());
        }
        let wanted = self.config.zone.clone().unwrap_or_default();
        let found = self.with_client(|client| zones::find(client, &wanted))?;
        let Some(zone) = found else {
            return Err(Trouble::of(format!(
                "there is no zone `{}` that the token may read",
                crate::event::text::escape(&wanted)
            )));
        };
        Ok(self.zone.insert((zone.id, zone.name)).clone())
    }

    fn send(
        &mut self,
        call: &crate::cloudflare::Call,
    ) -> Result<crate::cloudflare::Answer, Trouble> {
        self.with_client(|client| client.send(call))
    }

    /// Makes a call with the token as it is now.
    fn with_client<T>(
        &mut self,
        call: impl Fn(&Client) -> Result<T, ApiError>,
    ) -> Result<T, Trouble> {
        let Some(reference) = &self.config.token else {
            return Err(Trouble::of("there is no `token`"));
        };
        let token = resolve_secret(reference).map_err(|error| Trouble::of(error.to_string()))?;
        let client = self
            .client
            .get_or_insert_with(|| Client::new(&self.config.api, token.clone(), PATIENCE));
        if !client.has_token(&token) {
            client.set_token(token.clone());
        }
        call(client).map_err(|error| {
            if error.kind == ErrorKind::Forbidden {
                secret_refused(reference, &token);
            }
            error.into()
        })
    }
}
