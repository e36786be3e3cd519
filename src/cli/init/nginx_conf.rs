//! What nginx.conf says about logs and proxies. Pure: included files come through a closure.
//!
//! In: the text of nginx.conf. Out: [`NginxFacts`]. It leaves to others which of the logs exist.
//! The syntax is nginx's own (words, quotes, `#` comments, blocks); what is inside Lua blocks is
//! skipped.

use crate::limits::{INIT_CONFIG_FILES_MAX, INIT_NESTING_MAX};
use std::collections::BTreeMap;

/// A word of the config: as written, and without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    raw: String,
    value: String,
}

/// A directive with its words and, where it has one, its block.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Directive {
    words: Vec<Word>,
    block: Vec<Directive>,
}

impl Directive {
    fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.value.as_str())
    }

    fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// An `access_log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// Its path as written; variables are `*`.
    pub path: String,
    /// The name of its format; `combined` where none is written.
    pub format: String,
    /// `buffer=` or `flush=` is set, so that lines come late.
    pub buffered: bool,
    /// `gzip` is set, so that it can't be followed.
    pub gzip: bool,
}

/// What a config says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NginxFacts {
    /// Formats by name: the directive, a word a line.
    pub formats: BTreeMap<String, String>,
    /// Access logs, each path once.
    pub access: Vec<AccessLog>,
    /// Error logs, each path once.
    pub errors: Vec<String>,
    /// Some `http` block has no access log of its own, so nginx's default one is written too.
    pub default_access: bool,
    /// No error log is named at the top, so nginx's default one is written.
    pub default_error: bool,
    /// `set_real_ip_from`: proxies that nginx believes.
    pub real_ip_from: Vec<String>,
    /// `real_ip_header`.
    pub real_ip_header: Option<String>,
    /// Files that are included, as they were read.
    pub files: Vec<String>,
    /// Every `include` as written.
    pub includes: Vec<String>,
}

impl NginxFacts {
    /// Whether nginx rewrites the client's address by a header.
    pub fn rewrites_addresses(&self) -> bool {
        !self.real_ip_from.is_empty()
    }
}

/// Reads a config; `include` gives the files (path and text) that a pattern stands for.
pub fn read(text: &str, include: &mut dyn FnMut(&str) -> Vec<(String, String)>) -> NginxFacts {
    let mut reader = Reader { facts: NginxFacts::default(), include };
    let seen = reader.walk(&parse(text), 0);
    reader.facts.default_error = !seen.error;
    reader.facts
}

#[derive(Default)]
struct Seen {
    access: bool,
    error: bool,
}

struct Reader<'i> {
    facts: NginxFacts,
    include: &'i mut dyn FnMut(&str) -> Vec<(String, String)>,
}

