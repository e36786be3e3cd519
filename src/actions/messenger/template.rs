//! What a message says: the words of the config with what is known of a message in them. No code: a
//! placeholder is replaced once, and what stands in its place is data.

use crate::event::text::escape;
use crate::limits::MESSAGE_TEMPLATE_BYTES_MAX;

/// What stands in braces, in the order of [`Values`].
const NAMES: [&str; 6] = ["rule", "key", "message", "time", "host", "channel"];

/// A template, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    /// Its place among [`NAMES`].
    Value(usize),
}

/// What is known of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v> {
    pub rule: &'v str,
    pub key: &'v str,
    pub message: &'v str,
    pub time: &'v str,
    pub host: &'v str,
    pub channel: &'v str,
}

impl Template {
    /// The message alone.
    pub fn plain() -> Self {
        Self(vec![Part::Value(2)])
    }

    /// Reads a template; `{{` and `}}` stand for braces.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MESSAGE_TEMPLATE_BYTES_MAX {
            return Err(format!("`template` is longer than {MESSAGE_TEMPLATE_BYTES_MAX} bytes"));
        }
        let mut parts = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, sign) = rest.split_at(at);
            words.push_str(before);
            if let Some(after) = sign.strip_prefix("{{").or_else(|| sign.strip_prefix("}}")) {
                words.extend(sign.chars().next());
                rest = after;
                continue;
            }
            let Some((name, after)) = sign.strip_prefix('{').and_then(|name| name.split_once('}'))
            else {
                return Err(
                    "`template` has a brace without the other\nhint: `{{` and `}}` for the signs themselves"
                        .to_owned(),
                );
            };
            let place = NAMES.iter().position(|known| *known == name);
            let place = place.ok_or_else(|| unknown(name))?;
            if !words.is_empty() {
                parts.push(Part::Words(std::mem::take(&mut words)));
            }
            parts.push(Part::Value(place));
            rest = after;
        }
        words.push_str(rest);
        if !words.is_empty() {
            parts.push(Part::Words(words));
        }
        if parts.is_empty() {
            return Err("`template` is empty".to_owned());
        }
        Ok(Self(parts))
    }

    /// The message's words.
    pub(super) fn fill(&self, values: Values<'_>) -> String {
        let values =
            [values.rule, values.key, values.message, values.time, values.host, values.channel];
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Words(words) => text.push_str(words),
                Part::Value(place) => text.push_str(values.get(*place).copied().unwrap_or("")),
            }
        }
        text
    }
}

fn unknown(name: &str) -> String {
    let known = NAMES.map(|known| format!("`{{{known}}}`")).join(", ");
    format!("`template` has `{{{}}}`, which means nothing\nhint: {known}", escape(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_never_read_as_a_template() {
        let values = Values {
            rule: "r",
            key: "{rule}",
            message: "{{key}} }",
            time: "t",
            host: "h",
            channel: "c",
        };
        let fill = |text: &str| Template::parse(text).unwrap().fill(values);
        assert_eq!(fill("{{{key}}} on {host}: {message}"), "{{rule}} on h: {{key}} }");
        assert_eq!(Template::plain().fill(values), "{{key}} }");
    }

    #[test]
    fn what_means_nothing_is_told_with_what_does() {
        for (text, words) in [
            ("{mesage}", "`{mesage}`"),
            ("{rule", "without the other"),
            ("a } b", "without the other"),
            ("", "is empty"),
            ("{}", "`{}`"),
        ] {
            let fault = Template::parse(text).unwrap_err();
            assert!(fault.contains(words), "{text}: {fault}");
        }
        assert!(Template::parse("{x}").unwrap_err().contains("`{message}`"));
    }
}
