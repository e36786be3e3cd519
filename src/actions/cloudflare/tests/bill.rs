//! What things cost in calls, held against the table in docs/cloudflare.md.

use super::*;
use crate::simulator::Plan;

/// How many calls something makes.
fn calls(stage: &mut Stage, work: impl FnOnce(&mut Stage)) -> u64 {
    let before = stage.simulator.calls();
    work(stage);
    stage.work();
    stage.simulator.calls() - before
}

fn many(count: u64, secs: u64) -> Vec<Decision> {
    let one = |n| block(&format!("198.18.{}.{}", n / 250, n % 250), Some(secs));
    (0..count).map(one).collect()
}

fn lift(stage: &mut Stage, target: &Target, wanted: &[Decision]) {
    let lift = Change::Lift(target.clone());
    stage.enforcer.apply(&[lift], Some(wanted), clock::now()).unwrap();
}

fn start(stage: &mut Stage) {
    stage.enforcer = Cloudflare::new(&stage.config, false);
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
}

#[test]
fn the_bill_in_the_docs_is_what_is_paid() {
    let mut rows: Vec<(&str, u64)> = Vec::new();
    let mut stage = stage(Options { plan: Plan::Pro, ..options() }, "");
    rows.push(("start, nothing there yet", calls(&mut stage, start)));
    rows.push(("start, everything there already", calls(&mut stage, start)));
    let one = block("192.0.2.1", Some(9_000));
    let count = calls(&mut stage, |stage| drop(stage.apply(std::slice::from_ref(&one))));
    rows.push(("one block", count));
    rows.push(("its lift", calls(&mut stage, |stage| lift(stage, &one.target, &[]))));
    let challenge = Decision { remedy: crate::decisions::Remedy::Challenge, ..one.clone() };
    let count = calls(&mut stage, |stage| drop(stage.apply(std::slice::from_ref(&challenge))));
    rows.push(("the first challenge, with its list and rule", count));
    lift(&mut stage, &challenge.target, &[]);
    stage.work();
    // Another address, another budget.
    let mut stage = super::stage(options(), "");
    start(&mut stage);
    let thousand = many(10_000, 9_000);
    let count = calls(&mut stage, |stage| drop(stage.apply(&thousand)));
    rows.push(("10,000 blocks at once", count));
    let count = calls(&mut stage, |stage| {
        stage.enforcer.reconcile(&thousand, clock::now()).unwrap();
    });
    rows.push(("a read-back, 10,000 items listed", count));
    let mut stage = super::stage(Options { lists_max: Some(0), ..options() }, "");
    start(&mut stage);
    let count = calls(&mut stage, |stage| drop(stage.apply(std::slice::from_ref(&one))));
    rows.push(("one block in an access rule of the account", count));
    rows.push(("its lift, there", calls(&mut stage, |stage| lift(stage, &one.target, &[]))));
    let docs = include_str!("../../../../docs/cloudflare.md");
    let missing: Vec<String> = rows
        .iter()
        .map(|(what, count)| format!("| {what} | {count} |"))
        .inspect(|row| println!("{row}"))
        .filter(|row| !docs.contains(row.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/cloudflare.md lacks:\n{}", missing.join("\n"));
}
