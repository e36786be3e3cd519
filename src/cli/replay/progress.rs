//! How far a replay is, for a person who waits: on standard error, if that is a terminal.

use crate::cli::output::{counted, number, rate};
use crate::pipeline::replay::Totals;
use crate::sources::replay::Meter;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shown this often, and not before so long.
const EVERY: Duration = Duration::from_millis(250);
const NOT_BEFORE: Duration = Duration::from_millis(500);

/// A line that is written over and over.
pub(in crate::cli) struct Progress {
    started: Instant,
    shown: Option<Instant>,
    /// The line stands there.
    stands: bool,
    wanted: bool,
    /// What is going on, where it isn't the replay itself.
    what: &'static str,
    meters: Vec<Meter>,
}

impl Progress {
    /// For files of these meters.
    pub(in crate::cli) fn new(meters: Vec<Meter>) -> Self {
        Self::of("", meters)
    }

    /// The same for another reading of them.
    pub(in crate::cli) fn of(what: &'static str, meters: Vec<Meter>) -> Self {
        let wanted = std::io::stderr().is_terminal();
        Self { started: Instant::now(), shown: None, stands: false, wanted, what, meters }
    }

    /// How long it has taken so far.
    pub(in crate::cli) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows where it is, if it is time.
    #[expect(clippy::print_stderr, reason = "progress is for a person at the terminal")]
    pub(in crate::cli) fn show(&mut self, totals: &Totals) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= EVERY);
        if !self.wanted || !due || self.elapsed() < NOT_BEFORE {
            return;
        }
        self.shown = Some(Instant::now());
        self.stands = true;
        let read = self.meters.iter().map(Meter::read).sum();
        let total = self.meters.iter().map(Meter::total).sum();
        eprint!("\r{}\x1b[K", words(self.what, (read, total), totals, self.elapsed()));
    }

    /// Takes the line away, so that something else can be written.
    #[expect(clippy::print_stderr, reason = "progress is for a person at the terminal")]
    pub(in crate::cli) fn clear(&mut self) {
        if std::mem::take(&mut self.stands) {
            eprint!("\r\x1b[K");
        }
    }
}

/// ``42 %, 1.3 of 3.1 GB, 2,100,000 lines/s, 410 MB/s, 12 hits, 0:08 left``
fn words(what: &str, (read, total): (u64, Option<u64>), totals: &Totals, took: Duration) -> String {
    let mut parts = Vec::new();
    let total = total.filter(|total| *total > 0);
    if let Some(total) = total {
        let share = read.min(total) as f64 * 100.0 / total as f64;
        parts.push(format!("{share:.0} %"));
        parts.push(format!("{} of {}", size(read), size(total)));
    } else {
        parts.push(format!("{} lines", number(totals.lines)));
    }
    parts.push(format!("{} lines/s", number(rate(totals.lines, took))));
    parts.push(format!("{}/s", size(rate(totals.bytes, took))));
    if what.is_empty() {
        parts.push(counted(totals.hits, "hit"));
    }
    if let Some(total) = total.filter(|_| read > 0) {
        let left = u128::from(total.saturating_sub(read)) * took.as_millis() / u128::from(read);
        let left = left.div_ceil(1_000);
        let (hours, minutes, seconds) = (left / 3600, left / 60 % 60, left % 60);
        parts.push(match hours {
            0 => format!("{minutes}:{seconds:02} left"),
            _ => format!("{hours}:{minutes:02}:{seconds:02} left"),
        });
    }
    let head = if what.is_empty() { String::new() } else { format!("{what}: ") };
    head + parts.join(", ").as_str()
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_rate_and_time_left() {
        let totals = Totals { lines: 4_200_000, bytes: 820_000_000, hits: 1, ..Totals::default() };
        let said = words("", (1_300_000_000, Some(3_100_000_000)), &totals, Duration::from_secs(2));
        assert_eq!(said, "42 %, 1.3 GB of 3.1 GB, 2,100,000 lines/s, 410 MB/s, 1 hit, 0:03 left");
        let long = words("", (1_000, Some(7_300_000)), &totals, Duration::from_secs(1));
        assert!(long.ends_with("2:01:39 left"), "{long}");
        let piped = words("", (1_000, None), &totals, Duration::from_secs(2));
        assert_eq!(
            words("again", (1_000, None), &totals, Duration::from_secs(2)),
            "again: 4,200,000 lines, 2,100,000 lines/s, 410 MB/s"
        );
        assert_eq!(piped, "4,200,000 lines, 2,100,000 lines/s, 410 MB/s, 1 hit");
    }
}
