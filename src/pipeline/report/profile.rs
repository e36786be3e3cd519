//! What a client did in the whole replay, in a fixed number of bytes.
//!
//! In: looks, in the order of their file. Out: counters, from which `signs` reads. Nothing here
//! judges.

use super::evidence::Line;
use super::logins::Logins;
use super::look::{Act, Answer, Look, Who};
use crate::clock::Timestamp;
use crate::limits;

/// Where the replay lies in time: for time lines and for telling days apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The oldest event.
    pub from: Timestamp,
    /// The newest.
    pub to: Timestamp,
}

impl Frame {
    /// The bucket of a moment; outside of the frame the first or the last.
    pub fn bucket(&self, time: Timestamp) -> usize {
        let whole = self.to.since(self.from).as_micros().max(1);
        let part = time.since(self.from).as_micros();
        let place = part * limits::REPORT_BUCKETS as u128 / whole;
        usize::try_from(place).unwrap_or(usize::MAX).min(limits::REPORT_BUCKETS - 1)
    }
}

/// One of a client's agents or accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The text, hashed.
    pub hash: u32,
    /// Good answers under it.
    pub good: u32,
    /// Others.
    pub bad: u32,
}

/// A bounded set of names; the first ones are kept.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<Name>);

impl Names {
    fn note(&mut self, hash: u32, good: bool) {
        if hash == 0 {
            return;
        }
        let place = self.0.iter().position(|name| name.hash == hash);
        let place = place.unwrap_or_else(|| {
            if self.0.len() < limits::REPORT_NAMES_MAX {
                self.0.push(Name { hash, good: 0, bad: 0 });
            }
            self.0.len() - 1
        });
        let Some(name) = self.0.get_mut(place).filter(|name| name.hash == hash) else { return };
        if good {
            name.good = name.good.saturating_add(1);
        } else {
            name.bad = name.bad.saturating_add(1);
        }
    }

    /// How many had at least so many good answers.
    pub fn with_good(&self, least: u32) -> u64 {
        self.0.iter().filter(|name| name.good >= least).count() as u64
    }

    /// How many had none.
    pub fn without_good(&self) -> u64 {
        self.0.iter().filter(|name| name.good == 0).count() as u64
    }
}

/// Good and other answers in each bucket of the time line.
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    /// Good answers.
    pub good: [u16; limits::REPORT_BUCKETS],
    /// All others.
    pub bad: [u16; limits::REPORT_BUCKETS],
}

impl Default for Lane {
    fn default() -> Self {
        Self { good: [0; limits::REPORT_BUCKETS], bad: [0; limits::REPORT_BUCKETS] }
    }
}

/// How a client stands to its decisions at a look.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Before its first decision.
    pub before: bool,
    /// A decision would have stopped this request.
    pub lost: bool,
    /// The line, where it is worth keeping.
    pub line: Option<Line>,
}

/// A client's past.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Good answers to pages and parts.
    pub good: u64,
    /// 404 and 410.
    pub missing: u64,
    /// 401, 403, 422, 429.
    pub refused: u64,
    /// 5xx.
    pub failed: u64,
    /// Others.
    pub bad: u64,
    /// Pages and data asked for.
    pub pages: u64,
    /// Parts of pages asked for.
    pub parts: u64,
    /// Pages whose referer is a page it asked for shortly before.
    pub linked: u64,
    /// Pages whose agent is a browser.
    pub as_browser: u64,
    /// Pages that are data.
    pub data: u64,
    /// Its first event.
    pub first: Option<Timestamp>,
    /// Its last.
    pub last: Option<Timestamp>,
    /// Good answers before the first decision.
    pub good_before: u64,
    /// The first of them.
    pub first_good: Option<Timestamp>,
    /// The days of them, a bit each; the 64th is also every later one.
    pub days_before: u64,
    /// Pauses between pages, by powers of two seconds.
    pub pauses: [u32; 16],
    /// Its agents.
    pub agents: Names,
    /// Its accounts.
    pub users: Names,
    /// It was asked for a password (401).
    pub asked_for_password: bool,
    /// Logins at web pages.
    pub web: Logins,
    /// Logins over SSH.
    pub ssh: Logins,
    /// Requests for what only attackers ask for.
    pub attacks: u64,
    /// The first attack tool that it said it is.
    pub tool: Option<&'static str>,
    /// The first search engine.
    pub engine: Option<&'static str>,
    /// The first monitor or service.
    pub service: Option<&'static str>,
    /// The most pages in a minute.
    pub busiest_minute: u64,
    /// Requests that would have been stopped.
    pub lost: u64,
    /// Good ones of them.
    pub lost_good: u64,
    /// Some of those.
    pub lost_lines: Vec<Line>,
    /// Its time line.
    pub lane: Lane,
    last_page: Option<Timestamp>,
    recent: [u32; 8],
    recent_at: usize,
    /// The page asked for most, by the majority's vote: its hash, and by how many it leads.
    favourite: (u32, u64),
    minute: (i64, u64),
}

