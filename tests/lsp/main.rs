//! `riposte lsp` as an editor sees it: message by message, and with a real editor.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    reason = "test helpers"
)]

mod client;
mod config;
mod modules;
mod neovim;

use client::{Client, position, uri};
use serde_json::{Value, json};

const RULE: &str = "//! Scanners.\n\nrule(\"scanner\")\n    .on(\"http\")\n    .when(|e| e.status == 404)\n    .by(\"ip\")\n    .count(10, \"5m\")\n    .then(|hit| block(hit.ip, \"1h\"));\n";

fn codes(found: &[Value]) -> Vec<&str> {
    found.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn findings_come_with_places_in_utf_16_and_can_be_mended() {
    let mut client = Client::started();
    let text = "rule(\"r\").on(\"http\").when(|e| e.host == \"😀\" && e.staus == 401).by(\"ip\").then(|hit| block(hit.ip, \"1h\"));\n";
    let path = client.write("a b.rhai", text);
    let address = uri(&path).replace(' ', "%20");
    let item = json!({ "uri": address, "languageId": "rhai", "version": 1, "text": text });
    client.tell("textDocument/didOpen", json!({ "textDocument": item }));
    let message = client.wait(|message| message["method"] == "textDocument/publishDiagnostics");
    assert_eq!(message["params"]["uri"], address);
    let found = message["params"]["diagnostics"].as_array().unwrap();
    assert_eq!(codes(found), ["unknown-field"]);
    assert!(
        found[0]["message"].as_str().unwrap().ends_with("hint: did you mean `status`?"),
        "{found:?}"
    );
    let begin = text.find("staus").unwrap();
    let column = text[..begin].encode_utf16().count();
    let range = &found[0]["range"];
    let (from, to) = (range["start"]["character"].as_u64(), range["end"]["character"].as_u64());
    assert!(from.unwrap() <= column as u64 && to.unwrap() == column as u64 + 5, "{range}");
    let actions = client.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": address }, "range": range, "context": { "diagnostics": found } }),
    );
    let edit = &actions[0]["edit"]["changes"][address.as_str()][0];
    assert_eq!(edit["newText"], "status");
    assert_eq!(edit["range"]["start"], json!({ "line": 0, "character": column }));
    assert_eq!(edit["range"]["end"], json!({ "line": 0, "character": column + 5 }));
    // The editor applies it as a range; then nothing is left to say.
    client.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": address, "version": 2 },
            "contentChanges": [{ "range": edit["range"], "text": "status" }],
        }),
    );
    let message = client.wait(|message| message["params"]["version"] == 2);
    assert_eq!(message["params"]["diagnostics"], json!([]));
    assert!(client.end().success());
}

