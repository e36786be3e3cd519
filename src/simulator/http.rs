//! HTTP/1.1 on loopback, as much of it as API clients use: one thread a connection, bodies with a
//! length, connections that are kept.

use super::Shared;
use super::faults::FaultKind;
use super::reply::Reply;
use crate::limits::{SIMULATOR_CONNECTIONS_MAX, SIMULATOR_REQUEST_BYTES_MAX};
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The head of a request may be this long.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// A connection that says nothing is looked at this often, to end with the look-alike.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    /// The same as it came, with its percent signs.
    pub(super) raw_path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; nothing where it is none, or has another shape.
    pub(super) fn json<T: DeserializeOwned + Default>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Takes connections until the look-alike stops.
pub(super) fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if open.fetch_add(1, Ordering::Relaxed) >= SIMULATOR_CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (shared, counted) = (Arc::clone(shared), Arc::clone(&open));
        let thread = std::thread::Builder::new().name("simulator".into()).spawn(move || {
            if let Err(error) = converse(&stream, &shared) {
                tracing::debug!(%error, "a connection of the look-alike ended");
            }
            counted.fetch_sub(1, Ordering::Relaxed);
        });
        if thread.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        stream.set_read_timeout(Some(LOOK_EVERY))?;
        while let Err(error) = reader.fill_buf() {
            let waits = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
            if !waits || shared.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let Some(request) = read(&mut reader, stream)? else { return Ok(()) };
        let closes =
            request.header("connection").is_some_and(|word| word.eq_ignore_ascii_case("close"));
        let (reply, fault) = super::routes::answer(&request, shared);
        if let Some(FaultKind::Slow(pause)) = fault {
            std::thread::sleep(pause);
        }
        match fault {
            Some(FaultKind::Drop | FaultKind::Lost) => {
                return stream.shutdown(Shutdown::Both);
            }
            Some(FaultKind::Cut) => {
                let bytes = bytes(&reply);
                let half = bytes.get(..bytes.len() - reply.body.len() / 2).unwrap_or(&bytes);
                (&*stream).write_all(half)?;
                return stream.shutdown(Shutdown::Both);
            }
            _ => (&*stream).write_all(&bytes(&reply))?,
        }
        if closes || shared.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
}

fn bytes(reply: &Reply) -> Vec<u8> {
    let reason = match reply.status {
        200..300 => "OK",
        400..500 => "Refused",
        _ => "Error",
    };
    let mut head =
        format!("HTTP/1.1 {} {reason}\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        // Writing into a text can't fail.
        write!(head, "{name}: {value}\r\n").ok();
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}

/// Reads a request; `None` when the other side has gone or speaks no HTTP.
fn read(reader: &mut BufReader<TcpStream>, stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut request = Request::default();
    let mut head = reader.by_ref().take(HEAD_BYTES_MAX);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    method.clone_into(&mut request.method);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    request.path = decoded(path);
    path.clone_into(&mut request.raw_path);
    request.query = query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
        .collect();
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':') {
            request.headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let length: usize =
        request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    if length > SIMULATOR_REQUEST_BYTES_MAX || request.header("transfer-encoding").is_some() {
        return Ok(None);
    }
    if request.header("expect").is_some() {
        (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Without percent signs.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let ahead = bytes.clone();
        let digits: Vec<u8> = ahead.take(2).collect();
        let code = std::str::from_utf8(&digits).ok().and_then(|d| u8::from_str_radix(d, 16).ok());
        match code {
            Some(code) if digits.len() == 2 => {
                out.push(code);
                bytes.next();
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
