//! This machine as a source: load, memory, disks, connections, programs, units of systemd, files.
//!
//! In: a [`HostConfig`]. Out: events, some at each look, others when something has changed. What the
//! kernel tells is read from /proc; only systemd is asked by a program of its own. A thing that can't be
//! read gives no event: a rule with `absent` hears of that.

mod config;
mod files;
mod proc;

pub use config::HostConfig;

use super::program::Program;
use super::regular::{Look, Regular};
use crate::clock;
use crate::event::{Brought, FieldKind, Kind, Schema, Value, net};
use crate::limits;
use crate::process::{self, Program as Command};
use files::Found;
use proc::Connections;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often is looked when the config doesn't say.
pub const EVERY: Duration = Duration::from_secs(10);

const FIELDS: [(&str, &str, FieldKind); 37] = [
    ("host.load", "load1", FieldKind::Float),
    ("host.load", "load5", FieldKind::Float),
    ("host.load", "load15", FieldKind::Float),
    ("host.load", "cpus", FieldKind::Int),
    ("host.load", "per_cpu", FieldKind::Float),
    ("host.memory", "total", FieldKind::Int),
    ("host.memory", "available", FieldKind::Int),
    ("host.memory", "used_share", FieldKind::Float),
    ("host.memory", "swap_used_share", FieldKind::Float),
    ("host.disk", "mount", FieldKind::Text),
    ("host.disk", "total", FieldKind::Int),
    ("host.disk", "available", FieldKind::Int),
    ("host.disk", "used_share", FieldKind::Float),
    ("host.disk", "inodes_used_share", FieldKind::Float),
    ("host.connections", "established", FieldKind::Int),
    ("host.connections", "syn_recv", FieldKind::Int),
    ("host.connections", "time_wait", FieldKind::Int),
    ("host.connections", "overflows", FieldKind::Int),
    ("host.connections", "syncookies", FieldKind::Int),
    ("host.connections", "conntrack", FieldKind::Int),
    ("host.connections", "conntrack_max", FieldKind::Int),
    ("host.connections", "conntrack_share", FieldKind::Float),
    ("host.prefix", "ip", FieldKind::Address),
    ("host.prefix", "prefix", FieldKind::Text),
    ("host.prefix", "connections", FieldKind::Int),
    ("host.process", "process", FieldKind::Text),
    ("host.process", "running", FieldKind::Bool),
    ("host.process", "count", FieldKind::Int),
    ("host.unit", "unit", FieldKind::Text),
    ("host.unit", "state", FieldKind::Text),
    ("host.unit", "substate", FieldKind::Text),
    ("host.unit", "ok", FieldKind::Bool),
    ("host.file", "file", FieldKind::Text),
    ("host.file", "change", FieldKind::Text),
    ("host.file", "mode", FieldKind::Text),
    ("host.file", "owner", FieldKind::Int),
    ("host.file", "first", FieldKind::Bool),
];

/// The kinds that such a source gives.
pub fn schema() -> Schema {
    let mut schema = Schema::default();
    for (kind, field, holds) in FIELDS {
        // The names are ours, and right.
        schema.declare(kind, field, holds).ok();
    }
    schema
}

/// The source's program.
pub fn program(source: &str, config: HostConfig, every: Duration) -> Box<dyn Program> {
    let mut host = Host { config, root: PathBuf::from("/proc"), counters: None, files: None };
    let take = move || host.look();
    Box::new(Regular::new(vec![Look {
        name: format!("host {source}"),
        every,
        take: Box::new(take),
    }]))
}

struct Host {
    config: HostConfig,
    /// Where the kernel's files are.
    root: PathBuf,
    /// Overflows of listen queues and SYN cookies sent, at the last look.
    counters: Option<(u64, u64)>,
    /// The files at the last look.
    files: Option<BTreeMap<PathBuf, Option<Found>>>,
}

/// The fields of an event.
type Fields = Vec<(Arc<str>, Value)>;

fn event(kind: &str, fields: Fields) -> Brought {
    Brought { kind: Kind::Custom(kind.into()), time: Some(clock::now()), fields }
}

