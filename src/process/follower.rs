//! A child program that is followed line by line for as long as it runs (`nft monitor`,
//! `journalctl -f`).
//!
//! In: a program and a function. Out: one call for each line, one when the program ended. Starting
//! it again is left to the caller.

use super::{ProcessError, Program, end_group};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;

/// A longer line is handed over in pieces of this length.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A running program whose lines are followed. Dropping it ends the program and its group.
///
/// A `kill -9` of riposte leaves the program behind until it next writes to its closed pipe.
#[derive(Debug)]
pub struct Follower {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Follower {
    /// Starts the program. `on_line` is called on its own thread with each line of standard
    /// output (without its break), and once with `None` when there will be no more. The program's
    /// limits of time and output do not apply.
    pub fn start(
        program: &Program,
        mut on_line: impl FnMut(Option<&[u8]>) + Send + 'static,
    ) -> Result<Self, ProcessError> {
        let mut command = program.command()?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = program.spawn(&mut command)?;
        let stdout = child.stdout.take();
        let reader = std::thread::Builder::new()
            .name("follower".to_owned())
            .spawn(move || {
                if let Some(stdout) = stdout {
                    read_lines(stdout, &mut on_line);
                }
                on_line(None);
            })
            .map_err(|error| ProcessError::Start {
                program: program.name().to_owned(),
                reason: error.to_string(),
            })?;
        Ok(Self { child, reader: Some(reader) })
    }

    /// The program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

fn read_lines(from: impl Read, on_line: &mut impl FnMut(Option<&[u8]>)) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => on_line(Some(line.strip_suffix(b"\n").unwrap_or(&line))),
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        end_group(&self.child);
        // Killed and reaped; the reader sees the end of the pipe.
        drop(self.child.kill());
        drop(self.child.wait());
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}
