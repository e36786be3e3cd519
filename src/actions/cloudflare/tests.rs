//! The enforcer against the look-alike: what is blocked there, what it costs, what goes wrong.

use super::*;
use crate::actions::tests::block;
use crate::clock;
use crate::cloudflare::lists;
use crate::decisions::Target;
use crate::simulator::{Fault, FaultKind, Options, Simulator, TokenGrant};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

mod bill;
mod bulk;
mod challenges;
mod needs;
mod order;
mod scopes;

const TOKEN: &str = "cfut_0123456789abcdefghijklmnopqrstuvwxyzABCD";

/// A look-alike whose lists change at once, and an enforcer that works with it.
struct Stage {
    simulator: Simulator,
    enforcer: Cloudflare,
    config: CloudflareConfig,
    folder: tempfile::TempDir,
}

fn options() -> Options {
    Options { bulk_takes: Duration::from_millis(20), ..Options::new(TOKEN) }
}

/// Where exchanges with the look-alike are kept, for those who hold them to Cloudflare's schema
/// (`test.sh`).
fn transcript() -> Option<std::path::PathBuf> {
    let folder = std::env::var_os("RIPOSTE_CLOUDFLARE_TRANSCRIPTS")?;
    Some(std::path::Path::new(&folder).join(format!("{}.jsonl", std::process::id())))
}

fn stage(options: Options, more: &str) -> Stage {
    let simulator = Simulator::start(0, options, transcript().as_deref()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "token = \"file:{}\"\napi = \"{}\"\nmark = \"web1\"\ncoalesce = \"10ms\"\n{more}",
        file.display(),
        simulator.base()
    );
    let config: CloudflareConfig = toml::from_str(&text).unwrap();
    let enforcer = Cloudflare::new(&config, false);
    Stage { simulator, enforcer, config, folder }
}

impl Stage {
    fn apply(&mut self, decisions: &[Decision]) -> Vec<Outcome> {
        let changes: Vec<Change> = decisions.iter().cloned().map(Change::Enforce).collect();
        self.enforcer.apply(&changes, None, clock::now()).unwrap().outcomes
    }

    /// Makes the steps that are due, for as long as there are any, waiting as the worker does.
    fn work(&mut self) -> Vec<Outcome> {
        let started = Instant::now();
        let mut outcomes = Vec::new();
        while let Some(due) = self.enforcer.due {
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", self.enforcer.trouble);
            // What is over is removed in 30 s only; the tests don't wait for that.
            if due.since(clock::now()) > Duration::from_secs(10) {
                break;
            }
            std::thread::sleep(due.since(clock::now()));
            self.enforcer.tick(clock::now()).unwrap();
            outcomes.extend(self.enforcer.settled());
        }
        outcomes
    }

