//! A feed as the user writes it, and what is wrong with it.

use super::judge::Bounds;
use super::read::{Layout, steps};
use super::shipped;
use crate::clock::parse_duration;
use crate::event::text::escape;
use crate::limits;
use crate::secret::SecretRef;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A list of addresses that others keep. Rules ask it with `in_feed(e.ip, "NAME")`, and hear of what
/// is new in it with `.on("feed.added")`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    /// Its name, unique; rules use it. When absent, that of the shipped definition.
    #[serde(default)]
    pub name: String,
    /// A definition that riposte ships (`riposte feeds shipped` lists them): where it is, how it is
    /// laid out, how often it is fetched. What else is written here wins over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<String>,
    /// Where it is fetched from: `https://…`; plain `http://` only from this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A file on this machine instead, from the config's folder on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// How it is laid out: `list` (an address, prefix or range first on each line), `csv`, `tsv`,
    /// `json`, `ndjson`, `urls` (a URL a line, of which hosts that are addresses count), `stix` (indicators
    /// of STIX 2.1), `taxii` (the same, of a TAXII 2.1 collection, `url` being that of its objects) or
    /// `misp` (an export; attributes for detection count); `list` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// For `csv` and `tsv`: the column of the address or prefix, from 1 on; the first when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// For `csv` and `tsv`: the column of a range's last address, where `column` is its first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column_last: Option<usize>,
    /// For `csv`: what stands between columns; a comma when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// For `json` and `ndjson`: the path of the values (`data[].ip`, `[].value`, `cidr`); `*` stands for
    /// every key (`prefixes[].*`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
    /// How often it is fetched, a tenth more or less at random; a day when
    /// absent, and a minute for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// Where the key is to be had that it is fetched with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// The header that the key goes into; `Authorization: Bearer …` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_header: Option<String>,
    /// A version with more than this many times as many entries as the one in force, or less than
    /// that part of them, is refused and told of until somebody accepts it; 2 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_change: Option<f64>,
    /// Whether it may come to list nothing, as decisions in force may; without it an empty version is
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_be_empty: Option<bool>,
}

/// Where a feed's text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Over HTTP.
    Url(String),
    /// A file.
    File(PathBuf),
}

/// A feed as it is meant: everything that was written or is shipped, taken together.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// Where its text comes from.
    pub place: Place,
    /// How it is laid out.
    pub layout: Layout,
    /// How often it is fetched.
    pub refresh: Duration,
    /// The key to fetch it with, and the header for it.
    pub token: Option<(SecretRef, Option<String>)>,
    /// Beyond which a change is refused.
    pub bounds: Bounds,
}

impl FeedConfig {
    /// Its name.
    pub fn name(&self) -> &str {
        if self.name.is_empty() { self.shipped.as_deref().unwrap_or_default() } else { &self.name }
    }

