//! The ordinary way: a file loads, events match, bodies ask.

use super::*;
use crate::decisions::{Ask, DurationAsk, Effect, Mode, Remedy, Target};
use crate::event::key::Key;
use crate::windows::WindowSpec;
use serde_json::json;

#[test]
fn the_sample_loads_and_says_what_it_does() {
    let set = set(SAMPLE);
    let rule = &set.rules()[0];
    assert_eq!(&*rule.name, "wp-login-guessing");
    assert_eq!(rule.line, 3);
    assert_eq!(&*rule.summary, "Clients that guess WordPress passwords.");
    assert_eq!(rule.kinds, [Kind::Http]);
    assert_eq!(rule.mode, Mode::Enforce);
    assert_eq!(rule.window, WindowSpec::Count { n: 10, within: Duration::from_mins(5) });
    assert_eq!(rule.key, "ip");
    assert_eq!(set.rules()[1].window, WindowSpec::Consecutive { n: 3 });
    assert_eq!(set.tests().len(), 1);
}

#[test]
fn events_match_give_a_sample_and_the_body_asks() {
    let set = set(SAMPLE);
    let event = http("203.0.113.9", "POST", "/blog/wp-login.php", 403);
    assert_eq!(candidates(&set, &event), (vec![0], vec![]));
    for other in [
        http("203.0.113.9", "GET", "/wp-login.php", 200),
        http("203.0.113.9", "POST", "/wp-login.php", 404),
        http("203.0.113.9", "POST", "/", 200),
    ] {
        assert_eq!(candidates(&set, &other), (vec![], vec![]));
    }
    let (key, sample) = set.sample(0, &event).unwrap().unwrap();
    assert_eq!(key, Key::net("203.0.113.9/32".parse().unwrap()));
    assert_eq!((sample.weight, sample.flags), (1, 0));
    let run = set.run_body(0, &hit_of(&event), &TestHost::shared());
    assert_eq!(run.fault, None);
    assert_eq!(
        run.asks,
        [
            Ask::Decide {
                target: Target::client("203.0.113.9".parse().unwrap()),
                remedy: Remedy::Block,
                duration: DurationAsk::Escalate {
                    base: Duration::from_hours(1),
                    max: Duration::from_hours(30 * 24)
                },
                reason: None,
                via: None,
            },
            Ask::Effect(Effect::Notify {
                channel: "ops".to_owned(),
                message: "203.0.113.9 tried 10 passwords on ".to_owned(),
            }),
        ]
    );
}

#[test]
fn a_missing_field_makes_a_predicate_false_without_a_fault() {
    let event = http("203.0.113.9", "POST", "/", 200);
    for predicate in [
        r#"e.user_agent.starts_with("curl")"#,
        r#"e.user_agent.to_lower().contains("curl")"#,
        r#""x" in e.query"#,
        r#"e.query in ["a", "b"]"#,
        r#"e.query.url_decode().matches("a+")"#,
        r"e.duration > 2.5",
        r"e.duration + 1.0 > 2.5",
        r"!e.user",
        r#"e.peer.within("10.0.0.0/8")"#,
        r"e.user.len() > 3",
        r#"e.query.query_value("id").to_number() > 3"#,
        r#"e["default"] == 3"#,
        r"e.user",
        r"-e.user > 3",
        r"e.nothing.of.the.sort == 3",
        r#"e.has("user")"#,
    ] {
        assert_eq!(holds(predicate, &event), Ok(false), "{predicate}");
    }
    assert_eq!(holds("e.user == ()", &event), Ok(true));
    assert_eq!(holds("e.user != 200", &event), Ok(true));
}

#[test]
fn addresses_compare_and_lie_within() {
    let event = http("2001:db8:1:2:3::4", "GET", "/", 200);
    for predicate in [
        r#"e.ip == "2001:db8:1:2:3::4""#,
        r#""2001:DB8:1:2:3:0:0:4" == e.ip"#,
        r#"e.ip != "203.0.113.9""#,
        r#"e.ip.within("2001:db8::/32")"#,
        r#"e.ip.within(["10.0.0.0/8", "2001:db8::/32"])"#,
        r#"e.ip in ["10.0.0.1", "2001:db8:1:2:3::4"]"#,
        "e.ip.is_v6()",
        "!e.ip.is_private()",
        r#"e.ip.network(24, 48) == "2001:db8:1::/48""#,
        r#"`${e.ip}` == "2001:db8:1:2:3::4""#,
        r#""a" + e.ip == "a2001:db8:1:2:3::4""#,
        "e.time.hour == 0 && e.time.minute == 16 && e.kind == \"http\"",
    ] {
        assert_eq!(holds(predicate, &event), Ok(true), "{predicate}");
    }
}