fn int(name: &str, value: u64) -> (Arc<str>, Value) {
    (name.into(), Value::Int(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn share(name: &str, part: u64, whole: u64) -> (Arc<str>, Value) {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    // Four digits: what is told of a disk need not change with each byte.
    (name.into(), Value::Float((share * 10_000.0).round() / 10_000.0))
}

fn text(name: &str, value: &str) -> (Arc<str>, Value) {
    (name.into(), Value::text(value))
}

impl Host {
    fn look(&mut self) -> Vec<Brought> {
        let mut found = Vec::new();
        found.extend(self.load());
        found.extend(self.memory());
        found.extend(self.config.disks.iter().filter_map(|path| disk(path)));
        self.connections(&mut found);
        self.processes(&mut found);
        self.units(&mut found);
        self.files(&mut found);
        found
    }

    /// A file of the kernel's, which says no more than some pages.
    fn read(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        let file = File::open(self.root.join(path)).ok()?;
        file.take(limits::HOST_PROC_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn load(&self) -> Option<Brought> {
        let [one, five, fifteen] = proc::load(&self.read("loadavg")?)?;
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Some(event(
            "host.load",
            vec![
                ("load1".into(), Value::Float(one)),
                ("load5".into(), Value::Float(five)),
                ("load15".into(), Value::Float(fifteen)),
                int("cpus", cpus as u64),
                ("per_cpu".into(), Value::Float(one / cpus as f64)),
            ],
        ))
    }

    fn memory(&self) -> Option<Brought> {
        let memory = proc::memory(&self.read("meminfo")?)?;
        let used = memory.total.saturating_sub(memory.available);
        let swapped = memory.swap_total.saturating_sub(memory.swap_free);
        Some(event(
            "host.memory",
            vec![
                int("total", memory.total),
                int("available", memory.available),
                share("used_share", used, memory.total),
                share("swap_used_share", swapped, memory.swap_total),
            ],
        ))
    }

    fn connections(&mut self, found: &mut Vec<Brought>) {
        let mut connections = Connections::default();
        for path in ["net/tcp", "net/tcp6"] {
            let Ok(file) = File::open(self.root.join(path)) else { continue };
            // A line each; a busy machine has a hundred thousand, so none is kept.
            let lines = BufReader::new(file).lines().map_while(Result::ok);
            lines.skip(1).for_each(|line| connections.add(&line));
        }
        let netstat = self.read("net/netstat").unwrap_or_default();
        let counter = |name: &str| proc::counter(&netstat, "TcpExt:", name).unwrap_or(0);
        let now = (counter("ListenOverflows"), counter("SyncookiesSent"));
        // The counters go on from the machine's start: what is new since the last look counts.
        let (overflows, cookies) = self.counters.replace(now).map_or((0, 0), |before| {
            (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1))
        });
        let mut fields = vec![
            int("established", connections.established),
            int("syn_recv", connections.syn_recv),
            int("time_wait", connections.time_wait),
            int("overflows", overflows),
            int("syncookies", cookies),
        ];
        let number = |name: &str| -> Option<u64> {
            self.read(&format!("sys/net/netfilter/{name}"))?.trim().parse().ok()
        };
        if let (Some(count), Some(most)) =
            (number("nf_conntrack_count"), number("nf_conntrack_max"))
        {
            fields.extend([
                int("conntrack", count),
                int("conntrack_max", most),
                share("conntrack_share", count, most),
            ]);
        }
        found.push(event("host.connections", fields));
        let least = self.config.prefix_connections;
        for (network, count) in connections.busiest(least, limits::HOST_PREFIXES_MAX) {
            found.push(event(
                "host.prefix",
                vec![
                    ("ip".into(), Value::ip(network.addr())),
                    text("prefix", &net::display_net(&network)),
                    int("connections", count),
                ],
            ));
        }
    }

    fn processes(&self, found: &mut Vec<Brought>) {
        if self.config.processes.is_empty() {
            return;
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        for entry in entries {
            let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
            let stat = is_process.then(|| fs::read(entry.path().join("stat"))).and_then(Result::ok);
            let stat = stat.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            // A zombie is none any more.
            let lives = |stat: &&String| {
                !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z"))
            };
            if let Some(name) = stat.as_ref().filter(lives).and_then(|stat| proc::name(stat)) {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
        for process in &self.config.processes {
            // The kernel keeps fifteen bytes of a name.
            let short: String = process.chars().take(15).collect();
            let count = counts.get(&short).copied().unwrap_or(0);
            found.push(event(
                "host.process",
                vec![
                    text("process", process),
                    ("running".into(), Value::Bool(count > 0)),
                    int("count", count),
                ],
            ));
        }
    }

    fn units(&self, found: &mut Vec<Brought>) {
        if self.config.units.is_empty() {
            return;
        }
        let words = ["systemctl", "show", "--property=Id,ActiveState,SubState,LoadState", "--"];
        let argv = words.into_iter().map(str::to_owned).chain(self.config.units.iter().cloned());
        let Ok(finished) = process::run(&Command::new(argv)) else { return };
        if finished.success() {
            found.extend(units(&String::from_utf8_lossy(&finished.stdout)));
        }
    }

    fn files(&mut self, found: &mut Vec<Brought>) {
        if self.config.files.is_empty() {
            return;
        }
        let before = self.files.take();
        let mut now = BTreeMap::new();
        let unique: BTreeSet<&PathBuf> = self.config.files.iter().collect();
        for path in unique {
            let known =
                before.as_ref().and_then(|before| before.get(path)).and_then(Option::as_ref);
            let looked = files::look(path, known);
            // How things are at the start is no change.
            let change = before.as_ref().and_then(|_| files::change(known, looked.as_ref()));
            if let Some(change) = change {
                found.push(event(
                    "host.file",
                    vec![
                        text("file", &path.to_string_lossy()),
                        text("change", change.what),
                        text("mode", &format!("{:04o}", change.mode)),
                        int("owner", u64::from(change.owner)),
                        ("first".into(), Value::Bool(known.is_none())),
                    ],
                ));
            }
            now.insert(path.clone(), looked);
        }
        self.files = Some(now);
    }
}

fn disk(path: &Path) -> Option<Brought> {
    let facts = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(facts.f_frsize);
    // What is kept for root counts as used: nobody else can have it.
    let used = facts.f_blocks.saturating_sub(facts.f_bavail);
    let inodes = facts.f_files.saturating_sub(facts.f_ffree);
    Some(event(
        "host.disk",
        vec![
            text("mount", &path.to_string_lossy()),
            int("total", bytes(facts.f_blocks)),
            int("available", bytes(facts.f_bavail)),
            share("used_share", used, facts.f_blocks),
            share("inodes_used_share", inodes, facts.f_files),
        ],
    ))
}

/// What `systemctl show` says: a block of lines a unit.
fn units(said: &str) -> Vec<Brought> {
    said.split("\n\n")
        .filter_map(|block| {
            let value = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            };
            let (unit, state) = (value("Id")?, value("ActiveState")?);
            let ok = matches!(state, "active" | "reloading" | "activating");
            Some(event(
                "host.unit",
                vec![
                    text("unit", unit),
                    text("state", state),
                    text("substate", value("SubState").unwrap_or_default()),
                    ("ok".into(), Value::Bool(ok && value("LoadState") != Some("not-found"))),
                ],
            ))
        })
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
