//! `riposte editor`: what editors read, made from the program itself.

use super::output::Output;
use super::{End, Usage};
use clap::{Subcommand, ValueHint};
use std::path::{Path, PathBuf};

/// `riposte editor …`
#[derive(Debug, Subcommand)]
pub enum EditorCommand {
    /// Write the functions and types of rules as a Rhai definition file (`riposte.d.rhai`)
    Definitions {
        /// The folder to write it into; printed without one
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
    /// Write the JSON schema of the config (`riposte.schema.json`)
    Schema {
        /// The folder to write it into; printed without one
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
    },
}

/// The schema of the config, made by tests/docs from the config types.
pub const SCHEMA: &str = include_str!("../../deploy/riposte.schema.json");

/// Prints or writes one of them.
pub fn editor(command: &EditorCommand, out: &mut Output) -> anyhow::Result<End> {
    match command {
        EditorCommand::Definitions { out: dir } => {
            give("riposte.d.rhai", &crate::rules::definitions(), dir.as_deref(), out)
        }
        EditorCommand::Schema { out: dir } => {
            give("riposte.schema.json", SCHEMA, dir.as_deref(), out)
        }
    }
}

fn give(name: &str, text: &str, dir: Option<&Path>, out: &mut Output) -> anyhow::Result<End> {
    let Some(dir) = dir else {
        out.line(text.trim_end())?;
        return Ok(End::Well);
    };
    let path = dir.join(name);
    std::fs::write(&path, text)
        .map_err(|error| Usage::of(format!("failed to write `{}`: {error}", path.display())))?;
    out.line(path.display().to_string())?;
    Ok(End::Well)
}