#[test]
fn keys_of_every_form() {
    let key = |by: &str, event: &Arc<Event>| {
        let set = set(&format!("rule(\"r\").on(\"http\").by({by}).then(|hit| ());"));
        set.sample(0, event).unwrap().map(|(key, _)| key.to_string())
    };
    let v4 = http("203.0.113.9", "POST", "/a", 200);
    let v6 = http("2001:db8:1:2:3::4", "POST", "/a", 200);
    assert_eq!(key("\"ip\"", &v4).unwrap(), "203.0.113.9");
    assert_eq!(key("\"ip\"", &v6).unwrap(), "2001:db8:1:2::/64");
    assert_eq!(key("prefix(\"ip\", 24, 48)", &v4).unwrap(), "203.0.113.0/24");
    assert_eq!(key("prefix(\"ip\", 24, 48)", &v6).unwrap(), "2001:db8:1::/48");
    assert_eq!(key("[\"ip\", \"path\"]", &v4).unwrap(), "203.0.113.9|/a");
    assert_eq!(key("[prefix(\"ip\", 24, 48), \"status\"]", &v4).unwrap(), "203.0.113.0/24|200");
    assert_eq!(key("|e| e.path + \"!\"", &v4).unwrap(), "/a!");
    assert_eq!(key("|e| [e.ip, e.method]", &v6).unwrap(), "2001:db8:1:2::/64|POST");
    assert_eq!(key("\"user\"", &v4), None);
    assert_eq!(key("[\"ip\", \"user\"]", &v4), None);
    assert_eq!(key("|e| e.user", &v4), None);
    assert_eq!(key("|e| e.user.to_lower()", &v4), None);
}

#[test]
fn windows_get_what_they_look_at() {
    let sample = |window: &str, event: &Arc<Event>| {
        let set = set(&format!("rule(\"r\").on(\"http\").by(\"ip\").{window}.then(|hit| ());"));
        set.sample(0, event).unwrap().map(|(_, sample)| sample)
    };
    let one = http("203.0.113.9", "POST", "/a", 200);
    let two = http("203.0.113.9", "POST", "/b", 500);
    let distinct = "distinct(\"path\", 3, \"1m\")";
    assert_eq!(sample(distinct, &one), sample(distinct, &one));
    assert_ne!(sample(distinct, &one).unwrap().distinct, sample(distinct, &two).unwrap().distinct);
    assert_eq!(sample("distinct(\"user\", 3, \"1m\")", &one), None);
    assert!((sample("sum(\"status\", 1000, \"1m\")", &two).unwrap().amount - 500.0).abs() < 1e-9);
    assert!(
        (sample("sum(|e| e.status * 2, 1000, \"1m\")", &two).unwrap().amount - 1000.0).abs() < 1e-9
    );
    assert_eq!(sample("consecutive(|e| e.status >= 500, 3)", &one).unwrap().flags, 0);
    assert_eq!(sample("consecutive(|e| e.status >= 500, 3)", &two).unwrap().flags, 1);
    assert_eq!(
        sample("sequence([|e| e.status == 200, |e| e.path == \"/b\"], \"1m\")", &two)
            .unwrap()
            .flags,
        2
    );
    assert_eq!(sample("ratio(|e| e.status >= 500, 0.5, 10, \"1m\")", &two).unwrap().flags, 1);
    assert_eq!(sample("leaky(5, \"1s\")", &two).unwrap().weight, 1);
    assert_eq!(sample("absent(\"1h\")", &two).unwrap().weight, 1);
}

#[test]
fn constants_functions_and_captures_are_seen_and_frozen() {
    let text = r#"
        const BAD = ["/a", "/b"];
        const LIMIT = 100 + 50;
        fn is_bad(path) { path in BAD && LIMIT == 150 }
        fn named(e) { e.path == "/named" }
        let captured = "/c";
        rule("one").on("http").by("ip").when(|e| is_bad(e.path) || e.path == captured).then(|hit| log(`${LIMIT} ${BAD.len()}`));
        captured = "/d";
        rule("two").on("http").by("ip").when(named).then(|hit| ());
        for word in ["x", "y"] {
            rule(`loop-${word}`).on("http").by("ip").when(|e| e.path == "/" + word).then(|hit| ());
        }
    "#;
    let set = set(text);
    let names = |path: &str| {
        let (found, faults) = candidates(&set, &http("203.0.113.9", "GET", path, 200));
        assert_eq!(faults, []);
        found
    };
    assert_eq!(names("/a"), [0]);
    assert_eq!(names("/c"), [0]);
    assert_eq!(names("/d"), Vec::<u32>::new());
    assert_eq!(names("/named"), [1]);
    assert_eq!(names("/x"), [2]);
    assert_eq!(names("/y"), [3]);
    let run = set.run_body(0, &hit_of(&http("203.0.113.9", "GET", "/", 200)), &TestHost::shared());
    assert_eq!(run.fault, None);
    assert_eq!(run.asks, [Ask::Effect(Effect::Log { message: "150 2".to_owned() })]);
}

