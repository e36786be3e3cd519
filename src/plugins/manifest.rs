//! `plugin.toml`: what a plugin is, how it is started, within which limits.
//!
//! In: the text and the folder's name. Out: a [`Manifest`] or every fault, each with its line. Pure:
//! what lies beside the manifest is looked at by `discover`.

use super::talk::PROTOCOL;
use crate::event::FieldKind;
use crate::limits::{
    PLUGIN_ANSWER_MILLIS, PLUGIN_ANSWER_MILLIS_MAX, PLUGIN_ARGUMENTS_MAX,
    PLUGIN_DESCRIPTION_CHARS_MAX, PLUGIN_FIELDS_MAX, PLUGIN_LINE_BYTES_CEILING,
    PLUGIN_LINE_BYTES_MAX, PLUGIN_NAME_BYTES_MAX, PLUGIN_START_MILLIS, PLUGIN_START_SECS_MAX,
    PLUGIN_TTL_SECS, PLUGIN_TTL_SECS_MAX,
};
use crate::toml_text::{self, Fault};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What may be a plugin's name, in words.
pub const NAME_HINT: &str =
    "a name begins with a lower-case letter and has up to 32 of a-z, 0-9, `_` and `-`";

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// Functions for rules, in Rhai (`lib.rhai`).
    Module,
    /// A program that brings records or events.
    Source,
    /// A program that makes records events.
    Parser,
    /// A program that adds fields to events.
    Enricher,
    /// A program that carries actions out.
    Action,
}

impl PluginKind {
    /// Every kind, in the order of the docs.
    pub const ALL: &'static [Self] =
        &[Self::Module, Self::Source, Self::Parser, Self::Enricher, Self::Action];

