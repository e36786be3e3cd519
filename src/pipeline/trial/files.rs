//! What a test reads from outside itself: fixtures below its own folder, and its rules with other
//! parameters.

use super::{Params, Trial, core};
use crate::limits;
use crate::sources::Replay;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Feeds the lines of a fixture, unpacked.
pub(super) fn feed(
    trial: &mut Trial,
    format: &str,
    test_file: &str,
    path: &str,
) -> Result<(), String> {
    let chosen = super::super::formats::named(&trial.config, format);
    let parser = chosen.map_err(|error| error.to_string())?.parser;
    let path = fixture(test_file, path)?;
    let text = path.to_str().ok_or_else(|| format!("`{}` is no UTF-8", path.display()))?;
    let mut replay = Replay::open(text).map_err(|error| error.to_string())?;
    let (mut read, mut parsed) = (0, 0);
    while let Some(mut batch) = replay.next_batch().map_err(|error| error.to_string())? {
        read += batch.block.len() as u64;
        if read > limits::TEST_FILE_BYTES_MAX {
            let most = limits::TEST_FILE_BYTES_MAX / (1024 * 1024);
            return Err(format!("`{}` has more than `{most}` MiB", path.display()));
        }
        // One stream a test: what came before stands before it.
        let length = batch.to - batch.from;
        for record in &mut batch.records {
            record.offset = record.offset - batch.from + trial.place;
        }
        (batch.from, batch.to) = (trial.place, trial.place + length);
        trial.place = batch.to;
        let origin = crate::event::Origin { source: "test".into(), stream: "test".into() };
        batch.origin = Arc::new(origin);
        parsed += trial.batch(&parser, &batch)?.parsed;
    }
    if parsed == 0 {
        return Err(format!("no line of `{}` is a `{format}` line", path.display()));
    }
    Ok(())
}

/// Where a fixture is: below the folder of the test's own file, also through links.
fn fixture(test_file: &str, path: &str) -> Result<PathBuf, String> {
    let wanted = Path::new(path);
    let plain =
        wanted.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err(format!("`{path}` is no path below the folder of the test"));
    }
    let folder = Path::new(test_file).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let real = |path: &Path| {
        path.canonicalize().map_err(|error| format!("failed to read `{}`: {error}", path.display()))
    };
    let (folder, found) = (real(folder)?, real(&folder.join(wanted))?);
    if !found.starts_with(&folder) {
        return Err(format!("`{path}` leads out of the folder of the test"));
    }
    if !found.is_file() {
        return Err(format!("`{path}` is no file"));
    }
    Ok(found)
}

/// Loads the rules anew with one more parameter.
pub(super) fn set_param(
    trial: &mut Trial,
    files: &[Arc<str>],
    name: &str,
    value: &serde_json::Value,
) -> Result<(), String> {
    if trial.fed > 0 {
        return Err("`param` stands before anything is fed".to_owned());
    }
    let declared = trial.rules.rules().iter().filter(|rule| files.contains(&rule.file));
    let known: Vec<(Arc<str>, String)> = declared
        .flat_map(|rule| {
            rule.params.iter().map(|param| (Arc::clone(&rule.file), param.name.clone()))
        })
        .collect();
    let of: Vec<&Arc<str>> =
        known.iter().filter(|(_, param)| param == name).map(|(file, _)| file).collect();
    if of.is_empty() {
        let names = known.iter().map(|(_, param)| param.as_str());
        let hint = crate::event::text::nearest(name, names)
            .map_or_else(String::new, |near| format!("\nhint: did you mean `{near}`?"));
        return Err(format!("the rules under test have no parameter `{name}`{hint}"));
    }
    let mut params: Params = trial.params.clone();
    for file in of {
        let stem = Path::new(&**file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        params.entry(stem.unwrap_or_default()).or_default().insert(name.to_owned(), value.clone());
    }
    let reload = trial.reload.clone().ok_or("`param` is not available here")?;
    let rules = reload(&params)?;
    trial.core = core(&rules, &trial.config);
    trial.rules = rules;
    trial.params = params;
    Ok(())
}
