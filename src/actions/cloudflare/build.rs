//! How the enforcer begins, and its client.

use super::chunk::Chunk;
use super::measure::{Each, Measure};
use super::{Cloudflare, LastCheck, PATIENCE, spill};
use crate::actions::config::CloudflareConfig;
use crate::cloudflare::Client;
use crate::cloudflare::status_page::StatusPage;
use crate::process::resolve_secret;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

impl Cloudflare {
    /// Builds it; nothing is sent yet.
    pub fn new(config: &CloudflareConfig, dry_run: bool) -> Self {
        Self {
            config: config.clone(),
            mark: config.mark(),
            dry_run,
            client: None,
            check: None,
            standing: Each::default(),
            barred: BTreeSet::new(),
            status_page: StatusPage::default(),
            left_out: 0,
            site: None,
            present: None,
            foreign_rules: BTreeSet::new(),
            refused: BTreeMap::new(),
            denied: spill::Denied::default(),
            stuck: BTreeMap::new(),
            stuck_orphans: BTreeSet::new(),
            unfit: BTreeSet::new(),
            room: usize::MAX,
            chunk: Chunk::new(),
            removal: Chunk::new(),
            running: None,
            last_write: None,
            writes: 0,
            last_added: Measure::Challenge,
            waiting: VecDeque::new(),
            settled: Vec::new(),
            due: None,
            remove_due: None,
            stale: false,
            removes_next: false,
            failures: 0,
            trouble: None,
            rotation: super::rotation::Rotation::default(),
            told: None,
            others: Vec::new(),
        }
    }

    /// Asks this once more, right before something is put in force.
    #[must_use]
    pub fn with_check(mut self, check: Arc<dyn LastCheck>) -> Self {
        self.check = Some(check);
        self
    }

    /// Looks at a status page, and spares Cloudflare while that tells of an incident.
    #[must_use]
    pub fn with_status_page(mut self, page: StatusPage) -> Self {
        self.status_page = page;
        self
    }

    /// The client, with the token as it is now when there was none.
    pub(super) fn client(&mut self) -> Result<Arc<Client>, crate::cloudflare::ApiError> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let token = resolve_secret(&self.config.token).map_err(|error| {
            crate::cloudflare::ApiError::of(
                crate::cloudflare::Area::Tokens,
                crate::cloudflare::ErrorKind::NotSent,
                error.to_string(),
            )
        })?;
        let client = Arc::new(self.config.client(token, PATIENCE));
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }
}
