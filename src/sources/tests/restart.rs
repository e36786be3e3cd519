//! A stop and a later start: every kept line once, wherever its file has gone.

use super::collector::{Collector, config, gzip, lines_of, numbered, numbers, start, write, zstd};
use crate::sources::{FilesConfig, Rereader, Start, reread};
use std::fs;
use std::path::{Path, PathBuf};

/// Reads `0..20` of a log, stops, lets `meanwhile` happen, starts again, and gives the numbers
/// that were read the second time, after `count` of them.
fn across(with_marks: bool, count: usize, meanwhile: impl Fn(&Path)) -> Vec<u32> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let state = tempfile::tempdir().unwrap();
    let config =
        FilesConfig { state_dir: with_marks.then(|| state.path().to_owned()), ..config(&[&log]) };
    write(&log, numbered(0..20));
    let sink = Collector::new();
    let mut handle = start(config.clone(), vec![], &sink);
    sink.wait_lines(20);
    assert!(handle.stop());
    let cursors = sink.cursors();
    meanwhile(&log);
    let again = Collector::new();
    let mut handle = start(config.clone(), cursors, &again);
    let lines = again.wait_lines(count);
    assert!(handle.stop());
    assert_eq!(again.alarms(), Vec::<String>::new());
    reread_all(&config, &sink, &again);
    numbers(&lines)
}

/// Every batch can be read again, and is the same.
fn reread_all(config: &FilesConfig, sink: &Collector, again: &Collector) {
    let mut rereader = Rereader::new(config.paths.clone(), vec![], config.state_dir.clone());
    for batch in sink.batches().iter().chain(&again.batches()) {
        let same = rereader.reread(&batch.origin, batch.from, batch.to).unwrap();
        assert_eq!(lines_of(std::slice::from_ref(&same)), lines_of(std::slice::from_ref(batch)));
        let offsets = |batch: &crate::event::Batch| -> Vec<u64> {
            batch.records.iter().map(|record| record.offset).collect()
        };
        assert_eq!(offsets(&same), offsets(batch));
        assert_eq!((same.from, same.to), (batch.from, batch.to));
    }
}

fn beside(log: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", log.display()))
}

#[test]
fn the_same_file_is_read_on() {
    let read = across(false, 3, |log| write(log, numbered(20..23)));
    assert_eq!(read, [20, 21, 22]);
}

#[test]
fn a_renamed_file_is_finished_first() {
    let read = across(false, 5, |log| {
        write(log, numbered(20..23));
        fs::rename(log, beside(log, ".1")).unwrap();
        write(log, numbered(30..32));
    });
    assert_eq!(read, [20, 21, 22, 30, 31]);
}

#[test]
fn compressed_and_dated_files_are_found() {
    for (dated, pack) in [(false, gzip as fn(&Path)), (true, gzip), (false, zstd), (true, zstd)] {
        let read = across(true, 9, |log| {
            let name = |n: u32| {
                let ending = if dated { format!("-2026112{}", 5 - n) } else { format!(".{n}") };
                beside(log, &ending)
            };
            write(log, numbered(20..23));
            fs::rename(log, name(3)).unwrap();
            pack(&name(3));
            write(log, numbered(30..32));
            fs::rename(log, name(2)).unwrap();
            pack(&name(2));
            write(log, numbered(40..42));
            fs::rename(log, name(1)).unwrap();
            write(log, numbered(50..52));
        });
        assert_eq!(read, [20, 21, 22, 30, 31, 40, 41, 50, 51], "dated {dated}");
    }
}

#[test]
fn a_copied_and_truncated_file_is_finished_in_the_copy() {
    for pack in [None, Some(gzip as fn(&Path)), Some(zstd)] {
        let read = across(true, 4, |log| {
            write(log, numbered(20..22));
            fs::copy(log, beside(log, ".1")).unwrap();
            if let Some(pack) = pack {
                pack(&beside(log, ".1"));
            }
            fs::write(log, numbered(70..72)).unwrap();
        });
        assert_eq!(read, [20, 21, 70, 71], "compressed {}", pack.is_some());
    }
}

