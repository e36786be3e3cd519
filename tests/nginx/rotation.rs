//! Rotation by the real logrotate while a real nginx writes: no line that logrotate kept is lost,
//! none is counted twice.

use crate::support::web::{Nginx, Traffic, command, free_port, installed, kept_lines};
use crate::support::{Daemon, Place};
use riposte::store::{Entry, EntryKind, JournalQuery};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

/// `seen` tells of each request once; `twice` fires if a line is read again, be it before or after
/// a restart.
const RULES: &str = r#"
rule("seen").on("http").when(|e| e.path.starts_with("/n/")).by("path").then(|hit| ());
rule("twice").on("http").by("path").count(2, "1h").then(|hit| ());
"#;

const LOG: &str =
    "[log]\nlevel = \"info,riposte::pipeline::engine::act=warn,riposte::sources=debug\"\n";

/// nginx, a log that logrotate rotates, riposte.
struct Site {
    place: Place,
    port: u16,
    _nginx: Nginx,
    _root: tempfile::TempDir,
}

/// What a way to rotate promises.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    /// Every line that nginx wrote.
    All,
    /// `copytruncate` loses what comes between the two, and `compress` without `delaycompress`
    /// what nginx still writes to the file that is being compressed.
    NotAll,
}

impl Site {
    /// `None`, told by name, where a program is missing.
    fn new(test: &str, directives: &str) -> Option<Self> {
        if !installed(test, &["nginx", "logrotate", "gzip"]) {
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        let place = Place::new(root.path(), "site", RULES, LOG);
        let (dir, port) = (place.dir.clone(), free_port());
        let http = format!(
            "server {{\n listen 127.0.0.1:{port};\n access_log {}/access.log combined;\n location / {{ return 200 \"ok\\n\"; }}\n}}",
            dir.display()
        );
        // While `hold` is there, scripts of the rotation wait.
        let wait =
            format!("touch {0}/waits; while [ -e {0}/hold ]; do sleep 0.01; done", dir.display());
        let slow_gzip = dir.join("slow-gzip");
        fs::write(&slow_gzip, format!("#!/bin/sh\n{wait}\nexec gzip \"$@\"\n")).unwrap();
        rustix::fs::chmod(&slow_gzip, rustix::fs::Mode::from_raw_mode(0o755)).unwrap();
        let directives = directives
            .replace(
                "USR1",
                &format!(
                    "create 0644\npostrotate\n{wait}\nkill -USR1 $(cat {}/nginx.pid)\nendscript",
                    dir.display()
                ),
            )
            .replace("SLOW", &format!("compresscmd {}", slow_gzip.display()));
        let rotate =
            format!("{}/access.log {{\nrotate 99\nsize 1\n{directives}\n}}\n", dir.display());
        fs::write(dir.join("rotate.conf"), rotate).unwrap();
        let nginx = Nginx::start(&dir, &http, port);
        Some(Self { place, port, _nginx: nginx, _root: root })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.dir.join(name)
    }

    fn begin_rotation(&self) -> Child {
        let mut logrotate = command("logrotate");
        logrotate.arg("--force").arg("--state").arg(self.path("rotate.state"));
        logrotate.arg(self.path("rotate.conf")).spawn().unwrap()
    }

    fn rotate(&self) {
        assert!(self.begin_rotation().wait().unwrap().success(), "logrotate");
    }

    /// Begins a rotation that stops in its middle, until `go_on`.
    fn rotate_half(&self) -> Child {
        fs::remove_file(self.path("waits")).ok();
        fs::write(self.path("hold"), "").unwrap();
        let rotation = self.begin_rotation();
        let waits = self.path("waits");
        self.place.wait(Duration::from_secs(10), "the rotation is under way", || waits.exists());
        rotation
    }

    fn go_on(&self, mut rotation: Child) {
        fs::remove_file(self.path("hold")).unwrap();
        assert!(rotation.wait().unwrap().success(), "logrotate");
    }

    /// The numbers of a rule's hits; a rule fires for one number once at most.
    fn hits(&self, rule: &str) -> BTreeSet<u64> {
        let query = JournalQuery {
            kinds: vec![EntryKind::Hit],
            rule: Some(rule.to_owned()),
            limit: 1_000_000,
            ..JournalQuery::default()
        };
        let rows = self.place.store().journal(&query).unwrap();
        let numbers = rows.iter().filter_map(|row| match &row.entry {
            Entry::Hit { hit, .. } => hit.key.strip_prefix("/n/")?.parse().ok(),
            _ => None,
        });
        numbers.collect()
    }

    /// The numbers of the requests whose lines logrotate kept.
    fn kept(&self) -> BTreeSet<u64> {
        let lines = kept_lines(&self.place.dir, "access.log");
        let number = |line: &String| line.split("/n/").nth(1)?.split(' ').next()?.parse().ok();
        let numbers: Vec<u64> = lines.iter().filter_map(number).collect();
        let kept: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(kept.len(), numbers.len(), "nginx and logrotate wrote each line once");
        kept
    }

    /// Waits until all that was kept is seen, and compares.
    fn compare(&self, sent: u64, keeps: Keeps) -> BTreeSet<u64> {
        let kept = self.kept();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut seen = self.hits("seen");
        while !seen.is_superset(&kept) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            seen = self.hits("seen");
        }
        let lost: Vec<_> = kept.difference(&seen).collect();
        assert!(lost.is_empty(), "{} lines lost: {lost:?}\n{}", lost.len(), self.place.log());
        assert!(seen.iter().all(|number| *number < sent), "nothing was invented");
        let twice = self.hits("twice");
        assert!(twice.is_empty(), "{} counted twice: {twice:?}\n{}", twice.len(), self.place.log());
        if keeps == Keeps::All {
            assert_eq!(kept.len() as u64, sent, "nginx and logrotate lost nothing");
        }
        seen
    }
}

