//! Rules that mean harm: each is stopped within its limits, is told of, and the next one runs.

use super::*;
use std::time::Instant;

/// What a single run may take, also in a debug build on a busy machine. In release it is some
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A body that must end in a fault, soon, asking for nothing.
fn stopped(text: &str) -> Fault {
    let event = http("203.0.113.9", "GET", "/", 200);
    let began = Instant::now();
    let run = body(text, &event);
    assert!(began.elapsed() < PATIENCE, "{text} took {:?}", began.elapsed());
    let fault = run.fault.unwrap_or_else(|| panic!("no fault from {text}"));
    assert_eq!(run.asks, [], "{text}");
    assert_ne!(fault.kind, FaultKind::Defect, "{text}: {fault}");
    // Nobody else notices.
    let after = body("block(hit.ip, \"1h\")", &event);
    assert_eq!((after.asks.len(), after.fault), (1, None));
    fault
}

#[test]
fn bodies_that_never_end_or_grow_are_stopped() {
    for (text, words) in [
        ("loop { }", "operations"),
        ("while true { let x = 1; }", "operations"),
        ("let n = 0; for i in 0..1000000000 { n += i; }", "operations"),
        ("let a = []; loop { a.push(1); }", "larger"),
        ("let a = [0]; loop { a += a; }", "larger"),
        ("let s = \"x\"; loop { s += s; }", "larger"),
        ("let s = \"x\"; loop { s = `${s}${s}`; }", "larger"),
        ("let m = #{}; for i in 0..100000 { m[`k${i}`] = i; }", "operations"),
        ("let a = []; loop { a = [a, a]; }", ""),
        ("let s = \"x\"; s.pad(1000000000, \"y\");", "larger"),
        ("let a = []; a.pad(1000000000, 0);", "larger"),
        ("let a = [1]; let b = 0; loop { for x in a { b += x; } a.push(b); }", ""),
        ("loop { try { block(hit.ip, \"1h\"); } catch { } }", "asks"),
        ("loop { try { throw 1; } catch { } }", "operations"),
        ("for i in 0..1000000 { block(hit.ip, \"1h\"); }", "asks"),
        ("for i in 0..1000 { log(\"x\"); }", "asks"),
        ("let m = #{}; for i in 0..70 { m[`k${i}`] = 1; } emit(\"k\", m);", "bytes"),
        (
            "let s = \"x\"; for i in 0..12 { s += s; } let m = #{}; for i in 0..60 { m[`k${i}`] = s; } emit(\"k\", m);",
            "",
        ),
        (
            "let s = \"aaaaaaaaaaaaaaaa\"; for i in 0..10 { s += s; } loop { s.matches(\"(a|aa|aaa)*b$\"); }",
            "work",
        ),
        ("let i = 0; loop { i += 1; \"x\".matches(`a${i}`); }", "work"),
        ("let s = \"%41\"; for i in 0..11 { s += s; } loop { s.url_decode(); }", "work"),
        ("let f = |f, n| f.call(f, n + 1); f.call(f, 0);", "deep"),
        ("let i = 0; loop { i += 1; state::set(`k${i}`, \"x\", \"1d\"); }", "operations"),
    ] {
        let fault = stopped(text);
        assert!(fault.message.contains(words), "{text}: {fault}");
    }
}

#[test]
fn recursion_is_stopped() {
    let set = set(
        "fn f(n) { f(n + 1) } fn g(e) { h(e) } fn h(e) { g(e) } rule(\"r\").on(\"http\").by(\"ip\").when(|e| g(e)).then(|hit| f(0));",
    );
    let event = http("203.0.113.9", "GET", "/", 200);
    let (found, faults) = candidates(&set, &event);
    assert_eq!(found, Vec::<u32>::new());
    assert!(faults[0].1.contains("deep"), "{}", faults[0].1);
    let fault = set.run_body(0, &hit_of(&event), &TestHost::shared()).fault.unwrap();
    assert_eq!(fault.kind, FaultKind::Limit);
}

