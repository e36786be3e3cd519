//! Expectations of a test on what bodies asked of Cloudflare.

use super::asks::asks;
use super::diff::{Item, Pattern};
use super::handle::{Answer, Handle, Times};
use super::options;
use crate::clock::format_duration;
use crate::decisions::{CloudflareAsk, CloudflareWhat};
use crate::rules::book::{Api, Place};
use rhai::{Map, NativeCallContext};
use std::time::Duration;

/// An ask as a test sees it.
pub(super) fn item(ask: &CloudflareAsk) -> Item {
    let item = Item::default().with("what", "change").with("zone", ask.zone.as_str());
    let item = match &ask.via {
        Some(via) => item.with("via", via.as_str()),
        None => item,
    };
    match &ask.what {
        CloudflareWhat::Change { name, value, seconds, .. } => {
            let item = item
                .with("name", name.as_str())
                .with("duration", format_duration(Duration::from_secs(*seconds)));
            match value.as_object() {
                None => item.with("value", options::json_text(value)),
                Some(fields) => fields.iter().fold(item, |item, (name, value)| {
                    item.with(name.clone(), options::json_text(value))
                }),
            }
        }
        CloudflareWhat::Once { task } => item.with("name", task.name()).with("value", task.words()),
        CloudflareWhat::End { .. } => item,
    }
}

fn wanted(zone: &str) -> Pattern {
    Pattern::default().is("what", "change").is("zone", zone.to_ascii_lowercase())
}

fn more(context: &NativeCallContext, mut pattern: Pattern, map: &Map) -> Answer<Pattern> {
    for (name, wanted) in map {
        pattern = match name.as_str() {
            "duration" => {
                pattern.is("duration", options::duration(context, &options::value(wanted).text())?)
            }
            // A rule at Cloudflare has fields of its own.
            other => pattern.with(other.to_owned(), options::value(wanted)),
        };
    }
    Ok(pattern)
}

pub(super) fn register(api: &mut Api<'_>) {
    api.doc(
        Place::Test,
        "expect_change",
        "t.expect_change(zone, name[, #{ value, duration, rule }])",
        "A change at Cloudflare was asked for: of a setting, by its id, or of what the rule named. In a map: what it is to be, for how long, which rule asked.",
        r#"t.expect_change("example.com", "security_level", #{ value: "under_attack" })"#,
    )
    .register_fn(
        "expect_change",
        |context: NativeCallContext, t: &mut Handle, zone: &str, name: &str| {
            let said = format!("a change of `{name}` in `{zone}`");
            t.expect(&context, asks, &wanted(zone).is("name", name), Times::Some, &said);
        },
    )
    .register_fn(
        "expect_change",
        |context: NativeCallContext,
         t: &mut Handle,
         zone: &str,
         name: &str,
         options: Map|
         -> Answer<()> {
            let pattern = more(&context, wanted(zone).is("name", name), &options)?;
            let said = format!("a change of `{name}` in `{zone}` as described");
            t.expect(&context, asks, &pattern, Times::Some, &said);
            Ok(())
        },
    );
    api.doc(
        Place::Test,
        "expect_no_change",
        "t.expect_no_change(zone[, name])",
        "No change at Cloudflare was asked for in the zone; with a name: none of that.",
        r#"t.expect_no_change("example.com")"#,
    )
    .register_fn("expect_no_change", |context: NativeCallContext, t: &mut Handle, zone: &str| {
        let said = format!("no change in `{zone}`");
        t.expect(&context, asks, &wanted(zone), Times::None, &said);
    })
    .register_fn(
        "expect_no_change",
        |context: NativeCallContext, t: &mut Handle, zone: &str, name: &str| {
            let said = format!("no change of `{name}` in `{zone}`");
            t.expect(&context, asks, &wanted(zone).is("name", name), Times::None, &said);
        },
    );
}
