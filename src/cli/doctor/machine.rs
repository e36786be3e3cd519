//! The doctor looks at the machine: clock, memory, notices of file changes.

use super::report::Report;
use crate::clock::{self, Timestamp};
use crate::config::Config;
use crate::pipeline::control::Status;
use crate::pipeline::machine;
use crate::process::{self, Program};
use rustix::fs::inotify;

/// No clock that is right shows an earlier time: 2026-01-01.
const EARLIEST: Timestamp = Timestamp::from_secs(1_767_225_600);

/// What riposte takes beside its windows, measured when idle, with room to spare.
const OTHER_BYTES: u64 = 32 * 1024 * 1024;

/// Looks at the machine.
pub fn check(config: &Config, daemon: Option<&Status>, report: &mut Report) {
    clock(report);
    memory(config, daemon, report);
    if config.sources.iter().any(|source| source.kind_of.is_files()) {
        watches(report);
    }
}

fn clock(report: &mut Report) {
    let now = clock::now();
    if now < EARLIEST {
        report.error(
            "clock",
            format!("the clock shows {now}"),
            "set the clock (`timedatectl set-ntp true`)",
        );
        return;
    }
    // Where there is no systemd, nothing is known about synchronisation.
    let asked = process::run(&Program::new([
        "timedatectl",
        "show",
        "--property=NTPSynchronized",
        "--value",
    ]));
    match asked.ok().filter(process::Finished::success).map(|finished| finished.stdout) {
        Some(said) if said.starts_with(b"no") => report.warning(
            "clock",
            format!("the clock shows {now} and is not synchronised: ends of blocks may be off"),
            "timedatectl set-ntp true",
        ),
        _ => report.well("clock", format!("the clock shows {now}")),
    }
}

fn memory(config: &Config, daemon: Option<&Status>, report: &mut Report) {
    const MIB: u64 = 1024 * 1024;
    let limit = machine::memory_bytes_of(daemon.map(|status| status.pid));
    let windows = config.memory.windows_bytes(limit);
    let used = daemon
        .map_or(String::new(), |status| format!(", {} MiB in use", status.memory_bytes / MIB));
    let message =
        format!("{} MiB may be used, {} MiB of them for windows{used}", limit / MIB, windows / MIB);
    if windows.saturating_add(OTHER_BYTES) > limit {
        report.warning(
            "memory",
            format!("{message}: that leaves too little for the rest"),
            "lower `memory.windows_mib`, or raise `MemoryMax=` of the service",
        );
    } else {
        report.well("memory", message);
    }
}

/// Whether the kernel still gives notices of file changes to this user.
fn watches(report: &mut Report) {
    let tried = inotify::init(inotify::CreateFlags::CLOEXEC)
        .map_err(|error| (error, "fs.inotify.max_user_instances"))
        .and_then(|watcher| {
            inotify::add_watch(&watcher, "/", inotify::WatchFlags::CREATE)
                .map_err(|error| (error, "fs.inotify.max_user_watches"))
        });
    match tried {
        Ok(_) => report.well("inotify", "the kernel tells of file changes"),
        Err((error, setting)) => report.warning(
            "inotify",
            format!("the kernel gives no more notices of file changes ({error}): files are looked at again and again instead"),
            format!("sysctl {setting}=524288 (and the same in /etc/sysctl.d/)"),
        ),
    }
}
