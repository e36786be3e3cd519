//! `riposte check` and `riposte test`: is what was written right, and does it do what it should?

use super::args::{CheckArgs, TestArgs};
use super::output::{Output, Style};
use super::{End, context};
use crate::config::Config;
use crate::event::text;
use crate::parsers::Parser;
use crate::pipeline::trial::Trial;
use crate::rules::{Finding, Severity, TestBench, TestResult, render};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

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

/// Runs the tests of rule files.
pub fn test(config_path: &Path, args: &TestArgs, out: &mut Output) -> anyhow::Result<End> {
    let config = Arc::new(quiet(context::config_or_default(config_path)?));
    let rules = context::rules_to_run(&config, &args.paths, out)?;
    let (mut passed, mut failed) = (0_u64, 0_u64);
    for test in rules.tests() {
        if args.filter.as_ref().is_some_and(|part| !test.name.contains(part.as_str())) {
            continue;
        }
        let bench: Box<dyn TestBench> =
            Box::new(Trial::new(Arc::clone(&rules), Arc::clone(&config)));
        let result = rules.run_test(test, bench);
        if result.passed() {
            passed += 1;
        } else {
            failed += 1;
        }
        if args.json {
            out.json(&json!({
                "type": "test",
                "name": result.name,
                "file": &*result.file,
                "line": result.line,
                "passed": result.passed(),
                "failures": result.failures,
            }))?;
        } else {
            show(&result, out)?;
        }
    }
    if args.json {
        out.json(&json!({ "type": "summary", "passed": passed, "failed": failed }))?;
    } else {
        let style = if failed == 0 { Style::Green } else { Style::Red };
        let words = out.styled(style, format!("{passed} passed, {failed} failed"));
        out.line(words)?;
    }
    Ok(if failed == 0 { End::Well } else { End::Finding })
}

fn show(result: &TestResult, out: &mut Output) -> anyhow::Result<()> {
    let name = text::escape(&result.name).into_owned();
    if result.passed() {
        let word = out.styled(Style::Green, "pass");
        return Ok(out.line(format!("{word} {name}"))?);
    }
    let word = out.styled(Style::Red, "FAIL");
    out.line(format!("{word} {name}"))?;
    for failure in &result.failures {
        let line = if failure.line == 0 { result.line } else { failure.line };
        out.line(format!("     {}:{line}: {}", result.file, text::escape(&failure.message)))?;
        for got in &failure.got {
            out.line(format!("       got: {}", text::escape(got)))?;
        }
    }
    Ok(())
}

/// Tests say what a rule does as written, not as this machine tunes it: parameters and modes of
/// the config stay out.
fn quiet(mut config: Config) -> Config {
    config.rules.params.clear();
    config.rules.modes.clear();
    config
}
