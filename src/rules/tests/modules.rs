//! Plugins that are modules: what rules may call where, what is said of wrong calls, and what a
//! hostile module can't do.

use super::*;
use crate::decisions::{Ask, Effect};

fn module(text: &str) -> ModuleFile {
    ModuleFile {
        name: "shop".to_owned(),
        path: "plugins/shop/lib.rhai".to_owned(),
        text: text.to_owned(),
    }
}

const SHOP: &str = r#"
const WORD = "/cart";
fn is_cart(path) { path.contains(global::WORD) }
fn punish(ip) { block(ip, "1h") }
fn punish_all(list) { for ip in list { later(|| punish(ip)); } }
fn later(work) { work.call() }
fn keep(name) { state::set(name, 1) }
private fn inner(x) { x }
fn outer(x) { inner(x) + 1 }
"#;

fn load_both(text: &str, module_text: &str) -> Loaded {
    RuleSet::load(&[file(text)], &[module(module_text)], &Settings::default())
}

/// What was found, without what is only worth knowing.
fn said(loaded: &Loaded) -> Vec<(String, &'static str, usize)> {
    let findings = loaded.findings.iter().filter(|one| one.severity != Severity::Note);
    findings.map(|one| (one.file.to_string(), one.code, one.line)).collect()
}

fn on(when: &str, then: &str) -> String {
    format!("rule(\"r\").on(\"http\").by(\"ip\")\n.when(|e| {when})\n.then(|hit| {then});")
}

/// Rhai would take the file's function for the module's after the first call of it.
#[test]
fn a_helper_of_a_module_can_not_have_the_name_of_a_function_of_the_file() {
    let module = "fn weight(x) { 10 }\nfn of(x) { weight(x) }";
    let text = |name: &str| {
        let then = format!("log(`${{{name}(1)}} ${{shop::of(1)}} ${{{name}(1)}}`)");
        format!("fn {name}(x) {{ 1 }}\n{}", on("true", &then))
    };
    let found = said(&load_both(&text("weight"), module));
    assert_eq!(found, [("rules/a.rhai".to_owned(), "api-name", 1)]);
    // What the module calls nowhere itself, and what calls no module, is free.
    assert_eq!(said(&load_both("fn weight(x) { 1 }", module)), []);
    let loaded = load_both(&text("of"), module);
    assert_eq!(said(&loaded), []);
    let event = http("203.0.113.9", "GET", "/", 200);
    for _ in 0..3 {
        let run = loaded.set.run_body(0, &hit_of(&event), &TestHost::shared());
        let Some(Ask::Effect(Effect::Log { message })) = run.asks.first() else {
            panic!("{run:?}");
        };
        assert_eq!(message, "1 10 1");
    }
}

#[test]
fn functions_see_their_constants_and_each_other() {
    let rule = on(r"shop::is_cart(e.path) && shop::outer(1) == 2", "shop::punish_all([hit.ip])");
    let loaded = load_both(&rule, SHOP);
    assert_eq!(said(&loaded), []);
    let cart = http("203.0.113.9", "GET", "/shop/cart", 200);
    assert_eq!(candidates(&loaded.set, &cart), (vec![0], vec![]));
    let other = http("203.0.113.9", "GET", "/shop", 200);
    assert_eq!(candidates(&loaded.set, &other), (vec![], vec![]));
    let run = loaded.set.run_body(0, &hit_of(&cart), &TestHost::shared());
    assert_eq!((run.asks.len(), run.fault), (1, None));
}

#[test]
fn a_wrong_call_is_found_where_it_is_written() {
    let cases = [
        ("shop::is_crt(e.path)", "unknown-function"),
        ("shop::is_cart()", "wrong-arguments"),
        ("shop::inner(1) == 1", "unknown-function"),
        ("shp::is_cart(e.path)", "unknown-module"),
        ("shop::punish(e.ip)", "impure"),
        ("shop::punish_all([e.ip])", "impure"),
        ("shop::keep(e.path)", "impure"),
    ];
    for (when, code) in cases {
        let loaded = load_both(&on(when, "()"), SHOP);
        assert_eq!(said(&loaded), [("rules/a.rhai".to_owned(), code, 2)], "{when}");
    }
    let loaded = load_both(&on("true", "shop::punsh(hit.ip)"), SHOP);
    assert_eq!(loaded.findings[0].hint.as_deref(), Some("did you mean `shop::punish`?"));
}

