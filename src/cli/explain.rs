//! `riposte explain`: one line on its way through the real stages: how it is parsed, who the client
//! is, which rules it meets and by which parts of their predicates, what their windows hold before
//! and after, what would be done.

mod line;
mod opinion;
mod parts;
mod report;
mod show;
mod window;

use super::output::Output;
use super::{End, formats};
use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

/// `riposte explain`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// The line as it stands in the log; `FILE:N` is line N of a file, after all lines before it;
    /// `-` reads the line from standard input
    #[arg(value_name = "LINE | FILE:N | -")]
    pub line: String,
    /// The format of the line: a format's name or a source's (`source:NAME`); `auto` takes what the
    /// line looks like, or the source that finds the most in it
    #[arg(long, value_name = "FORMAT", default_value = formats::AUTO)]
    pub format: String,
    /// Take the rules from this folder or file
    #[arg(long, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub rules: Vec<PathBuf>,
    /// Let the lines of this file through first, from empty windows; may be given again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub after: Vec<PathBuf>,
    /// Begin with empty windows, whatever the daemon has saved
    #[arg(long)]
    pub fresh: bool,
    /// Only this rule
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    pub rule: Option<String>,
    /// All rules, also those that the line is far from
    #[arg(long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "Examples:
  riposte explain access.log:1234             why line 1234 fired, or didn't
  tail -1 access.log | riposte explain -      with the windows of the daemon's last checkpoint
  riposte explain --after access.log LINE     as if the line came next
  riposte explain --rule wp-login LINE        what this one rule makes of it";

/// Explains one line.
pub fn explain(config: &Path, args: &ExplainArgs, out: &mut Output) -> anyhow::Result<End> {
    let report = report::report(config, args, out)?;
    if args.json {
        out.json(&report.to_json())?;
    } else {
        show::show(&report, args, out)?;
    }
    Ok(if report.line.event.is_ok() { End::Well } else { End::Finding })
}
