//! The JSON schema of the config (draft 2020-12), from the same definitions as its reference.

use crate::definitions::{Definitions, Field, Struct};
use crate::pages;
use riposte::actions::config::Service;
use serde_json::{Map, Value, json};

/// A duration as people write it: numbers with units.
const DURATION: &str = r"^\s*(\d+(\.\d*)?\s*(ms|s|secs?|m|mins?|h|d|w)\s*)+$";
/// A reference to a secret, never the secret itself.
const SECRET: &str = r"^(env|file|credential|exec):.+";

/// Numbers that `riposte check` bounds further than their type does: key, least, most.
const BOUNDS: &[(&str, u64, Option<u64>)] = &[
    ("guard.widest_v4", 1, Some(32)),
    ("guard.widest_v6", 1, Some(128)),
    ("guard.blocks_per_minute", 1, None),
    ("guard.aggregate_parts", 2, None),
    ("memory.windows_mib", 1, None),
];

/// deploy/riposte.schema.json
pub fn schema(definitions: &Definitions) -> String {
    let mut properties = Map::new();
    let top = definitions.structure("Config");
    for field in &top.fields {
        properties.insert(field.name.clone(), of_field(field, top, "", definitions));
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made from the config types by tests/docs; a test fails when it is stale.",
        "title": "riposte.toml",
        "description": "The config of riposte. docs/config.md says the same at more length.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// A table of the config.
fn of_struct(structure: &Struct, path: &str, definitions: &Definitions) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in &structure.fields {
        properties.insert(field.name.clone(), of_field(field, structure, path, definitions));
        if pages::is_required(field, structure) {
            required.push(field.name.clone());
        }
    }
    let mut value = json!({
        "type": "object",
        "description": structure.doc,
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    value
}

fn of_field(field: &Field, structure: &Struct, path: &str, definitions: &Definitions) -> Value {
    let here = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
    let mut value = of_type(field, &here, definitions);
    value["description"] = json!(field.doc);
    if here == "sources.format" {
        value["enum"] = json!(riposte::parsers::FORMATS);
    }
    if let Some((_, least, most)) = BOUNDS.iter().find(|(key, ..)| *key == here) {
        value["minimum"] = json!(least);
        if let Some(most) = most {
            value["maximum"] = json!(most);
        }
    }
    let is_table = value.get("properties").is_some() || value["items"].get("properties").is_some();
    if !is_table
        && !pages::is_required(field, structure)
        && let Some(default) = pages::default_of(&here)
    {
        value["default"] = default;
    }
    if let Some((_, example)) = pages::EXAMPLES.iter().find(|(name, _)| *name == field.name) {
        let table: toml::Table = format!("x = {example}").parse().unwrap();
        value["examples"] = json!([serde_json::to_value(&table["x"]).unwrap()]);
    }
    value
}

fn of_type(field: &Field, here: &str, definitions: &Definitions) -> Value {
    let bare = field.kind.strip_prefix("Option<").and_then(|kind| kind.strip_suffix('>'));
    let bare = bare.unwrap_or(&field.kind);
    if field.is_duration || ["poll", "every"].contains(&field.name.as_str()) {
        return json!({ "type": "string", "pattern": DURATION });
    }
    of_name(bare, here, definitions)
}

fn of_name(bare: &str, here: &str, definitions: &Definitions) -> Value {
    let inner = |prefix: &str| bare.strip_prefix(prefix).and_then(|kind| kind.strip_suffix('>'));
    if let Some(item) = inner("Vec<") {
        return json!({ "type": "array", "items": of_name(item, here, definitions) });
    }
    if let Some(pair) = inner("BTreeMap<") {
        let (_, value) = pair.split_once(", ").unwrap();
        return json!({
            "type": "object",
            "additionalProperties": of_name(value, here, definitions),
        });
    }
    // Written as one of its words or as `word:NAME`.
    if bare == "ChannelTo" {
        let services = Service::ALL.map(Service::name).join("|");
        let pattern = format!("^(log|{services}|(webhook|exec|plugin):.+)$");
        return json!({ "type": "string", "pattern": pattern });
    }
    if let Some(choice) = definitions.choice(bare).filter(|choice| !choice.variants.is_empty()) {
        let words: Vec<Value> = choice
            .variants
            .iter()
            .map(|(word, doc)| json!({ "const": word, "description": doc }))
            .collect();
        return json!({ "type": "string", "oneOf": words });
    }
    match bare {
        "bool" => json!({ "type": "boolean" }),
        "u8" => json!({ "type": "integer", "minimum": 0, "maximum": 255 }),
        "u16" => json!({ "type": "integer", "minimum": 0, "maximum": 65_535 }),
        "u32" => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
        "u64" | "usize" => json!({ "type": "integer", "minimum": 0 }),
        "i32" => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        "f64" => json!({ "type": "number" }),
        "SecretRef" => json!({ "type": "string", "pattern": SECRET }),
        "Destination" => {
            json!({ "type": "string", "pattern": format!("^(https?|smtps?)://.+|{SECRET}") })
        }
        "String" | "PathBuf" => json!({ "type": "string" }),
        // A parameter's value is the rule's own affair.
        "toml::Value" => json!({}),
        name if definitions.structs.iter().any(|one| one.name == name) => {
            of_struct(definitions.structure(name), here, definitions)
        }
        other => panic!("`{here}` has the type `{other}`, which tests/docs/schema.rs doesn't know"),
    }
}
