//! `riposte plugin test` of a program: it is greeted, then each file `tests/*.jsonl` is played to a
//! fresh start of it.
//!
//! A line `{"send": …}` is written to it; a line `{"expect": …}` waits for its next message, which
//! must have what is written there, and may have more; `{"settings": …}` on the first line stands
//! beside the config's settings.

use crate::cli::output::{Output, Style, counted};
use crate::cli::{End, Usage};
use crate::event::text::escape;
use crate::limits::{PLUGIN_MANIFEST_BYTES_MAX, PLUGIN_START_SECS_MAX};
use crate::plugins::{Enabled, Launch, Talk};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Plays all of its tests.
pub fn test(enabled: &Enabled, out: &mut Output) -> anyhow::Result<End> {
    let folder = enabled.plugin.folder.join("tests");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    if files.is_empty() {
        return Err(Usage::of(format!(
            "there is no `*.jsonl` in `{}`\nhint: docs/plugins.md shows one",
            folder.display()
        )));
    }
    let mut failed = 0_u64;
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = escape(&name);
        match play(enabled, file) {
            Ok(()) => {
                let word = out.styled(Style::Green, "ok");
                out.line(format!("{word} {name}"))?;
            }
            Err(why) => {
                failed += 1;
                let word = out.styled(Style::Red, "FAILED");
                out.line(format!("{word} {name}: {why}"))?;
            }
        }
    }
    out.line(format!("{}, {failed} failed", counted(files.len() as u64, "test")))?;
    Ok(if failed == 0 { End::Well } else { End::Finding })
}

/// Plays one file to a fresh start.
fn play(enabled: &Enabled, file: &Path) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{error}");
    let size = std::fs::metadata(file).map_err(|error| told(&error))?.len();
    if size > PLUGIN_MANIFEST_BYTES_MAX {
        return Err(format!("it has more than {} KiB", PLUGIN_MANIFEST_BYTES_MAX / 1024));
    }
    let text = std::fs::read_to_string(file).map_err(|error| told(&error))?;
    let mut launch = enabled.launch();
    let mut steps = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let step: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| format!("line {number} is no JSON object: {error}"))?;
        steps.push((number, step));
    }
    if let Some((_, first)) = steps.first()
        && let Some(Value::Object(settings)) = first.get("settings")
    {
        launch.settings.extend(settings.clone());
        steps.remove(0);
    }
    let answer = Duration::from_millis(enabled.plugin.manifest.limits.answer_ms);
    let talk = greeted(&launch)?;
    for (number, step) in &steps {
        let at = |why: String| format!("line {number}: {why}");
        match (step.get("send"), step.get("expect")) {
            (Some(send), None) => talk.send(send).map_err(|error| at(told(&error)))?,
            (None, Some(expected)) => {
                let message = talk.receive(answer).map_err(|error| at(told(&error)))?;
                let Some(message) = message else {
                    return Err(at(format!("nothing came within {} ms", answer.as_millis())));
                };
                let mut got = message.body;
                got.insert("type".to_owned(), Value::String(message.kind));
                let mut difference = Vec::new();
                compare("", expected, &Value::Object(got), &mut difference);
                if !difference.is_empty() {
                    return Err(at(format!("it differs\n{}", difference.join("\n"))));
                }
            }
            _ => return Err(at("it has neither `send` nor `expect`".to_owned())),
        }
    }
    // What nobody asked for would be taken as the answer to the next question.
    if let Some(message) = talk.receive(Duration::from_millis(200)).map_err(|error| told(&error))? {
        return Err(format!("a message `{}` came that nothing expects", message.kind));
    }
    talk.stop();
    Ok(())
}

fn greeted(launch: &Launch) -> Result<Talk, String> {
    let talk = Talk::start(launch, Map::new()).map_err(|error| error.to_string())?;
    let most = Duration::from_secs(PLUGIN_START_SECS_MAX).min(launch.limits.start);
    match talk.ready(most) {
        Ok(true) => Ok(talk),
        Ok(false) => Err(format!("it was not ready within {} s", most.as_secs())),
        Err(error) => Err(error.to_string()),
    }
}

/// What differs, as lines of a diff; what is not expected doesn't matter.
fn compare(place: &str, expected: &Value, got: &Value, out: &mut Vec<String>) {
    if let (Value::Object(expected), Value::Object(_) | Value::Null) = (expected, got) {
        for (name, value) in expected {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            compare(&place, value, got.get(name).unwrap_or(&json!(null)), out);
        }
    } else if expected != got {
        let shown = |value: &Value| escape(&value.to_string()).into_owned();
        out.push(format!("  - {place}: {}", shown(expected)));
        out.push(format!("  + {place}: {}", shown(got)));
    }
}
