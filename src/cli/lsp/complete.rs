//! What may stand at a place of a rule file.
//!
//! In: the place, what the file declares, what lies around it. Out: completions; the editor filters
//! them by what is typed.

use super::checker::Nearby;
use super::document::Document;
use super::modules;
use super::outline::{Outline, What};
use super::place::{self, Place, Type};
use super::words;
use crate::event::{Field, Kind};
use crate::limits;
use crate::parsers::FORMATS;
use crate::rules::{self, Place as Where};
use lsp_types::{
    CompletionItem, CompletionItemKind as Item, CompletionTextEdit, Documentation,
    InsertTextFormat, MarkupContent, MarkupKind, TextEdit,
};

/// Everything that a completion looks at.
pub struct Request<'r> {
    /// The document.
    pub document: &'r Document,
    /// What it declares.
    pub outline: &'r Outline,
    /// What lies around it.
    pub nearby: &'r Nearby,
    /// What stands at the cursor.
    pub place: &'r Place,
    /// Where the cursor is, in bytes.
    pub offset: usize,
    /// Whether the editor fills in places of a snippet.
    pub snippets: bool,
}

/// The completions of a place.
pub fn complete(request: &Request<'_>) -> Vec<CompletionItem> {
    let place = request.place;
    let mut items = if place.in_comment {
        Vec::new()
    } else if place.in_text {
        in_text(request)
    } else if let Some(of) = &place.after_point {
        after_point(of, request)
    } else if let Some(module) = &place.module {
        let own = functions(request, |entry| entry.namespace() == Some(module));
        let plugins = modules::functions(&request.nearby.modules, module, request.snippets);
        own.into_iter().chain(plugins).collect()
    } else {
        at_word(request)
    };
    let range = request.document.range(&place.word);
    for (number, item) in items.iter_mut().enumerate() {
        item.sort_text = Some(format!("{number:04}"));
        let new_text = item.insert_text.take().unwrap_or_else(|| item.label.clone());
        item.text_edit = Some(CompletionTextEdit::Edit(TextEdit { range, new_text }));
    }
    items.truncate(limits::LSP_COMPLETIONS_MAX);
    items
}

/// An item with its word and its documentation.
pub fn item(label: &str, kind: Item, detail: &str, said: String) -> CompletionItem {
    CompletionItem {
        label: label.to_owned(),
        kind: Some(kind),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
        documentation: (!said.is_empty()).then_some(Documentation::MarkupContent(MarkupContent {
            kind: MarkupKind::Markdown,
            value: said,
        })),
        ..CompletionItem::default()
    }
}

fn functions(request: &Request<'_>, holds: impl Fn(Where) -> bool) -> Vec<CompletionItem> {
    let book = rules::book().into_iter().filter(|entry| holds(entry.place));
    book.map(|entry| {
        let kind = if entry.place == Where::Rule { Item::METHOD } else { Item::FUNCTION };
        let mut one = item(entry.name, kind, &words::detail(&entry), words::function(&entry));
        if request.snippets {
            one.insert_text = Some(words::snippet(&entry));
            one.insert_text_format = Some(InsertTextFormat::SNIPPET);
        }
        one
    })
    .collect()
}

fn properties(list: &[(&str, &str)]) -> Vec<CompletionItem> {
    let one =
        |(name, said): &(&str, &str)| item(name, Item::PROPERTY, "", words::property(name, said));
    list.iter().map(one).collect()
}

fn fields(fields: &[Field], nearby: &Nearby) -> Vec<CompletionItem> {
    let known = fields.iter().map(|field| {
        item(field.name(), Item::FIELD, words::field_type(*field), words::field(*field))
    });
    let added = nearby.fields.iter().filter(|name| Field::from_name(name).is_none());
    known.chain(added.map(|name| item(name, Item::FIELD, "of a source", String::new()))).collect()
}

/// Functions of the book on text or on addresses.
fn methods(request: &Request<'_>, receivers: &[&str]) -> Vec<CompletionItem> {
    let all = functions(request, |place| place == Where::Pure);
    all.into_iter()
        .filter(|item| {
            let detail = item.detail.as_deref().unwrap_or("");
            receivers.iter().any(|receiver| {
                detail.strip_prefix(receiver).is_some_and(|rest| rest.starts_with('.'))
            })
        })
        .collect()
}

/// Methods of Rhai's own on text that predicates use most.
const ON_TEXT: &[(&str, &str)] = &[
    ("contains", "Whether it contains a text."),
    ("starts_with", "Whether it begins with a text."),
    ("ends_with", "Whether it ends with a text."),
    ("to_lower", "The text in small letters."),
    ("to_upper", "The text in capitals."),
    ("len", "How many characters it has."),
    ("split", "The parts between separators, as a list."),
    ("sub_string", "A part: from which character, how many."),
    ("index_of", "Where a text begins in it, -1 where it doesn't."),
];

