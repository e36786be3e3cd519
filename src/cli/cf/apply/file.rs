//! The file that `riposte cf apply` reads: what a zone is to be like, as a person keeps it under
//! version control. docs/cloudflare-apply.md describes it.
//!
//! In: a path. Out: the file as typed values, or all its faults with their lines.

use super::dns::FileRecord;
use super::routes::FileRoute;
use crate::cli::Usage;
use crate::cloudflare::plans::Level;
use crate::cloudflare::rules::{CacheRule, CustomRule, ManagedRule, RateLimit};
use crate::cloudflare::rulesets::{CACHE, CUSTOM, MANAGED, RATE_LIMIT};
use crate::cloudflare::{bots, settings};
use crate::limits::CLOUDFLARE_FILE_BYTES_MAX;
use crate::toml_text;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

/// What a zone is to be like. What isn't named is left as it is, but for what an earlier version of
/// the file made.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZoneFile {
    /// The zone's name, or its id; the command line may name another.
    pub zone: Option<String>,
    /// Tells what this file made from what other files made.
    pub mark: Option<String>,
    /// Zone settings.
    pub settings: BTreeMap<String, Value>,
    /// Bot management.
    pub bots: Map<String, Value>,
    /// Custom rules.
    pub waf: Vec<CustomRule>,
    /// Rate limits.
    pub rate_limits: Vec<RateLimit>,
    /// Managed rulesets.
    pub managed: Vec<ManagedRule>,
    /// Cache rules.
    pub cache: Vec<CacheRule>,
    /// DNS records.
    pub dns: Vec<FileRecord>,
    /// Worker routes.
    pub worker_routes: Vec<FileRoute>,
}

/// The mark of a file that names none.
const MARK: &str = "apply";

/// Marks that would make the enforcer's own rules look like the file's.
const TAKEN: [&str; 2] = ["block", "challenge"];

/// The rules of a phase as a file has them: the phase, the file's word for it, the bodies.
pub type Section = (&'static str, &'static str, Vec<Value>);

impl ZoneFile {
    /// Reads a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Usage::of(format!("failed to read `{}`: {error}", path.display()))
        };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| failed(&error))?;
        let mut file = file.take(CLOUDFLARE_FILE_BYTES_MAX + 1);
        file.read_to_string(&mut text).map_err(|error| failed(&error))?;
        if u64::try_from(text.len()).is_ok_and(|length| length > CLOUDFLARE_FILE_BYTES_MAX) {
            return Err(failed(&format!("it is longer than {CLOUDFLARE_FILE_BYTES_MAX} bytes")));
        }
        Self::parse(&text).map_err(|faults| {
            let told: Vec<String> = faults.iter().map(|fault| fault.render(path)).collect();
            Usage::of(told.join("\n\n"))
        })
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, Vec<toml_text::Fault>> {
        toml_text::read(text, |file: &Self| file.faults(None))
    }

    /// What is wrong with it, on a plan.
    pub fn faults(&self, level: Option<Level>) -> Vec<String> {
        let mut faults = Vec::new();
        let mark = self.mark();
        let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if mark.is_empty() || mark.len() > 20 || !mark.bytes().all(right) || TAKEN.contains(&mark) {
            faults.push(format!(
                "`{}` can't be a mark\nhint: small letters, digits and `-`, up to 20; not `{}`",
                mark.escape_debug(),
                TAKEN.join("`, `")
            ));
        }
        for (id, value) in &self.settings {
            faults.extend(settings::check(id, value).err());
        }
        for (name, value) in &self.bots {
            faults.extend(bots::check(level, name, value).err());
        }
        faults.extend(self.dns.iter().flat_map(FileRecord::faults));
        for (place, record) in self.dns.iter().enumerate() {
            if self.dns.iter().take(place).any(|known| known.is_twin_of(record)) {
                faults.push(format!("dns `{}` is there twice", record.name.escape_debug()));
            }
        }
        faults.extend(self.worker_routes.iter().flat_map(FileRoute::faults));
        for (place, route) in self.worker_routes.iter().enumerate() {
            let mut before = self.worker_routes.iter().take(place);
            if before.any(|known| known.pattern == route.pattern) {
                let pattern = route.pattern.escape_debug();
                faults.push(format!("worker_routes `{pattern}` is there twice"));
            }
        }
        let mut of = |kind: &str, rules: Vec<(&str, Vec<String>)>| {
            let mut seen = BTreeSet::new();
            for (reference, found) in rules {
                let name = reference.escape_debug();
                faults.extend(found.iter().map(|fault| format!("{kind} `{name}`: {fault}")));
                if !seen.insert(reference) {
                    faults.push(format!("{kind} `{name}` is there twice"));
                }
            }
        };
        of("waf", self.waf.iter().map(|r| (&*r.reference, r.faults(level))).collect());
        let limits = self.rate_limits.iter();
        of("rate_limits", limits.map(|r| (&*r.reference, r.faults(level))).collect());
        of("managed", self.managed.iter().map(|r| (&*r.reference, r.faults(level))).collect());
        of("cache", self.cache.iter().map(|r| (&*r.reference, r.faults(level))).collect());
        faults
    }

    /// Its mark.
    pub fn mark(&self) -> &str {
        self.mark.as_deref().unwrap_or(MARK)
    }

    /// Its rules, by phase.
    pub fn sections(&self) -> [Section; 4] {
        [
            (CUSTOM, "waf", self.waf.iter().map(CustomRule::body).collect()),
            (RATE_LIMIT, "rate_limits", self.rate_limits.iter().map(RateLimit::body).collect()),
            (MANAGED, "managed", self.managed.iter().map(ManagedRule::body).collect()),
            (CACHE, "cache", self.cache.iter().map(CacheRule::body).collect()),
        ]
    }
}

/// How many rules of a phase a plan has room for; `None` where nothing is known.
pub fn room(phase: &str, level: Option<Level>) -> Option<usize> {
    let limits = level?.limits();
    match phase {
        CUSTOM => Some(limits.custom_rules),
        RATE_LIMIT => Some(limits.rate_limits),
        CACHE => Some(limits.cache_rules),
        _ => None,
    }
}
