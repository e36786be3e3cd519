//! Cloudflare's expressions, as far as something can be said of them without Cloudflare: quotes and
//! parentheses that close, length, and what the plan hasn't got.

use super::super::plans::Level;
use super::not_on;

/// The longest expression that Cloudflare takes (documentation of November 2026).
const CHARS_MAX: usize = 4_096;

/// What is wrong with an expression.
pub fn faults(expression: &str, level: Option<Level>) -> Vec<String> {
    let mut faults = Vec::new();
    if expression.trim().is_empty() {
        faults.push("an expression is needed\nhint: `true` matches everything".to_owned());
    }
    let count = expression.chars().count();
    if count > CHARS_MAX {
        faults.push(format!(
            "the expression has {count} characters, more than the {CHARS_MAX} that Cloudflare takes"
        ));
    }
    let Some(bare) = without_texts(expression) else {
        faults.push("a quote in the expression doesn't close".to_owned());
        return faults;
    };
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        if !closes(&bare, open, close) {
            faults.push(format!("`{open}` and `{close}` in the expression don't fit together"));
        }
    }
    let mut words = bare.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    if words.any(|word| matches!(word, "matches" | "regex_replace")) || bare.contains('~') {
        faults.extend(not_on(level, |level| level.limits().regex, "regular expressions"));
    }
    faults
}

fn closes(text: &str, open: char, close: char) -> bool {
    let mut depth = 0_i32;
    for character in text.chars() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The expression with every text replaced by a blank; `None` where one doesn't close. Texts are
/// `"…"` with backslashes, or raw: `r"…"`, `r#"…"#`.
fn without_texts(expression: &str) -> Option<String> {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    while let Some(at) = rest.find('"') {
        let (before, text) = rest.split_at(at);
        let hashes = before.len() - before.trim_end_matches('#').len();
        let stem = before.trim_end_matches('#');
        let earlier = stem.strip_suffix('r');
        let is_raw = earlier.is_some_and(|earlier| {
            !earlier.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        });
        let inside = text.get(1..)?;
        let length = if is_raw {
            let end = format!("\"{}", "#".repeat(hashes));
            inside.find(&end)? + end.len()
        } else {
            end_of_text(inside)?
        };
        out.push_str(if is_raw { earlier.unwrap_or(before) } else { before });
        out.push(' ');
        rest = inside.get(length..)?;
    }
    out.push_str(rest);
    Some(out)
}

/// How long a text with backslashes is, its closing quote included.
fn end_of_text(inside: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A text as it may stand in an expression, whatever it holds.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_told_is_told() {
        for good in [
            "true",
            "(ip.src in $list) or (http.host eq \"a\")",
            "http.request.uri.path contains \"a)\\\"(\"",
            "http.user_agent contains r\"\\\" and http.host eq r#\"a\"b\"#",
            "ip.src in {192.0.2.1 192.0.2.0/24}",
            "http.user_agent contains \"matches ~\"",
        ] {
            assert_eq!(faults(good, Some(Level::Free)), Vec::<String>::new(), "{good}");
        }
        for bad in ["", "  ", "(true", "true)", "http.host eq \"a", "r\"", "{[}"] {
            assert!(!faults(bad, None).is_empty(), "{bad}");
        }
        let regex = "http.user_agent matches \"^a\"";
        assert_eq!(faults(regex, Some(Level::Pro)).len(), 1);
        assert_eq!(faults(regex, Some(Level::Business)).len(), 0);
        assert_eq!(faults(regex, None).len(), 0);
    }

    proptest::proptest! {
        #[test]
        fn a_quoted_text_stays_within_its_quotes(text in ".*") {
            let expression = format!("http.user_agent eq {}", quoted(&text));
            let bare = without_texts(&expression);
            proptest::prop_assert_eq!(bare.as_deref(), Some("http.user_agent eq  "));
        }

        #[test]
        fn any_text_can_be_judged(text in ".*") {
            faults(&text, Some(Level::Free));
        }
    }
}
