//! The report suggests a higher threshold where it tried one that would have spared customers, and
//! only there.

use super::Place;
use super::week::{ADMINISTRATOR, CUSTOMER};
use std::fmt::Write as _;
use std::fs;

/// What the report says about one rule, as JSON.
fn rule(place: &Place, words: &[&str], name: &str) -> serde_json::Value {
    let (_, said, told) = place.replay(&[words, &["--json"]].concat());
    let lines = said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let report = lines.into_iter().find(|line| line["type"] == "report");
    let Some(report) = report else { return told.into() };
    let rules = report["rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["rule"] == name).unwrap_or(&serde_json::Value::Null).clone()
}

/// A place whose only rules are these.
fn place(rules: &str) -> Place {
    let place = Place::new(20);
    fs::remove_dir_all(place.root.join("rules")).unwrap();
    fs::create_dir(place.root.join("rules")).unwrap();
    fs::write(place.root.join("rules/mine.rhai"), rules).unwrap();
    place
}

#[test]
fn a_parameter_that_would_have_spared_customers_is_named_and_does_so() {
    let place = Place::new(20);
    fs::rename(place.root.join("rules"), place.root.join("shipped")).unwrap();
    fs::rename(place.root.join("tried"), place.root.join("rules")).unwrap();
    let (_, said, _) = place.replay(&["--report"]);
    let line = "`failures` of 15 instead of 5 (`[rules.params.http-login]`) would spare";
    let flowing = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowing.contains(line), "{said}");
    assert!(
        flowing.contains("would spare all 3 likely customers and let go none of 2 others"),
        "{said}"
    );

    let mend = &rule(&place, &["--report"], "http-login-guessing")["mend"];
    assert_eq!((&mend["param"], &mend["to"]), (&"failures".into(), &15.into()), "{mend}");
    // Done as it says, it is as it says.
    let config =
        "[rules]\npack = false\npaths = [\"rules\"]\n[rules.params.http-login]\nfailures = 15\n";
    fs::write(place.root.join("riposte.toml"), config).unwrap();
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_riposte"))
        .args(["--config", "riposte.toml", "replay", "access.log", "auth.log", "--report"])
        .current_dir(&place.root)
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.contains("None of 7 stopped clients looks like a customer."), "{said}");
    assert!(!said.contains("would spare"), "{said}");
    // Compared with the shipped rules, it is the same that is suggested.
    fs::rename(place.root.join("rules"), place.root.join("tried")).unwrap();
    fs::rename(place.root.join("shipped"), place.root.join("rules")).unwrap();
    let (_, said, _) = place.replay(&["--against", "tried"]);
    let flowing = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flowing.contains(line), "{said}");
    // The two others are stopped by both.
    let rest = "would spare all 3 likely customers and let go nobody else";
    assert!(flowing.contains(rest), "{said}");
}

#[test]
fn of_two_rule_sets_those_are_judged_whom_only_the_second_stops() {
    let place = Place::new(20);
    let mut log = fs::read_to_string(place.root.join("access.log")).unwrap();
    for second in 0..6 {
        writeln!(log, "203.0.113.99 - - [18/Oct/2026:23:59:{second:02} +0000] \"POST /login HTTP/1.1\" 401 20 \"-\" \"curl/8\"").unwrap();
    }
    fs::write(place.root.join("access.log"), log).unwrap();
    // The only attacker who is stopped anew goes wherever a customer does, and that many more are
    // stopped by both makes it no better.
    let found = rule(&place, &["--against", "tried"], "http-login-guessing");
    assert_eq!((&found["clients"], &found["customers"]), (&4.into(), &3.into()), "{found}");
    assert_eq!(found["mend"], serde_json::Value::Null, "{found}");
}

#[test]
fn a_number_in_a_rule_is_a_threshold_too_and_stands_on_the_page() {
    let place = place(
        "rule(\"mine\").on(\"http\").when(|e| e.method == \"POST\" && e.status == 401).by(\"ip\").count(4, \"10m\")\n    .then(|hit| block(hit.ip, \"1h\"));\n",
    );
    let mend = &rule(&place, &["--report", "--html", "report.html"], "mine")["mend"];
    assert_eq!((&mend["param"], &mend["from"]), (&serde_json::Value::Null, &4.into()), "{mend}");
    assert_eq!((&mend["spared"], &mend["let_go"]), (&3.into(), &0.into()), "{mend}");
    let page = fs::read_to_string(place.root.join("report.html")).unwrap();
    let words = mend["words"].as_str().unwrap();
    assert!(page.contains(words), "{words}");
}

#[test]
fn nothing_is_suggested_where_it_can_t_be_known() {
    // It stops customers alone: nothing says that it is of use at any threshold.
    let alone = format!(
        "rule(\"alone\").on(\"http\").when(|e| e.ip == \"{CUSTOMER}\").by(\"ip\").count(3, \"10m\")\n    .then(|hit| block(hit.ip, \"1h\"));\n"
    );
    // It leans on what another rule counts, which doesn't run when thresholds are tried.
    let leans = format!(
        "rule(\"other\").on(\"http\").by(\"ip\").then(|hit| state::add(hit.key, 1, \"1d\"));\nrule(\"leans\").on(\"http\").when(|e| e.status == 401 || e.ip == \"{ADMINISTRATOR}\").by(\"ip\").count(4, \"10m\")\n    .then(|hit| if state::get(hit.key) != () {{ block(hit.ip, \"1h\"); }});\n"
    );
    for (name, rules) in [("alone", alone), ("leans", leans)] {
        let place = place(&rules);
        let found = rule(&place, &["--report"], name);
        assert!(found["customers"].as_u64() > Some(0), "{name}: {found}");
        assert_eq!(found["mend"], serde_json::Value::Null, "{name}");
    }
}

#[test]
fn what_a_rule_owes_to_another_one_that_is_tried_isn_t_credited_to_it() {
    // Both hit customers and have a threshold. With that of `feeds` at 16 its mark is missing on
    // those who only mistyped, so `leans` would let them go, whatever its own.
    let rules = format!(
        "rule(\"feeds\").on(\"http\").when(|e| e.status == 401).by(\"ip\").count(4, \"10m\")\n    .then(|hit| {{ state::add(hit.key, 1, \"1d\"); if hit.key == \"{CUSTOMER}\" {{ block(hit.ip, \"1h\"); }} }});\nrule(\"leans\").on(\"http\").when(|e| e.method == \"POST\").by(\"ip\").count(1, \"10m\")\n    .then(|hit| if state::get(hit.key) != () {{ block(hit.ip, \"1h\"); }});\n"
    );
    let place = place(&rules);
    for name in ["feeds", "leans"] {
        let found = rule(&place, &["--report"], name);
        assert!(found["customers"].as_u64() > Some(0), "{name}: {found}");
        assert_eq!(found["mend"], serde_json::Value::Null, "{name}: {found}");
    }
}
