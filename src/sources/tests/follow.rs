//! Following live files: lines, rotation, truncation, links, patterns.

use super::collector::{Collector, config, numbered, numbers, start, write};
use crate::limits;
use crate::sources::{FilesConfig, Start};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

#[test]
fn only_what_is_written_after_a_first_start_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, "old one\nold two\nhalf");
    let sink = Collector::new();
    let mut handle = start(FilesConfig { from: Start::End, ..config(&[&log]) }, vec![], &sink);
    sink.wait_batches(1);
    let announced = sink.batches();
    assert!(announced[0].records.is_empty());
    assert_eq!((announced[0].from, announced[0].to), (16, 16));
    write(&log, " a line\nnew");
    assert_eq!(sink.wait_lines(1), ["half a line"]);
    write(&log, b" one\r\nlast\n");
    let lines = sink.wait_lines(3);
    assert_eq!(lines, ["half a line", "new one", "last"]);
    assert!(handle.stop());
    sink.cursors();
}

#[test]
fn bytes_that_are_not_text_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    write(&log, b"\xff\xfe\x80\n");
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_batches(1);
    assert_eq!(&sink.batches()[0].record(0).unwrap()[..], b"\xff\xfe\x80");
}

#[test]
fn a_file_and_folder_that_come_later_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a/b/access.log");
    let sink = Collector::new();
    let _handle = start(FilesConfig { from: Start::End, ..config(&[&log]) }, vec![], &sink);
    std::thread::sleep(Duration::from_millis(50));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    write(&log, numbered(0..3));
    assert_eq!(numbers(&sink.wait_lines(3)), [0, 1, 2]);
}

#[test]
fn a_renamed_file_is_read_while_its_writer_still_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, numbered(0..2));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(2);
    let old = dir.path().join("access.log.1");
    fs::rename(&log, &old).unwrap();
    write(&old, numbered(2..4));
    write(&log, numbered(10..11));
    sink.wait_lines(5);
    write(&old, numbered(4..5));
    sink.wait_lines(6);
    // Its last line has no end, and gets none: it counts when the file has been quiet.
    write(&old, "line 000005 cut off");
    write(&log, numbered(11..12));
    assert_eq!(numbers(&sink.wait_lines(8)), [0, 1, 2, 3, 10, 4, 11, 5]);
    assert_eq!(sink.cursors().len(), 2);
    assert_eq!(sink.alarms(), Vec::<String>::new());
}

#[test]
fn whole_incarnations_that_nobody_saw_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let name = |n: u32| dir.path().join(format!("access.log.{n}"));
    write(&log, numbered(0..2));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(2);
    sink.hold(true);
    write(&log, numbered(2..3));
    std::thread::sleep(Duration::from_millis(50));
    for round in 1_u32..4 {
        for n in (1..round).rev() {
            fs::rename(name(n), name(n + 1)).unwrap();
        }
        fs::rename(&log, name(1)).unwrap();
        write(&log, numbered(round * 10..round * 10 + 2));
    }
    sink.hold(false);
    assert_eq!(numbers(&sink.wait_lines(9)), [0, 1, 2, 10, 11, 20, 21, 30, 31]);
}

#[test]
fn what_a_truncated_file_held_is_read_from_its_copy() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let copy = dir.path().join("access.log.1");
    write(&log, numbered(0..2));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(2);
    sink.hold(true);
    write(&log, numbered(2..3));
    std::thread::sleep(Duration::from_millis(50));
    write(&log, numbered(3..5));
    fs::copy(&log, &copy).unwrap();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(0).unwrap();
    // It has grown past the old place before anybody looks.
    write(&log, numbered(100..140));
    sink.hold(false);
    let expected: Vec<u32> = (0..5).chain(100..140).collect();
    assert_eq!(numbers(&sink.wait_lines(45)), expected);
    assert_eq!(sink.alarms(), Vec::<String>::new());
    assert_eq!(sink.cursors().len(), 2);
}

#[test]
fn a_truncation_without_a_copy_is_told_only_when_bytes_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, numbered(0..20));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(20);
    fs::write(&log, numbered(30..32)).unwrap();
    assert_eq!(sink.wait_lines(22).len(), 22);
    assert_eq!(sink.alarms(), Vec::<String>::new());
    write(&log, "unfinished");
    std::thread::sleep(Duration::from_millis(50));
    fs::write(&log, "x\n").unwrap();
    sink.wait_alarm("truncated with 10 bytes unread");
    assert_eq!(sink.wait_lines(23)[22], "x");
}

#[test]
fn recreated_files_and_moved_links_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (one, two) = (elsewhere.path().join("one"), elsewhere.path().join("two"));
    let (log, link) = (dir.path().join("a.log"), dir.path().join("link.log"));
    write(&one, numbered(0..1));
    std::os::unix::fs::symlink(&one, &link).unwrap();
    write(&log, numbered(10..11));
    let sink = Collector::new();
    let _handle = start(config(&[&log, &link]), vec![], &sink);
    sink.wait_lines(2);
    write(&one, numbered(1..2));
    sink.wait_lines(3);
    write(&two, numbered(2..3));
    let fresh = dir.path().join("fresh");
    std::os::unix::fs::symlink(&two, &fresh).unwrap();
    fs::rename(&fresh, &link).unwrap();
    sink.wait_lines(4);
    write(&two, numbered(3..4));
    sink.wait_lines(5);
    fs::remove_file(&log).unwrap();
    write(&log, numbered(11..12));
    assert_eq!(numbers(&sink.wait_lines(6)), [10, 0, 1, 2, 3, 11]);
}

