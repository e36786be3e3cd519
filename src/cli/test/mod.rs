//! `riposte test`: do the rules do what they should?

mod branches;
mod coverage;
mod junit;
mod watch;

use super::output::{Output, Style};
use super::{End, Usage, context};
use crate::config::{Config, RuleFiles, read_rules, read_rules_from};
use crate::event::text;
use crate::pipeline::rule_set;
use crate::pipeline::trial::cover::Coverage;
use crate::pipeline::trial::suite::Suite;
use crate::pipeline::trial::{Params, Reload};
use crate::rules::{RuleFile, Severity, Test, TestResult, render, render_result};
use clap::{Args, ValueHint};
use regex::Regex;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// `riposte test`
#[derive(Debug, Default, Args)]
pub struct TestArgs {
    /// Rule files, test files (`*.test.rhai`) or folders to test instead of the config's
    #[arg(value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Only tests whose name or file contains this; `/…/` is a regular expression
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Tell which rules, parts of predicates and branches of bodies no test reaches
    #[arg(long)]
    pub coverage: bool,
    /// Fail when less than this share of them is reached, in per cent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub coverage_min: Option<u8>,
    /// Also write the results to a file, as `JUnit` XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
    /// Run again whenever rules, tests or fixtures change, until `q` and Enter
    #[arg(long, conflicts_with_all = ["json", "junit"])]
    pub watch: bool,
    /// Print one JSON object a test
    #[arg(long)]
    pub json: bool,
}

/// Runs the tests of rule files.
pub fn test(config_path: &Path, args: &TestArgs, out: &mut Output) -> anyhow::Result<End> {
    let filter = args.filter.as_deref().map(Filter::new).transpose()?;
    if args.watch {
        return watch::watch(config_path, args, filter.as_ref(), out);
    }
    once(config_path, args, filter.as_ref(), out)
}

/// Which tests run.
pub(super) enum Filter {
    Part(String),
    Pattern(Regex),
}

impl Filter {
    fn new(text: &str) -> anyhow::Result<Self> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(pattern) => Regex::new(pattern).map(Self::Pattern).map_err(|error| {
                Usage::of(format!("the filter is no regular expression: {error}"))
            }),
            None => Ok(Self::Part(text.to_owned())),
        }
    }

    fn takes(&self, test: &Test) -> bool {
        let fits = |text: &str| match self {
            Self::Part(part) => text.contains(part.as_str()),
            Self::Pattern(pattern) => pattern.is_match(text),
        };
        fits(&test.name) || fits(&test.file)
    }
}

/// One run of all tests.
fn once(
    config_path: &Path,
    args: &TestArgs,
    filter: Option<&Filter>,
    out: &mut Output,
) -> anyhow::Result<End> {
    let config = context::config_or_default(config_path)?;
    let given = if args.paths.is_empty() {
        read_rules(&config.rules)
    } else {
        read_rules_from(&args.paths)
    };
    in_config(config, given, args, filter, out)
}

