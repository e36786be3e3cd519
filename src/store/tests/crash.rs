//! What a start after a crash needs: commits that can be repeated, checkpoints that count whole
//! or not at all.

use super::*;
use crate::decisions::Outcome;

#[test]
fn a_commit_repeated_after_a_crash_does_nothing_twice() {
    let (_dir, store) = fresh();
    let commit = blocked(1, 5, "203.0.113.9", "203.0.113.9", at(0));
    let first = store.commit(&commit).unwrap();
    assert_eq!((first.hits, first.decisions, first.outbox), (vec![true], vec![true], vec![true]));
    let again = store.commit(&commit).unwrap();
    assert_eq!(
        (again.hits, again.decisions, again.outbox),
        (vec![false], vec![false], vec![false])
    );
    assert_eq!(store.read().in_force(at(1)).unwrap().len(), 1);
    assert_eq!(store.read().pending(10).unwrap().len(), 1);
    assert_eq!(store.read().load().unwrap().inputs, vec![batch(5)]);
}

#[test]
fn a_lift_that_is_replayed_spares_what_came_after_it() {
    let (_dir, store) = fresh();
    let who = "203.0.113.9";
    store.commit(&blocked(1, 1, who, who, at(0))).unwrap();
    let lifting = Commit {
        at: at(1),
        seq: 2,
        lifts: vec![LiftRow {
            target: target(who),
            decision: None,
            reason: "a mistake".to_owned(),
            by: "manual".to_owned(),
            time: at(1),
        }],
        ..Commit::default()
    };
    assert_eq!(store.commit(&lifting).unwrap().lifted, 1);
    store.commit(&blocked(2, 3, who, who, at(2))).unwrap();
    assert_eq!(store.commit(&lifting).unwrap().lifted, 0);
    let standing = store.read().in_force(at(3)).unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0].id, DecisionId(2));
}

#[test]
fn a_queued_decision_takes_its_later_verdict_once() {
    let (_dir, store) = fresh();
    let mut commit = blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0));
    commit.decisions[0].verdict = Verdict::Queued;
    commit.outbox.clear();
    assert_eq!(store.commit(&commit).unwrap().decisions, vec![true]);
    assert_eq!(store.commit(&commit).unwrap().decisions, vec![false]);
    assert!(store.read().is_queued(DecisionId(1)).unwrap());
    assert!(store.read().in_force(at(1)).unwrap().is_empty());
    let mut passed = commit.clone();
    passed.decisions[0].verdict = Verdict::Pass;
    assert_eq!(store.commit(&passed).unwrap().decisions, vec![true]);
    assert!(!store.read().is_queued(DecisionId(1)).unwrap());
    assert_eq!(store.commit(&passed).unwrap().decisions, vec![false]);
    assert_eq!(store.commit(&commit).unwrap().decisions, vec![false]);
    assert_eq!(store.read().in_force(at(1)).unwrap().len(), 1);
}

