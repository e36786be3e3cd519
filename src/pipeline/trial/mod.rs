//! The bench that `test(…)` blocks run on: the real stages, fed by hand, with a desk behind them
//! that judges and keeps what is in force.

mod batch;
pub mod cover;
mod emitted;
mod files;
mod known;
pub mod suite;
mod trace;

pub use batch::batch_of;
pub use known::TestLookups;

use super::core::{Core, CoreConfig, Firing, Modes};
use super::live::{real_client, route_of};
use super::stage::{Clamp, Matched, Stage, place};
use super::watermark::Watermarks;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::decisions::{Ask, Decision, Desk, Effect, Entry, Hit, Mode, RuleFacts, Subject};
use crate::enrich::Geo;
use crate::event::{Batch, Event, Field, Kind, Origin, Value};
use crate::limits;
use crate::parsers::Parser;
use crate::rules::{Asked, Decided, Faulted, RuleSet, StateValue, TestBench};
use cover::TestCover;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Windows of one test fit in this.
const TRIAL_WINDOW_BYTES: u64 = 16 * 1024 * 1024;

/// Parameters by file stem, as a test sets them.
pub type Params = BTreeMap<String, BTreeMap<String, serde_json::Value>>;

/// Loads the rules under test anew, with parameters of a test's own.
pub type Reload = Arc<dyn Fn(&Params) -> Result<Arc<RuleSet>, String> + Send + Sync>;

/// A small engine for one test.
pub struct Trial {
    core: Core,
    rules: Arc<RuleSet>,
    config: Arc<Config>,
    desk: Desk,
    marks: Watermarks,
    reload: Option<Reload>,
    params: Params,
    cover: Option<TestCover>,
    now: Timestamp,
    fed: u64,
    unparsed: u64,
    place: u64,
    hits: Vec<Arc<Hit>>,
    decisions: Vec<Decided>,
    asks: Vec<Asked>,
    faults: Vec<Faulted>,
    events: Vec<Arc<Event>>,
    /// The newest candidates, with their rules.
    met: Vec<(u32, Arc<Event>)>,
}

impl Trial {
    /// A bench for these rules, for one test on this thread.
    pub fn new(rules: Arc<RuleSet>, config: Arc<Config>) -> Self {
        known::begin();
        Self {
            core: core(&rules, &config),
            rules,
            desk: Desk::new(config.guard.clone()),
            config,
            marks: Watermarks::default(),
            reload: None,
            params: Params::new(),
            cover: None,
            now: Timestamp::EPOCH,
            fed: 0,
            unparsed: 0,
            place: 0,
            hits: Vec::new(),
            decisions: Vec::new(),
            asks: Vec::new(),
            faults: Vec::new(),
            events: Vec::new(),
            met: Vec::new(),
        }
    }

    /// The same, able to load its rules with other parameters.
    #[must_use]
    pub fn reloading(mut self, reload: Reload) -> Self {
        self.reload = Some(reload);
        self
    }

    /// The same, gathering what the test reaches.
    #[must_use]
    pub fn covering(mut self, cover: TestCover) -> Self {
        self.cover = Some(cover);
        self
    }

    /// Runs a batch through the stages. Its events are made a second time for the test to look at:
    /// the stage keeps only those that a rule cares about.
    fn batch(&mut self, parser: &Parser, batch: &Batch) -> Result<Matched, String> {
        self.charge(batch.records.len() as u64)?;
        let client = real_client(&self.config);
        let mut stage =
            Stage::new(parser.clone(), client.clone(), Arc::clone(&self.rules), Clamp::Never);
        stage.ask(batch);
        let matched = stage.run(batch);
        self.unparsed += matched.records - matched.parsed;
        let mut parser = parser.clone();
        for index in 0..batch.records.len() {
            let Some(record) = batch.record(index) else { continue };
            let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
            event.origin = Arc::clone(&batch.origin);
            event.reset(record.clone());
            if parser.parse(&record, batch.arrival, &mut event).is_ok() {
                client.apply(&mut event);
                place(&mut event, &**self.rules.lookups());
                self.keep(Arc::new(event));
            }
        }
        self.evaluate(&matched);
        Ok(matched)
    }

    fn charge(&mut self, records: u64) -> Result<(), String> {
        self.fed += records;
        if self.fed > limits::TEST_FED_MAX {
            return Err(format!("a test feeds at most `{}` events", limits::TEST_FED_MAX));
        }
        Ok(())
    }

