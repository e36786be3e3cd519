//! One look at a feed: fetched, read, judged, kept. Used by the keeper, and by the command line where
//! no daemon runs.

use crate::clock;
use crate::decisions::NeverBlock;
use crate::feeds::config::Feed;
use crate::feeds::copies::{About, Copies};
use crate::feeds::fetch::{Fetched, fetch};
use crate::feeds::judge::judge;
use crate::feeds::read::read_at;
use crate::feeds::set::Listed;
use std::sync::Arc;
use std::time::Duration;

/// What a look came to.
pub enum Refreshed {
    /// It lists what the version in force lists.
    Same,
    /// It is another version, and on disk.
    New {
        /// What it lists.
        listed: Listed,
        /// Lines of it that are no entries.
        bad: u64,
        /// Entries that are nobody's on the internet.
        special: u64,
    },
}

/// Why the version in force stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It can't be had now.
    Failed {
        /// Why, in words.
        why: String,
        /// The server says not to ask again before.
        wait: Option<Duration>,
    },
    /// It was had, and is not believed.
    Refused(String),
}

/// Looks at a feed, and keeps what is new and good.
pub fn refresh(
    feed: &Feed,
    copies: &Copies,
    now: Option<&Listed>,
    facts: Option<&NeverBlock>,
    accept: bool,
) -> Result<Refreshed, Trouble> {
    let mut known = copies.about(&feed.name);
    if now.is_none_or(|now| now.version != known.version) {
        // Nothing is at hand, or another version: what the server has not changed is wanted all the
        // same.
        known = About::default();
    }
    let failed = |why: String| Trouble::Failed { why, wait: None };
    let fetched = fetch(feed, &known)
        .map_err(|error| Trouble::Failed { why: error.why, wait: error.wait })?;
    let checked = Some(clock::now());
    let keep = |about: &About| {
        if let Err(error) = copies.set_about(&feed.name, about) {
            // The next look asks for all of it again, which costs no more than that.
            tracing::warn!(feed = feed.name, %error, "what is known of a feed can't be kept");
        }
    };
    let (text, about) = match fetched {
        Fetched::Same => {
            keep(&About { checked, ..known });
            return Ok(Refreshed::Same);
        }
        Fetched::Text { text, about } => (text, About { checked, ..about }),
    };
    let reading = read_at(&text, &feed.layout, clock::now())
        .map_err(|error| Trouble::Refused(error.to_string()))?;
    drop(text);
    let set = judge(&reading, now, feed.bounds, facts, accept)
        .map_err(|refusal| Trouble::Refused(refusal.to_string()))?;
    if let Some(now) = now.filter(|now| *now.prefixes == set) {
        keep(&About { version: now.version, ..about });
        return Ok(Refreshed::Same);
    }
    let least = now.map_or(0, |now| now.version + 1);
    let version = u64::try_from(clock::now().as_micros()).unwrap_or(0).max(least);
    let listed = Listed { version, prefixes: Arc::new(set) };
    copies
        .save(&feed.name, &listed)
        .map_err(|error| failed(format!("its copy can't be kept: {error}")))?;
    keep(&About { version, ..about });
    Ok(Refreshed::New { listed, bad: reading.bad, special: reading.special })
}
