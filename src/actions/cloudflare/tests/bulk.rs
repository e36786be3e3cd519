//! Changes of lists that fail there, tokens that change, and limits that are met.

use super::*;
use crate::cloudflare::status_page::StatusWatch;
use crate::secret::Secret;

#[test]
fn an_item_that_fails_there_is_singled_out_and_told() {
    let mut stage = stage(options(), "access_rules_max = 0");
    let mut now = clock::now();
    stage.enforcer.reconcile(&[], now).unwrap();
    stage.simulator.fault(Fault::new(FaultKind::Fails, 99).with_body("\"192.0.2.5\""));
    let decisions: Vec<Decision> =
        (1..=8).map(|n| block(&format!("192.0.2.{n}"), Some(n * 1_000))).collect();
    let changes: Vec<Change> = decisions.iter().cloned().map(Change::Enforce).collect();
    stage.enforcer.apply(&changes, None, now).unwrap();
    let (mut outcomes, mut steps) = (Vec::new(), 0);
    while outcomes.len() < 8 {
        stage.step_at(&mut now);
        outcomes.extend(stage.enforcer.settled());
        steps += 1;
        assert!(steps < 80, "{:?}", stage.enforcer.trouble);
    }
    let Outcome::Failed(why) = &outcomes[4] else { panic!("{outcomes:?}") };
    assert!(why.contains("an item could not be changed"), "{why}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Applied).count(), 7);
    assert_eq!(stage.blocked().len(), 7);
}

#[test]
fn an_item_that_can_not_be_removed_keeps_no_other_there() {
    let mut stage = stage(options(), "");
    let mut now = clock::now();
    stage.enforcer.reconcile(&[], now).unwrap();
    let decisions: Vec<Decision> =
        (1..=4).map(|n| block(&format!("192.0.2.{n}"), Some(n * 1_000))).collect();
    stage.apply(&decisions);
    stage.work();
    now = now.max(clock::now());
    let client = stage.enforcer.client().unwrap();
    let read = read::read(&client, &stage.enforcer.site().unwrap(), "web1", now).unwrap();
    let held = &read.lists.block.items[&"192.0.2.2/32".parse().unwrap()];
    let bad = held.id.clone().unwrap();
    stage.simulator.fault(Fault::new(FaultKind::Fails, 99).with_body(&bad));
    let lifts: Vec<Change> = decisions.iter().map(|one| Change::Lift(one.target.clone())).collect();
    stage.enforcer.apply(&lifts, Some(&[]), now).unwrap();
    let (mut outcomes, mut steps) = (Vec::new(), 0);
    while outcomes.len() < 4 {
        stage.step_at(&mut now);
        outcomes.extend(stage.enforcer.settled());
        steps += 1;
        assert!(steps < 80, "{:?}", stage.enforcer.trouble);
    }
    let Outcome::Failed(why) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert!(why.contains("the list's item for `192.0.2.2/32` stays"), "{why}");
    assert_eq!(stage.blocked(), set(&["192.0.2.2"]));
}

#[test]
fn a_token_is_rotated_when_the_new_one_is_accepted_and_not_before() {
    let other = "cfut_Another0123456789abcdefghijklmnopqrstuv";
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let file = stage.folder.path().join("token");
    std::fs::write(&file, other).unwrap();
    // It is not accepted yet: the old one goes on.
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.apply(&[block("192.0.2.1", None)]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.enforcer.trouble(), None);
    // It can't be read for a moment: the old one goes on.
    std::fs::remove_file(&file).unwrap();
    stage.enforcer.reconcile(&[block("192.0.2.1", None)], clock::now()).unwrap();
    // Both are accepted, then the new one alone.
    let grant =
        |token: &str| TokenGrant { token: token.to_owned(), of_account: false, permissions: None };
    std::fs::write(&file, other).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    stage.simulator.set_tokens(vec![grant(TOKEN), grant(other)]);
    stage.enforcer.reconcile(&[block("192.0.2.1", None)], clock::now()).unwrap();
    stage.simulator.set_tokens(vec![grant(other)]);
    let before = stage.simulator.calls();
    stage.apply(&[block("192.0.2.2", None)]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert!(stage.simulator.calls() - before <= 4, "no call was refused");
    assert_eq!(stage.blocked(), set(&["192.0.2.1", "192.0.2.2"]));
}

#[test]
fn a_storm_of_429_ends_with_all_in_force_and_few_calls() {
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let before = stage.simulator.calls();
    for n in 1..=3 {
        stage.simulator.fault(Fault::new(FaultKind::TooMany, 3));
        stage.apply(&[block(&format!("192.0.2.{n}"), None)]);
        assert_eq!(stage.work(), [Outcome::Applied]);
    }
    assert_eq!(stage.blocked().len(), 3);
    let calls = stage.simulator.calls() - before;
    assert!(calls <= 3 * (2 + 3) + 3, "{calls} calls: nothing was tried while it had to wait");
}

#[test]
fn a_read_back_costs_no_call_twice() {
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let before = stage.simulator.calls();
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    println!("read back: {} calls", stage.simulator.calls() - before);
    assert_eq!(stage.simulator.calls() - before, 5, "zones, lists, rules, items, access rules");
}

#[test]
fn a_reply_without_a_result_is_no_empty_list() {
    let mut stage = stage(options(), "");
    let wanted = [block("192.0.2.1", None), block("192.0.2.2", None)];
    stage.enforcer.reconcile(&wanted, clock::now()).unwrap();
    stage.work();
    for path in ["/rules/lists", "/items", "/entrypoint", "/access_rules", "/zones"] {
        stage.simulator.fault(Fault::new(FaultKind::NoResult, 1).only("GET", path));
        // Read again at once, or told as a failure; never taken for nothing.
        if let Ok(difference) = stage.enforcer.reconcile(&wanted, clock::now()) {
            assert!(difference.is_none(), "{path}: {difference:?}");
        }
        stage.work();
        stage.simulator.clear_faults();
        assert_eq!(stage.blocked(), set(&["192.0.2.1", "192.0.2.2"]), "{path}");
        let rules = stage.simulator.custom_rules("example.com");
        assert_eq!(rules.len(), 1, "{path}: {rules:?}");
    }
}

#[test]
fn while_cloudflare_tells_of_an_incident_less_is_read_back_and_blocks_go_on() {
    let mut stage = stage(options(), "");
    stage.simulator.incident(Some("API errors"));
    let watch = StatusWatch::start(&stage.simulator.status_page());
    let until = Instant::now() + Duration::from_secs(30);
    while watch.page().incident().is_none() {
        assert!(Instant::now() < until, "it is not seen");
        std::thread::sleep(Duration::from_millis(20));
    }
    stage.enforcer = Cloudflare::new(&stage.config, false).with_status_page(watch.page());
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let before = stage.simulator.calls();
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.work();
    assert_eq!(stage.simulator.calls(), before, "all is known");
    // A block that only the comparison tells of is made all the same.
    let wanted = [block("192.0.2.1", None)];
    stage.enforcer.reconcile(&wanted, clock::now()).unwrap();
    stage.work();
    assert_eq!(stage.blocked(), set(&["192.0.2.1"]));
    assert!(stage.enforcer.note().contains("an incident: API errors"), "{}", stage.enforcer.note());
    let before = stage.simulator.calls();
    for _ in 0..3 {
        stage.enforcer.reconcile(&wanted, clock::now()).unwrap();
        stage.work();
    }
    assert!(stage.simulator.calls() > before, "it is read back in the end");
}

#[test]
fn a_time_out_after_the_change_was_made_doubles_and_loses_nothing() {
    let mut stage = stage(options(), "");
    let client = Client::new(&stage.config.api, Secret::new(TOKEN.to_owned()), PATIENCE);
    let client = client.with_time_limit(Duration::from_secs(2));
    stage.enforcer.client = Some(Arc::new(client));
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let late = FaultKind::Slow(Duration::from_secs(4));
    stage.simulator.fault(Fault::new(late, 1).only("POST", "/items"));
    stage.apply(&[block("192.0.2.1", None), block("192.0.2.2", None)]);
    assert_eq!(stage.work(), vec![Outcome::Applied; 2]);
    assert_eq!(stage.simulator.list_items("riposte").len(), 2);
    stage.simulator.fault(Fault::new(late, 1).only("DELETE", "/items"));
    let lift = Change::Lift(Target::parse("192.0.2.1").unwrap());
    stage.enforcer.apply(&[lift], Some(&[block("192.0.2.2", None)]), clock::now()).unwrap();
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.blocked(), set(&["192.0.2.2"]));
}

#[test]
fn after_ten_thousand_blocks_a_lift_goes_at_once_and_the_next_block_waits() {
    let limits = Options { items_in_five_minutes: Some(10_100), ..options() };
    let mut stage = stage(limits, "access_rules_max = 0");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let decisions: Vec<Decision> = (0..10_000)
        .map(|n| block(&format!("198.18.{}.{}", n / 250, n % 250), Some(9_000)))
        .collect();
    stage.apply(&decisions);
    assert_eq!(stage.work(), vec![Outcome::Applied; 10_000]);
    assert_eq!(stage.blocked().len(), 10_000);
    let wanted = &decisions[1..];
    assert_eq!(stage.lift("198.18.0.0", wanted, clock::now()), Outcome::Pending);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.blocked().len(), 9_999);
    // Within the published limit there is no room for another change now.
    assert_eq!(stage.apply(&[block("192.0.2.1", Some(9_000))]), [Outcome::Pending]);
    assert_eq!(stage.work(), []);
    assert!(!stage.blocked().contains("192.0.2.1"));
    assert!(
        stage.enforcer.note().contains(", 0 changes of items left"),
        "{}",
        stage.enforcer.note()
    );
    assert_eq!(stage.enforcer.trouble(), None, "to wait is no trouble");
}
