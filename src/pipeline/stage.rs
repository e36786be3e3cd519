//! The stateless stage: a batch of records in, the few events that some rule cares about out.
//!
//! Parse, enrich, match; nothing here depends on what came before, so batches may be worked on in
//! parallel. One [`Stage`] a thread: it reuses one event for all records and clones out only
//! candidates.

use crate::clock::Timestamp;
use crate::enrich::RealClient;
use crate::event::{Batch, Event, Field, Kind, Origin, Spares};
use crate::limits;
use crate::parsers::{Parser, Stopped, Unparsed};
use crate::plugins::Additions;
use crate::plugins::enricher::Spec;
use crate::rules::RuleSet;
use crate::telemetry::{self, names};
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::net::IpAddr;
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
    pub candidates: Vec<Candidate>,
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
    scratch: Event,
    found: Vec<u32>,
    spares: Spares,
    /// How many candidates the last batch had: the next one has about as many.
    candidates_before: usize,
}

impl Stage {
    /// A stage for one source.
    pub fn new(parser: Parser, real_client: RealClient, rules: Arc<RuleSet>, clamp: Clamp) -> Self {
        let scratch = Event::new(Kind::Log, Timestamp::EPOCH);
        let span = Span::default();
        let enrichers = Vec::new();
        Self {
            parser,
            real_client,
            rules,
            clamp,
            span,
            enrichers,
            scratch,
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
        self.scratch.origin = Arc::clone(&batch.origin);
        for (index, span) in batch.records.iter().enumerate() {
            let Some(record) = batch.record(index) else {
                continue;
            };
            self.scratch.reset(record.clone());
            // The place too: what somebody else reads is known by it.
            self.scratch.offset = span.offset;
            if self.parser.parse(&record, batch.arrival, &mut self.scratch).is_ok() {
                self.real_client.apply(&mut self.scratch);
                for (spec, keys) in self.enrichers.iter().zip(&mut keys) {
                    spec.collect(&self.scratch, keys);
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
            candidates: Vec::with_capacity(self.candidates_before.min(batch.records.len())),
            ..Matched::default()
        };
        self.scratch.origin = Arc::clone(&batch.origin);
        for index in 0..batch.records.len() {
            self.record(batch, index, additions, &mut matched);
        }
        self.candidates_before = matched.candidates.len();
        detach(batch, &mut matched.candidates);
        telemetry::counter(names::RECORDS_PARSED).add(matched.parsed);
        telemetry::counter(names::RECORDS_UNPARSED).add(matched.records - matched.parsed);
        telemetry::counter(names::EVENTS_MATCHED).add(matched.candidates.len() as u64);
        telemetry::counter(names::RULE_FAULTS).add(matched.faults.len() as u64);
        matched
    }

    fn record(
        &mut self,
        batch: &Batch,
        index: usize,
        additions: &Additions,
        matched: &mut Matched,
    ) {
        let Some((span, record)) = batch.line(index) else { return };
        let event = &mut self.scratch;
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
        for spec in &self.enrichers {
            spec.apply(event, additions);
        }
        if let Some(sign) = good_sign(event) {
            matched.good_signs.push(sign);
        }
        self.found.clear();
        self.rules.candidates(event, &mut self.found, &mut matched.faults);
        if !self.found.is_empty() {
            matched.candidates.push(Candidate {
                event: self.spares.copy(event),
                rules: SmallVec::from_slice(&self.found),
                reached: matched.newest,
            });
        }
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
mod tests {
    use super::*;
    use crate::rules::{RuleFile, Settings};
    use crate::sources::Replay;
    use std::io::Cursor;

    /// A batch whose every nth line is a candidate.
    fn matched(every: usize) -> (Batch, Matched) {
        let line = |number: usize| {
            let path = if number.is_multiple_of(every) { "wanted" } else { "other" };
            format!(
                "203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET /{path} HTTP/1.1\" 200 1 \"-\" \"-\"\n"
            )
        };
        let text: String = (0..100).map(line).collect();
        let rule = "rule(\"r\").on(\"http\").when(|e| e.path == \"/wanted\").by(\"ip\");";
        let files = [RuleFile { path: "r.rhai".into(), text: rule.to_owned() }];
        let loaded = RuleSet::load(&files, &[], &Settings::default());
        let parser = Parser::for_format("nginx").unwrap();
        let rules = Arc::new(loaded.set);
        let mut stage = Stage::new(parser, RealClient::default(), rules, Clamp::Never);
        let mut replay = Replay::from_reader("log", Box::new(Cursor::new(text))).unwrap();
        let batch = replay.next_batch().unwrap().unwrap();
        let matched = stage.run(&batch);
        assert_eq!(matched.candidates.len(), 100_usize.div_ceil(every));
        (batch, matched)
    }

    /// The ring of evidence holds thousands of events: with a few candidates in each block they held
    /// hundreds of megabytes.
    #[test]
    fn a_few_candidates_do_not_hold_the_block_that_they_came_in() {
        for (every, held) in [(1, true), (20, false)] {
            let (batch, matched) = matched(every);
            let block = batch.block.as_ptr_range();
            for candidate in &matched.candidates {
                let event = &candidate.event;
                assert_eq!(block.contains(&event.record().as_ptr()), held, "one in {every}");
                assert_eq!(event.bytes(Field::Path), Some(&b"/wanted"[..]));
            }
        }
    }
}
