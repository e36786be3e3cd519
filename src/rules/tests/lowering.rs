//! Native predicates give the verdicts that Rhai gives: by example, and on generated predicates
//! and events, missing fields, odd types and odd bytes included.

use super::super::keys::{self, KeyPartSpec};
use super::super::lower::lower;
use super::super::rule::QuantitySpec;
use super::*;
use crate::event::Event;
use proptest::prelude::*;

/// Functions that generated predicates call.
pub(super) const FUNCTIONS: &str = "
    fn low(text) { text.to_lower() }
    fn either(e, a, b) {
        if a == () || low(a) == b { return true; }
        let both = low(e.path).contains(b) && e.ip.within(\"203.0.113.0/24\");
        if both { e.ok } else { low(a).starts_with(b) }
    }
";

pub(super) fn rule_with(predicate: &str) -> String {
    format!("rule(\"r\").on(\"http\").when(|e| {predicate}).by(\"ip\").count(2, \"1m\");\n")
}

/// Why a predicate isn't native; empty when it is.
fn why_not(predicate: &str) -> String {
    set(&rule_with(predicate)).rules()[0].lowered.clone().err().unwrap_or_default()
}

#[test]
fn what_rules_are_made_of_is_native() {
    for predicate in [
        r#"e.method == "POST" && e.path.ends_with("/wp-login.php") && e.status in [200, 401, 403]"#,
        "e.status >= 400 && e.status < 500",
        "e.status in 400..500 || e.status in 500..=599",
        r#"!(e.path.contains("/.git/") || e.path.starts_with("/.env"))"#,
        r#"e.user_agent.to_lower().contains("sqlmap")"#,
        r#"e.query.url_decode().url_decode().to_lower().contains_any(["<script", "union select"])"#,
        r#"e.path.matches("^/wp-(login|signup)[.]php$")"#,
        r#"e.ip.within("10.0.0.0/8") || e.ip.within(["192.0.2.0/24", "2001:db8::/32"])"#,
        r#"in_feed(e.ip, "known") && e.has("user_agent") && !e.ip.is_v6()"#,
        "e.path.len() > 200 || e.path.len > 200 || e.bytes * 2 + 1 > 1000 || e.status / 100 == 4",
        r#"e["tenant"] == "a" || e["default"].contains("x") || e.tenant == ()"#,
        r#"e.duration > 1.5 || e.ok || e.user.is_empty() || "x" in e.path"#,
        r#"{ let path = e.path.to_lower(); path.contains("a") && path.len() > 3 }"#,
        r#"if e.status == 1 { true } else if e.ok { false } else { e.path == "/a" }"#,
        r#"{ if e.ip.is_private() { return false; } let id = e.query.query_value("id"); id != () }"#,
        r#"e.query.query_value("page").to_number() > 1000 || e.host.to_upper() == "X""#,
        r#"geo(e.ip).country == "NL" || geo(e.ip).asn in [1, 64500] || e.country != "NL""#,
        r#"ua(e.user_agent).kind in ["tool", "library"] && ua(e.user_agent).version < 100"#,
        r#"ua(e.user_agent).family.starts_with("google") || ua(e.referer).kind != "bot""#,
        r#"geo(e.ip).organisation.contains("x") && e.asn > 5 && geo(e.user).city == ()"#,
        r#"e.user.capture("^([a-z]+)$").to_lower() in ["root", "admin"]"#,
    ] {
        assert_eq!(why_not(predicate), "", "{predicate}");
    }
    let text = r#"
        const SLOW = 2.5;
        let paths = ["/a", "/b"];
        let wanted = param("status", 404);
        rule("r").on("http")
            .when(|e| e.path in paths && e.status == wanted || e.duration > SLOW)
            .by("ip").count(2, "1m");
    "#;
    assert_eq!(set(text).rules()[0].lowered, Ok(()));
}

#[test]
fn what_is_not_native_says_why() {
    let why = "an `if` in it neither gives its value nor returns";
    assert_eq!(why_not("{ if e.ok { e.path } e.status == 1 }"), why);
    assert_eq!(why_not("geo(e.ip) == ()"), "it calls `geo`");
    let with = |function: &str| {
        let text = format!("{function}\n{}", rule_with("odd(e)"));
        set(&text).rules()[0].lowered.clone()
    };
    assert_eq!(with("fn odd(e) { e.line % 2 == 1 }"), Ok(()));
    assert_eq!(
        with("fn more(e) { geo(e.ip) != () } fn odd(e) { more(e) }"),
        Err("in `more`, it calls `geo`".to_owned())
    );
    assert_eq!(
        with("fn odd(e) { e.ok || odd(e) }"),
        Err("in `odd`, its function `odd` calls itself".to_owned())
    );
}

#[test]
fn a_function_of_the_file_is_not_taken_for_ours() {
    let text = r#"
        fn is_empty(text) { text == "x" }
        rule("r").on("http").when(|e| e.path.is_empty()).by("ip").count(2, "1m");
    "#;
    let loaded = load(text);
    if !loaded.has_errors() {
        assert!(loaded.set.rules()[0].lowered.is_err());
    }
}

/// Fields that predicates and events share; few values, so that they meet.
const FIELDS: &[&str] = &[
    "path",
    "status",
    "method",
    "user_agent",
    "ip",
    "query",
    "bytes",
    "duration",
    "tenant",
    "ok",
    "default",
    "peer",
];

const TEXTS: &[&str] = &[
    "/a",
    "/wp-login.php",
    "POST",
    "a",
    "",
    "203.0.113.9",
    "/A",
    "ä",
    "\u{212a}elvin",
    "404",
    "kelvin",
    "x=%2Fa",
    "x=%252FA+b",
    "%2Fa",
    "%ff%C3",
    "::ffff:203.0.113.9",
    "a\u{fffd}",
    "curl/8.5.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1)",
];

const NUMBERS: &[&str] =
    &["0", "1", "200", "404", "-1", "5000", "404.0", "0.5", "()", "true", "'a'"];

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(from)
}

