//! Challenges, beside blocks and instead of them.

use super::*;
use crate::simulator::Plan;

fn challenge(target: &str, secs: Option<u64>) -> Decision {
    Decision { remedy: crate::decisions::Remedy::Challenge, ..block(target, secs) }
}

impl Stage {
    fn challenged(&self) -> BTreeSet<String> {
        self.simulator.challenged("example.com").into_iter().collect()
    }
}

#[test]
fn a_challenge_has_a_list_and_a_rule_of_its_own() {
    let mut stage = stage(Options { plan: Plan::Pro, ..options() }, "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let rules = stage.simulator.custom_rules("example.com");
    assert_eq!(rules.len(), 1, "none is made before there is a challenge");
    let decisions = [challenge("192.0.2.1", Some(600)), block("192.0.2.2", Some(600))];
    assert_eq!(stage.apply(&decisions), vec![Outcome::Pending; 2]);
    assert_eq!(stage.work(), vec![Outcome::Applied; 2]);
    assert_eq!(stage.challenged(), set(&["192.0.2.1"]));
    assert_eq!(stage.blocked(), set(&["192.0.2.2"]));
    assert!(stage.enforcer.note().contains("1 blocked, 1 challenged"), "{}", stage.enforcer.note());
    // Another start finds all as it should be.
    let mut again = Cloudflare::new(&stage.config, false);
    let difference = again.reconcile(&decisions, clock::now()).unwrap();
    assert!(difference.is_none() && difference.kept == 2, "{difference:?}");
    // Nobody wants it any more.
    let difference = again.reconcile(&decisions[1..], clock::now()).unwrap();
    assert_eq!(difference.extra, 1);
    std::mem::swap(&mut again, &mut stage.enforcer);
    stage.work();
    assert_eq!(stage.challenged(), set(&[]));
    stage.enforcer.remove_all().unwrap();
    assert!(stage.simulator.custom_rules("example.com").is_empty());
    assert_eq!(stage.blocked(), set(&[]));
}

#[test]
fn with_one_list_only_challenges_are_access_rules_and_a_block_takes_their_place() {
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.apply(&[challenge("192.0.2.1", Some(600))]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.challenged(), set(&["192.0.2.1"]));
    stage.apply(&[block("192.0.2.1", Some(600))]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.blocked(), set(&["192.0.2.1"]));
    let lift = Change::Lift(Target::parse("192.0.2.1").unwrap());
    stage.enforcer.apply(&[lift], Some(&[]), clock::now()).unwrap();
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!((stage.blocked(), stage.challenged()), (set(&[]), set(&[])));
}

#[test]
fn an_access_rule_is_changed_from_challenge_to_block_without_a_gap() {
    let none = Options { lists_max: Some(0), ..options() };
    let mut stage = stage(none, "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.apply(&[challenge("192.0.2.1", Some(600))]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    stage.apply(&[block("192.0.2.1", Some(600))]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!((stage.blocked(), stage.challenged()), (set(&["192.0.2.1"]), set(&[])));
}
