//! Puts an explanation together: rules, the state that they begin with, the line, what came of it;
//! and its JSON.

use super::line::{self, Meant, Parsed};
use super::opinion::{Opinion, opinions};
use super::{ExplainArgs, parts, window};
use crate::cli::modes::{self, InEffect, Origin, Saved};
use crate::cli::output::Output;
use crate::cli::{Usage, context};
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::decisions::{Decision, Desk, RuleFacts, Verdict};
use crate::enrich::Client;
use crate::event::{Event, text};
use crate::pipeline::core::Firing;
use crate::pipeline::explain::{self, AsOf, Passed};
use crate::pipeline::live::real_client;
use crate::rules::{Rule, RuleSet};
use crate::store::{self, Reader};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// Where the windows' state comes from.
#[derive(Debug)]
pub(super) enum State {
    /// They begin empty, and why.
    Empty(String),
    /// The daemon's last checkpoint.
    Checkpoint(AsOf),
    /// Lines that went through first.
    Lines(u64),
}

/// Everything that there is to say of a line.
pub(super) struct Report {
    config: Config,
    saved: Saved,
    desk: Desk,
    pub rules: Arc<RuleSet>,
    pub state: State,
    pub line: Parsed,
    /// What the line's event went through; empty where there is none.
    pub passed: Passed,
}

/// A decision with what would become of it if the line came now.
pub(super) struct Proposed {
    pub decision: Decision,
    pub verdict: Verdict,
}

/// Makes the report.
pub(super) fn report(config: &Path, args: &ExplainArgs, out: &Output) -> anyhow::Result<Report> {
    let config = context::config_or_default(config)?;
    let meant = Meant::of(&args.line)?;
    let (reader, why_not) = saved_state(&config);
    let saved = Saved::of(reader.as_ref())?;
    let rules = context::rules_as_set(&config, &args.rules, &saved.modes, saved.seed);
    let rules = context::to_run(rules, out)?;
    check_name(&rules, args.rule.as_deref())?;
    let mut watcher = line::watcher(&config, &rules, saved.seed);
    let real_client = real_client(&config);
    let from_lines = matches!(meant, Meant::OfFile { .. }) || !args.after.is_empty();
    let mut state = State::Empty(why_not);
    if args.fresh {
        state = State::Empty("as asked".to_owned());
    } else if let Some(reader) = reader.as_ref().filter(|_| !from_lines)
        && let Some(as_of) = explain::take_core(&mut watcher.core, reader)?
    {
        state = State::Checkpoint(as_of);
    }
    if !args.after.is_empty() {
        let inputs = line::inputs(&config, &args.format, &args.after)?;
        let replayed = watcher.replay(inputs, &real_client);
        replayed.map_err(|error| Usage::of(text::escape(&error.to_string())))?;
    }
    let line = line::parse(&config, &args.format, meant, &mut watcher, &real_client)?;
    if from_lines {
        state = State::Lines(watcher.lines);
    }
    let passed = match &line.event {
        Ok((event, _)) => watcher.pass(event, line.arrival),
        Err(_) => Passed::default(),
    };
    let desk = modes::desk(&config, reader.as_ref())?;
    Ok(Report { config, saved, desk, rules, state, line, passed })
}

/// What the daemon has saved, or why nothing of it is known.
fn saved_state(config: &Config) -> (Option<Reader>, String) {
    if !config.state_dir.join(store::DATABASE).exists() {
        return (None, "no daemon has saved any".to_owned());
    }
    match store::open_read_only(&config.state_dir) {
        Ok(reader) => (Some(reader), "the daemon has saved none yet".to_owned()),
        Err(error) => (None, error.to_string()),
    }
}

fn check_name(rules: &RuleSet, name: Option<&str>) -> anyhow::Result<()> {
    match name {
        Some(name) if !rules.rules().iter().any(|rule| *rule.name == *name) => {
            let known = rules.rules().iter().map(|rule| &*rule.name);
            Err(Usage::of(context::no_rule(name, known)))
        }
        _ => Ok(()),
    }
}

impl Report {
    /// The event, where the line is one.
    pub(super) fn event(&self) -> Option<&Arc<Event>> {
        self.line.event.as_ref().ok().map(|(event, _)| event)
    }

