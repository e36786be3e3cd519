//! What bodies ask of Workers, their values and load balancers: which Worker answers for a while, whether
//! a pool or an origin is used for a while, values that Workers read. Part of the module `cf`.

use super::body_api::{Answer, duration};
use super::body_cloudflare::{change, shown, zone};
use super::body_options::{Options, task};
use super::book::{Api, Place};
use super::context::value_error;
use super::values::to_text;
use crate::decisions::{ChangeKind, CloudflareTask};
use crate::limits;
use rhai::{Dynamic, Map, Module, NativeCallContext};
use serde_json::{Map as Fields, Value as Json, json};

/// The least that Cloudflare lets a value of KV stay, in seconds.
const TTL_SECS_MIN: u64 = 60;

/// Registers the functions.
pub(super) fn register(cf: &mut Module, api: &mut Api<'_>) {
    routes(cf, api);
    pools(cf, api);
    keys(cf, api);
}

/// A name of something at Cloudflare, as it is.
fn name(context: &NativeCallContext, what: &str, text: &str, most: usize) -> Answer<String> {
    if text.trim().is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let text = shown(text);
        return Err(value_error(context, format!("`{text}` is no {what} (at most {most} bytes)")));
    }
    Ok(text.to_owned())
}

fn routes(cf: &mut Module, api: &mut Api<'_>) {
    let lead = |context: &NativeCallContext,
                zone: &str,
                (pattern, script): (&str, &str),
                how_long: &str,
                options: &Map| {
        let pattern = name(context, "pattern of a route", pattern, limits::SCRIPT_NAME_BYTES_MAX)?;
        let script = match script {
            "" => Json::Null,
            script => json!(name(context, "Worker", script, 63)?),
        };
        let value = json!({ "script": script });
        change(context, (zone, options), (ChangeKind::WorkerRoute, &pattern), value, how_long)
    };
    cf.set_native_fn(
        "worker_route",
        move |context: NativeCallContext, zone: &str, pattern: &str, script: &str, lasts: &str| {
            lead(&context, zone, (pattern, script), lasts, &Map::new())
        },
    );
    cf.set_native_fn(
        "worker_route",
        move |context: NativeCallContext,
              zone: &str,
              pattern: &str,
              script: &str,
              lasts: &str,
              options: Map| { lead(&context, zone, (pattern, script), lasts, &options) },
    );
    api.doc(Place::Cloudflare, "worker_route", "cf::worker_route(zone, pattern, worker, duration[, #{via}])", "Let a Worker that is deployed answer requests of a pattern for a while; with an empty text, let them go past all Workers. Then the route is as it was before.", r#"cf::worker_route("example.com", "example.com/checkout/*", "queue", "30m")"#);
}

/// What is to become of a pool or an origin.
fn pool_value(context: &NativeCallContext, what: &Map) -> Answer<(Option<String>, Json)> {
    let mut fields = Fields::new();
    let mut origin = None;
    for (name, value) in what {
        match name.as_str() {
            "origin" => {
                let text = to_text(value).unwrap_or_default();
                origin = Some(self::name(context, "origin", &text, limits::SCRIPT_NAME_BYTES_MAX)?);
            }
            "enabled" => {
                let wrong = |_| value_error(context, "`enabled` is `true` or `false`");
                fields.insert("enabled".to_owned(), json!(value.as_bool().map_err(wrong)?));
            }
            "weight" => {
                let whole = value.as_int().ok().and_then(|whole| i32::try_from(whole).ok());
                let share = value.as_float().ok().or_else(|| whole.map(f64::from));
                let share = share.filter(|share| (0.0..=1.0).contains(share));
                let share = share
                    .ok_or_else(|| value_error(context, "`weight` is a share from 0.0 to 1.0"))?;
                fields.insert("weight".to_owned(), json!(share));
            }
            other => {
                let words = format!(
                    "`cf::pool` knows no `{}`: there are `origin`, `enabled` and `weight`",
                    shown(other)
                );
                return Err(value_error(context, words));
            }
        }
    }
    if fields.is_empty() {
        return Err(value_error(
            context,
            "`cf::pool` was not told what to change: `enabled`, or `weight` of an `origin`",
        ));
    }
    if origin.is_none() && fields.contains_key("weight") {
        return Err(value_error(context, "`weight` is an origin's: name it with `origin`"));
    }
    Ok((origin, Json::Object(fields)))
}

fn pools(cf: &mut Module, api: &mut Api<'_>) {
    let set = |context: &NativeCallContext,
               (zone, pool): (&str, &str),
               what: &Map,
               how_long: &str,
               options: &Map| {
        let pool = name(context, "pool", pool, limits::SCRIPT_NAME_BYTES_MAX)?;
        let (origin, value) = pool_value(context, what)?;
        let place = origin.map_or_else(|| pool.clone(), |origin| format!("{pool}/{origin}"));
        change(context, (zone, options), (ChangeKind::Pool, &place), value, how_long)
    };
    cf.set_native_fn(
        "pool",
        move |context: NativeCallContext, zone: &str, pool: &str, what: Map, lasts: &str| {
            set(&context, (zone, pool), &what, lasts, &Map::new())
        },
    );
    cf.set_native_fn(
        "pool",
        move |context: NativeCallContext,
              zone: &str,
              pool: &str,
              what: Map,
              lasts: &str,
              options: Map| { set(&context, (zone, pool), &what, lasts, &options) },
    );
    api.doc(Place::Cloudflare, "pool", "cf::pool(zone, pool, #{origin, enabled, weight}, duration[, #{via}])", "Take a load balancer's pool, or an origin in one, out of service for a while (or into it), or give an origin another share. Then it is as it was before. The zone says whose account it is.", r#"cf::pool("example.com", "web", #{ origin: "origin-a", enabled: false }, "15m")"#);
}

/// The longest that a value of KV may stay by a rule's wish: a year.
const TTL_SECS_MAX: u64 = 365 * 86_400;

fn keys(cf: &mut Module, api: &mut Api<'_>) {
    cf.set_native_fn(
        "kv_put",
        |context: NativeCallContext, zone: &str, space: &str, key: &str, value: Dynamic| {
            put(&context, (zone, space), (key, &value), &Map::new())
        },
    );
    cf.set_native_fn(
        "kv_put",
        |context: NativeCallContext,
         zone: &str,
         space: &str,
         key: &str,
         value: Dynamic,
         options: Map| put(&context, (zone, space), (key, &value), &options),
    );
    api.doc(Place::Cloudflare, "kv_put", "cf::kv_put(zone, namespace, key, value[, #{ttl, via}])", "Write a value to a namespace of Workers KV, by its title or its id, as a Worker reads it; with `ttl` it ends by itself. What was there before does not come back. The zone says whose account it is.", r#"cf::kv_put("example.com", "flags", "maintenance", "on", #{ ttl: "1h" })"#);
    cf.set_native_fn(
        "kv_delete",
        |context: NativeCallContext, zone: &str, space: &str, key: &str| {
            delete(&context, (zone, space), key, &Map::new())
        },
    );
    cf.set_native_fn(
        "kv_delete",
        |context: NativeCallContext, zone: &str, space: &str, key: &str, options: Map| {
            delete(&context, (zone, space), key, &options)
        },
    );
    api.doc(
        Place::Cloudflare,
        "kv_delete",
        "cf::kv_delete(zone, namespace, key[, #{via}])",
        "Remove a key from a namespace of Workers KV.",
        r#"cf::kv_delete("example.com", "flags", "maintenance")"#,
    );
}

fn key_of(context: &NativeCallContext, key: &str) -> Answer<String> {
    name(context, "key of KV", key, limits::CLOUDFLARE_KV_KEY_BYTES_MAX)
}

fn put(
    context: &NativeCallContext,
    (zone_name, space): (&str, &str),
    (key, value): (&str, &Dynamic),
    options: &Map,
) -> Answer<String> {
    let options = Options::read(context, options, &["ttl", "via"])?;
    let value =
        to_text(value).filter(|text| text.len() <= limits::MESSAGE_BYTES_MAX).ok_or_else(|| {
            let most = limits::MESSAGE_BYTES_MAX;
            value_error(context, format!("the value is a text of at most {most} bytes"))
        })?;
    let ttl = match options.text("ttl") {
        None => None,
        Some(text) => {
            let secs = duration(context, &text)?.as_secs();
            if !(TTL_SECS_MIN..=TTL_SECS_MAX).contains(&secs) {
                return Err(value_error(context, "`ttl` is between `1m` and `365d`"));
            }
            Some(secs)
        }
    };
    let put = CloudflareTask::KvPut {
        namespace: name(context, "namespace", space, limits::SCRIPT_NAME_BYTES_MAX)?,
        key: key_of(context, key)?,
        value,
        ttl,
    };
    task(context, zone(context, zone_name)?, options.text("via"), put)
}

fn delete(
    context: &NativeCallContext,
    (zone_name, space): (&str, &str),
    key: &str,
    options: &Map,
) -> Answer<String> {
    let options = Options::read(context, options, &["via"])?;
    let gone = CloudflareTask::KvDelete {
        namespace: name(context, "namespace", space, limits::SCRIPT_NAME_BYTES_MAX)?,
        key: key_of(context, key)?,
    };
    task(context, zone(context, zone_name)?, options.text("via"), gone)
}