#[test]
fn bad_patterns_and_values_are_faults_of_value() {
    for text in [
        "let p = \"(\"; hit.key.matches(p + \"\");",
        "let p = \"(\"; for i in 0..5 { p += \"x\"; } hit.key.matches(p);",
        "let p = \"((a{100}){100}){100}\"; hit.key.matches(p + \"\");",
        "let p = \"a{1000}{1000}\"; hit.key.matches(p + \"\");",
        "let x = \"nonsense\" + \"\"; block(x, \"1h\");",
        "let x = \"1 x\"; block(hit.ip, x + \"\");",
        "let n = 5; block(hit.ip, n);",
        "let o = #{ nonsense: 1 }; block(hit.ip, \"1h\", o);",
        "let n = \"many\"; score(hit.ip, n);",
        "state::set(\"k\", [1], \"1h\");",
        "let t = \"200d\"; state::set(\"k\", 1, t + \"\");",
        "let x = 1; x.y.z;",
        "throw \"over\";",
        "let a = [1]; a[5];",
        "1 / (hit.count - 10)",
        "9223372036854775807 + hit.count",
    ] {
        let fault = stopped(text);
        assert_eq!(fault.kind, FaultKind::Value, "{text}: {fault}");
    }
}

/// A file that must be refused, soon, with that code.
fn refused(text: &str, code: &str) {
    let began = Instant::now();
    let loaded = load(text);
    assert!(began.elapsed() < PATIENCE, "{:.60} took {:?}", text, began.elapsed());
    assert!(loaded.has_errors(), "{text:.60}");
    let codes: Vec<&str> = loaded.findings.iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&code), "{text:.60}: {}", render(&loaded.findings, false));
    assert_eq!(loaded.set.rules().len(), 0);
}

#[test]
fn deep_and_huge_sources_are_refused() {
    let deep = 100_000;
    refused(&format!("let x = {}1{};", "(".repeat(deep), ")".repeat(deep)), "syntax");
    refused(&format!("let x = {}1{};", "[".repeat(deep), "]".repeat(deep)), "syntax");
    refused(&format!("let x = {}1{};", "#{a:".repeat(deep), "}".repeat(deep)), "syntax");
    refused(&format!("{}{}", "{".repeat(deep), "}".repeat(deep)), "syntax");
    refused(&format!("let x = {}true;", "!".repeat(deep)), "syntax");
    refused(&format!("let x = {}1;", "-".repeat(deep)), "syntax");
    refused(&format!("let x = {}1;", "1 + ".repeat(deep)), "syntax");
    refused(&format!("let x = {}1;", "1 ** ".repeat(deep)), "syntax");
    refused(&format!("let x = 1{};", ".a".repeat(deep)), "syntax");
    refused(&format!("let x = 1{};", "[0]".repeat(deep)), "syntax");
    refused(&format!("let x = 1{};", ".f()".repeat(deep)), "syntax");
    refused(&format!("if true {{}} {}", "else if true {} ".repeat(deep / 2)), "syntax");
    refused(&format!("let f = {}1;", "|x| ".repeat(deep)), "syntax");
    refused(&format!("let x = {}1{};", "`${".repeat(deep), "}`".repeat(deep)), "syntax");
    refused(&format!("let x = {}1;", "f(".repeat(deep)), "syntax");
    refused(&"x".repeat(crate::limits::RULE_FILE_BYTES_MAX + 1), "too-long");
    refused(&"rule(\"a\").on(\"http\").when(|e| true);".repeat(5_000), "duplicate-rule");
}

#[test]
fn loading_is_bounded_and_reaches_nothing() {
    refused("loop { }", "load");
    refused("let s = \"x\"; loop { s += s; }", "load");
    refused("let i = 0; loop { i += 1; rule(`r${i}`).on(\"http\"); }", "load");
    refused("fn f(n) { f(n + 1) } f(0);", "load");
    refused("import \"/etc/passwd\" as x;", "syntax");
    refused("eval(\"rule\");", "syntax");
    refused("sleep(100);", "load");
    refused("sleep(100.5);", "load");
    refused("exit();", "load");
    refused("timestamp();", "load");
    refused("print(\"x\");", "load");
    refused("debug(\"x\");", "load");
    refused("parse_json(\"{}\");", "load");
    refused("block(\"203.0.113.9\", \"1h\");", "misplaced");
    refused("open(\"/etc/passwd\");", "load");
    refused("fn notify(a, b) { }", "api-name");
    refused("fn matches(a, b) { true }", "api-name");
    refused("fn rule(a) { }", "api-name");
    refused("fn eval(a) { }", "syntax");
    refused("fn sleep(a) { }", "api-name");
}

