//! The stateless stage: a batch of records in, the few events that some rule cares about out.
//!
//! Parse, enrich, match; nothing here depends on what came before, so batches may be worked on in
//! parallel. One [`Stage`] a thread: it reuses one event for all records, until one is a candidate
//! and goes on as it is.

use crate::clock::Timestamp;
use crate::enrich::{RealClient, geo};
use crate::event::{Batch, Event, Field, Kind, Origin, Spares};
use crate::limits;
use crate::parsers::{Parser, Stopped, Unparsed};
use crate::plugins::Additions;
use crate::plugins::enricher::Spec;
use crate::rules::{Lookups, RuleSet};
use crate::telemetry::{self, names};
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

/// An event that met the predicate of at least one rule.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The event.
    pub event: Arc<Event>,
    /// The rules, by number, ascending.
    pub rules: SmallVec<[u32; 4]>,
    /// The newest event time of its batch up to and with this event: where in time its log was.
    pub reached: Timestamp,
}

/// Candidates in order. When they go, the memory of events that nobody kept is used again.
#[derive(Debug, Default)]
pub struct Candidates(Vec<Candidate>);

impl Deref for Candidates {
    type Target = Vec<Candidate>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Candidates {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Candidates {
    fn drop(&mut self) {
        Spares::give_all(self.0.drain(..).map(|candidate| candidate.event));
    }
}

/// A client that showed itself to be a good one: it logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoodSign {
    /// The client.
    pub ip: IpAddr,
    /// When.
    pub time: Timestamp,
}

/// A batch, worked through.
#[derive(Debug, Default)]
pub struct Matched {
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// The range of the stream that it covers.
    pub range: (u64, u64),
    /// When it was read.
    pub arrival: Timestamp,
    /// What the rules care about, in order.
    pub candidates: Candidates,
    /// Authenticated successes, in order.
    pub good_signs: Vec<GoodSign>,
    /// The newest event time; the epoch where nothing was parsed.
    pub newest: Timestamp,
    /// The oldest event time; `None` where nothing was parsed.
    pub oldest: Option<Timestamp>,
    /// Records in the batch.
    pub records: u64,
    /// Records that became events.
    pub parsed: u64,
    /// Events that were passed over because they lie before the wanted span, or after it.
    pub outside: (u64, u64),
    /// The first records that did not parse: their place in the batch, and why. Empty ones are left
    /// out.
    pub unparsed: SmallVec<[(usize, Unparsed); limits::UNPARSED_SHOWN_MAX]>,
    /// Predicates that failed for a reason other than a missing field, by rule number.
    pub faults: Vec<(u32, String)>,
}

/// How stamps from the future are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clamp {
    /// A stamp far ahead of its arrival becomes its arrival (live).
    ToArrival,
    /// Stamps stand as they are (replay: the arrival says nothing).
    Never,
}

/// A span of event time, from `since` up to but without `until`; all of it where they are absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub since: Option<Timestamp>,
    /// Where it ends.
    pub until: Option<Timestamp>,
}

/// The stage: a parser, the trusted proxies and the rules, with its scratch space.
pub struct Stage {
    parser: Parser,
    real_client: RealClient,
    rules: Arc<RuleSet>,
    clamp: Clamp,
    span: Span,
    enrichers: Vec<Arc<Spec>>,
    /// Whether there is somebody who says where an address is: asked once a batch.
    knows_places: bool,
    /// The event that the next record is read into.
    scratch: Option<Arc<Event>>,
    found: Vec<u32>,
    spares: Spares,
    /// How many candidates the last batch had: the next one has about as many.
    candidates_before: usize,
}

impl Stage {
    /// A stage for one source.
    pub fn new(parser: Parser, real_client: RealClient, rules: Arc<RuleSet>, clamp: Clamp) -> Self {
        let span = Span::default();
        let enrichers = Vec::new();
        Self {
            parser,
            real_client,
            rules,
            clamp,
            span,
            enrichers,
            knows_places: false,
            scratch: None,
            found: Vec::new(),
            spares: Spares::default(),
            candidates_before: 0,
        }
    }