fn quoted() -> impl Strategy<Value = String> {
    pick(TEXTS).prop_map(|text| format!("{text:?}"))
}

fn constant() -> impl Strategy<Value = String> {
    prop_oneof![quoted(), pick(NUMBERS).prop_map(str::to_owned)]
}

fn subject() -> impl Strategy<Value = String> {
    pick(FIELDS).prop_flat_map(|field| {
        let read = format!("e[{field:?}]");
        let plain = if field == "default" { read } else { format!("e.{field}") };
        prop_oneof![
            6 => Just(plain.clone()),
            1 => Just(format!("{plain}.to_lower()")),
            1 => Just(format!("{plain}.url_decode()")),
            1 => Just(format!("{plain}.url_decode().to_lower()")),
            1 => Just(format!("{plain}.url_decode().url_decode().to_lower()")),
            1 => Just(format!("{plain}.to_lower().url_decode()")),
            1 => Just(format!("{plain}.len()")),
            1 => Just(format!("({plain} + 1)")),
            1 => Just(format!("({plain} / 2)")),
            1 => Just(format!("({plain} % 3)")),
            1 => Just(format!("{plain}.len")),
            1 => Just(format!("{plain}.query_value(\"x\")")),
            1 => Just(format!("{plain}.query_value(\"x\").to_number()")),
            1 => Just(format!("{plain}.capture(\"^/?([a-z0-9]+)\").to_upper()")),
            1 => Just(format!("low({plain})")),
            1 => Just(format!("(if e.ok == true {{ {plain} }} else {{ e.path }})")),
            1 => Just(format!("(if {plain}.len() > 3 {{ {plain} }})")),
        ]
    })
}

fn list() -> impl Strategy<Value = String> {
    prop::collection::vec(constant(), 0..4).prop_map(|items| format!("[{}]", items.join(", ")))
}

