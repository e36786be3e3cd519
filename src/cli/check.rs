//! `riposte check`: is what was written right?

mod config;
mod costs;
mod secrets;

use super::output::{Output, Style};
use super::{End, context};
use crate::config::{ConfigError, read_rules, read_rules_from};
use crate::pipeline::rule_set;
use crate::rules::{Finding, RuleFile, Severity, render, sort};
use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

pub use config::findings as config_findings;

/// Files and plugins that can't be used at all, as findings.
pub fn unreadable_findings(faults: &[crate::config::Fault]) -> Vec<Finding> {
    config::unreadable(faults, None)
}

/// `riposte check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files or folders to check instead of the config's
    #[arg(value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Also show what each rule costs
    #[arg(long)]
    pub costs: bool,
    /// Also read each secret that the config refers to, and say which can be had, never what it is
    #[arg(long)]
    pub secrets: bool,
    /// Print one JSON object a finding, with `--costs` one a rule, with `--secrets` one a secret
    #[arg(long)]
    pub json: bool,
}

/// Checks config and rules; every finding at once.
pub fn check(config_path: &Path, args: &CheckArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = match context::config_or_default(config_path) {
        Ok(config) => config,
        Err(error) => {
            return match error.downcast_ref::<ConfigError>() {
                Some(faults) => refused(faults, args, out),
                None => Err(error),
            };
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
    let mut findings = config::unreadable(&rules.faults, own.as_ref());
    if let Some(own) = &own {
        findings.extend(config::of_config(&config, own, args.paths.is_empty()));
    }
    findings.extend(config::unheard(&config, &rules));
    sort(&mut findings);
    let part = !args.paths.is_empty();
    let found = rules.loaded.findings.iter().filter(|finding| !part || !is_of_others(finding));
    findings.extend(found.cloned());
    show(&findings, args, out)?;
    let set = &rules.loaded.set;
    if args.costs {
        costs::costs(set, args.json, out)?;
    }
    let missing = if args.secrets { secrets::tell(&config, args.json, out)? } else { 0 };
    let errors = count(&findings, Severity::Error) + missing;
    if !args.json {
        if !args.costs {
            costs::summary(set, out)?;
        }
        if own.is_none() && args.paths.is_empty() {
            without_config(config_path, out)?;
        }
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

/// Whether it is about settings of rules that may stand in files that weren't asked for.
fn is_of_others(finding: &Finding) -> bool {
    finding.code == "unknown-setting" && finding.message.starts_with("the config names a rule ")
}

/// Tells what is wrong with a config that can't be used. Its rules are not looked at: what they may
/// name stands in it.
fn refused(error: &ConfigError, args: &CheckArgs, out: &mut Output) -> anyhow::Result<End> {
    let findings = config::findings(error);
    show(&findings, args, out)?;
    if !args.json {
        let errors = counted(findings.len(), "error");
        let words = format!("the config has {errors}; the rules are checked when it has none");
        let words = out.styled(Style::Red, words);
        out.line(words)?;
    }
    Ok(End::Refused)
}

/// Says that what was checked is what riposte ships.
fn without_config(path: &Path, out: &mut Output) -> anyhow::Result<()> {
    let path = path.display();
    let hint = if Path::new("riposte.toml").exists() {
        "`riposte --config riposte.toml check` takes the one of this folder"
    } else {
        "`riposte init` writes one, `--config FILE` names another place"
    };
    let words = format!(
        "there is no `{path}`: checked are the shipped rules, with all defaults\nhint: {hint}"
    );
    out.line(out.styled(Style::Yellow, words))?;
    Ok(())
}

fn show(findings: &[Finding], args: &CheckArgs, out: &mut Output) -> anyhow::Result<()> {
    if args.json {
        for finding in findings {
            out.json(finding)?;
        }
    } else if !findings.is_empty() {
        out.line(render(findings, out.colour()))?;
    }
    Ok(())
}

/// `1 rule`, `2 rules`.
fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
