//! What a parser's program answered, kept by the place of each line: the same line gets the same
//! answer after a crash, and when rules change, though the program might answer otherwise.
//!
//! In: the lines of a batch. Out: an answer each; those that were not there yet are asked for and
//! are in the ledger before anybody sees them. What a checkpoint covers is let go.

use crate::event::{Brought, Origin};
use crate::limits;
use crate::parsers::{Answer, Foreign, Line, Stopped, Unparsed};
use crate::sources::ledger::Ledger;
use crate::telemetry::{counter, names};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whoever is asked about lines.
pub trait Asked: Send + Sync + std::fmt::Debug {
    /// An answer for each line, in order. May block; returns [`Stopped`] soon when riposte stops.
    fn ask(&self, lines: &[Line]) -> Result<Vec<Answer>, Stopped>;
    /// Whether riposte stops.
    fn is_stopping(&self) -> bool;
    /// Tells of trouble.
    fn tell(&self, text: &str);
}

/// The kept answers of one source.
#[derive(Debug)]
pub struct Answers {
    source: Arc<str>,
    program: Arc<dyn Asked>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    ledger: Ledger,
    /// By stream and first line: where in the ledger, and the last line.
    by_place: BTreeMap<(Arc<str>, u64), (u64, u64)>,
    /// The same by the place in the ledger, to let go of what is done.
    by_age: BTreeMap<u64, (Arc<str>, u64)>,
    /// The line of the ledger that was read last.
    last: Option<(u64, Vec<(u64, Answer)>)>,
}

impl Answers {
    /// The answers of a source, as far as they are kept in the state folder.
    pub fn open(
        state_dir: &Path,
        source: &str,
        program: Arc<dyn Asked>,
    ) -> std::io::Result<Arc<Self>> {
        let mut found = Vec::new();
        let ledger = Ledger::open(state_dir, source, |at, line| {
            if let Some((stream, answers)) = read_line(line)
                && let (Some(first), Some(last)) = (answers.first(), answers.last())
            {
                found.push((at, stream, first.0, last.0));
            }
        })?;
        let mut kept =
            Kept { ledger, by_place: BTreeMap::new(), by_age: BTreeMap::new(), last: None };
        for (at, stream, first, last) in found {
            kept.note(at, &Arc::from(stream), first, last);
        }
        Ok(Arc::new(Self { source: Arc::from(source), program, kept: Mutex::new(kept) }))
    }

