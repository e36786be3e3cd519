//! Which parser reads a file, a line or what a rule's test gives: the one place that decides it for
//! every command, so that a dry run reads logs as the daemon does.
//!
//! In: the config, and a format's name, a file's path or some lines. Out: a parser, what it is
//! called, and why it was taken. A configured source brings all that its parser needs: `log_format`,
//! `pattern`, `fields`, time zone.

use super::programs;
use crate::clock::{self, Timestamp};
use crate::config::{Config, FORMAT_PLUGIN, SourceConfig};
use crate::event::{Event, Field, Kind, text};
use crate::limits;
use crate::parsers::{self, FORMATS, Parser, ParserError};
use bytes::Bytes;
use std::path::Path;

/// What marks a name as a source's, where a format has the same one: `source:NAME`.
pub const SOURCE_PREFIX: &str = "source:";

/// A parser, and how it was found.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The parser.
    pub parser: Parser,
    /// The format's name, as in `format = "…"`.
    pub format: String,
    /// The source whose settings it has, where it is a source's.
    pub source: Option<String>,
    /// Why this one, for people.
    pub why: String,
}

impl Chosen {
    /// What it is called, for people: ``nginx``, or ``pattern of source `shop` ``.
    pub fn words(&self) -> String {
        match &self.source {
            None => self.format.clone(),
            Some(source) => format!("{} of source `{}`", self.format, text::escape(source)),
        }
    }

    fn of_source(
        config: &Config,
        source: &SourceConfig,
        why: impl Into<String>,
    ) -> Result<Self, ParserError> {
        let parser = if source.has_plugin_format() {
            programs::parser_for_looking(config, &source.format)?
        } else {
            Parser::build(&source.parser_config())?
        };
        Ok(Self {
            parser,
            format: source.format.clone(),
            source: Some(source.name.clone()),
            why: why.into(),
        })
    }

    fn of_format(name: &str, why: impl Into<String>) -> Result<Self, ParserError> {
        let parser = Parser::for_format(name)?;
        Ok(Self { parser, format: name.to_owned(), source: None, why: why.into() })
    }
}

/// Why there is no parser: in words, with a hint on a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFormat {
    /// No format and no source has the name.
    #[error("`{name}` is neither a log format nor a source\nhint: {hint}")]
    Unknown {
        /// The name, escaped.
        name: String,
        /// What could be meant.
        hint: String,
    },
    /// The format can't be built.
    #[error("{0}")]
    Parser(#[from] ParserError),
}

/// The parser by a name: a built-in format, else a source of the config; `source:NAME` is always a
/// source, `plugin:NAME` a plugin, whose program is then run.
pub fn named(config: &Config, name: &str) -> Result<Chosen, NoFormat> {
    let as_source = name.strip_prefix(SOURCE_PREFIX);
    if as_source.is_none() && FORMATS.contains(&name) {
        return Ok(Chosen::of_format(name, "as named")?);
    }
    if as_source.is_none() && name.starts_with(FORMAT_PLUGIN) {
        let parser = programs::parser_for_looking(config, name)?;
        let (format, why) = (name.to_owned(), "as named".to_owned());
        return Ok(Chosen { parser, format, source: None, why });
    }
    let wanted = as_source.unwrap_or(name);
    match config.sources.iter().find(|source| source.name == wanted) {
        Some(source) => Ok(Chosen::of_source(config, source, "as named")?),
        None => Err(unknown(config, name, as_source)),
    }
}

/// Whether the name needs no config to be understood.
pub fn is_built_in(name: &str) -> bool {
    name != "auto" && FORMATS.contains(&name)
}

fn unknown(config: &Config, name: &str, as_source: Option<&str>) -> NoFormat {
    let sources = || config.sources.iter().map(|source| source.name.as_str());
    let formats = FORMATS.iter().copied().filter(|_| as_source.is_none());
    let near = text::nearest(as_source.unwrap_or(name), formats.chain(sources()));
    let hint = match near {
        Some(near) => format!("did you mean `{}`?", text::escape(near)),
        None => known(config),
    };
    NoFormat::Unknown { name: text::escape(name).into_owned(), hint }
}

/// All names, for people.
fn known(config: &Config) -> String {
    let formats = format!("formats are {}", FORMATS.join(", "));
    if config.sources.is_empty() {
        return format!("{formats}; the config has no sources");
    }
    let names: Vec<_> = config.sources.iter().map(|source| text::escape(&source.name)).collect();
    format!("{formats}; sources of the config are {}", names.join(", "))
}

/// The parser for a file: that of the first source whose `paths` or `rotated` name it, else the one
/// that its first lines ask for.
pub fn of_file<'l>(
    config: &Config,
    path: &Path,
    lines: impl IntoIterator<Item = &'l [u8]>,
) -> Result<Chosen, NoFormat> {
    let reads = |source: &&SourceConfig| {
        source.kind_of.is_files() && source.files_config(Path::new("")).covers(path)
    };
    match config.sources.iter().find(reads) {
        Some(source) => Ok(Chosen::of_source(config, source, "its `paths` name this file")?),
        None => of_lines(config, lines),
    }
}