impl Reader<'_> {
    /// Takes in directives; says which logs were named at this very level.
    fn walk(&mut self, directives: &[Directive], depth: usize) -> Seen {
        let mut seen = Seen::default();
        if depth > INIT_NESTING_MAX {
            return seen;
        }
        let deeper = depth + 1;
        for directive in directives {
            let arguments = directive.arguments();
            let first = arguments.first().map_or("", |word| word.value.as_str());
            match directive.name() {
                "access_log" => {
                    seen.access = true;
                    self.access_log(arguments);
                }
                "error_log" => {
                    seen.error = true;
                    if is_file(first) {
                        push_new(&mut self.facts.errors, &with_stars(first));
                    }
                }
                "log_format" => self.log_format(directive),
                "set_real_ip_from" => push_new(&mut self.facts.real_ip_from, first),
                "real_ip_header" => self.facts.real_ip_header = Some(first.to_owned()),
                "include" => {
                    let inner = self.included(first, deeper);
                    seen.access |= inner.access;
                    seen.error |= inner.error;
                }
                "http" => {
                    let inner = self.walk(&directive.block, deeper);
                    self.facts.default_access |= !inner.access;
                }
                _ => {
                    self.walk(&directive.block, deeper);
                }
            }
        }
        seen
    }

    fn included(&mut self, pattern: &str, depth: usize) -> Seen {
        let mut seen = Seen::default();
        push_new(&mut self.facts.includes, pattern);
        for (path, text) in (self.include)(pattern) {
            if self.facts.files.len() >= INIT_CONFIG_FILES_MAX || self.facts.files.contains(&path) {
                continue;
            }
            self.facts.files.push(path);
            let inner = self.walk(&parse(&text), depth);
            seen.access |= inner.access;
            seen.error |= inner.error;
        }
        seen
    }

    /// `access_log PATH [FORMAT] [buffer=…] [gzip[=…]] [flush=…] [if=…]` or `access_log off`.
    fn access_log(&mut self, arguments: &[Word]) {
        let Some((path, rest)) = arguments.split_first() else { return };
        if !is_file(&path.value) {
            return;
        }
        let path = with_stars(&path.value);
        if self.facts.access.iter().any(|log| log.path == path) {
            return;
        }
        let is_setting = |word: &str| word.contains('=') || word == "gzip";
        let set = |name: &str| rest.iter().any(|word| word.value.starts_with(name));
        let format = rest.first().map(|word| word.value.as_str()).filter(|word| !is_setting(word));
        self.facts.access.push(AccessLog {
            path,
            format: format.unwrap_or("combined").to_owned(),
            buffered: set("buffer=") || set("flush="),
            gzip: set("gzip"),
        });
    }

    fn log_format(&mut self, directive: &Directive) {
        let Some(name) = directive.arguments().first() else { return };
        let mut text = String::new();
        let head = 2 + usize::from(
            directive.words.get(2).is_some_and(|word| word.value.starts_with("escape=")),
        );
        for (number, word) in directive.words.iter().enumerate() {
            match number {
                0 => {}
                _ if number < head => text.push(' '),
                _ => text.push_str("\n    "),
            }
            text.push_str(&word.raw);
        }
        text.push(';');
        self.facts.formats.insert(name.value.clone(), text);
    }
}

fn push_new(list: &mut Vec<String>, value: &str) {
    if !value.is_empty() && !list.iter().any(|known| known == value) {
        list.push(value.to_owned());
    }
}

/// Logs that go to a file of the disk: not `off`, not syslog, not memory, not a terminal.
fn is_file(path: &str) -> bool {
    !path.is_empty()
        && path != "off"
        && path != "stderr"
        && !path.starts_with("syslog:")
        && !path.starts_with("memory:")
        && !path.starts_with("/dev/")
}

/// A path as a pattern, with `*` for each variable (`/var/log/nginx/$host.log`).
fn with_stars(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(&glob::Pattern::escape(before));
        if !out.ends_with('*') {
            out.push('*');
        }
        rest = match after.strip_prefix('{') {
            Some(inner) => inner.split_once('}').map_or("", |(_, behind)| behind),
            None => after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_'),
        };
    }
    out.push_str(&glob::Pattern::escape(rest));
    out
}

/// Text into directives. Anything is taken; what makes no sense to nginx makes none here.
fn parse(text: &str) -> Vec<Directive> {
    let mut scanner = Scanner { characters: text.chars().collect(), at: 0 };
    scanner.block(0)
}

struct Scanner {
    characters: Vec<char>,
    at: usize,
}

