//! What a rule file declares, as far as it can be made out: rules, tests, timers, functions,
//! constants, parameters, emitted kinds. Works on files that don't parse.
//!
//! In: tokens. Out: declarations with their places.

use super::scan::{Kind, Token};
use std::ops::Range;

/// What is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// `rule(…)`
    Rule,
    /// `test(…)`
    Test,
    /// `every(…)` or `cron(…)`
    Timer,
    /// `fn …`
    Function,
    /// `const …`, or `let …` at the top
    Constant,
}

/// A declaration at the top of a file.
#[derive(Debug, Clone)]
pub struct Declared {
    /// What it is.
    pub what: What,
    /// Its name.
    pub name: String,
    /// Where its name stands, without quotes.
    pub name_at: Range<usize>,
    /// All of it.
    pub whole: Range<usize>,
    /// A rule's kinds, a function's parameters.
    pub words: Vec<String>,
    /// The comment above it.
    pub doc: String,
}

/// What a file declares.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// In their order.
    pub declared: Vec<Declared>,
    /// Names of `param(…)`.
    pub params: Vec<String>,
    /// Kinds that `emit(…)` names.
    pub emitted: Vec<String>,
}

impl Outline {
    /// The declaration that a byte lies in.
    pub fn around(&self, offset: usize) -> Option<&Declared> {
        self.declared.iter().find(|one| one.whole.start <= offset && offset <= one.whole.end)
    }

    /// The declaration of a name.
    pub fn named(&self, what: What, name: &str) -> Option<&Declared> {
        self.declared.iter().find(|one| one.what == what && one.name == name)
    }

    /// All of a sort.
    pub fn all(&self, what: What) -> impl Iterator<Item = &Declared> {
        self.declared.iter().filter(move |one| one.what == what)
    }
}

/// Reads the declarations of a file from its tokens.
pub fn outline(text: &str, all: &[Token<'_>]) -> Outline {
    let mut outline = Outline::default();
    let code: Vec<Token<'_>> =
        all.iter().filter(|token| token.kind != Kind::Comment).copied().collect();
    let mut depth = 0_usize;
    let mut open: Option<Declared> = None;
    for (index, token) in code.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        let rest = code.get(index..).unwrap_or_default();
        called_names(rest, &mut outline, open.as_mut());
        // What begins at the margin is declared also where what stands before it has no end.
        let before = index.checked_sub(1).and_then(|before| code.get(before));
        let statement =
            before.is_none_or(|token| token.is(";") || token.is("}")) || at_margin(text, token);
        if statement && let Some(found) = begin(rest, all) {
            outline.declared.extend(open.take());
            depth = 0;
            open = Some(found);
        } else if let Some(one) = &mut open {
            one.whole.end = token.end();
            let ends = match one.what {
                What::Function => depth == 0 && token.is("}"),
                _ => depth == 0 && token.is(";"),
            };
            if ends {
                outline.declared.extend(open.take());
            }
        }
    }
    outline.declared.extend(open);
    outline
}

/// Whether a token is a word that declares, at the very beginning of a line.
fn at_margin(text: &str, token: &Token<'_>) -> bool {
    let declares = matches!(token.text, "rule" | "test" | "fn" | "every" | "cron" | "const");
    declares && text.get(..token.start).is_some_and(|before| before.ends_with('\n'))
}

