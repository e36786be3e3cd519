//! A `log_format` as nginx.conf has it into steps: `'…' '…'` pieces put together, `escape=` read,
//! variables told from text (`ngx_conf_file.c`, `ngx_http_log_module.c`, read in November 2026).
//!
//! In: the directive, its pieces, or the bare format. Out: a [`LogFormat`], or what is wrong.

use super::{LogFormat, Shape, Step};
use crate::event::Field;
use crate::parsers::ParserError;
use crate::parsers::assign::{Target, TimeFormat};
use std::sync::Arc;

const HINT: &str = "hint: write it as in nginx.conf, as in `'$remote_addr - $remote_user [$time_local] \"$request\" $status'`";

/// A piece of a format.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Variable(String),
}

impl LogFormat {
    /// Compiles a format.
    pub fn compile(text: &str) -> Result<Self, ParserError> {
        let (escape, format) = unquote(text.trim())?;
        let json = match escape.as_str() {
            "default" | "none" => false,
            "json" => true,
            other => {
                return Err(ParserError(format!(
                    "`{other}` is not an escape of `log_format`\nhint: nginx knows `default`, `json` and `none`"
                )));
            }
        };
        let parts = split(&format)?;
        let mut warnings = warnings(&parts);
        if escape == "none" {
            warnings.push(
                "`escape=none` lets a client write any field of a line\nhint: leave `escape` away, or use `escape=json`"
                    .to_owned(),
            );
        }
        let (start, steps) = steps(parts)?;
        Ok(Self { start, steps, json, time_format: TimeFormat::Any, warnings })
    }
}

/// The escape and the format of a directive's arguments; a text that begins with neither a quote
/// nor `log_format` nor `escape=` is the format itself.
fn unquote(text: &str) -> Result<(String, String), ParserError> {
    let mut rest = text;
    let mut escape = "default".to_owned();
    if let Some(after) = rest.strip_prefix("log_format")
        && after.starts_with(char::is_whitespace)
    {
        let after = after.trim_start();
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        rest = after.get(end..).unwrap_or_default().trim_start();
    }
    if let Some(after) = rest.strip_prefix("escape=") {
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        after.get(..end).unwrap_or_default().clone_into(&mut escape);
        rest = after.get(end..).unwrap_or_default().trim_start();
    }
    if !rest.starts_with(['\'', '"']) || !has_pieces(rest) {
        return Ok((escape, rest.trim_end_matches(';').to_owned()));
    }
    let mut format = String::new();
    let mut characters = rest.chars().peekable();
    while let Some(quote) = characters.next() {
        if quote.is_whitespace() {
            continue;
        }
        if quote == ';' {
            break;
        }
        if quote != '\'' && quote != '"' {
            return Err(ParserError(format!(
                "`log_format` has `{quote}` outside its quotes\n{HINT}"
            )));
        }
        loop {
            match characters.next() {
                None => {
                    return Err(ParserError(format!(
                        "`log_format` misses a closing quote\n{HINT}"
                    )));
                }
                Some('\\') => match characters.next() {
                    Some('t') => format.push('\t'),
                    Some('r') => format.push('\r'),
                    Some('n') => format.push('\n'),
                    Some(plain @ ('"' | '\'' | '\\')) => format.push(plain),
                    Some(other) => format.extend(['\\', other]),
                    None => {}
                },
                Some(end) if end == quote => break,
                Some(plain) => format.push(plain),
            }
        }
    }
    Ok((escape, format))
}

/// Whether a text is in quotes as nginx.conf writes it, and not a format that begins with one
/// (`"$request" $status`): what follows a closing quote there is space, a quote, or the end.
fn has_pieces(text: &str) -> bool {
    let Some(quote) = text.chars().next() else {
        return false;
    };
    if quote == '\'' {
        return true;
    }
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            let rest = text.get(at + 1..).unwrap_or_default().trim_start();
            return rest.is_empty() || rest.starts_with(['"', '\'', ';']);
        }
    }
    false
}

/// Tells variables (`$name`, `${name}`) from text.
fn split(format: &str) -> Result<Vec<Part>, ParserError> {
    let mut parts = Vec::new();
    let mut rest = format;
    while !rest.is_empty() {
        let Some((text, after)) = rest.split_once('$') else {
            parts.push(Part::Text(rest.as_bytes().to_vec()));
            break;
        };
        if !text.is_empty() {
            parts.push(Part::Text(text.as_bytes().to_vec()));
        }
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let (name, after) = match after.strip_prefix('{') {
            Some(inner) => inner.split_once('}').ok_or_else(|| {
                ParserError(format!("`log_format` misses the `}}` of a variable\n{HINT}"))
            })?,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(ParserError(format!("`log_format` has a `$` without a name\n{HINT}")));
        }
        parts.push(Part::Variable(name.to_owned()));
        rest = after;
    }
    Ok(parts)
}