#[test]
fn diagnostics_are_those_of_check() {
    let mut client = Client::started();
    let text = "rule(\"a\").on(\"htp\").by(\"ipp\").count(0, \"5x\").then(|hit| blok(hit.ip));\nrule(\"b\").on(\"http\").then(|hit| block(hit.ip, \"1h\"));\n";
    let path = client.write("r.rhai", text);
    let checked = std::process::Command::new(env!("CARGO_BIN_EXE_riposte"))
        .args(["check", "--json"])
        .arg(&path)
        .output()
        .unwrap();
    let expected: Vec<(u64, String)> = String::from_utf8(checked.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|finding| finding.get("code").is_some())
        .map(|finding| {
            (finding["line"].as_u64().unwrap(), finding["code"].as_str().unwrap().to_owned())
        })
        .collect();
    assert!(expected.len() > 3, "{expected:?}");
    client.open(&path, text);
    let found = client.diagnostics(&path, 1);
    let told: Vec<(u64, String)> = found
        .iter()
        .map(|one| {
            (
                one["range"]["start"]["line"].as_u64().unwrap() + 1,
                one["code"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn other_files_of_the_folder_are_known() {
    let mut client = Client::started();
    client.write("other.rhai", RULE);
    let path = client.write("z.rhai", "");
    client.open(&path, RULE);
    let found = client.diagnostics(&path, 1);
    assert_eq!(codes(&found), ["duplicate-rule"]);
    // The open text counts, not what is on disk.
    let other = client.dir.path().canonicalize().unwrap().join("other.rhai");
    client.open(&other, &RULE.replace("scanner", "other"));
    client.change(&path, 2, RULE);
    assert_eq!(client.diagnostics(&path, 2), Vec::<Value>::new());
    let test = format!("{RULE}test(\"t\", |t| t.expect_hit(\"¦\"));");
    let labels = client.labels(&path, 3, &test);
    assert!(
        labels.contains(&"other".to_owned()) && labels.contains(&"scanner".to_owned()),
        "{labels:?}"
    );
    let hover = client.at("textDocument/hover", &path, 4, &test.replace("\"¦\"", "\"oth¦er\""));
    let said = hover["contents"]["value"].as_str().unwrap();
    assert!(said.contains("Scanners.") && said.contains("cost class: native"), "{said}");
    let place =
        client.at("textDocument/definition", &path, 5, &test.replace("\"¦\"", "\"oth¦er\""));
    assert_eq!(place["uri"], uri(&other));
    assert_eq!(place["range"]["start"]["line"], 2);
    let place =
        client.at("textDocument/definition", &path, 6, &test.replace("\"¦\"", "\"scan¦ner\""));
    assert_eq!(
        (&place["uri"], &place["range"]["start"]),
        (&json!(uri(&path)), &json!({ "line": 2, "character": 6 }))
    );
}

#[test]
fn completion_knows_where_it_is() {
    let mut client = Client::started();
    let path = client.write("r.rhai", "");
    let rule = |rest: &str| {
        format!(
            "// 😀\nfn helper(e) {{ e.path }}\nconst LIMIT = 3;\nrule(\"é\").on(\"ssh.auth\"){rest}"
        )
    };
    let cases: &[(&str, &[&str], &[&str])] = &[
        (".when(|e| e.¦", &["auth_method", "has", "time"], &["user_agent", "block", "count"]),
        (".when(|e| e.au¦ == 1)", &["auth_method"], &["when"]),
        (".when(|e| e.user.¦)", &["contains_any", "starts_with", "matches"], &["within", "user"]),
        (".when(|e| e.ip.¦)", &["within", "is_v6"], &["matches"]),
        (".¦", &["when", "count", "then", "certain"], &["block", "path"]),
        (".then(|hit| hit.¦", &["key", "event", "events"], &["path", "when"]),
        (".then(|hit| hit.event.¦", &["auth_method"], &["path"]),
        (
            ".then(|hit| { ¦ })",
            &["block", "notify", "state", "hit", "helper", "LIMIT"],
            &["rule", "when"],
        ),
        (".then(|hit| state::¦", &["get", "set", "add"], &["block"]),
        (".when(|e| ¦", &["e", "helper", "in_feed"], &["block", "rule"]),
        (".by(\"¦\")", &["ip", "user"], &["path"]),
        (".on(\"¦\")", &["http", "syslog"], &["ip"]),
        (".mode(\"¦", &["shadow", "enforce", "off"], &["ip"]),
        (";\ntest(\"t\", |t| { t.¦ });", &["expect_block", "lines"], &["block", "count"]),
        (";\ntest(\"t\", |t| { t.expect_hit(\"¦\") });", &["é"], &["http"]),
        (";\n¦", &["rule", "test", "every", "param"], &["block", "expect_block"]),
        (".when(|e| true) // e.¦", &[], &["path", "user"]),
    ];
    for (number, (marked, wanted, unwanted)) in (1..).zip(cases) {
        let labels = client.labels(&path, number, &rule(marked));
        for label in *wanted {
            assert!(labels.iter().any(|one| one == label), "{marked}: no `{label}` in {labels:?}");
        }
        for label in *unwanted {
            assert!(!labels.iter().any(|one| one == label), "{marked}: `{label}` in {labels:?}");
        }
    }
}

#[test]
fn what_completion_inserts_is_put_in_the_place_of_the_word() {
    let mut client = Client::started();
    let path = client.write("r.rhai", "");
    let marked = "rule(\"😀é\").on(\"http\").then(|hit| blo¦";
    let answer = client.at("textDocument/completion", &path, 1, marked);
    let items = answer["items"].as_array().unwrap();
    let block = items.iter().find(|item| item["label"] == "block").unwrap();
    let column = position(marked)["character"].as_u64().unwrap();
    assert_eq!(block["textEdit"]["range"]["start"]["character"], column - 3);
    assert_eq!(block["textEdit"]["range"]["end"]["character"], column);
    assert_eq!(block["textEdit"]["newText"], "block(${1:target}, ${2:duration})$0");
    assert_eq!(block["insertTextFormat"], 2);
    assert!(block["documentation"]["value"].as_str().unwrap().contains("escalat"));
}

#[test]
fn hover_and_signatures_come_from_the_book() {
    let mut client = Client::started();
    let path = client.write("r.rhai", "");
    let rule = |rest: &str| {
        format!(
            "/// Whether it is odd.\nfn odd(e, limit) {{ e.path }}\nrule(\"é😀\").on(\"http\"){rest}"
        )
    };
    let cases = [
        (".when(|e| e.pa¦th == \"\")", "ECS `url.path`"),
        (".when(|e| e.¦path == \"\")", "ECS `url.path`"),
        (".wh¦en(|e| true)", "Which events matter"),
        (".then(|hit| bl¦ock(hit.ip, \"1h\"))", "escalation"),
        (".then(|hit| hit.key¦)", "The key it fired for"),
        (".then(|hit| state::ad¦d(`a`, 1, \"1h\"))", "Add to a number"),
        (".by(\"i¦p\")", "the client's address"),
        (".when(|e| od¦d(e, 1))", "Whether it is odd."),
        (".when(|e| e.path.mat¦ches(\"a\"))", "regular expression"),
        (".when(|e| e.time.hou¦r > 3)", "The hour in UTC"),
    ];
    let mut version = 0;
    for (marked, said) in cases {
        version += 1;
        let hover = client.at("textDocument/hover", &path, version, &rule(marked));
        let value = hover["contents"]["value"].as_str().unwrap_or_default().to_lowercase();
        assert!(value.contains(&said.to_lowercase()), "{marked}: {hover}");
    }
    for (marked, label, active) in [
        (".count(10, ¦", ".count(n: int, duration: text) -> rule", 1),
        (".then(|hit| block(hit.ip, \"1h\", ¦", "block(target", 2),
        (".when(|e| e.path.matches(¦", "text.matches(pattern: text) -> bool", 0),
        (".when(|e| odd(e, ¦", "odd(e, limit)", 1),
    ] {
        version += 1;
        let help = client.at("textDocument/signatureHelp", &path, version, &rule(marked));
        let index = usize::try_from(help["activeSignature"].as_u64().unwrap()).unwrap();
        let shown = help["signatures"][index]["label"].as_str().unwrap();
        assert!(shown.starts_with(label), "{marked}: {help}");
        assert_eq!(help["activeParameter"], active, "{marked}");
    }
    let there =
        client.at("textDocument/definition", &path, version + 1, &rule(".when(|e| od¦d(e, 1))"));
    assert_eq!(there["range"]["start"], json!({ "line": 1, "character": 3 }));
}

#[test]
fn the_outline_lists_what_is_declared() {
    let mut client = Client::started();
    let path = client.write("r.rhai", "");
    let text = format!("{RULE}fn f(a) {{ a }}\ntest(\"é\", |t| t.expect_no_hits());\n");
    client.open(&path, &text);
    let symbols =
        client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri(&path) } }));
    let names: Vec<&str> =
        symbols.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["scanner", "f", "é"]);
    assert_eq!(symbols[0]["range"]["start"], json!({ "line": 2, "character": 0 }));
    assert_eq!(symbols[0]["range"]["end"], json!({ "line": 7, "character": 37 }));
}

