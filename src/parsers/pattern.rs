//! A format that the user describes by a regular expression with named groups, in the syntax of
//! the regex crate (linear time, whatever a client sends).
//!
//! In: a line. Out: an event whose fields are the groups: `(?<ip>\S+)` sets `ip`; `time`,
//! `request` and `path` are taken apart as in other formats; a name of the user's own becomes a
//! field of that name. Text that is empty or `-` is absent.

use super::assign::{Target, TimeFormat, Times};
use super::stamp::Zone;
use super::{ParserError, Unparsed, scan};
use crate::clock::Timestamp;
use crate::event::{Event, Field, Kind};
use crate::limits;
use regex::bytes::{CaptureLocations, Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Reads lines by a pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    places: CaptureLocations,
    targets: Vec<(usize, Target)>,
    kind: Kind,
    time_format: TimeFormat,
}

impl Pattern {
    /// Compiles the pattern; `fields` names groups that go by another name than ours.
    pub fn new(
        pattern: &str,
        fields: &BTreeMap<String, String>,
        kind: Option<Kind>,
        time_format: TimeFormat,
    ) -> Result<Self, ParserError> {
        let regex = RegexBuilder::new(pattern)
            .size_limit(limits::LOG_PATTERN_COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| {
                ParserError(format!(
                    "`pattern` is no regular expression: {error}\nhint: name the fields as in `^(?<ip>\\S+) \\[(?<time>[^\\]]+)\\]`"
                ))
            })?;
        let ours = |group: &str| {
            let renamed = fields.iter().find(|(_, theirs)| theirs.as_str() == group);
            Target::named(renamed.map_or(group, |(ours, _)| ours.as_str()))
        };
        let targets: Vec<_> = regex
            .capture_names()
            .enumerate()
            .filter_map(|(place, name)| Some((place, ours(name?))))
            .collect();
        if targets.is_empty() {
            return Err(ParserError(
                "`pattern` has no named group\nhint: name the fields as in `^(?<ip>\\S+) (?<message>.*)`"
                    .to_owned(),
            ));
        }
        for (field, group) in fields {
            if !regex.capture_names().flatten().any(|name| name == group) {
                return Err(ParserError(format!(
                    "`fields` takes `{field}` from the group `{group}`, which `pattern` does not have\nhint: write the group as `(?<{group}>…)`"
                )));
            }
        }
        let places = regex.capture_locations();
        Ok(Self { regex, places, targets, kind: kind.unwrap_or(Kind::Log), time_format })
    }

    /// What may go wrong with the pattern: an address that a client could write.
    pub fn warnings(&self) -> Vec<String> {
        let has_ip = self.targets.iter().any(|(_, target)| *target == Target::Field(Field::Ip));
        let anchored = self.regex.as_str().trim_start_matches("(?-u)").starts_with('^');
        if has_ip && !anchored {
            vec![
                "`pattern` finds `ip` anywhere in a line, so a client may write it\nhint: begin the pattern with `^`"
                    .to_owned(),
            ]
        } else {
            Vec::new()
        }
    }

    /// Fills the event from its record.
    pub fn parse(
        &mut self,
        line: &[u8],
        zone: &Zone,
        arrival: Timestamp,
        event: &mut Event,
    ) -> Result<(), Unparsed> {
        if self.regex.captures_read(&mut self.places, line).is_none() {
            return Err(Unparsed("the line does not match the pattern"));
        }
        event.kind = self.kind.clone();
        event.time = arrival;
        let times = Times { format: &self.time_format, zone, arrival };
        for (place, target) in &self.targets {
            if let Some((start, end)) = self.places.get(*place)
                && let Some(text) = line.get(start..end)
                && let Some(text) = scan::present(text)
            {
                target.set(event, text, &times);
            }
        }
        Ok(())
    }
}
