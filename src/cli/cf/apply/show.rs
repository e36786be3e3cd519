//! A plan for people and for scripts.

use super::plan::{Change, What};
use super::present::ZonePlan;
use crate::cli::cf::Session;
use crate::cli::output::{Output, Style};
use crate::cloudflare::zones::Zone;
use crate::event::text;
use serde_json::{Map, Value, json};

/// Shows a plan, a line a change; what a rule changes in, below it.
pub fn plan(
    session: &Session,
    zone: &Zone,
    made: &ZonePlan,
    out: &mut Output,
) -> anyhow::Result<()> {
    if session.json {
        for change in made.all() {
            let mut line = json!(change);
            if let Some(fields) = line.as_object_mut() {
                fields.insert("type".to_owned(), json!("change"));
                fields.insert("zone".to_owned(), json!(zone.name));
            }
            out.json(&line)?;
        }
        return Ok(());
    }
    let name = text::escape(&zone.name);
    out.line(out.styled(Style::Bold, format!("zone {name}")))?;
    let mut part = "";
    for change in made.all() {
        if part != change.part {
            part = change.part;
            out.line(format!("  {part}"))?;
        }
        line(change, out)?;
    }
    for note in &made.notes {
        out.line(out.styled(Style::Dim, format!("  {}", text::escape(note))))?;
    }
    if made.differs() || !made.faults.is_empty() {
        return Ok(());
    }
    out.line("  nothing to do")?;
    Ok(())
}

fn line(change: &Change, out: &mut Output) -> anyhow::Result<()> {
    let (mark, style) = match change.what {
        What::Add => ("+", Style::Green),
        What::Remove => ("-", Style::Red),
        What::Foreign => ("!", Style::Red),
        What::Change | What::Adopt | What::Move => ("~", Style::Yellow),
    };
    let name = text::escape(&change.name);
    let words = match change.what {
        What::Add => format!("{name}: {}", brief(&change.to)),
        What::Remove => format!("{name}: {}", brief(&change.from)),
        What::Foreign => format!(
            "{name}: others have made one that is in the way: {}; `--adopt` takes it over",
            brief(&change.from)
        ),
        What::Adopt => format!("{name}: taken over from others"),
        What::Move => format!("{name}: another place"),
        What::Change if change.from.is_object() && change.to.is_object() => name.into_owned(),
        What::Change => format!("{name}: {} → {}", value(&change.from), value(&change.to)),
    };
    out.line(out.styled(style, format!("  {mark} {words}")))?;
    if matches!(change.what, What::Change | What::Adopt)
        && let (Value::Object(from), Value::Object(to)) = (&change.from, &change.to)
    {
        for (name, from, to) in differences(from, to) {
            out.line(format!("      {}: {} → {}", text::escape(&name), value(from), value(to)))?;
        }
    }
    Ok(())
}

/// What a rule does, or where a record leads, in one line.
fn brief(thing: &Value) -> String {
    let part = |name: &str| thing.get(name).and_then(Value::as_str).unwrap_or_default();
    if let Some(worker) = thing.get("worker") {
        let worker = worker.as_str().unwrap_or("past all Workers");
        return text::escape(worker).into_owned();
    }
    let words = match (thing.get("content"), thing.get("data")) {
        (Some(_), None | Some(Value::Null)) => part("content").to_owned(),
        (_, Some(data)) => data.to_string(),
        (None, None) => format!("{} {}", part("action"), part("expression")),
    };
    text::escape(&words).into_owned()
}

fn value(value: &Value) -> String {
    let shown = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    text::escape(&shown).into_owned()
}

/// The fields in which two rules differ; names differ by our mark alone.
fn differences<'v>(
    from: &'v Map<String, Value>,
    to: &'v Map<String, Value>,
) -> Vec<(String, &'v Value, &'v Value)> {
    let mut found = Vec::new();
    let names: std::collections::BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    for name in names.into_iter().filter(|name| *name != "ref" && *name != "id") {
        let (was, is) = (from.get(name), to.get(name));
        match (was, is) {
            (Some(Value::Object(was)), Some(Value::Object(is))) => {
                for (inner, was, is) in differences(was, is) {
                    found.push((format!("{name}.{inner}"), was, is));
                }
            }
            _ if was != is => {
                found.push((name.clone(), was.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null)));
            }
            _ => {}
        }
    }
    found
}
