//! `--format` of the commands that read logs: what was typed becomes a parser, and is told of.
//!
//! How it is found is `pipeline::formats`' matter.

use super::output::{Output, Style};
use super::{Usage, context};
use crate::config::Config;
use crate::event::text;
use crate::pipeline::formats::{self, Chosen};
use crate::sources::Replay;
use std::path::Path;

/// What `--format` says when it isn't given.
pub const AUTO: &str = "auto";

/// The config for a command that wants nothing but its sources: none is read where the format
/// needs none.
pub fn config_for(path: &Path, format: &str) -> anyhow::Result<Config> {
    if formats::is_built_in(format) {
        return Ok(Config::default());
    }
    context::config_or_default(path)
}

/// The parser for a file that was opened under `name`, of which nothing is read yet.
pub fn of_file(
    config: &Config,
    format: &str,
    name: &str,
    replay: &mut Replay,
) -> anyhow::Result<Chosen> {
    if format != AUTO {
        return formats::named(config, format).map_err(Usage::of);
    }
    let lines = replay.peek_block().split(|byte| *byte == b'\n');
    let chosen = if name == "-" {
        formats::of_lines(config, lines)
    } else {
        formats::of_file(config, Path::new(name), lines)
    };
    chosen.map_err(Usage::of)
}

/// The parser for a line of unknown origin.
pub fn of_line(config: &Config, format: &str, line: &[u8]) -> anyhow::Result<Chosen> {
    let chosen = if format == AUTO {
        formats::of_lines(config, [line])
    } else {
        formats::named(config, format)
    };
    chosen.map_err(Usage::of)
}

/// Tells a person which format was taken under which `head`, where it isn't just the one named.
pub fn tell(head: &str, format: &str, chosen: &Chosen, out: &mut Output) -> anyhow::Result<()> {
    if format != AUTO && chosen.source.is_none() {
        return Ok(());
    }
    let told = format!("{}: {} ({})", text::escape(head), chosen.words(), chosen.why);
    let told = out.styled(Style::Dim, told);
    Ok(out.line(told)?)
}
