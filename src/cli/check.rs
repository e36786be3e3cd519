//! `riposte check`: is what was written right?

use super::output::{Output, Style};
use super::{End, context};
use crate::config::load::Fault;
use crate::config::{Config, ConfigError, read_rules, read_rules_from};
use crate::event::{Field, Kind, text};
use crate::parsers::Parser;
use crate::pipeline::programs;
use crate::pipeline::rule_set::{self, LoadedRules};
use crate::rules::{Cost, CostClass, Finding, RuleFile, RuleSet, Severity, render, sort};
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// `riposte check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files or folders to check instead of the config's
    #[arg(value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Also show what each rule costs
    #[arg(long)]
    pub costs: bool,
    /// Print one JSON object a finding, and with `--costs` one a rule
    #[arg(long)]
    pub json: bool,
}

/// Checks config and rules; every finding at once.
pub fn check(config_path: &Path, args: &CheckArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = match context::config_or_default(config_path) {
        Ok(config) => config,
        Err(error) => {
            if let Some(faults) = error.downcast_ref::<ConfigError>().filter(|_| args.json) {
                for fault in &faults.faults {
                    out.json(&of_fault(&faults.path, fault))?;
                }
            }
            return Err(error);
        }
    };
    let own = std::fs::read_to_string(config_path).ok();
    let own = own.map(|text| RuleFile { path: config_path.display().to_string(), text });
    let files = if args.paths.is_empty() {
        read_rules(&config.rules)
    } else {
        read_rules_from(&args.paths)
    };
    let files = context::with_tested(files);
    let rules = rule_set::load_to_check(&config, files, own.clone());
    let mut findings =
        own.as_ref().map(|own| of_config(&config, own, args.paths.is_empty())).unwrap_or_default();
    findings.extend(unheard(&config, &rules));
    sort(&mut findings);
    findings.extend(rules.loaded.findings.iter().cloned());
    tell(&rules, &findings, args, out)?;
    let errors = count(&findings, Severity::Error) + rules.faults.len();
    if !args.json {
        let set = &rules.loaded.set;
        let words = format!(
            "{}, {}, {}: {}, {}",
            counted(set.rules().len(), "rule"),
            counted(set.timers().len(), "timer"),
            counted(set.tests().len(), "test"),
            counted(errors, "error"),
            counted(count(&findings, Severity::Warning), "warning"),
        );
        let style = if errors == 0 { Style::Green } else { Style::Red };
        let words = out.styled(style, words);
        out.line(words)?;
    }
    Ok(if errors == 0 { End::Well } else { End::Finding })
}

fn tell(
    rules: &LoadedRules,
    findings: &[Finding],
    args: &CheckArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    for fault in &rules.faults {
        if args.json {
            out.json(&json!({
                "severity": "error",
                "code": "unreadable",
                "message": fault.message,
                "hint": fault.hint,
            }))?;
        } else {
            let word = out.styled(Style::Red, "error");
            out.line(format!("{word}: {}", text::escape(&fault.message)))?;
            if !fault.hint.is_empty() {
                out.line(format!("hint: {}", fault.hint))?;
            }
        }
    }
    if args.json {
        for finding in findings {
            out.json(finding)?;
        }
    } else if !findings.is_empty() {
        out.line(render(findings, out.colour()))?;
    }
    if args.costs { costs(&rules.loaded.set, args.json, out) } else { Ok(()) }
}

/// `1 rule`, `2 rules`.
fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// A fault of the config as editors get it.
fn of_fault(path: &Path, fault: &Fault) -> serde_json::Value {
    json!({
        "severity": "error",
        "code": "config",
        "file": path,
        "line": fault.line,
        "column": fault.column,
        "end_line": fault.line,
        "end_column": fault.column + usize::from(fault.line > 0),
        "message": fault.message,
        "hint": (!fault.hint.is_empty()).then_some(&fault.hint),
        "source_line": fault.source_line,
    })
}

/// What may go wrong with a config that has no fault; `whole`: it is what is checked, not only rule
/// files with it.
fn of_config(config: &Config, own: &RuleFile, whole: bool) -> Vec<Finding> {
    let file: Arc<str> = Arc::from(own.path.as_str());
    let finding = |severity, code, words: &str, subject: Option<&str>| {
        let span = subject.and_then(|subject| crate::toml_text::locate(&own.text, subject));
        let span = span.map(|at| {
            let rest = own.text.get(at..).unwrap_or_default();
            let end = rest.find(['\n', ' ', '=']).unwrap_or(rest.len());
            at..at + end.max(1)
        });
        Finding::of_text(severity, code, &file, &own.text, span, words.to_owned())
    };
    let mut findings = Vec::new();
    if whole && config.sources.is_empty() {
        findings.push(finding(
            Severity::Warning,
            "no-sources",
            "the config has no sources, so nothing is read\nhint: add `[[sources]]`, or let `riposte init` find the logs of this machine",
            None,
        ));
    }
    if whole && config.actions.enforcer_names().is_empty() {
        findings.push(finding(
            Severity::Note,
            "no-enforcer",
            "the config has no enforcer, so decisions are recorded and put in force nowhere\nhint: add `[actions.nftables]`, or a file of your web server",
            None,
        ));
    }
    let enabled = crate::config::read_plugins(config).enabled;
    for source in &config.sources {
        for fault in programs::faults(source, &enabled) {
            let words = format!("source `{}`: {fault}", source.name);
            findings.push(finding(Severity::Error, "config", &words, Some(&words)));
        }
        // A format that can't be built is a fault of the config, and was told as such.
        if let Ok(parser) = Parser::build(&source.parser_config()) {
            for warning in parser.warnings() {
                let words = format!("source `{}`: {warning}", source.name);
                findings.push(finding(Severity::Warning, "format", &words, Some(&words)));
            }
        }
        for name in source.fields.keys().filter(|name| Field::from_name(name).is_none()) {
            let known = Field::ALL.iter().map(|field| field.name());
            if let Some(near) = text::nearest(name, known) {
                let words = format!(
                    "source `{}`: `{name}` is none of riposte's fields, so it becomes one of your own\nhint: did you mean `{near}`?",
                    source.name
                );
                let place = format!("`{name}`");
                findings.push(finding(Severity::Warning, "unknown-field", &words, Some(&place)));
            }
        }
    }
    findings
}

