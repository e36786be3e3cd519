//! The rules that ship with the program: their texts are part of the binary, so that a fresh
//! install blocks attackers before anybody has written a rule.
//!
//! In: nothing. Out: names and texts, in the order of their names. Reading the user's own rules
//! from disk, and their place beside these, is elsewhere.

use crate::rules::RuleFile;
use std::path::Path;

/// The shipped file of that name, whatever folder it is looked for in.
pub fn shipped(path: &str) -> Option<RuleFile> {
    let name = Path::new(path).file_name()?;
    let (name, text) = PACK.iter().find(|(known, _)| name == *known)?;
    Some(RuleFile { path: format!("rules/{name}"), text: (*text).to_owned() })
}

/// Every shipped rule file: its name and its text.
pub const PACK: &[(&str, &str)] = &[
    ("bad-agents.rhai", include_str!("../../rules/bad-agents.rhai")),
    ("basic-auth.rhai", include_str!("../../rules/basic-auth.rhai")),
    ("cloudflare-account.rhai", include_str!("../../rules/cloudflare-account.rhai")),
    ("exploits.rhai", include_str!("../../rules/exploits.rhai")),
    ("feeds.rhai", include_str!("../../rules/feeds.rhai")),
    ("flood.rhai", include_str!("../../rules/flood.rhai")),
    ("host.rhai", include_str!("../../rules/host.rhai")),
    ("http-login.rhai", include_str!("../../rules/http-login.rhai")),
    ("injection.rhai", include_str!("../../rules/injection.rhai")),
    ("nginx-limits.rhai", include_str!("../../rules/nginx-limits.rhai")),
    ("probes.rhai", include_str!("../../rules/probes.rhai")),
    ("recidive.rhai", include_str!("../../rules/recidive.rhai")),
    ("scanner.rhai", include_str!("../../rules/scanner.rhai")),
    ("ssh.rhai", include_str!("../../rules/ssh.rhai")),
    ("traversal.rhai", include_str!("../../rules/traversal.rhai")),
    ("wordpress.rhai", include_str!("../../rules/wordpress.rhai")),
];
