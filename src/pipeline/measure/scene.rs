//! The logs and rules that are measured on, made from a seed: the same lines on every machine.
//!
//! A log lies in a file that goes with it. Rules come in eight shapes that rules of the shipped
//! pack have, each with literals, window and body of its own; the lines that hit them are written
//! for them.

use crate::clock::Timestamp;
use crate::config::Config;
use crate::pipeline::sample::SampleLogs;
use crate::rules::{RuleFile, RuleSet};
use crate::sources::Replay;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A log and what is done with it.
pub(super) struct Scene<'a> {
    /// In words.
    pub input: String,
    pub log: &'a Log,
    pub config: &'a Config,
    pub rules: &'a Arc<RuleSet>,
    /// The literals of all rules; none where they are too many shapes for another program.
    pub literals: Vec<String>,
}

/// A generated log in a file of its own, which goes when this does.
pub(super) struct Log {
    path: PathBuf,
    lines: u64,
    bytes: u64,
}

/// The first second of every log.
const START: i64 = 1_790_000_000;

/// Lines a second of event time.
const LINES_A_SECOND: u64 = 500;

/// How many lines that hit come from one client.
const HITS_A_CLIENT: u64 = 200;

/// Written at once.
const CHUNK_BYTES: usize = 1024 * 1024;

/// Rules in one file: a file has a bounded number of closures.
const RULES_A_FILE: u32 = 50;

impl Log {
    /// Lines of which `percent` hit one of `rules` generated rules.
    pub(super) fn for_rules(lines: u64, rules: u32, percent: u8) -> anyhow::Result<Self> {
        let clients = (lines * u64::from(percent) / 100 / HITS_A_CLIENT).max(20);
        let mut random = fastrand::Rng::with_seed(42);
        let mut samples = SampleLogs::new(42);
        Self::write(lines, |time, out| {
            if random.u8(..100) < percent {
                let client = random.u64(..clients);
                let rule = u32::try_from(client % u64::from(rules.max(1))).unwrap_or(0);
                hit(rule, client, &mut random, samples.stamp(time), out);
            } else {
                visit(&mut random, samples.stamp(time), out);
            }
        })
    }

    /// Lines of the samples, `percent` of them attacks; `apart` gives each line a path and a user
    /// agent of its own, so that nothing that was found before is of use.
    pub(super) fn of_samples(lines: u64, percent: u8, apart: bool) -> anyhow::Result<Self> {
        let mut samples = SampleLogs::new(42);
        let mut number = 0_u64;
        Self::write(lines, |time, out| {
            let before = out.len();
            samples.line(percent, time, out);
            number += 1;
            if apart && let Some(line) = out.get(before..) {
                let line = line.replacen(" /", &format!(" /{number}/"), 1);
                let line = line.trim_end().trim_end_matches('"').to_owned();
                out.truncate(before);
                // Writing to a String can't fail.
                writeln!(out, "{line} {number}\"").ok();
            }
        })
    }

    fn write(lines: u64, mut line: impl FnMut(Timestamp, &mut String)) -> anyhow::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("riposte-bench-{}-{number}.log", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut file = File::create_new(&path)?;
        // From here on it goes with the log, also when it can't be written.
        let mut log = Self { path, lines, bytes: 0 };
        let mut chunk = String::with_capacity(CHUNK_BYTES + 1024);
        for number in 0..lines {
            let second = Duration::from_secs(number / LINES_A_SECOND);
            line(Timestamp::from_secs(START).plus(second), &mut chunk);
            if chunk.len() >= CHUNK_BYTES || number + 1 == lines {
                file.write_all(chunk.as_bytes())?;
                log.bytes += chunk.len() as u64;
                chunk.clear();
            }
        }
        Ok(log)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many lines are in it.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// How many bytes are in it.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Opened for reading, as a replay does it.
    pub(super) fn open(&self) -> anyhow::Result<Replay> {
        Ok(Replay::open(&self.path.to_string_lossy())?)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "failed to remove a benchmark's log");
        }
    }
}

/// Rules of eight shapes.
pub(super) fn rule_files(count: u32) -> Vec<RuleFile> {
    let mut files: Vec<RuleFile> = Vec::new();
    for number in 0..count {
        if number % RULES_A_FILE == 0 {
            let path = format!("rules/bench-{number}.rhai");
            files.push(RuleFile { path, text: String::new() });
        }
        let (predicate, window) = rule(number);
        if let Some(file) = files.last_mut() {
            // Writing to a String can't fail.
            writeln!(
                file.text,
                "rule(\"bench-{number}\").on(\"http\").when(|e| {predicate}).by(\"ip\"){window}\
                 .then(|hit| block(hit.ip, escalate(\"10m\", \"1d\")));"
            )
            .ok();
        }
    }
    files
}