/// Rotates again and again during traffic; then starts riposte anew, which must read nothing again.
fn rotate_under_traffic(test: &str, directives: &str, keeps: Keeps) {
    let Some(site) = Site::new(test, directives) else { return };
    let daemon = site.place.start_and_wait();
    let traffic = Traffic::start(site.port, 0);
    for _ in 0..6 {
        traffic.more(300);
        site.rotate();
    }
    traffic.more(300);
    let sent = traffic.finish();
    let seen = site.compare(sent, keeps);
    let records = site.place.records("web");
    assert_eq!(records, seen.len() as u64, "records are lines, each once\n{}", site.place.log());
    let told: serde_json::Value =
        serde_json::from_str(&site.place.ask(&["status", "--json"])).unwrap();
    assert_eq!(told["sources"][0]["records"], records, "{told}");
    daemon.terminate();

    let daemon = site.place.start_and_wait();
    let traffic = Traffic::start(site.port, sent);
    traffic.more(100);
    site.rotate();
    traffic.more(100);
    let sent_later = traffic.finish();
    let seen_later = site.compare(sent_later, keeps);
    let new = (seen_later.len() - seen.len()) as u64;
    assert_eq!(site.place.records("web"), new, "a start reads nothing again\n{}", site.place.log());
    daemon.terminate();
}

#[test]
fn serial_rename_and_usr1() {
    rotate_under_traffic("serial_rename_and_usr1", "USR1", Keeps::All);
}

#[test]
fn serial_rename_and_compress() {
    rotate_under_traffic("serial_rename_and_compress", "USR1\ncompress", Keeps::NotAll);
}

#[test]
fn serial_rename_and_compress_later() {
    let directives = "USR1\ncompress\ndelaycompress";
    rotate_under_traffic("serial_rename_and_compress_later", directives, Keeps::All);
}

#[test]
fn serial_copytruncate() {
    rotate_under_traffic("serial_copytruncate", "copytruncate", Keeps::NotAll);
}

#[test]
fn serial_copytruncate_and_compress() {
    let directives = "copytruncate\ncompress";
    rotate_under_traffic("serial_copytruncate_and_compress", directives, Keeps::NotAll);
}

#[test]
fn serial_copytruncate_and_compress_later() {
    let directives = "copytruncate\ncompress\ndelaycompress";
    rotate_under_traffic("serial_copytruncate_and_compress_later", directives, Keeps::NotAll);
}

/// Killed where the rotation waits, started again before or after it goes on.
fn kill_in_the_middle(test: &str, directives: &str, keeps: Keeps, seed: u64, kills: usize) {
    let Some(site) = Site::new(test, directives) else { return };
    let mut daemon: Daemon = site.place.start_and_wait();
    let traffic = Traffic::start(site.port, 0);
    // Something to compress later.
    traffic.more(100);
    site.rotate();
    for restart_first in [true, false, true, false] {
        traffic.more(200);
        let rotation = site.rotate_half();
        traffic.more(30);
        daemon.kill();
        traffic.more(30);
        if restart_first {
            daemon = site.place.start_and_wait();
            traffic.more(30);
            site.go_on(rotation);
        } else {
            site.go_on(rotation);
            traffic.more(30);
            daemon = site.place.start_and_wait();
        }
    }
    // At no chosen moment.
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..kills {
        traffic.more(100);
        let mut rotation = site.begin_rotation();
        std::thread::sleep(Duration::from_micros(random.u64(0..30_000)));
        daemon.kill();
        daemon = site.place.start();
        assert!(rotation.wait().unwrap().success(), "logrotate");
    }
    traffic.more(100);
    site.compare(traffic.finish(), keeps);
    daemon.terminate();
}

#[test]
fn serial_killed_between_rename_and_usr1() {
    let test = "serial_killed_between_rename_and_usr1";
    kill_in_the_middle(test, "USR1\ncompress\ndelaycompress", Keeps::All, 11, 6);
}

#[test]
fn serial_killed_while_a_copy_is_compressed() {
    let test = "serial_killed_while_a_copy_is_compressed";
    kill_in_the_middle(test, "copytruncate\ncompress\nSLOW", Keeps::NotAll, 11, 6);
}

/// Many seeds and every way to rotate; minutes. `cargo test --test nginx -- --ignored`
#[test]
#[ignore = "slow: two hundred kills"]
fn serial_killed_at_many_moments() {
    let test = "serial_killed_at_many_moments";
    let ways = [
        ("USR1", Keeps::All),
        ("USR1\ncompress\nSLOW", Keeps::NotAll),
        ("USR1\ncompress\ndelaycompress", Keeps::All),
        ("copytruncate\ncompress\nSLOW", Keeps::NotAll),
        ("copytruncate\ncompress\nSLOW\ndelaycompress", Keeps::NotAll),
    ];
    for seed in 100..104 {
        for (directives, keeps) in ways {
            eprintln!("seed {seed}, {directives:?}");
            kill_in_the_middle(test, directives, keeps, seed, 12);
        }
    }
}