impl Profile {
    /// Takes note of one look.
    pub fn note(&mut self, look: &Look, frame: &Frame, standing: Standing) {
        let good = look.answer == Answer::Good;
        self.first = Some(self.first.map_or(look.time, |first| first.min(look.time)));
        self.last = Some(self.last.map_or(look.time, |last| last.max(look.time)));
        let bucket = frame.bucket(look.time);
        let side = if good || look.answer == Answer::Open {
            &mut self.lane.good
        } else {
            &mut self.lane.bad
        };
        if let Some(count) = side.get_mut(bucket) {
            *count = count.saturating_add(u16::try_from(look.times).unwrap_or(u16::MAX));
        }
        if standing.lost {
            self.lost += look.times;
            if good {
                self.lost_good += look.times;
                let room = self.lost_lines.len() < limits::REPORT_LINES_MAX;
                self.lost_lines.extend(standing.line.filter(|_| room));
            }
        }
        match look.who {
            Who::Tool(name) => self.tool = self.tool.or(Some(name)),
            Who::Engine(name) => self.engine = self.engine.or(Some(name)),
            Who::Service(name) => self.service = self.service.or(Some(name)),
            Who::Browser | Who::Program => {}
        }
        self.attacks += u64::from(look.attack);
        match look.act {
            Act::SshLogin => {
                self.ssh.attempt(look);
                self.users.note(look.user, good);
            }
            Act::WebLogin => self.web.attempt(look),
            Act::Page | Act::Part => self.request(look, frame, standing.before),
        }
    }

    fn request(&mut self, look: &Look, frame: &Frame, before: bool) {
        let good = look.answer == Answer::Good;
        match look.answer {
            Answer::Good | Answer::Open => self.good += 1,
            Answer::Missing => self.missing += 1,
            Answer::Refused => self.refused += 1,
            Answer::Failed => self.failed += 1,
            Answer::Bad => self.bad += 1,
        }
        self.asked_for_password |= look.answer == Answer::Refused && look.user == 0;
        self.users.note(look.user, good);
        if look.act == Act::Part {
            self.parts += 1;
            return;
        }
        self.pages += 1;
        self.as_browser += u64::from(look.who == Who::Browser);
        self.data += u64::from(look.data);
        self.agents.note(look.agent, good);
        if good && !look.at_login {
            self.web.saw_page(look.time);
        }
        if good && before && !look.attack {
            self.good_before += 1;
            self.first_good = Some(self.first_good.map_or(look.time, |first| first.min(look.time)));
            let day = look.time.since(frame.from).as_secs() / 86_400;
            self.days_before |= 1 << day.min(63);
        }
        self.linked += u64::from(look.referer != 0 && self.recent.contains(&look.referer));
        if let Some(slot) = self.recent.get_mut(self.recent_at) {
            *slot = look.page;
        }
        self.recent_at = (self.recent_at + 1) % self.recent.len();
        self.pace(look);
    }

    fn pace(&mut self, look: &Look) {
        if let Some(last) = self.last_page {
            let secs = look.time.since(last).as_secs();
            let bucket = (u64::BITS - secs.leading_zeros()) as usize;
            let last = self.pauses.len() - 1;
            if let Some(count) = self.pauses.get_mut(bucket.min(last)) {
                *count += 1;
            }
        }
        self.last_page = Some(look.time);
        let minute = look.time.as_secs().div_euclid(60);
        self.minute =
            if self.minute.0 == minute { (minute, self.minute.1 + 1) } else { (minute, 1) };
        self.busiest_minute = self.busiest_minute.max(self.minute.1);
        self.favourite = match self.favourite {
            (page, votes) if page == look.page => (page, votes + 1),
            (_, 0) => (look.page, 1),
            (page, votes) => (page, votes - 1),
        };
    }

    /// Whether nine in ten of its pages are the same one.
    pub fn always_the_same(&self) -> bool {
        self.favourite.1 * 10 >= self.pages * 8
    }

    /// Whether its pauses are spread as those of people are: not all short, not all alike.
    pub fn pauses_like_people(&self) -> bool {
        // From 2 s to about half an hour.
        let longer = self.pauses.get(2..=11).unwrap_or_default();
        let all: u32 = longer.iter().sum();
        let most = longer.iter().copied().max().unwrap_or(0);
        let kinds = longer.iter().filter(|count| **count > 0).count();
        all >= 5 && kinds >= 3 && most * 10 <= all * 7
    }
}
