//! A question's text as fields: names, aliases, arguments with variables put in. Fragments and
//! directives are not known.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) alias: String,
    pub(super) name: String,
    pub(super) arguments: BTreeMap<String, Value>,
    pub(super) fields: Vec<Field>,
}

/// Fields within fields, at most so deep.
const DEPTH_MAX: usize = 16;

/// The fields of a question, or what is wrong with it.
pub(super) fn parse(text: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, String> {
    let mut reader = Reader { words: words(text)?, at: 0, variables };
    if matches!(reader.peek(), Some("query")) {
        reader.at += 1;
        if reader.peek().is_some_and(|word| word != "{" && word != "(") {
            reader.at += 1;
        }
        // What the variables' types are doesn't matter here.
        if reader.peek() == Some("(") {
            while reader.next().is_some_and(|word| word != ")") {}
        }
    }
    let fields = reader.fields(0)?;
    match reader.peek() {
        None => Ok(fields),
        Some(word) => Err(format!("unexpected \"{word}\"")),
    }
}

/// Splits a text into names, numbers, texts in quotes and marks.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        let mut word = String::from(first);
        match first {
            ' ' | '\n' | '\r' | '\t' | ',' => continue,
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '!' | '=' => {}
            '"' => loop {
                match rest.next() {
                    Some('\\') => {
                        word.push('\\');
                        word.extend(rest.next());
                    }
                    Some('"') => {
                        word.push('"');
                        break;
                    }
                    Some(other) => word.push(other),
                    None => return Err("a text has no end".to_owned()),
                }
            },
            first if first.is_ascii_alphanumeric() || "$_-".contains(first) => {
                while let Some(next) =
                    rest.next_if(|c| c.is_ascii_alphanumeric() || "_.".contains(*c))
                {
                    word.push(next);
                }
            }
            other => return Err(format!("unexpected \"{}\"", other.escape_debug())),
        }
        words.push(word);
    }
    Ok(words)
}

struct Reader<'v> {
    words: Vec<String>,
    at: usize,
    variables: &'v Map<String, Value>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        match self.next() {
            Some(word) if word == wanted => Ok(()),
            Some(word) => Err(format!("expected \"{wanted}\", found \"{word}\"")),
            None => Err(format!("expected \"{wanted}\" before the end")),
        }
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEPTH_MAX {
            return Err("the question is too deep".to_owned());
        }
        self.expect("{")?;
        let mut fields = Vec::new();
        while self.peek() != Some("}") {
            let alias = self.next().ok_or("the question has no end")?;
            let mut name = alias.clone();
            if self.peek() == Some(":") {
                self.at += 1;
                name = self.next().ok_or("the question has no end")?;
            }
            let mut arguments = BTreeMap::new();
            if self.peek() == Some("(") {
                self.at += 1;
                while self.peek() != Some(")") {
                    let name = self.next().ok_or("the question has no end")?;
                    self.expect(":")?;
                    arguments.insert(name, self.value(depth)?);
                }
                self.at += 1;
            }
            let fields_of =
                if self.peek() == Some("{") { self.fields(depth + 1)? } else { Vec::new() };
            fields.push(Field { alias, name, arguments, fields: fields_of });
        }
        self.at += 1;
        Ok(fields)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("the question is too deep".to_owned());
        }
        let word = self.next().ok_or("the question has no end")?;
        if let Some(name) = word.strip_prefix('$') {
            let value = self.variables.get(name);
            return value.cloned().ok_or_else(|| format!("unbound variable \"{name}\""));
        }
        match word.as_str() {
            "[" => {
                let mut rows = Vec::new();
                while self.peek() != Some("]") {
                    rows.push(self.value(depth + 1)?);
                }
                self.at += 1;
                Ok(Value::Array(rows))
            }
            "{" => {
                let mut fields = Map::new();
                while self.peek() != Some("}") {
                    let name = self.next().ok_or("the question has no end")?;
                    self.expect(":")?;
                    fields.insert(name, self.value(depth + 1)?);
                }
                self.at += 1;
                Ok(Value::Object(fields))
            }
            // A text in quotes, a number, `true`, … are as in JSON; a bare word is an enum's.
            word => Ok(serde_json::from_str(word).unwrap_or_else(|_| json!(word))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_becomes_fields() {
        let variables = json!({ "z": "zone", "n": 3 });
        let text = "query Q($z: string!, $n: Int!) { viewer { zones(filter: {zoneTag: $z, a_geq: \"x y\"}) { a: node(limit: $n, orderBy: [count_DESC]) { count } } } }";
        let fields = parse(text, variables.as_object().unwrap()).unwrap();
        let zones = &fields[0].fields[0];
        assert_eq!(zones.arguments["filter"], json!({ "zoneTag": "zone", "a_geq": "x y" }));
        let node = &zones.fields[0];
        assert_eq!((node.alias.as_str(), node.name.as_str()), ("a", "node"));
        assert_eq!(node.arguments["orderBy"], json!(["count_DESC"]));
        assert_eq!(node.arguments["limit"], json!(3));
    }

    #[test]
    fn anything_is_a_question_or_a_fault() {
        let deep = "{a".repeat(40);
        for text in [
            "",
            "{",
            "{a",
            "{a(",
            "{a(b",
            "{a(b:",
            "{a(b:[",
            "{a} x",
            "\"",
            "{\u{7}}",
            "query",
            deep.as_str(),
        ] {
            assert!(parse(text, &Map::new()).is_err(), "{text}");
        }
        assert!(parse("{a(b: $no)}", &Map::new()).is_err());
    }
}