fn leaf() -> impl Strategy<Value = String> {
    let comparison = || pick(&["==", "!=", "<", "<=", ">", ">="]);
    let texts = prop::collection::vec(quoted(), 0..4);
    let test = || pick(&["starts_with", "ends_with", "contains"]);
    prop_oneof![
        6 => (subject(), comparison(), constant()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (constant(), subject()).prop_map(|(a, b)| format!("{a} == {b}")),
        1 => (subject(), subject()).prop_map(|(a, b)| format!("{a} == {b}")),
        3 => (subject(), list()).prop_map(|(a, b)| format!("{a} in {b}")),
        1 => subject().prop_map(|a| format!("{a} in 200..405")),
        1 => subject().prop_map(|a| format!("!({a} in 1..=404)")),
        4 => (subject(), test(), quoted()).prop_map(|(a, test, b)| format!("{a}.{test}({b})")),
        1 => (subject(), test()).prop_map(|(a, test)| format!("{a}.{test}('a')")),
        2 => (subject(), test(), texts).prop_map(|(a, test, b)| format!("{a}.{test}_any([{}])", b.join(", "))),
        1 => (quoted(), subject()).prop_map(|(a, b)| format!("{a} in {b}")),
        1 => subject().prop_map(|a| format!("{a}.matches(\"^/[a-z]\")")),
        2 => (subject(), constant()).prop_map(|(a, b)| format!("ua({a}).kind == {b} || ua({a}).family != \"curl\" && ua({a}).version > {b}")),
        2 => subject().prop_map(|a| format!("geo({a}).country == \"NL\" || geo({a}).asn > 1")),
        1 => subject().prop_map(|a| format!("in_feed({a}, \"x\") || {a}.matches('a')")),
        2 => subject().prop_map(|a| format!("{a}.within(\"203.0.113.0/24\")")),
        1 => subject().prop_map(|a| format!("{a}.within([\"2001:db8::/32\", \"203.0.113.9\"])")),
        1 => pick(FIELDS).prop_map(|a| format!("e.has({a:?})")),
        1 => subject().prop_map(|a| format!("{a}.is_empty()")),
        1 => subject().prop_map(|a| format!("{a}.is_v6()")),
        2 => (subject(), pick(&["(?i)KELVIN", "%2f|admin", "(?i)wp-.*php", "20+3"]))
            .prop_map(|(a, pattern)| format!("{a}.matches({pattern:?})")),
        1 => subject().prop_map(|a| format!("{a}.is_private()")),
        1 => (subject(), quoted()).prop_map(|(a, b)| format!("either(e, {a}, {b})")),
        1 => subject(),
        // What is named twice is worked out once.
        1 => (subject(), comparison(), constant(), test(), quoted()).prop_map(|(a, op, b, test, c)| {
            format!("e.has(\"ip\") && {a} {op} {b} || {a}.{test}({c})")
        }),
    ]
}

/// With a name for a value, which may go unused.
pub(super) fn named() -> impl Strategy<Value = String> {
    (subject(), predicate(), quoted()).prop_map(|(a, rest, b)| {
        format!("{{ let x = {a}; let y = x; ({rest}) && y.contains({b}) || x == y.to_lower() }}")
    })
}

pub(super) fn predicate() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            1 => inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => pick(TEXTS).prop_map(Value::text),
        3 => prop::sample::select(vec![0_i64, 1, 200, 404, -1, 5000, i64::MAX]).prop_map(Value::Int),
        1 => prop::sample::select(vec![0.5, 404.0, 1.0, f64::NAN]).prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => pick(&["203.0.113.9", "2001:db8::1", "203.0.112.1"]).prop_map(|text| Value::ip(text.parse().unwrap())),
        1 => Just(Value::text("/a".repeat(3_000))),
        1 => Just(Value::Span { start: 0, len: 4 }),
    ]
}

pub(super) fn event() -> impl Strategy<Value = Arc<Event>> {
    prop::collection::vec((pick(FIELDS), value()), 0..14).prop_map(|fields| {
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        event.reset(bytes::Bytes::from_static(b"/a\xff\xfe"));
        event.kind = Kind::Http;
        for (name, value) in fields {
            match Field::from_name(name) {
                Some(field) => event.set(field, value),
                None => event.set_extra(&Arc::from(name), value),
            }
        }
        Arc::new(event)
    })
}

/// Closures of keys and windows: what they give, alone or in a list.
fn closure() -> impl Strategy<Value = String> {
    let pattern = || pick(&["^/[^/]*", "^/([a-z]+)", "[0-9]+", "(x)?a", "(z)|a"]);
    let one = prop_oneof![
        2 => subject(),
        2 => (subject(), pattern()).prop_map(|(a, b)| format!("{a}.capture({b:?})")),
        1 => pick(FIELDS).prop_map(|a| format!("e[{a:?}].to_lower().capture(\"^/(.)\")")),
        2 => pick(FIELDS).prop_map(|a| format!("e[{a:?}].network(24, 64)")),
        1 => (subject(), pattern()).prop_map(|(a, b)| format!("{a}.capture({b:?}).to_lower()")),
        1 => Just("(e.path.capture(\"a\") + 1).len()".to_owned()),
        1 => constant(),
        1 => predicate(),
    ];
    let list = prop::collection::vec(one, 1..4);
    (list, any::<bool>()).prop_map(|(list, alone)| match list.as_slice() {
        [one, ..] if alone => one.clone(),
        list => format!("[{}]", list.join(", ")),
    })
}

