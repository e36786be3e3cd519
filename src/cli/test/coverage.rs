//! What `riposte test --coverage` tells: for each rule file what the tests reach, and what not.

use super::super::output::{Output, Style};
use super::TestArgs;
use crate::event::text;
use crate::pipeline::trial::cover::{Coverage, FileCover, percent};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Tells it, of the files that were asked for; how much that is together, in per cent.
pub fn tell(
    coverage: &Mutex<Coverage>,
    wanted: &[String],
    args: &TestArgs,
    out: &mut Output,
) -> anyhow::Result<usize> {
    let mut files = coverage.lock().unwrap_or_else(PoisonError::into_inner).files();
    // A test file's own rules are those that it is about.
    if wanted.iter().any(|path| !crate::rules::is_test(path)) {
        files.retain(|file| wanted.iter().any(|path| **path == *file.file));
    }
    let total: usize = files.iter().map(|file| file.total).sum();
    let covered: usize = files.iter().map(FileCover::covered).sum();
    for file in &files {
        if args.json {
            out.json(&json!({
                "type": "coverage",
                "file": &*file.file,
                "percent": percent(file.covered(), file.total),
                "covered": file.covered(),
                "total": file.total,
                "missing": file.missing,
            }))?;
        } else {
            show(file, out)?;
        }
    }
    let all = percent(covered, total);
    if !args.json {
        let enough = usize::from(args.coverage_min.unwrap_or(0)) <= all;
        let style = if enough { Style::Bold } else { Style::Red };
        let mut words = format!("coverage {all} % ({covered} of {total})");
        if !enough {
            write!(words, ", less than {} %", args.coverage_min.unwrap_or(0)).ok();
        }
        out.line(out.styled(style, words))?;
    }
    Ok(all)
}

fn show(file: &FileCover, out: &mut Output) -> anyhow::Result<()> {
    let share = percent(file.covered(), file.total);
    let style = if file.missing.is_empty() { Style::Green } else { Style::Yellow };
    let share = out.styled(style, format!("{share:>3} %"));
    out.line(format!("{share} {} ({} of {})", file.file, file.covered(), file.total))?;
    for missing in &file.missing {
        let place = if missing.column == 0 {
            format!("{}:{}", file.file, missing.line)
        } else {
            format!("{}:{}:{}", file.file, missing.line, missing.column)
        };
        out.line(format!("      {place}: {}", text::escape(&missing.words())))?;
    }
    Ok(())
}
