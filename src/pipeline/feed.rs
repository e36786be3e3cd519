//! From a source to the engine: each source's thread parses and matches its own batches, then
//! hands them over; the engine may ask for the same once more.

use super::engine::{Inputs, Message};
use super::stage::{Clamp, Matched, Stage};
use super::{places, threat_feeds};
use crate::enrich::RealClient;
use crate::event::Batch;
use crate::feeds::Feeds;
use crate::geo::Places;
use crate::parsers::Parser;
use crate::plugins::enricher::{Spec, ask_all};
use crate::plugins::{Additions, Enricher};
use crate::rules::RuleSet;
use crate::sources::{Closed, Sink};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A batch, matched by a rule set.
pub struct Delivery {
    /// As it came.
    pub batch: Batch,
    /// What the rules care about.
    pub matched: Matched,
    /// The rules that matched it.
    pub rules: Arc<RuleSet>,
    /// The versions of threat feeds that it was matched with.
    pub feeds: Arc<Feeds>,
    /// The versions of databases of places.
    pub places: Arc<Places>,
    /// What enrichers said of it.
    pub additions: Additions,
}

/// A source's parser, for its own thread and for the engine's.
struct Parsers {
    asking: Parser,
    known: Parser,
}

/// The parsers of all sources, by name.
#[derive(Default)]
pub struct SourceBook {
    parsers: BTreeMap<Arc<str>, Parsers>,
    real_client: RealClient,
    enrichers: Vec<Arc<Spec>>,
}

impl SourceBook {
    /// A book with the proxies that are trusted, and what enrichers add.
    pub fn new(real_client: RealClient, enrichers: Vec<Arc<Spec>>) -> Self {
        Self { parsers: BTreeMap::new(), real_client, enrichers }
    }

    /// Adds a source.
    pub fn add(&mut self, source: &str, parser: Parser) {
        self.add_asking(source, parser.clone(), parser);
    }

    /// Adds a source whose parser asks somebody else; `known` gives only what was answered already.
    pub fn add_asking(&mut self, source: &str, asking: Parser, known: Parser) {
        self.parsers.insert(Arc::from(source), Parsers { asking, known });
    }

    /// A stage for a source; `None` where no source has that name any more. It never waits: what
    /// somebody else reads was answered when the batch first came.
    pub fn stage(&self, source: &str, rules: Arc<RuleSet>) -> Option<Stage> {
        Some(self.stage_with(self.parsers.get(source)?.known.clone(), rules))
    }

    /// A stage for a source's own thread, which may wait.
    fn stage_that_asks(&self, source: &str, rules: Arc<RuleSet>) -> Option<Stage> {
        Some(self.stage_with(self.parsers.get(source)?.asking.clone(), rules))
    }

    fn stage_with(&self, parser: Parser, rules: Arc<RuleSet>) -> Stage {
        Stage::new(parser, self.real_client.clone(), rules, Clamp::ToArrival)
            .enriched(&self.enrichers)
    }
}

/// What rules ask, as it is now: the versions that the next batch is matched with.
#[derive(Clone)]
pub struct AskedNow {
    /// Threat feeds.
    pub feeds: Arc<ArcSwap<Feeds>>,
    /// Databases of places.
    pub places: Arc<ArcSwap<Places>>,
}

/// The sink of one source.
pub struct Feed {
    source: Arc<str>,
    book: Arc<SourceBook>,
    rules: Arc<ArcSwap<RuleSet>>,
    asked: AskedNow,
    stage: Mutex<Option<(Arc<RuleSet>, Stage)>>,
    /// In the order of the book's.
    enrichers: Arc<[Enricher]>,
    engine: Inputs,
}

impl Feed {
    /// A sink for the source of that name.
    pub fn new(
        source: &str,
        book: Arc<SourceBook>,
        (rules, asked): (Arc<ArcSwap<RuleSet>>, AskedNow),
        enrichers: Arc<[Enricher]>,
        engine: Inputs,
    ) -> Self {
        let (source, stage) = (Arc::from(source), Mutex::new(None));
        Self { source, book, rules, asked, stage, enrichers, engine }
    }
}

impl Sink for Feed {
    fn send(&self, batch: Batch) -> Result<(), Closed> {
        let rules = self.rules.load_full();
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if stage.as_ref().is_none_or(|(used, _)| !Arc::ptr_eq(used, &rules)) {
            let fresh = self.book.stage_that_asks(&self.source, Arc::clone(&rules));
            let fresh = fresh.ok_or(Closed)?;
            *stage = Some((Arc::clone(&rules), fresh));
        }
        let Some((_, stage)) = stage.as_mut() else {
            return Err(Closed);
        };
        // A parser that is a program is waited for here: its source waits, nobody else.
        stage.prepare(&batch).map_err(|_| Closed)?;
        let (feeds, places) = (self.asked.feeds.load_full(), self.asked.places.load_full());
        threat_feeds::pin(&feeds);
        places::pin(&places);
        let additions = if self.enrichers.is_empty() {
            Additions::default()
        } else {
            ask_all(&self.enrichers, stage.keys(&batch))
        };
        let matched = stage.run_with(&batch, &additions);
        let delivery = Box::new(Delivery { batch, matched, rules, feeds, places, additions });
        // Held while the engine is behind, so that batches of one source stay in order.
        self.engine.batches.send(delivery).map_err(|_| Closed)
    }

    fn alarm(&self, source: &str, text: String) {
        let alarm = Message::Alarm { source: source.to_owned(), text };
        // Full means that the engine is behind; the log has the alarm all the same.
        if let Err(error) = self.engine.control.try_send(alarm)
            && let Message::Alarm { source, text } = error.into_inner()
        {
            tracing::warn!(source, text, "alarm");
        }
    }
}