#[test]
fn broken_messages_and_early_ones_are_answered() {
    let mut client = Client::new();
    let early = client.answer("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32_002);
    client.raw(b"what?\r\n\r\nContent-Length: 10\r\n\r\n{\"broken\":Content-Length: 2\r\n\r\n[]");
    assert_eq!(client.wait(|message| message["error"]["code"] == -32_700)["id"], Value::Null);
    client.wait(|message| message["error"]["code"] == -32_600);
    client.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(client.answer("textDocument/inventing", json!({}))["error"]["code"], -32_601);
    assert_eq!(client.answer("textDocument/hover", json!({ "x": 1 }))["error"]["code"], -32_602);
    let nowhere = json!({ "textDocument": { "uri": "file:///nowhere.rhai" }, "position": { "line": 9, "character": 9 } });
    assert_eq!(client.ask("textDocument/hover", nowhere), Value::Null);
    client.ask("shutdown", Value::Null);
    assert_eq!(client.answer("shutdown", Value::Null)["error"]["code"], -32_600);
    client.tell("exit", Value::Null);
    assert_eq!(client.ended().code(), Some(0));
}

#[test]
fn leaving_without_a_word_is_no_clean_end() {
    assert_eq!(Client::started().hang_up().code(), Some(1));
    let mut client = Client::started();
    client.tell("exit", Value::Null);
    assert_eq!(client.ended().code(), Some(1));
}

/// Whatever is cut off mid-typing, each request is answered.
#[test]
fn no_broken_text_stops_the_answers() {
    let mut client = Client::started();
    let path = client.write("r.rhai", "");
    let whole = "//! 😀\nfn f(e) { `a${e.path}` }\nrule(\"é\").on(\"http\", \"log\").when(|e| e.path.matches(\"x\") && [1, 2].contains(e.status)).by(|e| e.ip).then(|hit| { block(hit.ip, \"1h\", #{ reason: `${hit.event.path}` }); });\ntest(\"t\", |t| t.expect_hit(\"é\"));";
    client.open(&path, "");
    let mut version = 1;
    for cut in (0..whole.len()).filter(|at| whole.is_char_boundary(*at)).step_by(3) {
        version += 1;
        let text = &whole[..cut];
        client.change(&path, version, text);
        let marked = format!("{text}¦");
        let place = json!({ "textDocument": { "uri": uri(&path) }, "position": position(&marked) });
        for method in ["completion", "hover", "signatureHelp", "definition"] {
            client.ask(&format!("textDocument/{method}"), place.clone());
        }
        client.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": uri(&path) } }));
    }
    client.change(&path, 9_999, RULE);
    assert_eq!(client.diagnostics(&path, 9_999), Vec::<Value>::new());
}

#[test]
fn a_huge_file_costs_an_answer_and_no_more() {
    let mut client = Client::started();
    let path = client.write("r.rhai", "");
    let huge = format!("{}\n{RULE}", "// 😀 filler\n".repeat(300_000));
    client.open(&path, &huge);
    let place =
        json!({ "textDocument": { "uri": uri(&path) }, "position": { "line": 3, "character": 1 } });
    assert_eq!(client.ask("textDocument/hover", place), Value::Null);
    let found = client.diagnostics(&path, 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["severity"], 1);
}
