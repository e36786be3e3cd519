//! Finds a person in free text (log records, reasons, messages) and takes them out.
//!
//! In: a target and a text. Out: the text with each mention replaced, or nothing when there is
//! none. Pure. Addresses are compared as addresses (any spelling, also with a port), names as
//! whole words. Encoded forms (percent, base64) are not recognised.

use crate::decisions::Target;
use crate::event::net;
use ipnet::IpNet;

/// What stands in place of a mention.
pub(super) const FORGOTTEN: &str = "[forgotten]";

/// Who is looked for.
#[derive(Debug, Clone)]
pub(super) enum Mentions {
    Net(IpNet),
    Word { word: String, any_case: bool },
}

impl Mentions {
    /// Mentions of `target`; `None` where a text can't name one person (a country, an AS).
    pub(super) fn of(target: &Target) -> Option<Self> {
        match target {
            Target::Net(network) => Some(Self::Net(*network)),
            Target::User(name) => Some(Self::Word { word: name.clone(), any_case: false }),
            Target::Host(name) => Some(Self::Word { word: name.clone(), any_case: true }),
            Target::Asn(_) | Target::Country(_) => None,
        }
    }

    /// The text without the mentions; `None` when it has none.
    pub(super) fn redact(&self, text: &str) -> Option<String> {
        if let Self::Word { word, .. } = self
            && !word.chars().all(|c| self.is_part(c))
        {
            // A name with spaces or quotes: as it is, and as JSON writes it.
            let quoted = serde_json::Value::from(word.as_str()).to_string();
            let quoted = quoted.strip_prefix('"').unwrap_or(&quoted);
            let quoted = quoted.strip_suffix('"').unwrap_or(quoted);
            let cleaned = text.replace(word.as_str(), FORGOTTEN).replace(quoted, FORGOTTEN);
            return (cleaned != text).then_some(cleaned);
        }
        let mut cleaned = String::new();
        let mut run = String::new();
        let mut found = false;
        for c in text.chars() {
            if self.is_part(c) {
                run.push(c);
                continue;
            }
            found |= self.flush(&mut run, &mut cleaned);
            cleaned.push(c);
        }
        found |= self.flush(&mut run, &mut cleaned);
        found.then_some(cleaned)
    }

    /// Whether a character can be part of what is looked for.
    fn is_part(&self, c: char) -> bool {
        match self {
            Self::Net(_) => c.is_ascii_hexdigit() || matches!(c, '.' | ':'),
            Self::Word { .. } => c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+'),
        }
    }

    fn flush(&self, run: &mut String, cleaned: &mut String) -> bool {
        let found = self.is_mention(run);
        cleaned.push_str(if found { FORGOTTEN } else { run });
        run.clear();
        found
    }

    fn is_mention(&self, run: &str) -> bool {
        match self {
            Self::Word { word, any_case } => {
                let bare = run.trim_matches('.');
                [run, bare]
                    .iter()
                    .any(|said| *said == word || (*any_case && said.eq_ignore_ascii_case(word)))
            }
            Self::Net(network) => {
                // The shortest address is `::`.
                if run.len() < 2 {
                    return false;
                }
                let bare = run.trim_end_matches('.');
                let inner = bare.strip_suffix(':').unwrap_or(bare);
                let inner = inner.strip_prefix(':').unwrap_or(inner);
                let whole = [run, bare, inner].into_iter();
                // With a port, or after a label: `192.0.2.1:80`.
                let parts = bare.split(':').filter(|part| part.contains('.'));
                whole
                    .chain(parts)
                    .filter_map(|said| net::parse_ip(said.as_bytes()))
                    .any(|address| network.contains(&address))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(target: &str, text: &str) -> Option<String> {
        Mentions::of(&Target::parse(target).unwrap())?.redact(text)
    }

    #[test]
    fn addresses_are_found_in_any_spelling() {
        let cut = |text| redacted("203.0.113.9", text);
        assert_eq!(cut("from 203.0.113.9 port 1").unwrap(), "from [forgotten] port 1");
        assert_eq!(cut("203.0.113.9:443, x").unwrap(), "[forgotten], x");
        assert_eq!(cut("ends with 203.0.113.9.").unwrap(), "ends with [forgotten]");
        assert_eq!(cut("[::ffff:203.0.113.9]").unwrap(), "[[forgotten]]");
        assert_eq!(cut("from 203.0.113.90 and 1203.0.113.9"), None);
        let cut = |text| redacted("2001:db8:1:2::/64", text);
        assert_eq!(cut("[2001:DB8:1:2:0:0:0:7]:80").unwrap(), "[[forgotten]]:80");
        assert_eq!(cut("at 2001:db8:1:2::").unwrap(), "at [forgotten]");
        assert_eq!(cut("at 2001:db8:1:3::1 12:30:01"), None);
    }

    #[test]
    fn names_are_found_as_whole_words() {
        let cut = |text| redacted("user:bob", text);
        assert_eq!(cut("for bob from").unwrap(), "for [forgotten] from");
        assert_eq!(cut("for bobby and bob-2 from"), None);
        let cut = redacted("host:www.example.com", "GET http://WWW.example.com/");
        assert_eq!(cut.unwrap(), "GET http://[forgotten]/");
        let odd = redacted("user:a \"b\"", r#"{"record":"for a \"b\" from"}"#);
        assert_eq!(odd.unwrap(), r#"{"record":"for [forgotten] from"}"#);
        assert_eq!(redacted("AS64500", "AS64500"), None);
    }
}
