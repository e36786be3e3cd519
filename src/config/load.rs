//! Reading `riposte.toml`: text in, a [`Config`] or every fault at once out, each with its line.
//!
//! The TOML parser stops at the first fault. To tell all of them, the line of a fault is blanked
//! and the text read again; that is only to find further faults, never to run on.

use super::Config;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// One thing that is wrong with a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1; 0 where the fault is not of one line.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
    /// The source line.
    pub source_line: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it; may be empty.
    pub hint: String,
}

/// A config that can't be used, with all its faults.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, in the order of the file.
    pub faults: Vec<Fault>,
}

impl ConfigError {
    fn render(&self) -> String {
        let mut text = String::new();
        for (number, fault) in self.faults.iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            let place = match fault.line {
                0 => self.path.display().to_string(),
                line => format!("{}:{line}:{}", self.path.display(), fault.column),
            };
            // Writing to a String can't fail.
            write!(text, "{place}: {}", fault.message).ok();
            if fault.line > 0 && !fault.source_line.is_empty() {
                let caret = " ".repeat(fault.column.saturating_sub(1));
                write!(text, "\n  | {}\n  | {caret}^", fault.source_line).ok();
            }
            if !fault.hint.is_empty() {
                write!(text, "\nhint: {}", fault.hint).ok();
            }
        }
        text
    }
}

/// Reads and checks a config file.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "run `riposte init` to write one for this machine",
            std::io::ErrorKind::PermissionDenied => "run this as root or as the service's user",
            _ => "",
        };
        let message = format!("failed to read the config: {error}");
        ConfigError { path: path.to_owned(), faults: vec![whole(message, hint)] }
    })?;
    if let Some(fault) = writable_by_others(path) {
        return Err(ConfigError { path: path.to_owned(), faults: vec![fault] });
    }
    parse(&text).map_err(|faults| ConfigError { path: path.to_owned(), faults }).map(
        |mut config| {
            config.resolve_paths(path.parent().unwrap_or(Path::new(".")));
            config
        },
    )
}

/// Reads and checks a config's text.
pub fn parse(text: &str) -> Result<Config, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut rest = text.to_owned();
    // Each round blanks a line, so that this ends.
    for _ in 0..crate::limits::CONFIG_FAULTS_MAX {
        match toml::from_str::<Config>(&rest) {
            Ok(config) if faults.is_empty() => {
                let found = config.faults();
                if found.is_empty() {
                    return Ok(config);
                }
                return Err(found.into_iter().map(|words| from_words(&words)).collect());
            }
            Ok(config) => {
                faults.extend(config.faults().iter().map(|words| from_words(words)));
                break;
            }
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let fault = of_toml(text, &error, span.start);
                let syntax = !fault.message.contains("unknown field")
                    && toml::from_str::<toml::Table>(&rest).is_err();
                let seen = faults.contains(&fault);
                if !seen {
                    faults.push(fault);
                }
                if syntax || seen || !blank_line(&mut rest, span.start) {
                    break;
                }
            }
        }
    }
    for fault in &mut faults {
        suggest(fault);
    }
    Err(faults)
}

/// A text with an optional `\nhint: …` part, as the parts of the config give their faults.
fn from_words(words: &str) -> Fault {
    let (message, hint) = words.split_once("\nhint: ").unwrap_or((words, ""));
    whole(message.to_owned(), hint)
}

fn whole(message: String, hint: &str) -> Fault {
    Fault { line: 0, column: 0, source_line: String::new(), message, hint: hint.to_owned() }
}

fn of_toml(text: &str, error: &toml::de::Error, at: usize) -> Fault {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let source_line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    Fault {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).map_or(0, |part| part.chars().count()) + 1,
        source_line: source_line.to_owned(),
        message: error.message().trim().replace('\n', " "),
        hint: String::new(),
    }
}

/// Blanks the line that holds byte `at`; false where it is blank already.
fn blank_line(text: &mut String, at: usize) -> bool {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |place| place + 1);
    let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |len| at + len);
    let Some(line) = text.get(start..end) else {
        return false;
    };
    if line.trim().is_empty() {
        return false;
    }
    let blank = " ".repeat(line.len());
    text.replace_range(start..end, &blank);
    true
}

/// Turns serde's list of fields into one hint.
fn suggest(fault: &mut Fault) {
    let Some((head, list)) = fault.message.split_once(", expected ") else {
        return;
    };
    let Some(rest) = head.strip_prefix("unknown field `") else {
        return;
    };
    let wrong = rest.trim_end_matches('`').to_owned();
    let known: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    let nearest = crate::event::text::nearest(&wrong, known.iter().copied());
    fault.hint = match nearest {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known here: {}", known.join(", ")),
    };
    fault.message = format!("`{wrong}` is not a key of this table");
}

/// Config, rules and plugins that others can write would let them act with our rights.
pub fn writable_by_others(path: &Path) -> Option<Fault> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    if metadata.mode() & 0o002 != 0 {
        let message =
            format!("`{}` can be written by everybody, so it is not used", path.display());
        return Some(whole(message, &format!("chmod o-w {}", path.display())));
    }
    let ours = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != ours {
        let message = format!(
            "`{}` belongs to another user (uid {}), so it is not used",
            path.display(),
            metadata.uid()
        );
        return Some(whole(message, &format!("chown root {}", path.display())));
    }
    if metadata.mode() & 0o020 != 0 && metadata.gid() != 0 && ours == 0 {
        let message =
            format!("`{}` can be written by its group, so it is not used", path.display());
        return Some(whole(message, &format!("chmod g-w {}", path.display())));
    }
    None
}
