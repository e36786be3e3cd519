//! Any nginx `log_format`, compiled from its text in nginx.conf to steps of literal text and
//! variables (compiling is [`compile`]'s business).
//!
//! In: a line. Out: an `http` event. Values between quotes end at the next unescaped quote, which
//! nginx escapes in values (`\x22`, or `\"` with `escape=json`); others end at the first literal
//! that follows them in the format, and where a number, a time or an address comes next, at the
//! first one after which that is really there.

mod compile;
#[cfg(test)]
mod tests;

use super::assign::{Target, TimeFormat, Times};
use super::json_text::unescape;
use super::stamp::Zone;
use super::{Unparsed, scan};
use crate::clock::Timestamp;
use crate::event::{Event, Kind};
use memchr::memmem;
use std::borrow::Cow;

const MISFIT: Unparsed = Unparsed("the line does not fit the log_format");

/// Reads lines of one `log_format`.
#[derive(Debug, Clone)]
pub struct LogFormat {
    /// What comes before the first variable.
    start: Box<[u8]>,
    steps: Vec<Step>,
    /// Values are escaped as in JSON.
    json: bool,
    time_format: TimeFormat,
    warnings: Vec<String>,
}

/// A variable and the literal after it.
#[derive(Debug, Clone)]
struct Step {
    target: Option<Target>,
    shape: Shape,
    /// Between quotes, so that it ends at the next unescaped one.
    quoted: bool,
    /// Empty after the last variable.
    literal: Box<[u8]>,
}

/// What a variable's text can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Anything, spaces too.
    Free,
    /// An address, `unix:` or `-`.
    Address,
    /// A number, with or without a fraction, or `-`.
    Number,
    /// A time stamp.
    Time,
    /// Values of several upstreams, with `, ` or ` : ` between them.
    Upstreams,
}

impl LogFormat {
    /// What may go wrong with the format: fields that a client could write.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Fills the event from its record.
    pub fn parse(
        &self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        event.kind = Kind::Http;
        event.time = arrival;
        let times = Times { format: &self.time_format, zone, arrival };
        let mut rest = line.strip_prefix(&*self.start).ok_or(MISFIT)?;
        let mut steps = self.steps.as_slice();
        while let Some((step, after)) = steps.split_first() {
            let (value, next) = step.take(rest, after.first(), &times).ok_or(MISFIT)?;
            if let Some(target) = &step.target {
                self.set(event, target, value, &times);
            }
            rest = next;
            steps = after;
        }
        Ok(())
    }

    fn set(&self, event: &mut Event, target: &Target, value: &[u8], times: &Times<'_>) {
        let whole = *target == Target::RequestLine && value.is_empty();
        let Some(value) = scan::present(value).or(whole.then_some(value)) else {
            return;
        };
        if self.json
            && let Cow::Owned(text) = unescape(value)
        {
            target.set(event, &text, times);
        } else {
            target.set(event, value, times);
        }
    }
}

impl Step {
    /// The variable's value, and what follows the literal after it.
    fn take<'r>(
        &self,
        rest: &'r [u8],
        next: Option<&Step>,
        times: &Times<'_>,
    ) -> Option<(&'r [u8], &'r [u8])> {
        if self.quoted {
            let (value, after) = scan::quoted(rest)?;
            return Some((value, after.strip_prefix(self.literal.get(1..)?)?));
        }
        if self.literal.is_empty() {
            return self.fits(rest, times).then_some((rest, &b""[..]));
        }
        for at in memmem::find_iter(rest, &*self.literal) {
            let (value, after) = rest.split_at_checked(at)?;
            let after = after.get(self.literal.len()..)?;
            let ends = match self.shape {
                Shape::Upstreams => {
                    !(value.ends_with(b",") || value.ends_with(b" :") || after.starts_with(b": "))
                }
                Shape::Free => next.is_none_or(|next| next.is_free() || next.starts(after, times)),
                _ => return self.fits(value, times).then_some((value, after)),
            };
            if ends {
                return Some((value, after));
            }
        }
        None
    }

    /// Whether any text will do, so that it says nothing about where the one before it ends.
    fn is_free(&self) -> bool {
        self.quoted || matches!(self.shape, Shape::Free | Shape::Upstreams)
    }

    /// Whether `rest` begins with a value of this shape and the literal after it.
    fn starts(&self, rest: &[u8], times: &Times<'_>) -> bool {
        if self.literal.is_empty() {
            return self.fits(rest, times);
        }
        scan::split_at(rest, &self.literal).is_some_and(|(value, _)| self.fits(value, times))
    }

    fn fits(&self, value: &[u8], times: &Times<'_>) -> bool {
        match self.shape {
            _ if value == b"-" => true,
            Shape::Free | Shape::Upstreams => true,
            Shape::Address => scan::ip(value).is_some() || value.starts_with(b"unix:"),
            Shape::Number => scan::decimal(value).is_some() || (value.is_empty() && self.quoted),
            Shape::Time => times.read(value).is_some(),
        }
    }
}
