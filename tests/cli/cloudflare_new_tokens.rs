//! `riposte cf tokens create|roll|delete|permissions`, against the look-alike.

use super::cloudflare_account::{Stage, TOKEN};
use riposte::simulator::{Fault, FaultKind};
use serde_json::json;
use std::os::unix::fs::MetadataExt as _;

const CREATE: [&str; 14] = [
    "tokens",
    "create",
    "ci",
    "--allow",
    "dns edit",
    "--allow",
    "Zone Read",
    "--allow",
    "Account Settings Read",
    "--zone",
    "example.com",
    "--from",
    "127.0.0.0/8",
    "--expires=90d",
];

#[test]
fn a_token_is_made_for_what_is_named_alone() {
    let stage = Stage::new();
    let file = stage.path("ci.token").display().to_string();
    let create = [&CREATE[..], &["--file", &file]].concat();
    let (code, out, error) = stage.run(&create);
    assert_eq!(code, 2, "without consent nothing is done: {out}{error}");
    for words in [
        "make the user token `ci`",
        "it may `DNS Write`, `Zone Read` in `example.com`",
        "it may `Account Settings Read` in the account `0a0a",
        "it may be used from 127.0.0.0/8 alone",
        "it is good until 20",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    assert_eq!(stage.json(&["tokens"]).len(), 2);
    let dry = stage.well(&[&create[..], &["--dry-run"]].concat());
    assert!(dry.starts_with("POST /user/tokens"), "{dry}");
    let (code, out, error) = stage.run(&[&["--trace"], &create[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{out}{error}");
    let value = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(value.starts_with("cfut_"));
    assert!(!out.contains(&value) && !error.contains(&value), "it is in the file alone");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let rows = stage.json(&["tokens"]);
    let made = rows.iter().find(|row| row["name"] == "ci").unwrap();
    assert_eq!(made["condition"]["request_ip"]["in"], json!(["127.0.0.0/8"]));
    assert!(made["expires_on"].is_string());
    // Another one over it is refused before anything is made.
    let (code, _, error) = stage.run(&[&create[..], &["--yes"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("is there already"), "{error}");
    // It may what was named, and nothing else.
    stage.write("token", &value);
    stage.well(&["dns", "list", "example.com"]);
    assert_eq!(stage.run(&["settings", "example.com"]).0, 2);
}

#[test]
fn what_a_token_can_not_be_is_told_with_its_mend() {
    let stage = Stage::new();
    let create = |more: &[&str]| {
        let (code, _, error) =
            stage.run(&[&["tokens", "create", "x", "--yes", "--show"], more].concat());
        assert_eq!(code, 2, "{more:?}: {error}");
        error
    };
    for (more, words) in [
        (&["--allow", "DSN Write", "--zone", "example.com"][..], "did you mean `DNS Write`?"),
        (&["--allow", "DNS Write"], "`--zone NAME`, or `--all-zones`"),
        (&["--allow", "API Tokens Write"], "neither zones nor accounts"),
        (&["--allow", "DNS Write", "--zone", "nowhere.example"], "no zone"),
        (&["--allow", "DNS Write", "--all-zones", "--from", "here"], "no address"),
        (&["--allow", "DNS Write", "--all-zones", "--expires", "2020-01-01"], "in the future"),
    ] {
        let error = create(more);
        assert!(error.contains(words), "{more:?}: {error}");
    }
    let (code, _, error) = stage.run(&["tokens", "create", "x", "--allow", "DNS Write"]);
    assert_eq!(code, 2);
    assert!(error.contains("--file") && error.contains("--show"), "{error}");
    assert_eq!(stage.json(&["tokens"]).len(), 2, "none was made");
    let listed = stage.well(&["tokens", "permissions"]);
    assert!(listed.contains("DNS Write") && listed.contains("the user"), "{listed}");
    let of_account = stage.json(&["tokens", "permissions", "--kind", "account"]);
    assert!(!of_account.iter().any(|row| row["name"] == "API Tokens Write"));
}

#[test]
fn a_token_whose_value_can_not_be_kept_is_taken_back() {
    let stage = Stage::new();
    let file = stage.path("no/such/folder").display().to_string();
    let (code, _, error) = stage.run(&[&CREATE[..], &["--yes", "--file", &file]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("failed to write"), "{error}");
    assert_eq!(stage.json(&["tokens"]).len(), 2, "it was not even made");
    // What may have been made is told.
    stage.simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/tokens"));
    let (code, _, error) = stage.run(&[&CREATE[..], &["--yes", "--show"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("could not confirm") && error.contains("shows `ci`"), "{error}");
    assert_eq!(stage.json(&["tokens"]).len(), 3);
}

#[test]
fn a_value_is_shown_once_replaced_and_ended() {
    let stage = Stage::new();
    let out = stage.well(&[&CREATE[..], &["--yes", "--show", "--kind", "account"]].concat());
    let first = out.trim().lines().last().unwrap().to_owned();
    assert!(first.starts_with("cfat_"), "{out}");
    let file = stage.path("ci.token").display().to_string();
    let (code, out, _) = stage.run(&["tokens", "roll", "ci", "--file", &file]);
    assert_eq!(code, 2);
    assert!(out.contains("whoever uses the old one is refused at once"), "{out}");
    let roll = ["tokens", "roll", "ci", "--yes", "--file", &file];
    let out = stage.well(&roll);
    let second = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(second != first && !out.contains(&second), "{out}");
    let shown = stage.json(&["tokens", "roll", "ci", "--yes", "--show"]);
    let third = shown[0]["value"].as_str().unwrap();
    assert_ne!(third, second);
    let end = stage.well(&["tokens", "delete", "ci", "--yes"]);
    assert!(end.contains("remove the account token `ci`"), "{end}");
    assert_eq!(stage.json(&["tokens"]).len(), 2);
    let (code, _, error) = stage.run(&["tokens", "delete", "simulated", "--yes"]);
    assert_eq!(code, 2);
    assert!(error.contains("is the token in use here"), "{error}");
    assert_eq!(stage.token(), TOKEN);
    stage.well(&["zones"]);
}
