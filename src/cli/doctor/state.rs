//! The doctor looks at the state folder and the store in it.

use super::report::Report;
use crate::clock::{self, format_duration};
use crate::config::Config;
use crate::decisions::Decision;
use crate::limits::FUTURE_SKEW_SECS_MAX;
use crate::pipeline::control::Status;
use crate::store::{self, DATABASE, JournalQuery, Reader};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Looks; gives what is in force, where the store can be read.
pub fn check(
    config: &Config,
    daemon: Option<&Status>,
    report: &mut Report,
) -> Option<Vec<Decision>> {
    let dir = &config.state_dir;
    match std::fs::metadata(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if daemon.is_none() {
                report.note(
                    "state",
                    format!("{} is not there yet", dir.display()),
                    "`riposte run` makes it",
                );
            }
            return None;
        }
        Err(error) => {
            report.error("state", format!("failed to look at `{}`: {error}", dir.display()), "");
            return None;
        }
        Ok(facts) if !facts.is_dir() => {
            report.error(
                "state",
                format!("`{}` is no folder", dir.display()),
                "set `state_dir` to a folder of riposte's own",
            );
            return None;
        }
        Ok(_) => {}
    }
    private(dir, report);
    disk(config, report);
    if !dir.join(DATABASE).exists() {
        report.note("store", "there is no store yet", "`riposte run` makes it");
        return None;
    }
    match store::open_read_only(dir) {
        Ok(reader) => look_into(&reader, report),
        Err(error) => {
            report.failed("store", &error);
            None
        }
    }
}

/// Folder and files must be their owner's alone.
fn private(dir: &Path, report: &mut Report) {
    let mut paths = vec![dir.to_owned()];
    if let Ok(entries) = std::fs::read_dir(dir) {
        paths.extend(entries.flatten().map(|entry| entry.path()));
    }
    let mut well = true;
    for path in paths {
        let Ok(facts) = std::fs::symlink_metadata(&path) else { continue };
        let ours = rustix::process::geteuid().as_raw();
        let open = facts.mode() & 0o077;
        if open != 0 && !facts.is_symlink() {
            well = false;
            report.warning(
                "state",
                format!(
                    "`{}` can be read or written by others (mode {:o})",
                    path.display(),
                    facts.mode() & 0o7777
                ),
                format!("chmod go= {}", path.display()),
            );
        }
        if ours == 0 && facts.uid() != 0 && path == dir {
            report.note(
                "state",
                format!("`{}` belongs to user {}", path.display(), facts.uid()),
                "",
            );
        }
    }
    if well {
        report.well("state", format!("{} is private", dir.display()));
    }
}

/// Space for what may still come: the journal at its largest, its log, a copy before a migration.
fn disk(config: &Config, report: &mut Report) {
    const MIB: u64 = 1024 * 1024;
    let Ok(facts) = rustix::fs::statvfs(&config.state_dir) else { return };
    let free = facts.f_bavail.saturating_mul(facts.f_frsize);
    let used = std::fs::metadata(config.state_dir.join(DATABASE)).map_or(0, |facts| facts.len());
    let may_come = config.retention.journal_mib_max.saturating_mul(MIB).saturating_sub(used);
    let wanted = may_come.saturating_add(64 * MIB);
    let message = format!("{} MiB are free for {}", free / MIB, config.state_dir.display());
    if free < 32 * MIB {
        report.error(
            "disk",
            message,
            "free some space: a full disk keeps riposte from deciding anything",
        );
    } else if free < wanted {
        report.warning(
            "disk",
            format!("{message}; with the journal at its largest {} MiB are needed", wanted / MIB),
            "free some space, or lower `retention.journal_mib_max`",
        );
    } else {
        report.well("disk", message);
    }
}

fn look_into(reader: &Reader, report: &mut Report) -> Option<Vec<Decision>> {
    if let Err(error) = reader.check_integrity() {
        report.failed("store", &error);
        return None;
    }
    let now = clock::now();
    let in_force = match reader.in_force(now) {
        Ok(in_force) => in_force,
        Err(error) => {
            report.failed("store", &error);
            return None;
        }
    };
    report.well("store", format!("the store is sound; {} decisions are in force", in_force.len()));
    let newest = reader.journal(&JournalQuery { limit: 1, ..JournalQuery::default() });
    if let Some(newest) = newest.ok().and_then(|rows| rows.first().map(|row| row.recorded))
        && newest > now.plus(Duration::from_secs(FUTURE_SKEW_SECS_MAX))
    {
        let ahead = format_duration(newest.since(now));
        report.error(
            "clock",
            format!("the journal's newest entry is {ahead} ahead: the clock has gone back"),
            "set the clock (`timedatectl set-ntp true`)",
        );
    }
    Some(in_force)
}
