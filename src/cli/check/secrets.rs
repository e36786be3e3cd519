//! `riposte check --secrets`: which of the config's secrets can be had, and how the daemon's are.

use crate::cli::output::{Output, Style};
use crate::clock::format_duration;
use crate::config::Config;
use crate::event::text;
use crate::pipeline::control::{self, Reply, Request};
use crate::process::resolve_secret;
use crate::secret::SecretReport;
use serde_json::json;
use std::time::Duration;

/// Reads each secret and says how that went; gives how many can't be had.
pub(super) fn tell(config: &Config, as_json: bool, out: &mut Output) -> anyhow::Result<usize> {
    let held = match control::ask(&config.state_dir, &Request::Status) {
        Ok(Reply::Status(status)) => status.secrets,
        // No daemon, no age.
        _ => Vec::new(),
    };
    let mut missing = 0;
    for secret in config.secrets() {
        let read = resolve_secret(&secret.reference);
        missing += usize::from(read.is_err());
        let error = read.err().map(|error| error.to_string());
        let document = secret.reference.document();
        let known = held.iter().find(|held| held.reference == document);
        if as_json {
            out.json(&json!({
                "type": "secret",
                "of": secret.of,
                "key": secret.key,
                "reference": secret.reference,
                "had": error.is_none(),
                "error": error,
                "daemon": known,
            }))?;
            continue;
        }
        let place = format!("{}, `{}`", text::escape(&secret.of), secret.key);
        let line = match &error {
            None => {
                let word = out.styled(Style::Green, "had");
                format!("secret  {word}  {place}{}", age(known))
            }
            Some(error) => {
                let word = out.styled(Style::Red, "missing");
                let lines: Vec<_> = error.lines().map(text::escape).collect();
                format!("secret  {word}  {place}: {}", lines.join("\n"))
            }
        };
        out.line(line)?;
    }
    Ok(missing)
}

/// How old the daemon's is.
fn age(known: Option<&SecretReport>) -> String {
    known.and_then(|known| known.age_secs).map_or_else(String::new, |secs| {
        format!(", the daemon's is {} old", format_duration(Duration::from_secs(secs)))
    })
}
