//! The reference of the rule language, as Markdown, from the same tables that register it: first a
//! table of contents, then each function with an example that a test runs, then (in
//! `reference_tables`) fields, limits, names.
//!
//! In: the book of the API and its pages. Out: text. A test compares it with docs/rules.md.

use super::book::{Entry, Place};
use super::builder;
use super::engine::{self, Purpose};
use super::{event, hit, reference_tables, values};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

const TYPES: &str = r#"
## Types

The calls below name the types of what they take and give; `|` stands between those that will do.

| type | what it is |
| --- | --- |
| `text` | text, in quotes or backquotes |
| `int`, `float`, `number` | a whole number, one with a fraction, either |
| `bool` | `true` or `false` |
| `list`, `map` | `[…]`, `#{…}` |
| `closure` | `\|e\| …`, `\|hit\| { … }`, or `\|\| …` |
| `address` | an IPv4 or IPv6 address; compares with text, joins text with `+` and in backquotes |
| `time` | a moment in event time; two of them compare, and subtract to seconds |
| `event` | what happened; has fields. `e["name"]` reads a field whose name Rhai keeps for itself |
| `hit` | a rule's firing |
| `rule`, `prefix`, `escalation` | what `rule(…)`, `prefix(…)` and `escalate(…)` give |
| `any` | whatever |
| `nothing` | `()` |
"#;

/// The whole book: every function that a rule file, predicate, body or test may call, in the order
/// of the reference.
pub fn book() -> Vec<Entry> {
    static BOOK: OnceLock<Vec<Entry>> = OnceLock::new();
    BOOK.get_or_init(gather).clone()
}

/// Builds every engine to see what it registers.
fn gather() -> Vec<Entry> {
    let mut book: Vec<Entry> = Vec::new();
    for purpose in [Purpose::Load, Purpose::Pure, Purpose::Body, Purpose::Test] {
        let (mut engine, mut part) = engine::build(purpose);
        if purpose == Purpose::Load {
            let collector = Arc::new(Mutex::default());
            builder::register(
                &mut super::book::Api { engine: &mut engine, book: &mut part },
                &collector,
            );
        }
        for entry in part {
            if !book.contains(&entry) {
                book.push(entry);
            }
        }
    }
    book.sort_by_key(|entry| entry.place);
    book
}

/// The reference of the rule language, as Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    let book = book();
    out.push_str(INTRODUCTION);
    contents(&book, &mut out);
    out.push_str(TYPES);
    for group in GROUPS {
        write!(out, "\n## {}\n\n{}\n", group.title, group.said).ok();
        for entry in members(group, &book) {
            function(entry, &mut out);
        }
    }
    out.push_str("\nRhai's own functions on text, numbers, lists and maps are there too (`len`, `to_lower`, `split`, `sub_string`, `min`, `round` …).\n");
    reference_tables::fields(&mut out);
    reference_tables::properties(&mut out);
    out.push_str(MEANING);
    reference_tables::names(&mut out);
    reference_tables::bounds(&mut out);
    out
}

/// What every event has beside its fields: name and meaning.
pub const fn event_properties() -> &'static [(&'static str, &'static str)] {
    event::PROPERTIES
}

/// What a hit has: name and meaning.
pub const fn hit_properties() -> &'static [(&'static str, &'static str)] {
    hit::PROPERTIES
}

/// What a time has: name and meaning.
pub const fn time_properties() -> &'static [(&'static str, &'static str)] {
    values::TIME_PROPERTIES
}

/// Functions that are read together. A function that no group names is in the first group of its
/// place.
struct Group {
    title: &'static str,
    place: Place,
    names: &'static [&'static str],
    said: &'static str,
}

const GROUPS: &[Group] = &[
    Group {
        title: "At the top of a file",
        place: Place::File,
        names: &[],
        said: "What a rule file may declare when it is loaded.",
    },
    Group {
        title: "Rules",
        place: Place::Rule,
        names: &[],
        said: "What `rule(…)` gives has these; each gives the rule again, so they are written one after the other.",
    },
    Group {
        title: "Windows",
        place: Place::Rule,
        names: &["count", "distinct", "sum", "leaky", "consecutive", "sequence", "absent", "ratio"],
        said: "How often it must happen. A rule has one window at most; a firing empties the window of its key.",
    },
    Group {
        title: "On text",
        place: Place::Pure,
        names: &[],
        said: "In predicates, keys and bodies.",
    },
    Group {
        title: "On addresses",
        place: Place::Pure,
        names: &["within", "is_v6", "is_private", "network", "address"],
        said: "In predicates, keys and bodies. `e.ip` is an address; it compares with text (`e.ip == \"203.0.113.9\"`), and stands in text as it is written.",
    },
    Group {
        title: "On events, and look-ups",
        place: Place::Pure,
        names: &["has", "in_feed", "geo"],
        said: "In predicates, keys and bodies.",
    },
    Group {
        title: "Decisions",
        place: Place::Body,
        names: &["block", "challenge", "captcha", "throttle", "allow", "escalate", "unblock"],
        said: "In bodies (`then`, `every`, `cron`). They ask; the guard judges.",
    },
    Group {
        title: "Effects and marks",
        place: Place::Body,
        names: &[],
        said: "In bodies (`then`, `every`, `cron`).",
    },
    Group {
        title: "State",
        place: Place::State,
        names: &[],
        said: "In bodies. What is kept is saved with each checkpoint, so a restart loses nothing.",
    },
    Group {
        title: "Cloudflare",
        place: Place::Cloudflare,
        names: &[],
        said: "In bodies. They ask for a change that ends by itself: what was there before comes back. See docs/cloudflare-changes.md.",
    },
    Group {
        title: "Tests: what happens",
        place: Place::Test,
        names: &[],
        said: "On the `t` of a test. Nothing leaves a test; its time is that of its events.",
    },
    Group {
        title: "Tests: what is expected",
        place: Place::Test,
        names: &["expect_"],
        said: "An expectation that doesn't hold is told with what came instead, and the test goes on.",
    },
];

