//! One entry of the journal, as `journalctl -o json` prints it, as a line with a syslog header.
//!
//! In: the line that journalctl printed. Out: the entry's cursor, and the line `<38>2026-11-27T10:00:00Z
//! host sshd[7]: …` with the unit, the user and the container that journald itself vouches for. Pure.

use crate::clock::Timestamp;
use crate::event::added::Added;
use crate::sources::syslog::one_line;
use serde_json::{Map, Value as Json};

/// The fields that journalctl is asked for.
pub(super) const WANTED: &str = "MESSAGE,PRIORITY,SYSLOG_FACILITY,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_COMM,_UID,_HOSTNAME,_SYSTEMD_UNIT,CONTAINER_NAME,CONTAINER_ID,IMAGE_NAME";

/// Fields that events have beside those of the line: their names, and the journal's.
pub(super) const ADDED: &[(&str, &str)] = &[
    ("unit", "_SYSTEMD_UNIT"),
    ("container", "CONTAINER_NAME"),
    ("container_id", "CONTAINER_ID"),
    ("image", "IMAGE_NAME"),
];

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub cursor: String,
    pub time: Timestamp,
    pub line: Vec<u8>,
    pub added: Added,
}

/// Reads an entry; `None` where the line is none.
pub(super) fn read(line: &[u8]) -> Option<Entry> {
    let Json::Object(fields) = serde_json::from_slice(line).ok()? else {
        return None;
    };
    let cursor = fields.get("__CURSOR")?.as_str()?.to_owned();
    let micros = text(&fields, "__REALTIME_TIMESTAMP")?.parse().ok()?;
    let time = Timestamp::from_micros(micros);
    let number = |name: &str| text(&fields, name).and_then(|text| text.parse::<u8>().ok());
    let level = number("PRIORITY").filter(|level| *level < 8).unwrap_or(6);
    // 1: a program without a facility of its own (`user`).
    let facility = number("SYSLOG_FACILITY").filter(|facility| *facility < 24).unwrap_or(1);
    let host = word(text(&fields, "_HOSTNAME").unwrap_or_default(), "-");
    let program = text(&fields, "SYSLOG_IDENTIFIER").or_else(|| text(&fields, "_COMM"));
    let program = word(program.unwrap_or_default(), "unknown");
    let pid = text(&fields, "SYSLOG_PID").or_else(|| text(&fields, "_PID"));
    let pid = pid.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()));
    let mut line =
        format!("<{}>{time} {host} {program}", u16::from(facility) * 8 + u16::from(level));
    if let Some(pid) = pid {
        line.push('[');
        line.push_str(pid);
        line.push(']');
    }
    line.push_str(": ");
    let mut line = line.into_bytes();
    line.extend(one_line(message(fields.get("MESSAGE"))));
    let mut added = Added::new();
    for (name, of) in ADDED {
        if let Some(value) = text(&fields, of) {
            added.insert((*name).to_owned(), value.into());
        }
    }
    if let Some(uid) = text(&fields, "_UID").and_then(|uid| uid.parse::<i64>().ok()) {
        added.insert("uid".to_owned(), uid.into());
    }
    Some(Entry { cursor, time, line, added })
}

/// A field's text; of several values the first.
fn text<'f>(fields: &'f Map<String, Json>, name: &str) -> Option<&'f str> {
    match fields.get(name)? {
        Json::String(text) => Some(text),
        Json::Array(all) => all.first()?.as_str(),
        _ => None,
    }
}

/// A message is text, or its bytes where it is not UTF-8 or holds control characters.
fn message(value: Option<&Json>) -> Vec<u8> {
    match value {
        Some(Json::String(text)) => text.clone().into_bytes(),
        Some(Json::Array(all)) => match all.first() {
            Some(Json::String(first)) => first.clone().into_bytes(),
            Some(Json::Array(_)) => message(all.first()),
            _ => {
                let bytes = all.iter().filter_map(Json::as_u64);
                bytes.filter_map(|byte| u8::try_from(byte).ok()).collect()
            }
        },
        _ => Vec::new(),
    }
}

/// A name as one word of a header: a program may call itself anything, and must not write the header.
fn word(name: &str, otherwise: &str) -> String {
    if name.is_empty() {
        return otherwise.to_owned();
    }
    let plain = |character: char| {
        let fits = character.is_ascii_graphic() && !matches!(character, '[' | ']' | ':');
        if fits { character } else { '_' }
    };
    name.chars().take(255).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(more: &Json) -> Option<Entry> {
        let mut fields = json!({
            "__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1795773600000000", "PRIORITY": "6",
            "SYSLOG_FACILITY": "4", "SYSLOG_IDENTIFIER": "sshd", "_PID": "7", "_UID": "0",
            "_HOSTNAME": "web1", "_SYSTEMD_UNIT": "ssh.service", "MESSAGE": "hello"
        });
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        read(fields.to_string().as_bytes())
    }

    fn line(more: &Json) -> String {
        String::from_utf8_lossy(&entry(more).unwrap().line).into_owned()
    }

    #[test]
    fn an_entry_is_a_syslog_line_with_what_journald_vouches_for() {
        let entry = entry(&json!({})).unwrap();
        assert_eq!(entry.line, b"<38>2026-11-27T10:00:00Z web1 sshd[7]: hello");
        assert_eq!(entry.cursor, "s=1;i=2");
        assert_eq!(Json::from(entry.added), json!({"unit": "ssh.service", "uid": 0}));
    }

    #[test]
    fn no_program_can_write_the_header() {
        let name = json!({"SYSLOG_IDENTIFIER": "x sshd[1]: Invalid\nuser"});
        assert_eq!(line(&name), "<38>2026-11-27T10:00:00Z web1 x_sshd_1___Invalid_user[7]: hello");
        let odd = json!({"_HOSTNAME": "", "SYSLOG_IDENTIFIER": null, "_COMM": "a b", "_PID": "x"});
        assert_eq!(line(&odd), "<38>2026-11-27T10:00:00Z - a_b: hello");
        let odd = json!({"PRIORITY": "9", "SYSLOG_FACILITY": "200"});
        assert!(line(&odd).starts_with("<14>"));
    }

    #[test]
    fn messages_come_as_text_as_bytes_or_not_at_all() {
        assert!(line(&json!({"MESSAGE": [104, 105, 10, 255]})).ends_with(": hi#012\u{fffd}"));
        assert!(line(&json!({"MESSAGE": ["one", "two"]})).ends_with(": one"));
        assert!(line(&json!({"MESSAGE": "a\nb"})).ends_with(": a#012b"));
        assert!(line(&json!({"MESSAGE": null})).ends_with(": "));
        for text in ["", "{}", "[]", "7", "{\"__CURSOR\":7}", "{\"__CURSOR\":\"x\"}", "{\"__CUR"] {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
