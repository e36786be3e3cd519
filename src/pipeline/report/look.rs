//! One event as the report looks at it: a few bytes, with no text of the record in it.
//!
//! In: an event. Out: a [`Look`], or none where the event says nothing of its client (an error log
//! line repeats what the access log tells).

use super::lists::{ATTACKS, ENGINES, LOGINS, PARTS, SERVICES, TOOLS, WORDPRESS_LOGIN};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind};
use std::hash::{BuildHasher, Hasher};

/// What the client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Asked for a page or data.
    Page,
    /// Asked for a part of a page.
    Part,
    /// Tried to log in at a web page.
    WebLogin,
    /// Tried to log in over SSH.
    SshLogin,
}

/// How it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 2xx or 3xx; a login that was accepted.
    Good,
    /// A login's answer that tells only with what comes next: a page that needs no second try.
    Open,
    /// 404 or 410.
    Missing,
    /// 401, 403, 407, 422, 429; a login that was refused.
    Refused,
    /// 5xx: our own fault.
    Failed,
    /// Any other: what is no proper request.
    Bad,
}

/// Who the agent says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A browser.
    Browser,
    /// A library, a program, nobody.
    Program,
    /// A monitor or another service, by name.
    Service(&'static str),
    /// A search engine, by name.
    Engine(&'static str),
    /// An attack tool, by name.
    Tool(&'static str),
}

/// An event.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// When.
    pub time: Timestamp,
    /// How many times (syslog's `message repeated`).
    pub times: u64,
    /// What.
    pub act: Act,
    /// How it was answered.
    pub answer: Answer,
    /// Who the agent says it is.
    pub who: Who,
    /// The agent, hashed; 0 for none.
    pub agent: u32,
    /// The user, hashed; 0 for none.
    pub user: u32,
    /// The path, hashed.
    pub page: u32,
    /// The path of the referer, hashed; 0 for none.
    pub referer: u32,
    /// Only attackers ask for this.
    pub attack: bool,
    /// It asks for data, as programs do.
    pub data: bool,
    /// It is at a login, whether it tries to log in or not.
    pub at_login: bool,
}

/// Looks at an event.
pub fn look(event: &Event) -> Option<Look> {
    match event.kind {
        Kind::SshAuth => ssh(event),
        Kind::Http => http(event),
        _ => None,
    }
}

fn ssh(event: &Event) -> Option<Look> {
    let answer = match event.bytes(Field::Outcome)? {
        b"success" => Answer::Good,
        b"failure" => Answer::Refused,
        _ => return None,
    };
    Some(Look {
        time: event.time,
        times: event.repeat(),
        act: Act::SshLogin,
        answer,
        who: Who::Program,
        agent: 0,
        user: event.bytes(Field::User).map_or(0, hash),
        page: 0,
        referer: 0,
        attack: false,
        data: false,
        at_login: true,
    })
}

fn http(event: &Event) -> Option<Look> {
    let status = event.int(Field::Status)?;
    let path = event.bytes(Field::Path).unwrap_or_default();
    let lower = lower(path);
    let query = self::lower(event.bytes(Field::Query).unwrap_or_default());
    let agent = event.bytes(Field::UserAgent).unwrap_or_default();
    let posts = event.bytes(Field::Method).is_some_and(|method| method == b"POST");
    let at_login = is_login(&lower);
    let act = if posts && at_login && !query.starts_with(b"action=") {
        Act::WebLogin
    } else if PARTS.iter().any(|end| lower.ends_with(end.as_bytes())) {
        Act::Part
    } else {
        Act::Page
    };
    let answer = match (status, act) {
        (200, Act::WebLogin) if lower.ends_with(WORDPRESS_LOGIN.as_bytes()) => Answer::Refused,
        (200..=399, Act::WebLogin) => Answer::Open,
        (100..=399, _) => Answer::Good,
        (404 | 410, _) => Answer::Missing,
        (401 | 403 | 407 | 422 | 429, _) => Answer::Refused,
        (500..=599, _) => Answer::Failed,
        _ => Answer::Bad,
    };
    let attack = ATTACKS.iter().any(|part| {
        let part = part.as_bytes();
        memchr::memmem::find(&lower, part).is_some() || memchr::memmem::find(&query, part).is_some()
    });
    Some(Look {
        time: event.time,
        times: event.repeat(),
        act,
        answer,
        who: who(agent),
        agent: if agent.is_empty() { 0 } else { hash(agent) },
        user: event.bytes(Field::User).filter(|user| !user.is_empty()).map_or(0, hash),
        page: hash(path),
        referer: event.bytes(Field::Referer).and_then(path_of).map_or(0, hash),
        attack,
        data: memchr::memmem::find(&lower, b"/api/").is_some(),
        at_login,
    })
}

/// Whether a path looks like a login.
fn is_login(lower: &[u8]) -> bool {
    LOGINS.iter().any(|part| memchr::memmem::find(lower, part.as_bytes()).is_some())
}

/// The path of a referer that is a whole address.
fn path_of(referer: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(referer, b"://")? + 3;
    let rest = referer.get(at..)?;
    let slash = memchr::memchr(b'/', rest)?;
    let path = rest.get(slash..)?;
    let end = memchr::memchr2(b'?', b'#', path).unwrap_or(path.len());
    path.get(..end)
}

/// Who an agent says it is.
pub fn who(agent: &[u8]) -> Who {
    let lower = lower(agent);
    let has = |part: &str| memchr::memmem::find(&lower, part.as_bytes()).is_some();
    if let Some(tool) = TOOLS.iter().find(|tool| has(tool)) {
        return Who::Tool(tool);
    }
    if let Some((_, name, _)) = ENGINES.iter().find(|(part, ..)| has(part)) {
        return Who::Engine(name);
    }
    if let Some((_, name)) = SERVICES.iter().find(|(part, _)| has(part)) {
        return Who::Service(name);
    }
    if lower.starts_with(b"mozilla/") && !has("compatible") { Who::Browser } else { Who::Program }
}

fn lower(bytes: &[u8]) -> Vec<u8> {
    // A few KB say enough of a path, however long it is.
    bytes.get(..2_048).unwrap_or(bytes).to_ascii_lowercase()
}

/// A hash that is never 0 and the same in every run.
fn hash(bytes: &[u8]) -> u32 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write(bytes);
    u32::try_from(hasher.finish() >> 32).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_say_who_they_are() {
        assert_eq!(who(b"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Firefox/131.0"), Who::Browser);
        assert_eq!(who(b"curl/8.5.0"), Who::Program);
        assert_eq!(who(b""), Who::Program);
        assert_eq!(who(b"Mozilla/5.0 zgrab/0.x"), Who::Tool("zgrab"));
        let google = b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        assert_eq!(who(google), Who::Engine("Googlebot"));
        assert_eq!(who(b"Mozilla/5.0+(compatible; UptimeRobot/2.0)"), Who::Service("UptimeRobot"));
    }

    #[test]
    fn referers_have_paths() {
        assert_eq!(path_of(b"https://www.example.com/shop/?page=2"), Some(&b"/shop/"[..]));
        assert_eq!(path_of(b"https://www.example.com"), None);
        assert_eq!(path_of(b"-"), None);
    }
}
