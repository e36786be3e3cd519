//! What is asked of Cloudflare, as far as it is written out: whether there is such a function, a
//! zone of the config, a setting that takes that value, and how long.

use super::calls::impure;
use super::literals::{configured, duration};
use super::{Call, Checker, Facts, Role, literal};
use crate::decisions::change::is_zone;
use crate::decisions::zone_settings::{ZONE_SETTINGS, zone_setting};
use crate::rules::book::Place;
use crate::rules::finding::{Note, did_you_mean};
use rhai::{Expr, Position};
use serde_json::{Value as Json, json};

/// Functions whose first value is a record's name.
const OF_RECORDS: &[&str] =
    &["dns_failover", "dns_ttl", "dns_set", "dns_delete", "ddns", "target_down", "target_up"];

impl Checker<'_> {
    /// Checks a call `cf::…`.
    pub(super) fn cloudflare_call(&self, call: &Call<'_>, facts: &Facts, notes: &mut Vec<Note>) {
        let name = call.expr.name.as_str();
        let known = || {
            let ours = self.book.iter().filter(|entry| entry.place == Place::Cloudflare);
            ours.map(|entry| entry.name)
        };
        if !known().any(|one| one == name) {
            let note = Note::error(
                "unknown-function",
                call.position,
                format!("there is no function `cf::{name}`"),
            );
            notes.push(match did_you_mean(name, known()) {
                Some(near) => note.hint(format!("did you mean `cf::{near}`?")),
                None => note.hint(format!(
                    "there are {}",
                    known().map(|name| format!("`cf::{name}`")).collect::<Vec<_>>().join(", ")
                )),
            });
            return;
        }
        if facts.roles.contains(&Role::Pure) {
            notes.push(impure(&format!("cf::{name}"), call.position));
            return;
        }
        let args = call.expr.args.as_slice();
        // Those of DNS name a record; its zone is seen when it runs.
        if !OF_RECORDS.contains(&name) {
            self.zone(args.first(), notes);
        }
        match name {
            "rate_limit" | "tighten" | "waf_rule" | "cache_ttl" | "managed" => {
                duration(literal(args.get(3)), false, notes);
                expression(args.get(2), notes);
            }
            "worker_route" | "pool" => duration(literal(args.get(3)), false, notes),
            "under_attack" | "bot_fight_mode" => duration(literal(args.get(1)), false, notes),
            "security_level" => {
                setting("security_level", args.get(1), notes);
                duration(literal(args.get(2)), false, notes);
            }
            "setting" => {
                if let Some((id, at)) = literal(args.get(1)) {
                    match zone_setting(id) {
                        Some(_) => setting(id, args.get(2), notes),
                        None => notes.push(unknown_setting(id, at)),
                    }
                }
                duration(literal(args.get(3)), false, notes);
            }
            "dns_ttl" | "target_down" => duration(literal(args.get(2)), false, notes),
            _ => {}
        }
    }

    fn zone(&self, expr: Option<&Expr>, notes: &mut Vec<Note>) {
        let Some((text, position)) = literal(expr) else { return };
        if !is_zone(text) {
            let message = format!("`{text}` is no zone");
            let note = Note::error("cloudflare", position, message);
            notes.push(note.hint("write its name, as in `\"example.com\"`"));
            return;
        }
        match self.known.zones.as_ref() {
            Some(zones) if zones.is_empty() => notes.push(
                Note::warning(
                    "not-configured",
                    position,
                    "the config has no `[[actions.cloudflare]]`".to_owned(),
                )
                .hint("docs/cloudflare.md says what goes in there"),
            ),
            zones => {
                let lower = text.to_ascii_lowercase();
                configured("zone", Some((&lower, position)), zones, notes);
            }
        }
    }
}

/// A client's text within an expression could become a part of it.
fn expression(fields: Option<&Expr>, notes: &mut Vec<Note>) {
    let Some(Expr::Map(map, _)) = fields else { return };
    for (key, value) in map.0.iter().filter(|(key, _)| key.name == "expression") {
        if let Expr::InterpolatedString(..) = value {
            let message = "what stands in `${…}` could become a part of the expression".to_owned();
            notes.push(Note::warning("cloudflare", key.pos, message).hint(
                "use `path`, `path_starts`, `host`, `user_agent`, `country` or `ip`: they are quoted",
            ));
        }
    }
}

fn unknown_setting(id: &str, at: Position) -> Note {
    let message = format!("`{id}` is no setting that can be changed for a while");
    let note = Note::error("cloudflare", at, message);
    note.did_you_mean(id, ZONE_SETTINGS.iter().map(|setting| setting.id))
}

/// Whether a setting takes what is written out.
fn setting(id: &str, value: Option<&Expr>, notes: &mut Vec<Note>) {
    let written: Option<(Json, Position)> = match value {
        Some(Expr::StringConstant(text, at)) => Some((json!(text.as_str()), *at)),
        Some(Expr::IntegerConstant(number, at)) => Some((json!(number), *at)),
        Some(Expr::BoolConstant(truth, at)) => Some((json!(truth), *at)),
        _ => None,
    };
    if let (Some((value, at)), Some(setting)) = (written, zone_setting(id))
        && let Err(takes) = setting.judge(&value)
    {
        let message = format!("`{id}` can't be {}", crate::decisions::change::value_words(&value));
        notes.push(Note::error("cloudflare", at, message).hint(takes));
    }
}
