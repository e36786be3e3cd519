//! A program's standard error is its log: line by line into riposte's own, masked, escaped, cut,
//! and no more than so many lines a minute.

use super::{Mask, TalkError};
use crate::event::text::escape_cut;
use crate::limits::{
    PLUGIN_LOG_BYTES_A_SECOND_MAX, PLUGIN_LOG_LINE_BYTES_MAX, PLUGIN_LOG_LINES_A_MINUTE_MAX,
    PLUGIN_SAID_CHARS_MAX,
};
use crate::telemetry::{self, names};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The log of one life of a program.
#[derive(Debug)]
pub(super) struct Log {
    plugin: String,
    mask: Arc<Mask>,
    line: Vec<u8>,
    /// The rest of a long line is not looked at.
    passing_over: bool,
    minute: Instant,
    lines: u32,
    shed: u64,
    second: Instant,
    bytes: usize,
    last: String,
}

impl Log {
    pub(super) fn new(plugin: &str, mask: Arc<Mask>) -> Self {
        let now = Instant::now();
        Self {
            plugin: plugin.to_owned(),
            mask,
            line: Vec::new(),
            passing_over: false,
            minute: now,
            lines: 0,
            shed: 0,
            second: now,
            bytes: 0,
            last: String::new(),
        }
    }

    /// Takes what was written; an error when it is too much.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), TalkError> {
        let now = Instant::now();
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > PLUGIN_LOG_BYTES_A_SECOND_MAX {
            let limit = format!("{PLUGIN_LOG_BYTES_A_SECOND_MAX} bytes");
            return Err(TalkError::Flood { output: "log", limit });
        }
        let longest = PLUGIN_LOG_LINE_BYTES_MAX + self.mask.reach();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if !self.passing_over {
                let room = longest.saturating_sub(self.line.len());
                self.line.extend_from_slice(text.get(..room).unwrap_or(text));
                self.passing_over = text.len() > room;
            }
            if ends {
                self.finish(now);
            }
        }
        Ok(())
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        let now = Instant::now();
        if !self.line.is_empty() {
            self.finish(now);
        }
        self.tell_shed();
    }

    /// The last line, for the words about its end.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    fn finish(&mut self, now: Instant) {
        let masked = self.mask.bytes(&self.line, PLUGIN_LOG_LINE_BYTES_MAX);
        let cut = self.passing_over || self.line.len() > PLUGIN_LOG_LINE_BYTES_MAX;
        self.line.clear();
        self.passing_over = false;
        if masked.trim_ascii().is_empty() {
            return;
        }
        self.last = escape_cut(masked.trim_ascii(), PLUGIN_SAID_CHARS_MAX);
        if now.duration_since(self.minute) >= Duration::from_mins(1) {
            self.tell_shed();
            self.minute = now;
            self.lines = 0;
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines > PLUGIN_LOG_LINES_A_MINUTE_MAX {
            self.shed += 1;
            telemetry::counter(names::PLUGIN_LOG_LINES_SHED).add(1);
            return;
        }
        let line = escape_cut(&masked, PLUGIN_LOG_LINE_BYTES_MAX);
        tracing::info!(plugin = self.plugin, line, cut, "a plugin says");
    }

    fn tell_shed(&mut self) {
        if self.shed > 0 {
            let lines = std::mem::take(&mut self.shed);
            tracing::warn!(plugin = self.plugin, lines, "lines of a plugin's log were left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn log(secrets: &[&str]) -> Log {
        let secrets = secrets.iter().map(|value| Secret::new((*value).to_owned()));
        Log::new("p", Arc::new(Mask::new(secrets)))
    }

    #[test]
    fn lines_are_put_together_masked_and_escaped() {
        let mut log = log(&["hunter2"]);
        log.take(b"first\nthe key is hun").unwrap();
        assert_eq!(log.last(), "first");
        log.take(b"ter2 \x1b[2J\n\n").unwrap();
        assert_eq!(log.last(), "the key is [secret] \\u{1b}[2J");
        log.take(b"unfinished hunter").unwrap();
        log.end();
        assert_eq!(log.last(), "unfinished [secret]");
    }

    #[test]
    fn a_long_line_is_cut_and_its_rest_never_shown() {
        let mut log = log(&["hunter2"]);
        let start = "x".repeat(PLUGIN_LOG_LINE_BYTES_MAX - 3);
        log.take(format!("{start}hunter2 and hunter2 again\nnext\n").as_bytes()).unwrap();
        assert_eq!(log.last(), "next");
        let mut cut = self::log(&["hunter2"]);
        cut.take(format!("{start}hunter2").as_bytes()).unwrap();
        assert!(cut.line.len() <= PLUGIN_LOG_LINE_BYTES_MAX + 7);
        let shown = cut.mask.bytes(&cut.line, PLUGIN_LOG_LINE_BYTES_MAX);
        assert!(!String::from_utf8(shown).unwrap().contains("hun"));
    }

    #[test]
    fn a_flood_ends_it_and_many_lines_are_counted() {
        let mut log = log(&[]);
        for _ in 0..PLUGIN_LOG_LINES_A_MINUTE_MAX + 5 {
            log.take(b"again\n").unwrap();
        }
        assert_eq!(log.shed, 5);
        let much = vec![b'x'; PLUGIN_LOG_BYTES_A_SECOND_MAX];
        assert!(matches!(log.take(&much), Err(TalkError::Flood { output: "log", .. })));
    }
}