#[test]
fn repeats_become_a_counter_and_are_remembered_until_a_checkpoint() {
    let (_dir, store) = fresh();
    let commit = |number: u128| {
        let hit = hit(number, "scanner", "203.0.113.9", at(0));
        let decision = block(number, &hit, "203.0.113.9", 5);
        Commit {
            at: at(0),
            seq: 3,
            decisions: vec![DecisionRow { decision, verdict: Verdict::AlreadyInForce }],
            hits: vec![hit],
            ..Commit::default()
        }
    };
    for number in 1..=20 {
        let done = store.commit(&commit(number)).unwrap();
        assert_eq!((done.hits, done.decisions), (vec![true], vec![true]));
    }
    let query = JournalQuery { kinds: vec![EntryKind::Hit], ..JournalQuery::default() };
    let rows = store.read().journal(&query).unwrap();
    let kept = usize::try_from(limits::STORE_REPEATS_A_MINUTE_MAX).unwrap();
    assert_eq!(rows.len(), kept);
    let Entry::Hit { repeats, .. } = &rows[0].entry else {
        panic!("not a hit");
    };
    assert_eq!(*repeats, 20 - rows.len() as u64);
    let again = store.commit(&commit(20)).unwrap();
    assert_eq!((again.hits, again.decisions), (vec![false], vec![false]));
    assert!(store.read().has_hit(HitId(1)).unwrap(), "with a row");
    assert!(store.read().has_hit(HitId(20)).unwrap(), "collapsed");
    assert!(!store.read().has_hit(HitId(21)).unwrap());
    // What leads to something always has its own row.
    let acted = store.commit(&blocked(99, 4, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    assert_eq!(acted.hits, vec![true]);
    assert_eq!(store.read().journal(&query).unwrap().len(), kept + 1);
    store.checkpoint(&Checkpoint { seq: 3, ..Checkpoint::default() }).unwrap();
    assert!(!lock(&store.writer).state.any_seen);
}

fn shard(table: &str, shard: u16, byte: u8, len: usize) -> Shard {
    Shard { table: table.to_owned(), fingerprint: u64::MAX - 1, shard, bytes: vec![byte; len] }
}

fn shards(store: &Store) -> Vec<Shard> {
    let mut all = Vec::new();
    store.read().each_shard(|shard| all.push(shard)).unwrap();
    all
}

#[test]
fn a_checkpoint_prunes_what_it_covers_and_replaces_only_dirty_shards() {
    let (_dir, store) = fresh();
    for seq in 1..=4 {
        let number = u128::from(seq);
        let commit = blocked(number, seq, "203.0.113.9", "203.0.113.9", at(0));
        store.commit(&commit).unwrap();
    }
    let origin = Origin { source: Arc::from("nginx"), stream: Arc::from("s1") };
    let big = 700_000;
    let mut checkpoint = Checkpoint {
        seq: 2,
        at: at(9),
        cursors: vec![(origin.clone(), 300)],
        shards: vec![shard("a", 0, 1, big), shard("a", 1, 2, big), shard("b", 0, 3, 9)],
        live: None,
        blobs: vec![("standing".to_owned(), vec![1, 2])],
    };
    store.checkpoint(&checkpoint).unwrap();
    let loaded = store.read().load().unwrap();
    assert_eq!((loaded.seq, loaded.at), (2, at(9)));
    assert_eq!(loaded.cursors, vec![(origin, 300)]);
    assert_eq!(loaded.inputs, vec![batch(3), batch(4)]);
    assert_eq!(loaded.blobs, checkpoint.blobs);
    assert_eq!(shards(&store), checkpoint.shards);

    checkpoint.seq = 4;
    checkpoint.shards = vec![shard("a", 1, 9, 5), shard("b", 0, 0, 0)];
    store.checkpoint(&checkpoint).unwrap();
    assert_eq!(shards(&store), vec![shard("a", 0, 1, big), shard("a", 1, 9, 5)]);
    assert!(store.read().load().unwrap().inputs.is_empty());

    checkpoint.seq = 5;
    checkpoint.shards.clear();
    checkpoint.live = Some(vec![("b".to_owned(), u64::MAX - 1), ("a".to_owned(), 1)]);
    store.checkpoint(&checkpoint).unwrap();
    assert!(shards(&store).is_empty());
}

#[test]
fn a_checkpoint_that_was_cut_off_counts_for_nothing() {
    let (_dir, store) = fresh();
    let first = Checkpoint { seq: 1, shards: vec![shard("a", 0, 1, 10)], ..Checkpoint::default() };
    store.checkpoint(&first).unwrap();
    // As if killed between the shards and the last transaction.
    let unfinished = [shard("a", 0, 7, 10), shard("c", 0, 7, 10)];
    store.transact(|change, _| checkpoint::write_shards(change, 2, &unfinished)).unwrap();
    assert_eq!(shards(&store), first.shards);
    let later = Checkpoint {
        // Of the same input: state can change without one (somebody was forgotten).
        seq: 1,
        shards: vec![shard("b", 0, 2, 10)],
        ..Checkpoint::default()
    };
    store.checkpoint(&later).unwrap();
    assert_eq!(shards(&store), vec![shard("a", 0, 1, 10), shard("b", 0, 2, 10)]);
}

#[test]
fn an_action_stays_in_the_outbox_until_it_has_ended_everywhere() {
    let (_dir, store) = fresh();
    store.commit(&blocked(1, 1, "203.0.113.9", "203.0.113.9", at(0))).unwrap();
    let mark = |destination: &str, outcome: &Outcome, attempt: u32| {
        store
            .mark(&Mark {
                action: ActionId(1),
                destination,
                outcome,
                attempt,
                at: at(i64::from(attempt)),
            })
            .unwrap();
    };
    let doubt = Outcome::Unconfirmed("no answer".to_owned());
    mark("web", &doubt, 1);
    mark("web", &doubt, 2);
    mark("nftables", &Outcome::Applied, 1);
    let pending = store.read().pending(10).unwrap();
    assert_eq!(
        pending[0].outcomes,
        vec![("nftables".to_owned(), Outcome::Applied, 1), ("web".to_owned(), doubt, 2)]
    );
    mark("web", &Outcome::Applied, 3);
    assert!(store.read().pending(10).unwrap().is_empty());
    let outcomes = JournalQuery { kinds: vec![EntryKind::Outcome], ..JournalQuery::default() };
    let told = store.read().journal(&outcomes).unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    store.settle(ActionId(1), Settled::Dropped).unwrap();
}

#[test]
fn many_threads_commit_and_nothing_is_lost() {
    let (_dir, store) = fresh();
    std::thread::scope(|scope| {
        for thread in 0..4_u128 {
            let store = &store;
            scope.spawn(move || {
                for step in 0..50 {
                    let number = thread * 1_000 + step;
                    let commit = blocked(number, 1, "203.0.113.9", "203.0.113.9", at(0));
                    assert_eq!(store.commit(&commit).unwrap().hits, vec![true]);
                }
            });
        }
    });
    assert_eq!(store.read().in_force(at(1)).unwrap().len(), 200);
}

/// Prints what a commit costs; run it alone, in release, with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn measure_commits() {
    let (_dir, store) = fresh();
    let mut micros: Vec<u128> = (0..20_000_u128)
        .map(|number| {
            let key = format!("198.51.{}.{}", (number / 250) % 250, number % 250);
            let commit = blocked(number + 1, 1, &key, &key, at(0));
            let start = std::time::Instant::now();
            store.commit(&commit).unwrap();
            start.elapsed().as_nanos() / 100
        })
        .collect();
    let log = std::fs::metadata(dir::beside(store.path(), "-wal")).unwrap().len();
    println!("log: {} MiB", log >> 20);
    micros.sort_unstable();
    let share = |of: usize| micros[micros.len() * of / 1_000] as f64 / 10.0;
    println!(
        "hit, decision and action in one commit: median {} µs, p99 {} µs, p99.9 {} µs, max {} µs",
        share(500),
        share(990),
        share(999),
        *micros.last().unwrap() as f64 / 10.0
    );
}
