//! What the doctor finds on made machines.

use super::examine;
use super::report::{Finding, Severity};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn found(config: &Path) -> Vec<Finding> {
    examine(config).findings
}

/// The faults of an area, as one text each.
fn faults(config: &Path, area: &str) -> Vec<String> {
    found(config)
        .into_iter()
        .filter(|finding| finding.area == area && finding.severity >= Severity::Warning)
        .map(|finding| format!("{} / {}", finding.message, finding.hint))
        .collect()
}

fn write_config(dir: &Path, text: &str) -> std::path::PathBuf {
    let path = dir.join("riposte.toml");
    std::fs::write(&path, format!("state_dir = '{}'\n{text}", dir.join("state").display()))
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_config_with_faults_is_told_and_nothing_else_of_it_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "[guard]\nblocks_per_minut = 3\n");
    let faults = faults(&config, "config");
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0].contains("riposte.toml:3:1: `blocks_per_minut` is not a key")
            && faults[0].contains("did you mean `blocks_per_minute`?"),
        "{faults:?}"
    );
    assert!(found(&config).iter().all(|finding| finding.area != "source"));
    assert!(faults_of_missing(dir.path()).contains("riposte init"));
}

fn faults_of_missing(dir: &Path) -> String {
    faults(&dir.join("none.toml"), "config").join("\n")
}

#[test]
fn logs_that_are_missing_wrong_or_fine() {
    let dir = tempfile::tempdir().unwrap();
    let line = "203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 512 \"-\" \"curl/8\"\n";
    std::fs::write(dir.path().join("fine.log"), line.repeat(30)).unwrap();
    std::fs::write(dir.path().join("wrong.log"), line.repeat(30)).unwrap();
    let source = |name: &str, format: &str| {
        format!(
            "[[sources]]\nname = '{name}'\nformat = '{format}'\npaths = ['{}/{name}.log']\n",
            dir.path().display()
        )
    };
    let text =
        [source("fine", "nginx"), source("wrong", "caddy"), source("missing", "auto")].concat();
    let config = write_config(dir.path(), &text);
    let faults = faults(&config, "source");
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("only 0 of its last 30 lines parse / 30 of 30 lines are access log lines as nginx and Apache write them: try `format = \"combined\"`"), "{faults:?}");
    assert!(faults[1].contains("there is no `"), "{faults:?}");
    let fine = found(&config)
        .into_iter()
        .find(|finding| finding.severity == Severity::Ok && finding.area == "source");
    assert!(fine.unwrap().message.contains("30 of its last 30 lines parse"));
}

#[test]
fn an_open_state_folder_and_a_damaged_store() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "");
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(faults(&config, "state")[0].contains("chmod go= "));
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(faults(&config, "state").is_empty());
    drop(crate::store::Store::open(&state).unwrap());
    assert!(faults(&config, "store").is_empty());
    std::fs::write(
        state.join(crate::store::DATABASE),
        "this is no database, and it is long enough to be looked at".repeat(40),
    )
    .unwrap();
    let damaged = faults(&config, "store");
    assert!(damaged[0].contains("is damaged or not riposte's"), "{damaged:?}");
}

#[test]
fn a_missing_nft_and_a_config_without_enforcers() {
    let dir = tempfile::tempdir().unwrap();
    let config = write_config(dir.path(), "");
    assert!(faults(&config, "enforcer")[0].contains("names no enforcer"));
    let config = write_config(dir.path(), "[actions.nftables]\ncommand = ['/nowhere/nft']\n");
    assert_eq!(
        faults(&config, "nftables"),
        ["program `/nowhere/nft` is not there / apt install nftables"]
    );
}

#[test]
fn stamps_of_another_time_zone_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let stamp = crate::clock::now().plus(std::time::Duration::from_hours(2)).to_jiff();
    let line = format!(
        "{} host sshd[1]: Failed password for root from 203.0.113.9 port 22 ssh2\n",
        stamp.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    );
    std::fs::write(dir.path().join("auth.log"), line).unwrap();
    let config = write_config(
        dir.path(),
        &format!(
            "[[sources]]\nname = 'sshd'\nformat = 'sshd'\npaths = ['{}/auth.log']\n",
            dir.path().display()
        ),
    );
    let faults = faults(&config, "source");
    assert!(faults.len() == 1 && faults[0].contains("ahead of the time at which it was written / if the server logs in another time zone"), "{faults:?}");
}

#[test]
fn what_actions_name_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("key");
    std::fs::write(&secret, "x\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = |secret: &Path, program: &str, folder: &str| {
        format!(
            "[[actions.webhooks]]\nname = 'chat'\nurl = 'https://chat.example/x'\nsecret = 'file:{}'\n\
             [[actions.programs]]\nname = 'page'\nargv = ['{program}', '--', '{{message}}']\n\
             [[actions.files]]\nname = 'list'\nformat = 'plain'\npath = '{}/{folder}/list'\n",
            secret.display(),
            dir.path().display()
        )
    };
    std::fs::create_dir(dir.path().join("there")).unwrap();
    let config = write_config(dir.path(), &text(&secret, "/bin/true", "there"));
    let well: Vec<_> =
        found(&config).into_iter().filter(|finding| finding.area == "action").collect();
    assert!(matches!(&well[..], [one] if one.severity == Severity::Ok), "{well:?}");
    let config =
        write_config(dir.path(), &text(&dir.path().join("none"), "/no-such-program", "nowhere"));
    assert!(faults(&config, "secret")[0].starts_with("webhook `chat`, `secret`: "));
    let faults = faults(&config, "action").join("\n");
    for part in ["program `page`: `/no-such-program` is no program", "/nowhere` is not there"] {
        assert!(faults.contains(part), "{part}: {faults}");
    }
}
