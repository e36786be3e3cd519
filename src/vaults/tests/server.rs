//! A small HTTP server on loopback that answers as a function says, and remembers what it was
//! asked.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// `GET /v1/…`, with the query.
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// What the server does.
pub(super) enum Does {
    Json(u16, Value),
    /// These bytes, with no head of ours.
    Raw(Vec<u8>),
    /// Closes without a word.
    Drop,
    /// Says nothing for this long, then closes.
    Slow(Duration),
}

/// Answers that are wrong in some way, each with a part of what is said of it.
pub(super) type Faults = Vec<(fn() -> Does, &'static str)>;

pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Seen) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || converse(stream, &log, &*answer));
            }
        });
        Self { url, seen }
    }

    /// How many requests begin so.
    pub(super) fn count(&self, start: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| seen.line.starts_with(start)).count()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn converse(mut stream: TcpStream, log: &Mutex<Vec<Seen>>, answer: &dyn Fn(&Seen) -> Does) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    let split = |line: String| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = lines.into_iter().map(split).collect();
    let mut seen = Seen { line, headers, body: String::new() };
    let mut body = vec![0; seen.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    seen.body = String::from_utf8(body).unwrap();
    log.lock().unwrap().push(seen.clone());
    // A client that has gone away needs no answer.
    match answer(&seen) {
        Does::Json(status, value) => {
            let body =
                if let Value::String(text) = &value { text.clone() } else { value.to_string() };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).ok();
            stream.write_all(body.as_bytes()).ok();
        }
        Does::Raw(bytes) => {
            stream.write_all(&bytes).ok();
        }
        Does::Drop => {}
        Does::Slow(pause) => std::thread::sleep(pause),
    }
}
