//! The daemon with the look-alike of Cloudflare where limits are met: a full stop and a restart, two
//! daemons on one account, a token that changes, a status page with an incident.

use super::cloudflare::{TOKEN, blocked, ended_well, place, simulator};
use crate::support::Place;
use crate::support::trouble::{address, attack};
use riposte::simulator::{Fault, FaultKind, Options, Simulator, TokenGrant};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

fn grant(token: &str) -> TokenGrant {
    TokenGrant { token: token.to_owned(), of_account: false, permissions: None }
}

/// What status says of Cloudflare.
fn detail(place: &Place) -> String {
    let status = place.status();
    let to = status.destinations.iter().find(|to| to.name == "cloudflare");
    to.map(|to| to.detail.clone()).unwrap_or_default()
}

#[test]
fn a_full_stop_outlasts_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let options = Options { shut_for: Duration::from_mins(10), ..Options::new(TOKEN) };
    let simulator = Simulator::start(0, options, None).unwrap();
    let place = place(&root, &simulator);
    let daemon = place.start_and_wait();
    place.wait(Duration::from_mins(1), "the place is made", || {
        !simulator.custom_rules("example.com").is_empty()
    });
    simulator.fault(Fault::new(FaultKind::ShutOut, 1));
    place.append(&attack(&address(1)));
    place.wait(Duration::from_mins(1), "Cloudflare refuses", || {
        place.status().destinations.iter().any(|to| to.detail.contains("971"))
    });
    daemon.terminate();
    let calls = simulator.calls();
    let daemon = place.start_and_wait();
    place.append(&attack(&address(5_000)));
    place.wait(Duration::from_mins(1), "it knows that nothing may be sent", || {
        detail(&place).contains("nothing is sent for")
            || detail(&place).contains("nothing may be sent")
    });
    assert_eq!(simulator.calls(), calls, "not a single call since the restart");
    let shown = place.ask(&["cf", "zones"]);
    assert!(shown.contains("nothing may be sent for"), "the command line knows it too: {shown}");
    assert_eq!(simulator.calls(), calls);
    daemon.terminate();
}

#[test]
fn two_daemons_on_one_account_get_along() {
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_millis(700));
    let first = place(&root, &simulator);
    let other_root = tempfile::tempdir().unwrap();
    let second = place(&other_root, &simulator);
    let config = second.dir.join("riposte.toml");
    let text = fs::read_to_string(&config).unwrap().replace("\"web1\"", "\"web2\"");
    fs::write(&config, text).unwrap();
    let daemons = [first.start_and_wait(), second.start_and_wait()];
    for number in 0..20 {
        first.append(&attack(&address(number)));
        second.append(&attack(&address(number + 10)));
    }
    let expected: BTreeSet<String> = (0..30).map(address).collect();
    first.wait(Duration::from_mins(2), "all are blocked", || blocked(&simulator) == expected);
    ended_well(&first, 20);
    ended_well(&second, 20);
    assert_eq!(simulator.list_items("riposte").len(), 30, "none is doubled");
    let told = first.ask(&["panic"]);
    assert!(told.contains("panic"), "{told}");
    first.wait(Duration::from_mins(1), "the first one's are gone", || {
        let items = simulator.list_items("riposte");
        items.iter().all(|(_, note)| note.starts_with("riposte/web2 "))
    });
    assert_eq!(simulator.custom_rules("example.com").len(), 1, "the rule is the other's too");
    for daemon in daemons {
        daemon.terminate();
    }
}

#[test]
fn a_token_that_was_rotated_is_used_without_a_restart() {
    let other = "cfut_AnotherPlanted0123456789abcdefghijklmnop";
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_millis(50));
    let place = place(&root, &simulator);
    let daemon = place.start_and_wait();
    place.append(&attack(&address(1)));
    ended_well(&place, 1);
    fs::write(root.path().join("token"), other).unwrap();
    simulator.set_tokens(vec![grant(other)]);
    place.append(&attack(&address(2)));
    ended_well(&place, 2);
    assert_eq!(blocked(&simulator), BTreeSet::from([address(1), address(2)]));
    assert!(!place.log().contains(other), "{}", place.log());
    daemon.terminate();
}

#[test]
fn an_incident_on_the_status_page_is_told() {
    let root = tempfile::tempdir().unwrap();
    let simulator = simulator(Duration::from_millis(50));
    simulator.incident(Some("API errors"));
    let place = place(&root, &simulator);
    let config = place.dir.join("riposte.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}status_page = \"{}\"\n", simulator.status_page())).unwrap();
    let daemon = place.start_and_wait();
    place.append(&attack(&address(1)));
    place.wait(Duration::from_mins(1), "it is told", || {
        detail(&place).contains("Cloudflare tells of an incident: API errors")
    });
    ended_well(&place, 1);
    daemon.terminate();
}
