//! What a text must hold for a regular expression to match it: literals that the index can look
//! for, so that a pattern costs nothing on texts that can't match.
//!
//! In: a pattern. Out: literals of which any match holds at least one, or nothing. Sound, not
//! complete: a literal may be shorter than it could be, but a match never lacks all of them.

use regex_syntax::Parser;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A pattern with more alternatives than this is not looked up.
const LITERALS_MAX: usize = 64;

/// Shorter literals are in too many texts to be worth a look.
const LITERAL_BYTES_MIN: usize = 3;

/// What a match holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Each match holds at least one of these.
    pub(super) literals: Vec<Vec<u8>>,
    /// They are ASCII in lower case, and are in the lower case of the text.
    pub(super) folded: bool,
}

impl Wanted {
    fn shortest(&self) -> usize {
        self.literals.iter().map(Vec::len).min().unwrap_or(0)
    }
}

/// What any match of a pattern holds.
pub(super) fn wanted(pattern: &str) -> Option<Wanted> {
    let hir = Parser::new().parse(pattern).ok()?;
    let exact = of(&hir, false).map(|literals| Wanted { literals, folded: false });
    let folded = of(&hir, true).map(|literals| Wanted { literals, folded: true });
    let best = match (exact, folded) {
        // The text itself is at hand; its lower case has to be made.
        (Some(exact), Some(folded)) if exact.shortest() >= folded.shortest() => exact,
        (exact, folded) => folded.or(exact)?,
    };
    (best.shortest() >= LITERAL_BYTES_MIN).then_some(best)
}

/// A set of literals of which each match of `hir` holds at least one.
fn of(hir: &Hir, fold: bool) -> Option<Vec<Vec<u8>>> {
    let mut runs = Runs { fold, ..Runs::default() };
    runs.go_on(hir);
    runs.end();
    runs.best
}

/// What stands one after another: runs of literal text, and between them other things.
#[derive(Default)]
struct Runs {
    fold: bool,
    run: Vec<u8>,
    best: Option<Vec<Vec<u8>>>,
}

impl Runs {
    fn go_on(&mut self, hir: &Hir) {
        match hir.kind() {
            // These take no room, so what stands around them stays side by side.
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) if !self.fold => self.run.extend_from_slice(&literal.0),
            HirKind::Literal(literal) => {
                for byte in &*literal.0 {
                    // Lower case of other text depends on what stands around it.
                    if byte.is_ascii() {
                        self.run.push(byte.to_ascii_lowercase());
                    } else {
                        self.end();
                    }
                }
            }
            HirKind::Class(class) => match folded(class).filter(|_| self.fold) {
                Some(byte) => self.run.push(byte),
                None => self.end(),
            },
            HirKind::Capture(capture) => self.go_on(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.go_on(part)),
            HirKind::Repetition(repetition) => {
                self.end();
                if repetition.min > 0 {
                    let found = of(&repetition.sub, self.fold);
                    self.offer(found);
                }
            }
            HirKind::Alternation(parts) => {
                self.end();
                let found: Option<Vec<_>> = parts.iter().map(|part| of(part, self.fold)).collect();
                self.offer(found.map(|found| found.into_iter().flatten().collect()));
            }
        }
    }

    fn end(&mut self) {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            self.offer(Some(vec![run]));
        }
    }

    /// Keeps the better of two sets: longer literals, then fewer.
    fn offer(&mut self, found: Option<Vec<Vec<u8>>>) {
        let Some(found) = found.filter(|found| found.len() <= LITERALS_MAX) else {
            return;
        };
        let worth = |set: &[Vec<u8>]| {
            (set.iter().map(Vec::len).min().unwrap_or(0), std::cmp::Reverse(set.len()))
        };
        if self.best.as_ref().is_none_or(|best| worth(&found) > worth(best)) {
            self.best = Some(found);
        }
    }
}

/// The one ASCII character that all of a class are in lower case (`[Uu]`, as `(?i)u` is read).
///
/// `(?i)s` also means `ſ`, which stays itself in lower case: there is no such character.
fn folded(class: &Class) -> Option<u8> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let mut only = None;
    for range in class.iter() {
        if range.len() > 2 {
            return None;
        }
        for character in range.start()..=range.end() {
            let mut lower = character.to_lowercase();
            let (Some(lower), None) = (lower.next(), lower.next()) else {
                return None;
            };
            if !lower.is_ascii() || only.is_some_and(|only| only != lower) {
                return None;
            }
            only = Some(lower);
        }
    }
    only.and_then(|only| u8::try_from(only).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literals(pattern: &str) -> Option<(Vec<String>, bool)> {
        let found = wanted(pattern)?;
        let texts =
            found.literals.iter().map(|text| String::from_utf8(text.clone()).unwrap()).collect();
        Some((texts, found.folded))
    }

    #[test]
    fn takes_the_longest_literals_that_a_match_must_hold() {
        let exact = |texts: &[&str]| Some((texts.iter().map(|t| (*t).to_owned()).collect(), false));
        let folded = |texts: &[&str]| Some((texts.iter().map(|t| (*t).to_owned()).collect(), true));
        assert_eq!(literals(r"^/wp-(login|signup)[.]php$"), exact(&["login", "signup"]));
        assert_eq!(literals(r"union.+select"), exact(&["select"]));
        assert_eq!(literals(r"(?i)union\s+select"), folded(&["union"]));
        assert_eq!(literals(r"(?i)<script"), folded(&["cript"]));
        assert_eq!(literals(r"(?:passwd|shadow)\b"), exact(&["passwd", "shadow"]));
        assert_eq!(literals(r"/etc/(passwd)"), exact(&["/etc/passwd"]));
        assert_eq!(literals(r"(abc)+x"), exact(&["abc"]));
        assert_eq!(literals(r"(abc)*x"), None);
        assert_eq!(literals(r"[a-z]+"), None);
        assert_eq!(literals(r"(passwd|.)"), None);
        assert_eq!(literals(r"(?i)ſſſs"), None);
    }

    fn pattern() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            4 => "[a-cskSK]{1,4}",
            1 => Just(".".to_owned()),
            1 => Just("[ab]".to_owned()),
            1 => Just("(?i:kS)".to_owned()),
            1 => Just("(?i:abc)".to_owned()),
            1 => Just("ä".to_owned()),
            1 => Just(r"\b".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                4 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("|"))),
                1 => inner.clone().prop_map(|part| format!("(?:{part})+")),
                1 => inner.clone().prop_map(|part| format!("(?:{part})?")),
                1 => inner.prop_map(|part| format!("(?i:{part})")),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_match_never_lacks_all_of_them(
            pattern in pattern(),
            texts in prop::collection::vec("[a-cskABCSKäſ\u{212a} ]{0,12}", 40),
        ) {
            let regex = regex::Regex::new(&pattern).unwrap();
            if let Some(wanted) = wanted(&pattern) {
                for text in texts.iter().filter(|text| regex.is_match(text)) {
                    let text = if wanted.folded { text.to_lowercase() } else { text.clone() };
                    let held = wanted.literals.iter().any(|literal| {
                        memchr::memmem::find(text.as_bytes(), literal).is_some()
                    });
                    prop_assert!(held, "{} in {}: {:?}", pattern, text, wanted);
                }
            }
        }
    }
}
