//! Commands that look, and those that take back what was set by hand.

use crate::Small;

#[test]
fn modes_say_where_they_come_from_and_go_back() {
    let small = Small::new();
    small.config("[rules.modes]\nsecrets = 'shadow'\n");
    let mut said = String::new();
    for arguments in [
        vec!["rules", "list"],
        vec!["rules", "reset", "secrets"],
        vec!["rules", "enable", "secrets"],
        vec!["rules", "list"],
        vec!["rules", "off", "secrts"],
        vec!["rules", "reset", "secrets"],
        vec!["rules", "reset", "nothing-like-it"],
        vec!["rules", "list"],
        vec!["journal", "--rule", "secrts"],
    ] {
        said.extend(["$ riposte ", &arguments.join(" "), "\n"]);
        said.push_str(&small.run(&arguments).all());
    }
    insta::assert_snapshot!(said, @"
    $ riposte rules list
    [0]
    riposte does not run: no rule acts now
    secrets  shadow  config    2 within 1m  by ip  rule.rhai:2
    $ riposte rules reset secrets
    [1]
    the mode of `secrets` was not set by hand: it is `shadow` by the config
    $ riposte rules enable secrets
    [0]
    rule `secrets` is set to `enforce`
    $ riposte rules list
    [0]
    riposte does not run: no rule acts now
    secrets  enforce  set by hand  now shadow*  2 within 1m  by ip  rule.rhai:2
    * 1 rule: first days, 23h59m more; `riposte arm` ends them
    $ riposte rules off secrts
    [1]
    there is no rule `secrts`
    hint: did you mean `secrets`?
    $ riposte rules reset secrets
    [0]
    rule `secrets` is `shadow` by the config again
    $ riposte rules reset nothing-like-it
    [1]
    there is no rule `nothing-like-it`
    hint: `riposte rules list` shows them all
    $ riposte rules list
    [0]
    riposte does not run: no rule acts now
    secrets  shadow  config    2 within 1m  by ip  rule.rhai:2
    $ riposte journal --rule secrts
    [2]
    error: there is no rule `secrts`
    hint: did you mean `secrets`?
    ");
    let listed = small.run(&["rules", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["mode_from"], "config");
}

#[test]
fn the_first_days_and_a_panic_show_in_the_list() {
    let small = Small::new();
    small.run(&["decisions", "add", "203.0.113.77"]);
    let listed = small.run(&["rules", "list"]).stdout;
    assert!(listed.contains("enforce  rule file  now shadow*"), "{listed}");
    assert!(listed.contains("* 1 rule: first days, 23h59m"), "{listed}");
    small.run(&["arm"]);
    assert!(!small.run(&["rules", "list"]).stdout.contains("now shadow"));
    small.run(&["panic"]);
    let listed = small.run(&["rules", "list"]).stdout;
    assert!(listed.contains("* 1 rule: panic; `riposte resume` ends it"), "{listed}");
}

#[test]
fn why_of_a_prefix_shows_what_lies_inside() {
    let small = Small::new();
    small.run(&["decisions", "add", "203.0.113.77", "--reason", "one"]);
    small.run(&["decisions", "add", "203.0.113.128/25", "--for", "forever", "--reason", "half"]);
    small.run(&["decisions", "add", "198.51.100.1"]);
    let told = small.run(&["why", "203.0.113.0/24"]).stdout;
    assert!(told.starts_with(
        "203.0.113.0/24 is not blocked as a whole: nothing is in force for it\ninside it 2 decisions:\n"
    ), "{told}");
    assert!(told.contains("  block  203.0.113.128/25  for ever"), "{told}");
    assert!(!told.contains("198.51.100.1"), "{told}");
    // No daemon runs: nobody says that it is in force.
    let told = small.run(&["why", "203.0.113.77"]).stdout;
    assert!(told.starts_with("riposte does not run: "), "{told}");
    assert!(told.contains("block of 203.0.113.77 is recorded, 3h59m"), "{told}");
    assert!(told.contains("(by hand, since "), "{told}");
    let json = small.run(&["why", "--json", "203.0.113.0/24"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["inside"].as_array().unwrap().len(), 2);
}

#[test]
fn without_an_enforcer_nobody_is_said_to_be_blocked() {
    let small = Small::new();
    small.write(
        "riposte.toml",
        "state_dir = 'state'\n[rules]\npack = false\npaths = ['rule.rhai']\n",
    );
    let told = small.run(&["decisions", "add", "203.0.113.77"]).stdout;
    assert!(told.contains("is recorded only: the config names no enforcer"), "{told}");
    let told = small.run(&["decisions", "list"]).stdout;
    assert!(told.starts_with("the config names no enforcer: "), "{told}");
}

#[test]
fn a_name_on_the_allowlist_is_resolved_and_forgetting_lifts() {
    let small = Small::new();
    let told = small.run(&["allow", "nobody.invalid"]).stdout;
    assert!(
        told.contains("`nobody.invalid` resolves to no address now: nobody is protected"),
        "{told}"
    );
    let told = small.run(&["allow", "localhost"]).stdout;
    assert!(told.contains("`localhost` resolves to "), "{told}");
    small.run(&["decisions", "add", "203.0.113.77"]);
    let told = small.run(&["forget", "203.0.113.77"]).stdout;
    assert!(told.contains("is forgotten; 1 decision that stood for it ended; removed: "), "{told}");
}
