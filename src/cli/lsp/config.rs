//! `riposte.toml` in the editor: completion and hover by the schema of the config.
//!
//! In: the text, which may be broken, and the schema. Out: completions, hover. What is wrong with a
//! config, `check` tells.

use super::checker::Nearby;
use super::complete::item;
use super::document::Document;
use super::look::hover_of;
use crate::cli::editor::SCHEMA;
use lsp_types::{CompletionItem, CompletionItemKind as Item, CompletionTextEdit, Hover, TextEdit};
use serde_json::Value;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::OnceLock;

fn schema() -> &'static Value {
    static PARSED: OnceLock<Value> = OnceLock::new();
    // The schema is part of the program, and a test reads it.
    PARSED.get_or_init(|| serde_json::from_str(SCHEMA).unwrap_or_default())
}

/// What the schema says of a path of keys; of a list, what it says of its items.
fn at(path: &[&str]) -> Option<&'static Value> {
    let mut node = schema();
    for part in path {
        let known = node.get("properties").and_then(|all| all.get(part));
        node =
            known.or_else(|| node.get("additionalProperties").filter(|more| more.is_object()))?;
        node = node.get("items").unwrap_or(node);
    }
    Some(node)
}

/// A line taken apart at a byte of it.
struct Line<'d> {
    text: &'d str,
    /// Where it begins in the document.
    start: usize,
    /// The byte in it.
    at: usize,
    /// The keys of the table that it belongs to.
    table: Vec<&'d str>,
}

impl<'d> Line<'d> {
    fn new(document: &'d Document, offset: usize) -> Self {
        let index = document.position(offset).line as usize;
        let text = document.line(index);
        let start = document.offset(lsp_types::Position::new(document.position(offset).line, 0));
        let heads = (0..=index).rev().map(|line| document.line(line).trim());
        let head = heads
            .skip(usize::from(text.trim().starts_with('[')))
            .find(|line| line.starts_with('['));
        let table = head.map(|head| keys(head.trim_matches(['[', ']']))).unwrap_or_default();
        Self { text, start, at: offset.saturating_sub(start).min(text.len()), table }
    }

    /// The bytes of the document that a part of the line is.
    fn bytes(&self, part: Range<usize>) -> Range<usize> {
        self.start + part.start..self.start + part.end
    }

    /// Where the `=` stands that is no part of a text.
    fn equals(&self) -> Option<usize> {
        let mut quote = None;
        for (at, character) in self.text.char_indices() {
            match (quote, character) {
                (None, '=') => return Some(at),
                (None, '#') => return None,
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), _) if open == character => quote = None,
                _ => {}
            }
        }
        None
    }
}

fn keys(path: &str) -> Vec<&str> {
    path.split('.')
        .map(|key| key.trim().trim_matches(['"', '\'']))
        .filter(|key| !key.is_empty())
        .collect()
}

/// The completions of a place.
pub fn complete(document: &Document, nearby: &Nearby, offset: usize) -> Vec<CompletionItem> {
    let line = Line::new(document, offset);
    let before = line.text.get(..line.at).unwrap_or_default();
    if before.trim_start().starts_with('#') {
        return Vec::new();
    }
    let (range, mut items) = if before.trim_start().starts_with('[') {
        let begin = before.rfind('[').map_or(0, |at| at + 1);
        let mut names = Vec::new();
        tables(schema(), "", &mut names);
        (begin..line.at, names)
    } else if let Some(equals) = line.equals().filter(|equals| *equals < line.at) {
        let mut path = line.table.clone();
        path.extend(keys(line.text.get(..equals).unwrap_or_default()));
        let begin = before.rfind(['=', '[', ',']).map_or(0, |at| at + 1);
        let begin =
            begin + before.get(begin..).map_or(0, |part| part.len() - part.trim_start().len());
        // The quote that the editor put behind the cursor belongs to what is replaced.
        let opened = before.get(begin..).is_some_and(|part| part.starts_with('"'));
        let closed = line.text.get(line.at..).is_some_and(|rest| rest.starts_with('"'));
        let end = line.at + usize::from(opened && closed);
        (begin..end, at(&path).map(values).unwrap_or_default())
    } else {
        let begin = before.len() - before.trim_start().len();
        (begin..line.at, table_keys(document, &line, nearby))
    };
    let range = document.range(&line.bytes(range));
    for item in &mut items {
        let new_text = item.insert_text.take().unwrap_or_else(|| item.label.clone());
        item.text_edit = Some(CompletionTextEdit::Edit(TextEdit { range, new_text }));
    }
    items
}

/// The names of all tables, with what they are.
fn tables(node: &'static Value, path: &str, names: &mut Vec<CompletionItem>) {
    for (key, value) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let value = value.get("items").unwrap_or(value);
        let is_table = value.get("properties").is_some()
            || value.get("additionalProperties").is_some_and(Value::is_object);
        if is_table {
            let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            names.push(item(&name, Item::MODULE, "", text(value, "description")));
            tables(value, &name, names);
        }
    }
}