impl Scanner {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += 1;
        Some(character)
    }

    fn block(&mut self, depth: usize) -> Vec<Directive> {
        let mut directives = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        while let Some(character) = self.peek() {
            match character {
                _ if character.is_whitespace() => self.at += 1,
                '#' => while self.next().is_some_and(|c| c != '\n') {},
                ';' => {
                    self.at += 1;
                    let words = std::mem::take(&mut words);
                    directives.push(Directive { words, block: Vec::new() });
                }
                '{' => {
                    self.at += 1;
                    let words = std::mem::take(&mut words);
                    let lua =
                        words.first().is_some_and(|word| word.value.ends_with("_by_lua_block"));
                    let block = if lua || depth > INIT_NESTING_MAX {
                        self.skip_block();
                        Vec::new()
                    } else {
                        self.block(depth + 1)
                    };
                    directives.push(Directive { words, block });
                }
                '}' => {
                    self.at += 1;
                    return directives;
                }
                _ => words.push(self.word()),
            }
        }
        directives
    }

    fn skip_block(&mut self) {
        let mut open = 1_usize;
        while open > 0 {
            match self.next() {
                Some('{') => open += 1,
                Some('}') => open -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    fn word(&mut self) -> Word {
        let start = self.at;
        let mut value = String::new();
        match self.peek() {
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                while let Some(character) = self.next() {
                    match character {
                        '\\' => value.extend(self.next()),
                        _ if character == quote => break,
                        _ => value.push(character),
                    }
                }
            }
            _ => self.bare_word(&mut value),
        }
        let raw = self.characters.get(start..self.at).unwrap_or_default().iter().collect();
        Word { raw, value }
    }

    /// Ends at a blank, `;` or `{`; the brace of `${name}` belongs to the word.
    fn bare_word(&mut self, value: &mut String) {
        while let Some(character) = self.peek() {
            let in_variable = character == '{' && value.ends_with('$');
            if character.is_whitespace() || character == ';' || (character == '{' && !in_variable) {
                return;
            }
            self.at += 1;
            value.push(character);
            if in_variable {
                while let Some(inner) = self.next() {
                    value.push(inner);
                    if inner == '}' {
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_formats_and_proxies_are_read_through_includes() {
        let main = r#"
            error_log /var/log/nginx/error.log warn; # a comment; with { signs }
            http {
                log_format main '$remote_addr - "$request" '  # pieces
                                '$status';
                log_format js escape=json '{"ip":"$remote_addr"}';
                access_log /var/log/nginx/access.log main buffer=32k flush=5s;
                include sites/*.conf;
                init_by_lua_block { local x = "} ;" if x then { } end }
            }
        "#;
        let site = "server { server_name ~^a{2}$; access_log /srv/${host}_x/$year.log js; location / { access_log off; }
            set_real_ip_from 173.245.48.0/20; real_ip_header CF-Connecting-IP; access_log syslog:server=x; }";
        let facts = read(main, &mut |pattern| vec![(pattern.to_owned(), site.to_owned())]);
        assert_eq!(
            facts.formats["main"],
            "log_format main\n    '$remote_addr - \"$request\" '\n    '$status';"
        );
        assert_eq!(
            facts.formats["js"],
            "log_format js escape=json\n    '{\"ip\":\"$remote_addr\"}';"
        );
        let logs: Vec<_> =
            facts.access.iter().map(|log| (&*log.path, &*log.format, log.buffered)).collect();
        assert_eq!(logs[0], ("/var/log/nginx/access.log", "main", true));
        assert_eq!(facts.errors, ["/var/log/nginx/error.log"]);
        assert_eq!(facts.real_ip_header.as_deref(), Some("CF-Connecting-IP"));
        assert!(!facts.default_access && !facts.default_error);
    }

    #[test]
    fn a_regular_expression_with_braces_needs_quotes_in_nginx_too() {
        let text = r#"http { server { location ~ "^/a{2}/" { access_log /l/$host.log; } } }"#;
        let facts = read(text, &mut |_| Vec::new());
        assert_eq!(facts.access[0].path, "/l/*.log");
        assert!(facts.default_access && facts.default_error);
    }

    #[test]
    fn anything_is_taken() {
        for text in ["", "}", "{{{{", "a 'b", "a \\", "access_log;", "x {", &"a{".repeat(10_000)] {
            read(text, &mut |_| Vec::new());
        }
    }
}
