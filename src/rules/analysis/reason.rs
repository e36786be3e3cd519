//! Whether conditions can hold together, and whether some follow from others. Only what is certain
//! for every value that an event may hold is said.

use super::atoms::{Alternatives, Atom, Together, number};
use crate::event::net;
use crate::matching::{Const, TextTest};

/// Why conditions can't hold together; none where they may.
pub(super) fn contradiction(together: &Together) -> Option<String> {
    for (place, (subject, atom)) in together.iter().enumerate() {
        if let Some(why) = impossible(subject, atom) {
            return Some(why);
        }
        for (_, other) in together.iter().skip(place + 1).filter(|(other, _)| other == subject) {
            if excludes(atom, other) {
                return Some(format!(
                    "{} and {} at once",
                    shown(subject, atom),
                    shown(subject, other)
                ));
            }
        }
    }
    None
}

/// Why a predicate can never be true.
pub(super) fn never(alternatives: &Alternatives) -> Option<String> {
    let mut first = None;
    for together in &alternatives.any {
        first = Some(first.unwrap_or(contradiction(together)?));
    }
    Some(first.unwrap_or_else(|| "it is `false`".to_owned()))
}

/// A condition that nothing meets.
fn impossible(subject: &str, atom: &Atom) -> Option<String> {
    let wrong = |texts: Vec<String>| {
        let lower = subject.starts_with("lower ")
            && texts.iter().all(|text| text.contains(|c: char| c.is_ascii_uppercase()));
        let upper = subject.starts_with("to_upper ")
            && texts.iter().all(|text| text.contains(|c: char| c.is_ascii_lowercase()));
        let text = texts.first().filter(|_| lower || upper)?;
        let (call, letters) =
            if lower { ("to_lower", "upper-case") } else { ("to_upper", "lower-case") };
        Some(format!("`{call}()` leaves no {letters} letters, but `{text}` has some"))
    };
    match atom {
        Atom::OneOf(list) if list.is_empty() => Some("it is in an empty list".to_owned()),
        Atom::OneOf(list) => wrong(list.iter().map(text).collect::<Option<_>>()?),
        Atom::Text(_, list) if list.is_empty() => Some("the list of texts is empty".to_owned()),
        Atom::Text(_, list) => {
            wrong(list.iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
        }
        Atom::Within(nets) if nets.is_empty() => Some("the list of networks is empty".to_owned()),
        Atom::Range { low, high } => {
            let empty = low.0 > high.0 || (low.0 >= high.0 && !(low.1 && high.1));
            empty.then(|| format!("{} is impossible", shown(subject, atom)))
        }
        _ => None,
    }
}

fn text(constant: &Const) -> Option<String> {
    match constant {
        Const::Text(text) => Some(text.to_string()),
        Const::Char(character) => Some(character.to_string()),
        _ => None,
    }
}

/// Text that isn't an address, which may be written in several ways.
fn plain_text(constant: &Const) -> Option<String> {
    text(constant).filter(|text| net::parse_ip(text.as_bytes()).is_none())
}

/// Whether a value that equals one constant may equal the other.
fn may_equal(a: &Const, b: &Const) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => return a.to_bits() == b.to_bits() || (a - b).abs() < 1e-9,
        (None, None) => {}
        _ => {
            return !matches!(
                (a, b),
                (Const::Text(_) | Const::Bool(_), _) | (_, Const::Text(_) | Const::Bool(_))
            );
        }
    }
    match (text(a), text(b)) {
        (Some(a), Some(b)) => {
            let ip = |text: &str| net::parse_ip(text.as_bytes());
            a == b || (ip(&a).is_some() && ip(&a) == ip(&b))
        }
        (None, None) => a == b || number(a).is_none(),
        _ => false,
    }
}

/// Whether no value equals both.
pub(super) fn differ(a: &Const, b: &Const) -> bool {
    !may_equal(a, b)
}

fn in_range(value: f64, low: (f64, bool), high: (f64, bool)) -> bool {
    let above = value > low.0 || (low.1 && value >= low.0);
    above && (value < high.0 || (high.1 && value <= high.0))
}

fn holds(test: TextTest, whole: &[u8], part: &[u8]) -> bool {
    match test {
        TextTest::Starts => whole.starts_with(part),
        TextTest::Ends => whole.ends_with(part),
        TextTest::Contains => {
            part.is_empty() || whole.windows(part.len()).any(|window| window == part)
        }
    }
}

/// Whether two conditions on the same value can't both hold.
fn excludes(a: &Atom, b: &Atom) -> bool {
    match (a, b) {
        (Atom::OneOf(a), Atom::OneOf(b)) => !a.iter().any(|a| b.iter().any(|b| may_equal(a, b))),
        (Atom::OneOf(list), Atom::Not(not)) | (Atom::Not(not), Atom::OneOf(list)) => {
            list.iter().all(|value| value == not)
        }
        (Atom::OneOf(list), Atom::Range { low, high })
        | (Atom::Range { low, high }, Atom::OneOf(list)) => list
            .iter()
            .all(|value| number(value).is_some_and(|value| !in_range(value, *low, *high))),
        (Atom::OneOf(list), Atom::Text(test, parts))
        | (Atom::Text(test, parts), Atom::OneOf(list)) => list.iter().all(|value| {
            plain_text(value)
                .is_some_and(|text| !parts.iter().any(|part| holds(*test, text.as_bytes(), part)))
        }),
        (Atom::Range { low: a, high: b }, Atom::Range { low: c, high: d }) => {
            let apart = |high: (f64, bool), low: (f64, bool)| {
                high.0 < low.0 || (high.0 <= low.0 && !(high.1 && low.1))
            };
            apart(*b, *c) || apart(*d, *a)
        }
        (Atom::Text(TextTest::Starts, a), Atom::Text(TextTest::Starts, b)) => {
            a.iter().all(|a| b.iter().all(|b| !a.starts_with(b) && !b.starts_with(a)))
        }
        (Atom::Text(TextTest::Ends, a), Atom::Text(TextTest::Ends, b)) => {
            a.iter().all(|a| b.iter().all(|b| !a.ends_with(b) && !b.ends_with(a)))
        }
        (Atom::Within(a), Atom::Within(b)) => {
            a.iter().all(|a| b.iter().all(|b| !a.contains(b) && !b.contains(a)))
        }
        (Atom::Opaque(a), Atom::Opaque(b)) => {
            a.strip_prefix("not ") == Some(b) || b.strip_prefix("not ") == Some(a)
        }
        _ => false,
    }
}

