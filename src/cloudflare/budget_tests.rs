//! Budgets on a clock of their own.

use super::*;
use crate::cloudflare::call::Area;

fn call(priority: Priority) -> Call {
    Call::get(Area::Zones, "/zones").priority(priority)
}

fn reply(name: &str, value: &str) -> Reply {
    Reply {
        status: 200,
        retry_after: None,
        headers: vec![(name.to_owned(), value.to_owned())],
        body: Vec::new(),
        whole: true,
    }
}

#[test]
fn never_more_than_1200_in_any_five_minutes() {
    let start = Instant::now();
    let mut budget = Budget::new(start);
    let mut made = Vec::new();
    for milli in (0..900_000).step_by(50) {
        let now = start + Duration::from_millis(milli);
        while budget.take(&call(Priority::Urgent), now).is_ok() {
            made.push(milli);
        }
    }
    for (index, first) in made.iter().enumerate() {
        let within = made[index..].iter().take_while(|at| **at < first + 300_000).count();
        assert!(within <= 1_200, "{within} from {first} on");
    }
    assert!(made.len() > 3_000, "and not far fewer: {}", made.len());
}

#[test]
fn blocks_come_before_housekeeping() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    let mut made =
        |priority| (0..200).filter(|_| budget.take(&call(priority), now).is_ok()).count();
    assert_eq!(made(Priority::Housekeeping), 30);
    assert_eq!(made(Priority::Ordinary), 18);
    assert_eq!(made(Priority::Urgent), 12);
    let wait = budget.take(&call(Priority::Urgent), now).unwrap_err();
    assert!(budget.take(&call(Priority::Urgent), now + wait).is_ok(), "{wait:?} is enough");
}

#[test]
fn items_and_purges_have_budgets_of_their_own() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    let items = |count| call(Priority::Urgent).lane(Lane::Items(count));
    assert!(budget.take(&items(9_000), now).is_ok());
    assert_eq!(budget.figures(now).items_left, 1_000);
    let later = now + Duration::from_secs(100);
    let wait = budget.take(&items(2_000), later).unwrap_err();
    assert_eq!(wait.as_secs(), 200, "until the 9,000 are five minutes old");
    assert!(budget.take(&items(1_000), later).is_ok());
    let mut lift = items(100);
    lift.method = Method::DELETE;
    assert!(budget.take(&lift, later).is_ok(), "a lift does not wait for blocks");
    assert!(budget.take(&lift, later).is_err(), "and is no way round the limit");
    assert!(budget.take(&call(Priority::Urgent), later).is_ok(), "other calls go on");
    assert!(budget.take(&items(99_999), later + Duration::from_mins(5)).is_ok());
    let purge = call(Priority::Urgent).lane(Lane::Purge);
    let purges = (0..40).filter(|_| budget.take(&purge, now).is_ok()).count();
    assert_eq!(purges, 25);
}

#[test]
fn never_more_than_10_000_items_in_any_five_minutes() {
    let start = Instant::now();
    let mut budget = Budget::new(start);
    let mut changed: Vec<(u64, usize)> = Vec::new();
    for second in 0..1_500 {
        let call = call(Priority::Urgent).lane(Lane::Items(1_000));
        while budget.take(&call, start + Duration::from_secs(second)).is_ok() {
            changed.push((second, 1_000));
        }
    }
    for (first, _) in &changed {
        let within = changed.iter().filter(|(at, _)| (*first..first + 300).contains(at));
        let within: usize = within.map(|(_, count)| count).sum();
        assert!(within <= 10_000, "{within} from {first} on");
    }
    assert_eq!(changed.len(), 50, "and not fewer");
}

#[test]
fn a_refusal_of_item_changes_stops_those_alone() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    let items = call(Priority::Urgent).lane(Lane::Items(1));
    budget.failure(&ApiError::new(&items, ErrorKind::TooManyItems, "x"), now);
    assert_eq!(budget.take(&items, now), Err(Duration::from_mins(5)));
    assert_eq!(budget.figures(now).items_left, 0);
    assert!(budget.take(&call(Priority::Urgent), now).is_ok());
    assert!(budget.take(&items, now + Duration::from_mins(5)).is_ok());
}

#[test]
fn too_many_calls_stop_everything_for_as_long_as_was_said() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    let mut error = ApiError::new(&call(Priority::Urgent), ErrorKind::TooMany, "x");
    error.wait = Some(Duration::from_secs(17));
    budget.failure(&error, now);
    assert_eq!(budget.take(&call(Priority::Urgent), now), Err(Duration::from_secs(17)));
    assert!(budget.take(&call(Priority::Urgent), now + Duration::from_secs(17)).is_ok());
    error.wait = None;
    budget.failure(&error, now);
    assert_eq!(budget.figures(now).stopped_for, Some(Duration::from_mins(5)));
    assert_eq!(budget.figures(now).items_left, 0);
    assert_eq!(budget.figures(now + Duration::from_mins(5)).items_left, 10_000);
}

#[test]
fn failures_in_a_row_open_the_circuit_and_a_success_closes_it() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    let error = ApiError::new(&call(Priority::Urgent), ErrorKind::Server, "x");
    for _ in 1..CLOUDFLARE_FAILURES_MAX {
        budget.failure(&error, now);
    }
    assert_eq!(budget.figures(now).stopped_for, None);
    budget.failure(&error, now);
    assert!(budget.figures(now).stopped_for.is_some());
    budget.success();
    assert!(budget.take(&call(Priority::Urgent), now + Duration::from_mins(1)).is_ok());
}

#[test]
fn headers_are_learned_from_and_rubbish_is_not() {
    let now = Instant::now();
    let mut budget = Budget::new(now);
    for (name, value) in [
        ("ratelimit", "\"default\";r=abc;t=-1, ;;;=,"),
        ("ratelimit-policy", "\"x\";q=NaN;w=inf, \"y\";q=0;w=0"),
        ("x-ratelimit-remaining", "many"),
    ] {
        budget.learn(&reply(name, value), now);
    }
    assert_eq!(budget.figures(now).left, 60);
    budget.learn(&reply("ratelimit", "\"default\";r=5;t=30"), now);
    assert_eq!(budget.figures(now).left, 5);
    budget.learn(&reply("ratelimit", "\"default\";r=0;t=30"), now);
    assert_eq!(budget.figures(now).stopped_for, Some(Duration::from_secs(30)));
    budget.learn(&reply("ratelimit-policy", "\"burst\";q=20;w=20"), now);
    let later = now + Duration::from_mins(10);
    assert_eq!(budget.figures(later).left, 20);
}
