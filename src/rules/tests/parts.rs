//! Predicates in parts: what they are, what each came to, and that together they come to the verdict
//! of the engine, on generated predicates and events.

use super::lowering::{FUNCTIONS, event, named, predicate};
use super::*;
use proptest::prelude::*;

fn parts(text: &str) -> Parts {
    set(text).parts(0).unwrap()
}

fn parts_of(predicate: &str) -> Parts {
    parts(&format!("rule(\"r\").on(\"http\").when(|e| {predicate}).by(\"ip\").count(2, \"1m\");"))
}

/// The parts as people see them, one a line.
fn shown(parts: &Parts, event: &Arc<Event>) -> String {
    let mut out = String::new();
    for (part, judged) in parts.parts().iter().zip(parts.judge(event)) {
        let looked: Vec<String> = judged.values.iter().map(Looked::to_text).collect();
        let line = format!(
            "{}{:?} {} [{:?}] {}",
            "  ".repeat(part.depth),
            part.kind,
            part.text,
            judged.truth,
            looked.join(", ")
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn a_predicate_is_taken_apart_and_each_part_is_judged() {
    let event = http("203.0.113.9", "POST", "/Wp-login.php", 404);
    let parts = parts_of(
        r#"e.method == "POST" && (e.path.to_lower().ends_with("/wp-login.php") // any case
            || e.query == "x")
            && !e.user_agent.contains("bot") && e.status in [200, 401] && e.bytes > 5"#,
    );
    insta::assert_snapshot!(shown(&parts, &event), @r#"
    All e.method == "POST" && (e.path.to_lower().ends_with("/wp-login.php") || e.query == "x") && !e.user_agent.contains("bot") && e.status in [200, 401] && e.bytes > 5 [False]
      Test e.method == "POST" [True] e.method = "POST"
      Any e.path.to_lower().ends_with("/wp-login.php") || e.query == "x" [True]
        Test e.path.to_lower().ends_with("/wp-login.php") [True] e.path = "/Wp-login.php", e.path.to_lower() = "/wp-login.php"
        Test e.query == "x" [Skipped]
      Not !e.user_agent.contains("bot") [True]
        Test e.user_agent.contains("bot") [Absent] e.user_agent is missing
      Test e.status in [200, 401] [False] e.status = 404
      Test e.bytes > 5 [Skipped]
    "#);
    let of = |part: &Part| (part.line, part.column, part.parent);
    let places: Vec<_> = parts.parts().iter().map(of).collect();
    assert_eq!(places[1], (1, 31, Some(0)));
    assert_eq!(places[4], (2, 16, Some(2)));
}

#[test]
fn what_names_stand_for_is_shown() {
    let event = http("203.0.113.9", "POST", "/a/b", 404);
    let parts = parts(
        r#"
        const SLOW = 2.5;
        fn odd(n) { n % 2 == 1 }
        let wanted = param("status", 404);
        rule("r").on("http")
            .when(|ev| {
                let path = ev.path.to_lower();
                let parts = path.split("/");
                (path.len() > 100 || parts.len() == 3) && ev.status == wanted && odd(ev.line) || ev["tenant"] == SLOW
            })
            .by(|e| [e.ip.network(24, 64), e.host]).sum(|e| e.bytes, 2, "1m");
        "#,
    );
    insta::assert_snapshot!(shown(&parts, &event), @r#"
    Any (path.len() > 100 || parts.len() == 3) && ev.status == wanted && odd(ev.line) || ev["tenant"] == SLOW [False]
      All (path.len() > 100 || parts.len() == 3) && ev.status == wanted && odd(ev.line) [False]
        Any path.len() > 100 || parts.len() == 3 [True]
          Test path.len() > 100 [False] path = "/a/b", path.len() = 4
          Test parts.len() == 3 [True] parts = ["","a","b"], parts.len() = 3
        Test ev.status == wanted [True] ev.status = 404, wanted = 404
        Test odd(ev.line) [False] ev.line = 0
      Test ev["tenant"] == SLOW [Absent] ev.tenant is missing, SLOW = 2.5
    Value [e.ip.network(24, 64), e.host] [Absent] e.ip = "203.0.113.9", e.host is missing, [e.ip.network(24, 64), e.host] = ["203.0.113.0/24",null]
    Value e.bytes [Absent] e.bytes is missing
    "#);
    let roles: Vec<_> = parts.predicates().iter().map(|predicate| predicate.role).collect();
    assert_eq!(roles, [Role::When, Role::Key(0), Role::Quantity]);
}

#[test]
fn windows_have_parts_too() {
    let event = http("203.0.113.9", "POST", "/a", 404);
    let parts = parts(
        r#"fn is_post(e) { e.method == "POST" && e.status == 1 }
        rule("r").on("http").by("ip").sequence([|e| e.path == "/a" && e.status == 404, is_post, |e| if e.status == 1 { true } else { false }], "5m");"#,
    );
    insta::assert_snapshot!(shown(&parts, &event), @r#"
    All e.path == "/a" && e.status == 404 [True]
      Test e.path == "/a" [True] e.path = "/a"
      Test e.status == 404 [True] e.status = 404
    All e.method == "POST" && e.status == 1 [False]
      Test e.method == "POST" [True] e.method = "POST"
      Test e.status == 1 [False] e.status = 404
    Test if e.status == 1 { true } else { false } [False] e.status = 404
    "#);
}

#[test]
fn texts_with_signs_in_them_do_not_mislead() {
    let event = http("203.0.113.9", "GET", "/a && b", 200);
    for (predicate, count) in [
        (r#"e.path == "/a && b" && e.status == 200"#, 3),
        ("e.path == `/a && ${if true { \"b\" } else { \"`}\" }}` && e.status == 200", 3),
        (r##"e.path == #"/a && b"# /* && x */ && e.status == 200"##, 3),
        (r#"["a", "|"].some(|x| x == "|" && true) && e.status == 0x_c8"#, 3),
        (r#"(e.status == 200 || false) != ('"' == "x")"#, 1),
        (r"true | (e.status == 1 && false)", 1),
        (r"(((e.status == 200)))", 1),
        (r"!!(e.status == 200)", 3),
        (r"e.status - -1 == 201 && !e.path.is_empty() == true", 3),
        (r"e.status in 100..300", 1),
        (r"(if e.status == 200 { true } else { false }) && e.status == 200", 3),
        (r"{ return e.status == 200 && e.path.len() == 7; }", 3),
    ] {
        let parts = parts_of(predicate);
        assert_eq!(parts.parts().len(), count, "{predicate}");
        assert_eq!(parts.judge(&event)[0].truth, Truth::True, "{predicate}");
        assert_eq!(parts.verdict(&parts.predicates()[0], &event), Ok(true), "{predicate}");
    }
}

#[test]
fn closures_that_look_alike_have_their_own_places() {
    let rules =
        set("rule(\"a\").on(\"http\").when(|e| e.status == 404).by(\"ip\").count(2, \"1m\");\n\n\
         rule(\"b\").on(\"http\").when(|e| e.status == 404).by(\"ip\").count(2, \"1m\");");
    assert_eq!(rules.parts(0).unwrap().parts()[0].line, 1);
    assert_eq!(rules.parts(1).unwrap().parts()[0].line, 3);
    assert!(rules.parts(2).is_none());
}

proptest! {
    #[test]
    fn parts_together_come_to_the_verdict(
        predicates in prop::collection::vec(prop_oneof![4 => predicate(), 1 => named()], 1..8),
        events in prop::collection::vec(event(), 1..16),
    ) {
        let rules = predicates.iter().enumerate().map(|(place, predicate)| {
            format!("rule(\"a{place}\").on(\"http\").when(|e| {predicate}).by(\"ip\").count(2, \"1m\");\n\
                     rule(\"b{place}\").on(\"http\").by(\"ip\").consecutive(|e| {predicate}, 2);\n")
        });
        let loaded = load(&(FUNCTIONS.to_owned() + rules.collect::<String>().as_str()));
        prop_assert!(!loaded.has_errors(), "{}", render(&loaded.findings, false));
        let set = loaded.set;
        for rule in 0..u32::try_from(set.rules().len()).unwrap() {
            let parts = set.parts(rule).unwrap();
            let text = &predicates[rule as usize / 2];
            prop_assert!(parts.parts().len() > 1 || !text.contains("&&") && !text.contains("||"), "{}", text);
            let own = &set.rules()[rule as usize];
            let closure = own.when.as_ref().or(own.tests.first()).unwrap();
            for event in &events {
                let judged = parts.judge(event);
                let wanted = set.evaluator.test(closure, event);
                let found = match &judged[0].truth {
                    Truth::Fault(_) => None,
                    truth => truth.holds(),
                };
                prop_assert_eq!(found, wanted.as_ref().ok().copied(), "{} of {:?}: {:?}", text, event, judged);
                let verdict = parts.verdict(&parts.predicates()[0], event);
                prop_assert_eq!(verdict.ok(), wanted.ok());
            }
        }
    }
}
