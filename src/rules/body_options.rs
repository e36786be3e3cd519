//! The options that functions of the module `cf` take in a map, read with the faults that a person
//! can mend; and the way of what is done once.

use super::body_api::{Answer, ask, duration};
use super::context::value_error;
use super::values::{cut, to_text};
use crate::decisions::{Ask, CloudflareAsk, CloudflareTask, CloudflareWhat, Effect};
use crate::limits;
use rhai::{Map, NativeCallContext};
use std::time::Duration;

/// A map of options, of which each has a known name.
pub(super) struct Options<'c, 'n> {
    context: &'c NativeCallContext<'n>,
    map: &'c Map,
}

impl<'c, 'n> Options<'c, 'n> {
    /// Reads a map; an unknown name is a fault.
    pub(super) fn read(
        context: &'c NativeCallContext<'n>,
        map: &'c Map,
        known: &[&str],
    ) -> Answer<Self> {
        if let Some(name) = map.keys().find(|name| !known.contains(&name.as_str())) {
            let shown = cut(name, limits::SCRIPT_NAME_BYTES_MAX);
            let text = format!(
                "`cf::{}` has no option `{shown}`: there are `{}`",
                context.fn_name(),
                known.join("`, `")
            );
            return Err(value_error(context, text));
        }
        Ok(Self { context, map })
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = to_text(self.map.get(name)?)?;
        Some(cut(&text, limits::SCRIPT_NAME_BYTES_MAX).into_owned())
    }

    /// A duration; `usual` where none is given.
    pub(super) fn duration(&self, name: &str, usual: Duration) -> Answer<Duration> {
        match self.map.get(name) {
            None => Ok(usual),
            Some(value) => duration(self.context, &to_text(value).unwrap_or_default()),
        }
    }

    /// A whole number above zero; `usual` where none is given.
    pub(super) fn count(&self, name: &str, usual: usize) -> Answer<usize> {
        let Some(value) = self.map.get(name) else { return Ok(usual) };
        let count = value.as_int().ok().and_then(|count| usize::try_from(count).ok());
        count.filter(|count| *count > 0).ok_or_else(|| {
            value_error(self.context, format!("`{name}` is a whole number above zero"))
        })
    }

    /// True or false; false where nothing is given.
    pub(super) fn truth(&self, name: &str) -> Answer<bool> {
        let Some(value) = self.map.get(name) else { return Ok(false) };
        let wrong = |_| value_error(self.context, format!("`{name}` is `true` or `false`"));
        value.as_bool().map_err(wrong)
    }

    /// Seconds of a record.
    pub(super) fn ttl(&self) -> Answer<Option<u64>> {
        let Some(value) = self.map.get("ttl") else { return Ok(None) };
        ttl(self.context, value.as_int().unwrap_or(0)).map(Some)
    }
}

/// A record's TTL.
pub(super) fn ttl(context: &NativeCallContext, seconds: i64) -> Answer<u64> {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    if seconds == 1 || (30..=86_400).contains(&seconds) {
        return Ok(seconds);
    }
    let words = "a TTL is 1 (automatic) or 60 to 86400 seconds; on Enterprise from 30";
    Err(value_error(context, words))
}

/// Asks for something that is done once.
pub(super) fn task(
    context: &NativeCallContext,
    zone: String,
    via: Option<String>,
    task: CloudflareTask,
) -> Answer<String> {
    let what = CloudflareWhat::Once { task };
    ask(context, Ask::Effect(Effect::Cloudflare(CloudflareAsk { zone, via, what })))
}
