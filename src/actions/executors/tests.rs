//! Executors with programs, log and files: routes, dry run, what has nowhere to go, and the end.

use super::*;
use crate::actions::tests::{Desk, block};
use crate::decisions::{Remedy, Route};

fn item(id: u128, action: Action) -> Item {
    Item { id: ActionId(id), action, attempt: 0, urgent: false }
}

fn perform(id: u128, effect: Effect) -> Item {
    item(
        id,
        Action::Perform {
            rule: "r".into(),
            key: "192.0.2.1".to_owned(),
            time: clock::now(),
            effect,
        },
    )
}

fn exec(id: u128, name: &str, args: &[&str]) -> Item {
    perform(
        id,
        Effect::Exec {
            name: name.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        },
    )
}

fn start(config: &str, dry_run: bool) -> (Arc<Desk>, Executors) {
    let config: ActionsConfig = toml::from_str(config).unwrap();
    assert_eq!(config.check(), Vec::<String>::new());
    let desk = Arc::new(Desk::default());
    let executors =
        Executors::start(&config, desk.clone(), &(desk.clone() as _), Vec::new(), dry_run);
    (desk, executors)
}

#[test]
fn programs_run_with_their_values_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    std::fs::write(&file, "").unwrap();
    let (desk, executors) = start(
        &format!(
            "[[programs]]\nname = \"put\"\nargv = [\"/bin/sh\", \"-c\", \"printf '%s|' \\\"$@\\\" >> {}\", \"sh\", \"{{rule}}\", \"{{1}}\"]\n\
             [[programs]]\nname = \"slow\"\nargv = [\"/bin/sleep\", \"60\"]\ntimeout = \"100ms\"\n\
             [[programs]]\nname = \"bad\"\nargv = [\"/bin/false\"]\n\
             [[channels]]\nname = \"people\"\nto = \"log\"",
            file.display()
        ),
        false,
    );
    let hostile = "$(touch /tmp/x); `id` \"'\n";
    let notify = |channel: &str| Effect::Notify {
        channel: channel.to_owned(),
        message: "hello @all".to_owned(),
    };
    let back = executors.submit(vec![
        exec(1, "put", &[hostile]),
        exec(2, "put", &["--option"]),
        exec(3, "slow", &[]),
        exec(4, "bad", &[]),
        exec(5, "none", &[]),
        perform(6, notify("people")),
        perform(7, notify("nobody")),
    ]);
    assert!(back.is_empty());
    assert_eq!(desk.outcome(1), ("exec:put".to_owned(), Outcome::Applied, 1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("r|{hostile}|"));
    assert!(matches!(desk.outcome(2).1, Outcome::Failed(why) if why.contains("option")));
    assert!(matches!(desk.outcome(3).1, Outcome::Unconfirmed(_)));
    assert!(matches!(desk.outcome(4).1, Outcome::Failed(why) if why.contains("exit code 1")));
    assert!(matches!(desk.outcome(5).1, Outcome::Failed(why) if why.contains("no `exec:none`")));
    assert_eq!(desk.outcome(6), ("log".to_owned(), Outcome::Applied, 1));
    assert!(
        matches!(desk.outcome(7).1, Outcome::Failed(why) if why.contains("no channel `nobody`"))
    );
    let bad = executors.health().into_iter().find(|health| health.destination == "exec:bad");
    assert_eq!(bad.unwrap().state, HealthState::Failing);
    assert!(executors.stop(Duration::from_secs(2)));
}

