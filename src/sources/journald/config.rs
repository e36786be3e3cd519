//! Which entries of the journal are read, as the user writes it, and journalctl's words for it.

use super::entry::WANTED;
use crate::event::text::escape;
use crate::limits;
use crate::sources::Start;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is read of the systemd journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournaldConfig {
    /// Units whose entries are read (`ssh.service`). When empty, those of all units.
    pub units: Vec<String>,
    /// Programs, by the names that they give themselves (`sshd`). When empty, all.
    pub identifiers: Vec<String>,
    /// Users whose processes' entries are read, by number. When absent, only root's, unless `units`
    /// says whose: anybody on the machine can write an entry that calls itself `sshd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uids: Option<Vec<u32>>,
    /// Further matches as journalctl knows them (`CONTAINER_NAME=web`); of one field any of the
    /// values must fit, of several fields all.
    pub matches: Vec<String>,
    /// Where reading begins at the first start: `end` or `beginning`.
    pub from: Start,
    /// A folder with journal files, instead of the machine's own journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
}

impl JournaldConfig {
    /// journalctl, how it prints, and what of.
    pub(super) fn command(&self) -> Vec<String> {
        let mut argv: Vec<String> =
            ["journalctl", "--quiet", "--no-pager", "--all", "--output=json"]
                .map(str::to_owned)
                .to_vec();
        argv.push(format!("--output-fields={WANTED}"));
        if let Some(directory) = &self.directory {
            argv.push(format!("--directory={}", directory.display()));
        }
        argv
    }

    /// Which entries; each begins with a field's name, so that none can become an option.
    pub(super) fn matches(&self) -> Vec<String> {
        let of = |field: &str, values: &[String]| -> Vec<String> {
            values.iter().map(|value| format!("{field}={value}")).collect()
        };
        let uids = match &self.uids {
            Some(uids) => uids.clone(),
            None if self.units.is_empty() => vec![0],
            None => Vec::new(),
        };
        let uids: Vec<String> = uids.iter().map(ToString::to_string).collect();
        let mut all = of("_SYSTEMD_UNIT", &self.units);
        all.extend(of("SYSLOG_IDENTIFIER", &self.identifiers));
        all.extend(of("_UID", &uids));
        all.extend(self.matches.iter().cloned());
        all
    }

    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for text in self.matches.iter().filter(|text| !is_match(text)) {
            faults.push(format!(
                "`{}` is no match of the journal\nhint: `FIELD=value`, as in `CONTAINER_NAME=web`",
                escape(text)
            ));
        }
        for unit in self.units.iter().filter(|unit| !unit.contains('.')) {
            let unit = escape(unit);
            faults.push(format!("`{unit}` is no unit\nhint: did you mean `{unit}.service`?"));
        }
        if self.matches().len() > limits::JOURNAL_MATCHES_MAX {
            faults.push(format!(
                "more than {} units, identifiers and matches\nhint: name fewer, or read all of a user",
                limits::JOURNAL_MATCHES_MAX
            ));
        }
        if self.directory.as_ref().is_some_and(|path| path.is_relative()) {
            faults.push("`directory` must be an absolute path".to_owned());
        }
        faults
    }
}

/// Whether it is `FIELD=value`, as journald names fields.
fn is_match(text: &str) -> bool {
    let Some((field, _)) = text.split_once('=') else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !field.is_empty() && field.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_is_believed_unless_units_or_users_are_named() {
        let strings = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let plain = JournaldConfig { identifiers: strings(&["sshd"]), ..JournaldConfig::default() };
        assert_eq!(plain.matches(), ["SYSLOG_IDENTIFIER=sshd", "_UID=0"]);
        let units =
            JournaldConfig { units: strings(&["nginx.service"]), ..JournaldConfig::default() };
        assert_eq!(units.matches(), ["_SYSTEMD_UNIT=nginx.service"]);
        let both = JournaldConfig { uids: Some(vec![0, 33]), ..units };
        assert_eq!(both.matches(), ["_SYSTEMD_UNIT=nginx.service", "_UID=0", "_UID=33"]);
        assert_eq!(JournaldConfig { uids: Some(Vec::new()), ..plain }.matches().len(), 1);
    }

    #[test]
    fn what_could_be_an_option_or_is_no_match_is_told() {
        for text in ["--file=/etc/shadow", "-f", "+", "/usr/bin/x", "lower=x", "=x", "X"] {
            let config =
                JournaldConfig { matches: vec![text.to_owned()], ..JournaldConfig::default() };
            assert_eq!(config.faults().len(), 1, "{text}");
        }
        let config = JournaldConfig { units: vec!["ssh".to_owned()], ..JournaldConfig::default() };
        assert!(config.faults()[0].ends_with("did you mean `ssh.service`?"));
    }
}