/// Runs the tests of these files.
pub(super) fn in_config(
    config: Config,
    given: RuleFiles,
    args: &TestArgs,
    filter: Option<&Filter>,
    out: &mut Output,
) -> anyhow::Result<End> {
    let config = Arc::new(quiet(config));
    let wanted = paths_of(&given);
    let files = context::with_tested(given);
    let rule_files = Arc::new(files.files.clone());
    let with_tests: Vec<RuleFile> = files.files.iter().chain(&files.tests).cloned().collect();
    let loaded = rule_set::load_with_tests(&config, files, &BTreeMap::new());
    let rules = context::to_run(loaded, out)?;
    let coverage = (args.coverage || args.coverage_min.is_some())
        .then(|| Arc::new(Mutex::new(Coverage::new(&rules))));
    let suite = Suite {
        rules: Arc::clone(&rules),
        config: Arc::clone(&config),
        reload: reload(config, rule_files),
        coverage: coverage.clone(),
    };
    // Rules that a test file brought with it are there to be tested: their own tests were not
    // asked for.
    let tests: Vec<&Test> = rules
        .tests()
        .iter()
        .filter(|test| wanted.iter().any(|path| **path == *test.file))
        .filter(|test| filter.is_none_or(|filter| filter.takes(test)))
        .collect();
    let started = std::time::Instant::now();
    let mut results: Vec<TestResult> = Vec::with_capacity(tests.len());
    suite.run(&tests, |result| -> anyhow::Result<()> {
        show(&result, args.json, out)?;
        results.push(result);
        Ok(())
    })?;
    if let Some(coverage) = &coverage {
        branches::look(&suite, coverage, &with_tests, &tests);
    }
    if let Some(path) = &args.junit {
        junit::write(path, &results)
            .map_err(|error| Usage::of(format!("failed to write `{}`: {error}", path.display())))?;
    }
    let reached = match &coverage {
        Some(coverage) => Some(coverage::tell(coverage, &wanted, args, out)?),
        None => None,
    };
    let failed = results.iter().filter(|result| !result.passed()).count();
    summary(&results, failed, reached, started.elapsed(), args, out)?;
    let too_little = args
        .coverage_min
        .is_some_and(|least| reached.is_some_and(|reached| reached < usize::from(least)));
    // A filter that no test meets is a slip, which must not look like success to a build server.
    let none = results.is_empty() && filter.is_some();
    Ok(if failed == 0 && !too_little && !none { End::Well } else { End::Finding })
}

/// The paths of files that were asked for.
fn paths_of(files: &RuleFiles) -> Vec<String> {
    files.files.iter().chain(&files.tests).map(|file| file.path.clone()).collect()
}

/// Loads these rule files anew, with parameters of a test's own.
fn reload(config: Arc<Config>, files: Arc<Vec<RuleFile>>) -> Reload {
    Arc::new(move |params: &Params| {
        let loaded = rule_set::load_with_params(&config, &files, params);
        let errors: Vec<_> = loaded
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .cloned()
            .collect();
        if errors.is_empty() { Ok(Arc::new(loaded.set)) } else { Err(render(&errors, false)) }
    })
}

fn show(result: &TestResult, json: bool, out: &mut Output) -> anyhow::Result<()> {
    if json {
        return Ok(out.json(&json!({
            "type": "test",
            "name": result.name,
            "file": &*result.file,
            "line": result.line,
            "passed": result.passed(),
            "seconds": result.took.as_secs_f64(),
            "expectations": result.expectations,
            "failures": result.failures,
            "failures_more": result.failures_more,
        }))?);
    }
    let shown = render_result(result, &time_words(result.took), out.colour());
    for line in shown.lines() {
        out.line(line)?;
    }
    if result.passed() && result.expectations == 0 {
        let word = out.styled(
            Style::Yellow,
            "     it expects nothing: only a fault or a `throw` can make it fail",
        );
        out.line(word)?;
    }
    Ok(())
}

fn time_words(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("({} ms)", time.as_millis())
    } else {
        format!("({:.1} s)", time.as_secs_f64())
    }
}

fn summary(
    results: &[TestResult],
    failed: usize,
    reached: Option<usize>,
    took: Duration,
    args: &TestArgs,
    out: &mut Output,
) -> anyhow::Result<()> {
    let passed = results.len() - failed;
    if args.json {
        let mut line = json!({
            "type": "summary",
            "passed": passed,
            "failed": failed,
            "seconds": took.as_secs_f64(),
        });
        if let (Some(percent), Some(line)) = (reached, line.as_object_mut()) {
            line.insert("coverage_percent".to_owned(), percent.into());
        }
        return Ok(out.json(&line)?);
    }
    let style = match (failed, results.len()) {
        (0, 0) => Style::Yellow,
        (0, _) => Style::Green,
        _ => Style::Red,
    };
    let words = out.styled(style, format!("{passed} passed, {failed} failed"));
    out.line(format!("{words} {}", time_words(took)))?;
    if results.is_empty() {
        let filter = args.filter.as_deref().map(text::escape);
        let why = match filter {
            Some(filter) => format!("no test has `{filter}` in its name or file"),
            None => "these files have no tests".to_owned(),
        };
        out.line(out.styled(Style::Yellow, why))?;
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
