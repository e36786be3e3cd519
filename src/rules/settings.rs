//! What load is given: the files' texts (whoever reads them from disk is elsewhere), the values of
//! parameters, the modes, and what the config knows, so that `check` can tell what isn't there.

use super::branches::Marks;
use super::host::Lookups;
use crate::decisions::Mode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFile {
    /// Its path, as findings show it; its stem (`wordpress` of `rules/wordpress.rhai`) names its
    /// parameters in the config.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A plugin that is Rhai: its functions are called as `NAME::f()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFile {
    /// The name that rules use.
    pub name: String,
    /// Its path, as findings show it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Names that the config declares; `None` where it is not known, and then nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Channels of `notify`.
    pub channels: Option<BTreeSet<String>>,
    /// Webhooks.
    pub webhooks: Option<BTreeSet<String>>,
    /// Programs of `exec`.
    pub programs: Option<BTreeSet<String>>,
    /// Enforcers, as `via` names them.
    pub enforcers: Option<BTreeSet<String>>,
    /// Zones at Cloudflare; empty where the config has no account there.
    pub zones: Option<BTreeSet<String>>,
    /// Feeds of `in_feed`.
    pub feeds: Option<BTreeSet<String>>,
    /// Whether the config has databases of places.
    pub places: Option<bool>,
    /// Kinds that sources make beyond the built-in ones.
    pub kinds: BTreeSet<String>,
    /// Kinds whose fields are declared, by plugins: all that their events can have.
    pub declared: BTreeMap<String, BTreeSet<String>>,
    /// The built-in kinds that the configured sources may give, where all of them are known: other
    /// rules never fire.
    pub given: Option<BTreeSet<String>>,
    /// Fields that sources add to events beyond the well-known ones.
    pub fields: BTreeSet<String>,
}

/// Everything that shapes a rule set beside its files.
#[derive(Clone, Default)]
pub struct Settings {
    /// Values of `param(…)`, by rule name or file stem, then by parameter.
    pub params: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    /// Modes by rule name; they win over the file's own.
    pub modes: BTreeMap<String, Mode>,
    /// The config itself, so that what is wrong with its parameters and modes is shown there.
    pub config: Option<RuleFile>,
    /// What the config declares.
    pub known: Known,
    /// Seeds the hashes that `distinct` compares, so that nobody can make two values look alike;
    /// keep it for the life of an installation, since windows are saved with such hashes.
    pub seed: u64,
    /// What predicates may look up (`in_feed`, `geo`); without it they find nothing.
    pub lookups: Option<Arc<dyn Lookups>>,
    /// Leaves the files' tests out: a daemon runs none, and their log lines are most of the text.
    pub without_tests: bool,
    /// Also looks for rules that can't fire and rules that others make needless: for `check` and
    /// editors.
    pub analyse: bool,
    /// Counts where texts with marks go, which only tests' coverage loads.
    pub marks: Option<Arc<Marks>>,
}

impl Settings {
    /// Where the config sets a parameter or mode: its file, its text, and the bytes of the key.
    pub(super) fn place(
        &self,
        table: &str,
        key: &str,
    ) -> Option<(&RuleFile, std::ops::Range<usize>)> {
        let config = self.config.as_ref()?;
        let mut here = false;
        let mut start = 0;
        let mut elsewhere = None;
        for line in config.text.split_inclusive('\n') {
            let bare = line.trim();
            if bare.starts_with('[') {
                let name = bare.trim_matches(['[', ']']).replace(['"', '\'', ' '], "");
                here = name == table || name.strip_prefix("rules.") == Some(table);
            }
            let at = line.find(key).filter(|at| {
                let before = line.get(..*at).unwrap_or_default().trim_matches(['"', '\'', ' ']);
                let after = line.get(at + key.len()..).unwrap_or_default();
                before.is_empty()
                    && after.trim_start_matches(['"', '\'', ' ']).starts_with(['=', '.'])
            });
            if let Some(at) = at {
                let range = start + at..start + at + key.len();
                if here {
                    return Some((config, range));
                }
                elsewhere = elsewhere.or(Some((config, range)));
            }
            start += line.len();
        }
        elsewhere
    }
}
