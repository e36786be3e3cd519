//! What can be wrong with the `[actions]` table; all faults are told at once.

use super::{ActionsConfig, Destination};
use crate::actions::exec::Argv;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One text a fault.
pub(super) fn check(config: &ActionsConfig) -> Vec<String> {
    let mut faults = Vec::new();
    check_nftables(config, &mut faults);
    check_enforcers(config, &mut faults);
    check_webhooks(config, &mut faults);
    check_programs(config, &mut faults);
    super::channels::faults(config, &mut faults);
    faults
}

/// Names are used in `via`, in destinations and in messages.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.len() <= 64
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

pub(super) fn check_name<'c>(
    place: &str,
    name: &'c str,
    seen: &mut BTreeSet<&'c str>,
    faults: &mut Vec<String>,
) {
    if !is_name(name) {
        faults.push(format!(
            "{place}: `{name}` is no name\nhint: letters, digits, `-` and `_`, beginning with a letter"
        ));
    }
    if !seen.insert(name) {
        faults.push(format!("{place}: the name `{name}` is there twice"));
    }
}

fn check_nftables(config: &ActionsConfig, faults: &mut Vec<String>) {
    let Some(nft) = &config.nftables else {
        return;
    };
    if nft.command.is_empty() {
        faults.push("actions.nftables: `command` is empty\nhint: [\"nft\"]".to_owned());
    }
    // nft reads a table's name as an identifier; ours must never need quoting.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !is_name(&nft.table) || !nft.table.bytes().all(plain) {
        faults.push(format!(
            "actions.nftables: `{}` is no table name\nhint: letters, digits and `_`",
            nft.table
        ));
    }
    if nft.priority > -300 {
        faults.push(format!(
            "actions.nftables: `priority` {} comes after connection tracking\nhint: -300 or lower, so that published container ports are covered",
            nft.priority
        ));
    }
    if nft.reconcile_every.as_secs() < 1 {
        faults.push("actions.nftables: `reconcile_every` is under a second".to_owned());
    }
}

fn check_enforcers(config: &ActionsConfig, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::from(["nftables"]);
    check_files(config, &mut seen, faults);
    for (index, account) in config.cloudflare.iter().enumerate() {
        let place = format!("actions.cloudflare[{index}]");
        check_name(&place, &account.name, &mut seen, faults);
        faults.extend(super::cloudflare::faults(&place, account));
        let before = config.cloudflare.iter().take(index);
        if before.into_iter().any(|other| super::cloudflare::undo_each_other(other, account)) {
            faults.push(format!(
                "{place}: `list` and `mark` are those of another entry, and each would remove what the other blocks\nhint: give each entry a `list` or a `mark` of its own, or name different accounts in both"
            ));
        }
    }
}

fn check_files<'c>(
    config: &'c ActionsConfig,
    seen: &mut BTreeSet<&'c str>,
    faults: &mut Vec<String>,
) {
    let mut paths = BTreeSet::new();
    for (index, file) in config.files.iter().enumerate() {
        let place = format!("actions.files[{index}]");
        check_name(&place, &file.name, seen, faults);
        if !file.path.is_absolute() || file.path.file_name().is_none() {
            faults.push(format!("{place}: `path` must be the absolute path of a file"));
        }
        if !paths.insert(&file.path) {
            faults.push(format!(
                "{place}: `{}` is written by another entry too",
                file.path.display()
            ));
        }
        if !file.test.is_empty() && file.reload.is_empty() {
            faults.push(format!("{place}: `test` needs `reload` with it"));
        }
    }
}

fn check_webhooks(config: &ActionsConfig, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, webhook) in config.webhooks.iter().enumerate() {
        let place = format!("actions.webhooks[{index}]");
        check_name(&place, &webhook.name, &mut seen, faults);
        if let Destination::Url(url) = &webhook.url
            && let Err(fault) = check_url(url)
        {
            faults.push(format!("{place}: {fault}"));
        }
        if webhook.attempts == 0 || webhook.per_minute == 0 || webhook.timeout.is_zero() {
            faults
                .push(format!("{place}: `attempts`, `per_minute` and `timeout` must not be zero"));
        }
    }
}

/// Whether an address may be used: HTTPS, or plain HTTP to this very machine; no password in it.
/// The address is not repeated in the fault.
pub(in crate::actions) fn check_url(url: &str) -> Result<(), String> {
    let parsed =
        reqwest::Url::parse(url).map_err(|error| format!("`url` is no address: {error}"))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(
            "`url` holds a user or a password\nhint: use `authorization` with a secret reference"
                .to_owned(),
        );
    }
    let local = parsed.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    });
    match parsed.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        _ => Err("`url` must begin with `https://` (`http://` only to this machine)".to_owned()),
    }
}

fn check_programs(config: &ActionsConfig, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, program) in config.programs.iter().enumerate() {
        let place = format!("actions.programs[{index}]");
        check_name(&place, &program.name, &mut seen, faults);
        if let Err(fault) = Argv::parse(&program.argv) {
            faults.push(format!("{place}: {fault}"));
        }
        if program.attempts == 0 || program.per_minute == 0 || program.timeout.is_zero() {
            faults
                .push(format!("{place}: `attempts`, `per_minute` and `timeout` must not be zero"));
        }
    }
}
