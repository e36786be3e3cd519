//! Patterns of STIX 2.1, as far as they say that an address alone is the sign.
//!
//! `[ipv4-addr:value = '192.0.2.1']`, several with `OR`, `IN (…)`, `ISSUBSET '192.0.2.0/24'`. What asks
//! for an address and something else besides is refused: the address alone is no sign then.

use crate::limits::FEED_PATTERN_BYTES_MAX;

/// A piece of a pattern.
enum Token {
    /// A word, a path, a number.
    Word(String),
    /// A text in quotes.
    Text(String),
    /// Anything else.
    Sign(char),
}

/// Paths whose value is an address that something comes from or goes to.
const PATHS: &[&str] = &[
    "ipv4-addr:value",
    "ipv6-addr:value",
    "network-traffic:src_ref.value",
    "network-traffic:dst_ref.value",
];

/// Words that make an address one of several conditions.
const MORE: &[&str] = &["AND", "FOLLOWEDBY", "NOT", "WITHIN", "REPEATS", "START", "STOP", "EXISTS"];

/// The addresses and prefixes that a pattern calls a sign; none where it is about something else. The
/// error says what it is, after the words `an indicator's pattern`.
pub(super) fn addresses(pattern: &str) -> Result<Vec<String>, &'static str> {
    // Taken apart, it is many times as long.
    if pattern.len() > FEED_PATTERN_BYTES_MAX {
        return Err("is longer than 16 KiB");
    }
    let tokens = tokens(pattern)?;
    let is_more = |token: &Token| match token {
        Token::Word(word) => MORE.iter().any(|more| word.eq_ignore_ascii_case(more)),
        Token::Sign(sign) => ['!', '<', '>'].contains(sign),
        Token::Text(_) => false,
    };
    let is_address =
        |token: &Token| matches!(token, Token::Word(word) if PATHS.contains(&word.as_str()));
    if !tokens.iter().any(is_address) {
        return Ok(Vec::new());
    }
    if tokens.iter().any(is_more) {
        return Err("asks for more than an address");
    }
    let mut out = Vec::new();
    let mut rest = tokens.as_slice();
    while let [first, more @ ..] = rest {
        rest = more;
        if !is_address(first) {
            continue;
        }
        let (operator, values) = match more {
            [Token::Sign('='), values @ ..] => ("=", values),
            [Token::Word(word), values @ ..] => (word.as_str(), values),
            _ => return Err("can't be read"),
        };
        match (operator.to_ascii_uppercase().as_str(), values) {
            ("=" | "ISSUBSET", [Token::Text(text), ..]) => out.push(text.clone()),
            ("IN", [Token::Sign('('), listed @ ..]) => {
                let inside = listed.iter().take_while(|token| !matches!(token, Token::Sign(')')));
                out.extend(inside.filter_map(|token| match token {
                    Token::Text(text) => Some(text.clone()),
                    _ => None,
                }));
            }
            // `LIKE`, `MATCHES` and `ISSUPERSET` say no address outright.
            _ => return Err("compares an address in a way that isn't read"),
        }
    }
    Ok(out)
}

fn tokens(pattern: &str) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(first) = characters.next() {
        if first.is_whitespace() {
            continue;
        }
        if first == '\'' {
            let mut text = String::new();
            loop {
                match characters.next() {
                    None => return Err("breaks off within quotes"),
                    Some('\'') => break,
                    Some('\\') => text.extend(characters.next()),
                    Some(other) => text.push(other),
                }
            }
            tokens.push(Token::Text(text));
            continue;
        }
        let in_word = |c: char| c.is_alphanumeric() || "-_:.*".contains(c);
        if !in_word(first) {
            tokens.push(Token::Sign(first));
            continue;
        }
        let mut word = String::from(first);
        while let Some(next) = characters.next_if(|next| in_word(*next)) {
            word.push(next);
        }
        tokens.push(Token::Word(word));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_a_sign_by_themselves_are_taken() {
        for (pattern, wanted) in [
            ("[ipv4-addr:value = '192.0.2.1']", &["192.0.2.1"][..]),
            (
                "[ipv4-addr:value='192.0.2.1' OR ipv6-addr:value = '2001:db8::1']",
                &["192.0.2.1", "2001:db8::1"],
            ),
            (
                "[ipv4-addr:value = '192.0.2.1'] OR [domain-name:value = 'x.example']",
                &["192.0.2.1"],
            ),
            ("[ipv4-addr:value IN ('192.0.2.1', '192.0.2.2')]", &["192.0.2.1", "192.0.2.2"]),
            ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", &["198.51.100.0/24"]),
            ("[network-traffic:src_ref.value = '192.0.2.9']", &["192.0.2.9"]),
            ("[file:hashes.'SHA-256' = 'ab' AND file:size > 3]", &[]),
            ("[domain-name:value = 'it\\'s AND.example']", &[]),
            ("", &[]),
        ] {
            assert_eq!(addresses(pattern).unwrap(), wanted, "{pattern}");
        }
    }

    #[test]
    fn an_address_that_is_a_part_of_a_sign_is_none() {
        for pattern in [
            "[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = 22]",
            "[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [file:name = 'x']",
            "[ipv4-addr:value != '192.0.2.1']",
            "[ipv4-addr:value NOT IN ('192.0.2.1')]",
            "[ipv4-addr:value = '192.0.2.1'] REPEATS 5 TIMES",
            "[ipv4-addr:value LIKE '192.0.2.%']",
            "[ipv4-addr:value",
            "[ipv4-addr:value = '192",
            &"(".repeat(FEED_PATTERN_BYTES_MAX + 1),
        ] {
            assert!(addresses(pattern).is_err(), "{pattern}");
        }
    }
}
