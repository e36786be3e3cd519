//! Values that may be secrets: a person who writes one where a reference belongs must not find it
//! in a log, so the source line of a fault is shown without it, and so are the fault's words.
//!
//! In: the text, and a line of it. Out: the line with `"…"` where such a value stands. Keys alone
//! say which values those are, so that it also works where the text can't be read as TOML.

use super::draft::is_head;

/// What is shown for a value.
const HIDDEN: &str = "\"…\"";

/// Keys that take a secret, wherever they stand.
const PRIVATE: &[&str] = &[
    "token",
    "secret",
    "authorization",
    "approle",
    "role_id",
    "secret_id",
    "access_key_id",
    "secret_access_key",
    "client_secret",
];

/// A line of the text, counted from 1, without values that may be secrets; `None` where it has none.
pub(super) fn line(text: &str, number: usize) -> Option<String> {
    let mut table = String::new();
    // The key whose value goes on over lines.
    let mut key = String::new();
    let mut quotes: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let here = index + 1 == number;
        let inside = quotes.is_some();
        if !inside && is_head(line) {
            if here {
                return None;
            }
            let head = line.split('#').next().unwrap_or_default().trim();
            head.trim_matches(['[', ']']).clone_into(&mut table);
            key.clear();
            continue;
        }
        let word = if inside { None } else { first_word(line) };
        if let Some((word, _)) = word {
            word.clone_into(&mut key);
        }
        if here {
            return match word {
                Some((word, end)) if is_private(&table, word) => hidden_from(line, end),
                None if is_private(&table, &key) && !line.trim().is_empty() => {
                    let start = line.len() - line.trim_start().len();
                    Some(format!("{}{HIDDEN}", line.get(..start).unwrap_or_default()))
                }
                _ => hidden_inside(&table, line),
            };
        }
        for mark in ["\"\"\"", "'''"] {
            if quotes.is_none_or(|open| open == mark) && line.matches(mark).count() % 2 == 1 {
                quotes = if quotes.is_some() { None } else { Some(mark) };
            }
        }
    }
    None
}

/// Serde's words on a value of the wrong type, without the value: `invalid type: string "…",
/// expected a number`.
pub(super) fn words(message: &str) -> String {
    let known = ["invalid type: ", "invalid value: "];
    let Some(start) = known.iter().find(|start| message.starts_with(**start)) else {
        return message.to_owned();
    };
    let rest = message.get(start.len()..).unwrap_or_default();
    // The value itself may hold these words, but what is expected comes last.
    let Some((value, expected)) = rest.rsplit_once(", expected ") else {
        return start.trim_end_matches(": ").to_owned();
    };
    match value.find(['"', '`']) {
        Some(at) => {
            let kind = value.get(..at).unwrap_or_default();
            format!("{start}{kind}{HIDDEN}, expected {expected}")
        }
        None => message.to_owned(),
    }
}

/// The key at the beginning of a line, and the byte behind it.
fn first_word(line: &str) -> Option<(&str, usize)> {
    let start = line.len() - line.trim_start().len();
    let rest = line.get(start..)?;
    let right = |c: char| c.is_ascii_alphanumeric() || "_-.\"'".contains(c);
    let length = rest.find(|c| !right(c)).unwrap_or(rest.len());
    let behind = rest.get(length..)?.trim_start();
    let word = rest.get(..length)?;
    // A bare word of the list is one even where its `=` was forgotten.
    let is_key = behind.starts_with('=') || PRIVATE.contains(&word) || word == "url";
    (length > 0 && is_key).then_some((word, start + length))
}

/// The line up to the value that begins behind this byte.
fn hidden_from(line: &str, behind_key: usize) -> Option<String> {
    let (key, rest) = line.split_at_checked(behind_key)?;
    let between = rest.find(|c: char| !c.is_whitespace() && c != '=' && c != ':');
    let between = rest.get(..between?)?;
    Some(format!("{key}{between}{HIDDEN}"))
}

