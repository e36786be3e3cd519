//! Warming a zone's cache: there is no call for it, so pages are fetched as visitors fetch them.
//! It warms the data centre that answers this machine; with tiered cache also those above it.

use crate::http_client::{HttpClient, HttpError, Method, Request};
use crate::limits::{WARM_LOCATIONS_MAX, WARM_PAGE_BYTES_MAX, WARM_PAGE_SECS_MAX};
use std::time::Duration;

/// How a page came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warmed {
    /// The reply's status.
    pub status: u16,
    /// `CF-Cache-Status`: `MISS` is in the cache from now on, `DYNAMIC` never is.
    pub cache: Option<String>,
}

/// The host of a URL of a page, in lower case; `None` for what is no such URL.
pub fn host(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.split(':').next()?;
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let port = authority.get(host.len()..).unwrap_or_default();
    let port_is_right = port.is_empty() || port.trim_start_matches(':').parse::<u16>().is_ok();
    (!host.is_empty() && host.bytes().all(right) && port_is_right)
        .then(|| host.to_ascii_lowercase())
}

/// Whether a URL is a page of a zone: nothing else is ever fetched.
pub fn is_of_zone(url: &str, zone: &str) -> bool {
    let zone = zone.to_ascii_lowercase();
    host(url).is_some_and(|host| {
        host == zone || host.strip_suffix(&zone).is_some_and(|rest| rest.ends_with('.'))
    })
}

/// Fetches a page. Redirects aren't followed: they are what is in the cache.
pub fn fetch(http: &HttpClient, url: &str) -> Result<Warmed, HttpError> {
    let reply = http.call(&page(url))?;
    let cache = reply.header("cf-cache-status").map(str::to_owned);
    Ok(Warmed { status: reply.status, cache })
}

/// The text of a site map.
pub fn site_map(http: &HttpClient, url: &str) -> Result<(u16, String), HttpError> {
    let reply = http.call(&page(url))?;
    Ok((reply.status, String::from_utf8_lossy(&reply.body).into_owned()))
}

fn page(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.to_owned(),
        headers: vec![("accept-encoding".to_owned(), "identity".to_owned())],
        body: Vec::new(),
        time_limit: Duration::from_secs(WARM_PAGE_SECS_MAX),
        reply_bytes_max: WARM_PAGE_BYTES_MAX,
    }
}

/// The locations in a site map or an index of them (`<loc>…</loc>`), in their order.
pub fn locations(xml: &str) -> Vec<String> {
    let parts = xml.split("<loc>").skip(1).filter_map(|rest| rest.split("</loc>").next());
    let plain = |text: &str| {
        text.trim()
            .trim_start_matches("<![CDATA[")
            .trim_end_matches("]]>")
            .replace("&amp;", "&")
            .replace("&#38;", "&")
    };
    parts.map(plain).filter(|url| host(url).is_some()).take(WARM_LOCATIONS_MAX).collect()
}

/// Whether a site map is an index of others.
pub fn is_index(xml: &str) -> bool {
    xml.contains("<sitemapindex")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_zone_are_fetched() {
        for url in
            ["https://example.com/", "http://WWW.example.com:8080/a?b", "https://a.b.example.com"]
        {
            assert!(is_of_zone(url, "example.com"), "{url}");
        }
        for url in [
            "https://example.com.evil.example/",
            "https://notexample.com/",
            "https://user@evil.example/",
            "https://evil.example\\.example.com/",
            "https://evil.example#.example.com",
            "ftp://example.com/",
            "https://127.0.0.1/",
            "https:///example.com",
            "example.com",
        ] {
            assert!(!is_of_zone(url, "example.com"), "{url}");
        }
    }

    #[test]
    fn a_site_map_is_read() {
        let xml = "<?xml version=\"1.0\"?><urlset><url><loc> https://example.com/a?b=1&amp;c=2 </loc></url>\n<url><loc><![CDATA[https://example.com/b]]></loc></url><url><loc>no url</loc></url><url><loc>https://example.com/c";
        assert_eq!(
            locations(xml),
            ["https://example.com/a?b=1&c=2", "https://example.com/b", "https://example.com/c"]
        );
        assert!(!is_index(xml) && is_index("<sitemapindex xmlns=\"x\">"));
    }
}