/// A rule's predicate and window.
fn rule(n: u32) -> (String, &'static str) {
    match n % 8 {
        0 => (
            format!(
                r#"e.status in [403, 404] && e.path.to_lower().contains_any(["/a{n}.php", "/b{n}/"])"#
            ),
            r#".count(10, "5m")"#,
        ),
        1 => (
            format!(
                r#"e.method == "POST" && e.path.ends_with("/login-{n}") && e.status in [200, 401, 403]"#
            ),
            r#".count(20, "10m")"#,
        ),
        2 => (format!(r#"e.user_agent.to_lower().contains("tool{n}/")"#), r#".leaky(30, "1s")"#),
        3 => (
            format!(r#"e.query.url_decode().to_lower().contains("attack{n}=")"#),
            r#".distinct("path", 10, "5m")"#,
        ),
        4 => (
            format!(r#"e.path.starts_with("/area-{n}/") && e.status == 401"#),
            r#".count(100, "10m")"#,
        ),
        5 => (format!(r#"e.path == "/export-{n}.csv""#), r#".sum("bytes", 500_000, "10m")"#),
        6 => (format!(r#"e.referer.contains("spam{n}.example")"#), r#".cooldown("10m")"#),
        _ => (format!(r#"e.path.contains("/api{n}/") && e.status >= 500"#), r#".count(50, "1m")"#),
    }
}

/// What a line must contain to hit a rule, as a search for texts would look for it.
pub(super) fn literals(count: u32) -> Vec<String> {
    let of_rule = |n: u32| match n % 8 {
        0 => vec![format!("/a{n}.php"), format!("/b{n}/")],
        1 => vec![format!("/login-{n} ")],
        2 => vec![format!("tool{n}/")],
        3 => vec![format!("attack{n}=")],
        4 => vec![format!(" /area-{n}/")],
        5 => vec![format!(" /export-{n}.csv ")],
        6 => vec![format!("spam{n}.example")],
        _ => vec![format!("/api{n}/")],
    };
    (0..count).flat_map(of_rule).collect()
}

/// A line that hits rule `n`.
fn hit(n: u32, client: u64, random: &mut fastrand::Rng, stamp: &str, out: &mut String) {
    let [.., b, c] = client.to_be_bytes();
    let page = random.u32(..1_000);
    let (method, path, status) = match n % 8 {
        0 => ("GET", format!("/old/a{n}.php"), 404),
        1 => ("POST", format!("/account/login-{n}"), 401),
        3 => ("GET", format!("/search/{page}?q=1&attack{n}=%27+or+1"), 200),
        4 => ("GET", format!("/area-{n}/page-{page}"), 401),
        5 => ("GET", format!("/export-{n}.csv"), 200),
        7 => ("GET", format!("/v1/api{n}/items/{page}"), 502),
        _ => ("GET", format!("/blog/entry-{page}"), 200),
    };
    let referer = match n % 8 {
        6 => format!("https://spam{n}.example/offers/today"),
        _ => "https://example.com/".to_owned(),
    };
    let agent = match n % 8 {
        2 => format!("Mozilla/5.0 (compatible; tool{n}/2.1; +https://tools.example.net/about)"),
        _ => format!("{BROWSER} Chrome/{}.0.0.0", 100 + client % 40),
    };
    let bytes = random.u32(200..60_000);
    // Writing to a String can't fail.
    writeln!(
        out,
        "203.0.{b}.{c} - - [{stamp}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"{referer}\" \"{agent}\""
    )
    .ok();
}

const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML)";

const SYSTEMS: [&str; 5] = [
    BROWSER,
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605",
];

/// A visitor's line: a third asks for one of a few pages, the others for one of 20,000; two hundred
/// user agents.
fn visit(random: &mut fastrand::Rng, stamp: &str, out: &mut String) {
    let [a, b] = random.u16(..).to_be_bytes();
    let number = random.u32(..20_000);
    let status = if random.u8(..) < 8 { 304 } else { 200 };
    let bytes = random.u32(200..60_000);
    let system = SYSTEMS.get(random.usize(..SYSTEMS.len())).copied().unwrap_or_default();
    let version = random.u8(100..140);
    let path = match random.u8(..9) {
        0 => "/".to_owned(),
        1 => "/assets/app.3f2a91.js".to_owned(),
        2 => "/images/hero-1600.webp".to_owned(),
        3 => format!("/shop/search?q=bread+and+{number}&page=2"),
        4 | 5 => format!("/shop/product/{number}"),
        _ => format!("/blog/rye-bread-{number}/"),
    };
    // Writing to a String can't fail.
    writeln!(
        out,
        "198.51.{a}.{b} - - [{stamp}] \"GET {path} HTTP/1.1\" {status} {bytes} \"https://example.com/\" \"{system} Chrome/{version}.0.0.0\""
    )
    .ok();
}
