//! What the score must hold whatever the signs are.

use super::super::signs::Engine;
use super::super::weights::WEIGHTS;
use super::*;
use proptest::prelude::*;

fn signs() -> impl Strategy<Value = Signs> {
    let number = || prop_oneof![0..4_u64, 0..60_u64, 0..5_000_u64];
    let answers = (number(), number(), number(), number());
    let requests = (number(), number(), number(), any::<bool>(), any::<bool>());
    let past = (number(), 0..2_000_000_u64, 0..64_u32);
    let logins = (number(), number(), number(), proptest::option::of(number()));
    let people = (0..13_u64, any::<bool>(), 0..13_u64, 0..13_u64);
    let engine = proptest::option::of(proptest::option::of(any::<bool>()));
    let names = (engine, any::<bool>(), any::<bool>(), any::<bool>());
    let rest = (number(), number(), any::<bool>(), number());
    (answers, requests, past, logins, people, names, rest).prop_map(
        |(answers, requests, past, logins, people, names, rest)| Signs {
            good: answers.0,
            missing: answers.1,
            refused: answers.2,
            bad: answers.3,
            pages: requests.0,
            parts: requests.1,
            linked: requests.2,
            browser: requests.3,
            pauses: requests.4,
            good_before: past.0,
            known_secs: past.1,
            days_before: past.2,
            logins_failed: logins.0,
            web_logins: logins.1,
            ssh_logins: logins.2,
            got_in_after: logins.3,
            accounts: people.0,
            asked_for_password: people.1,
            accounts_failed: people.2,
            people: people.3,
            engine: names.0.map(|in_its_networks| Engine { name: "Googlebot", in_its_networks }),
            service: names.1.then_some("Stripe"),
            private: names.2,
            tool: names.3.then_some("sqlmap"),
            attacks: rest.0,
            busiest_minute: rest.1,
            same_page: rest.2,
            lost_good: rest.3,
        },
    )
}

proptest! {
    #[test]
    fn a_score_lies_in_its_bounds_and_is_the_sum_of_its_parts(signs in signs()) {
        let score = score(&signs);
        prop_assert!((0..=100).contains(&score.points));
        let sum: i32 = score.parts.iter().map(|part| part.points).sum();
        prop_assert_eq!(score.points, (START + sum).clamp(0, 100));
        for part in &score.parts {
            let weight = part.sign.weight();
            prop_assert!(part.points >= weight.least && part.points <= weight.most, "{part:?}");
            prop_assert!(!part.words.is_empty());
        }
    }

    #[test]
    fn better_answers_never_lower_it(signs in signs(), better in 1..50_u64) {
        let moved = better.min(signs.missing);
        let after = Signs { good: signs.good + moved, missing: signs.missing - moved, ..signs };
        prop_assert!(score(&after).points >= score(&signs).points);
        let moved = better.min(signs.refused);
        let after = Signs { good: signs.good + moved, refused: signs.refused - moved, ..signs };
        prop_assert!(score(&after).points >= score(&signs).points);
        let moved = better.min(signs.bad);
        let after = Signs { good: signs.good + moved, bad: signs.bad - moved, ..signs };
        prop_assert!(score(&after).points >= score(&signs).points);
        let after = Signs { lost_good: signs.lost_good + better, ..signs };
        prop_assert!(score(&after).points >= score(&signs).points);
    }

    #[test]
    fn what_only_attackers_do_never_raises_it(signs in signs(), more in 1..50_u64) {
        let after = Signs { attacks: signs.attacks + more, ..signs };
        prop_assert!(score(&after).points <= score(&signs).points);
        let after = Signs { tool: Some("sqlmap"), ..signs };
        prop_assert!(score(&after).points <= score(&signs).points);
    }
}

#[test]
fn every_sign_has_one_row_and_the_docs_show_it() {
    let page = include_str!("../../../docs/false-alarms.md");
    for (place, weight) in WEIGHTS.iter().enumerate() {
        assert!(WEIGHTS.iter().skip(place + 1).all(|other| other.sign != weight.sign));
        assert_eq!(weight.sign.weight().name, weight.name);
        let range = if weight.least == 0 {
            format!("+{}", weight.most)
        } else if weight.most == 0 {
            format!("{}", weight.least)
        } else {
            format!("{} to +{}", weight.least, weight.most)
        };
        let row = format!("| `{}` | {range} | {} |", weight.name, weight.why);
        assert!(page.contains(&row), "docs/false-alarms.md lacks the row\n{row}");
    }
    for edge in [format!("from {CUSTOMER_FROM}"), format!("below {ATTACKER_BELOW}")] {
        assert!(page.contains(&edge), "docs/false-alarms.md lacks `{edge}`");
    }
}

#[test]
fn numbers_read_well() {
    assert_eq!(thousands(0), "0");
    assert_eq!(thousands(1_234_567), "1,234,567");
    assert_eq!(count(1, "day"), "1 day");
    assert_eq!(percent(0.999), "99 %");
    assert_eq!(percent(0.001), "1 %");
}
