//! The question before something is changed at Cloudflare.

use crate::cli::Usage;
use crate::cli::output::Output;
use clap::Args;
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
