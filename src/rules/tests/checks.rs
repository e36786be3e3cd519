//! What `check` finds, as people read it.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// The codes found in a text, with their lines and columns.
fn codes(text: &str) -> Vec<String> {
    let settings = Settings {
        known: Known {
            channels: Some(BTreeSet::from(["ops".to_owned()])),
            webhooks: Some(BTreeSet::new()),
            programs: Some(BTreeSet::new()),
            enforcers: Some(BTreeSet::from(["nftables".to_owned()])),
            zones: Some(BTreeSet::from(["example.com".to_owned()])),
            feeds: Some(BTreeSet::new()),
            declared: BTreeMap::from([(
                "shop.order".to_owned(),
                BTreeSet::from(["number".to_owned()]),
            )]),
            kinds: BTreeSet::from(["probe".to_owned(), "shop.order".to_owned()]),
            fields: BTreeSet::from(["tenant".to_owned()]),
            given: Some(BTreeSet::new()),
            places: Some(false),
        },
        ..Settings::default()
    };
    let loaded = RuleSet::load(&[file(text)], &[], &settings);
    loaded
        .findings
        .iter()
        .map(|finding| format!("{}@{}:{}", finding.code, finding.line, finding.column))
        .collect()
}

#[test]
fn fields_that_a_plugin_declares_are_known_and_others_are_not() {
    let rule = |field: &str| {
        format!("rule(\"r\").on(\"shop.order\").when(|e| e.{field} == 1).then(|h| log(\"x\"));")
    };
    assert!(codes(&rule("number")).is_empty(), "{:?}", codes(&rule("number")));
    assert!(codes(&rule("nmber"))[0].starts_with("unknown-field"), "{:?}", codes(&rule("nmber")));
}

#[test]
fn a_good_file_has_no_findings() {
    assert_eq!(codes(SAMPLE), Vec::<String>::new());
}

#[test]
fn findings_are_shown_with_place_and_hint() {
    insta::assert_snapshot!(findings(
        r#"rule("a")
    .on("http")
    .when(|e| e.staus == 401 && e.path.startswith("/x"))
    .by("ip").count(3, "5 minutes")
    .then(|hit| blok(hit.ip, "1h"));
"#
    ));
}

