//! The kernel through the executors: losses mended, blocks soon in force, lifts, the last check.

use super::namespace::Namespace;
use super::*;
use crate::actions::executors::Executors;
use crate::actions::tests::Desk;
use crate::actions::{ActionsConfig, Item};
use crate::decisions::{Action, ActionId};
use std::sync::Arc;

fn item(id: u128, action: Action) -> Item {
    Item { id: ActionId(id), action, attempt: 0, urgent: false }
}

fn enforce_item(id: u128, decision: &Decision) -> Item {
    item(id, Action::Enforce { decision: decision.clone() })
}

#[test]
fn serial_a_flushed_ruleset_is_mended_within_a_second() {
    let Some(namespace) = Namespace::new("serial_a_flushed_ruleset_is_mended_within_a_second")
    else {
        return;
    };
    let desk = Arc::new(Desk::default());
    let standing = block("192.0.2.1", Some(600));
    desk.wanted.lock().unwrap().push(standing.clone());
    let actions = ActionsConfig { nftables: Some(config(&namespace)), ..ActionsConfig::default() };
    let executors =
        Executors::start(&actions, desk.clone(), &(desk.clone() as _), Vec::new(), false);
    let later = block("192.0.2.2", Some(600));
    desk.wanted.lock().unwrap().push(later.clone());
    assert!(executors.submit(vec![enforce_item(1, &later)]).is_empty());
    let (_, outcome, _) = desk.outcome(1);
    assert!(matches!(outcome, Outcome::Applied | Outcome::Unchanged), "{outcome:?}");
    let mut eyes = Nftables::new(&config(&namespace), false);
    let both = ["192.0.2.1", "192.0.2.2"];
    // The watch itself has to be up, which it shows by mending.
    std::thread::sleep(Duration::from_millis(500));
    for harm in [
        &["nft", "flush", "ruleset"][..],
        &["nft", "delete", "table", "inet", "riposte"],
        &["nft", "flush", "chain", "inet", "riposte", "prerouting"],
        &["nft", "flush", "set", "inet", "riposte", "hosts4"],
    ] {
        namespace.run(harm);
        let harmed = Instant::now();
        let mended = wait_for(|| {
            let sound = eyes.read(clock::now()).unwrap().is_some_and(|table| table.sound);
            (sound && shown(&mut eyes) == both).then(|| harmed.elapsed())
        });
        println!("{harm:?} mended in {mended:?}");
        assert!(mended.is_some_and(|took| took < Duration::from_secs(1)), "{harm:?}: {mended:?}");
    }
    let health = executors.health();
    assert_eq!(health[0].numbers.entries, 2, "{health:?}");
    assert!(executors.stop(Duration::from_secs(5)));
    assert_eq!(shown(&mut eyes), both, "what is in force stays in force");
}

#[test]
fn serial_blocks_reach_the_kernel_soon() {
    let Some(namespace) = Namespace::new("serial_blocks_reach_the_kernel_soon") else {
        return;
    };
    let desk = Arc::new(Desk::default());
    let actions = ActionsConfig { nftables: Some(config(&namespace)), ..ActionsConfig::default() };
    let executors =
        Executors::start(&actions, desk.clone(), &(desk.clone() as _), Vec::new(), false);
    wait_for(|| {
        (executors.health()[0].error.is_none() && executors.health()[0].last_success.is_some())
            .then_some(())
    });
    let mut times = Vec::new();
    for id in 0..60_u128 {
        let decision = block(&format!("203.0.113.{}", id + 1), Some(600));
        desk.wanted.lock().unwrap().push(decision.clone());
        let started = Instant::now();
        assert!(executors.submit(vec![enforce_item(id, &decision)]).is_empty());
        assert_eq!(desk.outcome(id).1, Outcome::Applied);
        times.push(started.elapsed());
        std::thread::sleep(Duration::from_millis(25));
    }
    times.sort();
    println!("median {:?}, worst {:?}", times[30], times[59]);
    assert!(executors.stop(Duration::from_secs(5)));
}

#[test]
fn serial_lifts_and_forbidden_targets_go_through_the_queue() {
    let Some(namespace) = Namespace::new("serial_lifts_and_forbidden_targets_go_through_the_queue")
    else {
        return;
    };
    let desk = Arc::new(Desk::default());
    let actions = ActionsConfig { nftables: Some(config(&namespace)), ..ActionsConfig::default() };
    let executors =
        Executors::start(&actions, desk.clone(), &(desk.clone() as _), Vec::new(), false);
    let forbidden = block("192.0.2.66", Some(60));
    let standing = block("192.0.2.0/28", Some(60));
    desk.forbidden.lock().unwrap().push(forbidden.target.clone());
    desk.wanted.lock().unwrap().extend([forbidden.clone(), standing.clone()]);
    let back = executors.submit(vec![enforce_item(1, &forbidden), enforce_item(2, &standing)]);
    assert!(back.is_empty());
    let (_, outcome, _) = desk.outcome(1);
    assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("last check")), "{outcome:?}");
    assert!(matches!(desk.outcome(2).1, Outcome::Applied | Outcome::Unchanged));
    executors.reconcile_now();
    let mut eyes = Nftables::new(&config(&namespace), false);
    assert_eq!(shown(&mut eyes), ["192.0.2.0/28"]);
    desk.wanted.lock().unwrap().clear();
    let lift = Action::Lift { target: standing.target, reason: "a test".to_owned() };
    assert!(executors.submit(vec![item(3, lift)]).is_empty());
    assert_eq!(desk.outcome(3).1, Outcome::Applied);
    assert_eq!(shown(&mut eyes), Vec::<String>::new());
    assert!(executors.stop(Duration::from_secs(5)));
}