/// A line whose inline tables hold such a key: nothing is shown from that key's value on.
fn hidden_inside(table: &str, line: &str) -> Option<String> {
    let mut at = 0;
    let right = |c: char| c.is_ascii_alphanumeric() || "_-.\"'".contains(c);
    while let Some(found) = line.get(at..)?.find('=') {
        let before = line.get(..at + found)?.trim_end();
        let word = before.rfind(|c| !right(c)).map_or(before, |start| {
            before.get(start..).unwrap_or_default().trim_start_matches(|c| !right(c))
        });
        let path = line.split('=').next().unwrap_or_default().trim();
        if is_private(&format!("{table}.{path}"), word) {
            return hidden_from(line, before.len());
        }
        at += found + 1;
    }
    None
}

/// Whether the value of a key may be a secret: it takes one, a plugin gets it, it opens a vault, or
/// it is nearly the name of such a key.
fn is_private(table: &str, key: &str) -> bool {
    let path = format!("{table}.{key}");
    let mut parts = path.split('.').map(|part| part.trim().trim_matches(['"', '\'']));
    let parts: Vec<&str> = parts.by_ref().filter(|part| !part.is_empty()).collect();
    let Some(last) = parts.last() else { return false };
    let first = parts.first().copied().unwrap_or_default();
    let among = |word: &str| PRIVATE.contains(&word);
    parts.iter().any(|part| among(part))
        || crate::event::text::nearest(last, PRIVATE.iter().copied()).is_some()
        || ["password", "passwd", "secret", "token", "credential"]
            .iter()
            .any(|word| last.to_ascii_lowercase().contains(word))
        || (first == "plugins" && parts.contains(&"secrets"))
        || (first == "actions" && *last == "url")
        || first == "vaults"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_may_be_secrets_are_not_shown() {
        for (text, number, shown) in [
            ("[[actions.cloudflare]]\ntoken = \"s3\"", 2, "token = \"…\""),
            ("[[actions.cloudflare]]\n  tokn = \"s3\" # x", 2, "  tokn = \"…\""),
            ("[[actions.webhooks]]\nurl = 's3'", 2, "url = \"…\""),
            ("actions.webhooks = [{ name = \"a\", secret = \"s3\" }]", 1, "…, secret = \"…\""),
            ("[vaults]\nvault = { address = \"https://s3\" }", 2, "vault = \"…\""),
            ("[vaults.vault.approle]\nrole_id = 's3", 2, "role_id = \"…\""),
            ("[plugins.a]\nsecrets = [\n  \"s3\"\n]", 3, "  \"…\""),
            ("[plugins.a.secrets]\nkey = \"s3\"", 2, "key = \"…\""),
            ("token = \"\"\"\ns3==\n\"\"\"", 2, "\"…\""),
            ("token: s3", 1, "token: \"…\""),
        ] {
            let hidden = line(text, number).unwrap_or_else(|| panic!("{text}"));
            let end = shown.trim_start_matches('…');
            assert!(hidden.ends_with(end) && !hidden.contains("s3"), "{text}: {hidden}");
        }
        for (text, number) in [
            ("[guard]\nalow = [\"nobody\"]", 2),
            ("[[sources]]\nname = \"a\"\nurl = \"https://a\"", 3),
            ("[vaults]\n", 1),
        ] {
            assert_eq!(line(text, number), None, "{text}");
        }
    }

    #[test]
    fn words_on_a_wrong_type_lose_the_value() {
        for (said, shown) in [
            (
                "invalid type: string \"a, expected b\", expected struct A",
                "invalid type: string \"…\", expected struct A",
            ),
            (
                "invalid type: integer `12`, expected a string",
                "invalid type: integer \"…\", expected a string",
            ),
            ("invalid type: map, expected a string", "invalid type: map, expected a string"),
            ("missing field `a`", "missing field `a`"),
        ] {
            assert_eq!(words(said), shown);
        }
    }
}
