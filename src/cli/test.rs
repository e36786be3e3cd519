//! `riposte test`: do the rules do what they should?

use super::output::{Output, Style};
use super::{End, context};
use crate::config::Config;
use crate::event::text;
use crate::pipeline::trial::Trial;
use crate::rules::{TestBench, TestResult};
use clap::{Args, ValueHint};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `riposte test`
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Rule files or folders to test instead of the config's
    #[arg(value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Print one JSON object a test
    #[arg(long)]
    pub json: bool,
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
