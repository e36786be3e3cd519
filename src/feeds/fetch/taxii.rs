//! The pages of a TAXII 2.1 collection (OASIS TAXII 2.1, §5.4), put one behind the other.
//!
//! An envelope says `more` and what to ask for `next`. Together the pages are one text of several JSON
//! documents, within the bound of any feed.

use super::{FetchError, too_long};
use crate::http_client::{self, Reply};
use crate::limits;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// What an envelope says beside its objects.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    more: bool,
    next: Option<String>,
}

/// The first page with all that follow it. Of several pages no tag says whether they have changed.
pub(super) fn all_pages(
    mut reply: Reply,
    mut page: impl FnMut(&str) -> Result<Reply, FetchError>,
) -> Result<Reply, FetchError> {
    let mut next = next_of(&reply.body)?;
    if next.is_some() {
        reply.headers.retain(|(name, _)| name != "etag" && name != "last-modified");
    }
    let mut pages = 1;
    let begun = Instant::now();
    while let Some(wanted) = next {
        pages += 1;
        if begun.elapsed() > Duration::from_secs(limits::TAXII_FETCH_SECS_MAX) {
            let minutes = limits::TAXII_FETCH_SECS_MAX / 60;
            return Err(FetchError::new(format!("its pages take longer than {minutes} minutes")));
        }
        if pages > limits::TAXII_PAGES_MAX {
            let why = format!("the collection has more than {} pages", limits::TAXII_PAGES_MAX);
            return Err(FetchError::new(why));
        }
        let more = page(&wanted)?;
        if more.status != 200 || !more.whole {
            return Err(FetchError::new(format!("page {pages} can't be had ({})", more.status)));
        }
        // It may be the same word again: servers remember how far they are.
        next = next_of(&more.body)?;
        if reply.body.len() + more.body.len() > limits::FEED_BYTES_MAX {
            return Err(too_long());
        }
        reply.body.push(b'\n');
        reply.body.extend_from_slice(&more.body);
    }
    Ok(reply)
}

/// What to ask for next.
fn next_of(body: &[u8]) -> Result<Option<String>, FetchError> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| {
        FetchError::new(format!(
            "the answer is no envelope of TAXII 2.1 (line {}, column {})\nhint: `url` ends with `/collections/ID/objects/`",
            error.line(),
            error.column()
        ))
    })?;
    match (envelope.more, envelope.next) {
        (false, _) => Ok(None),
        (true, Some(next)) if next.len() <= limits::TAXII_NEXT_BYTES_MAX => Ok(Some(next)),
        (true, Some(_)) => Err(FetchError::new("what it calls its next page is too long")),
        (true, None) => Err(FetchError::new("it says that there is more, but not where")),
    }
}

/// The address of the first page. A limit is always said: a server may know the pages that follow by
/// it alone.
pub(super) fn first_url(url: &str) -> Option<String> {
    let says = url.contains("?limit=") || url.contains("&limit=");
    let limit = limits::TAXII_PAGE_OBJECTS.to_string();
    if says { Some(url.to_owned()) } else { http_client::with_query(url, "limit", &limit) }
}

/// The address of a further page.
pub(super) fn page_url(first: &str, next: &str) -> Option<String> {
    http_client::with_query(first, "next", next)
}
