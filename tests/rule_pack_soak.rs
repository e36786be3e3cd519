//! A day of honest traffic of every kind that the shipped rules must not touch, and the same day
//! with attackers in it, of whom exactly each is blocked. Seeded: the same lines every time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers")]

mod traffic;

use riposte::config::{Config, pack::PACK};
use riposte::decisions::Remedy;
use riposte::parsers::Parser;
use riposte::pipeline::core::{Core, CoreConfig, Modes};
use riposte::pipeline::live::{real_client, route_of};
use riposte::pipeline::replay::{Input, replay};
use riposte::rules::{RuleFile, RuleSet, Settings};
use riposte::sources::Replay;
use riposte::telemetry::{self, names};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use traffic::{Day, attackers, honest, hostile};

/// The shipped rules, all in force.
fn core(config: &Config) -> Core {
    let files: Vec<RuleFile> = PACK
        .iter()
        .map(|(name, text)| RuleFile { path: format!("rules/{name}"), text: (*text).to_owned() })
        .collect();
    let set = RuleSet::load(&files, &[], &Settings::default()).set;
    Core::new(
        Arc::new(set),
        CoreConfig {
            window_bytes_max: 64 * 1024 * 1024,
            seed: 7,
            guard: config.guard.clone(),
            route_of: route_of(config),
            modes: Modes::AllEnforce,
        },
    )
}

/// Blocks that the pack proposes for these logs, by target, with the rules that did.
fn blocks(day: Day) -> BTreeMap<String, BTreeSet<String>> {
    let config = Config::default();
    let mut core = core(&config);
    let mut expected_lines = 0;
    let inputs = day.into_logs().into_iter().map(|(name, format, lines)| {
        expected_lines += lines.len() as u64;
        let text = lines.join("\n") + "\n";
        let reader = Box::new(std::io::Cursor::new(text.into_bytes()));
        let parser = Parser::for_format(format).unwrap();
        Input { replay: Replay::from_reader(name, reader).unwrap(), parser }
    });
    let inputs: Vec<Input> = inputs.collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut faults = Vec::new();
    let totals = replay(
        inputs,
        &mut core,
        &real_client(&config),
        |firing| {
            faults.extend(firing.fault.as_ref().map(ToString::to_string));
            for decision in &firing.decisions {
                if decision.remedy == Remedy::Block {
                    let rules = found.entry(decision.target.to_string()).or_default();
                    rules.insert(decision.rule.to_string());
                }
            }
            true
        },
        |_| {},
    )
    .unwrap();
    assert_eq!((totals.lines, totals.parsed), (expected_lines, expected_lines));
    assert_eq!(faults, Vec::<String>::new());
    found
}

#[test]
fn a_day_of_honest_traffic_blocks_nobody() {
    let mut day = Day::new(1);
    honest(&mut day);
    assert_eq!(blocks(day), BTreeMap::new());
}

#[test]
fn exactly_the_attackers_are_blocked() {
    let mut day = Day::new(3);
    honest(&mut day);
    let wanted: BTreeMap<String, &str> =
        attackers(&mut day).into_iter().map(|(target, rule)| (target.to_owned(), rule)).collect();
    let found = blocks(day);
    let targets: Vec<&String> = found.keys().collect();
    assert_eq!(targets, wanted.keys().collect::<Vec<_>>(), "{found:#?}");
    for (target, rule) in &wanted {
        let rules = &found[target];
        assert!(rules.contains(*rule), "{target}: `{rule}` wanted, got {rules:?}");
    }
}

#[test]
fn no_line_however_made_makes_a_shipped_rule_fail() {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let config = Config::default();
    let mut core = core(&config);
    let mut hits = 0;
    for round in 0..60_u32 {
        let logs = ["nginx", "nginx-error", "sshd"];
        // The same odd line many times over, so that windows fill and bodies run on it.
        let inputs = logs.map(|log| {
            let mut text = Vec::new();
            for burst in 0..30 {
                let again = random.fork();
                let times = [1, 12, 40][random.usize(..3)];
                for time in 0..times {
                    let second = round * 600 + burst * 20 + time / 4;
                    let mut same = again.clone();
                    text.extend(hostile::line(log, second, &mut same));
                    text.push(b'\n');
                }
            }
            let reader = Box::new(std::io::Cursor::new(text));
            let replay = Replay::from_reader(log, reader).unwrap();
            Input { replay, parser: Parser::for_format(log).unwrap() }
        });
        let mut faults = Vec::new();
        let totals = replay(
            inputs.into(),
            &mut core,
            &real_client(&config),
            |firing| {
                let told = firing.fault.as_ref().map(|fault| {
                    let record = firing.hit.event.record();
                    format!("{}: {fault}: {}", firing.hit.rule, record.escape_ascii())
                });
                faults.extend(told);
                true
            },
            |_| {},
        )
        .unwrap();
        hits += totals.hits;
        assert_eq!(faults, Vec::<String>::new());
    }
    assert_eq!(telemetry::counter(names::RULE_FAULTS).value(), 0, "no predicate failed");
    assert!(hits > 1_000, "{hits} hits");
}