/// The rule without the native forms of its closures.
fn in_scripts_only(rule: &Rule) -> Rule {
    let mut rule = rule.clone();
    for part in &mut rule.key_spec.0 {
        if let KeyPartSpec::Closure(closure) = part {
            closure.native = None;
        }
    }
    for test in &mut rule.tests {
        test.native = None;
    }
    if let Some(QuantitySpec::Closure(closure)) = &mut rule.quantity {
        closure.native = None;
    }
    rule
}

#[test]
fn keys_and_windows_of_common_shapes_are_native() {
    for closure in [
        "e.ip.network(32, 64)",
        "e.path.capture(\"^[^0-9]*\")",
        "e.path.to_lower().capture(\"^/[^/]*\")",
        "[e.ip, e.path]",
        "e.user.to_lower()",
    ] {
        let text = format!(
            "rule(\"r\").on(\"http\").by(|e| {closure}).ratio(|e| e.status == 404, 0.5, 2, \"1m\");"
        );
        let set = set(&text);
        let rule = &set.rules()[0];
        assert!(rule.tests[0].native.is_some());
        assert!(
            matches!(&rule.key_spec.0[..], [KeyPartSpec::Closure(key)] if key.native.is_some()),
            "{closure}"
        );
    }
}

proptest! {
    #[test]
    fn both_ways_give_the_same_key_and_sample(
        closures in prop::collection::vec((closure(), closure(), predicate()), 1..8),
        events in prop::collection::vec(event(), 1..24),
    ) {
        let rules = closures.iter().enumerate().map(|(place, (key, quantity, test))| format!(
            "rule(\"a{place}\").on(\"http\").by(|e| {key}).distinct(|e| {quantity}, 3, \"1m\");
             rule(\"b{place}\").on(\"http\").by(|e| {key}).sum(|e| {quantity}, 3, \"1m\");
             rule(\"c{place}\").on(\"http\").by(|e| {key}).consecutive(|e| {test}, 3);\n"
        ));
        let loaded = load(&(FUNCTIONS.to_owned() + rules.collect::<String>().as_str()));
        prop_assert!(!loaded.has_errors(), "{}", render(&loaded.findings, false));
        for rule in loaded.set.rules() {
            let scripts = in_scripts_only(rule);
            for event in &events {
                let native = keys::sample(rule, event, &loaded.set.evaluator);
                let script = keys::sample(&scripts, event, &loaded.set.evaluator);
                prop_assert_eq!(
                    format!("{:?}", native.ok()), format!("{:?}", script.ok()),
                    "{} of {:?}: {:?}", rule.name, event, closures
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn both_ways_give_the_same_verdict(
        predicates in prop::collection::vec(prop_oneof![4 => predicate(), 1 => named()], 1..16),
        events in prop::collection::vec(event(), 1..24),
    ) {
        let rules = predicates.iter().enumerate().map(|(place, predicate)| {
            rule_with(predicate).replace("\"r\"", &format!("\"r{place}\""))
        });
        let loaded = load(&(FUNCTIONS.to_owned() + rules.collect::<String>().as_str()));
        prop_assert!(!loaded.has_errors(), "{}", render(&loaded.findings, false));
        let set = loaded.set;
        // Twice, for what was seen before is remembered.
        for event in events.iter().chain(&events) {
            let mut wanted = Vec::new();
            let mut failed = Vec::new();
            for (place, rule) in (0_u32..).zip(set.rules()) {
                let closure = rule.when.as_ref().unwrap();
                let verdict = set.evaluator.test(closure, event);
                match &verdict {
                    Ok(true) => wanted.push(place),
                    Ok(false) => {}
                    Err(_) => failed.push(place),
                }
                // The index, the shared parts and the memory are tried by `candidates` below.
                if let Some(native) = lower(closure).ok().and_then(|native| native.judge(event)) {
                    let text = &predicates[place as usize];
                    prop_assert_eq!(verdict.as_ref().ok(), Some(&native), "{} of {:?}", text, event);
                }
            }
            let (mut found, mut faults) = (Vec::new(), Vec::new());
            set.candidates(event, &mut found, &mut faults);
            prop_assert_eq!(found, wanted);
            // The index may pass over a rule that would fail where it can't be true anyway.
            prop_assert!(faults.iter().all(|(place, _)| failed.contains(place)));
        }
    }
}

#[test]
fn most_generated_predicates_are_native() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let native = (0..200).filter(|_| {
        let predicate = predicate().new_tree(&mut runner).unwrap().current();
        let loaded = load(&(FUNCTIONS.to_owned() + rule_with(&predicate).as_str()));
        loaded.set.rules()[0].lowered.is_ok()
    });
    let count = native.count();
    assert!(count > 170, "{count} of 200");
}