/// The parser that lines of unknown origin ask for: what they look like, unless that leaves room
/// for doubt and a source with settings of its own finds more fields in them.
pub fn of_lines<'l>(
    config: &Config,
    lines: impl IntoIterator<Item = &'l [u8]>,
) -> Result<Chosen, NoFormat> {
    let lines: Vec<&[u8]> = lines.into_iter().take(limits::DETECT_LINES_MAX).collect();
    let detected = parsers::detect(lines.iter().copied());
    let mut best = Chosen::of_format(detected.format, detected.why)?;
    if SURE.contains(&best.format.as_str()) {
        return Ok(best);
    }
    let lines: Vec<Bytes> = lines.into_iter().map(Bytes::copy_from_slice).collect();
    let mut most = found(&best.parser, &lines);
    for source in config.sources.iter().filter(|source| has_own_settings(source)) {
        let chosen = Chosen::of_source(config, source, "it finds the most in these lines")?;
        let found = found(&chosen.parser, &lines);
        if found > most {
            most = found;
            best = chosen;
        }
    }
    Ok(best)
}

/// Formats whose lines have marks that no other format has.
const SURE: &[&str] = &["sshd", "haproxy", "caddy", "traefik", "nginx-error"];

/// Whether the source reads lines otherwise than its format alone would.
fn has_own_settings(source: &SourceConfig) -> bool {
    source.log_format.is_some()
        || source.pattern.is_some()
        || source.kind.is_some()
        || source.time_format.is_some()
        || !source.fields.is_empty()
}

/// How many fields a parser finds in lines: those that rules know by name, then all.
fn found(parser: &Parser, lines: &[Bytes]) -> (usize, usize) {
    let mut parser = parser.clone();
    let mut event = Event::new(Kind::Log, Timestamp::EPOCH);
    let (mut known, mut all) = (0, 0);
    for line in lines.iter().filter(|line| !line.trim_ascii().is_empty()) {
        event.reset(line.clone());
        if parser.parse(line, clock::now(), &mut event).is_ok() {
            known += Field::ALL.iter().filter(|field| event.get(**field).is_some()).count();
            all += event.fields().count();
        }
    }
    (known, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
state_dir = "/tmp/none"
[rules]
pack = false
[[sources]]
name = "shop"
paths = ["/logs/shop/*.log"]
format = "pattern"
pattern = '^(?<time>\S+) (?<ip>\S+) (?<method>\S+) (?<path>\S+) (?<status>\d+)$'
kind = "http"
[[sources]]
name = "api"
paths = ["/logs/api.json"]
format = "json"
fields = { ip = "who", path = "what", time = "when" }
kind = "http"
[[sources]]
name = "everything"
paths = ["/logs/all.log"]
format = "pattern"
pattern = '^(?<message>.*)$'
[[sources]]
name = "nginx"
paths = ["/logs/access.log"]
format = "nginx"
timezone = "Europe/Berlin"
"#;

    const SHOP: &str = "2026-10-10T13:55:36Z 203.0.113.9 GET /.env 404";
    const API: &str =
        r#"{"who":"203.0.113.9","what":"/.env","when":"2026-10-10T13:55:36Z","deep":{"a":1}}"#;
    const COMBINED: &str =
        r#"203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] "GET / HTTP/1.1" 404 1 "-" "-""#;
    const SSHD: &str = "Oct 10 13:55:36 web sshd[1]: Invalid user x from 203.0.113.9 port 4";

    fn config() -> Config {
        crate::config::parse(CONFIG).unwrap()
    }

    fn of(lines: &[&str]) -> (String, Option<String>) {
        let chosen = of_lines(&config(), lines.iter().map(|line| line.as_bytes())).unwrap();
        (chosen.format, chosen.source)
    }

    #[test]
    fn a_file_is_read_as_the_source_reads_it_whose_paths_name_it() {
        let of = |path: &str| of_file(&config(), Path::new(path), [COMBINED.as_bytes()]).unwrap();
        assert_eq!(of("/logs/shop/a.log.1").source.as_deref(), Some("shop"));
        assert_eq!(of("/logs/access.log-20261126.gz").words(), "nginx of source `nginx`");
        assert_eq!(of("/elsewhere/access.log").words(), "combined");
    }

    #[test]
    fn lines_are_read_by_what_finds_the_most_in_them() {
        let source = |name: &str| Some(name.to_owned());
        assert_eq!(of(&[SHOP]), ("pattern".to_owned(), source("shop")));
        assert_eq!(of(&[API]), ("json".to_owned(), source("api")));
        assert_eq!(of(&[COMBINED, "garbage", "more of it"]), ("combined".to_owned(), None));
        assert_eq!(of(&[SSHD, "garbage", "more of it"]), ("sshd".to_owned(), None));
        assert_eq!(of(&["garbage"]), ("pattern".to_owned(), source("everything")));
        assert_eq!(of(&[]), ("auto".to_owned(), None));
    }

    #[test]
    fn a_name_is_a_format_or_a_source() {
        let words = |name: &str| named(&config(), name).map(|chosen| chosen.words());
        assert_eq!(words("nginx").unwrap(), "nginx");
        assert_eq!(words("source:nginx").unwrap(), "nginx of source `nginx`");
        assert_eq!(words("shop").unwrap(), "pattern of source `shop`");
        let wrong = |name: &str| named(&config(), name).unwrap_err().to_string();
        assert_eq!(
            wrong("shpo"),
            "`shpo` is neither a log format nor a source\nhint: did you mean `shop`?"
        );
        assert!(wrong("ngnix").ends_with("did you mean `nginx`?"));
        let told = wrong("source:zzzzzzz");
        assert!(told.ends_with("sources of the config are shop, api, everything, nginx"), "{told}");
    }
}
