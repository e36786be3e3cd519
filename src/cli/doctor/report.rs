//! Findings of the doctor: how bad, where, what, and how to mend it.

use crate::cli::output::{Output, Style};
use crate::event::text;
use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// All is well.
    Ok,
    /// Worth knowing.
    Note,
    /// Something is wrong, and riposte works on.
    Warning,
    /// Something that riposte is there for doesn't work.
    Error,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it concerns: `config`, `store`, `source`, `enforcer`, ….
    pub area: &'static str,
    /// What is so, in a sentence.
    pub message: String,
    /// How to mend it; empty where nothing needs mending.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

/// All findings so far.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order in which they were found.
    pub findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, severity: Severity, area: &'static str, message: String, hint: String) {
        self.findings.push(Finding { severity, area, message, hint });
    }

    /// All is well.
    pub fn well(&mut self, area: &'static str, message: impl Into<String>) {
        self.add(Severity::Ok, area, message.into(), String::new());
    }

    /// Worth knowing.
    pub fn note(
        &mut self,
        area: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Note, area, message.into(), hint.into());
    }

    /// Wrong, but riposte works on.
    pub fn warning(
        &mut self,
        area: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Warning, area, message.into(), hint.into());
    }

    /// Wrong.
    pub fn error(
        &mut self,
        area: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Error, area, message.into(), hint.into());
    }

    /// An error whose text may hold a hint of its own.
    pub fn failed(&mut self, area: &'static str, error: &impl std::fmt::Display) {
        let words = error.to_string();
        let (message, hint) = words.split_once("\nhint: ").unwrap_or((&words, ""));
        self.error(area, message, hint);
    }

    /// Whether something is wrong.
    pub fn has_faults(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= Severity::Warning)
    }

    /// Prints all of it.
    pub fn show(&self, json: bool, out: &mut Output) -> anyhow::Result<()> {
        for finding in &self.findings {
            if json {
                out.json(finding)?;
                continue;
            }
            let (word, style) = match finding.severity {
                Severity::Ok => ("ok      ", Style::Green),
                Severity::Note => ("note    ", Style::Dim),
                Severity::Warning => ("warning ", Style::Yellow),
                Severity::Error => ("error   ", Style::Red),
            };
            let word = out.styled(style, word);
            let mut lines = finding.message.lines();
            let first = text::escape(lines.next().unwrap_or(""));
            out.line(format!("{word} {}: {first}", finding.area))?;
            for line in lines {
                out.line(format!("         {}", text::escape(line)))?;
            }
            for (number, line) in finding.hint.lines().enumerate() {
                let mark = if number == 0 { "hint: " } else { "      " };
                out.line(format!("         {mark}{}", text::escape(line)))?;
            }
        }
        Ok(())
    }
}
