//! Vaults and the keeper, against servers on real sockets: look-alikes that fail in every way, and
//! real ones where the machine has them.

mod authority;
mod aws;
mod azure;
mod container;
mod keeping;
mod real_vault;
mod server;
mod vault;

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A folder with files that only we can read.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> SecretRef {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn reference(text: &str) -> SecretRef {
    SecretRef::parse(text).unwrap()
}

fn config(text: &str) -> VaultsConfig {
    let config: VaultsConfig = toml::from_str(text).unwrap();
    assert_eq!(config.faults(), [""; 0]);
    config
}

/// Waits until it is so, for at most half a minute.
#[track_caller]
fn until(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_vaults_words_are_short_on_one_line_and_hold_nothing_that_was_sent() {
    let sent = Secret::new("s3cret".to_owned());
    assert_eq!(words("no\u{1b}[31m s3cret\n", &[&sent]), "no [31m [secret]");
    let long = words(&"ä".repeat(1_000), &[&sent]);
    assert!(long.len() <= VAULT_WORDS_BYTES_MAX + 3 && long.ends_with('…'), "{long}");
}

#[test]
fn faults_of_the_config_are_told_with_their_hints() {
    for (text, words) in [
        ("reread = \"1s\"", "`vaults.reread` is under 5 s"),
        (
            "[vault]\naddress = \"http://vault.example.com\"\ntoken = \"env:T\"",
            "no address of a vault",
        ),
        ("[vault]\naddress = \"https://v\"", "either a `token` or an `approle`"),
        ("[vault]\naddress = \"https://v\"\ntoken = \"vault:a/b#c\"", "is itself in a vault"),
        ("[aws]\nregion = \"eu.evil\"", "is no region"),
        ("[aws]\nregion = \"eu-1\"\naccess_key_id = \"env:A\"", "need each other"),
        ("[aws]\nregion = \"eu-1\"\nmetadata = \"http://10.0.0.1\"", "no address of a metadata"),
        ("[aws]\nregion = \"eu-1\"\nendpoint = \"https://a/b\"", "has a path"),
        ("[azure]\nclient_secret = \"env:A\"", "is required with `tenant`"),
        ("[azure]\ndomain = \"a/b\"", "is no domain"),
    ] {
        let config: VaultsConfig = toml::from_str(text).unwrap();
        let faults = config.faults();
        assert!(faults.iter().any(|fault| fault.contains(words)), "{text}: {faults:?}");
    }
}
