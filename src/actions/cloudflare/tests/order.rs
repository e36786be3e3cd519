//! What comes first, and what one thing that fails keeps from happening: nothing else.

use super::*;
use crate::clock::Timestamp;

/// A token that may do everything but change access rules.
pub(super) fn without_access_rules() -> Options {
    let some = ["Zone Read", "Account Filter Lists Edit", "Zone WAF Write"].map(str::to_owned);
    Options {
        tokens: vec![TokenGrant {
            token: TOKEN.to_owned(),
            of_account: false,
            permissions: Some(some.to_vec()),
        }],
        ..options()
    }
}

impl Stage {
    /// One step at the time that it is due, on a clock of our own; changes of lists are waited for.
    pub(super) fn step_at(&mut self, now: &mut Timestamp) {
        if let Some(due) = self.enforcer.due {
            *now = (*now).max(due);
        }
        if self.enforcer.running.is_some() {
            std::thread::sleep(Duration::from_millis(30));
        }
        self.enforcer.tick(*now).unwrap();
    }

    pub(super) fn lift(&mut self, address: &str, wanted: &[Decision], now: Timestamp) -> Outcome {
        let lift = Change::Lift(Target::parse(address).unwrap());
        self.enforcer.apply(&[lift], Some(wanted), now).unwrap().outcomes.remove(0)
    }
}

#[test]
fn a_lift_has_its_turn_while_blocks_never_end() {
    let mut stage = stage(options(), "");
    let mut now = clock::now();
    stage.enforcer.reconcile(&[], now).unwrap();
    stage.apply(&[block("192.0.2.1", None)]);
    stage.work();
    now = now.max(clock::now());
    assert_eq!(stage.lift("192.0.2.1", &[], now), Outcome::Pending);
    let mut steps = 0;
    while stage.blocked().contains("192.0.2.1") {
        steps += 1;
        assert!(steps < 12, "the lift starves");
        let more = Change::Enforce(block(&format!("198.51.100.{steps}"), None));
        stage.enforcer.apply(&[more], None, now).unwrap();
        stage.step_at(&mut now);
    }
    assert!(
        steps > 1 && !stage.enforcer.plan().lists.block.add.is_empty(),
        "blocks came all the while"
    );
}

#[test]
fn what_is_over_goes_while_blocks_never_end() {
    let mut stage = stage(options(), "");
    let mut now = clock::now();
    stage.enforcer.reconcile(&[], now).unwrap();
    stage.apply(&[block("192.0.2.1", Some(5))]);
    stage.work();
    let over = now.plus(Duration::from_secs(5));
    let mut steps: u64 = 0;
    while stage.blocked().contains("192.0.2.1") {
        steps += 1;
        // At most `expire_every`, the gap of blocks and one change of the list.
        assert!(now < over.plus(Duration::from_mins(1)), "it starves");
        let more = Change::Enforce(block(&format!("198.51.{}.{}", steps / 250, steps % 250), None));
        stage.enforcer.apply(&[more], None, now).unwrap();
        now = now.plus(Duration::from_secs(1));
        stage.step_at(&mut now);
    }
}

#[test]
fn without_the_permission_for_access_rules_a_full_list_goes_on() {
    let room = Options { items_max: Some(2), ..without_access_rules() };
    let mut stage = stage(room, "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let decisions: Vec<Decision> =
        (1..=3).map(|n| block(&format!("192.0.2.{n}"), Some(n * 1_000))).collect();
    stage.apply(&decisions);
    let outcomes = stage.work();
    let Outcome::Failed(why) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(why.contains("Account Firewall Access Rules Write"), "{why}");
    assert_eq!(outcomes[1..], [Outcome::Applied, Outcome::Applied]);
    assert_eq!(stage.blocked(), set(&["192.0.2.2", "192.0.2.3"]));
    let told = stage.enforcer.trouble().unwrap().to_string();
    assert!(told.contains("1 networks find no room"), "{told}");
    assert_eq!(stage.lift("192.0.2.3", &decisions[..2], clock::now()), Outcome::Pending);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.blocked(), set(&["192.0.2.1", "192.0.2.2"]), "its room is used");
    assert_eq!(stage.enforcer.trouble(), None);
    // What lasts longer makes room for itself.
    stage.apply(&[block("192.0.2.9", None)]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.blocked(), set(&["192.0.2.2", "192.0.2.9"]));
}