    /// The feed that is meant, or all that is wrong with it, each with its hint on a line of its own.
    pub fn build(&self) -> Result<Feed, Vec<String>> {
        let mut faults = Vec::new();
        let whole = self.with_shipped(&mut faults);
        let name = self.name().to_owned();
        let right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(right) {
            faults.push(format!(
                "`{}` can't be the name of a feed\nhint: small letters, digits, `-`, `_` and `.`, as in `tor-exits`",
                escape(&name)
            ));
        }
        let place = whole.place(&mut faults);
        let layout = whole.layout(&mut faults);
        let refresh = whole.refresh(&mut faults);
        let max_change = whole.max_change.unwrap_or(Bounds::default().max_change);
        if !max_change.is_finite() || max_change <= 1.0 {
            faults
                .push("`max_change` is not above 1\nhint: 2.0 lets it double or halve".to_owned());
        }
        if whole.token_header.is_some() && whole.token.is_none() {
            faults.push(if self.shipped.is_some() {
                "`token` is required: this feed is fetched with a key\nhint: `token = \"file:/etc/riposte/NAME.key\"`".to_owned()
            } else {
                "`token_header` has no use without `token`".to_owned()
            });
        }
        if let Some(header) = &whole.token_header
            && !header.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            faults.push(format!("`{}` is no header name", escape(header)));
        }
        let token = whole.token.clone().map(|token| (token, whole.token_header.clone()));
        match (place, layout) {
            (Some(place), Some(layout)) if faults.is_empty() => {
                let bounds =
                    Bounds { max_change, may_be_empty: whole.may_be_empty.unwrap_or(false) };
                Ok(Feed { name, place, layout, refresh, token, bounds })
            }
            _ => Err(faults),
        }
    }

    /// What is wrong with it, in words.
    pub fn faults(&self) -> Vec<String> {
        let faults = self.build().err().unwrap_or_default();
        faults.into_iter().map(|fault| format!("feed `{}`: {fault}", escape(self.name()))).collect()
    }

    /// Starts a relative path at the config's folder.
    pub fn resolve_path(&mut self, base: &Path) {
        if let Some(path) = self.path.as_mut().filter(|path| path.is_relative()) {
            *path = base.join(&*path);
        }
    }

    /// What was written, and below it what the shipped definition says.
    fn with_shipped(&self, faults: &mut Vec<String>) -> Self {
        let Some(name) = &self.shipped else { return self.clone() };
        let Some(shipped) = shipped::all().get(name.as_str()) else {
            let known: Vec<&str> = shipped::all().keys().map(String::as_str).collect();
            faults.push(format!(
                "riposte ships no feed `{}`\nhint: {}",
                escape(name),
                known.join(", ")
            ));
            return self.clone();
        };
        let elsewhere = self.url.is_some() || self.path.is_some();
        let below = shipped.config.clone();
        Self {
            name: self.name.clone(),
            shipped: self.shipped.clone(),
            url: if elsewhere { self.url.clone() } else { below.url },
            path: self.path.clone(),
            format: self.format.clone().or(below.format),
            column: self.column.or(below.column),
            column_last: self.column_last.or(below.column_last),
            separator: self.separator.clone().or(below.separator),
            values: self.values.clone().or(below.values),
            refresh: self.refresh.clone().or(below.refresh.filter(|_| self.path.is_none())),
            token: self.token.clone(),
            token_header: self
                .token_header
                .clone()
                .or(below.token_header.filter(|_| self.path.is_none())),
            max_change: self.max_change.or(below.max_change),
            may_be_empty: self.may_be_empty.or(below.may_be_empty),
        }
    }

    fn place(&self, faults: &mut Vec<String>) -> Option<Place> {
        match (&self.url, &self.path) {
            (Some(url), None) => {
                if let Err(fault) = check_url(url) {
                    faults.push(fault);
                }
                Some(Place::Url(url.clone()))
            }
            (None, Some(path)) => Some(Place::File(path.clone())),
            (None, None) if self.shipped.is_some() => None,
            _ => {
                faults.push(
                    "one of `shipped`, `url` and `path` is required\nhint: `shipped = \"spamhaus-drop\"`, or where your own list is".to_owned(),
                );
                None
            }
        }
    }

    fn layout(&self, faults: &mut Vec<String>) -> Option<Layout> {
        let format = self.format.as_deref().unwrap_or("list");
        let columns = self.column.is_some() || self.column_last.is_some();
        let mut unused = |set: bool, key: &str, formats: &str| {
            if set {
                faults.push(format!(
                    "`{key}` has no use with `format = \"{}\"`\nhint: it is for {formats}",
                    escape(format)
                ));
            }
        };
        let (in_columns, in_json) = (["csv", "tsv"].contains(&format), format.ends_with("json"));
        unused(columns && !in_columns, "column", "`csv` and `tsv`");
        unused(self.separator.is_some() && format != "csv", "separator", "`csv`");
        unused(self.values.is_some() && !in_json, "values", "`json` and `ndjson`");
        match format {
            "list" => Some(Layout::List),
            "urls" => Some(Layout::Urls),
            "stix" => Some(Layout::Stix),
            "taxii" => Some(Layout::Taxii),
            "misp" => Some(Layout::Misp),
            "csv" | "tsv" => {
                let place = |column: Option<usize>| column.map(|column| column.checked_sub(1));
                let (Some(column), last) =
                    (place(self.column).unwrap_or(Some(0)), place(self.column_last))
                else {
                    faults.push("`column` is 0\nhint: the first column is 1".to_owned());
                    return None;
                };
                let separator = match (format, self.separator.as_deref().map(str::as_bytes)) {
                    ("tsv", _) => b'\t',
                    (_, None) => b',',
                    (_, Some([one])) if one.is_ascii() && *one != b'"' => *one,
                    _ => {
                        faults.push(
                            "`separator` is not one character\nhint: `separator = \";\"`"
                                .to_owned(),
                        );
                        return None;
                    }
                };
                Some(Layout::Columns { separator, column, last: last.flatten() })
            }
            "json" | "ndjson" => {
                let path = self.values.as_deref().unwrap_or_default();
                let Some(steps) = steps(path) else {
                    faults.push(format!(
                        "`values` is no path: `{}`\nhint: `data[].ip` for {{\"data\": [{{\"ip\": …}}]}}, `[].value` for a list of objects, `cidr` for a key",
                        escape(path)
                    ));
                    return None;
                };
                Some(if format == "json" { Layout::Json(steps) } else { Layout::Ndjson(steps) })
            }
            other => {
                faults.push(format!(
                    "`{}` is no format of a feed\nhint: list, csv, tsv, json, ndjson, urls, stix, taxii or misp",
                    escape(other)
                ));
                None
            }
        }
    }

    fn refresh(&self, faults: &mut Vec<String>) -> Duration {
        let Some(text) = &self.refresh else {
            // Whether a file has changed is seen at once.
            return if self.path.is_some() {
                Duration::from_mins(1)
            } else {
                Duration::from_hours(24)
            };
        };
        match parse_duration(text) {
            Ok(refresh) if refresh >= Duration::from_secs(limits::FEED_REFRESH_SECS_MIN) => refresh,
            Ok(refresh) => {
                faults.push(format!(
                    "`refresh` is under {} s\nhint: operators lock out whoever asks too often; `riposte feeds refresh` asks once more by hand",
                    limits::FEED_REFRESH_SECS_MIN
                ));
                refresh
            }
            Err(error) => {
                faults.push(error.to_string());
                Duration::from_hours(24)
            }
        }
    }
}

/// HTTPS, or plain HTTP on this machine alone.
fn check_url(url: &str) -> Result<(), String> {
    let plain = url.chars().all(|c| c.is_ascii_graphic());
    let host = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned();
    if plain
        && let Some(rest) = url.strip_prefix("https://")
        && !host(rest).is_empty()
        && !host(rest).contains('@')
    {
        return Ok(());
    }
    if plain && url.strip_prefix("http://").is_some_and(|rest| is_loopback(&host(rest))) {
        return Ok(());
    }
    Err(format!(
        "`url` is no address of a feed\nhint: `https://HOST/PATH`; plain `http://` only from `127.0.0.1` or `[::1]`: on the way anybody could change what it lists{}",
        if url.contains('@') { "; a key belongs into `token`" } else { "" }
    ))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<SocketAddr>().map(|socket| socket.ip());
    address.ok().or_else(|| bare.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
