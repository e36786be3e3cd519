//! Rotation by the real logrotate, with a writer that works as nginx does.

use super::collector::{Collector, config, numbered, numbers, start, write};
use crate::event::Origin;
use crate::sources::FilesConfig;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Site {
    dir: tempfile::TempDir,
    log: PathBuf,
    conf: PathBuf,
}

fn site(test: &str, directives: &str) -> Option<Site> {
    if Command::new("logrotate").arg("--version").output().is_err() {
        eprintln!("SKIPPED {test}: logrotate is not installed");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let logs = dir.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let log = logs.join("access.log");
    let conf = dir.path().join("rotate.conf");
    std::fs::write(&conf, format!("{} {{\n rotate 9\n size 1\n{directives}\n}}\n", log.display()))
        .unwrap();
    Some(Site { dir, log, conf })
}

fn rotate(site: &Site) {
    let output = Command::new("logrotate")
        .args(["--force", "--state"])
        .arg(site.dir.path().join("state"))
        .arg(&site.conf)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn settings(site: &Site) -> FilesConfig {
    FilesConfig { state_dir: Some(site.dir.path().to_owned()), ..config(&[site.log.as_path()]) }
}

/// Writes, rotates and reads; then the same while nobody reads, and catches up.
fn live_and_late(test: &str, directives: &str, dated: bool) {
    let Some(site) = site(test, directives) else {
        return;
    };
    write(&site.log, numbered(0..50));
    let sink = Collector::new();
    let mut handle = start(settings(&site), vec![], &sink);
    sink.wait_lines(50);
    let mut next = 50;
    for _ in 0..3 {
        write(&site.log, numbered(next..next + 7));
        if dated {
            // A date can be taken once: logrotate refuses the second.
            remove_dates_clash(&site.log);
        }
        rotate(&site);
        write(&site.log, numbered(next + 7..next + 10));
        next += 10;
        sink.wait_lines(next as usize);
    }
    assert!(handle.stop());
    assert_eq!(numbers(&sink.lines()), (0..next).collect::<Vec<_>>());
    let cursors: Vec<(Origin, u64)> = sink.cursors();
    let first = next;
    for _ in 0..3 {
        write(&site.log, numbered(next..next + 5));
        if dated {
            remove_dates_clash(&site.log);
        }
        rotate(&site);
        write(&site.log, numbered(next + 5..next + 9));
        next += 9;
    }
    let again = Collector::new();
    let _handle = start(settings(&site), cursors, &again);
    let read = numbers(&again.wait_lines((next - first) as usize));
    assert_eq!(read, (first..next).collect::<Vec<_>>());
    assert_eq!((sink.alarms(), again.alarms()), (vec![], vec![]));
}

/// Makes today's dated file yesterday's, and that one the day before's.
fn remove_dates_clash(log: &Path) {
    let folder = log.parent().unwrap();
    let mut dated: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("access.log-"))
        .collect();
    dated.sort();
    for path in dated {
        let name = path.to_str().unwrap();
        let ending = [".gz", ".zst"].into_iter().find(|ending| name.ends_with(ending));
        let ending = ending.unwrap_or_default();
        let stem = name.strip_suffix(ending).unwrap();
        let (start, digits) = stem.rsplit_once('-').unwrap();
        let earlier = digits.parse::<u64>().unwrap() - 1;
        std::fs::rename(&path, format!("{start}-{earlier}{ending}")).unwrap();
    }
}

#[test]
fn create() {
    live_and_late("create", "create 0644", false);
}

#[test]
fn copytruncate() {
    live_and_late("copytruncate", "copytruncate", false);
}

#[test]
fn copytruncate_and_compress_at_once() {
    live_and_late("copytruncate_and_compress_at_once", "copytruncate\ncompress", false);
}

#[test]
fn compress_at_once() {
    live_and_late("compress_at_once", "create 0644\ncompress", false);
}

#[test]
fn compress_later() {
    live_and_late("compress_later", "create 0644\ncompress\ndelaycompress", false);
}

#[test]
fn dated() {
    live_and_late("dated", "create 0644\ndateext", true);
}

#[test]
fn dated_and_compressed() {
    live_and_late("dated_and_compressed", "create 0644\ndateext\ncompress\ndelaycompress", true);
}

#[test]
fn compressed_with_zstd() {
    let test = "compressed_with_zstd";
    if Command::new("zstd").arg("--version").output().is_err() {
        eprintln!("SKIPPED {test}: zstd is not installed");
        return;
    }
    let zstd = "compress\ncompresscmd zstd\nuncompresscmd unzstd\ncompressext .zst";
    live_and_late(test, &format!("create 0644\ndelaycompress\n{zstd}"), false);
    live_and_late(test, &format!("copytruncate\n{zstd}"), false);
    live_and_late(test, &format!("create 0644\ndateext\n{zstd}"), true);
}
