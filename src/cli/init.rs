//! `riposte init`: looks at this machine and writes a commented config for it.
//!
//! In: the machine ([`look`]). Out: `riposte.toml` ([`page`]) and words about it ([`report`]).
//! Looking, wording and writing are apart: only this file writes.

pub(super) mod found;
pub(super) mod look;
pub(super) mod nginx;
pub(super) mod nginx_conf;
pub(super) mod page;
pub(super) mod place;
mod report;
#[cfg(test)]
mod tests;

use super::args::InitArgs;
use super::context::DEFAULT_CONFIG;
use super::output::Output;
use super::{End, Usage};
use crate::config::environment;
use crate::pipeline::machine;
use crate::process::{self, ProcessError, Program};
use found::{Nft, Now};
use place::Place;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Looks, writes, and says what was found.
pub fn init(config: &Path, args: &InitArgs, out: &mut Output) -> anyhow::Result<End> {
    let whole = args.root == Path::new("/");
    let is_default = config == Path::new(DEFAULT_CONFIG);
    let path = if is_default && !whole {
        args.root.join(DEFAULT_CONFIG.trim_start_matches('/'))
    } else {
        config.to_owned()
    };
    if !args.print && !args.force && path.exists() {
        return Err(Usage::of(format!(
            "`{}` is there already\nhint: `riposte init --print` shows what would be written, `--force` overwrites it",
            path.display()
        )));
    }
    let found = look::look(&Place::new(&args.root), &now());
    // The config lies where the machine itself sees it, also when its root is mounted elsewhere.
    let folder = folder_of(config)?;
    if args.print {
        let text = page::page(&found, &folder, false);
        out.line(text.trim_end())?;
        return Ok(End::Well);
    }
    let kept = keep_old(&path)?;
    write(&path, &page::page(&found, &folder, true))?;
    show(report::findings(&found), out)?;
    if let Some(kept) = kept {
        out.line(format!("\nthe config that was there is kept as {}", kept.display()))?;
    }
    out.line(format!("\nwrote {} (only its owner can read it)", path.display()))?;
    show(report::next_steps(&found, config, is_default), out)?;
    Ok(if found.sources.is_empty() { End::Finding } else { End::Well })
}

fn show(lines: Vec<report::Line>, out: &mut Output) -> anyhow::Result<()> {
    for (style, line) in lines {
        let line = out.styled(style, line);
        out.line(line)?;
    }
    Ok(())
}

fn folder_of(config: &Path) -> anyhow::Result<PathBuf> {
    let absolute = std::path::absolute(config).map_err(Usage::of)?;
    Ok(absolute.parent().unwrap_or(Path::new("/")).to_owned())
}

/// What only the running machine tells.
fn now() -> Now {
    Now {
        nft: nft(),
        ssh_client: environment::ssh_client(),
        logins: machine::login_addresses(),
        own: machine::own_addresses(),
    }
}

/// Whether this process may use nftables: it lists the tables.
fn nft() -> Nft {
    match process::run(&Program::new(["nft", "list", "tables"])) {
        Ok(finished) if finished.success() => Nft::Usable,
        Ok(finished) => Nft::Refused(finished.words()),
        Err(ProcessError::Missing { .. }) => Nft::Missing,
        Err(error) => Nft::Refused(error.to_string()),
    }
}

/// Puts the config that is there aside, under a name that nothing has yet.
fn keep_old(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let name = |number: u32| match number {
        0 => path.with_extension("toml.old"),
        more => path.with_extension(format!("toml.old.{more}")),
    };
    let free = (0..1_000).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0));
    std::fs::copy(path, &free).map_err(|error| failed("keep the old config as", &free, &error))?;
    Ok(Some(free))
}

/// Writes the config, whole or not at all, readable by its owner alone; and makes the folders
/// beside it that it names.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    for folder in [folder.to_owned(), folder.join("rules"), folder.join("blocked")] {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&folder)
            .map_err(|error| failed("make the folder", &folder, &error))?;
    }
    let new = path.with_extension("toml.new");
    let fail = |error: &std::io::Error| failed("write", path, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(|error| fail(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| fail(&error))?;
    file.sync_all().map_err(|error| fail(&error))?;
    std::fs::rename(&new, path).map_err(|error| fail(&error))
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: run this as root, or choose another place with `--config FILE`"
        }
        _ => "",
    };
    Usage::of(format!("failed to {doing} `{}`: {error}{hint}", path.display()))
}