    /// What all rules make of it, in their order.
    pub(super) fn opinions(&self) -> Vec<Opinion<'_>> {
        match self.event() {
            Some(event) => opinions(&self.rules, event, &self.passed),
            None => Vec::new(),
        }
    }

    /// What a rule did.
    pub(super) fn firing(&self, opinion: &Opinion<'_>) -> Option<&Firing> {
        self.passed.firing(opinion.number, self.event()?)
    }

    /// What fired because of what other rules did.
    pub(super) fn further(&self) -> Vec<&Firing> {
        let event = self.event();
        event.map(|event| self.passed.further(event).collect()).unwrap_or_default()
    }

    /// Where a rule's mode was set, and what it comes to now.
    pub(super) fn mode(&self, rule: &Rule) -> (Origin, InEffect) {
        let in_effect = modes::in_effect(rule, &self.desk.guard, clock::now());
        (self.saved.origin(rule, &self.config), in_effect)
    }

    /// The decisions of a firing, with what the guard would make of them if the line came now.
    pub(super) fn proposed(&self, firing: &Firing) -> Vec<Proposed> {
        let now = clock::now();
        let mut desk = self.desk.clone();
        let rule = self.rules.rules().get(firing.rule as usize);
        let facts = RuleFacts { mode: firing.mode, certain: rule.is_some_and(|rule| rule.certain) };
        let judged = |decision: &Decision| {
            let mut decision = decision.clone();
            let duration = decision.duration();
            decision.from = now;
            decision.until = duration.map(|duration| now.plus(duration));
            let id = decision.id;
            let steps = if firing.distrusted {
                desk.distrust(decision.clone(), now)
            } else {
                desk.judge(decision.clone(), facts, now)
            };
            let said = steps.judged.into_iter().find(|judged| judged.decision.id == id);
            let said = said.map(|judged| (judged.decision, judged.verdict));
            let (decision, verdict) = said.unwrap_or((decision, Verdict::Queued));
            Proposed { decision, verdict }
        };
        firing.decisions.iter().map(judged).collect()
    }

    /// All of it.
    pub(super) fn to_json(&self) -> Json {
        let chosen = &self.line.chosen;
        let head = json!({
            "format": chosen.format,
            "source": chosen.source,
            "why": chosen.why,
        });
        let rest = match &self.line.event {
            Err(why) => json!({ "error": why }),
            Ok((event, client)) => json!({
                "event": event.to_json(),
                "client": client_json(client),
                "state": self.state_json(),
                "rules": self.opinions().iter().map(|opinion| self.rule_json(opinion, event)).collect::<Vec<_>>(),
                "before": self.passed.moved.iter().map(|firing| self.firing_json(firing)).collect::<Vec<_>>(),
                "further": self.further().into_iter().map(|firing| self.firing_json(firing)).collect::<Vec<_>>(),
            }),
        };
        merge(head, rest)
    }

    fn state_json(&self) -> Json {
        match &self.state {
            State::Empty(why) => json!({ "from": "nothing", "why": why }),
            State::Checkpoint(as_of) => json!({
                "from": "checkpoint",
                "at": as_of.at,
                "inputs_since": as_of.inputs_since,
            }),
            State::Lines(lines) => json!({ "from": "lines", "lines": lines }),
        }
    }

    fn rule_json(&self, opinion: &Opinion<'_>, event: &Event) -> Json {
        let rule = opinion.rule;
        let (origin, in_effect) = self.mode(rule);
        let key = opinion.passage.and_then(|passage| passage.key.as_ref().ok()?.as_ref());
        let window = opinion.passage.filter(|_| key.is_some()).map(|passage| {
            json!({
                "before": window::level_json(passage.before),
                "after": window::level_json(passage.after),
            })
        });
        let closures = opinion.parts.as_ref().map(|(parts, judged)| parts::to_json(parts, judged));
        json!({
            "rule": &*rule.name,
            "file": &*rule.file,
            "line": rule.line,
            "mode": rule.mode,
            "mode_from": origin.words(),
            "in_effect": in_effect.mode,
            "in_effect_why": in_effect.why,
            "matched": opinion.matched(),
            "what": opinion.words(event),
            "fault": opinion.fault(),
            "near_miss": opinion.is_near(),
            "closures": closures,
            "key": key.map(ToString::to_string),
            "fires_at": rule.window_words(),
            "window": window,
            "firing": self.firing(opinion).map(|firing| self.firing_json(firing)),
        })
    }

    fn firing_json(&self, firing: &Firing) -> Json {
        let decisions: Vec<Json> = self
            .proposed(firing)
            .iter()
            .map(|proposed| {
                json!({
                    "target": proposed.decision.target,
                    "remedy": proposed.decision.remedy,
                    "duration_s": proposed.decision.duration().map(|duration| duration.as_secs()),
                    "reason": proposed.decision.reason,
                    "guard": proposed.verdict.words(),
                })
            })
            .collect();
        json!({
            "rule": &*firing.hit.rule,
            "key": &*firing.hit.key,
            "count": firing.hit.count,
            "first": firing.hit.first,
            "last": firing.hit.last,
            "decisions": decisions,
            "lifts": firing.lifts,
            "effects": firing.effects,
            "fault": firing.fault.as_ref().map(ToString::to_string),
        })
    }
}

fn merge(head: Json, rest: Json) -> Json {
    match (head, rest) {
        (Json::Object(mut head), Json::Object(rest)) => {
            head.extend(rest);
            Json::Object(head)
        }
        (head, _) => head,
    }
}

fn client_json(client: &Client) -> Json {
    match client {
        Client::Nobody => json!({ "from": "nothing" }),
        Client::Itself { peer } => json!({ "from": "peer", "peer": peer, "client": peer }),
        Client::Stated { peer, net, field, client } => json!({
            "from": "header", "peer": peer, "client": client, "field": field, "trusted": net,
        }),
        Client::Unstated { peer, net } => {
            json!({ "from": "proxy", "peer": peer, "client": peer, "trusted": net })
        }
    }
}

/// How long ago a moment is.
pub(super) fn ago(moment: Timestamp) -> String {
    clock::format_duration(clock::now().since(moment))
}
