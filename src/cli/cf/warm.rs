//! `riposte cf warm`: fetches pages of a zone, so that they are in its cache.

use super::account::cell;
use crate::cli::output::{Output, Style};
use crate::cli::{End, Usage};
use crate::cloudflare::warm::{self, Warmed};
use crate::event::text;
use crate::http_client::HttpClient;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;

/// `riposte cf warm`
#[derive(Debug, Args)]
pub struct WarmArgs {
    /// The zone's name; only its own hosts are asked
    pub zone: String,
    /// Whole URLs (`https://example.com/style.css`)
    pub urls: Vec<String>,
    /// All pages of this site map, or of the site maps that it names
    #[arg(long, value_name = "URL")]
    pub sitemap: Option<String>,
    /// At most so many pages
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 1_000)]
    pub limit: usize,
    /// Pages a second
    #[arg(long, value_name = "NUMBER", default_value_t = 2.0)]
    pub rate: f64,
    /// Show the URLs instead of fetching them
    #[arg(long)]
    pub dry_run: bool,
    /// Connect to this address, whatever the DNS says
    #[arg(long, value_name = "ADDRESS", hide = true)]
    pub connect: Option<SocketAddr>,
}

/// Warms. No token is needed: pages are fetched as visitors fetch them.
pub fn warm(args: &WarmArgs, as_json: bool, out: &mut Output) -> anyhow::Result<End> {
    if !(args.rate > 0.0 && args.rate <= 50.0) {
        return Err(Usage::of("`--rate` is not between 0 and 50"));
    }
    let http = client(args)?;
    let mut urls = args.urls.clone();
    if let Some(map) = &args.sitemap {
        urls.extend(pages(&http, map, &args.zone)?);
    }
    if let Some(url) = urls.iter().find(|url| !warm::is_of_zone(url, &args.zone)) {
        return Err(foreign(url, &args.zone));
    }
    urls.truncate(args.limit);
    if urls.is_empty() {
        return Err(Usage::of("nothing to warm was named\nhint: URLs, or `--sitemap`"));
    }
    let mut failed = 0;
    for (place, url) in urls.iter().enumerate() {
        if args.dry_run {
            if as_json {
                out.json(&serde_json::json!({ "url": url }))?;
            } else {
                out.line(cell(url))?;
            }
            continue;
        }
        if place > 0 {
            std::thread::sleep(Duration::from_secs_f64(1.0 / args.rate));
        }
        failed += usize::from(!one(&http, url, as_json, out)?);
        out.flush()?;
    }
    Ok(if failed == 0 { End::Well } else { End::Finding })
}

fn client(args: &WarmArgs) -> anyhow::Result<HttpClient> {
    let host = args.urls.first().or(args.sitemap.as_ref()).and_then(|url| warm::host(url));
    let built = match (args.connect, host) {
        (Some(address), Some(host)) => HttpClient::leading(&host, address),
        _ => HttpClient::new(),
    };
    built.map_err(|error| Usage::of(error.to_string()))
}

fn foreign(url: &str, zone: &str) -> anyhow::Error {
    Usage::of(format!("`{}` is no page of `{}`", text::escape(url), text::escape(zone)))
}

/// The pages of a site map, or of those that it names.
fn pages(http: &HttpClient, url: &str, zone: &str) -> anyhow::Result<Vec<String>> {
    let xml = site_map(http, url, zone)?;
    if !warm::is_index(&xml) {
        return Ok(warm::locations(&xml));
    }
    let mut all = Vec::new();
    for map in warm::locations(&xml) {
        all.extend(warm::locations(&site_map(http, &map, zone)?));
    }
    Ok(all)
}

fn site_map(http: &HttpClient, url: &str, zone: &str) -> anyhow::Result<String> {
    if !warm::is_of_zone(url, zone) {
        return Err(foreign(url, zone));
    }
    let shown = text::escape(url);
    match warm::site_map(http, url) {
        Ok((200, xml)) => Ok(xml),
        Ok((status, _)) => {
            Err(Usage::of(format!("failed to read the site map `{shown}`: HTTP {status}")))
        }
        Err(error) => Err(Usage::of(format!("failed to read the site map `{shown}`: {error}"))),
    }
}

/// One page; whether it came.
fn one(http: &HttpClient, url: &str, as_json: bool, out: &mut Output) -> anyhow::Result<bool> {
    let fetched = warm::fetch(http, url);
    let well = fetched.as_ref().is_ok_and(|page| page.status < 400);
    if as_json {
        let (status, cache, error) = match fetched {
            Ok(Warmed { status, cache }) => (Some(status), cache, None),
            Err(error) => (None, None, Some(error.to_string())),
        };
        out.json(&json!({ "url": url, "status": status, "cache": cache, "error": error }))?;
        return Ok(well);
    }
    let words = match fetched {
        Ok(Warmed { status, cache }) => {
            let cache = cache.unwrap_or_else(|| "not through Cloudflare".to_owned());
            format!("{status} {}", cell(&cache))
        }
        Err(error) => cell(&error.to_string()),
    };
    let style = if well { Style::Green } else { Style::Red };
    let words = out.styled(style, words);
    out.line(format!("{words}  {}", cell(url)))?;
    Ok(well)
}