/// What `param("…`, `emit("…`, `.on("…` name.
fn called_names(rest: &[Token<'_>], outline: &mut Outline, open: Option<&mut Declared>) {
    let [word, bracket, arguments @ ..] = rest else { return };
    if word.kind != Kind::Word || !bracket.is("(") {
        return;
    }
    let first = arguments.first().filter(|token| token.kind == Kind::Text);
    let first = first.map(|token| token.inside().0.to_owned());
    match (word.text, first, open) {
        ("param", Some(name), _) => outline.params.push(name),
        ("emit", Some(kind), _) => outline.emitted.push(kind),
        ("on", _, Some(rule)) if rule.what == What::Rule => {
            let kinds = arguments.iter().take_while(|token| !token.is(")"));
            let texts = kinds.filter(|token| token.kind == Kind::Text);
            rule.words.extend(texts.map(|token| token.inside().0.to_owned()));
        }
        _ => {}
    }
}

fn begin(rest: &[Token<'_>], all: &[Token<'_>]) -> Option<Declared> {
    let [word, second, others @ ..] = rest else { return None };
    if word.kind != Kind::Word {
        return None;
    }
    let (what, name, name_at) = match word.text {
        "rule" | "test" | "every" | "cron" if second.is("(") => {
            let name = others.first().filter(|token| token.kind == Kind::Text)?;
            let (text, at) = name.inside();
            let what = match word.text {
                "rule" => What::Rule,
                "test" => What::Test,
                _ => What::Timer,
            };
            (what, text.to_owned(), at)
        }
        "fn" if second.kind == Kind::Word => {
            (What::Function, second.text.to_owned(), second.bytes())
        }
        "const" | "let" if second.kind == Kind::Word => {
            (What::Constant, second.text.to_owned(), second.bytes())
        }
        _ => return None,
    };
    let words = if what == What::Function {
        let params = others.iter().take_while(|token| !token.is(")"));
        let params = params.filter(|token| token.kind == Kind::Word);
        params.map(|token| token.text.to_owned()).collect()
    } else {
        Vec::new()
    };
    let whole = word.start..name_at.end;
    Some(Declared { what, name, name_at, whole, words, doc: comment_above(all, word.start) })
}

/// The comment lines right above a declaration.
fn comment_above(all: &[Token<'_>], start: usize) -> String {
    let end = all.partition_point(|token| token.start < start);
    let before = all.get(..end).unwrap_or_default();
    let lines = before
        .iter()
        .rev()
        .take_while(|token| token.kind == Kind::Comment && !token.text.starts_with("//!"));
    let mut lines: Vec<&str> =
        lines.map(|token| token.text.trim_start_matches('/').trim()).collect();
    lines.reverse();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        outline(text, &scan(text))
            .declared
            .iter()
            .map(|one| {
                format!(
                    "{:?} {} {:?} {}",
                    one.what,
                    one.name,
                    one.words,
                    text.get(one.whole.clone()).unwrap().len()
                )
            })
            .collect()
    }

    #[test]
    fn declarations_are_found() {
        let text = "// Ten.\nconst N = 10;\n/// Whether.\nfn bad(e, x) { e.a == x }\nrule(\"é\").on(\"http\", \"ssh.auth\").then(|hit| { let x = 1; emit(\"my.kind\", #{}); });\ntest(\"t\", |t| t.expect_no_hits());\nevery(\"5m\", || 1);";
        assert_eq!(
            shown(text),
            [
                "Constant N [] 13",
                "Function bad [\"e\", \"x\"] 25",
                "Rule é [\"http\", \"ssh.auth\"] 83",
                "Test t [] 34",
                "Timer 5m [] 18",
            ]
        );
        let outline = outline(text, &scan(text));
        assert_eq!(outline.named(What::Function, "bad").unwrap().doc, "Whether.");
        assert_eq!(outline.emitted, ["my.kind"]);
    }

    #[test]
    fn a_broken_rule_does_not_hide_the_next() {
        let text = "rule(\"a\").on(\"http\").when(|e| e.\n}\nrule(\"b\").on(\"syslog\")\n// c\nrule(\"c\");";
        let names: Vec<String> =
            outline(text, &scan(text)).declared.into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
    }

    /// What is made out without parsing is what loading finds.
    #[test]
    fn the_shipped_rules_are_read_as_they_are_loaded() {
        use crate::config::pack::PACK;
        use crate::rules::{RuleFile, RuleSet, Settings};
        for (name, text) in PACK {
            let file = RuleFile { path: (*name).to_owned(), text: (*text).to_owned() };
            let set = RuleSet::load(&[file], &[], &Settings::default()).set;
            let outline = outline(text, &scan(text));
            let found: Vec<(&str, Vec<String>, usize)> = outline
                .all(What::Rule)
                .map(|rule| {
                    let line = text.get(..rule.whole.start).unwrap().matches('\n').count() + 1;
                    (rule.name.as_str(), rule.words.clone(), line)
                })
                .collect();
            let loaded: Vec<(&str, Vec<String>, usize)> = set
                .rules()
                .iter()
                .map(|rule| {
                    let kinds = rule.kinds.iter().map(|kind| kind.name().to_owned()).collect();
                    (&*rule.name, kinds, rule.line)
                })
                .collect();
            assert_eq!(found, loaded, "{name}");
            let tests: Vec<&str> = outline.all(What::Test).map(|test| test.name.as_str()).collect();
            let loaded: Vec<&str> = set.tests().iter().map(|test| test.name.as_str()).collect();
            assert_eq!(tests, loaded, "{name}");
        }
    }
}
