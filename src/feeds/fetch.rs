//! One feed's text, fetched or read: asked for only if it has changed, never more than a bound, and
//! never from where a feed has no business.
//!
//! In: a feed, and what is known of the version at hand. Out: the text, or that it is the same, or
//! why it can't be had. What it says is left to [`super::read`]; when to ask again to the keeper.

use super::config::{Feed, Place};
use super::copies::About;
use super::read::Layout;
use crate::decisions::special;
use crate::event::text::escape;
use crate::http_client::{self, HttpClient, Method, Reply, Request, Target};
use crate::limits;
use crate::process;
use crate::secret::Secret;
use crate::trust;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

mod taxii;

/// What came of it.
pub enum Fetched {
    /// It is the version that is known.
    Same,
    /// It may be another one.
    Text {
        /// As it came.
        text: Vec<u8>,
        /// How to ask for changes of it.
        about: About,
    },
}

/// It can't be had now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// Why, in words; holds neither the key nor what was in the address.
    pub why: String,
    /// The server says not to ask again before.
    pub wait: Option<Duration>,
}

impl FetchError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        let mut why = why.into();
        if why.len() > limits::FEED_WORDS_BYTES_MAX {
            let end = (0..=limits::FEED_WORDS_BYTES_MAX).rev().find(|at| why.is_char_boundary(*at));
            why.truncate(end.unwrap_or(0));
            why.push('…');
        }
        Self { why, wait: None }
    }
}

/// Gets a feed's text.
pub fn fetch(feed: &Feed, known: &About) -> Result<Fetched, FetchError> {
    let place = asked(feed);
    let known = if known.place == place { known.clone() } else { About::default() };
    match &feed.place {
        Place::File(path) => read_file(path, place, &known),
        Place::Url(url) => get(feed, url, place, &known),
    }
}

/// What is asked for, as it is remembered: another layout or another query makes another list of the
/// same bytes. Of what stands behind `?` only a hash is kept.
pub fn asked(feed: &Feed) -> String {
    let whole = match &feed.place {
        Place::File(path) => path.display().to_string(),
        Place::Url(url) => url.clone(),
    };
    let digest = Sha256::digest(format!("{whole}\n{:?}", feed.layout));
    let hash = digest.iter().take(8).fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("{} {hash:016x}", place_word(&feed.place))
}

/// The place as it is shown; what stands behind `?` may be a key.
pub fn place_word(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        Place::Url(url) => url.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}

fn read_file(path: &Path, place: String, known: &About) -> Result<Fetched, FetchError> {
    let failed = |error: std::io::Error| {
        FetchError::new(format!("failed to read `{}`: {error}", path.display()))
    };
    if let Some(why) = trust::distrust(path) {
        return Err(FetchError::new(format!("{}\nhint: {}", why.message, why.hint)));
    }
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(FetchError::new(format!("`{}` is no file", path.display())));
    }
    let stamp = format!("{}.{:09} {} {}", meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino());
    if known.modified.as_ref() == Some(&stamp) {
        return Ok(Fetched::Same);
    }
    let mut text = Vec::new();
    file.take(limits::FEED_BYTES_MAX as u64 + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() > limits::FEED_BYTES_MAX {
        return Err(too_long());
    }
    let about = About { place, modified: Some(stamp), ..About::default() };
    Ok(Fetched::Text { text, about })
}

pub(super) fn too_long() -> FetchError {
    FetchError::new(format!("it is longer than {} MiB", limits::FEED_BYTES_MAX / 1024 / 1024))
}

fn get(feed: &Feed, url: &str, place: String, known: &About) -> Result<Fetched, FetchError> {
    let secret = match &feed.token {
        None => None,
        Some((reference, header)) => {
            let secret = process::resolve_secret(reference)
                .map_err(|error| FetchError::new(error.to_string()))?;
            Some((reference, header.as_deref(), secret))
        }
    };
    let mut headers = vec![("accept".to_owned(), accepted(feed).to_owned())];
    if let Some(etag) = &known.etag {
        headers.push(("if-none-match".to_owned(), etag.clone()));
    }
    if let Some(modified) = &known.modified {
        headers.push(("if-modified-since".to_owned(), modified.clone()));
    }
    let key = secret.as_ref().map(|(_, header, secret)| key_header(*header, secret));
    let paged = feed.layout == Layout::Taxii;
    let none = || FetchError::new("`url` is no address");
    let first = if paged { taxii::first_url(url).ok_or_else(none)? } else { url.to_owned() };
    let mut reply = follow(&first, &headers, key.clone())?;
    if paged && reply.status == 200 && reply.whole {
        reply = taxii::all_pages(reply, |next| {
            let page = taxii::page_url(&first, next).ok_or_else(none)?;
            // Of further pages nothing is known, so nothing is asked for by what is known.
            follow(&page, headers.get(..1).unwrap_or_default(), key.clone())
        })?;
    }
    match reply.status {
        304 if known.etag.is_some() || known.modified.is_some() => Ok(Fetched::Same),
        200 if reply.whole => {
            let kept = |name: &str| {
                let value = reply.header(name)?;
                (value.len() <= limits::FEED_HEADER_BYTES_MAX).then(|| value.to_owned())
            };
            let (etag, modified) = (kept("etag"), kept("last-modified"));
            let about = About { place, etag, modified, ..About::default() };
            Ok(Fetched::Text { text: reply.body, about })
        }
        200 if reply.body.len() >= limits::FEED_BYTES_MAX => Err(too_long()),
        200 => Err(FetchError::new("the answer broke off")),
        status => {
            if let (401 | 403, Some((reference, _, secret))) = (status, &secret) {
                process::secret_refused(reference, secret);
            }
            let hint = match status {
                401 | 403 if secret.is_some() => "\nhint: is the key in `token` right?",
                401 | 403 => "\nhint: does it need a key (`token`)?",
                404 | 410 => "\nhint: has it moved? Look at the operator's page",
                429 => "\nhint: a longer `refresh`",
                _ => "",
            };
            let why = format!("the server answers {status}{hint}");
            Err(FetchError { why, wait: reply.retry_after })
        }
    }
}