/// Puts each variable together with the text after it.
fn steps(parts: Vec<Part>) -> Result<(Box<[u8]>, Vec<Step>), ParserError> {
    let best = Best::of(&parts);
    let mut start: Box<[u8]> = Box::default();
    let mut steps: Vec<Step> = Vec::new();
    let mut last: Option<String> = None;
    let mut after_quote = false;
    for part in parts {
        match part {
            Part::Text(text) => {
                after_quote = text.ends_with(b"\"");
                match steps.last_mut() {
                    Some(step) => {
                        step.quoted = step.quoted && text.starts_with(b"\"");
                        step.literal = text.into();
                    }
                    None => start = text.into(),
                }
                last = None;
            }
            Part::Variable(name) => {
                if let Some(before) = last {
                    return Err(ParserError(format!(
                        "nothing stands between `${before}` and `${name}`, so where one ends can't be told\nhint: put a space or a quote between them in nginx.conf"
                    )));
                }
                steps.push(Step {
                    target: best.target(&name),
                    shape: shape(&name),
                    quoted: after_quote,
                    literal: Box::default(),
                });
                last = Some(name);
            }
        }
    }
    if let Some(step) = steps.last_mut()
        && step.literal.is_empty()
    {
        step.quoted = false;
    }
    if steps.is_empty() {
        return Err(ParserError(format!("`log_format` has no variable\n{HINT}")));
    }
    Ok((start, steps))
}

fn shape(name: &str) -> Shape {
    match name {
        "remote_addr" | "realip_remote_addr" => Shape::Address,
        "time_local" | "time_iso8601" | "msec" => Shape::Time,
        "status"
        | "body_bytes_sent"
        | "bytes_sent"
        | "request_length"
        | "request_time"
        | "remote_port"
        | "connection"
        | "connection_requests"
        | "pid"
        | "connection_time" => Shape::Number,
        name if name.starts_with("upstream_") && !name.starts_with("upstream_http_") => {
            Shape::Upstreams
        }
        _ => Shape::Free,
    }
}

/// The variables of one meaning, the best first: only the first that a format has is read.
const RIVALS: &[&[&str]] = &[
    &["msec", "time_iso8601", "time_local"],
    &["host", "http_host", "server_name"],
    &["body_bytes_sent", "bytes_sent"],
    &["request", "request_uri", "uri", "document_uri"],
    &["request", "request_method"],
    &["request", "server_protocol"],
    &["request", "args", "query_string"],
    &["request_uri", "args", "query_string"],
];

/// Which of the format's variables are read.
struct Best(Vec<String>);

impl Best {
    fn of(parts: &[Part]) -> Self {
        let names = parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.clone()),
            Part::Text(_) => None,
        });
        Self(names.collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }

    fn target(&self, name: &str) -> Option<Target> {
        let beaten = RIVALS.iter().any(|rivals| {
            rivals.contains(&name)
                && rivals.iter().take_while(|rival| **rival != name).any(|rival| self.has(rival))
        });
        (!beaten).then(|| target(name))
    }
}

fn target(name: &str) -> Target {
    let field = match name {
        "msec" | "time_iso8601" | "time_local" => return Target::Time,
        "request" => return Target::RequestLine,
        "request_uri" | "uri" | "document_uri" => return Target::Uri,
        "remote_addr" => Field::Ip,
        "realip_remote_addr" => Field::Peer,
        "remote_port" => Field::Port,
        "remote_user" => Field::User,
        "request_method" => Field::Method,
        "args" | "query_string" => Field::Query,
        "server_protocol" => Field::Protocol,
        "status" => Field::Status,
        "body_bytes_sent" | "bytes_sent" => Field::Bytes,
        "request_length" => Field::RequestBytes,
        "http_user_agent" => Field::UserAgent,
        "http_referer" => Field::Referer,
        "host" | "http_host" | "server_name" => Field::Host,
        "scheme" => Field::Scheme,
        "request_time" => Field::Duration,
        "upstream_response_time" => Field::UpstreamDuration,
        "upstream_addr" => Field::Upstream,
        "http_x_forwarded_for" => return Target::Extra(Arc::from("x_forwarded_for")),
        "http_cf_connecting_ip" => return Target::Extra(Arc::from("cf_connecting_ip")),
        "http_x_real_ip" => return Target::Extra(Arc::from("x_real_ip")),
        own => match Field::from_name(own) {
            Some(field) => field,
            None => return Target::Extra(Arc::from(own)),
        },
    };
    Target::Field(field)
}

/// Variables whose text the client writes.
fn is_clients(name: &str) -> bool {
    matches!(
        name,
        "remote_user"
            | "request"
            | "request_uri"
            | "uri"
            | "document_uri"
            | "args"
            | "query_string"
            | "request_method"
            | "server_protocol"
    ) || ["http_", "arg_", "cookie_"].iter().any(|start| name.starts_with(start))
}

/// Says where a client's text stands before the address without quotes around it.
fn warnings(parts: &[Part]) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut before: Option<&str> = None;
    let mut clients: Vec<&str> = Vec::new();
    let mut has_address = false;
    for (place, part) in parts.iter().enumerate() {
        let Part::Variable(name) = part else { continue };
        let text = |part: Option<&Part>, end: bool| match part {
            Some(Part::Text(text)) => {
                if end {
                    text.ends_with(b"\"")
                } else {
                    text.starts_with(b"\"")
                }
            }
            _ => false,
        };
        let quoted = place.checked_sub(1).is_some_and(|at| text(parts.get(at), true))
            && text(parts.get(place + 1), false);
        if matches!(name.as_str(), "remote_addr" | "realip_remote_addr") {
            has_address = has_address || name == "remote_addr";
            before = before.or(clients.first().copied());
        } else if is_clients(name) && !quoted {
            clients.push(name);
        }
    }
    if let Some(name) = before {
        warnings.push(format!(
            "`${name}` stands before the address without quotes, so a client may write an address into it\nhint: put `$remote_addr` first in `log_format`, or write `\"${name}\"`"
        ));
    }
    if !has_address {
        warnings.push(
            "`log_format` has no `$remote_addr`, so its events have no `ip`\nhint: put `$remote_addr` first"
                .to_owned(),
        );
    }
    warnings
}