    fn blocked(&self) -> BTreeSet<String> {
        self.simulator.blocked("example.com").into_iter().collect()
    }
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_block_is_in_force_at_cloudflare_and_is_lifted() {
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let decisions = ["192.0.2.1", "198.51.100.0/24", "2001:db8::/64"].map(|t| block(t, Some(600)));
    assert_eq!(stage.apply(&decisions), vec![Outcome::Pending; 3]);
    assert_eq!(stage.work(), vec![Outcome::Applied; 3]);
    assert_eq!(stage.blocked(), set(&["192.0.2.1", "198.51.100.0/24", "2001:db8::/64"]));
    assert_eq!(stage.apply(&decisions), vec![Outcome::Unchanged; 3], "again is nothing");
    let lift = Change::Lift(Target::parse("192.0.2.1").unwrap());
    let receipt = stage.enforcer.apply(&[lift], Some(&decisions[1..]), clock::now()).unwrap();
    assert_eq!(receipt.outcomes, [Outcome::Pending]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert_eq!(stage.blocked(), set(&["198.51.100.0/24", "2001:db8::/64"]));
    let rules = stage.simulator.custom_rules("example.com");
    assert_eq!(rules, [("riposte_block_riposte".to_owned(), "(ip.src in $riposte)".to_owned())]);
    stage.enforcer.remove_all().unwrap();
    assert_eq!(stage.blocked(), set(&[]));
    assert!(stage.simulator.custom_rules("example.com").is_empty());
}

#[test]
fn what_is_over_goes_by_itself() {
    let mut stage = stage(options(), "expire_every = \"5s\"");
    stage.enforcer.config.expire_every = Duration::from_millis(10);
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.apply(&[block("192.0.2.1", Some(2)), block("192.0.2.2", Some(600))]);
    stage.work();
    assert_eq!(stage.blocked().len(), 2);
    let due = stage.enforcer.next_tick().unwrap();
    std::thread::sleep(due.since(clock::now()));
    stage.enforcer.tick(clock::now()).unwrap();
    while stage.enforcer.due.is_some() {
        std::thread::sleep(Duration::from_millis(20));
        stage.enforcer.tick(clock::now()).unwrap();
    }
    assert_eq!(stage.blocked(), set(&["192.0.2.2"]));
}

#[test]
fn two_ripostes_share_a_list_and_neither_undoes_the_others() {
    let mut stage = stage(options(), "");
    let mut config = stage.config.clone();
    config.mark = Some("web2".to_owned());
    let mut other = Cloudflare::new(&config, false);
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.apply(&[block("192.0.2.1", None)]);
    stage.work();
    std::mem::swap(&mut other, &mut stage.enforcer);
    let theirs = [block("192.0.2.1", None), block("192.0.2.2", None)];
    stage.enforcer.reconcile(&theirs, clock::now()).unwrap();
    stage.work();
    assert_eq!(stage.blocked(), set(&["192.0.2.1", "192.0.2.2"]));
    let owners = |stage: &Stage| -> Vec<bool> {
        let items = stage.simulator.list_items("riposte");
        items.iter().map(|(_, comment)| comment.starts_with("riposte/web1 ")).collect()
    };
    assert_eq!(owners(&stage), [true, false], "the first one's item is not taken over");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.work();
    assert_eq!(stage.blocked(), set(&["192.0.2.1"]));
    stage.enforcer.remove_all().unwrap();
    assert_eq!(stage.blocked(), set(&["192.0.2.1"]), "the rule is the other's too");
}

#[test]
fn a_full_list_spills_into_access_rules_and_what_fits_nowhere_is_told() {
    let room = Options { items_max: Some(2), ..options() };
    let mut stage = stage(room, "access_rules_max = 2");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let decisions: Vec<Decision> =
        (1..=5).map(|n| block(&format!("192.0.2.{n}"), Some(n * 1_000))).collect();
    stage.apply(&decisions);
    let outcomes = stage.work();
    let failed = |outcome: &&Outcome| matches!(outcome, Outcome::Failed(_));
    assert_eq!(outcomes.iter().filter(failed).count(), 1, "{outcomes:?}");
    assert_eq!(stage.blocked(), set(&["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]));
    let told = stage.enforcer.trouble().unwrap().to_string();
    assert!(told.contains("1 networks find no room"), "{told}");
    // Read back, the same is found, and the access rules count as ours.
    let mut again = Cloudflare::new(&stage.config, false);
    let difference = again.reconcile(&decisions[1..], clock::now()).unwrap();
    assert_eq!((difference.kept, difference.extra), (2, 0), "{difference:?}");
    again.remove_all().unwrap();
    assert_eq!(stage.blocked(), set(&[]));
}

#[test]
fn an_account_without_lists_is_served_by_access_rules() {
    let none = Options { lists_max: Some(0), ..options() };
    let mut stage = stage(none, "zones = [\"example.com\"]");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    stage.apply(&[block("192.0.2.1", None), block("2001:db8::/64", None)]);
    assert_eq!(stage.work(), vec![Outcome::Applied; 2]);
    assert_eq!(stage.blocked(), set(&["192.0.2.1", "2001:db8::/64"]));
}

#[test]
fn one_network_that_no_list_takes_keeps_no_other_out() {
    let mut stage = stage(options(), "access_rules_max = 0");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let outcomes = stage.apply(&[
        block("192.0.2.1", None),
        block("2001:db8::/70", None),
        block("192.0.2.2", None),
    ]);
    assert_eq!(outcomes.len(), 3);
    let outcomes = stage.work();
    assert!(matches!(&outcomes[1], Outcome::Failed(why) if why.contains("/64")), "{outcomes:?}");
    assert_eq!(stage.blocked(), set(&["192.0.2.1", "192.0.2.2"]));
}

#[test]
fn nothing_is_lost_or_doubled_when_replies_are() {
    for kind in
        [FaultKind::Lost, FaultKind::Cut, FaultKind::NoResult, FaultKind::Html, FaultKind::Drop]
    {
        let mut stage = stage(options(), "");
        stage.enforcer.reconcile(&[], clock::now()).unwrap();
        stage.simulator.fault(Fault::new(kind, 1).only("POST", "/items"));
        stage.apply(&[block("192.0.2.1", None), block("192.0.2.2", None)]);
        assert_eq!(stage.work(), vec![Outcome::Applied; 2], "{kind:?}");
        assert_eq!(stage.simulator.list_items("riposte").len(), 2, "{kind:?}");
        assert_eq!(stage.enforcer.trouble(), None);
    }
}

#[test]
fn a_missing_permission_is_named() {
    let mut less = options();
    let some = ["Zone Read", "Account Filter Lists Read", "Zone WAF Write"].map(str::to_owned);
    less.tokens = vec![TokenGrant {
        token: TOKEN.to_owned(),
        of_account: false,
        permissions: Some(some.to_vec()),
    }];
    let mut stage = stage(less, "");
    let error = stage.enforcer.reconcile(&[], clock::now()).unwrap_err().to_string();
    assert!(error.contains("`Account Filter Lists Edit`"), "{error}");
    assert!(!error.contains(TOKEN));
}

#[test]
fn too_many_calls_stop_everything_until_the_time_that_was_said() {
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let before = stage.simulator.calls();
    stage.simulator.fault(Fault::new(FaultKind::TooMany, 1));
    stage.apply(&[block("192.0.2.1", None)]);
    assert_eq!(stage.work(), [Outcome::Applied]);
    assert!(stage.simulator.calls() - before <= 5, "nothing was tried meanwhile");
}

#[test]
fn a_rule_of_ours_that_was_changed_is_put_right_and_others_stay() {
    let mut stage = stage(options(), "");
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let client = stage.enforcer.client().unwrap();
    let zone = stage.enforcer.site.clone().unwrap().zones[0].1.clone();
    let call = crate::cloudflare::rulesets::entry_point(&zone, crate::cloudflare::rulesets::CUSTOM);
    let set: crate::cloudflare::rulesets::Ruleset = client.send(&call).unwrap().read().unwrap();
    let theirs = crate::cloudflare::rulesets::rule("theirs", "block", "(ip.src eq 192.0.2.9)", "");
    client.send(&crate::cloudflare::rulesets::add_rule(&zone, &set.id, &theirs)).unwrap();
    let mut changed =
        crate::cloudflare::rulesets::rule("riposte_block_riposte", "js_challenge", "true", "");
    changed["enabled"] = false.into();
    let id = &set.rules[0].id;
    client.send(&crate::cloudflare::rulesets::change_rule(&zone, &set.id, id, &changed)).unwrap();
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let rules = stage.simulator.custom_rules("example.com");
    assert!(
        rules.contains(&("riposte_block_riposte".to_owned(), "(ip.src in $riposte)".to_owned()))
    );
    stage.enforcer.remove_all().unwrap();
    let left = stage.simulator.custom_rules("example.com");
    assert_eq!(left, [("theirs".to_owned(), "(ip.src eq 192.0.2.9)".to_owned())]);
}

#[test]
fn a_dry_run_shows_the_call_and_changes_nothing() {
    let mut stage = stage(options(), "");
    stage.enforcer = Cloudflare::new(&stage.config, true);
    stage.enforcer.reconcile(&[], clock::now()).unwrap();
    let outcomes = stage.apply(&[block("192.0.2.1", None)]);
    let [Outcome::DryRun(call)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert!(call.starts_with("POST /accounts/0a0a") && call.contains("192.0.2.1"), "{call}");
    assert!(stage.simulator.custom_rules("example.com").is_empty());
}
