//! Messages on the wire: JSON-RPC with a head, as the Language Server Protocol has it.
//!
//! In: bytes of an editor. Out: messages, or what is wrong with them; broken ones are skipped up to
//! where the next may begin, so that nothing an editor sends ends the server.

use crate::limits;
use serde_json::{Value, json};
use std::io::{self, BufRead, Read, Write};

/// A message of an editor.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// Wants an answer.
    Request {
        /// What the answer is to carry.
        id: Value,
        /// What is wanted.
        method: String,
        /// With what.
        params: Value,
    },
    /// Tells something.
    Notification {
        /// What.
        method: String,
        /// With what.
        params: Value,
    },
    /// An answer to something that we asked.
    Response,
    /// Not a message: the code and words to answer with, and the id where there was one.
    Broken {
        /// The id, or null.
        id: Value,
        /// A code of JSON-RPC.
        code: i64,
        /// What is wrong.
        message: String,
    },
}

/// What could not be read is no JSON.
pub const PARSE_ERROR: i64 = -32_700;
/// It is JSON, and no message.
pub const INVALID_REQUEST: i64 = -32_600;
/// We have no such method.
pub const METHOD_NOT_FOUND: i64 = -32_601;
/// The method's parameters are others.
pub const INVALID_PARAMS: i64 = -32_602;
/// Our own fault.
pub const INTERNAL_ERROR: i64 = -32_603;
/// `initialize` comes first.
pub const NOT_INITIALIZED: i64 = -32_002;

/// Reads the next message; `None` at the end of the input.
pub fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let Some(length) = read_head(input)? else { return Ok(None) };
    if length > limits::LSP_MESSAGE_BYTES_MAX {
        let skipped = io::copy(&mut input.by_ref().take(length as u64), &mut io::sink())?;
        let message = format!("a message of `{skipped}` bytes is too long");
        return Ok(Some(Incoming::Broken { id: Value::Null, code: INVALID_REQUEST, message }));
    }
    let mut body = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some(parse(&body)))
}

/// Reads a head up to its empty line; gives the length of the body. Lines that belong to no head
/// are skipped.
fn read_head(input: &mut impl BufRead) -> io::Result<Option<usize>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let bound = limits::LSP_HEAD_LINE_BYTES_MAX as u64;
        if input.by_ref().take(bound).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            if let Some(length) = length {
                return Ok(Some(length));
            }
        } else if let Some((name, value)) = text.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
}

fn parse(body: &[u8]) -> Incoming {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("no JSON: {error}");
            return Incoming::Broken { id: Value::Null, code: PARSE_ERROR, message };
        }
    };
    let id = value.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    let params = value.get("params").cloned().unwrap_or(Value::Null);
    let method = value.get("method").and_then(Value::as_str).map(str::to_owned);
    match (id, method) {
        (Some(id), Some(method)) => Incoming::Request { id, method, params },
        (None, Some(method)) => Incoming::Notification { method, params },
        (Some(_), None) if value.get("result").or(value.get("error")).is_some() => {
            Incoming::Response
        }
        (id, None) => Incoming::Broken {
            id: id.unwrap_or(Value::Null),
            code: INVALID_REQUEST,
            message: "neither a request nor a notification".to_owned(),
        },
    }
}

/// Writes a message.
pub fn write(output: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

/// The answer to a request.
pub fn answer(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// The answer to a request that can't be met.
pub fn refusal(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

/// Something that we tell.
pub fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Incoming> {
        let mut input = io::BufReader::with_capacity(7, bytes);
        let mut found = Vec::new();
        while let Some(message) = read(&mut input).unwrap() {
            found.push(message);
        }
        found
    }

    #[test]
    fn broken_messages_are_told_of_and_the_next_is_read() {
        let good = br#"{"jsonrpc":"2.0","id":4294967299,"method":"shutdown"}"#;
        let mut bytes = Vec::new();
        bytes.extend(b"garbage\r\n\r\nContent-Length: 5\r\n\r\n{\"a\":Content-Length: 2\r\n\r\n[]");
        bytes.extend(b"Content-Type: x\r\ncontent-length:53\r\n\r\n");
        bytes.extend(good);
        bytes.extend(b"Content-Length: 99\r\n\r\n{");
        let found = all(&bytes);
        assert_eq!(good.len(), 53);
        assert!(matches!(&found[0], Incoming::Broken { code: PARSE_ERROR, .. }), "{found:?}");
        assert!(matches!(&found[1], Incoming::Broken { code: INVALID_REQUEST, .. }));
        assert!(matches!(&found[2], Incoming::Request { method, .. } if method == "shutdown"));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_huge_message_is_skipped() {
        let length = limits::LSP_MESSAGE_BYTES_MAX + 1;
        let mut bytes = format!("Content-Length: {length}\r\n\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        bytes.extend(b"Content-Length: 14\r\n\r\n{\"method\":\"a\"}");
        let found = all(&bytes);
        assert!(matches!(&found[0], Incoming::Broken { .. }));
        assert!(matches!(&found[1], Incoming::Notification { method, .. } if method == "a"));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write(&mut bytes, &notification("a/b", &json!({ "text": "é😀" }))).unwrap();
        let params = json!({ "text": "é😀" });
        assert_eq!(all(&bytes), [Incoming::Notification { method: "a/b".to_owned(), params }]);
    }
}
