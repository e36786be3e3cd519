//! `riposte test --watch`: the tests run again whenever something that they read has changed.

use super::super::End;
use super::super::output::{Output, Style};
use super::{Filter, TestArgs, context, once};
use crate::limits;
use crate::pipeline::watch::TestWatch;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the watch hears.
enum Heard {
    Changed,
    Quit,
}

/// An editor that writes without end keeps nobody waiting longer than this.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Runs the tests now, and again after each change.
pub fn watch(
    config_path: &Path,
    args: &TestArgs,
    filter: Option<&Filter>,
    out: &mut Output,
) -> anyhow::Result<End> {
    // One change waiting is as good as many.
    let (sender, heard) = bounded(1);
    let changed = sender.clone();
    let paths = watched(config_path, args)?;
    let _watch = TestWatch::start(
        config_path,
        &paths,
        Arc::new(move || {
            // A full queue has the news already.
            drop(changed.try_send(Heard::Changed));
        }),
    )?;
    listen(sender);
    loop {
        if out.colour() {
            out.line("\x1b[2J\x1b[H")?;
        }
        let ended = match once(config_path, args, filter, out) {
            Ok(end) => end,
            // The rules have a fault just now: that is what somebody is about to mend.
            Err(error) if error.is::<super::super::output::Gone>() => return Err(error),
            Err(error) => {
                let word = out.styled(Style::Red, "error");
                out.line(format!("{word}: {error:#}"))?;
                End::Finding
            }
        };
        out.line(out.styled(Style::Dim, "watching for changes; `q` and Enter ends"))?;
        out.flush()?;
        match heard.recv() {
            Ok(Heard::Changed) if settle(&heard) => {}
            _ => return Ok(ended),
        }
    }
}

/// What to look at: the paths that were given, else those of the config.
fn watched(config_path: &Path, args: &TestArgs) -> anyhow::Result<Vec<PathBuf>> {
    if !args.paths.is_empty() {
        return Ok(args.paths.clone());
    }
    Ok(context::config_or_default(config_path)?.rules.paths)
}

/// Waits until nothing more changes for a moment; false when it is to end.
fn settle(heard: &Receiver<Heard>) -> bool {
    let quiet = Duration::from_millis(limits::TEST_WATCH_SETTLE_MILLIS);
    let end = Instant::now() + SETTLE_MAX;
    while Instant::now() < end {
        match heard.recv_timeout(quiet) {
            Ok(Heard::Changed) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Ok(Heard::Quit) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// Hears `q` on standard input; its end ends nothing, since a service has none.
fn listen(sender: Sender<Heard>) {
    let reading = std::thread::Builder::new().name("test-keys".to_owned());
    let thread = reading.spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if line.trim().eq_ignore_ascii_case("q") {
                drop(sender.send(Heard::Quit));
                return;
            }
        }
    });
    // Without it, Ctrl-C ends the watch.
    drop(thread);
}
