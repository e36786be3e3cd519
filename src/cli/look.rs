//! Commands that only look: what is in force, why, what happened, how the daemon is. A file each.

mod allowlist;
mod decisions;
mod journal;
mod rules;
mod status;
mod why;

pub use allowlist::allowlist;
pub use decisions::decisions;
pub use journal::{effect_words, journal};
pub use rules::rules;
pub use status::status;
pub use why::why;

use super::Usage;
use super::output::{Output, Style};
use crate::config::Config;
use crate::pipeline::control::{self, AskError, Request};
use crate::store::{self, Reader};

/// The store of a config, for looking only.
fn reader(config: &Config) -> anyhow::Result<Reader> {
    let file = config.state_dir.join(store::DATABASE);
    let hint = match std::fs::metadata(&file).err().map(|error| error.kind()) {
        Some(std::io::ErrorKind::NotFound) => {
            return Err(Usage::of(format!(
                "nothing is recorded yet: there is no `{}`\nhint: `riposte run` makes it",
                file.display()
            )));
        }
        Some(std::io::ErrorKind::PermissionDenied) => {
            "\nhint: run this as root or as the service's user"
        }
        _ => "",
    };
    store::open_read_only(&config.state_dir).map_err(|error| Usage::of(format!("{error}{hint}")))
}

/// Why what the store calls in force may not be, where that is so: no enforcer, or no daemon.
fn doubt(config: &Config) -> Option<&'static str> {
    if config.actions.enforcer_names().is_empty() {
        return Some(
            "the config names no enforcer: decisions are only recorded, nobody is blocked",
        );
    }
    match control::ask(&config.state_dir, &Request::Status) {
        Err(AskError::NotRunning(_)) => Some(
            "riposte does not run: this is what it recorded; nothing new is blocked, and only nftables' own timeouts end what is",
        ),
        _ => None,
    }
}

/// Tells the doubt, where there is one.
fn tell_doubt(doubt: Option<&str>, out: &mut Output) -> anyhow::Result<()> {
    if let Some(doubt) = doubt {
        let line = out.styled(Style::Yellow, doubt);
        out.line(line)?;
    }
    Ok(())
}