#[test]
fn long_lines_are_cut_and_holes_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    write(&log, "first\n");
    let sink = Collector::new();
    let mut handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(1);
    let part = vec![b'x'; 300_000];
    for _ in 0..5 {
        write(&log, &part);
        std::thread::sleep(Duration::from_millis(5));
    }
    write(&log, "\nafter\n");
    let lines = sink.wait_lines(3);
    assert_eq!(lines[1].len(), limits::RECORD_BYTES_MAX);
    assert_eq!(lines[2], "after");
    // A writer without O_APPEND goes on at its old place after a truncation.
    let mut file = fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.set_len(0).unwrap();
    file.seek(SeekFrom::Start(1_500_000_000)).unwrap();
    file.write_all(b"behind the hole\n").unwrap();
    let lines = sink.wait_lines(4);
    assert_eq!(lines[3], "behind the hole");
    file.write_all(b"and on\n").unwrap();
    assert_eq!(sink.wait_lines(5)[4], "and on");
    assert!(handle.stop());
    let batches = sink.batches();
    assert!(
        batches.iter().flat_map(|batch| &batch.records).filter(|record| record.truncated).count()
            == 1
    );
    assert_eq!(
        batches
            .iter()
            .flat_map(|batch| &batch.records)
            .find(|record| record.truncated)
            .unwrap()
            .offset,
        6
    );
    assert_eq!(sink.cursors().len(), 2);
}

#[test]
fn patterns_find_new_logs_and_leave_rotated_ones_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    write(&log, numbered(0..1));
    write(&dir.path().join("a.log.2"), numbered(90..91));
    let sink = Collector::new();
    let pattern = dir.path().join("*.log*");
    let _handle = start(config(&[&pattern]), vec![], &sink);
    sink.wait_lines(1);
    write(&dir.path().join("b.log"), numbered(1..2));
    sink.wait_lines(2);
    fs::copy(&log, dir.path().join("a.log.1")).unwrap();
    fs::copy(&log, dir.path().join("a.log-20261124")).unwrap();
    fs::rename(dir.path().join("b.log"), dir.path().join("b.log.1")).unwrap();
    write(&dir.path().join("b.log"), numbered(2..3));
    sink.wait_lines(3);
    write(&log, numbered(3..4));
    assert_eq!(numbers(&sink.wait_lines(4)), [0, 1, 2, 3]);
}

#[test]
fn patterns_find_logs_in_new_folders() {
    let dir = tempfile::tempdir().unwrap();
    let sink = Collector::new();
    let pattern = dir.path().join("*/access.log");
    let _handle = start(config(&[&pattern]), vec![], &sink);
    std::thread::sleep(Duration::from_millis(50));
    fs::create_dir(dir.path().join("site")).unwrap();
    write(&dir.path().join("site/access.log"), numbered(0..2));
    assert_eq!(numbers(&sink.wait_lines(2)), [0, 1]);
}

#[test]
fn an_edited_file_with_the_same_content_is_not_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    write(&log, numbered(0..50));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(50);
    let fresh = dir.path().join("fresh");
    fs::copy(&log, &fresh).unwrap();
    write(&fresh, numbered(50..51));
    fs::rename(&fresh, &log).unwrap();
    assert_eq!(numbers(&sink.wait_lines(51)), (0..51).collect::<Vec<_>>());
}

#[test]
fn many_lines_come_in_bounded_batches() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    write(&log, numbered(0..200_000));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    assert_eq!(numbers(&sink.wait_lines(200_000)), (0..200_000).collect::<Vec<_>>());
    for batch in sink.batches() {
        assert!(batch.block.len() <= limits::BATCH_BYTES_MAX + limits::STREAM_MARK_BYTES_MAX);
        assert!(batch.records.len() <= limits::BATCH_RECORDS_MAX);
    }
}

#[test]
fn serial_a_line_arrives_without_waiting_for_more() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    write(&log, numbered(0..1));
    let sink = Collector::new();
    let _handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(1);
    let mut written = Vec::new();
    for number in 1..201 {
        std::thread::sleep(Duration::from_millis(3));
        let line = numbered(number..number + 1);
        written.push(Instant::now());
        write(&log, line);
    }
    sink.wait_lines(201);
    let mut delays: Vec<Duration> = sink.arrived()[1..]
        .iter()
        .zip(&written)
        .map(|(came, went)| came.saturating_duration_since(*went))
        .collect();
    delays.sort();
    let median = delays[delays.len() / 2];
    eprintln!("from write to batch: median {median:?}, 95th {:?}", delays[delays.len() * 95 / 100]);
    // What it takes is for `cargo bench --bench latency`; here it must only not wait for a poll.
    assert!(median < Duration::from_millis(50), "median {median:?}");
}
