//! The shipped rules in 64 MiB: on a small server the daemon must not be what the kernel kills.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use riposte::clock;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use support::trouble::{address, web_file};
use support::{Place, can_run};

const LIMIT: u64 = 64 * 1024 * 1024;

/// A control group with a limit on memory; removed when dropped.
struct Group(PathBuf);

impl Group {
    /// Made in the older or the unified hierarchy; `None`, told by name, where neither is to be had.
    fn make(test: &str) -> Option<Self> {
        if !can_run(test, &[]) {
            return None;
        }
        let name = format!("riposte-test-{}", std::process::id());
        for (root, file) in
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        {
            let group = PathBuf::from(root).join(&name);
            if fs::create_dir(&group).is_ok() {
                if fs::write(group.join(file), LIMIT.to_string()).is_ok() {
                    return Some(Self(group));
                }
                drop(fs::remove_dir(&group));
            }
        }
        println!(
            "SKIPPED {test}: control groups can't be made here; only what it used is looked at"
        );
        None
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

/// A day's traffic of a busy server in ten minutes: 50,000 clients, most of them honest, some that
/// scan, guess and probe.
fn lines(count: usize, clients: usize) -> String {
    let mut random = fastrand::Rng::with_seed(11);
    let start = clock::now().minus(Duration::from_mins(10));
    let mut text = String::with_capacity(count * 130);
    for number in 0..count {
        let client = if number < clients { number } else { random.usize(..clients) };
        let time =
            start.plus(Duration::from_millis(number as u64 * 600_000 / count as u64)).to_jiff();
        let page = random.u32(..100_000);
        let (method, path, status) = match random.u8(..20) {
            0..=3 => ("GET", format!("/missing/{page}"), 404),
            4 | 5 => ("POST", "/login".to_owned(), 401),
            6 => ("POST", "/wp-login.php".to_owned(), 200),
            7 => ("GET", format!("/search?q=term{page}"), 200),
            8 if client % 500 == 0 => ("GET", "/.env".to_owned(), 404),
            _ => ("GET", format!("/article/{page}"), 200),
        };
        writeln!(
            text,
            "{} - - [{}] \"{method} {path} HTTP/1.1\" {status} {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/{page}\"",
            address(client),
            time.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            random.u32(200..50_000),
        )
        .unwrap();
    }
    text
}

fn peak(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

fn file_pages(pid: u32) -> u64 {
    memory(pid, "RssFile:")
}

/// What the kernel says of a process's memory, in bytes.
fn memory(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn serial_the_shipped_rules_run_in_64_mib() {
    let test = "serial_the_shipped_rules_run_in_64_mib";
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("p");
    let group = Group::make(test);
    // Without a group the daemon must be told what a small machine would tell it.
    let memory = if group.is_some() { "" } else { "[memory]\nwindows_mib = 8\n" };
    let config = format!(
        "state_dir = \"state\"\n[[sources]]\nname = \"web\"\npaths = [\"{}/access.log\"]\nformat = \"nginx\"\nfrom = \"beginning\"\n{}[guard]\nfirst_days = \"0s\"\n[log]\nlevel = \"warn,riposte::cli=info\"\n{memory}",
        dir.display(),
        web_file(&dir)
    );
    let place = Place::with_config(root.path(), "p", &config);
    let mut daemon = match &group {
        Some(Group(group)) => {
            let enter = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", group.display());
            place.start_by(&["sh", "-c", &enter, "sh"])
        }
        None => place.start_and_wait(),
    };
    place.append(&lines(300_000, 50_000));
    place.wait(Duration::from_secs(150), "all is read", || {
        let status = place.status();
        status.sources.iter().any(|source| source.records >= 300_000)
    });
    let status = place.status();
    let metric = |name: &str| status.metrics.iter().find(|(known, _)| known == name).unwrap().1;
    let peak = peak(daemon.0.id());
    println!(
        "peak {} KiB, now {} KiB; {} keys in {} of {} KiB, {} forgotten early; {} in force, {} wait",
        peak / 1024,
        status.memory_bytes / 1024,
        metric("riposte_window_keys"),
        metric("riposte_window_bytes") / 1024,
        metric("riposte_window_bytes_max") / 1024,
        metric("riposte_window_keys_evicted_total"),
        status.decisions_in_force,
        status.decisions_queued,
    );
    assert!(daemon.0.try_wait().unwrap().is_none(), "it lives\n{}", place.log());
    // The kernel may drop the pages of the program's file, and counts them where they were first
    // read; a debug build has three times as many. 16 MiB are left for those of a release build.
    let own = peak.saturating_sub(file_pages(daemon.0.id())) + 16 * 1024 * 1024;
    assert!(own < LIMIT, "{own} bytes, {peak} with all of the program's file");
    assert!(metric("riposte_window_bytes_max") <= LIMIT / 8, "the group's limit is seen");
    if metric("riposte_window_keys_evicted_total") > 0 {
        let told = status.alarms.iter().any(|alarm| alarm.text.contains("windows are full"));
        assert!(told, "{:?}", status.alarms);
        let (_, said) = place.code(&["status"]);
        assert!(said.contains("windows are full"), "{said}");
    }
    daemon.terminate();
}