/// Rules that listen only to kinds that no configured source gives.
fn unheard(config: &Config, rules: &LoadedRules) -> Option<Finding> {
    let given = rule_set::kinds_given(config)?;
    let silent = |kind: &Kind| {
        !matches!(kind, Kind::Custom(_) | Kind::Decision) && !given.contains(kind.name())
    };
    let set = &rules.loaded.set;
    let unheard: Vec<_> = set
        .rules()
        .iter()
        .filter(|rule| !rule.kinds.is_empty() && rule.kinds.iter().all(silent))
        .collect();
    let first = unheard.first()?;
    let mut kinds: Vec<&str> =
        unheard.iter().flat_map(|rule| rule.kinds.iter().map(Kind::name)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let message = format!(
        "{} never fire: no source gives events of `{}`, the sources give `{}`\nhint: add a source for them, or leave it so: they cost nothing",
        counted(unheard.len(), "rule"),
        kinds.join("`, `"),
        given.iter().map(String::as_str).collect::<Vec<_>>().join("`, `"),
    );
    let mut finding = Finding::of_text(Severity::Note, "no-source", &first.file, "", None, message);
    finding.line = first.line;
    finding.end_line = first.line;
    Some(finding)
}

/// How long one asking of scripts is measured.
const MEASURED: Duration = Duration::from_millis(5);

/// What each rule costs, the dearest first; the scripts are measured on this machine.
fn costs(set: &RuleSet, as_json: bool, out: &mut Output) -> anyhow::Result<()> {
    let mut costs: Vec<(Cost, Option<f64>)> = (0_u32..)
        .zip(set.costs())
        .map(|(rule, cost)| {
            let script = cost.class == CostClass::Script;
            let nanoseconds = script.then(|| measure(set, rule)).flatten();
            (cost, nanoseconds)
        })
        .collect();
    costs.sort_by_key(|(cost, _)| std::cmp::Reverse(cost.class));
    if as_json {
        for (cost, nanoseconds) in &costs {
            let mut value = serde_json::to_value(cost)?;
            if let Some(table) = value.as_object_mut() {
                table.insert("type".to_owned(), "cost".into());
                table.insert("measured_ns".to_owned(), json!(nanoseconds.map(f64::round)));
            }
            out.json(&value)?;
        }
        return Ok(());
    }
    let widest = costs.iter().map(|(cost, _)| cost.rule.len()).max().unwrap_or(4).max(4);
    let head =
        format!("{:widest$}  {:10}  {:10}  window and why", "rule", "predicate", "candidates");
    let head = out.styled(Style::Bold, head);
    out.line(head)?;
    for (cost, nanoseconds) in &costs {
        let mut why = format!("{}; {}", cost.window, cost.why);
        if let Some(nanoseconds) = nanoseconds {
            why += &microseconds(*nanoseconds);
        }
        if cost.scripts > 0 {
            why += &for_candidates(cost.scripts);
        }
        out.line(format!(
            "{:widest$}  {:10}  {:10}  {}",
            cost.rule,
            cost.class.words(),
            cost.candidates,
            text::escape(&why)
        ))?;
    }
    let classes = [CostClass::Indexed, CostClass::Native, CostClass::EachEvent, CostClass::Script];
    let words: Vec<String> = classes
        .iter()
        .map(|class| {
            let count = costs.iter().filter(|(cost, _)| cost.class == *class).count();
            format!("{count} {}", class.words())
        })
        .collect();
    out.line(format!("predicates: {}", words.join(", ")))?;
    Ok(())
}

fn microseconds(nanoseconds: f64) -> String {
    format!("; {:.2} µs an event, measured here", nanoseconds / 1_000.0)
}

fn for_candidates(scripts: usize) -> String {
    format!("; {} run for each candidate", counted(scripts, "script"))
}

/// Nanoseconds that the script of a rule's predicate takes for an event with every field filled.
fn measure(set: &RuleSet, rule: u32) -> Option<f64> {
    let event = Arc::new(set.rules().get(rule as usize)?.sample_event());
    let start = Instant::now();
    let mut asked = 0_u32;
    while start.elapsed() < MEASURED {
        for _ in 0..16 {
            std::hint::black_box(set.ask_script(rule, &event));
        }
        asked += 16;
    }
    Some(start.elapsed().as_nanos() as f64 / f64::from(asked))
}
