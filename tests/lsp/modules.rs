//! Functions of plugins that are modules, behind `NAME::`.

use super::client::{Client, uri};
use serde_json::json;
use std::fs;

/// An editor in a folder with a config that uses the module `shop`.
fn client() -> Client {
    let client = Client::started();
    let folder = client.dir.path().join("plugins/shop");
    fs::create_dir_all(&folder).unwrap();
    let manifest = "name = \"shop\"\nversion = \"1\"\nkind = \"module\"\ndescription = \"x\"\n";
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let module = "//! Of the shop.\n\n// Whether it looks for holes.\nfn is_probe(path) { path.contains(\".env\") }\nprivate fn own(x) { x }\nfn how_long(count, least) { if count > least { \"1d\" } else { \"1h\" } }\n";
    fs::write(folder.join("lib.rhai"), module).unwrap();
    let config = client.dir.path().join("riposte.toml");
    fs::write(&config, "[plugins.shop]\n").unwrap();
    client
}

fn rule(rest: &str) -> String {
    format!("rule(\"é😀\").on(\"http\").by(\"ip\"){rest}")
}

#[test]
fn a_modules_functions_are_completed_explained_and_found() {
    let mut client = client();
    let path = client.write("r.rhai", "");
    client.open(&path, &rule(".count(2, \"1m\");"));
    // What lies around is known when the first findings are.
    client.diagnostics(&path, 1);
    for (number, (marked, wanted, unwanted)) in (2..).zip([
        (".when(|e| shop::¦)", vec!["is_probe", "how_long"], vec!["own", "block", "get"]),
        (".then(|hit| block(hit.ip, shop::how¦))", vec!["how_long"], vec!["own"]),
        (".when(|e| sh¦)", vec!["shop"], vec!["state"]),
        (".then(|hit| { sh¦ })", vec!["shop", "state"], vec![]),
        (".then(|hit| nobody::¦)", vec![], vec!["is_probe", "get", "under_attack"]),
        (".then(|hit| cf::¦)", vec!["under_attack"], vec!["is_probe", "get", "block"]),
    ]) {
        let labels = client.labels(&path, number, &rule(marked));
        for label in wanted {
            assert!(labels.iter().any(|one| one == label), "{marked}: no `{label}` in {labels:?}");
        }
        for label in unwanted {
            assert!(!labels.iter().any(|one| one == label), "{marked}: `{label}` in {labels:?}");
        }
    }
    let hover =
        client.at("textDocument/hover", &path, 10, &rule(".when(|e| shop::is_pro¦be(e.path))"));
    let said = hover["contents"]["value"].as_str().unwrap_or_default();
    assert!(said.contains("shop::is_probe(path)") && said.contains("looks for holes"), "{hover}");
    let marked = rule(".then(|hit| block(hit.ip, shop::how_long(1, ¦");
    let help = client.at("textDocument/signatureHelp", &path, 11, &marked);
    assert_eq!(help["signatures"][0]["label"], "shop::how_long(count, least)", "{help}");
    assert_eq!(help["activeParameter"], 1);
    let marked = rule(".then(|hit| block(hit.ip, shop::how_l¦ong(1, 2)))");
    let place = client.at("textDocument/definition", &path, 12, &marked);
    let module = client.dir.path().canonicalize().unwrap().join("plugins/shop/lib.rhai");
    assert_eq!(place["uri"], json!(uri(&module)), "{place}");
    assert_eq!(place["range"]["start"]["line"], 5);
}