    /// Its name in manifests and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Source => "source",
            Self::Parser => "parser",
            Self::Enricher => "enricher",
            Self::Action => "action",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The whole of `plugin.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: that of its folder.
    pub name: String,
    /// The plugin's own version, for people.
    pub version: String,
    /// What it is.
    pub kind: PluginKind,
    /// What it is for, in a sentence.
    pub description: String,
    /// For programs: the version of the protocol that it speaks.
    #[serde(default)]
    pub protocol: Option<u32>,
    /// For programs: the program and its arguments. The program is a path in the folder
    /// (`./dnsbl.py`), an absolute path, or a name on the search path; there is no shell.
    #[serde(default)]
    pub run: Vec<String>,
    /// For programs: what it may take.
    #[serde(default)]
    pub limits: ProgramLimits,
    /// For sources: what it brings.
    #[serde(default)]
    pub source: Option<SourcePart>,
    /// For parsers: what it reads.
    #[serde(default)]
    pub parser: Option<ParserPart>,
    /// For enrichers: what it adds, and to which events.
    #[serde(default)]
    pub enricher: Option<EnricherPart>,
    /// For actions: what it does.
    #[serde(default)]
    pub action: Option<ActionPart>,
}

/// What a program may take before it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProgramLimits {
    /// Seconds from its start to `ready`.
    pub start_secs: u64,
    /// Milliseconds from a question to its answer.
    pub answer_ms: u64,
    /// Bytes of one line that it writes.
    pub line_bytes_max: usize,
}

impl Default for ProgramLimits {
    fn default() -> Self {
        Self {
            start_secs: PLUGIN_START_MILLIS / 1_000,
            answer_ms: PLUGIN_ANSWER_MILLIS,
            line_bytes_max: PLUGIN_LINE_BYTES_MAX,
        }
    }
}

/// What a source brings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourcePart {
    /// The kinds of its events, each with its fields and their types, for `check`.
    pub kinds: BTreeMap<String, BTreeMap<String, FieldKind>>,
}

/// What a parser reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParserPart {
    /// The format's name, for `format` of a source.
    pub format: String,
    /// The kinds of its events, each with the fields that it adds and their types, for `check`.
    #[serde(default)]
    pub kinds: BTreeMap<String, BTreeMap<String, FieldKind>>,
}

/// What an enricher adds, and to which events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnricherPart {
    /// The kinds of events that it adds to.
    pub on: Vec<String>,
    /// The field that it is asked by.
    #[serde(default = "key")]
    pub key: String,
    /// What it adds, with types.
    pub fields: BTreeMap<String, FieldKind>,
    /// Seconds that an answer holds.
    #[serde(default = "ttl_secs")]
    pub ttl_secs: u64,
}

fn key() -> String {
    "ip".to_owned()
}

fn ttl_secs() -> u64 {
    PLUGIN_TTL_SECS
}

/// What an action does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActionPart {
    /// What it can be asked for: `notify`, `block`, `lift` or words of its own.
    pub does: Vec<String>,
    /// Whether the same idempotency key twice has one effect; if not, an action whose answer is
    /// missing is not tried again.
    pub idempotent: bool,
}

/// Whether a word may be a plugin's name: `[a-z][a-z0-9_-]{0,31}`.
pub fn is_name(word: &str) -> bool {
    word.len() <= PLUGIN_NAME_BYTES_MAX
        && word.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

/// Reads a manifest; `folder` is the name of the folder that it lies in.
pub fn read(text: &str, folder: &str) -> Result<Manifest, Vec<Fault>> {
    toml_text::read(text, |manifest: &Manifest| {
        let mut faults = manifest.faults(folder);
        // A table that can't be read is there all the same.
        let table = format!("[{}]", manifest.kind);
        faults.retain(|fault| !(text.contains(&table) && fault.contains("there is no table")));
        faults
    })
}

impl Manifest {
    /// What is wrong with the values, in words, each with its hint on a line of its own.
    fn faults(&self, folder: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            faults.push(format!("`name` can't be `{}`\nhint: {NAME_HINT}", self.name));
        } else if self.name != folder {
            faults.push(format!(
                "`name` is `{}`, but the folder is `{folder}`\nhint: give both one name",
                self.name
            ));
        }
        for (key, text) in [("version", &self.version), ("description", &self.description)] {
            let length = text.chars().count();
            if length == 0 || length > PLUGIN_DESCRIPTION_CHARS_MAX {
                faults.push(format!(
                    "`{key}` has {length} characters\nhint: 1 to {PLUGIN_DESCRIPTION_CHARS_MAX}"
                ));
            }
        }
        self.faults_of_kind(&mut faults);
        if self.kind == PluginKind::Module {
            self.faults_of_module(&mut faults);
        } else {
            self.faults_of_program(&mut faults);
        }
        self.faults_of_fields(&mut faults);
        faults
    }

    /// A part of another kind would be believed to do something.
    fn faults_of_kind(&self, faults: &mut Vec<String>) {
        let parts = [
            (PluginKind::Source, self.source.is_some()),
            (PluginKind::Parser, self.parser.is_some()),
            (PluginKind::Enricher, self.enricher.is_some()),
            (PluginKind::Action, self.action.is_some()),
        ];
        for (kind, there) in parts {
            if there && kind != self.kind {
                faults.push(format!(
                    "`{kind}` is a table for another kind: this is `kind = \"{}\"`\nhint: remove the table, or change `kind`",
                    self.kind
                ));
            }
            let needed = matches!(kind, PluginKind::Parser | PluginKind::Enricher);
            if !there && kind == self.kind && needed {
                faults.push(format!(
                    "`kind` is `{kind}`, but there is no table `[{kind}]`\nhint: docs/plugins.md shows one"
                ));
            }
        }
    }

    fn faults_of_module(&self, faults: &mut Vec<String>) {
        let hint = "\nhint: a module is `lib.rhai`, and nothing is started";
        if self.name.contains('-') {
            faults.push(format!(
                "`name` is `{}`, and a module's name stands before `::` in rules\nhint: write `_` for `-`",
                self.name
            ));
        }
        if !self.run.is_empty() {
            faults.push(format!("`run` is for programs, and this is a module{hint}"));
        }
        if self.protocol.is_some() {
            faults.push(format!("`protocol` is for programs, and this is a module{hint}"));
        }
    }

    fn faults_of_program(&self, faults: &mut Vec<String>) {
        match self.protocol {
            Some(PROTOCOL) => {}
            Some(other) => faults.push(format!(
                "`protocol` is {other}, and this riposte speaks {PROTOCOL}\nhint: use a version of the plugin that speaks {PROTOCOL}"
            )),
            None => faults.push(format!(
                "`kind` is `{}`, so `protocol` is required\nhint: `protocol = {PROTOCOL}`",
                self.kind
            )),
        }
        match self.run.first().map(String::as_str) {
            None => faults.push(format!(
                "`kind` is `{}`, so `run` is required\nhint: `run = [\"./{}.py\"]`",
                self.kind, self.name
            )),
            Some("") => faults.push("`run` begins with an empty text".to_owned()),
            Some(_) if self.run.len() > PLUGIN_ARGUMENTS_MAX => {
                faults.push(format!("`run` has more than {PLUGIN_ARGUMENTS_MAX} parts"));
            }
            Some(_) if self.run.iter().any(|part| part.contains('\0')) => {
                faults.push("`run` holds a NUL character".to_owned());
            }
            Some(_) => {}
        }
        let limits = &self.limits;
        for (key, value, most) in [
            ("start_secs", limits.start_secs, PLUGIN_START_SECS_MAX),
            ("answer_ms", limits.answer_ms, PLUGIN_ANSWER_MILLIS_MAX),
            ("line_bytes_max", limits.line_bytes_max as u64, PLUGIN_LINE_BYTES_CEILING as u64),
        ] {
            if value == 0 || value > most {
                faults.push(format!("`limits.{key}` is {value}\nhint: 1 to {most}"));
            }
        }
    }

    fn faults_of_fields(&self, faults: &mut Vec<String>) {
        let mut declared: Vec<&BTreeMap<String, FieldKind>> = Vec::new();
        declared.extend(self.source.iter().flat_map(|part| part.kinds.values()));
        declared.extend(self.parser.iter().flat_map(|part| part.kinds.values()));
        if let Some(part) = &self.enricher {
            declared.push(&part.fields);
            if part.on.is_empty() || part.fields.is_empty() {
                faults.push(
                    "`enricher` adds nothing\nhint: name kinds in `on` and fields in `fields`"
                        .to_owned(),
                );
            }
            if part.ttl_secs == 0 || part.ttl_secs > PLUGIN_TTL_SECS_MAX {
                faults.push(format!(
                    "`enricher.ttl_secs` is {}\nhint: 1 to {PLUGIN_TTL_SECS_MAX}",
                    part.ttl_secs
                ));
            }
        }
        if declared.iter().map(|fields| fields.len()).sum::<usize>() > PLUGIN_FIELDS_MAX {
            faults.push(format!("more than {PLUGIN_FIELDS_MAX} fields are declared"));
        }
        for name in declared.iter().flat_map(|fields| fields.keys()) {
            let fine = name.len() <= PLUGIN_NAME_BYTES_MAX
                && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !fine {
                faults.push(format!(
                    "`{name}` can't be a field's name\nhint: up to {PLUGIN_NAME_BYTES_MAX} of a-z, 0-9 and `_`, a letter first"
                ));
            }
        }
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
