//! Pages that wait to be fetched, one after the other at a steady pace, of the zone's hosts alone.

use crate::actions::effect_worker::Attempt;
use crate::cloudflare::warm;
use crate::decisions::ActionId;
use crate::http_client::HttpClient;
use crate::limits::{PURGE_WAIT_MILLIS, WARM_PAGES_PER_SECOND, WARM_PAGES_WAITING_MAX};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Warming {
    /// Pages, and from when on they may be fetched.
    pages: VecDeque<(ActionId, String, Instant)>,
    actions: BTreeMap<ActionId, Progress>,
    http: Option<HttpClient>,
    next: Option<Instant>,
}

#[derive(Debug, Default)]
struct Progress {
    left: usize,
    failed: usize,
    trouble: String,
}

impl Warming {
    /// Takes pages up, or says why not.
    pub(super) fn add(
        &mut self,
        id: ActionId,
        zone: &str,
        urls: &[String],
        now: Instant,
    ) -> Result<(), String> {
        if let Some(url) = urls.iter().find(|url| !warm::is_of_zone(url, zone)) {
            return Err(format!("`{}` is no page of `{zone}`", url.escape_debug()));
        }
        if self.pages.len() + urls.len() > WARM_PAGES_WAITING_MAX {
            return Err(format!("more than {WARM_PAGES_WAITING_MAX} pages wait to be warmed"));
        }
        self.actions.insert(id, Progress { left: urls.len(), ..Progress::default() });
        // What is purged in the same breath has to be gone first.
        let ready = now + Duration::from_millis(2 * PURGE_WAIT_MILLIS);
        self.pages.extend(urls.iter().map(|url| (id, url.clone(), ready)));
        Ok(())
    }

    pub(super) fn waits(&self) -> bool {
        !self.actions.is_empty()
    }

    /// Fetches the next page, if it is its turn; gives the action that ended with it.
    pub(super) fn step(&mut self, now: Instant) -> Option<(ActionId, Attempt)> {
        let ready = self.pages.front().is_some_and(|(_, _, ready)| *ready <= now);
        if !ready || self.next.is_some_and(|next| next > now) {
            return None;
        }
        self.next = Some(now + Duration::from_secs_f64(1.0 / WARM_PAGES_PER_SECOND));
        let (id, url, _) = self.pages.pop_front()?;
        let fetched = self.fetch(&url);
        let progress = self.actions.get_mut(&id)?;
        progress.left = progress.left.saturating_sub(1);
        if let Err(trouble) = fetched {
            progress.failed += 1;
            progress.trouble = trouble;
        }
        if progress.left > 0 {
            return None;
        }
        let progress = self.actions.remove(&id)?;
        let attempt = match progress.failed {
            0 => Attempt::Done,
            count => {
                Attempt::Failed(format!("{count} pages could not be had: {}", progress.trouble))
            }
        };
        Some((id, attempt))
    }

    fn fetch(&mut self, url: &str) -> Result<(), String> {
        let http = match self.http.take() {
            Some(http) => http,
            None => HttpClient::new().map_err(|error| error.to_string())?,
        };
        let fetched = warm::fetch(self.http.insert(http), url);
        let shown = url.escape_debug();
        match fetched {
            Ok(page) if page.status < 400 => Ok(()),
            Ok(page) => Err(format!("`{shown}` answered {}", page.status)),
            Err(error) => Err(format!("`{shown}`: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_others_and_too_many_are_refused() {
        let (mut warming, now) = (Warming::default(), Instant::now());
        let urls = |host: &str, count: usize| -> Vec<String> {
            (0..count).map(|n| format!("https://{host}/{n}")).collect()
        };
        assert!(warming.add(ActionId(1), "example.com", &urls("evil.example", 1), now).is_err());
        assert!(!warming.waits());
        let most = urls("www.example.com", WARM_PAGES_WAITING_MAX);
        assert_eq!(warming.add(ActionId(2), "example.com", &most, now), Ok(()));
        assert!(warming.add(ActionId(3), "example.com", &urls("example.com", 1), now).is_err());
    }
}
