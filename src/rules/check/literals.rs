//! Values that are written out in calls: durations, targets, patterns, prefixes, and names of what
//! the config must have.

use super::{Call, Checker, Facts, Role, literal};
use crate::clock::parse_duration;
use crate::decisions::Target;
use crate::event::net;
use crate::rules::finding::Note;
use crate::rules::patterns;
use rhai::{Expr, Position};
use std::collections::BTreeSet;

/// Which argument of a function is a duration, counted from 0; methods count without the receiver.
const DURATIONS: &[(&str, bool, usize)] = &[
    ("block", false, 1),
    ("challenge", false, 1),
    ("captcha", false, 1),
    ("throttle", false, 1),
    ("allow", false, 1),
    ("escalate", false, 0),
    ("escalate", false, 1),
    ("past_hits", false, 1),
    ("tag", false, 2),
    ("advance", true, 0),
    ("repeat", true, 2),
    ("expect_block", true, 1),
];

const REMEDIES: &[&str] = &["block", "challenge", "captcha", "throttle", "allow"];

impl Checker<'_> {
    /// Checks the values of a call.
    pub(super) fn literals(&self, call: &Call<'_>, facts: &Facts, notes: &mut Vec<Note>) {
        let name = call.expr.name.as_str();
        let args = call.expr.args.as_slice();
        if !call.expr.namespace.is_empty() {
            if call.expr.namespace.to_string().starts_with("state") && matches!(name, "set" | "add")
            {
                duration(literal(args.get(2)), false, notes);
            }
            return;
        }
        for (_, _, place) in
            DURATIONS.iter().filter(|(known, method, _)| *known == name && *method == call.method)
        {
            duration(literal(args.get(*place)), REMEDIES.contains(&name), notes);
        }
        if REMEDIES.contains(&name) || name == "unblock" {
            target(literal(args.first()), notes);
            self.via(args.get(2), notes);
        }
        // A method's receiver is left out of its arguments.
        let second = args.get(usize::from(!call.method));
        match name {
            "notify" => {
                configured("channel", literal(args.first()), self.known.channels.as_ref(), notes);
            }
            "webhook" => {
                configured("webhook", literal(args.first()), self.known.webhooks.as_ref(), notes);
            }
            "exec" => {
                configured("program", literal(args.first()), self.known.programs.as_ref(), notes);
            }
            "in_feed" => configured("feed", literal(second), self.known.feeds.as_ref(), notes),
            "geo" if self.known.places == Some(false) => notes.push(no_places(call.position)),
            "escalate" => escalation(args, notes),
            "matches" | "capture" => pattern(literal(second), notes),
            "within" => prefixes(second, notes),
            "has" if facts.roles.contains(&Role::Pure) => {}
            "contains" if !call.method => in_text(args, call.position, notes),
            _ => {}
        }
    }
}

impl Checker<'_> {
    /// The enforcer that options name.
    fn via(&self, options: Option<&Expr>, notes: &mut Vec<Note>) {
        match options {
            Some(Expr::Map(map, _)) => {
                for (_, value) in map.0.iter().filter(|(key, _)| key.name == "via") {
                    configured(
                        "enforcer",
                        literal(Some(value)),
                        self.known.enforcers.as_ref(),
                        notes,
                    );
                }
            }
            Some(Expr::DynamicConstant(value, position)) => {
                let map = value.read_lock::<rhai::Map>();
                let via = map.as_ref().and_then(|map| map.get("via"));
                if let Some(Ok(name)) = via.map(|via| via.as_immutable_string_ref()) {
                    let before = notes.len();
                    configured(
                        "enforcer",
                        Some((&name, *position)),
                        self.known.enforcers.as_ref(),
                        notes,
                    );
                    let found = notes.iter_mut().skip(before);
                    found.for_each(|note| note.word = Some(name.to_string()));
                }
            }
            _ => {}
        }
    }
}

