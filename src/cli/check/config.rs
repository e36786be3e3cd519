//! What `check` says of the config: faults in the form of all findings, and what may go wrong with
//! one that has none.

use super::counted;
use crate::actions::GLOBAL_KEY;
use crate::config::{Config, ConfigError, Fault};
use crate::event::{Field, Kind, text};
use crate::parsers::Parser;
use crate::pipeline::rule_set::{self, LoadedRules};
use crate::pipeline::{lacking, programs};
use crate::rules::{Finding, RuleFile, Severity};
use std::path::Path;
use std::sync::Arc;

/// The faults of a config that can't be used, as findings.
pub fn findings(error: &ConfigError) -> Vec<Finding> {
    error.faults.iter().map(|fault| of_fault("config", &error.path, fault)).collect()
}

fn of_fault(code: &'static str, path: &Path, fault: &Fault) -> Finding {
    let file = Arc::from(path.display().to_string());
    let mut finding =
        Finding::of_text(Severity::Error, code, &file, "", None, fault.message.clone());
    finding.line = fault.line;
    finding.column = fault.column;
    finding.end_line = fault.line;
    finding.end_column = fault.end_column;
    finding.source_line.clone_from(&fault.source_line);
    finding.hint = (!fault.hint.is_empty()).then(|| fault.hint.clone());
    finding
}

/// Files and plugins that can't be used at all; where the config names one, that is shown.
pub fn unreadable(faults: &[Fault], own: Option<&RuleFile>) -> Vec<Finding> {
    let finding = |fault: &Fault| {
        // A fault of a plugin's file has its place there, which is said before it.
        let place = format!(":{}:{}: ", fault.line, fault.column);
        if fault.line > 0
            && let Some((path, message)) = fault.message.split_once(&place)
        {
            let fault = Fault { message: message.to_owned(), ..fault.clone() };
            return of_fault("unreadable", Path::new(path), &fault);
        }
        let named = own.and_then(|own| {
            let fault_in = crate::toml_text::of_words(&own.text, &fault.message);
            (fault_in.line > 0).then_some((own, fault_in))
        });
        match named {
            Some((own, place)) => {
                let fault =
                    Fault { message: fault.message.clone(), hint: fault.hint.clone(), ..place };
                of_fault("unreadable", Path::new(&own.path), &fault)
            }
            None => of_fault("unreadable", Path::new(about(&fault.message, own)), fault),
        }
    };
    faults.iter().map(finding).collect()
}

/// The rule file or folder that a fault names, else the config.
fn about<'m>(message: &'m str, own: Option<&'m RuleFile>) -> &'m str {
    let read = ["failed to read the rule file `", "failed to read the folder `"];
    let read = read.iter().find_map(|head| message.strip_prefix(head)?.split('`').next());
    let named = message.split('`').nth(1).filter(|word| word.contains('/'));
    read.or(named).or(own.map(|own| own.path.as_str())).unwrap_or("rules")
}

/// What may go wrong with a config that has no fault; `whole`: it is what is checked, not only rule
/// files with it.
pub fn of_config(config: &Config, own: &RuleFile, whole: bool) -> Vec<Finding> {
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
    for account in config.actions.cloudflare.iter().filter(|account| account.email.is_some()) {
        let (message, hint) = GLOBAL_KEY;
        let words = format!("`{}`: {message}\nhint: {hint}", account.name);
        findings.push(finding(Severity::Warning, "global-key", &words, Some("`email`")));
    }
    let read = crate::config::read_plugins(config);
    for source in &config.sources {
        for (kind, fault) in programs::faults(source, &read.enabled) {
            // Why it was refused is told where it was.
            if read.refused.contains_key(lacking::name_of(source, kind)) {
                continue;
            }
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
pub fn unheard(config: &Config, rules: &LoadedRules) -> Option<Finding> {
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