    fn keep(&mut self, event: Arc<Event>) {
        // With other parameters, predicates are not those whose parts are counted.
        if let Some(cover) = self.cover.as_mut().filter(|_| self.params.is_empty()) {
            cover.event(&event);
        }
        if self.events.len() >= 2 * limits::TEST_EVENTS_KEPT_MAX {
            self.events.drain(..limits::TEST_EVENTS_KEPT_MAX);
        }
        self.events.push(event);
    }

    fn evaluate(&mut self, matched: &Matched) {
        for (rule, fault) in &matched.faults {
            if let Some(rule) = self.rules.rules().get(*rule as usize) {
                let rule = Arc::clone(&rule.name);
                self.faults.push(Faulted { rule, words: fault.clone() });
            }
        }
        for candidate in matched.candidates.iter() {
            let met = candidate.rules.iter().map(|rule| (*rule, Arc::clone(&candidate.event)));
            self.met.extend(met);
        }
        if self.met.len() > 2 * limits::TEST_EVENTS_KEPT_MAX {
            self.met.drain(..self.met.len() - limits::TEST_EVENTS_KEPT_MAX);
        }
        let mut firings = Vec::new();
        super::engine::evaluate(&mut self.core, &mut self.marks, matched, &mut firings);
        if matched.parsed > 0 {
            self.now = self.now.max(matched.newest);
        }
        self.take(firings);
        self.tick();
    }

    fn take(&mut self, firings: Vec<Firing>) {
        for firing in firings {
            self.note_emitted(&firing);
            let rule = &firing.hit.rule;
            if let Some(fault) = &firing.fault {
                self.faults.push(Faulted { rule: Arc::clone(rule), words: fault.to_string() });
            }
            let certain =
                self.rules.rules().get(firing.rule as usize).is_some_and(|rule| rule.certain);
            let facts = RuleFacts { mode: Mode::Enforce, certain };
            for decision in firing.decisions {
                let guard = self.judge(&decision, facts, firing.hit.time);
                self.decisions.push(Decided { decision, guard });
            }
            for target in &firing.lifts {
                self.desk.lift(target, "by a rule");
            }
            let asked = |ask: Ask| Asked { rule: Arc::clone(rule), ask };
            self.asks.extend(firing.asks.into_iter().map(asked));
            self.hits.push(firing.hit);
        }
    }

    /// What the guard makes of a decision at the time of its hit; what passes is in force.
    fn judge(&mut self, decision: &Decision, facts: RuleFacts, now: Timestamp) -> String {
        let steps = self.desk.judge(decision.clone(), facts, now);
        let own = steps.judged.iter().find(|judged| judged.decision.id == decision.id);
        own.map_or_else(|| "pass".to_owned(), |judged| judged.verdict.words())
    }

    /// Ends what is over.
    fn tick(&mut self) {
        while self.desk.next_tick().is_some_and(|next| next <= self.now) {
            let before = self.desk.next_tick();
            self.desk.tick(self.now, &|_| Mode::Enforce);
            if self.desk.next_tick() == before {
                break;
            }
        }
    }

    /// The effects among what was asked for.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.asks.iter().filter_map(|asked| match &asked.ask {
            Ask::Effect(effect) => Some(effect),
            _ => None,
        })
    }
}

fn core(rules: &Arc<RuleSet>, config: &Config) -> Core {
    Core::new(
        Arc::clone(rules),
        CoreConfig {
            window_bytes_max: TRIAL_WINDOW_BYTES,
            seed: 0,
            guard: config.guard.clone(),
            route_of: route_of(config),
            modes: Modes::AllEnforce,
        },
    )
}

impl TestBench for Trial {
    fn lines(&mut self, format: &str, text: &str) -> Result<(), String> {
        let chosen = super::formats::named(&self.config, format);
        let parser = chosen.map_err(|error| error.to_string())?.parser;
        let batch = batch_of(text, self.place, self.now);
        self.place = batch.to;
        let matched = self.batch(&parser, &batch)?;
        let wrong = matched.unparsed.first().and_then(|(index, _)| batch.record(*index));
        match wrong {
            Some(line) => {
                let line = crate::event::text::escape_cut(&line, 200);
                Err(format!("no `{format}` line: {line}"))
            }
            None => Ok(()),
        }
    }

