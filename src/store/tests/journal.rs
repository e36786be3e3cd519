//! Questions to the journal and to the lists.

use super::*;
use crate::decisions::{Effect, Mode};

fn filled() -> (tempfile::TempDir, Store) {
    let (dir, store) = fresh();
    let clients = [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.10", "203.0.113.0/24"),
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2::/64", "2001:db8:1:2::/64"),
    ];
    for (number, (key, who)) in (1..).zip(clients) {
        let time = at(i64::try_from(number).unwrap() * 10);
        store.commit(&blocked(number, 1, key, who, time)).unwrap();
    }
    (dir, store)
}

fn numbers(rows: &[JournalRow]) -> Vec<i64> {
    rows.iter().map(|row| row.n).collect()
}

#[test]
fn rows_come_by_kind_rule_time_and_number() {
    let (_dir, store) = filled();
    let ask = |query: JournalQuery| store.read().journal(&query).unwrap();
    let all = ask(JournalQuery::default());
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted_by(|one, other| one.n > other.n));
    let hits = ask(JournalQuery {
        kinds: vec![EntryKind::Hit],
        since: Some(at(20)),
        until: Some(at(40)),
        ..JournalQuery::default()
    });
    assert_eq!(hits.len(), 2);
    let none = ask(JournalQuery { rule: Some("another".to_owned()), ..JournalQuery::default() });
    assert!(none.is_empty());
    let page = ask(JournalQuery { limit: 5, ..JournalQuery::default() });
    let next = ask(JournalQuery { before: Some(page[4].n), limit: 5, ..JournalQuery::default() });
    assert_eq!([numbers(&page), numbers(&next)].concat(), numbers(&all)[..10]);
    let follow = ask(JournalQuery { after: Some(all[3].n), ..JournalQuery::default() });
    assert_eq!(numbers(&follow), [all[2].n, all[1].n, all[0].n]);
}

#[test]
fn why_finds_covering_networks_and_what_is_within() {
    let (_dir, store) = filled();
    let why = |text: &str| store.read().why(&target(text), at(60)).unwrap();
    let one = why("203.0.113.10");
    assert_eq!(one.in_force.len(), 1);
    assert_eq!(one.in_force[0].target, target("203.0.113.0/24"));
    // Its own hit, and the decision and action for its network.
    assert_eq!(one.journal.len(), 3, "{:?}", one.journal);
    assert_eq!(why("203.0.113.0/24").journal.len(), 6);
    let inside = why("2001:db8:1:2::77");
    assert_eq!(inside.journal.len(), 3);
    assert_eq!(inside.in_force.len(), 1);
    assert!(why("192.0.2.1").journal.is_empty());
    assert!(why("AS64500").journal.is_empty());
}

#[test]
fn users_are_found_as_parts_of_keys() {
    let (_dir, store) = fresh();
    let mut row = hit(1, "guessing", "bob|203.0.113.9", at(0));
    row.evidence.clear();
    let commit = Commit { at: at(0), hits: vec![row], ..Commit::default() };
    store.commit(&commit).unwrap();
    let rows = |text: &str| store.read().why(&target(text), at(0)).unwrap().journal.len();
    assert_eq!(rows("user:bob"), 1);
    assert_eq!(rows("203.0.113.9"), 1);
    assert_eq!(rows("user:bo"), 0);
}

#[test]
fn rows_serialise_to_one_flat_object() {
    let (_dir, store) = filled();
    let mut commit = Commit { at: at(100), seq: 2, ..Commit::default() };
    commit.outbox.push(OutboxRow {
        id: ActionId(50),
        hit: None,
        decision: None,
        action: Action::Perform {
            rule: Arc::from("guessing"),
            key: "203.0.113.9".to_owned(),
            time: at(99),
            effect: Effect::Log { message: "hello".to_owned() },
        },
        verdict: Verdict::Shadow("first days".to_owned()),
    });
    commit.notes.push(NoteRow {
        topic: "alarm".to_owned(),
        rule: None,
        target: None,
        text: "too many".to_owned(),
        time: at(100),
    });
    store.commit(&commit).unwrap();
    let rows = store.read().journal(&JournalQuery::default()).unwrap();
    let json: Vec<serde_json::Value> =
        rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect();
    assert_eq!(json[0]["type"], "note");
    assert_eq!(json[1]["type"], "action");
    assert_eq!(json[1]["action"], "perform");
    assert_eq!(json[1]["effect"], "log");
    assert_eq!(json[1]["guard"]["verdict"], "shadow");
    assert_eq!(json[1]["state"], "refused");
    let decision = json.iter().find(|row| row["type"] == "decision").unwrap();
    assert_eq!(decision["verdict"], "pass");
    assert_eq!(decision["target"], "2001:db8:1:2::/64");
    assert_eq!(decision["in_force"], true);
    assert_eq!(decision["recorded"], at(40).to_string());
    let hit = json.iter().find(|row| row["type"] == "hit").unwrap();
    assert_eq!(hit["evidence"][0]["source"], "nginx");
}

#[test]
fn lists_keep_what_was_set() {
    let (_dir, store) = fresh();
    let entry = AllowEntry {
        entry: "198.51.100.0/24".to_owned(),
        note: "office".to_owned(),
        added: at(0),
        until: None,
    };
    assert_eq!(store.allow(&entry).unwrap(), 1);
    assert_eq!(store.read().allowlist().unwrap(), (1, vec![entry.clone()]));
    let why = store.read().why(&target("198.51.100.7"), at(1)).unwrap();
    assert_eq!(why.allowed, vec![entry]);
    assert_eq!(store.disallow("192.0.2.0/24").unwrap(), None);
    assert_eq!(store.disallow("198.51.100.0/24").unwrap(), Some(2));

    store.set_rule_mode("scanner", Some(Mode::Shadow), at(3)).unwrap();
    assert_eq!(store.read().rule_modes().unwrap()[0].mode, Mode::Shadow);
    store.set_rule_mode("scanner", None, at(4)).unwrap();
    assert!(store.read().rule_modes().unwrap().is_empty());

    assert_eq!(store.meta_or_set("installed", "then").unwrap(), "then");
    assert_eq!(store.meta_or_set("installed", "now").unwrap(), "then");
    store.set_meta("panic", "on").unwrap();
    assert_eq!(store.read().meta("panic").unwrap().as_deref(), Some("on"));
    store.remove_meta("panic").unwrap();
    assert_eq!(store.read().meta("panic").unwrap(), None);
}

#[test]
fn offences_count_once_a_decision_and_decisions_expire() {
    let (_dir, store) = fresh();
    let mut commit = blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0));
    for (number, time) in [(1, 0), (1, 0), (2, 50)] {
        commit.offences.push(OffenceRow {
            decision: DecisionId(number),
            target: target("203.0.113.9"),
            rule: Arc::from("guessing"),
            time: at(time),
        });
    }
    store.commit(&commit).unwrap();
    let who = target("203.0.113.9");
    assert_eq!(store.read().offences_of(&who, at(0)).unwrap(), 2);
    assert_eq!(store.read().offences_of(&who, at(1)).unwrap(), 1);
    let counts = store.read().offences(at(0)).unwrap();
    assert_eq!((counts[0].count, counts[0].last), (2, at(50)));
    assert_eq!(store.expire(at(3_599)).unwrap(), 0);
    assert!(store.read().in_force(at(3_600)).unwrap().is_empty());
    assert_eq!(store.expire(at(3_600)).unwrap(), 1);
}