#[test]
fn a_bad_module_is_told_in_its_own_file_and_other_rules_go_on() {
    let fine = r#"rule("fine").on("http").by("ip").when(|e| e.status == 1).then(|hit| ());"#;
    let cases = [
        ("fn a( {", "syntax"),
        ("fn a() { blok(1) }", "unknown-function"),
        ("fn block(x, y) { 1 }", "api-name"),
        ("fn a() { sleep(9) }", "not-available"),
        ("import \"x\" as y;", "syntax"),
        ("let a = 1; while true { a += 1; }", "load"),
        ("let a = \"x\"; loop { a += a; }", "load"),
        ("let a = []; loop { a.push(a); }", "load"),
        ("fn f(x) { f(x + 1) } let a = f(1);", "load"),
        ("rule(\"x\").on(\"http\").by(\"ip\").then(|hit| ());", "misplaced"),
        ("fn a() { rule(\"x\") }", "misplaced"),
        ("throw \"no\";", "load"),
    ];
    for (text, code) in cases {
        let loaded = load_both(fine, text);
        let all = said(&loaded);
        assert!(!all.is_empty(), "{text}");
        assert!(all.iter().all(|(file, ..)| file == "plugins/shop/lib.rhai"), "{text}: {all:?}");
        assert!(all.iter().any(|(_, found, _)| *found == code), "{text}: {all:?}");
        assert_eq!(loaded.set.rules().len(), 1, "{text}");
    }
    let huge = format!("{}fn a() {{ 1 }}", "// x\n".repeat(1_000_000));
    assert_eq!(said(&load_both(fine, &huge)).len(), 1);
}

#[test]
fn a_module_that_runs_wild_ends_within_the_limits_of_its_caller() {
    let wild = r#"
fn turn() { loop { } }
fn grow() { let a = "x"; loop { a += a; } }
fn deep(x) { deep(x + 1) }
fn ask(ip) { for i in 0..100000 { block(ip, "1h"); } }
fn wrong() { throw "no"; }
"#;
    let event = http("203.0.113.9", "GET", "/", 200);
    for call in ["shop::turn()", "shop::grow()", "shop::deep(1)"] {
        let loaded = load_both(&on(&format!("{call} == 1"), call), wild);
        assert_eq!(said(&loaded), [], "{call}");
        let (candidates, faults) = candidates(&loaded.set, &event);
        assert_eq!((candidates.len(), faults.len()), (0, 1), "{call}");
        let fault = loaded.set.run_body(0, &hit_of(&event), &TestHost::shared()).fault.unwrap();
        assert_eq!(fault.kind, FaultKind::Limit, "{call}: {fault}");
    }
    // Rhai passes limits on to whoever called; other faults keep their place.
    let loaded = load_both(&on("true", "shop::wrong()"), wild);
    let fault = loaded.set.run_body(0, &hit_of(&event), &TestHost::shared()).fault.unwrap();
    assert_eq!(fault.to_string(), "plugins/shop/lib.rhai:6:14: no");
    let loaded = load_both(&on("true", "shop::ask(hit.ip)"), wild);
    let run = loaded.set.run_body(0, &hit_of(&event), &TestHost::shared());
    assert_eq!(run.fault.unwrap().kind, FaultKind::Limit);
}

#[test]
fn a_changed_module_is_another_rule_set() {
    let rule = on("shop::is_cart(e.path)", "()");
    let one = load_both(&rule, SHOP).set.fingerprint();
    let two = load_both(&rule, &SHOP.replace("/cart", "/basket")).set.fingerprint();
    assert_ne!(one, two);
}