    /// The same stage, for events of that span alone.
    #[must_use]
    pub fn within(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// Asks for what somebody else reads of a batch, all lines together; may block while that one is
    /// not there. To be called where waiting is allowed; what was not asked for is asked in
    /// [`Stage::run`], line by line.
    pub fn prepare(&mut self, batch: &Batch) -> Result<(), Stopped> {
        self.parser.prepare(batch)
    }

    /// As [`Stage::prepare`], where nobody stops the one who is asked.
    pub fn ask(&mut self, batch: &Batch) {
        // Whoever stops answers no line either, and `run` says so of each.
        let _asked = self.prepare(batch);
    }

    /// Takes what another stage of the same parser was answered.
    pub fn answered_as(&mut self, other: &Self) {
        if self.parser.is_foreign() {
            self.parser.clone_from(&other.parser);
        }
    }

    /// The same stage, with enrichers.
    #[must_use]
    pub fn enriched(mut self, enrichers: &[Arc<Spec>]) -> Self {
        self.enrichers = enrichers.to_vec();
        self
    }

    /// What each enricher would be asked for this batch; nothing where there are none. Reads the
    /// batch once more.
    pub fn keys(&mut self, batch: &Batch) -> Vec<BTreeSet<String>> {
        let mut keys = vec![BTreeSet::new(); self.enrichers.len()];
        let mut scratch = Event::new(Kind::Log, Timestamp::EPOCH);
        scratch.origin = Arc::clone(&batch.origin);
        for (index, span) in batch.records.iter().enumerate() {
            let Some(record) = batch.record(index) else {
                continue;
            };
            scratch.reset(record.clone());
            // The place too: what somebody else reads is known by it.
            scratch.offset = span.offset;
            if self.parser.parse(&record, batch.arrival, &mut scratch).is_ok() {
                self.real_client.apply(&mut scratch);
                if self.rules.lookups().knows_places() {
                    place(&mut scratch, &**self.rules.lookups());
                }
                for (spec, keys) in self.enrichers.iter().zip(&mut keys) {
                    spec.collect(&scratch, keys);
                }
            }
        }
        keys
    }

    /// Works through a batch of which enrichers say nothing.
    pub fn run(&mut self, batch: &Batch) -> Matched {
        self.run_with(batch, &Additions::default())
    }

    /// Works through a batch with what enrichers said of it.
    pub fn run_with(&mut self, batch: &Batch, additions: &Additions) -> Matched {
        let mut matched = Matched {
            origin: Arc::clone(&batch.origin),
            range: (batch.from, batch.to),
            arrival: batch.arrival,
            records: batch.records.len() as u64,
            ..Matched::default()
        };
        self.knows_places = self.rules.lookups().knows_places();
        matched.candidates.reserve(self.candidates_before.min(batch.records.len()));
        let mut scratch = self.scratch.take().unwrap_or_else(|| self.spares.empty());
        let mut index = 0;
        while index < batch.records.len() {
            let Some(event) = Arc::get_mut(&mut scratch) else {
                scratch = self.spares.empty();
                continue;
            };
            if self.next_candidate(batch, &mut index, event, additions, &mut matched) {
                // It goes on as it is: copying it would cost as much as a window.
                matched.candidates.push(Candidate {
                    event: std::mem::replace(&mut scratch, self.spares.empty()),
                    rules: SmallVec::from_slice(&self.found),
                    reached: matched.newest,
                });
            }
        }
        self.scratch = Some(scratch);
        self.candidates_before = matched.candidates.len();
        detach(batch, &mut matched.candidates);
        telemetry::counter(names::RECORDS_PARSED).add(matched.parsed);
        telemetry::counter(names::RECORDS_UNPARSED).add(matched.records - matched.parsed);
        telemetry::counter(names::EVENTS_MATCHED).add(matched.candidates.len() as u64);
        telemetry::counter(names::RULE_FAULTS).add(matched.faults.len() as u64);
        matched
    }

    /// Reads records into the event, from `index` on, until one is a candidate; false when there
    /// are no more. `index` is then the next one's.
    fn next_candidate(
        &mut self,
        batch: &Batch,
        index: &mut usize,
        event: &mut Event,
        additions: &Additions,
        matched: &mut Matched,
    ) -> bool {
        if !Arc::ptr_eq(&event.origin, &batch.origin) {
            event.origin = Arc::clone(&batch.origin);
        }
        while *index < batch.records.len() {
            let this = *index;
            *index += 1;
            self.found.clear();
            self.record(batch, this, event, additions, matched);
            if !self.found.is_empty() {
                return true;
            }
        }
        false
    }

    /// Reads a record; the rules that care for it are in `found` afterwards.
    fn record(
        &mut self,
        batch: &Batch,
        index: usize,
        event: &mut Event,
        additions: &Additions,
        matched: &mut Matched,
    ) {
        let Some((span, record)) = batch.line(index) else { return };
        event.reset_within(&batch.block, span);
        event.offset = span.offset;
        event.line = if batch.first_line == 0 { 0 } else { batch.first_line + index as u64 };
        if let Err(why) = self.parser.parse(record, batch.arrival, event) {
            if matched.unparsed.len() < limits::UNPARSED_SHOWN_MAX
                && !record.trim_ascii().is_empty()
            {
                matched.unparsed.push((index, why));
            }
            return;
        }
        matched.parsed += 1;
        let newest = batch.arrival.plus(Duration::from_secs(limits::FUTURE_SKEW_SECS_MAX));
        if self.clamp == Clamp::ToArrival && event.time > newest {
            event.time = batch.arrival;
            telemetry::counter(names::EVENTS_FROM_THE_FUTURE).add(1);
        }
        if self.span.since.is_some_and(|since| event.time < since) {
            matched.outside.0 += 1;
            return;
        }
        if self.span.until.is_some_and(|until| event.time >= until) {
            matched.outside.1 += 1;
            return;
        }
        matched.newest = matched.newest.max(event.time);
        let oldest = matched.oldest.map_or(event.time, |oldest| oldest.min(event.time));
        matched.oldest = Some(oldest);
        self.real_client.apply(event);
        if self.knows_places {
            place(event, &**self.rules.lookups());
        }
        for spec in &self.enrichers {
            spec.apply(event, additions);
        }
        if let Some(sign) = good_sign(event) {
            matched.good_signs.push(sign);
        }
        self.rules.candidates(event, &mut self.found, &mut matched.faults);
    }
}

/// Gives an event what is known of where its client is, and whose network that is.
pub fn place(event: &mut Event, lookups: &dyn Lookups) {
    if let Some(place) = geo::wanted(event).and_then(|client| lookups.geo(client)) {
        place.apply(event);
    }
}

/// Lets the block go where few of its records are still wanted: an event may be evidence for as long
/// as thousands of others take to come.
fn detach(batch: &Batch, candidates: &mut [Candidate]) {
    let records: usize = candidates.iter().map(|next| next.event.record().len()).sum();
    if records > batch.block.len() / 4 {
        return;
    }
    for candidate in candidates {
        if let Some(event) = Arc::get_mut(&mut candidate.event) {
            event.own_record();
        }
    }
}

/// Authenticated success: an accepted SSH login. The user in an access log is no sign: a client
/// that nobody asked for a password may send any name, and could so make itself a good one.
fn good_sign(event: &Event) -> Option<GoodSign> {
    if event.kind != Kind::SshAuth || event.bytes(Field::Outcome) != Some(b"success") {
        return None;
    }
    Some(GoodSign { ip: event.ip(Field::Ip)?, time: event.time })
}

#[cfg(test)]
#[path = "stage_tests.rs"]
mod tests;