#[test]
fn an_access_rule_that_is_refused_keeps_no_other_out() {
    let none = Options { lists_max: Some(0), ..options() };
    let mut stage = stage(none, "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.simulator.fault(Fault::new(FaultKind::Refused, 1).only("POST", "/access_rules"));
    stage.apply(&[block("192.0.2.1", Some(900)), block("192.0.2.2", Some(600))]);
    let outcomes = stage.work();
    assert!(
        matches!(&outcomes[0], Outcome::Failed(why) if why.contains("does not take")),
        "{outcomes:?}"
    );
    assert_eq!(outcomes[1], Outcome::Applied);
    assert_eq!(stage.blocked(), set(&["192.0.2.2"]));
}

#[test]
fn what_is_under_way_is_not_done_yet() {
    let mut stage = stage(options(), "");
    let mut now = clock::now();
    stage.enforcer.reconcile(&[], now).unwrap();
    stage.apply(&[block("192.0.2.1", None)]);
    while stage.enforcer.running.is_none() {
        stage.step_at(&mut now);
    }
    assert_eq!(stage.lift("192.0.2.1", &[], now), Outcome::Pending, "its block is under way");
    assert!(stage.enforcer.lifts_wait());
    while !stage
        .enforcer
        .running
        .as_ref()
        .is_some_and(|change| change.removes(Measure::Block, &"192.0.2.1/32".parse().unwrap()))
    {
        stage.step_at(&mut now);
    }
    let again = [block("192.0.2.1", None)];
    assert_eq!(stage.apply(&again), [Outcome::Pending], "its removal is under way");
}

#[test]
fn a_read_back_is_made_at_the_next_step_when_there_is_one_to_come() {
    let mut stage = stage(options(), "");
    let mut now = clock::now();
    let wanted = [block("192.0.2.1", None)];
    stage.enforcer.reconcile(&wanted, now).unwrap();
    stage.work();
    let client = stage.enforcer.client().unwrap();
    let site = stage.enforcer.site.clone().unwrap();
    let present = stage.enforcer.present().unwrap();
    assert_eq!(present.len(), 1);
    let read = read::read(&client, &site, "web1", now).unwrap();
    let id = read.lists.block.items.values().next().unwrap().id.clone().unwrap();
    let call = lists::remove(&site.account, &site.lists.block.as_ref().unwrap().id, [id.as_str()]);
    client.send(&call).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    now = now.max(clock::now());
    // Something is always due on a busy site.
    stage.enforcer.due = Some(now.plus(Duration::from_secs(20)));
    stage.enforcer.reconcile(&wanted, now).unwrap();
    for _ in 0..8 {
        stage.step_at(&mut now);
    }
    assert_eq!(stage.blocked(), set(&["192.0.2.1"]), "what somebody removed is back");
}

#[test]
fn a_refused_token_costs_neither_the_client_nor_its_budget() {
    let mut stage = stage(options(), "");
    let now = clock::now();
    stage.enforcer.reconcile(&[], now).unwrap();
    let client = stage.enforcer.client().unwrap();
    client.set_token(crate::secret::Secret::new("wrong".to_owned()));
    let before = client.budget().calls;
    stage.apply(&[block("192.0.2.1", None)]);
    stage.work();
    assert!(Arc::ptr_eq(&client, &stage.enforcer.client().unwrap()), "the same client");
    assert!(client.budget().calls > before);
    assert_eq!(stage.blocked(), set(&["192.0.2.1"]), "the token was read again");
}
