//! Struct and enum definitions, read from source text: names, doc comments, serde's attributes.
//! Enough for plain config types as rustfmt lays them out.

/// A struct of the config.
#[derive(Debug, Clone)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
    /// `#[serde(default)]` on the whole: every key may be left away.
    pub all_default: bool,
    /// Its fields, in their order.
    pub fields: Vec<Field>,
}

/// A key.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name in the config.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
    /// Its type as written.
    pub kind: String,
    /// It may be left away.
    pub has_default: bool,
    /// It is written as a duration.
    pub is_duration: bool,
}

/// A choice of words.
#[derive(Debug, Clone)]
pub struct Enum {
    /// Its name.
    pub name: String,
    /// The words with their doc comments.
    pub variants: Vec<(String, String)>,
}

/// What a source file defines.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Its structs.
    pub structs: Vec<Struct>,
    /// Its enums without data.
    pub enums: Vec<Enum>,
}

impl Definitions {
    /// The struct of that name.
    pub fn structure(&self, name: &str) -> &Struct {
        let found = self.structs.iter().find(|one| one.name == name);
        found.unwrap_or_else(|| panic!("there is no struct `{name}`"))
    }

    /// The enum of that name, where there is one.
    pub fn choice(&self, name: &str) -> Option<&Enum> {
        self.enums.iter().find(|one| one.name == name)
    }

    /// Adds what a source file defines.
    pub fn read(&mut self, text: &str) {
        let mut lines = text.lines();
        let mut above = Above::default();
        while let Some(line) = lines.next() {
            if above.takes(line, &mut lines) {
                continue;
            }
            let head = line.strip_prefix("pub ").unwrap_or("");
            let name =
                |rest: &str| rest.split([' ', '<', '(', ';']).next().unwrap_or("").to_owned();
            if let Some(rest) = head.strip_prefix("struct ").filter(|_| line.ends_with('{')) {
                self.structs.push(Struct {
                    name: name(rest),
                    doc: above.doc(),
                    all_default: above.serde("default"),
                    fields: fields(&mut lines),
                });
            } else if let Some(rest) = head.strip_prefix("enum ").filter(|_| line.ends_with('{')) {
                let case = above.attributes.clone();
                self.enums.push(Enum { name: name(rest), variants: variants(&mut lines, &case) });
            }
            above = Above::default();
        }
    }
}

/// Doc comment and attributes above an item.
#[derive(Debug, Default)]
struct Above {
    doc: Vec<String>,
    attributes: String,
}

impl Above {
    /// Takes a line in when it belongs above an item.
    fn takes<'t>(&mut self, line: &str, rest: &mut impl Iterator<Item = &'t str>) -> bool {
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("///") {
            self.doc.push(doc.trim().to_owned());
            return true;
        }
        if !line.starts_with("#[") {
            return false;
        }
        self.attributes.push_str(line);
        let mut last = line.to_owned();
        while !last.ends_with(']') {
            let Some(next) = rest.next() else { break };
            next.trim().clone_into(&mut last);
            self.attributes.push_str(&last);
        }
        true
    }

    fn doc(&self) -> String {
        self.doc.join(" ").replace("[`", "`").replace("`]", "`").replace("`Self::", "`")
    }

    /// Whether one of serde's attributes has this word.
    fn serde(&self, word: &str) -> bool {
        let lists = self.attributes.split("#[serde(").skip(1);
        let lists = lists.filter_map(|list| list.split(")]").next());
        lists
            .flat_map(|list| list.split(','))
            .any(|part| part.trim().split([' ', '=']).next() == Some(word))
    }

    /// The text that is given to a word of serde's.
    fn serde_text(&self, word: &str) -> Option<String> {
        let after = self.attributes.split(&format!("{word} = \"")).nth(1)?;
        Some(after.split('"').next().unwrap_or("").to_owned())
    }
}

fn fields<'t>(lines: &mut impl Iterator<Item = &'t str>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut above = Above::default();
    while let Some(line) = lines.next() {
        if line == "}" {
            break;
        }
        if above.takes(line, lines) {
            continue;
        }
        let Some((name, kind)) =
            line.trim().strip_prefix("pub ").and_then(|rest| rest.split_once(": "))
        else {
            continue;
        };
        let kind = kind.trim_end_matches(',').to_owned();
        fields.push(Field {
            name: above.serde_text("rename").unwrap_or_else(|| name.to_owned()),
            doc: above.doc(),
            has_default: above.serde("default") || kind.starts_with("Option<"),
            is_duration: kind.contains("Duration"),
            kind,
        });
        above = Above::default();
    }
    fields
}

fn variants<'t>(lines: &mut impl Iterator<Item = &'t str>, case: &str) -> Vec<(String, String)> {
    let mut variants = Vec::new();
    let mut above = Above::default();
    while let Some(line) = lines.next() {
        if line == "}" {
            break;
        }
        if above.takes(line, lines) {
            continue;
        }
        let name = line.trim().trim_end_matches(',');
        if !name.is_empty() && name.chars().all(char::is_alphanumeric) {
            variants.push((cased(name, case), above.doc()));
        }
        above = Above::default();
    }
    variants
}

/// As `rename_all` of the attributes says.
fn cased(name: &str, attributes: &str) -> String {
    let between = match attributes {
        words if words.contains("kebab-case") => Some('-'),
        words if words.contains("snake_case") => Some('_'),
        _ => None,
    };
    let mut out = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !out.is_empty() {
            out.extend(between);
        }
        out.extend(character.to_lowercase());
    }
    out
}