fn text(node: &Value, key: &str) -> String {
    node.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The keys of the line's table that aren't there yet.
fn table_keys(document: &Document, line: &Line<'_>, nearby: &Nearby) -> Vec<CompletionItem> {
    let Some(node) = at(&line.table) else { return Vec::new() };
    let mut items = Vec::new();
    for (key, value) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_table =
            value.get("properties").is_some() || value.pointer("/items/properties").is_some();
        if is_table || is_set(document, line, key) {
            continue;
        }
        let mut one = item(key, Item::PROPERTY, &type_of(value), said(key, value));
        one.insert_text = Some(format!("{key} = "));
        items.push(one);
    }
    if line.table.starts_with(&["rules", "modes"]) {
        for rule in &nearby.rules {
            let mut one = item(&rule.name, Item::REFERENCE, "rule", rule.said.clone());
            one.insert_text = Some(format!("{} = ", rule.name));
            items.push(one);
        }
    }
    items
}

/// Whether the table of a line has a key already.
fn is_set(document: &Document, line: &Line<'_>, key: &str) -> bool {
    let here = document.position(line.start).line as usize;
    let is_head = |index: &usize| document.line(*index).trim().starts_with('[');
    let first = (0..=here).rev().find(is_head).map_or(0, |head| head + 1);
    let lines = (first..first + 10_000).take_while(|index| {
        !is_head(index) && document.position(document.text.len()).line as usize >= *index
    });
    lines.filter(|index| *index != here).any(|index| {
        let rest = document.line(index).trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    })
}

/// The values that a key may have.
fn values(node: &'static Value) -> Vec<CompletionItem> {
    let mut items: Vec<CompletionItem> = Vec::new();
    let mut add = |value: &Value, detail: &str, said: String| {
        let shown = as_toml(value);
        if !items.iter().any(|item| item.label == shown) {
            items.push(item(&shown, Item::VALUE, detail, said));
        }
    };
    for choice in node.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        if let Some(word) = choice.get("const") {
            add(word, "", text(choice, "description"));
        }
    }
    for word in node.get("enum").and_then(Value::as_array).into_iter().flatten() {
        add(word, "", String::new());
    }
    if node.get("type").and_then(Value::as_str) == Some("boolean") {
        add(&Value::Bool(true), "", String::new());
        add(&Value::Bool(false), "", String::new());
    }
    if let Some(default) = node.get("default") {
        add(default, "the default", String::new());
    }
    for example in node.get("examples").and_then(Value::as_array).into_iter().flatten() {
        add(example, "an example", String::new());
    }
    items
}

/// A value as TOML writes it: as JSON does, for all that a default is.
fn as_toml(value: &Value) -> String {
    value.to_string()
}

fn type_of(node: &Value) -> String {
    let pattern = node.get("pattern").and_then(Value::as_str).unwrap_or("");
    match (text(node, "type").as_str(), pattern) {
        ("string", pattern) if pattern.contains("ms|s") => "duration".to_owned(),
        ("string", pattern) if pattern.starts_with("^(env|") => "secret reference".to_owned(),
        ("string", _) if node.get("oneOf").is_some() || node.get("enum").is_some() => {
            "one word".to_owned()
        }
        ("string", _) => "text".to_owned(),
        ("integer" | "number", _) => "number".to_owned(),
        ("boolean", _) => "`true` or `false`".to_owned(),
        ("array", _) => "list".to_owned(),
        ("object", _) => "table".to_owned(),
        _ => "anything".to_owned(),
    }
}

/// A key as hover shows it. Writing to a String can't fail.
fn said(key: &str, node: &Value) -> String {
    let mut out = format!("**`{key}`** ({})\n\n{}\n", type_of(node), text(node, "description"));
    for choice in node.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let word = choice.get("const").and_then(Value::as_str).unwrap_or_default();
        write!(out, "\n- `{word}`: {}", text(choice, "description")).ok();
    }
    if let Some(default) = node.get("default") {
        write!(out, "\n\nDefault: `{}`\n", as_toml(default)).ok();
    }
    out
}

/// What is to be said of a place.
pub fn hover(document: &Document, nearby: &Nearby, offset: usize) -> Option<Hover> {
    let line = Line::new(document, offset);
    let trimmed = line.text.trim();
    let blanks = line.text.len() - line.text.trim_start().len();
    if trimmed.starts_with('[') {
        let name = trimmed.trim_matches(['[', ']']);
        let node = at(&keys(name))?;
        let value = format!("**`{trimmed}`**\n\n{}\n", text(node, "description"));
        return Some(hover_of(document, &line.bytes(blanks..line.text.trim_end().len()), value));
    }
    let equals = line.equals().filter(|equals| line.at <= *equals)?;
    let key = line.text.get(..equals)?.trim();
    let bytes = line.bytes(blanks..blanks + key.len());
    if line.table.starts_with(&["rules", "modes"])
        && let Some(rule) = nearby.rules.iter().find(|rule| rule.name == key.trim_matches('"'))
    {
        return Some(hover_of(document, &bytes, rule.said.clone()));
    }
    let mut path = line.table.clone();
    path.extend(keys(key));
    let last = path.last().copied().unwrap_or_default();
    // The list's own description says more than its items'.
    let parent = at(path.get(..path.len().checked_sub(1)?)?)?;
    let node = parent.get("properties").and_then(|all| all.get(last)).or_else(|| at(&path))?;
    Some(hover_of(document, &bytes, said(key, node)))
}
