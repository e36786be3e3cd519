//! The bench that `test(…)` blocks run on: the real stages, fed by hand.

use super::core::{Core, CoreConfig, Firing, Modes};
use super::live::{real_client, route_of};
use super::stage::{Clamp, Matched, Stage};
use super::watermark::Watermarks;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::decisions::{Ask, Decision, Effect, Hit};
use crate::event::{Batch, Event, Field, Kind, Origin, RecordSpan, Value};
use crate::limits;
use crate::parsers::Parser;
use crate::rules::{RuleSet, TestBench};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Windows of one test fit in this.
const TRIAL_WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// A small engine for one test.
pub struct Trial {
    core: Core,
    rules: Arc<RuleSet>,
    config: Arc<Config>,
    marks: Watermarks,
    now: Timestamp,
    fed: u64,
    hits: Vec<Arc<Hit>>,
    decisions: Vec<Decision>,
    asks: Vec<Ask>,
    faults: Vec<String>,
}

impl Trial {
    /// A bench for these rules.
    pub fn new(rules: Arc<RuleSet>, config: Arc<Config>) -> Self {
        let core = Core::new(
            Arc::clone(&rules),
            CoreConfig {
                window_bytes_max: TRIAL_WINDOW_BYTES,
                seed: 0,
                guard: config.guard.clone(),
                route_of: route_of(&config),
                modes: Modes::AllEnforce,
            },
        );
        Self {
            core,
            rules,
            config,
            marks: Watermarks::default(),
            now: Timestamp::EPOCH,
            fed: 0,
            hits: Vec::new(),
            decisions: Vec::new(),
            asks: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn evaluate(&mut self, matched: &Matched) {
        for (rule, fault) in &matched.faults {
            let name = self.rules.rules().get(*rule as usize).map_or("?", |rule| &*rule.name);
            self.faults.push(format!("rule `{name}`: {fault}"));
        }
        let mut firings = Vec::new();
        super::engine::evaluate(&mut self.core, &mut self.marks, matched, &mut firings);
        if matched.parsed > 0 {
            self.now = self.now.max(matched.newest);
        }
        self.take(firings);
    }

    fn take(&mut self, firings: Vec<Firing>) {
        for firing in firings {
            if let Some(fault) = &firing.fault {
                self.faults.push(format!("rule `{}`: {fault}", firing.hit.rule));
            }
            self.hits.push(firing.hit);
            self.decisions.extend(firing.decisions);
            self.asks.extend(firing.asks);
        }
    }

    /// The effects among what was asked for.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.asks.iter().filter_map(|ask| match ask {
            Ask::Effect(effect) => Some(effect),
            _ => None,
        })
    }
}

impl TestBench for Trial {
    fn lines(&mut self, format: &str, text: &str) -> Result<(), String> {
        let chosen = super::formats::named(&self.config, format);
        let parser = chosen.map_err(|error| error.to_string())?.parser;
        let mut stage = Stage::new(
            parser.clone(),
            real_client(&self.config),
            Arc::clone(&self.rules),
            Clamp::Never,
        );
        let batch = batch_of(text, self.fed, self.now);
        self.fed = batch.to;
        let matched = stage.run(&batch);
        let unread = first_unparsed(parser, &batch);
        self.evaluate(&matched);
        match unread {
            Some(line) => Err(format!("no `{format}` line: {line}")),
            None => Ok(()),
        }
    }

    fn event(&mut self, kind: &str, fields: Vec<(String, Value)>) -> Result<(), String> {
        let mut event = Event::new(Kind::from_name(kind), self.now);
        self.fed += 1;
        event.offset = self.fed;
        let origin = Origin { source: "test".into(), stream: "test".into() };
        let mut matched =
            Matched { origin: Arc::new(origin), arrival: self.now, ..Matched::default() };
        event.origin = Arc::clone(&matched.origin);
        for (name, value) in fields {
            match (name.as_str(), Field::from_name(&name)) {
                ("time", _) => match &value {
                    Value::Text(text) => {
                        event.time = Timestamp::parse_rfc3339(text)
                            .ok_or_else(|| format!("`{text}` is not an RFC 3339 time"))?;
                    }
                    _ => return Err("`time` must be an RFC 3339 time".to_owned()),
                },
                ("ip" | "peer", Some(field)) => event.set(field, address(&name, value)?),
                (_, Some(field)) => event.set(field, value),
                (_, None) => event.set_extra(&Arc::from(name), value),
            }
        }
        let mut found = Vec::new();
        self.rules.candidates(&event, &mut found, &mut matched.faults);
        matched.newest = event.time;
        matched.parsed = 1;
        if !found.is_empty() {
            let rules = smallvec::SmallVec::from_vec(found);
            let reached = event.time;
            let event = Arc::new(event);
            matched.candidates.push(super::stage::Candidate { event, rules, reached });
        }
        self.evaluate(&matched);
        Ok(())
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        let mut firings = Vec::new();
        self.core.advance(self.now, &mut firings);
        self.take(firings);
    }

    fn hits(&self) -> &[Arc<Hit>] {
        &self.hits
    }

    fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn asks(&self) -> &[Ask] {
        &self.asks
    }

    fn faults(&self) -> &[String] {
        &self.faults
    }
}

fn address(name: &str, value: Value) -> Result<Value, String> {
    match value {
        Value::Text(text) => crate::event::net::parse_ip(text.as_bytes())
            .map(Value::ip)
            .ok_or_else(|| format!("`{name}`: `{text}` is no address")),
        other => Ok(other),
    }
}

/// Lines of text as a batch that continues the stream at `from`.
pub fn batch_of(text: &str, from: u64, arrival: Timestamp) -> Batch {
    let block = Bytes::copy_from_slice(text.as_bytes());
    let mut records = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        let kept = line.len().min(limits::RECORD_BYTES_MAX);
        if !line.trim().is_empty()
            && let (Ok(first), Ok(len)) = (u32::try_from(start), u32::try_from(kept))
        {
            let offset = from + start as u64;
            let truncated = kept < line.len();
            records.push(RecordSpan { start: first, len, offset, truncated });
        }
        start += line.len() + 1;
    }
    let origin = Arc::new(Origin { source: "test".into(), stream: "test".into() });
    let to = from + text.len() as u64 + 1;
    // Stamps without a year are read as of their arrival; a test's lines come "now".
    let arrival = if arrival == Timestamp::EPOCH { crate::clock::now() } else { arrival };
    Batch { origin, arrival, block, records, from, to, first_line: 1 }
}

fn first_unparsed(mut parser: Parser, batch: &Batch) -> Option<String> {
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    (0..batch.records.len()).find_map(|index| {
        let record = batch.record(index)?;
        event.reset(record.clone());
        let failed = parser.parse(&record, batch.arrival, &mut event).is_err();
        failed.then(|| crate::event::text::escape_cut(&record, 200))
    })
}
