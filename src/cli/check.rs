//! `riposte check`: is what was written right?

use super::output::{Output, Style};
use super::{End, context};
use crate::config::Config;
use crate::event::text;
use crate::parsers::Parser;
use crate::rules::{Finding, Severity, render};
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::{Path, PathBuf};

/// `riposte check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files or folders to check instead of the config's
    #[arg(value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Print one JSON object a finding
    #[arg(long)]
    pub json: bool,
}

/// Checks config and rules; every finding at once.
pub fn check(config_path: &Path, args: &CheckArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = context::config_or_default(config_path)?;
    let rules = context::rules(&config, &args.paths);
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
    let warned = formats(&config, args.json, out)?;
    let findings = &rules.loaded.findings;
    if args.json {
        for finding in findings {
            out.json(finding)?;
        }
    } else if !findings.is_empty() {
        out.line(render(findings, out.colour()))?;
    }
    let errors = count(findings, Severity::Error) + rules.faults.len();
    if !args.json {
        let set = &rules.loaded.set;
        let words = format!(
            "{} rules, {} timers, {} tests: {errors} errors, {} warnings",
            set.rules().len(),
            set.timers().len(),
            set.tests().len(),
            count(findings, Severity::Warning) + warned
        );
        let style = if errors == 0 { Style::Green } else { Style::Red };
        let words = out.styled(style, words);
        out.line(words)?;
    }
    Ok(if errors == 0 { End::Well } else { End::Finding })
}

/// Tells what may go wrong with the formats of the sources; how many warnings that are.
fn formats(config: &Config, json: bool, out: &mut Output) -> anyhow::Result<usize> {
    let mut told = 0;
    for source in &config.sources {
        // A format that can't be built is a fault of the config, and was told as such.
        let Ok(parser) = Parser::build(&source.parser_config()) else { continue };
        for warning in parser.warnings() {
            told += 1;
            let (message, hint) = warning.split_once("\nhint: ").unwrap_or((warning, ""));
            let message = format!("source `{}`: {message}", source.name);
            if json {
                out.json(&json!({
                    "severity": "warning",
                    "code": "format",
                    "message": message,
                    "hint": hint,
                }))?;
                continue;
            }
            let word = out.styled(Style::Yellow, "warning");
            out.line(format!("{word}: {}", text::escape(&message)))?;
            if !hint.is_empty() {
                out.line(format!("hint: {}", text::escape(hint)))?;
            }
        }
    }
    Ok(told)
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}
