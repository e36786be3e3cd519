//! `riposte plugin`: which plugins are there, a new one to begin with, and whether one keeps to its
//! word.

mod new;
mod program;

use super::output::{Output, Style, table};
use super::{End, Usage, context};
use crate::config::{Config, RuleFiles, read_rules_from};
use crate::event::text::escape;
use crate::plugins::discover::read_plugin;
use crate::plugins::{Enabled, Found, Plugin, PluginConfig, PluginKind, discover};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// `riposte plugin …`
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// List the plugins in the folder: which are used, and what is wrong with the others
    List(super::args::JsonArgs),
    /// Write a small plugin that works, to begin with
    New(NewArgs),
    /// Run a plugin's own tests: `*.test.rhai` of a module, `tests/*.jsonl` of a program
    Test(TestArgs),
}

/// `riposte plugin new`
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Its name, and that of its folder
    pub name: String,
    /// What it is to be
    #[arg(long, value_enum)]
    pub kind: Kind,
    /// What its program is written in
    #[arg(long, value_enum, default_value = "python")]
    pub language: Language,
}

/// `riposte plugin test`
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Its name
    pub name: String,
}

/// What a plugin is, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Module,
    Source,
    Parser,
    Enricher,
    Action,
}

/// What a skeleton is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python 3, without libraries.
    Python,
    /// The shell, with `jq`.
    Shell,
}

/// Does what was asked.
pub fn plugin(path: &Path, command: &PluginCommand, out: &mut Output) -> anyhow::Result<End> {
    let mut config = context::config_or_default(path)?;
    if config.plugins_dir.is_relative() {
        config.plugins_dir = path.parent().unwrap_or(Path::new(".")).join(config.plugins_dir);
    }
    match command {
        PluginCommand::List(args) => list(&config, args.json, out),
        PluginCommand::New(args) => new::new(&config, args, out),
        PluginCommand::Test(args) => test(config, &args.name, out),
    }
}

fn state(config: &Config, plugin: &Plugin) -> &'static str {
    match config.plugins.get(plugin.name()) {
        None => "not used",
        Some(table) if table.enabled => "used",
        Some(_) => "off",
    }
}

fn list(config: &Config, json: bool, out: &mut Output) -> anyhow::Result<End> {
    let found = discover(&config.plugins_dir);
    let (_, missing) = found.enabled(&config.plugins);
    let missing: Vec<String> = missing.into_iter().map(|(_, words)| words).collect();
    if json {
        list_json(config, &found, &missing, out)?;
    } else {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for plugin in &found.plugins {
            let manifest = &plugin.manifest;
            rows.push(vec![
                manifest.name.clone(),
                manifest.kind.to_string(),
                escape(&manifest.version).into_owned(),
                state(config, plugin).to_owned(),
                escape(&manifest.description).into_owned(),
            ]);
        }
        for line in table(&rows) {
            out.line(line)?;
        }
        if found.plugins.is_empty() && found.faults.is_empty() {
            out.line(format!("there are no plugins in `{}`", config.plugins_dir.display()))?;
        }
        let refused = found.faults.iter().map(crate::plugins::PluginFault::render);
        for words in refused.chain(missing.iter().cloned()) {
            let word = out.styled(Style::Red, "error");
            out.line(format!("{word}: {words}"))?;
        }
    }
    let well = found.faults.is_empty() && missing.is_empty();
    Ok(if well { End::Well } else { End::Finding })
}

fn list_json(
    config: &Config,
    found: &Found,
    missing: &[String],
    out: &mut Output,
) -> anyhow::Result<()> {
    for plugin in &found.plugins {
        let manifest = &plugin.manifest;
        out.json(&json!({
            "name": manifest.name,
            "kind": manifest.kind,
            "version": manifest.version,
            "description": manifest.description,
            "state": state(config, plugin),
            "folder": plugin.folder,
        }))?;
    }
    for refused in &found.faults {
        out.json(&json!({
            "name": refused.plugin,
            "state": "refused",
            "file": refused.path,
            "line": refused.fault.line,
            "message": refused.fault.message,
            "hint": refused.fault.hint,
        }))?;
    }
    for words in missing {
        out.json(&json!({ "state": "missing", "message": words }))?;
    }
    Ok(())
}

fn test(mut config: Config, name: &str, out: &mut Output) -> anyhow::Result<End> {
    let folder = config.plugins_dir.join(name);
    let plugin = read_plugin(&folder).map_err(|faults| {
        let words: Vec<String> = faults.iter().map(crate::plugins::PluginFault::render).collect();
        Usage::of(words.join("\n"))
    })?;
    let table = config.plugins.get(name).cloned().unwrap_or_default();
    if plugin.manifest.kind != PluginKind::Module {
        return program::test(&Enabled { plugin, config: table }, out);
    }
    let table = PluginConfig { enabled: true, ..table };
    config.plugins = BTreeMap::from([(name.to_owned(), table)]);
    let mut files = read_rules_from(std::slice::from_ref(&folder));
    // The module itself is no rule file.
    files.files = Vec::new();
    if files.tests.is_empty() {
        let words = format!("`{}` has no `*.test.rhai`", folder.display());
        return Err(Usage::of(format!("{words}\nhint: docs/plugins.md shows one")));
    }
    let given = RuleFiles { files: Vec::new(), ..files };
    super::test::in_config(config, given, &super::test::TestArgs::default(), None, out)
}