    /// Everything before these places is done: it will never be asked for again.
    pub fn release(&self, cursors: &[(Origin, u64)]) {
        let mut kept = self.lock();
        for (origin, offset) in cursors.iter().filter(|(origin, _)| origin.source == self.source) {
            let stream = &origin.stream;
            let all = kept.by_place.range((Arc::clone(stream), 0)..=(Arc::clone(stream), u64::MAX));
            let done = all.filter(|(_, (_, last))| last < offset);
            let done: Vec<_> = done.map(|(place, (at, _))| (place.clone(), *at)).collect();
            for (place, at) in done {
                kept.by_place.remove(&place);
                kept.by_age.remove(&at);
            }
        }
        let first = kept.by_age.keys().next().copied().unwrap_or_else(|| kept.ledger.end());
        if let Err(error) = kept.ledger.release(first) {
            tracing::warn!(%error, "failed to release answers of a parser's program");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing is left half-changed under this lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps answers; tried again until it works or riposte stops.
    fn keep(&self, origin: &Origin, answers: &[(u64, Answer)]) -> Result<(), Stopped> {
        let mut told = false;
        for part in answers.chunks(limits::PARSER_ANSWERS_A_LINE_MAX) {
            let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
            let line = write_line(&origin.stream, part);
            loop {
                let mut kept = self.lock();
                let Err(error) = kept.ledger.append(&line).map(|at| {
                    kept.note(at, &origin.stream, first.0, last.0);
                }) else {
                    break;
                };
                drop(kept);
                if !told {
                    told = true;
                    counter(names::SOURCE_STALLS).add(1);
                    self.program.tell(&format!(
                        "failed to keep answers of the parser's program, source `{}` waits: {error}",
                        self.source
                    ));
                }
                if self.program.is_stopping() {
                    return Err(Stopped);
                }
                std::thread::sleep(Duration::from_millis(limits::SOURCE_PROGRAM_LOOK_MILLIS));
            }
        }
        Ok(())
    }

    /// What is known of these lines.
    fn known(&self, origin: &Origin, lines: &[Line]) -> Vec<Option<Answer>> {
        let mut kept = self.lock();
        lines.iter().map(|line| kept.answer(&origin.stream, line.offset)).collect()
    }
}

impl Foreign for Answers {
    fn read(&self, origin: &Origin, lines: &[Line]) -> Result<Vec<Answer>, Stopped> {
        let mut answers = self.known(origin, lines);
        let missing: Vec<Line> = lines
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_none())
            .map(|(line, _)| line.clone())
            .collect();
        // Kept part by part: a crash in the middle of a large batch asks little again.
        let mut places = answers.iter_mut().filter(|answer| answer.is_none());
        for part in missing.chunks(limits::PARSER_ANSWERS_A_LINE_MAX) {
            let fresh = self.program.ask(part)?;
            let fresh: Vec<(u64, Answer)> =
                part.iter().map(|line| line.offset).zip(fresh).collect();
            self.keep(origin, &fresh)?;
            for ((_, answer), place) in fresh.into_iter().zip(&mut places) {
                *place = Some(answer);
            }
        }
        Ok(answers.into_iter().map(|answer| answer.unwrap_or(Err(LOST))).collect())
    }
}

/// The same, for those who must not wait: what was never answered is unparsed.
#[derive(Debug)]
pub struct KnownAnswers(pub Arc<Answers>);

impl Foreign for KnownAnswers {
    fn read(&self, origin: &Origin, lines: &[Line]) -> Result<Vec<Answer>, Stopped> {
        let answers = self.0.known(origin, lines);
        Ok(answers.into_iter().map(|answer| answer.unwrap_or(Err(LOST))).collect())
    }
}

/// The answer is gone, with the state folder or a part of it.
const LOST: Unparsed = Unparsed("the answer of its parser's program is not kept any more");

impl Kept {
    fn note(&mut self, at: u64, stream: &Arc<str>, first: u64, last: u64) {
        self.by_place.insert((Arc::clone(stream), first), (at, last));
        self.by_age.insert(at, (Arc::clone(stream), first));
        while self.by_age.len() > limits::PARSER_ANSWER_LINES_MAX {
            if let Some((_, place)) = self.by_age.pop_first() {
                self.by_place.remove(&place);
            }
        }
    }