#[test]
fn settings_give_parameters_and_modes() {
    let text = r#"
        let limit = param("threshold", 10);
        rule("tuned").on("http").by("ip").count(limit, param("within", "5m")).mode("shadow").then(|hit| ());
    "#;
    let mut settings = params("a", &[("threshold", json!(3)), ("within", json!("1m"))]);
    settings.modes.insert("tuned".to_owned(), Mode::Off);
    let loaded = RuleSet::load(&[file(text)], &[], &settings);
    assert_eq!(loaded.findings, []);
    let rule = &loaded.set.rules()[0];
    assert_eq!(rule.window, WindowSpec::Count { n: 3, within: Duration::from_mins(1) });
    assert_eq!(rule.mode, Mode::Off);
    assert_eq!(rule.params[0].default, json!(10));
    assert_eq!(rule.params[0].value, json!(3));
    assert_eq!(candidates(&loaded.set, &http("203.0.113.9", "GET", "/", 200)), (vec![], vec![]));
    let by_rule = RuleSet::load(&[file(text)], &[], &params("tuned", &[("threshold", json!(4))]));
    assert_eq!(
        by_rule.set.rules()[0].window,
        WindowSpec::Count { n: 4, within: Duration::from_mins(5) }
    );
    assert_eq!(by_rule.set.rules()[0].mode, Mode::Shadow);
    let wrong = RuleSet::load(&[file(text)], &[], &params("a", &[("threshold", json!("x"))]));
    assert_eq!((wrong.has_errors(), wrong.findings[0].code), (false, "param-type"));
    assert_eq!(wrong.set.rules()[0].params[0].value, json!(10));
    let unknown = RuleSet::load(&[file(text)], &[], &params("a", &[("treshold", json!(1))]));
    assert_eq!(unknown.findings[0].hint.as_deref(), Some("did you mean `threshold`?"));
}

#[test]
fn plugins_are_modules_and_one_bad_file_takes_nobody_down() {
    let module = ModuleFile {
        name: "shop".to_owned(),
        path: "plugins/shop/lib.rhai".to_owned(),
        text: "const WORD = \"cart\"; fn is_cart(path) { path.contains(\"/cart\") } fn punish(ip) { block(ip, \"1h\") }".to_owned(),
    };
    let good = r#"rule("cart").on("http").by("ip").when(|e| shop::is_cart(e.path)).then(|hit| shop::punish(hit.ip));"#;
    let files = [
        RuleFile { path: "rules/bad.rhai".to_owned(), text: "rule(\"x\".on(".to_owned() },
        RuleFile { path: "rules/good.rhai".to_owned(), text: good.to_owned() },
        RuleFile { path: "rules/twice.rhai".to_owned(), text: good.to_owned() },
    ];
    let loaded = RuleSet::load(&files, &[module], &Settings::default());
    let bad: Vec<(&str, &str)> =
        loaded.findings.iter().map(|finding| (&*finding.file, finding.code)).collect();
    assert_eq!(
        bad,
        [
            ("rules/bad.rhai", "syntax"),
            ("rules/good.rhai", "not-native"),
            ("rules/twice.rhai", "duplicate-rule")
        ]
    );
    let event = http("203.0.113.9", "GET", "/shop/cart", 200);
    assert_eq!(candidates(&loaded.set, &event), (vec![0], vec![]));
    let run = loaded.set.run_body(0, &hit_of(&event), &TestHost::shared());
    assert_eq!((run.asks.len(), run.fault), (1, None));
}

#[test]
fn fingerprints_follow_key_and_window_only() {
    let print = |text: &str| set(text).rules()[0].fingerprint;
    let base = print(
        "rule(\"r\").on(\"http\").by(|e| e.ip).consecutive(|e| e.status == 1, 3).then(|hit| ());",
    );
    let moved = print(
        "\n\n  rule(\"r\")\n.on(\"http\").when(|e| e.path == \"/\").by( |e| e.ip )\n.consecutive(|e|  e.status == 1, 3).then(|hit| log(\"x\"));",
    );
    assert_eq!(base, moved);
    let other = print(
        "rule(\"r\").on(\"http\").by(|e| e.ip).consecutive(|e| e.status == 2, 3).then(|hit| ());",
    );
    assert_ne!(base, other);
    let helper = |number: i64| {
        print(&format!(
            "fn f(e) {{ e.status == {number} }} rule(\"r\").on(\"http\").by(\"ip\").consecutive(|e| f(e), 3).then(|hit| ());"
        ))
    };
    assert_ne!(helper(1), helper(2));
}
