//! The thread of an account's temporary changes: takes asks, keeps rows, and steps each place
//! until it is as it should be.

use super::Ledger;
use super::place::{self, Site};
use crate::actions::cloudflare::rotation::Rotation;
use crate::actions::config::CloudflareConfig;
use crate::actions::executors::{HealthCell, HealthState};
use crate::actions::message::call_text;
use crate::actions::queue::Queue;
use crate::actions::{Item, Outbox};
use crate::clock::{self, Timestamp};
use crate::cloudflare::plans::Level;
use crate::cloudflare::{ApiError, Area, Call, Client, ErrorKind, zones};
use crate::decisions::{
    Action, ActionId, ChangePlace, ChangeRow, Claim, CloudflareAsk, CloudflareWhat, Effect,
    Outcome, RuleName,
};
use crate::limits::CHANGE_CLAIMS_MAX;
use crate::process::resolve_secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest that a call waits for the budget.
const PATIENCE: Duration = Duration::from_secs(5);

/// While the store takes nothing, it is tried again this often.
const LEDGER_PAUSE: Duration = Duration::from_secs(5);

/// The clock may be set: nothing waits longer without looking at it.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// A row at work.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) row: ChangeRow,
    /// When it is stepped next.
    pub(super) due: Option<Timestamp>,
    /// When it is read although nothing seems to be the matter.
    pub(super) verify: Timestamp,
    pub(super) failures: u32,
    /// How often of those the token was refused, one after the other.
    pub(super) refusals: u32,
    /// What went wrong last.
    pub(super) trouble: Option<String>,
    /// Something was written since the last outcome.
    pub(super) wrote: bool,
    /// Ends before their time that wait for this place.
    pub(super) ends: Vec<ActionId>,
    /// The row is not kept as it is now.
    pub(super) dirty: bool,
}

impl Held {
    fn new(row: ChangeRow, now: Timestamp) -> Self {
        Self {
            row,
            due: Some(now),
            verify: now,
            failures: 0,
            refusals: 0,
            trouble: None,
            wrote: false,
            ends: Vec::new(),
            dirty: false,
        }
    }
}

/// Why a place could not be stepped.
pub(super) enum Halt {
    /// Cloudflare said no, or nothing.
    Api(ApiError),
    /// The config and what is there don't fit together; trying again is no use.
    Config(String),
    /// The store takes nothing.
    Store(String),
}

impl From<ApiError> for Halt {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// The thread.
pub(in crate::actions) struct ChangesWorker {
    pub(super) destination: String,
    pub(super) config: CloudflareConfig,
    pub(super) queue: Arc<Queue>,
    pub(super) health: Arc<HealthCell>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) dry_run: bool,
    pub(super) held: BTreeMap<ChangePlace, Held>,
    client: Option<Arc<Client>>,
    rotation: Rotation,
    /// Zones by name.
    zones: BTreeMap<String, Site>,
    /// How many changes the gauge has of it.
    pub(super) shown: usize,
}

impl ChangesWorker {
    /// The thread's part of a destination; nothing is read yet.
    pub(in crate::actions) fn new(
        config: &CloudflareConfig,
        (queue, health): (Arc<Queue>, Arc<HealthCell>),
        (outbox, ledger): (Arc<dyn Outbox>, Arc<dyn Ledger>),
        dry_run: bool,
    ) -> Self {
        Self {
            destination: Self::name(config),
            config: config.clone(),
            queue,
            health,
            outbox,
            ledger,
            dry_run,
            held: BTreeMap::new(),
            client: None,
            rotation: Rotation::default(),
            zones: BTreeMap::new(),
            shown: 0,
        }
    }

    /// The destination's name: `changes:cloudflare`.
    pub(in crate::actions) fn name(config: &CloudflareConfig) -> String {
        format!("changes:{}", config.name)
    }

    /// Runs until the queue is stopped. What is in force stays in force.
    pub(in crate::actions) fn run(mut self) {
        // A dry run must not end what a real run put in force.
        while !self.dry_run {
            match self.take_up(clock::now()) {
                Ok(()) => break,
                Err(reason) => {
                    tracing::warn!(
                        destination = self.destination,
                        reason,
                        "failed to read the ledger"
                    );
                    self.health.fault(HealthState::Down, &reason);
                    if !self.queue.pause(LEDGER_PAUSE) {
                        return;
                    }
                }
            }
        }
        loop {
            let deadline = self.deadline();
            let woken = self.queue.take(1, deadline);
            if woken.stopped {
                return;
            }
            for item in woken.items {
                self.item(&item);
            }
            self.step_due();
        }
    }

