//! Manifests that are right, and what is said of wrong ones.

use super::*;

const ENRICHER: &str = r#"name = "dnsbl"
version = "1.0.0"
kind = "enricher"
protocol = 1
description = "Looks clients up in a DNS block list."
run = ["./dnsbl.py", "--verbose"]

[limits]
answer_ms = 500

[enricher]
on = ["http"]
fields = { dnsbl_listed = "bool", dnsbl_code = "text" }
"#;

#[test]
fn a_manifest_says_all_that_is_needed() {
    let manifest = read(ENRICHER, "dnsbl").unwrap();
    assert_eq!(manifest.kind, PluginKind::Enricher);
    assert_eq!(manifest.limits.answer_ms, 500);
    assert_eq!(manifest.limits.start_secs, PLUGIN_START_MILLIS / 1_000);
    let enricher = manifest.enricher.unwrap();
    assert_eq!((enricher.key.as_str(), enricher.ttl_secs), ("ip", PLUGIN_TTL_SECS));
    assert_eq!(enricher.fields["dnsbl_listed"], FieldKind::Bool);
}

fn said(text: &str, folder: &str) -> String {
    let faults = read(text, folder).unwrap_err();
    let told: Vec<String> =
        faults.iter().map(|fault| fault.render(std::path::Path::new("plugin.toml"))).collect();
    told.join("\n")
}

#[test]
fn each_fault_has_its_line_and_its_mend() {
    let changed = |from: &str, to: &str| said(&ENRICHER.replace(from, to), "dnsbl");
    let cases = [
        changed("name = \"dnsbl\"", "name = \"DNS\""),
        said(ENRICHER, "other"),
        changed("protocol = 1", "protocol = 2"),
        changed("protocol = 1\n", ""),
        changed("run = [\"./dnsbl.py\", \"--verbose\"]", "run = []"),
        changed("answer_ms = 500", "answer_ms = 0"),
        changed("answer_ms", "answer_msec"),
        changed("\"enricher\"", "\"enrichment\""),
        changed("kind = \"enricher\"", "kind = \"action\""),
        changed("\"bool\"", "\"boolean\""),
        changed("dnsbl_code", "dnsbl-code"),
        changed("description = \"Looks clients up in a DNS block list.\"", "description = \"\""),
    ];
    insta::assert_snapshot!(cases.join("\n\n"), @r#"
    plugin.toml:1:1: `name` can't be `DNS`
      | name = "DNS"
      | ^^^^
    hint: a name begins with a lower-case letter and has up to 32 of a-z, 0-9, `_` and `-`

    plugin.toml:1:1: `name` is `dnsbl`, but the folder is `other`
      | name = "dnsbl"
      | ^^^^
    hint: give both one name

    plugin.toml:4:1: `protocol` is 2, and this riposte speaks 1
      | protocol = 2
      | ^^^^^^^^
    hint: use a version of the plugin that speaks 1

    plugin.toml:3:1: `kind` is `enricher`, so `protocol` is required
      | kind = "enricher"
      | ^^^^
    hint: `protocol = 1`

    plugin.toml:3:1: `kind` is `enricher`, so `run` is required
      | kind = "enricher"
      | ^^^^
    hint: `run = ["./dnsbl.py"]`

    plugin.toml:9:1: `limits.answer_ms` is 0
      | answer_ms = 0
      | ^^^^^^^^^
    hint: 1 to 60000

    plugin.toml:9:1: `answer_msec` is not a key of this table
      | answer_msec = 500
      | ^^^^^^^^^^^
    hint: did you mean `answer_ms`?

    plugin.toml:3:8: `enrichment` can't stand here
      | kind = "enrichment"
      |        ^^^^^^^^^^^^
    hint: did you mean `enricher`?

    plugin.toml:11:1: `enricher` is a table for another kind: this is `kind = "action"`
      | [enricher]
      | ^^^^^^^^^^
    hint: remove the table, or change `kind`

    plugin.toml:13:27: `boolean` can't stand here
      | fields = { dnsbl_listed = "boolean", dnsbl_code = "text" }
      |                           ^^^^^^^^^
    hint: known here: text, int, float, bool, address

    plugin.toml: `dnsbl-code` can't be a field's name
    hint: up to 32 of a-z, 0-9 and `_`, a letter first

    plugin.toml:5:1: `description` has 0 characters
      | description = ""
      | ^^^^^^^^^^^
    hint: 1 to 200
    "#);
}

#[test]
fn a_module_starts_nothing() {
    let module = "name = \"shop\"\nversion = \"1\"\nkind = \"module\"\ndescription = \"x\"\n";
    assert!(read(module, "shop").is_ok());
    let with_run = format!("{module}run = [\"./x\"]\nprotocol = 1\n");
    insta::assert_snapshot!(said(&with_run, "shop"), @r#"
    plugin.toml:5:1: `run` is for programs, and this is a module
      | run = ["./x"]
      | ^^^
    hint: a module is `lib.rhai`, and nothing is started
    plugin.toml:6:1: `protocol` is for programs, and this is a module
      | protocol = 1
      | ^^^^^^^^
    hint: a module is `lib.rhai`, and nothing is started
    "#);
}

#[test]
fn names_are_few_and_plain() {
    for good in ["a", "dnsbl", "word-press_2", &"a".repeat(32)] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "A", "1a", "-a", "a.b", "a/b", "..", "a b", "ä", &"a".repeat(33)] {
        assert!(!is_name(bad), "{bad}");
    }
}