/// Lines that came between copying and truncating were read, but the copy ends before them. It was
/// read once more, from its beginning, when it was short by less than the bytes kept of a stream.
#[test]
fn a_copy_that_ends_before_what_was_read_is_not_read_again() {
    for kept in [0..150, 0..199] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("access.log");
        write(&log, numbered(0..200));
        let sink = Collector::new();
        let mut handle = start(config(&[&log]), vec![], &sink);
        sink.wait_lines(200);
        assert!(handle.stop());
        write(&beside(&log, ".1"), numbered(kept));
        fs::write(&log, numbered(300..302)).unwrap();
        let again = Collector::new();
        let mut handle = start(config(&[&log]), sink.cursors(), &again);
        again.wait_lines(2);
        write(&log, numbered(302..303));
        assert_eq!(numbers(&again.wait_lines(3)), [300, 301, 302]);
        assert!(handle.stop());
        assert_eq!(again.alarms(), Vec::<String>::new());
    }
}

#[test]
fn files_whose_first_lines_are_the_same_are_told_apart() {
    for with_marks in [false, true] {
        let read = across(with_marks, 34, |log| {
            write(log, numbered(20..22));
            fs::rename(log, beside(log, ".1")).unwrap();
            // The new file begins with the very same bytes, and is longer than what was read.
            write(log, numbered(0..19));
            write(log, numbered(500..513));
        });
        let expected: Vec<u32> = (20..22).chain(0..19).chain(500..513).collect();
        assert_eq!(read, expected, "with marks {with_marks}");
    }
}

#[test]
fn a_copy_whose_log_begins_with_the_same_bytes_is_told_apart_by_marks() {
    let read = across(true, 34, |log| {
        write(log, numbered(20..22));
        fs::copy(log, beside(log, ".1")).unwrap();
        gzip(&beside(log, ".1"));
        fs::write(log, numbered(0..10)).unwrap();
        write(log, numbered(500..522));
    });
    let expected: Vec<u32> = (20..22).chain(0..10).chain(500..522).collect();
    assert_eq!(read, expected);
}

#[test]
fn a_lost_file_is_told_of_and_later_ones_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, numbered(0..20));
    let sink = Collector::new();
    let mut handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(20);
    handle.stop();
    fs::remove_file(&log).unwrap();
    write(&log, numbered(100..102));
    fs::rename(&log, beside(&log, ".1")).unwrap();
    write(&log, numbered(200..202));
    let again = Collector::new();
    let _handle = start(config(&[&log]), sink.cursors(), &again);
    assert_eq!(numbers(&again.wait_lines(4)), [100, 101, 200, 201]);
    again.wait_alarm("is gone");
}

#[test]
fn what_came_while_nothing_had_been_read_is_not_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    let config = FilesConfig {
        from: Start::End,
        state_dir: Some(state.path().to_owned()),
        ..config(&[&dir.path().join("*.log")])
    };
    write(&log, "");
    let sink = Collector::new();
    let mut handle = start(config.clone(), vec![], &sink);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(handle.stop());
    write(&log, numbered(0..2));
    write(&dir.path().join("new.log"), numbered(5..6));
    let again = Collector::new();
    let _handle = start(config, sink.cursors(), &again);
    let mut read = numbers(&again.wait_lines(3));
    read.sort_unstable();
    assert_eq!(read, [0, 1, 5]);
}

#[test]
fn ranges_with_long_lines_are_the_same_again() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    let mut text = vec![0_u8; 400_000];
    text.extend(b"after nuls\n");
    text.extend(vec![b'y'; 700_000]);
    text.extend(b"\r\nshort\n\n");
    write(&log, &text);
    let sink = Collector::new();
    let mut handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(4);
    handle.stop();
    reread_all(&config(&[&log]), &sink, &Collector::new());
    let (origin, to) = sink.cursors().remove(0);
    let whole = reread(&origin, 0, to, &[log.display().to_string()]).unwrap();
    assert_eq!(lines_of(&[whole]), sink.lines());
    assert!(reread(&origin, 0, to + 1, &[log.display().to_string()]).is_err());
}

/// Every range waited for a rotation to end, so a start with hundreds of lost ones took a minute.
#[test]
fn ranges_that_are_gone_are_waited_for_once() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access.log");
    write(&log, numbered(0..200));
    let sink = Collector::new();
    let mut handle = start(config(&[&log]), vec![], &sink);
    sink.wait_lines(200);
    assert!(handle.stop());
    let origin = sink.cursors()[0].0.clone();
    fs::remove_file(&log).unwrap();
    let mut rereader = Rereader::new(vec![log.display().to_string()], vec![], None);
    let begun = std::time::Instant::now();
    for number in 0..100 {
        rereader.reread(&origin, number * 30, (number + 1) * 30).unwrap_err();
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(4), "{:?}", begun.elapsed());
}
