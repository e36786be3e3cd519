//! The config in the editor.

use crate::client::{Client, uri};
use serde_json::{Value, json};

const CONFIG: &str = "[[sources]]\nname = \"web\"\npaths = [\"/var/log/nginx/access.log\"]\n";

#[test]
fn faults_of_the_config_are_told_and_mended() {
    let mut client = Client::started();
    let path = client.write("riposte.toml", "");
    client.open(
        &path,
        &format!("{CONFIG}[guard]\nfirst_day = \"1d\"\nadmin_grace = \"soon\" # 😀\n"),
    );
    let found = client.diagnostics(&path, 1);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0]["range"]["start"], json!({ "line": 4, "character": 0 }));
    assert_eq!(found[0]["range"]["end"], json!({ "line": 4, "character": 9 }));
    assert_eq!(found[1]["range"]["end"], json!({ "line": 5, "character": 20 }));
    let actions = client.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri(&path) }, "range": found[0]["range"], "context": { "diagnostics": [] } }),
    );
    assert_eq!(actions[0]["edit"]["changes"][uri(&path).as_str()][0]["newText"], "first_days");
    client.change(&path, 2, CONFIG);
    assert_eq!(client.diagnostics(&path, 2), Vec::<Value>::new());
}

#[test]
fn keys_values_and_tables_are_completed_by_the_schema() {
    let mut client = Client::started();
    let path = client.write("riposte.toml", "");
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("[guard]\nallow = []\n¦", &["widest_v4", "first_days"], &["allow", "paths"]),
        ("[¦", &["guard", "actions.nftables", "sources", "rules.modes"], &["widest_v4"]),
        ("[[actions.files]]\nformat = ¦", &["\"nginx-geo\"", "\"caddy\""], &["true"]),
        ("[guard]\ncloudflare = ¦", &["true", "false"], &["\"nginx\""]),
        ("[[sources]]\nformat = \"¦\"", &["\"nginx\"", "\"sshd\""], &["true"]),
        ("[rules.modes]\n¦", &["scanner"], &["pack"]),
        ("[rules.modes]\nscanner = ¦", &["\"shadow\"", "\"off\""], &["true"]),
        ("# [¦", &[], &["guard"]),
        ("¦", &["state_dir"], &["widest_v4"]),
    ];
    client.open(&path, "");
    client.diagnostics(&path, 1);
    for (number, (marked, wanted, unwanted)) in (2..).zip(cases) {
        let labels = client.labels(&path, number, marked);
        for label in *wanted {
            assert!(labels.iter().any(|one| one == label), "{marked}: no `{label}` in {labels:?}");
        }
        for label in *unwanted {
            assert!(!labels.iter().any(|one| one == label), "{marked}: `{label}` in {labels:?}");
        }
    }
    let answer =
        client.at("textDocument/completion", &path, 19, "[[sources]]\nformat = \"ng¦\" # é\n");
    let edit = &answer["items"][0]["textEdit"]["range"];
    assert_eq!(edit["start"], json!({ "line": 1, "character": 9 }), "{answer}");
    assert_eq!(edit["end"], json!({ "line": 1, "character": 13 }));
    let hover = client.at("textDocument/hover", &path, 20, "[guard]\nfirst_da¦ys = \"1d\"\n");
    let said = hover["contents"]["value"].as_str().unwrap();
    assert!(said.contains("duration") && said.contains("Default: `\"1d\"`"), "{said}");
    let hover = client.at("textDocument/hover", &path, 21, "[[sour¦ces]]\n");
    assert!(hover["contents"]["value"].as_str().unwrap().contains("records"), "{hover}");
}

/// The config that is open says which channels there are, before it is saved.
#[test]
fn rules_are_checked_with_the_config_beside_them() {
    let mut client = Client::started();
    let rule = "rule(\"r\").on(\"http\").when(|e| e.status == 404).by(\"ip\").then(|hit| notify(\"ops\", \"x\"));\n";
    let config = client.write("riposte.toml", "[rules]\npack = false\npaths = [\"r.rhai\"]\n");
    let path = client.write("r.rhai", rule);
    client.open(&path, rule);
    let found = client.diagnostics(&path, 1);
    assert!(found[0]["message"].as_str().unwrap().contains("`ops`"), "{found:?}");
    let with = "[rules]\npack = false\npaths = [\"r.rhai\"]\n[[actions.channels]]\nname = \"ops\"\nto = \"log\"\n";
    client.open(&config, with);
    client.change(&path, 2, rule);
    assert_eq!(client.diagnostics(&path, 2), Vec::<Value>::new());
}
