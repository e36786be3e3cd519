//! What is old goes, what stands stays.

use super::*;
use crate::store::retention::RetentionConfig;

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}

fn count(store: &Store, table: &str) -> i64 {
    store
        .read()
        .ask(|view| view.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)))
        .unwrap()
}

#[test]
fn evidence_journal_and_offences_have_their_own_ages() {
    let (_dir, store) = fresh();
    for number in 1..=500_u128 {
        let mut commit = blocked(number, 1, "203.0.113.9", "203.0.113.9", at(0));
        commit.offences.push(OffenceRow {
            decision: DecisionId(number),
            target: target("203.0.113.9"),
            rule: Arc::from("guessing"),
            time: at(0),
        });
        if number == 1 {
            commit.decisions[0].decision.until = None;
        }
        store.commit(&commit).unwrap();
        if number > 2 {
            store.settle(ActionId(number), Settled::Done).unwrap();
        }
    }
    let config = RetentionConfig::default();
    assert_eq!(store.retain(&config, at(0).plus(days(6))).unwrap().old, 0);
    store.retain(&config, at(0).plus(days(8))).unwrap();
    assert_eq!((count(&store, "evidence"), count(&store, "hits")), (0, 500));
    let late = at(0).plus(days(31));
    store.expire(late).unwrap();
    store.retain(&config, late).unwrap();
    assert_eq!(count(&store, "hits"), 0);
    assert_eq!(count(&store, "decisions"), 1, "the one in force stays");
    assert_eq!(count(&store, "outbox"), 2, "what has not ended stays");
    assert_eq!(count(&store, "offences"), 500);
    store.retain(&config, at(0).plus(days(91))).unwrap();
    assert_eq!(count(&store, "offences"), 0);
}

#[test]
fn the_oldest_go_when_the_journal_is_too_large() {
    let (_dir, store) = fresh();
    for number in 1..=3_000_u128 {
        let mut commit = blocked(number, 1, "203.0.113.9", "203.0.113.9", at(0));
        commit.outbox.clear();
        commit.decisions.clear();
        commit.hits[0].rule = Arc::from(format!("r{number}"));
        commit.hits[0].evidence[0].record = "x".repeat(1_000);
        store.commit(&commit).unwrap();
    }
    let config = RetentionConfig { journal_mib_max: 1, ..RetentionConfig::default() };
    let removed = store.retain(&config, at(1)).unwrap();
    assert!(removed.oversize > 1_000, "{removed:?}");
    let left = store.read().journal(&JournalQuery { limit: 5_000, ..JournalQuery::default() });
    let left = left.unwrap();
    assert!(left.len() > 300, "{}", left.len());
    // The newest are the ones that stay.
    assert_eq!(left[0].n - left[left.len() - 1].n, number(left.len()) - 1);
    assert_eq!(count(&store, "evidence"), number(left.len()));
    store.scrub().unwrap();
    let size = std::fs::metadata(store.path()).unwrap().len();
    assert!(size < 1_300_000, "{size}");
}

#[test]
fn settings_are_read_as_people_write_them() {
    let config: RetentionConfig =
        toml::from_str("evidence = \"3d\"\njournal_mib_max = 64").unwrap();
    assert_eq!(config.evidence, days(3));
    assert_eq!(config.journal, days(30));
    assert!(toml::from_str::<RetentionConfig>("evidenc = \"3d\"").is_err());
}

#[test]
fn the_log_stays_bounded_under_a_flood() {
    let (_dir, store) = fresh();
    let log = dir::beside(store.path(), "-wal");
    let mut largest = 0;
    for number in 1..=4_000_u128 {
        let mut commit = blocked(number, 1, "203.0.113.9", "203.0.113.9", at(0));
        commit.hits[0].evidence = vec![commit.hits[0].evidence[0].clone(); 16];
        for item in &mut commit.hits[0].evidence {
            item.record = "y".repeat(1_000);
        }
        store.commit(&commit).unwrap();
        largest = largest.max(std::fs::metadata(&log).map_or(0, |meta| meta.len()));
    }
    let slack = 2 * limits::STORE_WAL_FOLD_BYTES;
    assert!(largest < limits::STORE_WAL_BYTES_MAX + slack, "{largest}");
}
