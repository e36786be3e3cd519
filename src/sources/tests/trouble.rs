//! What goes wrong is told, counted, and mended.

use super::collector::{Collector, config, numbered, numbers, start, write};
use crate::sources::FilesConfig;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn a_name_that_is_no_file_is_told_of_once_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    fs::create_dir(&log).unwrap();
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_alarm("not a regular file");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(sink.alarms().len(), 1);
    fs::remove_dir(&log).unwrap();
    write(&log, numbered(0..1));
    assert_eq!(numbers(&sink.wait_lines(1)), [0]);
}

#[test]
fn a_file_that_may_not_be_read_is_told_of_and_recovers() {
    use std::os::unix::fs::PermissionsExt as _;
    if rustix::process::geteuid().is_root() {
        eprintln!(
            "SKIPPED a_file_that_may_not_be_read_is_told_of_and_recovers: root may read everything"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, numbered(0..1));
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).unwrap();
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_alarm("ermission denied");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(numbers(&sink.wait_lines(1)), [0]);
}

#[test]
fn a_folder_that_is_replaced_is_watched_anew() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("logs");
    fs::create_dir(&folder).unwrap();
    let log = folder.join("access.log");
    write(&log, numbered(0..1));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(1);
    fs::rename(&folder, dir.path().join("away")).unwrap();
    fs::create_dir(&folder).unwrap();
    write(&log, numbered(1..2));
    sink.wait_lines(2);
    write(&log, numbered(2..3));
    let before = Instant::now();
    assert_eq!(numbers(&sink.wait_lines(3)), [0, 1, 2]);
    assert!(before.elapsed() < Duration::from_millis(500));
    assert!(!sink.alarms().is_empty());
}

#[test]
fn polling_reads_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let sink = Collector::new();
    let poll = Some(Duration::from_millis(20));
    let _handle = start(FilesConfig { poll, ..config(&[&log]) }, vec![], &sink);
    write(&log, numbered(0..2));
    sink.wait_lines(2);
    fs::rename(&log, dir.path().join("access.log.1")).unwrap();
    write(&log, numbered(2..3));
    assert_eq!(numbers(&sink.wait_lines(3)), [0, 1, 2]);
}

#[test]
fn a_busy_engine_is_waited_for_and_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let sink = Collector::new();
    sink.hold(true);
    write(&log, numbered(0..50_000));
    let stall = Duration::from_millis(200);
    let mut handle = start(FilesConfig { stall, ..config(&[&log]) }, vec![], &sink);
    sink.wait_alarm("waited");
    let before = Instant::now();
    assert!(!handle.stop());
    assert!(before.elapsed() < Duration::from_secs(2));
    sink.hold(false);
    assert!(handle.stop());
    let read = sink.lines().len();
    let again = Collector::new();
    let _handle = start(config(&[&log]), sink.cursors(), &again);
    again.wait_lines(50_000 - read);
    let mut all = numbers(&sink.lines());
    all.extend(numbers(&again.lines()));
    assert_eq!(all, (0..50_000).collect::<Vec<_>>());
}

#[test]
fn a_source_that_fails_goes_on_from_its_last_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, numbered(0..2));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(2);
    sink.panic_next(2);
    write(&log, numbered(2..4));
    sink.wait_alarm("failed and is started again");
    write(&log, numbered(4..5));
    assert_eq!(numbers(&sink.wait_lines(5)), [0, 1, 2, 3, 4]);
    sink.cursors();
}

#[test]
fn faults_in_the_config_are_told_all_at_once() {
    let text = "paths = [\"/var/log/[\"]\npoll = \"1ms\"\nstall = \"1ms\"";
    let config: FilesConfig = toml::from_str(text).unwrap();
    assert_eq!(config.faults().len(), 3);
    assert!(toml::from_str::<FilesConfig>("paths = []\npole = 1").is_err());
    let config: FilesConfig = toml::from_str("paths = [\"/a\"]\nfrom = \"beginning\"").unwrap();
    assert_eq!(config.faults(), Vec::<String>::new());
}