#[test]
fn nothing_is_smuggled_from_call_to_call() {
    // A shared variable would keep what a call adds to it.
    let text = r#"
        let box = [];
        let counter = #{ n: 0 };
        rule("r").on("http").by("ip")
            .when(|e| { let copy = box; copy.push(1); copy.len() > 1 })
            .then(|hit| { let c = counter; c.n += 1; log(`${c.n} ${box.len()}`); });
    "#;
    let set = set(text);
    let event = http("203.0.113.9", "GET", "/", 200);
    for _ in 0..3 {
        assert_eq!(candidates(&set, &event), (vec![], vec![]));
        let run = set.run_body(0, &hit_of(&event), &TestHost::shared());
        let words = format!("{:?}", run.asks);
        assert!(words.contains("\"1 0\""), "{words}");
    }
}

#[test]
fn long_fields_are_cut_and_break_nothing() {
    let mut event = (*http("203.0.113.9", "GET", "/", 200)).clone();
    for field in [Field::Path, Field::Query, Field::UserAgent, Field::Referer] {
        event.set(field, Value::text("ä/".repeat(40_000)));
    }
    let event = Arc::new(event);
    assert_eq!(
        holds("(e.path + \"?\" + e.query).len() > 5000 && e.path.ends_with(\"…\")", &event),
        Ok(true)
    );
    assert_eq!(
        holds(
            "`${e.path} ${e.query} ${e.referer}`.url_decode().to_lower().contains(\"ä/\")",
            &event
        ),
        Ok(true)
    );
    let run = body(
        "emit(\"k\", #{ a: hit.event.path, b: hit.event.query, c: hit.event.user_agent, d: hit.event.referer }); webhook(\"w\", #{ a: hit.event.path, b: [hit.event.query] });",
        &event,
    );
    assert_eq!((run.asks.len(), run.fault), (2, None));
    let run = body(
        "notify(\"ops\", `${hit.event.path}${hit.event.query}`); log(hit.event.path); tag(hit.event.path, \"x\")",
        &event,
    );
    assert_eq!((run.asks.len(), run.fault), (3, None));
}

/// A defect of ours in a native function must cost one hit, not the engine: the panic ends in a
/// fault with the rule's file, nothing that was asked for is done, and the next hit runs.
#[test]
fn a_panic_of_a_native_function_costs_one_hit() {
    let event = http("203.0.113.9", "GET", "/", 200);
    for (text, asked) in [
        ("block(hit.ip, \"1h\"); in_feed(hit.ip, \"panics\"); log(\"x\")", 1),
        ("try { in_feed(hit.ip, \"panics\") } catch { } block(hit.ip, \"1h\")", 0),
        ("let f = |x| in_feed(x, \"panics\"); [hit.ip].map(f); block(hit.ip, \"1h\")", 0),
        (
            "state::set(\"a\", 1, \"1h\"); if in_feed(hit.ip, \"panics\") { block(hit.ip, \"1h\") }",
            0,
        ),
    ] {
        let set = set(&format!("rule(\"r\").on(\"http\").by(\"ip\").then(|hit| {{ {text} }});"));
        let host = TestHost::shared();
        let run = set.run_body(0, &hit_of(&event), &host);
        let fault = run.fault.unwrap_or_else(|| panic!("no fault from {text}"));
        assert!(fault.to_string().contains("rules/a.rhai"), "{fault}");
        assert_eq!((fault.kind, run.asks.len()), (FaultKind::Value, asked), "{text}");
        // The same thread, the same set, the same host.
        let again = set.run_body(0, &hit_of(&event), &host);
        assert!(again.fault.is_some());
        let after = body("block(hit.ip, \"1h\")", &event);
        assert_eq!((after.asks.len(), after.fault), (1, None), "{text}");
    }
}
