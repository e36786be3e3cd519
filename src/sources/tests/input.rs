//! Standard input through its spool, and whole files in a replay.

use super::collector::{Collector, cursors_of, gzip, lines_of, numbered, numbers, write, zstd};
use crate::limits;
use crate::sources::{Replay, Rereader, Sink, Stdin, StdinConfig};
use std::io::{Read, Write as _};
use std::sync::Arc;

fn start(
    input: impl Read + Send + 'static,
    state: &std::path::Path,
    resume: Vec<(crate::event::Origin, u64)>,
    sink: &Arc<Collector>,
) -> crate::sources::Handle {
    let sink = Arc::clone(sink) as Arc<dyn Sink>;
    Stdin::start_from(input, "in", &StdinConfig::default(), state, resume, sink).unwrap()
}

#[test]
fn stdin_is_read_again_from_its_spool() {
    let state = tempfile::tempdir().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let sink = Collector::new();
    let mut handle = start(reader, state.path(), vec![], &sink);
    writer.write_all(numbered(0..3).as_bytes()).unwrap();
    sink.wait_lines(3);
    writer.write_all(b"line 000003 cut").unwrap();
    drop(writer);
    assert_eq!(numbers(&sink.wait_lines(4)), [0, 1, 2, 3]);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !handle.finished() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(handle.finished());
    handle.stop();
    // As if the engine had committed the first line alone.
    let batches = sink.batches();
    let origin = (*batches[0].origin).clone();
    let first = batches[0].records[1].offset;
    let again = Collector::new();
    let _handle = start(
        std::io::Cursor::new(numbered(4..6)),
        state.path(),
        vec![(origin.clone(), first)],
        &again,
    );
    assert_eq!(numbers(&again.wait_lines(5)), [1, 2, 3, 4, 5]);
    let mut rereader = Rereader::new(vec![], vec![], Some(state.path().to_owned()));
    let same = rereader.reread(&origin, batches[0].from, batches[0].to).unwrap();
    assert_eq!(lines_of(&[same]), lines_of(&batches[..1]));
}

#[test]
fn a_full_spool_makes_stdin_wait_and_released_parts_go() {
    let state = tempfile::tempdir().unwrap();
    let sink = Collector::new();
    let total = 400_000;
    let config = StdinConfig { spool_bytes_max: 6 * 1024 * 1024, ..StdinConfig::default() };
    let handle = Stdin::start_from(
        std::io::Cursor::new(numbered(0..total)),
        "in",
        &config,
        state.path(),
        vec![],
        Arc::clone(&sink) as Arc<dyn Sink>,
    )
    .unwrap();
    sink.wait_lines(150_000);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(sink.lines().len() < 300_000);
    while sink.lines().len() < total as usize {
        for (origin, offset) in handle.cursors() {
            handle.release(&origin, offset);
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(numbers(&sink.lines()), (0..total).collect::<Vec<_>>());
    let spool = state.path().join("spool-in");
    let kept: u64 = std::fs::read_dir(spool)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(kept < 2 * limits::SPOOL_SEGMENT_BYTES_MAX + 200_000, "{kept}");
}

/// Lines of every kind that a replay may meet.
fn odd_log(log: &std::path::Path) {
    write(log, numbered(0..30_000));
    let cut = "z".repeat(600_000);
    write(log, format!("\n{cut}\r\nnot the last\n"));
    write(log, [&[0_u8; 500][..], b"after NULs\n", &b"\n".repeat(40_000), b"the last"].concat());
}

#[test]
fn replay_numbers_lines_in_plain_and_compressed_files_whatever_the_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    odd_log(&log);
    let read = |path: &std::path::Path, block_bytes: usize| {
        let mut replay = Replay::open(path.to_str().unwrap()).unwrap();
        assert!(replay.peek_block().starts_with(b"line 000000 from a client\n"));
        let len = std::fs::metadata(path).unwrap().len();
        assert_eq!(replay.meter().total(), Some(len));
        replay.park();
        assert_eq!(replay.meter().read(), 0);
        replay.set_block_bytes(block_bytes);
        let batches: Vec<_> = replay.by_ref().map(Result::unwrap).collect();
        assert_eq!(replay.meter().read(), len);
        let mut next = 1;
        for batch in &batches {
            assert_eq!(batch.first_line, next);
            next += batch.records.len() as u64;
        }
        cursors_of(&batches);
        lines_of(&batches)
    };
    let lines = read(&log, limits::BATCH_BYTES_MAX);
    assert_eq!(lines.len(), 70_005);
    assert_eq!(lines[30_000], "");
    assert_eq!(lines[30_001].len(), limits::RECORD_BYTES_MAX);
    assert_eq!(lines[30_003], "after NULs");
    assert_eq!(lines[70_004], "the last");
    for block_bytes in [1_000, 70_000, 3_000_000] {
        assert!(read(&log, block_bytes) == lines, "blocks of {block_bytes} bytes");
    }
    std::fs::remove_file(&log).unwrap();
    for (pack, ending) in [(gzip as fn(&std::path::Path), "gz"), (zstd, "zst")] {
        odd_log(&log);
        pack(&log);
        assert!(read(&dir.path().join(format!("a.log.{ending}")), 256 * 1024) == lines, "{ending}");
    }
    let error = Replay::open("/nonexistent/a.log").unwrap_err();
    assert!(error.to_string().starts_with("failed to read `/nonexistent/a.log`: "));
}

#[test]
fn of_a_file_that_breaks_off_the_whole_lines_are_given_then_the_fault() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("a.log");
    for (pack, ending) in [(gzip as fn(&std::path::Path), "gz"), (zstd, "zst")] {
        write(&log, numbered(0..100_000));
        pack(&log);
        let path = dir.path().join(format!("a.log.{ending}"));
        let packed = std::fs::read(&path).unwrap();
        std::fs::write(&path, &packed[..packed.len() * 3 / 4]).unwrap();
        let mut replay = Replay::open(path.to_str().unwrap()).unwrap();
        let mut batches = Vec::new();
        let fault = loop {
            match replay.next_batch() {
                Ok(batch) => batches.push(batch.expect("the fault comes first")),
                Err(fault) => break fault,
            }
        };
        let told = format!("failed to read `{}`: the archive ends too early", path.display());
        assert_eq!(fault.to_string(), told);
        let read = numbers(&lines_of(&batches));
        assert!(read.len() > 20_000, "{}", read.len());
        assert!(read.iter().zip(0..).all(|(a, b)| *a == b), "all of them, none cut");
        assert!(replay.next_batch().unwrap().is_none(), "told once");
    }
}