#[test]
fn decisions_go_where_they_have_an_effect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    let (desk, executors) = start(
        &format!("[[files]]\nname = \"list\"\nformat = \"plain\"\npath = \"{}\"", path.display()),
        false,
    );
    let decision = block("192.0.2.1", Some(600));
    let mut challenge = decision.clone();
    challenge.remedy = Remedy::Challenge;
    let mut proxied = block("192.0.2.2", Some(600));
    proxied.route = Route::Proxied;
    let allow = crate::decisions::Decision { remedy: Remedy::Allow, ..decision.clone() };
    let enforce = |id, decision: &crate::decisions::Decision| {
        item(id, Action::Enforce { decision: decision.clone() })
    };
    desk.wanted.lock().unwrap().extend([decision.clone(), challenge.clone(), proxied.clone()]);
    let back = executors.submit(vec![
        enforce(1, &decision),
        enforce(2, &challenge),
        enforce(3, &proxied),
        enforce(4, &allow),
    ]);
    assert!(back.is_empty());
    for id in [1, 3] {
        let (destination, outcome, _) = desk.outcome(id);
        assert_eq!(destination, "list");
        assert!(matches!(outcome, Outcome::Applied | Outcome::Unchanged), "{outcome:?}");
    }
    assert!(matches!(desk.outcome(2).1, Outcome::Failed(why) if why.contains("can challenge")));
    assert_eq!(desk.outcome(4).1, Outcome::Unchanged);
    executors.reconcile_now();
    assert!(executors.stop(Duration::from_secs(2)));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("192.0.2.1\n192.0.2.2\n"), "{text}");
    let config: ActionsConfig = toml::from_str(&format!(
        "[[files]]\nname = \"list\"\nformat = \"plain\"\npath = \"{}\"",
        path.display()
    ))
    .unwrap();
    assert_eq!(remove_all(&config), [("list".to_owned(), Ok(()))]);
    assert!(!std::fs::read_to_string(&path).unwrap().contains("192.0.2"));
}

#[test]
fn a_dry_run_reaches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    let (desk, executors) = start(
        &format!(
            "[nftables]\n[[files]]\nname = \"list\"\nformat = \"plain\"\npath = \"{}\"\n\
             [[programs]]\nname = \"touch\"\nargv = [\"/usr/bin/touch\", \"--\", \"{{1}}\"]",
            path.display()
        ),
        true,
    );
    let touched = folder.path().join("touched").display().to_string();
    let decision = block("192.0.2.1", None);
    let back = executors
        .submit(vec![item(1, Action::Enforce { decision }), exec(2, "touch", &[&touched])]);
    assert!(back.is_empty());
    let (_, outcome, _) = desk.outcome(2);
    assert_eq!(outcome, Outcome::DryRun(format!("exec [\"/usr/bin/touch\",\"--\",\"{touched}\"]")));
    crate::actions::tests::wait_for(|| (desk.records.lock().unwrap().len() == 3).then_some(()))
        .unwrap();
    let records = desk.records.lock().unwrap();
    for (destination, part) in [("nftables", "nft -j -f - <<<"), ("list", "write /")] {
        let found = records.iter().find(|record| record.1 == destination).unwrap();
        assert!(matches!(&found.2, Outcome::DryRun(call) if call.contains(part)), "{found:?}");
    }
    drop(records);
    assert!(executors.stop(Duration::from_secs(2)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn the_end_is_in_order_and_in_time() {
    let (desk, executors) = start(
        "[[programs]]\nname = \"nap\"\nargv = [\"/bin/sleep\", \"0.3\"]\n[[programs]]\nname = \"sleep\"\nargv = [\"/bin/sleep\", \"5\"]",
        false,
    );
    assert!(executors.submit((0..4).map(|id| exec(id, "nap", &[])).collect()).is_empty());
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    assert!(executors.stop(Duration::from_secs(3)));
    assert!(started.elapsed() < Duration::from_secs(2), "only what was under way is waited for");
    assert_eq!(desk.records.lock().unwrap().len(), 1, "the rest stays in the outbox");
    let (_, executors) =
        start("[[programs]]\nname = \"sleep\"\nargv = [\"/bin/sleep\", \"2\"]", false);
    assert!(executors.submit(vec![exec(9, "sleep", &[])]).is_empty());
    std::thread::sleep(Duration::from_millis(50));
    assert!(!executors.stop(Duration::from_millis(100)), "left behind at the deadline");
}
