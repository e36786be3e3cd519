//! The JSON schema of files for `riposte cf apply`, from the types that read them; and that the
//! documented file fits it.

use crate::definitions::{Definitions, Struct};
use crate::{assert_fresh, hold, root};
use riposte::cloudflare::settings::{KNOWN, Legal};
use serde_json::{Map, Value, json};
use std::fs;

const SOURCES: &[&str] = &[
    "src/cli/cf/apply/file.rs",
    "src/cli/cf/apply/dns.rs",
    "src/cli/cf/apply/routes.rs",
    "src/cloudflare/rules/cache.rs",
    "src/cloudflare/rules/custom.rs",
    "src/cloudflare/rules/managed.rs",
    "src/cloudflare/rules/rate.rs",
];

fn of_struct(structure: &Struct, definitions: &Definitions) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in &structure.fields {
        let mut value = match field.name.as_str() {
            "settings" => settings(),
            _ => of_kind(&field.kind, definitions),
        };
        value["description"] = json!(field.doc);
        properties.insert(field.name.clone(), value);
        if !field.has_default && !structure.all_default {
            required.push(field.name.clone());
        }
    }
    json!({
        "type": "object", "additionalProperties": false, "properties": properties,
        "required": required,
    })
}

fn of_kind(kind: &str, definitions: &Definitions) -> Value {
    let inner = |prefix: &str| kind.strip_prefix(prefix).and_then(|kind| kind.strip_suffix('>'));
    if let Some(inner) = inner("Option<") {
        return of_kind(inner, definitions);
    }
    if let Some(item) = inner("Vec<") {
        return json!({ "type": "array", "items": of_kind(item, definitions) });
    }
    if let Some(choice) = definitions.choice(kind) {
        let words = choice.variants.iter();
        let words = words.map(|(word, doc)| json!({ "const": word, "description": doc }));
        return json!({ "type": "string", "oneOf": words.collect::<Vec<_>>() });
    }
    match kind {
        "bool" => json!({ "type": "boolean" }),
        "u16" => json!({ "type": "integer", "minimum": 0, "maximum": u16::MAX }),
        "u32" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        "i32" => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        "String" => json!({ "type": "string" }),
        "Value" => json!({}),
        "Map<String, Value>" => json!({ "type": "object" }),
        name => of_struct(definitions.structure(name), definitions),
    }
}

/// Each zone setting with what it may be.
fn settings() -> Value {
    let of = |legal: &Legal| match legal {
        Legal::Words(words) => json!({ "enum": words }),
        Legal::Numbers(numbers) => json!({ "enum": numbers }),
        Legal::Range(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Legal::Text => json!({ "type": "string" }),
        Legal::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Legal::Object(names) => {
            let fields: Map<String, Value> =
                names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
            json!({ "type": "object", "additionalProperties": false, "properties": fields })
        }
    };
    let all: Map<String, Value> =
        KNOWN.iter().map(|(id, legal)| ((*id).to_owned(), of(legal))).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": all })
}

fn schema() -> Value {
    let mut definitions = Definitions::default();
    for file in SOURCES {
        definitions.read(&fs::read_to_string(root().join(file)).unwrap());
    }
    let mut schema = of_struct(definitions.structure("ZoneFile"), &definitions);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$comment"] = json!("Made from the types by tests/docs; a test fails when it is stale.");
    schema["title"] = json!("a zone for `riposte cf apply`");
    schema["description"] = json!("docs/cloudflare-apply.md says the same at more length.");
    schema
}

#[test]
fn the_schema_of_zone_files_is_fresh() {
    let mut stale = Vec::new();
    let fresh = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    hold("deploy/cloudflare-zone.schema.json", &fresh, &mut stale);
    assert_fresh(&stale);
}

/// The documented file fits the schema, and files with a slip don't.
#[test]
fn the_documented_zone_file_fits_its_schema() {
    let page = fs::read_to_string(root().join("docs/cloudflare-apply.md")).unwrap();
    let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let good: toml::Table = text.parse().unwrap();
    let mut documents = json!({ "good": good });
    for (name, from, to) in [
        ("word", "\"managed_challenge\"", "\"manage\""),
        ("action", "action = \"skip\"", "action = \"skp\""),
        ("setting", "ssl = \"strict\"", "ssl = \"on\""),
        ("key", "requests = 5", "request = 5"),
        ("mode", "\"override_origin\"", "\"overide\""),
    ] {
        if text.contains(from) {
            let bad: toml::Table = text.replace(from, to).parse().unwrap();
            documents[name] = serde_json::to_value(bad).unwrap();
        }
    }
    let count = documents.as_object().unwrap().len();
    assert!(count > 4, "the page has what is spoiled here");
    let Some(faults) = crate::schema_use::faults_of(&schema(), &documents) else { return };
    for (name, faults) in faults.as_object().unwrap() {
        let none = faults.as_array().unwrap().is_empty();
        assert_eq!(none, name == "good", "{name}: {faults}");
    }
}