    /// The rows of the run before; each is looked at, whatever it says.
    fn take_up(&mut self, now: Timestamp) -> Result<(), String> {
        let rows = self.ledger.rows(&self.config.name)?;
        self.held = rows.into_iter().map(|row| (row.place.clone(), Held::new(row, now))).collect();
        self.show();
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        let due = self.held.values().filter_map(|held| held.due).min()?;
        let wait = due.since(clock::now()).min(WAIT_MAX);
        Some(Instant::now() + wait)
    }

    fn item(&mut self, item: &Item) {
        let Action::Perform { rule, time, effect: Effect::Cloudflare(ask), .. } = &item.action
        else {
            let outcome = Outcome::Failed("only changes at Cloudflare come here".to_owned());
            return self.began(item.id, &outcome);
        };
        if self.dry_run {
            let outcome = self.rehearse(ask);
            return self.began(item.id, &outcome);
        }
        match &ask.what {
            CloudflareWhat::Once { .. } => {
                let outcome = Outcome::Failed("only changes at Cloudflare come here".to_owned());
                self.began(item.id, &outcome);
            }
            CloudflareWhat::End { number, why } => self.end(item.id, *number, why, clock::now()),
            CloudflareWhat::Change { value, seconds, .. } => {
                let until = time.plus(Duration::from_secs(*seconds));
                let claim = Claim {
                    action: item.id,
                    rule: RuleName::clone(rule),
                    value: value.clone(),
                    from: *time,
                    until,
                    ended: false,
                    told: false,
                };
                if let Some(place) = ask.place()
                    && let Err(outcome) = self.claim(place, claim, clock::now())
                {
                    self.began(item.id, &outcome);
                }
            }
        }
    }

    /// Enters a claim; `Err` says how its action ends at once.
    fn claim(&mut self, place: ChangePlace, claim: Claim, now: Timestamp) -> Result<(), Outcome> {
        let mut held = self.held.remove(&place).unwrap_or_else(|| {
            let row = ChangeRow::new(&self.config.name, place.clone(), now);
            Held { verify: now.plus(self.config.reconcile_every), ..Held::new(row, now) }
        });
        held.due = Some(now);
        let entered = self.enter(&mut held, claim, now);
        self.held.insert(place, held);
        entered
    }

    fn enter(&self, held: &mut Held, claim: Claim, now: Timestamp) -> Result<(), Outcome> {
        if held.row.claims.iter().any(|known| known.action == claim.action) {
            // Handed over again after a restart: the ledger has it.
            return Ok(());
        }
        if held.row.is_quiet(now) {
            let until = held.row.quiet_until.map(|until| until.to_string()).unwrap_or_default();
            let did = if held.row.left.is_some() { "changed" } else { "ended" };
            return Err(Outcome::Failed(format!(
                "a person {did} it meanwhile: rules leave it alone until {until}"
            )));
        }
        if claim.until <= now {
            return Err(Outcome::Failed("its time was over before it could be set".to_owned()));
        }
        if held.row.left.is_some() {
            // What a person made of it counts as what is there, now that rules may begin anew.
            let number = held.row.number;
            held.row = ChangeRow::new(&self.config.name, held.row.place.clone(), now);
            held.row.number = number;
        }
        held.dirty = true;
        // A name that the rule has led elsewhere since, and that is to lead here again: the newest
        // claim wins, so the older one of this value can't stand for it.
        let winner = held.row.winner(now);
        let back = winner.filter(|won| won.rule == claim.rule && won.value != claim.value);
        let back = back.map(|won| won.action);
        let is_back = back.is_some();
        if let Some(winner) = back {
            held.row.claims.retain(|known| {
                let older = known.rule == claim.rule && known.value == claim.value;
                !older || !known.told || known.action == winner
            });
        }
        let same = held.row.claims.iter_mut().find(|known| {
            known.rule == claim.rule && known.value == claim.value && known.stands_at(now)
        });
        let same = same.filter(|_| !is_back);
        if let Some(same) = same {
            same.until = same.until.max(claim.until);
            // What can't be kept now is kept with the next step.
            if let Err(reason) = self.keep(held) {
                tracing::warn!(
                    destination = self.destination,
                    reason,
                    "failed to keep a later end"
                );
            }
            return Err(Outcome::Unchanged);
        }
        if held.row.claims.len() >= CHANGE_CLAIMS_MAX {
            return Err(Outcome::Failed(format!(
                "more than {CHANGE_CLAIMS_MAX} claims stand there"
            )));
        }
        held.row.claims.push(claim);
        Ok(())
    }