    fn answer(&mut self, stream: &Arc<str>, offset: u64) -> Option<Answer> {
        let before = (Arc::clone(stream), 0)..=(Arc::clone(stream), offset);
        let (_, (at, _)) =
            self.by_place.range(before).next_back().filter(|(_, (_, last))| *last >= offset)?;
        let at = *at;
        if self.last.as_ref().is_none_or(|(known, _)| *known != at) {
            let line = self.ledger.line(at).ok()?;
            self.last = Some((at, read_line(&line)?.1));
        }
        let (_, answers) = self.last.as_ref()?;
        let place = answers.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        answers.get(place).map(|(_, answer)| answer.clone())
    }
}

/// `[stream, [offset, event, addresses] or [offset, "why"], …]`
fn write_line(stream: &str, answers: &[(u64, Answer)]) -> Vec<u8> {
    let mut line: Vec<Json> = vec![stream.into()];
    line.extend(answers.iter().map(|(offset, answer)| match answer {
        Ok(brought) => {
            let (addresses, event) = brought.to_json(None);
            serde_json::json!([offset, event, addresses])
        }
        Err(why) => serde_json::json!([offset, why.to_string()]),
    }));
    // Values of our own: they can always be written.
    serde_json::to_vec(&line).unwrap_or_default()
}

fn read_line(line: &[u8]) -> Option<(String, Vec<(u64, Answer)>)> {
    let line: Vec<Json> = serde_json::from_slice(line).ok()?;
    let (stream, answers) = line.split_first()?;
    let answer = |answer: &Json| {
        let offset = answer.get(0)?.as_u64()?;
        let answer = match answer.get(1)? {
            Json::String(why) => Err(why_of(why)),
            event => Ok(Brought::from_json(answer.get(2)?.as_str()?, event)?),
        };
        Some((offset, answer))
    };
    Some((stream.as_str()?.to_owned(), answers.iter().map(answer).collect::<Option<_>>()?))
}

/// The words of an answer that is none, as they were written down.
fn why_of(words: &str) -> Unparsed {
    let known = crate::plugins::WHY_UNREAD.iter().find(|why| **why == words);
    Unparsed(known.copied().unwrap_or("its parser's program could not read it"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Value};
    use bytes::Bytes;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Answers otherwise each time.
    #[derive(Debug, Default)]
    struct Fickle(AtomicU64);

    impl Asked for Fickle {
        fn ask(&self, lines: &[Line]) -> Result<Vec<Answer>, Stopped> {
            let answer = |line: &Line| {
                let number = i64::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap();
                if line.bytes.is_empty() {
                    return Err(Unparsed(crate::plugins::WHY_UNREAD[0]));
                }
                let fields = vec![("n".into(), Value::Int(number))];
                Ok(Brought { kind: Kind::from_name("w"), time: None, fields })
            };
            Ok(lines.iter().map(answer).collect())
        }

        fn is_stopping(&self) -> bool {
            false
        }

        fn tell(&self, _text: &str) {}
    }

    fn origin(stream: &str) -> Origin {
        Origin { source: "s".into(), stream: stream.into() }
    }

    fn lines(offsets: impl IntoIterator<Item = u64>) -> Vec<Line> {
        let line = |offset: u64| {
            let bytes = if offset % 10 == 9 { Bytes::new() } else { Bytes::from_static(b"x") };
            Line { offset, bytes }
        };
        offsets.into_iter().map(line).collect()
    }

    #[test]
    fn a_line_that_was_answered_is_never_asked_again() {
        let root = tempfile::tempdir().unwrap();
        let open = || {
            let program = Arc::new(Fickle::default());
            (Answers::open(root.path(), "s", program.clone()).unwrap(), program)
        };
        let (answers, _) = open();
        let first = answers.read(&origin("a"), &lines(0..600)).unwrap();
        let other = answers.read(&origin("b"), &lines([5, 9, 700])).unwrap();
        assert!(other[1].is_err());
        let known = KnownAnswers(Arc::clone(&answers));
        assert_eq!(known.read(&origin("a"), &lines(0..600)).unwrap(), first);
        assert_eq!(known.read(&origin("a"), &lines([600])).unwrap(), [Err(LOST)]);
        drop((answers, known));
        // After a crash, in batches of another size, and with new lines among them.
        let (answers, program) = open();
        program.0.store(5_000, Ordering::Relaxed);
        assert_eq!(answers.read(&origin("a"), &lines(100..300)).unwrap(), first[100..300]);
        assert_eq!(answers.read(&origin("b"), &lines([5, 9, 700])).unwrap(), other);
        let mixed = answers.read(&origin("a"), &lines(598..602)).unwrap();
        assert_eq!(mixed[..2], first[598..]);
        assert_eq!(program.0.load(Ordering::Relaxed), 5_002, "two were new");
    }

    #[test]
    fn what_a_checkpoint_covers_is_let_go() {
        let root = tempfile::tempdir().unwrap();
        let program = Arc::new(Fickle::default());
        let answers = Answers::open(root.path(), "s", program).unwrap();
        let bytes = || {
            let files = std::fs::read_dir(root.path().join("answers-s")).unwrap();
            files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
        };
        for round in 0..400_u64 {
            let from = round * 1_000;
            answers.read(&origin("a"), &lines(from..from + 1_000)).unwrap();
            answers.release(&[(origin("a"), from + 1_000), (origin("elsewhere"), 5)]);
        }
        assert!(answers.lock().by_place.is_empty() && answers.lock().by_age.is_empty());
        assert!(bytes() < 2 * limits::SPOOL_SEGMENT_BYTES_MAX, "{}", bytes());
        let kept = answers.read(&origin("a"), &lines(900_000..900_300)).unwrap();
        answers.release(&[(origin("a"), 900_100)]);
        assert_eq!(answers.read(&origin("a"), &lines(900_000..900_300)).unwrap(), kept);
    }
}