pub(super) fn duration(text: Option<(&str, Position)>, forever: bool, notes: &mut Vec<Note>) {
    let Some((text, position)) = text else { return };
    if forever && text == "forever" {
        return;
    }
    match parse_duration(text) {
        Err(error) => {
            notes.push(Note::error("bad-duration", position, error.to_string()).split_hint());
        }
        Ok(duration) if duration.is_zero() && forever => {
            let message = "a decision can't stand for no time".to_owned();
            notes.push(Note::error("bad-duration", position, message));
        }
        Ok(_) => {}
    }
}

/// `escalate` begins with the shorter one.
fn escalation(args: &[Expr], notes: &mut Vec<Note>) {
    let (Some((base, _)), Some((max, position))) = (literal(args.first()), literal(args.get(1)))
    else {
        return;
    };
    let (Ok(base_time), Ok(max_time)) = (parse_duration(base), parse_duration(max)) else { return };
    if base_time.is_zero() || base_time > max_time {
        let message = format!("`escalate` goes from `{base}` to `{max}`, which is not longer");
        let note = Note::error("bad-duration", position, message);
        notes.push(note.hint("first how long the first offence counts, then the most"));
    }
}

fn target(text: Option<(&str, Position)>, notes: &mut Vec<Note>) {
    let Some((text, position)) = text else { return };
    if Target::parse(text).is_none() {
        notes.push(Note::error("bad-target", position, format!("`{text}` is no target")).hint(
            "write an address, a prefix, `AS64500`, `country:NL`, `user:NAME` or `host:NAME`",
        ));
    }
}

pub(super) fn configured(
    what: &str,
    name: Option<(&str, Position)>,
    known: Option<&BTreeSet<String>>,
    notes: &mut Vec<Note>,
) {
    let (Some((name, position)), Some(known)) = (name, known) else {
        return;
    };
    if known.contains(name) {
        return;
    }
    let note =
        Note::warning("not-configured", position, format!("the config has no {what} `{name}`"));
    notes.push(note.did_you_mean(name, known.iter().map(String::as_str)));
}

/// Something that only databases of places know, where the config has none.
pub(super) fn no_places(position: Position) -> Note {
    let words = "the config has no database of places, so nothing is known here";
    Note::warning("not-configured", position, words.to_owned())
        .hint("name one in the config: `[geo]` with `country`, `city` or `asn`")
}

/// A pattern that isn't one, with the place inside of it.
fn pattern(text: Option<(&str, Position)>, notes: &mut Vec<Note>) {
    let Some((text, position)) = text else { return };
    let Err(error) = patterns::compile(text) else { return };
    let note = Note::error("bad-pattern", position, error).split_hint();
    notes.push(match patterns::fault(text) {
        Some(within) => note.within(within),
        None => note,
    });
}

fn prefixes(expr: Option<&Expr>, notes: &mut Vec<Note>) {
    let mut check = |text: &str, position: Position| {
        if net::parse_net(text).is_none() {
            notes.push(Note::error(
                "bad-prefix",
                position,
                format!("`{text}` is no address or prefix"),
            ));
        }
    };
    match expr {
        Some(Expr::StringConstant(text, position)) => check(text, *position),
        Some(Expr::Array(items, _)) => {
            for item in items {
                if let Expr::StringConstant(text, position) = item {
                    check(text, *position);
                }
            }
        }
        Some(Expr::DynamicConstant(value, position)) => {
            if let Some(items) = value.read_lock::<rhai::Array>() {
                for item in items.iter() {
                    if let Ok(text) = item.as_immutable_string_ref() {
                        check(&text, *position);
                    }
                }
            }
        }
        _ => {}
    }
}

/// `x in "text"` looks for a part of the text, which is seldom meant.
fn in_text(args: &[Expr], position: Position, notes: &mut Vec<Note>) {
    let [Expr::StringConstant(text, at), _] = args else {
        return;
    };
    let note = Note::warning(
        "in-text",
        if at.is_none() { position } else { *at },
        format!("`in` on the text `{text}` asks whether it is a part of that text"),
    );
    notes.push(if net::parse_net(text).is_some() {
        note.hint(format!("an address lies in a prefix by `.within(\"{text}\")`"))
    } else if text.parse::<i64>().is_ok() {
        note.hint(format!("for a list of numbers write `in [{text}]`"))
    } else {
        note.hint(format!("for a list write `in [\"{text}\"]`"))
    });
}