    /// Keeps a row as it is now.
    pub(super) fn keep(&self, held: &mut Held) -> Result<(), String> {
        held.row.number = self.ledger.keep(&held.row)?;
        held.dirty = false;
        Ok(())
    }

    /// The rows, for figures.
    pub(super) fn rows(&self) -> impl Iterator<Item = &ChangeRow> + Clone {
        self.held.values().map(|held| &held.row)
    }

    /// What would be sent.
    fn rehearse(&mut self, ask: &CloudflareAsk) -> Outcome {
        let found = self.client().ok().and_then(|client| {
            let site = self.site(&client, &ask.zone).ok()?;
            let present = ask.place().and_then(|place| place::read(&client, &site, &place).ok());
            Some((site, present))
        });
        let (site, present) = found.unwrap_or_else(|| {
            let zone = format!("ZONE:{}", ask.zone);
            let account = "ACCOUNT".to_owned();
            (Site { zone, account, level: None, mark: self.mark() }, None)
        });
        let call = match (&ask.what, ask.place()) {
            (CloudflareWhat::Change { value, .. }, Some(place)) => {
                let present = present.unwrap_or_else(place::Present::unknown);
                match place::target(&site, &place, &present.value, value) {
                    Ok(value) => place::call(&site, &place, &present, &value),
                    Err(reason) => return Outcome::Failed(reason),
                }
            }
            _ => None,
        };
        let text = call.map_or_else(|| ask.words(), |call| call.to_string());
        Outcome::DryRun(call_text(&text))
    }

    /// The client, with the token as it is now when there was none.
    pub(super) fn client(&mut self) -> Result<Arc<Client>, ApiError> {
        if let Some(client) = &self.client {
            return Ok(Arc::clone(client));
        }
        let token = resolve_secret(&self.config.token)
            .map_err(|error| ApiError::of(Area::Tokens, ErrorKind::NotSent, error.to_string()))?;
        let client = Arc::new(self.config.client(token, PATIENCE));
        self.client = Some(Arc::clone(&client));
        Ok(client)
    }

    /// The token in use was refused: it may have been rotated. Whether another is used from now on.
    pub(super) fn token_was_refused(&mut self) -> bool {
        let Some(client) = &self.client else { return false };
        let trial = Call::get(Area::Zones, "/zones").query("per_page", "5");
        self.rotation.was_refused(client, &self.config, &trial)
    }

    /// Whether another token may be in use soon.
    pub(super) const fn token_may_come(&self) -> bool {
        self.rotation.may_come(&self.config)
    }

    /// Where a zone is. The config's `zones`, where there are some, are the only ones.
    pub(super) fn site(&mut self, client: &Client, name: &str) -> Result<Site, Halt> {
        if let Some(site) = self.zones.get(name) {
            return Ok(site.clone());
        }
        let found = zones::find(client, name)?;
        let Some(zone) = found else {
            return Err(Halt::Config(format!(
                "the token sees no zone `{name}`\nhint: `riposte cf zones` lists those that it sees"
            )));
        };
        let named = |known: &String| known.eq_ignore_ascii_case(&zone.name) || *known == zone.id;
        if !self.config.zones.is_empty() && !self.config.zones.iter().any(named) {
            return Err(Halt::Config(format!("`zones` of the config does not name `{name}`")));
        }
        let site = Site {
            level: Level::of(&zone),
            zone: zone.id,
            account: zone.account.id,
            mark: self.mark(),
        };
        self.zones.insert(name.to_owned(), site.clone());
        Ok(site)
    }

    /// Where a zone is, where that was found before.
    pub(super) fn known_site(&self, name: &str) -> Option<Site> {
        self.zones.get(name).cloned()
    }

    /// Stands in the references of what we make; what isn't plain in it is replaced there.
    fn mark(&self) -> String {
        self.config.mark()
    }
}
