//! Every exchange as a line of JSON: method, path, request, status, reply. No header is kept, so no
//! token is.

use super::http::Request;
use super::reply::Reply;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// An open transcript.
#[derive(Debug)]
pub(super) struct Transcript(Mutex<File>);

impl Transcript {
    /// Adds to a file.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Keeps an exchange. A transcript that can't be written is told of, and stops nothing.
    pub(super) fn keep(&self, request: &Request, reply: &Reply) {
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let exchange = json!({
            "method": request.method,
            "path": request.raw_path.trim_start_matches(super::routes::BASE),
            "request": read(&request.body),
            "status": reply.status,
            "response": read(&reply.body),
        });
        // In one piece: a process that ends must not leave half a line.
        let line = format!("{exchange}\n");
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "the transcript can't be written");
        }
    }
}