    fn file(&mut self, format: &str, test_file: &str, path: &str) -> Result<(), String> {
        files::feed(self, format, test_file, path)
    }

    fn event(&mut self, kind: &str, fields: Vec<(String, Value)>) -> Result<(), String> {
        self.charge(1)?;
        let mut event = Event::new(Kind::from_name(kind), self.now);
        self.place += 1;
        event.offset = self.place;
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
                ("ip" | "peer", Some(field)) => event.set(field, batch::address(&name, value)?),
                (_, Some(field)) => event.set(field, value),
                (_, None) => event.set_extra(&Arc::from(name), value),
            }
        }
        place(&mut event, &**self.rules.lookups());
        let mut found = Vec::new();
        self.rules.candidates(&event, &mut found, &mut matched.faults);
        matched.newest = event.time;
        matched.parsed = 1;
        let event = Arc::new(event);
        self.keep(Arc::clone(&event));
        if !found.is_empty() {
            let rules = smallvec::SmallVec::from_vec(found);
            let reached = event.time;
            matched.candidates.push(super::stage::Candidate { event, rules, reached });
        }
        self.evaluate(&matched);
        Ok(())
    }

    fn parse(&mut self, format: &str, line: &str) -> Result<Option<Event>, String> {
        let chosen = super::formats::named(&self.config, format);
        let mut parser = chosen.map_err(|error| error.to_string())?.parser;
        let batch = batch_of(line, self.place, self.now);
        let Some(record) = batch.record(0) else { return Ok(None) };
        let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
        event.reset(record.clone());
        Ok(parser.parse(&record, batch.arrival, &mut event).is_ok().then_some(event))
    }

    fn at(&mut self, time: Timestamp) -> Result<(), String> {
        if time < self.now {
            return Err(format!("time only moves on: it is `{}` already", self.now));
        }
        self.now = time;
        let mut firings = Vec::new();
        self.core.advance(time, &mut firings);
        self.core.forget_before(time);
        self.take(firings);
        self.tick();
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn feed(&mut self, name: &str, nets: Vec<IpNet>) -> Result<(), String> {
        known::feed(name, nets)
    }

    fn geo(&mut self, net: IpNet, place: Geo) -> Result<(), String> {
        known::geo(net, place)
    }

    fn allow(&mut self, net: IpNet) -> Result<(), String> {
        let text = net.to_string();
        let subject = Subject::parse(&text).ok_or_else(|| format!("`{text}` is no prefix"))?;
        let entry = Entry {
            subject,
            comment: "of the test".to_owned(),
            added: self.now,
            by: "test".to_owned(),
            until: None,
        };
        self.desk.allow(entry).map(drop).map_err(|error| error.to_string())
    }

    fn past_hits(&mut self, key: &str, count: u64) -> Result<(), String> {
        self.core.note_past_hits(key, count, self.now);
        Ok(())
    }

    fn param(
        &mut self,
        files: &[Arc<str>],
        name: &str,
        value: serde_json::Value,
    ) -> Result<(), String> {
        files::set_param(self, files, name, &value)
    }

    fn hits(&self) -> &[Arc<Hit>] {
        &self.hits
    }

    fn decisions(&self) -> &[Decided] {
        &self.decisions
    }

    fn in_force(&self) -> Vec<Decision> {
        self.desk.standing.iter().map(|decision| (**decision).clone()).collect()
    }

    fn asks(&self) -> &[Asked] {
        &self.asks
    }

    fn faults(&self) -> &[Faulted] {
        &self.faults
    }

    fn events(&self) -> &[Arc<Event>] {
        &self.events
    }

    fn state(&self, key: &str) -> Option<StateValue> {
        self.core.state_at(key, self.now)
    }

    fn finish(&mut self) {
        let Some(mut cover) = self.cover.take() else { return };
        let number = |name: &str| self.rules.rules().iter().position(|rule| &*rule.name == name);
        let fired =
            self.hits.iter().filter_map(|hit| Some((number(&hit.rule)?, hit.key.to_string())));
        let met = self.met.iter().filter_map(|(rule, event)| {
            let (key, _) = self.core.level_of(*rule, event)?;
            Some((*rule as usize, key.to_string()))
        });
        cover.finish(&met.collect(), &fired.collect());
    }

    fn trace(&self, concerns: &dyn Fn(&str) -> bool) -> Vec<String> {
        self.story(concerns)
    }
}
