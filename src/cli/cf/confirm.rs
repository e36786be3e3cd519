//! The question before something is changed at Cloudflare.

use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::Call;
use crate::event::text;
use clap::Args;
use serde_json::Value;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// How a change is carried out.
#[derive(Debug, Clone, Copy, Args)]
pub struct Consent {
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Show the calls instead of sending them
    #[arg(long)]
    pub dry_run: bool,
}

impl Consent {
    /// How a command ends that was not to go on: a rehearsal has done what it was asked for, a "no"
    /// leaves something undone.
    pub const fn left(self) -> End {
        if self.dry_run { End::Well } else { End::Finding }
    }
}

/// Shows the calls of a rehearsal; with `--json` one object a line, without secrets as in the line.
pub fn rehearse(calls: &[Call], json: bool, out: &mut Output) -> anyhow::Result<()> {
    for call in calls {
        let shown = call.to_string();
        if !json {
            out.line(text::escape(&shown.replace('\n', " ")))?;
            continue;
        }
        let (head, body) = shown.split_once('\n').unwrap_or((&shown, ""));
        let (method, path) = head.split_once(' ').unwrap_or((head, ""));
        let body: Value = match serde_json::from_str(body) {
            Ok(body) => body,
            Err(_) if body.is_empty() => Value::Null,
            Err(_) => body.into(),
        };
        out.json(&serde_json::json!({ "method": method, "path": path, "body": body }))?;
    }
    Ok(())
}

/// Asks a person whether the plan that was shown is to be carried out; without one to ask, `--yes`
/// has to be there.
pub fn confirmed(consent: Consent, out: &mut Output) -> anyhow::Result<bool> {
    if consent.yes {
        return Ok(true);
    }
    out.flush()?;
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return Err(Usage::of("nothing was changed\nhint: `--yes` carries it out"));
    }
    write!(stderr, "go on? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The same for commands that have no dry run: they show what would change, and `--check` or a "no"
/// leaves it at that.
pub fn agreed(yes: bool, out: &mut Output) -> anyhow::Result<bool> {
    confirmed(Consent { yes, dry_run: false }, out)
}