fn after_point(of: &Type, request: &Request<'_>) -> Vec<CompletionItem> {
    match of {
        Type::Event(kinds) => {
            let mut items = fields(&place::fields_of(kinds), request.nearby);
            items.extend(properties(rules::event_properties()));
            items.extend(methods(request, &["e"]));
            items
        }
        Type::Hit(_) => properties(rules::hit_properties()),
        Type::Bench => functions(request, |place| place == Where::Test),
        Type::Rule => functions(request, |place| place == Where::Rule),
        Type::Time => properties(rules::time_properties()),
        Type::Address => methods(request, &["address"]),
        Type::Text => {
            let mut items = methods(request, &["text", "query"]);
            let own = ON_TEXT.iter();
            items.extend(
                own.map(|(name, said)| item(name, Item::METHOD, "", words::property(name, said))),
            );
            items
        }
        Type::Other => Vec::new(),
    }
}

/// A rule to fill in.
const RULE: &str = "rule(\"${1:name}\")\n    .on(\"${2|http,ssh.auth,http.error,syslog,log,decision|}\")\n    .when(|e| ${3:e.status == 404})\n    .by(\"${4:ip}\")\n    .count(${5:10}, \"${6:5m}\")\n    .then(|hit| block(hit.ip, \"${7:1h}\"));\n$0";
/// A test to fill in.
const TEST: &str = "test(\"${1:what it shows}\", |t| {\n    t.event(\"${2:http}\", #{ ip: \"203.0.113.9\", $3 });\n    t.expect_block(\"203.0.113.9\");\n});\n$0";

fn at_word(request: &Request<'_>) -> Vec<CompletionItem> {
    let place = request.place;
    let mut items = Vec::new();
    if let Some(frame) = place.frames.last()
        && frame.is_map
        && let Some(call) =
            place.call().filter(|call| matches!(call.callee.as_str(), "event" | "emit"))
    {
        // The names of an event's fields, in a map.
        let kinds = call.callee.clone();
        let known = if kinds == "event" { Field::ALL } else { &[] };
        items.extend(fields(known, request.nearby));
    }
    for closure in &place.closures {
        let params = closure.params.iter();
        items.extend(params.map(|name| item(name, Item::VARIABLE, &closure.callee, String::new())));
    }
    let inside = place.closure();
    if let Some(function) =
        request.outline.around(request.offset).filter(|one| one.what == What::Function)
    {
        items.extend(
            function.words.iter().map(|name| item(name, Item::VARIABLE, "", String::new())),
        );
    }
    if inside.is_none() && place.frames.is_empty() && request.snippets {
        for (label, text) in [("rule", RULE), ("test", TEST)] {
            let mut one =
                item(label, Item::SNIPPET, &format!("a {label} to fill in"), String::new());
            one.insert_text = Some(text.to_owned());
            one.insert_text_format = Some(InsertTextFormat::SNIPPET);
            items.push(one);
        }
    }
    let in_function =
        request.outline.around(request.offset).is_some_and(|one| one.what == What::Function);
    items.extend(functions(request, |entry| match inside {
        None if in_function => matches!(entry, Where::Pure | Where::Body),
        None => matches!(entry, Where::File | Where::Pure),
        Some("then" | "every" | "cron") => matches!(entry, Where::Pure | Where::Body),
        Some(_) => entry == Where::Pure,
    }));
    let in_body = matches!(inside, Some("then" | "every" | "cron")) || in_function;
    if in_body || inside.is_some() {
        items.extend(modules::names(&request.nearby.modules, in_body));
    }
    for one in &request.outline.declared {
        let kind = match one.what {
            What::Function => Item::FUNCTION,
            What::Constant => Item::CONSTANT,
            _ => continue,
        };
        items.push(item(&one.name, kind, "of this file", one.doc.clone()));
    }
    items
}