#[expect(clippy::too_many_lines, reason = "a table, a row a finding")]
#[test]
fn each_kind_of_finding_has_its_code_and_place() {
    let rule = |predicate: &str| {
        format!("rule(\"r\").on(\"http\").by(\"ip\").when(|e| {predicate}).then(|hit| ());")
    };
    let then =
        |body: &str| format!("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| {{ {body} }});");
    let mut missed = Vec::new();
    for (text, wanted) in [
        (rule("e.staus == 1"), "unknown-field@1:42"),
        (rule("e.zone == \"x\""), "unknown-field@1:42"),
        (rule("e.tenant == \"x\""), ""),
        (rule("e[\"staus\"] == 1"), ""),
        (rule("e.status == \"404\""), "wrong-type@1:52"),
        (rule("e.path == 1"), "wrong-type@1:50"),
        (rule("e.status in [1, \"2\"]"), "wrong-type"),
        (rule("e.ip == \"10.0.0.0/8\""), "wrong-type@1:48"),
        (rule("e.ip in \"10.0.0.0/8\""), "in-text@1:48"),
        (rule("e.path.matches(\"(\")"), "bad-pattern@1:56"),
        (rule("e.ip.within(\"10.0.0.0/99\")"), "bad-prefix@1:52"),
        (rule("block(e.ip, \"1h\")"), "impure@1:40"),
        (rule("state::get(\"x\")"), "impure"),
        (rule("nothing == e.path"), "load@1:40"),
        ("fn f(e) { e.path == nothing } rule(\"r\").on(\"http\").by(\"ip\").when(f).then(|hit| ());".to_owned(), "unknown-variable@1:21"),
        (rule("nothing(e.path)"), "unknown-function@1:40"),
        (rule("e.path.nothing()"), "unknown-function@1:47"),
        (rule("other::f(e)"), "unknown-module"),
        (rule("in_feed(e.ip, \"bad\")"), "not-configured@1:54"),
        (rule("geo(e.ip).country == \"NL\""), "not-configured@1:40"),
        (rule("e.country == \"NL\""), "not-configured@1:42"),
        (rule("timestamp() == e.path"), "not-available"),
        (then("print(\"x\")"), "not-available"),
        (then("sleep(1)"), "not-available"),
        (then("exit()"), "not-available"),
        (then("Fn(\"block\").call(hit.ip, \"1h\")"), "not-available"),
        (then("eval(\"1\")"), "syntax"),
        (then("import \"x\" as y;"), "syntax"),
        (then("cf::under_atack(\"example.com\", \"1h\")"), "unknown-function"),
        (then("cf::security_level(\"example.com\", \"highest\", \"1h\")"), "cloudflare"),
        (then("cf::setting(\"example.com\", \"browser_chek\", \"on\", \"1h\")"), "cloudflare"),
        (then("cf::under_attack(\"example\", \"1h\")"), "cloudflare"),
        (then("cf::under_attack(\"example.org\", \"1h\")"), "not-configured"),
        (then("cf::under_attack(\"example.com\", \"soon\")"), "bad-duration"),
        (then("cf::under_attack(\"example.com\")"), "wrong-arguments"),
        (then("block(hit.ip, \"1 hour\")"), "bad-duration@1:58"),
        (then("block(\"nobody\", \"1h\")"), "bad-target@1:50"),
        (then("block(hit.ip, \"forever\")"), ""),
        (then("block(hit.ip, \"1h\", #{ via: \"nft\" })"), "not-configured"),
        (then("notify(\"oops\", \"x\")"), "not-configured@1:51"),
        (then("webhook(\"x\")"), "not-configured"),
        (then("exec(\"x\")"), "not-configured"),
        (then("log(hit.status)"), "unknown-property@1:52"),
        (then("log(hit.event.staus)"), "unknown-field@1:58"),
        (then("hit.count = 3"), "event-assignment"),
        (then("rule(\"x\")"), "misplaced"),
        ("let n = 0; rule(\"r\").on(\"http\").by(\"ip\").then(|hit| { n += 1; });".to_owned(), "captured-assignment@1:57"),
        ("let n = []; rule(\"r\").on(\"http\").by(\"ip\").then(|hit| { n.push(1); });".to_owned(), "captured-change"),
        ("rule(\"r\").on(\"http\").count(3, \"5m\").then(|hit| log(\"x\"));".to_owned(), "no-key@1:22"),
        ("rule(\"r\").on(\"http\").by(\"path\").then(|hit| block(hit.ip, \"1h\"));".to_owned(), "no-address"),
        ("rule(\"r\").by(\"ip\").then(|hit| ());".to_owned(), "no-kind@1:1"),
        ("rule(\"r\").on(\"htpp\").by(\"ip\").then(|hit| ());".to_owned(), "unknown-kind"),
        ("rule(\"r\").on(\"http\").by(\"ip\");".to_owned(), "no-body@1:1"),
        ("rule(\"r\").on(\"http\").by(\"staus\").then(|hit| ());".to_owned(), "unknown-field"),
        ("rule(\"r\").on(\"http\").by(\"ip\").sum(\"path\", 3, \"1m\").then(|hit| ());".to_owned(), "wrong-type"),
        ("rule(\"r\").on(\"http\").by(\"ip\").count(0, \"1m\").then(|hit| ());".to_owned(), "bad-window"),
        ("rule(\"r\").on(\"http\").by(\"ip\").count(3, \"1 x\").then(|hit| ());".to_owned(), "bad-duration"),
        ("rule(\"r\").on(\"http\").by(\"ip\").count(3, \"1m\").count(3, \"1m\").then(|hit| ());".to_owned(), "second-window"),
        ("rule(\"r\").on(\"http\").by(\"ip\").ratio(|e| e.status == 1, 1.5, 3, \"1m\").then(|hit| ());".to_owned(), "bad-window"),
        ("rule(\"r\").on(\"http\").by(\"ip\").mode(\"on\").then(|hit| ());".to_owned(), "bad-mode"),
        ("rule(\"r r\").on(\"http\").by(\"ip\").then(|hit| ());".to_owned(), "bad-name"),
        ("fn block(x, y) { } rule(\"r\").on(\"http\").by(\"ip\").then(|hit| ());".to_owned(), "api-name@1:16"),
        ("rule(\"r\").on(\"http\").by(\"ip\").when(|e, x| true).then(|hit| ());".to_owned(), "bad-closure"),
        ("every(\"1ms\", || log(\"x\"));".to_owned(), "bad-schedule"),
        ("cron(\"x\", || log(\"x\"));".to_owned(), "bad-schedule"),
        (rule("e.default == 1"), "syntax"),
        ("fn f(e) { e.staus == 1 } rule(\"r\").on(\"http\").by(\"ip\").when(|e| f(e)).then(|hit| ());".to_owned(), "unknown-field@1:13"),
        ("fn f(x) { block(x, \"1h\"); true } rule(\"r\").on(\"http\").by(\"ip\").when(|e| f(e.ip)).then(|hit| ());".to_owned(), "impure@1:11"),
        (rule("e.path.split(\"/\").len() > 20"), "not-native@1:31"),
        ("rule(\"r\").on(\"http\").by(\"ip\").consecutive(|e| e.path.split(\"/\").len() > 20, 3).then(|hit| ());".to_owned(), "not-native"),
        ("test(\"t\", |t| { t.expect_blok(\"203.0.113.9\"); });".to_owned(), "unknown-function"),
        ("let x = 1; x.foo(); rule(\"r\");".to_owned(), "load@1:14"),
    ] {
        let found = codes(&text);
        let held = if wanted.is_empty() {
            found.is_empty()
        } else {
            found.iter().any(|code| code == wanted || code.split('@').next() == Some(wanted))
        };
        if !held {
            missed.push(format!("{text}\nwanted {wanted:?}, found {found:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn all_findings_of_a_file_are_told_at_once() {
    let found = codes(
        "rule(\"a\").on(\"http\").by(\"ip\").count(3, \"x\").then(|hit| blok(hit.ip));\nrule(\"b\").on(\"http\").by(\"ip\").mode(\"y\").when(|e| e.statu == 1).then(|hit| ());",
    );
    let codes: Vec<&str> = found.iter().map(|code| code.split('@').next().unwrap()).collect();
    assert_eq!(codes, ["bad-duration", "unknown-function", "bad-mode", "unknown-field"]);
}

#[test]
fn habits_of_other_languages_are_answered_with_how_it_is_written_here() {
    for (predicate, hint) in [
        ("not e.status == 404", "write `!` for not"),
        ("e.path == \"/x\" && not e.has(\"user\")", "write `!` for not"),
        ("e.status = 404", "to compare, write `==`"),
        ("e.path == '/login'", "texts stand in double quotes: `\"/login\"`"),
    ] {
        let said = findings(&format!(
            "rule(\"r\").on(\"http\").when(|e| {predicate}).by(\"ip\").then(|hit| block(hit.ip, \"1h\"));"
        ));
        assert!(said.contains(hint), "{said}");
    }
    let said = findings("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| block(hit.ip));");
    assert!(said.contains("needs a duration such as `\"1h\"`"), "{said}");
}

/// The findings of `check` on one file.
fn checked(text: &str) -> Vec<Finding> {
    let settings = Settings { analyse: true, ..Settings::default() };
    RuleSet::load(&[file(text)], &[], &settings).findings
}

#[test]
fn a_slip_in_a_builders_name_hides_nothing_behind_it() {
    let text = "rule(\"r\").on(\"htpp\").cout(5, \"5minutes\").thne(|hit| blok(hit.ip, \"1hour\"));\nlet x = 1; nonsense(x); rule(\"s\").on(\"htpp\").when(|e| e.pth == \"/\");\n";
    let found = checked(text);
    let told: Vec<String> = found
        .iter()
        .map(|one| format!("{}@{}:{} {}", one.code, one.line, one.column, one.message))
        .collect();
    for wanted in [
        "load@1:22 there is no function `cout`",
        "load@1:42 there is no function `thne`",
        "bad-duration@1:30 `5minutes` is not a duration",
        "unknown-function@1:53 there is no function `blok`",
        "bad-duration@1:66 `1hour` is not a duration",
        "unknown-field@2:57 `http` events have no field `pth`",
        "unknown-kind@1:14 nothing makes events of the kind `htpp`",
        "load@2:12 there is no function `nonsense`",
    ] {
        assert!(told.iter().any(|one| one.starts_with(wanted)), "no `{wanted}` in {told:#?}");
    }
    assert!(!told.iter().any(|one| one.starts_with("no-body")), "{told:#?}");
    // What is said is said of the file as it is.
    assert!(found.iter().all(|one| one.source_line.contains(".cout(") || one.line == 2));
}

#[test]
fn what_is_wrong_in_a_call_is_underlined_there() {
    for (text, wanted) in [
        ("rule(\"r\").on(\"http\").by([\"user\", \"ipp\"]).count(2, \"1m\");", "\"ipp\""),
        ("rule(\"r\").on(\"htpp\").by(\"ip\").count(2, \"1m\");", "\"htpp\""),
    ] {
        let found = checked(text);
        let shown = found.iter().map(|one| text.get(one.column - 1..one.end_column - 1));
        assert!(shown.into_iter().any(|shown| shown == Some(wanted)), "{found:#?}");
    }
}

#[test]
fn a_module_with_errors_is_not_called_unknown() {
    let module = ModuleFile {
        name: "shop".into(),
        path: "plugins/shop/lib.rhai".into(),
        text: "fn f( {".into(),
    };
    let rule = "rule(\"r\").on(\"http\").by(\"ip\").count(2, \"1m\").then(|hit| block(hit.ip, shop::f()));";
    let found = RuleSet::load(&[file(rule)], &[module], &Settings::default()).findings;
    let said = render(&found, false);
    assert!(said.contains("the module `shop` has errors"), "{said}");
    assert!(said.contains("mend `plugins/shop/lib.rhai` first"), "{said}");
}