impl Group {
    /// Whether it names a function itself; a name that ends with `_` names all that begin so.
    fn names(&self, entry: &Entry) -> bool {
        self.place == entry.place
            && self.names.iter().any(|name| {
                *name == entry.name || (name.ends_with('_') && entry.name.starts_with(name))
            })
    }
}

/// The functions of a group.
fn members<'b>(group: &'static Group, book: &'b [Entry]) -> impl Iterator<Item = &'b Entry> {
    let rest = group.names.is_empty();
    book.iter().filter(move |entry| {
        if rest {
            entry.place == group.place && !GROUPS.iter().any(|other| other.names(entry))
        } else {
            group.names(entry)
        }
    })
}

/// A function's name as its heading shows it.
fn heading(entry: &Entry) -> String {
    match entry.place {
        Place::Rule => format!(".{}", entry.name),
        Place::State | Place::Cloudflare => {
            format!("{}::{}", entry.place.namespace().unwrap_or_default(), entry.name)
        }
        Place::Test => format!("t.{}", entry.name),
        _ => entry.name.to_owned(),
    }
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn contents(book: &[Entry], out: &mut String) {
    out.push_str("\n## Contents\n\n");
    for group in GROUPS {
        let links: Vec<String> = members(group, book)
            .map(|entry| {
                let heading = heading(entry);
                format!("[`{heading}`](#{})", anchor(&heading))
            })
            .collect();
        writeln!(out, "- [{}](#{}): {}", group.title, anchor(group.title), links.join(", ")).ok();
    }
    for title in [
        "Types",
        "Fields",
        "Every event has",
        "A hit has",
        "A time has",
        "What holds",
        "Names that can't be used",
        "Limits",
    ] {
        writeln!(out, "- [{title}](#{})", anchor(title)).ok();
    }
}

/// Writing to a String can't fail.
fn function(entry: &Entry, out: &mut String) {
    let page = entry.page();
    write!(out, "\n### {}\n\n```text\n", heading(entry)).ok();
    for call in &page.calls {
        writeln!(out, "{}", call.text).ok();
    }
    write!(out, "```\n\n{}\n\n", entry.doc).ok();
    out.push_str(&particulars(&page));
    write!(out, "\n```rhai\n{}\n```\n", page.example).ok();
}

/// Arguments, what is given, errors and since when, as a list in Markdown.
pub(super) fn particulars(page: &super::pages::Page) -> String {
    let mut out = String::new();
    for (name, said) in &page.arguments {
        writeln!(out, "- `{name}`: {said}").ok();
    }
    for (word, said) in [("Gives", page.gives), ("Errors", page.errors), ("Since", page.since)] {
        if !said.is_empty() {
            writeln!(out, "- {word}: {said}").ok();
        }
    }
    out
}

const INTRODUCTION: &str = "\
<!-- Made from the source by `riposte docs`; a test fails when it is stale. -->
# Writing rules: the reference

Read when: you write a rule and look for a field, a function or a limit.

A rule file is [Rhai](https://rhai.rs/book/); it is run once at load, and what it declares is the rule set. A rule says which events matter (`when`), what is counted apart (`by`), how often it must happen (a window), and what to do (`then`):

```rhai
rule(\"wp-login-guessing\")
    .on(\"http\")
    .when(|e| e.method == \"POST\" && e.path.ends_with(\"/wp-login.php\") && e.status in [200, 401, 403])
    .by(\"ip\")
    .count(10, \"5m\")
    .then(|hit| block(hit.ip, escalate(\"1h\", \"30d\")));
```

Durations are a number and a unit (`ms`, `s`, `m`, `h`, `d`, `w`): `\"30s\"`, `\"5m\"`, `\"1h30m\"`, `\"7d\"`.
";

const MEANING: &str = "
## What holds

- **Predicates and keys are pure.** They read the event and constants; they can't act, keep state or see the clock. What a closure captures is frozen at load; assigning to it is an error.
- **A field that isn't there reads as `()`.** Tests on it (`contains`, `starts_with`, `matches`, `within` …) are false, what would change it stays `()`, comparisons are Rhai's own (`() == 200` is false, `() != 200` is true; ask `e.has(\"user\")` where that matters). Any other error after such a field was read makes the predicate false.
- **Long fields are cut** with a mark (`…`), so nobody can break a rule with what they send.
- **A firing empties the window of its key.** With no window, each match fires, at most once a minute a key unless `.cooldown(…)` says otherwise.
- **An IPv6 client is its /64**: it is counted and blocked as such, unless a prefix is written.
- **Bodies only ask.** Each call returns an id at once; the guard judges what was asked: the allowlist always wins.
- **Faults.** A body that breaks a limit asks for nothing; one that meets a value it can't work with keeps what it had asked for before. Both are counted and told of; neither switches the rule off. Only code that names what doesn't exist sends a rule to shadow.
- **Modes**: `enforce` acts, `shadow` records what it would have done, `off` isn't evaluated. The config's `[rules.modes]` wins over the file.
- **Parameters**: `param(\"threshold\", 10)` takes its value from the config's `[rules.params.NAME]`, where `NAME` is the file's name without `.rhai`, or the rule's.
- **Constants** (`const LIMIT = 10;`) and functions of the file are seen in closures and functions. Plugins that are Rhai are called as `NAME::function()`.
- **Time** is the events' own: windows, `state`, timers and `until` follow it, so a replay decides as the live run did. Timers tick in UTC.
";
