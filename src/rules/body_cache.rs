//! What bodies ask of a zone's cache: that something is removed from it, that pages are fetched into
//! it. Part of the module `cf`.

use super::body_api::Answer;
use super::body_cloudflare::zone;
use super::body_options::{Options, task};
use super::book::{Api, Place};
use super::context::value_error;
use super::values::{cut, to_text};
use crate::decisions::{CloudflareTask, PurgeWhat};
use crate::limits;
use rhai::{Array, Dynamic, Map, Module, NativeCallContext};

/// Registers the functions.
pub(super) fn register(cf: &mut Module, api: &mut Api<'_>) {
    cf.set_native_fn("purge", |context: NativeCallContext, name: &str, what: Dynamic| {
        purge(&context, name, &what, &Map::new())
    });
    cf.set_native_fn(
        "purge",
        |context: NativeCallContext, name: &str, what: Dynamic, options: Map| {
            purge(&context, name, &what, &options)
        },
    );
    api.doc(Place::Cloudflare, "purge", "cf::purge(zone, what[, #{via}])", "Remove from a zone's cache: URLs, or a map with `files`, `tags`, `hosts`, `prefixes` or `everything: true`. What is asked for within two seconds goes together, a hundred in a call.", r#"cf::purge("example.com", ["https://example.com/"])"#);
    cf.set_native_fn("warm", |context: NativeCallContext, name: &str, urls: Array| {
        warm(&context, name, &urls, &Map::new())
    });
    cf.set_native_fn(
        "warm",
        |context: NativeCallContext, name: &str, urls: Array, options: Map| {
            warm(&context, name, &urls, &options)
        },
    );
    api.doc(Place::Cloudflare, "warm", "cf::warm(zone, urls[, #{via}])", "Fetch pages of a zone, two a second, so that they are in its cache again. Only the zone's own hosts are asked.", r#"cf::warm("example.com", ["https://example.com/"])"#);
}

/// Texts of a list, or a text alone.
fn texts(context: &NativeCallContext, value: &Dynamic) -> Answer<Vec<String>> {
    let all = match value.read_lock::<Array>() {
        Some(array) => array.clone(),
        None => vec![value.clone()],
    };
    if all.len() > limits::TASK_ITEMS_MAX {
        let words =
            format!("`{}` takes at most {} at once", context.fn_name(), limits::TASK_ITEMS_MAX);
        return Err(value_error(context, words));
    }
    let text = |item: &Dynamic| {
        let text = to_text(item)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| value_error(context, format!("`{}` takes texts", context.fn_name())))?;
        // A URL that is cut would be another.
        if text.len() > limits::MESSAGE_BYTES_MAX {
            return Err(value_error(context, "a URL is too long"));
        }
        Ok(text)
    };
    all.iter().map(text).collect()
}

fn purge(context: &NativeCallContext, name: &str, what: &Dynamic, options: &Map) -> Answer<String> {
    let options = Options::read(context, options, &["via"])?;
    let mut asked = PurgeWhat::default();
    match what.read_lock::<Map>() {
        None => asked.files = texts(context, what)?,
        Some(map) => {
            for (kind, value) in map.iter() {
                match kind.as_str() {
                    "files" => asked.files = texts(context, value)?,
                    "tags" => asked.tags = texts(context, value)?,
                    "hosts" => asked.hosts = texts(context, value)?,
                    "prefixes" => asked.prefixes = texts(context, value)?,
                    "everything" => asked.everything = value.as_bool().unwrap_or(false),
                    other => {
                        let shown = cut(other, limits::SCRIPT_NAME_BYTES_MAX);
                        let words = format!(
                            "`cf::purge` knows no `{shown}`: there are `files`, `tags`, `hosts`, `prefixes` and `everything`"
                        );
                        return Err(value_error(context, words));
                    }
                }
            }
        }
    }
    if let Some(url) = asked.files.iter().find(|url| !url.contains("://")) {
        let shown = cut(url, limits::SCRIPT_NAME_BYTES_MAX);
        let words = format!("`{shown}` is no whole URL: write `https://…`, or use `prefixes`");
        return Err(value_error(context, words));
    }
    if asked.is_empty() {
        return Err(value_error(context, "`cf::purge` was not told what to purge"));
    }
    let zone = zone(context, name)?;
    task(context, zone, options.text("via"), CloudflareTask::Purge(asked))
}

fn warm(context: &NativeCallContext, name: &str, urls: &Array, options: &Map) -> Answer<String> {
    let options = Options::read(context, options, &["via"])?;
    let urls = texts(context, &Dynamic::from(urls.clone()))?;
    if urls.is_empty() {
        return Err(value_error(context, "`cf::warm` was not told what to warm"));
    }
    let zone = zone(context, name)?;
    task(context, zone, options.text("via"), CloudflareTask::Warm { urls })
}