fn in_text(request: &Request<'_>) -> Vec<CompletionItem> {
    let Some(call) = request.place.call() else { return Vec::new() };
    let names = |names: &[String], kind| -> Vec<CompletionItem> {
        names.iter().map(|name| item(name, kind, "", String::new())).collect()
    };
    let fixed = |names: &[&str]| -> Vec<CompletionItem> {
        names.iter().map(|name| item(name, Item::ENUM_MEMBER, "", String::new())).collect()
    };
    let nearby = request.nearby;
    match (call.callee.as_str(), call.argument) {
        ("on", _) | ("event" | "emit" | "expect_emit", 0) => kinds(request),
        ("expect_hit" | "expect_no_hit" | "expect_hits", 0) => rule_names(request),
        ("by", _) | ("distinct" | "sum" | "prefix" | "has", 0) => {
            let rule = request.outline.around(request.offset);
            let kinds = rule.map(|rule| rule.words.clone()).unwrap_or_default();
            fields(&place::fields_of(&kinds), nearby)
        }
        ("notify" | "expect_notify", 0) => names(&nearby.channels, Item::VALUE),
        ("webhook" | "expect_webhook", 0) => names(&nearby.webhooks, Item::VALUE),
        ("exec" | "expect_exec", 0) => names(&nearby.programs, Item::VALUE),
        ("param", 0) => names(&request.outline.params, Item::VALUE),
        ("mode", 0) => fixed(&["enforce", "shadow", "off"]),
        ("expect_decision", 0) => fixed(&["block", "challenge", "captcha", "throttle", "allow"]),
        ("lines", 0) => {
            let mut items = fixed(FORMATS);
            items.extend(names(&nearby.sources, Item::VALUE));
            items
        }
        ("block" | "challenge" | "captcha" | "throttle" | "allow", 2) => {
            names(&nearby.enforcers, Item::VALUE)
        }
        _ => Vec::new(),
    }
}

fn kinds(request: &Request<'_>) -> Vec<CompletionItem> {
    let own = request.nearby.kinds.iter().chain(&request.outline.emitted);
    let mut seen: Vec<&str> = Kind::BUILT_IN.iter().map(Kind::name).collect();
    seen.extend(own.map(String::as_str));
    let mut items: Vec<CompletionItem> = Vec::new();
    for name in seen {
        if !items.iter().any(|item| item.label == name) {
            items.push(item(name, Item::ENUM_MEMBER, "kind of event", String::new()));
        }
    }
    items
}

fn rule_names(request: &Request<'_>) -> Vec<CompletionItem> {
    let mut items: Vec<CompletionItem> = Vec::new();
    for rule in request.outline.all(What::Rule) {
        let said = request.nearby.rules.iter().find(|info| info.name == rule.name);
        let said = said.map(|info| info.said.clone()).unwrap_or_default();
        items.push(item(&rule.name, Item::REFERENCE, "rule of this file", said));
    }
    for info in &request.nearby.rules {
        if !items.iter().any(|item| item.label == info.name) {
            items.push(item(&info.name, Item::REFERENCE, "rule", info.said.clone()));
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::super::document::Language;
    use super::super::{look, outline::outline, scan::scan};
    use super::*;
    use proptest::prelude::*;

    /// What rule files are made of, and what people have half typed.
    const PIECES: &[&str] = &[
        "rule(",
        "\"é😀\"",
        ").on(\"http\")",
        ".when(|e| ",
        "e.",
        "path",
        ".",
        "(",
        ")",
        "{",
        "}",
        "#{",
        "`a${",
        "`",
        "\"",
        "|",
        "||",
        "\n",
        "fn f(e)",
        "const A = ",
        "state::",
        "hit.",
        ";",
        ",",
        " ",
        "test(\"t\", |t| t.",
        "expect_hit(\"",
        "// x\n",
        "/*",
        "*/",
        "1.",
        "[",
        "]",
        "t.event(\"http\", #{",
    ];

    proptest! {
        #[test]
        fn nothing_that_is_typed_breaks_an_answer(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..24),
            at in 0usize..400,
        ) {
            let text: String = pieces.concat();
            let document = Document::new(None, Language::Rules, 1, text);
            let tokens = scan(&document.text);
            let outline = outline(&document.text, &tokens);
            let offset = document.text.floor_char_boundary(at.min(document.text.len()));
            let place = place::look(&tokens, &outline, offset);
            let nearby = Nearby::default();
            let request = Request { document: &document, outline: &outline, nearby: &nearby, place: &place, offset, snippets: true };
            for item in complete(&request) {
                prop_assert!(!item.label.is_empty());
            }
            prop_assert!(place.word.start <= offset && offset <= place.word.end, "{:?} {}", place.word, offset);
            look::hover(&document, &outline, &nearby, &place);
            look::signatures(&document, &outline, &nearby, &place);
            look::definition(&document, &outline, &nearby, &place);
            for symbol in look::symbols(&document, &outline) {
                prop_assert!(symbol.range.start <= symbol.selection_range.start);
                prop_assert!(symbol.selection_range.end <= symbol.range.end, "{:?}", symbol);
            }
        }
    }
}
