//! Finding the line that a fault of values is about. The values no longer know where they stood, so
//! the words of the fault are looked for in the text.
//!
//! In: the config's text and a fault's words. Out: the byte where the key or value stands, or
//! nothing where it can't be told.

/// Where the fault's subject stands in the text.
pub fn locate(text: &str, words: &str) -> Option<usize> {
    let tokens: Vec<&str> = words.split('`').skip(1).step_by(2).collect();
    let (start, tokens) = match (words.strip_prefix("source `"), words.strip_prefix("actions.")) {
        (Some(_), _) => {
            let (name, rest) = tokens.split_first()?;
            (value(text, 0, name)?, rest)
        }
        (None, Some(rest)) => (header(text, rest.split(':').next()?)?, tokens.as_slice()),
        (None, None) => (0, tokens.as_slice()),
    };
    let found = tokens.iter().find_map(|token| {
        value(text, start, token).or_else(|| match token.rsplit_once('.') {
            Some((table, name)) => key(text, header(text, table).unwrap_or(start), name),
            None => key(text, start, token).or_else(|| header(text, token)),
        })
    });
    found.or((start > 0).then_some(start))
}

/// The lines from a byte on, with where each begins.
fn lines_from(text: &str, start: usize) -> impl Iterator<Item = (usize, &str)> {
    let line_start = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let mut at = line_start;
    text.get(line_start..).unwrap_or("").split_inclusive('\n').map(move |line| {
        let here = at;
        at += line.len();
        (here, line)
    })
}

/// A text value, in either kind of quotes.
fn value(text: &str, start: usize, token: &str) -> Option<usize> {
    let shown = [format!("\"{token}\""), format!("'{token}'")];
    lines_from(text, start).filter(|(_, line)| !line.trim_start().starts_with('#')).find_map(
        |(at, line)| shown.iter().find_map(|shown| line.find(shown)).map(|in_line| at + in_line),
    )
}

/// A key at the beginning of a line.
fn key(text: &str, start: usize, name: &str) -> Option<usize> {
    lines_from(text, start).find_map(|(at, line)| {
        let bare = line.trim_start();
        let rest = bare.strip_prefix(name)?.trim_start();
        rest.starts_with('=').then(|| at + (line.len() - bare.len()))
    })
}

/// The head of a table: `guard`, or `files[1]` for the second `[[actions.files]]`.
fn header(text: &str, table: &str) -> Option<usize> {
    let (name, number) = match table.split_once('[') {
        None => (table, 0),
        Some((name, number)) => (name, number.trim_end_matches(']').parse().ok()?),
    };
    let is_head = |line: &str| {
        let inner = line.trim().trim_start_matches('[').trim_end_matches(']');
        line.trim_start().starts_with('[')
            && (inner == name || inner.strip_prefix("actions.") == Some(name))
    };
    lines_from(text, 0).filter(|(_, line)| is_head(line)).nth(number).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_value_a_key_or_a_table_is_found() {
        let text = "# \"web\"\n[guard]\nwidest_v4 = 0\n[[sources]]\nname = 'web'\nformat = \"x\"\n[[actions.files]]\nname = 'a'\n[[actions.files]]\nname = 'b'\n";
        let line = |words: &str| {
            locate(text, words).map(|at| text.get(..at).unwrap().matches('\n').count() + 1)
        };
        assert_eq!(line("`guard.widest_v4` is 0"), Some(3));
        assert_eq!(line("source `web`: `x` is no format"), Some(6));
        assert_eq!(line("source `web`: something"), Some(5));
        assert_eq!(line("actions.files[1]: `test` needs `reload` with it"), Some(9));
        assert_eq!(line("one part can't widen"), None);
    }
}
