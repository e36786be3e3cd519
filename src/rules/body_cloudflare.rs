//! What bodies ask of Cloudflare: the module `cf`. Each call adds an ask; what is there before comes
//! back when the time is over.

mod rules;

use super::body_api::{Answer, ask, duration};
use super::body_options::Options;
use super::book::{Api, Place};
use super::context::value_error;
use super::values::{cut, to_json};
use crate::decisions::change::is_zone;
use crate::decisions::zone_settings::zone_setting;
use crate::decisions::{Ask, ChangeKind, CloudflareAsk, CloudflareWhat, Effect};
use crate::limits;
use rhai::{Dynamic, Map, Module, NativeCallContext};
use serde_json::{Value as Json, json};

/// Registers the module.
pub(super) fn register(api: &mut Api<'_>) {
    let mut cf = Module::new();
    settings(&mut cf, api);
    bots(&mut cf, api);
    rules::register(&mut cf, api);
    super::body_dns::register(&mut cf, api);
    super::body_cache::register(&mut cf, api);
    super::body_workers::register(&mut cf, api);
    api.engine.register_static_module("cf", cf.into());
}

/// A text as errors show it.
pub(super) fn shown(text: &str) -> String {
    cut(text, limits::SCRIPT_NAME_BYTES_MAX).into_owned()
}

/// Whether a text may name a place: it becomes a part of a reference.
fn of_place(text: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= 40 && text.bytes().all(right)
}

/// A zone's name, as asks have it.
pub(super) fn zone(context: &NativeCallContext, text: &str) -> Answer<String> {
    if is_zone(text) {
        return Ok(text.to_ascii_lowercase());
    }
    let shown = shown(text);
    Err(value_error(context, format!("`{shown}` is no zone: write its name, as in `example.com`")))
}

/// How long a change lasts, in seconds.
pub(super) fn seconds(context: &NativeCallContext, text: &str) -> Answer<u64> {
    let seconds = duration(context, text)?.as_secs();
    if seconds == 0 || seconds > limits::CHANGE_SECS_MAX {
        return Err(value_error(
            context,
            "a change at Cloudflare lasts at least `1s` and at most `7d`",
        ));
    }
    Ok(seconds)
}

/// The account that options choose.
fn via(context: &NativeCallContext, options: &Map) -> Answer<Option<String>> {
    Options::read(context, options, &["via"]).map(|options| options.text("via"))
}

/// Asks for a change.
pub(super) fn change(
    context: &NativeCallContext,
    (zone_name, options): (&str, &Map),
    (kind, name): (ChangeKind, &str),
    value: Json,
    how_long: &str,
) -> Answer<String> {
    let what = CloudflareWhat::Change {
        kind,
        name: name.to_owned(),
        value,
        seconds: seconds(context, how_long)?,
    };
    let via = via(context, options)?;
    let zone = zone(context, zone_name)?;
    ask(context, Ask::Effect(Effect::Cloudflare(CloudflareAsk { zone, via, what })))
}

fn set(
    context: &NativeCallContext,
    place: (&str, &Map),
    (id, value): (&str, Json),
    how_long: &str,
) -> Answer<String> {
    let Some(setting) = zone_setting(id) else {
        let shown = shown(id);
        let text = format!("`{shown}` is no setting that can be changed for a while");
        return Err(value_error(context, text));
    };
    setting.judge(&value).map_err(|takes| value_error(context, takes))?;
    change(context, place, (ChangeKind::Setting, setting.id), value, how_long)
}

fn settings(cf: &mut Module, api: &mut Api<'_>) {
    cf.set_native_fn("under_attack", |context: NativeCallContext, zone: &str, how_long: &str| {
        let value = ("security_level", json!("under_attack"));
        set(&context, (zone, &Map::new()), value, how_long)
    });
    cf.set_native_fn(
        "under_attack",
        |context: NativeCallContext, zone: &str, how_long: &str, options: Map| {
            let value = ("security_level", json!("under_attack"));
            set(&context, (zone, &options), value, how_long)
        },
    );
    api.doc(Place::Cloudflare, "under_attack", "cf::under_attack(zone, duration[, #{via}])", "Show every visitor of a zone a check of their browser for a while: the strongest `security_level`. Then the level from before comes back.", r#"cf::under_attack("example.com", "30m")"#);
    cf.set_native_fn(
        "security_level",
        |context: NativeCallContext, zone: &str, level: &str, how_long: &str| {
            set(&context, (zone, &Map::new()), ("security_level", json!(level)), how_long)
        },
    );
    cf.set_native_fn(
        "security_level",
        |context: NativeCallContext, zone: &str, level: &str, how_long: &str, options: Map| {
            set(&context, (zone, &options), ("security_level", json!(level)), how_long)
        },
    );
    api.doc(Place::Cloudflare, "security_level", "cf::security_level(zone, level, duration[, #{via}])", "Set a zone's security level for a while: `off`, `essentially_off`, `low`, `medium`, `high` or `under_attack`. Of several rules the strongest counts.", r#"cf::security_level("example.com", "high", "1h")"#);
    cf.set_native_fn(
        "setting",
        |context: NativeCallContext, zone: &str, id: &str, value: Dynamic, how_long: &str| {
            set(&context, (zone, &Map::new()), (id, to_json(&value)), how_long)
        },
    );
    cf.set_native_fn(
        "setting",
        |context: NativeCallContext,
         zone: &str,
         id: &str,
         value: Dynamic,
         how_long: &str,
         options: Map| { set(&context, (zone, &options), (id, to_json(&value)), how_long) },
    );
    api.doc(Place::Cloudflare, "setting", "cf::setting(zone, id, value, duration[, #{via}])", "Set one of a zone's settings for a while, by the id that Cloudflare's API has for it. docs/cloudflare-changes.md lists those that can be set so, and their values.", r#"cf::setting("example.com", "browser_check", "on", "1h")"#);
}

fn bots(cf: &mut Module, api: &mut Api<'_>) {
    let on = |context: &NativeCallContext, zone: &str, how_long: &str, options: &Map| {
        change(context, (zone, options), (ChangeKind::Bots, "fight_mode"), json!(true), how_long)
    };
    cf.set_native_fn(
        "bot_fight_mode",
        move |context: NativeCallContext, zone: &str, how_long: &str| {
            on(&context, zone, how_long, &Map::new())
        },
    );
    cf.set_native_fn(
        "bot_fight_mode",
        move |context: NativeCallContext, zone: &str, how_long: &str, options: Map| {
            on(&context, zone, how_long, &options)
        },
    );
    api.doc(
        Place::Cloudflare,
        "bot_fight_mode",
        "cf::bot_fight_mode(zone, duration[, #{via}])",
        "Switch on Cloudflare's fight against bots for a while (zones of the Free plan).",
        r#"cf::bot_fight_mode("example.com", "1h")"#,
    );
}