fn accepted(feed: &Feed) -> &'static str {
    match feed.layout {
        Layout::Taxii => "application/taxii+json;version=2.1",
        Layout::Stix => "application/stix+json;version=2.1, application/json;q=0.9",
        Layout::Misp | Layout::Json(_) => "application/json",
        Layout::Ndjson(_) => "application/x-ndjson, application/json, text/plain, */*;q=0.5",
        _ => "text/plain, text/csv, */*;q=0.5",
    }
}

fn key_header(header: Option<&str>, secret: &Secret) -> (String, String) {
    match header {
        Some(header) => (header.to_ascii_lowercase(), secret.reveal().to_owned()),
        None => ("authorization".to_owned(), format!("Bearer {}", secret.reveal())),
    }
}

/// Asks, and follows where it is sent. The key goes to the configured address alone.
fn follow(
    url: &str,
    headers: &[(String, String)],
    key: Option<(String, String)>,
) -> Result<Reply, FetchError> {
    let request = |url: &str, headers: Vec<(String, String)>| Request {
        method: Method::GET,
        url: url.to_owned(),
        headers,
        body: Vec::new(),
        time_limit: Duration::from_secs(limits::FEED_FETCH_SECS_MAX),
        reply_bytes_max: limits::FEED_BYTES_MAX,
    };
    let failed = |error: http_client::HttpError| FetchError::new(error.to_string());
    let first = headers.iter().cloned().chain(key).collect();
    let mut reply = HttpClient::towards(url)
        .and_then(|http| http.call(&request(url, first)))
        .map_err(failed)?;
    let mut at = url.to_owned();
    for _ in 0..limits::FEED_REDIRECTS_MAX {
        if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(reply);
        }
        let location = reply.header("location").unwrap_or_default();
        let Some(target) = http_client::redirect(&at, location) else {
            return Err(FetchError::new("it redirects to something that is no address"));
        };
        let address = leads_out(&target)?;
        // The address that was looked at is the one that is connected to.
        reply = HttpClient::leading(&target.host, address)
            .and_then(|http| http.call(&request(&target.url, headers.to_vec())))
            .map_err(failed)?;
        at = target.url;
    }
    Err(FetchError::new(format!("it redirects more than {} times", limits::FEED_REDIRECTS_MAX)))
}

/// The public address that a redirect leads to: nobody outside may send us to what only this machine
/// can reach.
fn leads_out(target: &Target) -> Result<SocketAddr, FetchError> {
    let host = escape(&target.host);
    if target.scheme != "https" {
        return Err(FetchError::new(format!(
            "it redirects to `{host}` without TLS\nhint: if that is right, write the new address as `url`"
        )));
    }
    let found = (target.host.as_str(), target.port).to_socket_addrs().map_err(|error| {
        FetchError::new(format!("it redirects to `{host}`, which can't be resolved: {error}"))
    })?;
    let all: Vec<SocketAddr> = found.collect();
    let inside =
        all.iter().find(|to| special::touches(IpNet::from(to.ip().to_canonical())).is_some());
    match (inside, all.first()) {
        (None, Some(first)) => Ok(*first),
        (Some(inside), _) => Err(FetchError::new(format!(
            "it redirects to `{host}`, which is `{}`: no public address",
            inside.ip()
        ))),
        (None, None) => {
            Err(FetchError::new(format!("it redirects to `{host}`, which has no address")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(location: &str) -> Target {
        http_client::redirect("https://lists.example/a/b.txt", location).unwrap()
    }

    #[test]
    fn redirects_lead_to_public_addresses_over_tls_or_nowhere() {
        assert_eq!(target("c.txt").url, "https://lists.example/a/c.txt");
        assert!(leads_out(&target("https://192.0.2.1/x")).is_ok());
        assert_eq!(leads_out(&target("https://[2001:db8::1]:444/")).unwrap().port(), 444);
        for inside in [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fd00:ec2::254]/",
            "https://0.0.0.0/",
            "https://2130706433/",
            "https://localhost/",
        ] {
            let why = leads_out(&target(inside)).unwrap_err().why;
            assert!(why.contains("no public address"), "{inside}: {why}");
        }
        assert!(leads_out(&target("http://192.0.2.1/")).unwrap_err().why.contains("without TLS"));
        assert!(leads_out(&target("//192.0.2.1/x")).is_ok());
        assert_eq!(http_client::redirect("https://a.example/", "file:///etc/passwd"), None);
    }

    #[test]
    fn a_place_is_shown_without_what_may_be_a_key() {
        let place = Place::Url("https://e.example/list?key=abc#x".to_owned());
        assert_eq!(place_word(&place), "https://e.example/list");
    }
}
