//! The doctor looks at secrets: can each be had, and what does the daemon say of it? Vaults are
//! asked, programs are not run, and no value is shown.

use super::actions::runs;
use super::report::Report;
use crate::clock::format_duration;
use crate::config::{Config, NamedSecret};
use crate::pipeline::control::Status;
use crate::process::resolve_secret;
use crate::secret::{SecretRef, SecretReport, SecretState};
use std::collections::BTreeMap;
use std::time::Duration;

/// Looks at all of them.
pub fn check(config: &Config, daemon: Option<&Status>, report: &mut Report) {
    let mut documents: BTreeMap<String, Vec<NamedSecret>> = BTreeMap::new();
    for secret in config.secrets() {
        documents.entry(secret.reference.document()).or_default().push(secret);
    }
    for (document, secrets) in &documents {
        let before = report.findings.len();
        for secret in secrets {
            look(secret, report);
        }
        let told = daemon
            .and_then(|status| status.secrets.iter().find(|secret| secret.reference == *document));
        let mut words = "can be had".to_owned();
        if let Some(told) = told {
            match told.state {
                SecretState::Well | SecretState::Reading => words.push_str(&age(told)),
                state => {
                    let what = if state == SecretState::Kept {
                        "the daemon can't read it and uses an older value"
                    } else {
                        "the daemon can't have it, and what needs it waits"
                    };
                    let (fault, hint) =
                        told.fault.split_once("\nhint: ").unwrap_or((&told.fault, ""));
                    report.error("secret", format!("`{document}`: {what}: {fault}"), hint);
                }
            }
        }
        let by_unit = matches!(secrets.first(), Some(one) if is_out_of_sight(&one.reference));
        if report.findings.len() == before && !by_unit {
            report.well("secret", format!("`{document}` {words}"));
        }
    }
}

/// Only the daemon itself has it, or a program would have to be run for it.
fn is_out_of_sight(reference: &SecretRef) -> bool {
    matches!(reference, SecretRef::Credential(_) | SecretRef::Exec(_))
}

/// How long ago the daemon read it, and saw it change.
fn age(told: &SecretReport) -> String {
    let ago = |secs: u64| format_duration(Duration::from_secs(secs));
    let read = told.age_secs.map(|secs| format!("; the daemon read it {} ago", ago(secs)));
    let changed = told.changed_secs.map(|secs| format!(", it changed {} ago", ago(secs)));
    format!("{}{}", read.unwrap_or_default(), changed.unwrap_or_default())
}

fn look(secret: &NamedSecret, report: &mut Report) {
    match &secret.reference {
        SecretRef::Exec(argv) => runs(&secret.of, argv, report),
        // Only systemd's unit has it.
        SecretRef::Credential(_) => {}
        reference => {
            if let Err(error) = resolve_secret(reference) {
                let text = error.to_string();
                let (what, hint) =
                    text.split_once("\nhint: ").unwrap_or((&text, "riposte can't use it so"));
                report.error("secret", format!("{}, `{}`: {what}", secret.of, secret.key), hint);
            }
        }
    }
}