/// Whether a condition follows from others.
fn follows(from: &Together, subject: &str, wanted: &Atom) -> bool {
    from.iter().filter(|(of, _)| of == subject).any(|(_, atom)| implies(atom, wanted))
}

fn implies(a: &Atom, b: &Atom) -> bool {
    if a == b {
        return true;
    }
    let texts = |list: &[Const]| list.iter().map(plain_text).collect::<Option<Vec<_>>>();
    match (a, b) {
        (Atom::OneOf(a), Atom::OneOf(b)) => a.iter().all(|value| b.contains(value)),
        (Atom::OneOf(a), Atom::Not(not)) => a.iter().all(|value| !may_equal(value, not)),
        (Atom::OneOf(a), Atom::Range { low, high }) => {
            a.iter().all(|value| number(value).is_some_and(|value| in_range(value, *low, *high)))
        }
        (Atom::OneOf(a), Atom::Text(test, parts)) => texts(a).is_some_and(|texts| {
            texts.iter().all(|text| parts.iter().any(|part| holds(*test, text.as_bytes(), part)))
        }),
        (Atom::Range { low: a, high: b }, Atom::Range { low: c, high: d }) => {
            let at_least = a.0 > c.0 || (a.0 >= c.0 && (c.1 || !a.1));
            at_least && (b.0 < d.0 || (b.0 <= d.0 && (d.1 || !b.1)))
        }
        (Atom::Text(test, a), Atom::Text(wanted, b)) => {
            let same = test == wanted || *wanted == TextTest::Contains;
            same && a.iter().all(|a| b.iter().any(|b| holds(*wanted, a, b)))
        }
        (Atom::Within(a), Atom::Within(b)) => a.iter().all(|a| b.iter().any(|b| b.contains(a))),
        _ => false,
    }
}

/// Whether whatever makes the first true makes the second true.
pub(super) fn subset(a: &Alternatives, b: &Alternatives) -> bool {
    b.exact
        && a.any.iter().all(|a| {
            b.any.iter().any(|b| b.iter().all(|(subject, atom)| follows(a, subject, atom)))
        })
}

/// How many different values something may have where a predicate is true, if that is bounded.
pub(super) fn values(alternatives: &Alternatives, wanted: &str) -> Option<u64> {
    let mut known: Vec<&Const> = Vec::new();
    for together in &alternatives.any {
        let list = together.iter().find_map(|(subject, atom)| match atom {
            Atom::OneOf(list) if subject == wanted => Some(list),
            _ => None,
        })?;
        for value in list {
            text(value)
                .filter(|_| plain_text(value).is_some())
                .or_else(|| number(value).map(|number| number.to_string()))?;
            if !known.contains(&value) {
                known.push(value);
            }
        }
    }
    u64::try_from(known.len()).ok()
}

/// A condition as people write it.
fn shown(subject: &str, atom: &Atom) -> String {
    let subject = match subject.split_once(' ') {
        None => format!("e.{subject}"),
        Some(_) => subject.to_owned(),
    };
    let list = |texts: Vec<String>| texts.iter().take(3).cloned().collect::<Vec<_>>().join("`, `");
    let constant = |value: &Const| match (text(value), number(value), value) {
        (Some(text), ..) => format!("\"{text}\""),
        (_, Some(number), _) => number.to_string(),
        (_, _, Const::Bool(flag)) => flag.to_string(),
        _ => "()".to_owned(),
    };
    match atom {
        Atom::OneOf(values) => {
            let values: Vec<String> = values.iter().map(constant).collect();
            let word = if values.len() == 1 { "is" } else { "is one of" };
            format!("`{subject}` {word} `{}`", list(values))
        }
        Atom::Not(value) => format!("`{subject}` is not `{}`", constant(value)),
        Atom::Range { low, high } => {
            let mut words = Vec::new();
            if low.0.is_finite() {
                words.push(format!("{} `{}`", if low.1 { "at least" } else { "above" }, low.0));
            }
            if high.0.is_finite() {
                words.push(format!("{} `{}`", if high.1 { "at most" } else { "below" }, high.0));
            }
            format!("`{subject}` is {}", words.join(" and "))
        }
        Atom::Text(test, parts) => {
            let parts = parts.iter().map(|part| String::from_utf8_lossy(part).into_owned());
            let word = match test {
                TextTest::Starts => "starts with",
                TextTest::Ends => "ends with",
                TextTest::Contains => "contains",
            };
            format!("`{subject}` {word} `{}`", list(parts.collect()))
        }
        Atom::Within(nets) => {
            format!(
                "`{subject}` lies in `{}`",
                list(nets.iter().map(ToString::to_string).collect())
            )
        }
        Atom::Opaque(words) => format!("`{words}` holds"),
    }
}
