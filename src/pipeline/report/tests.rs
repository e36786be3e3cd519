//! Built traffic through both readings: who looks like a customer, and who doesn't.

#[path = "../../../tests/support/week.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod week;

use super::*;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::decisions::Target;
use crate::parsers::Parser;
use crate::pipeline::live::real_client;
use crate::pipeline::replay::{Input, Span};
use crate::sources::Replay;
use std::io::Cursor;
use week::{DAYS, Week};

fn input(name: &str, format: &str, text: &str) -> Input {
    let reader = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let parser = Parser::for_format(format).unwrap();
    Input { replay: Replay::from_reader(name, reader).unwrap(), parser }
}

/// A block for an hour from that second of the week on.
fn would(rule: &str, second: u32) -> Would {
    let from = Timestamp::from_secs(week::MONDAY + i64::from(second));
    Would {
        rule: rule.into(),
        remedy: Remedy::Block,
        from,
        until: Some(from.plus(Duration::from_hours(1))),
        reason: "guessed".into(),
        guard: "pass".into(),
        key: "".into(),
        count: 5,
        lines: Vec::new(),
        dropped: false,
    }
}

/// The report about these, stopped at that second of the week, in these logs.
fn report(logs: &Week, stopped: &[(&str, u32)]) -> Report {
    report_on(2, logs, stopped)
}

/// The same with so many threads.
fn report_on(threads: usize, logs: &Week, stopped: &[(&str, u32)]) -> Report {
    let mut blocked = Blocked::default();
    for (target, second) in stopped {
        blocked.note(&Target::parse(target).unwrap(), would("rule", *second));
    }
    let config = Config::default();
    let from = Timestamp::from_secs(week::MONDAY);
    let frame = Frame { from, to: from.plus(Duration::from_hours(7 * 24)) };
    let reading = Reading {
        inputs: vec![
            input("access.log", "nginx", &logs.access_log()),
            input("auth.log", "sshd", &logs.auth_log()),
        ],
        real_client: &real_client(&config),
        span: Span::default(),
        frame,
        threads: Some(threads),
    };
    let profiles = profiles(reading, &blocked, |_| {});
    Report::of(blocked, profiles, frame)
}

fn client<'r>(report: &'r Report, name: &str) -> &'r Client {
    report.clients.iter().find(|client| client.name == name).unwrap()
}

fn signs(client: &Client) -> Vec<Sign> {
    client.score.parts.iter().map(|part| part.sign).collect()
}

#[test]
fn customers_and_attackers_are_told_apart() {
    let logs = Week::whole(1, 100);
    let wednesday_evening = 2 * DAYS + 21 * 3_600;
    let customers =
        [week::CUSTOMER, week::OFFICE, week::GOOGLEBOT, week::API_CLIENT, week::ADMINISTRATOR];
    let attackers = [
        week::FALSE_GOOGLEBOT,
        week::WORDPRESS_GUESSER,
        week::GUESSER,
        week::LUCKY_GUESSER,
        week::SCANNER,
        week::TOOL,
        week::FLOODER,
        week::SSH_GUESSER,
    ];
    let stopped: Vec<(&str, u32)> =
        customers.iter().chain(&attackers).map(|name| (*name, wednesday_evening)).collect();
    let report = report(&logs, &stopped);
    for name in customers {
        let client = client(&report, name);
        assert_eq!(client.score.verdict, Verdict::Customer, "{name}: {:#?}", client.score);
    }
    for name in attackers {
        let client = client(&report, name);
        assert_eq!(client.score.verdict, Verdict::Attacker, "{name}: {:#?}", client.score);
    }
    assert_eq!(report.totals.clients, 13);
    assert_eq!(report.totals.customers, 5);
    assert_eq!(report.rules[0].customers, 5);
}

#[test]
fn the_reasons_are_those_that_a_person_would_give() {
    let logs = Week::whole(2, 20);
    let all = [
        week::CUSTOMER,
        week::OFFICE,
        week::GOOGLEBOT,
        week::FALSE_GOOGLEBOT,
        week::WORDPRESS_GUESSER,
        week::LUCKY_GUESSER,
        week::SCANNER,
        week::TOOL,
        week::FLOODER,
        week::SSH_GUESSER,
    ];
    let report = report(&logs, &all.map(|name| (name, 3 * DAYS)));
    let has = |name: &str, sign: Sign| {
        let client = client(&report, name);
        assert!(signs(client).contains(&sign), "{name} {sign:?}: {:#?}", client.score);
    };
    for sign in [Sign::LoggedIn, Sign::AfterFailure, Sign::History, Sign::Parts, Sign::Links] {
        has(week::CUSTOMER, sign);
    }
    has(week::OFFICE, Sign::People);
    has(week::GOOGLEBOT, Sign::Engine);
    has(week::FALSE_GOOGLEBOT, Sign::Engine);
    has(week::WORDPRESS_GUESSER, Sign::FailedLogins);
    has(week::LUCKY_GUESSER, Sign::GuessedRight);
    has(week::SCANNER, Sign::Attacks);
    has(week::TOOL, Sign::Tool);
    has(week::FLOODER, Sign::Pace);
    has(week::FLOODER, Sign::SamePage);
    has(week::SSH_GUESSER, Sign::Accounts);
    let mistyped = client(&report, week::CUSTOMER).score.parts.iter();
    let words: Vec<&str> = mistyped.map(|part| part.words.as_str()).collect();
    assert!(words.iter().any(|words| words.contains("6 failed logins in a row")), "{words:?}");
}

#[test]
fn what_would_be_lost_is_counted_from_the_decision_to_its_end() {
    let mut logs = Week::empty(3);
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
    for second in [0, 99, 100, 101, 200, 3_699, 3_700, 5_000] {
        let status = if second == 200 { 404 } else { 200 };
        logs.visit(second, "198.51.100.9", "GET /", status, "", browser);
    }
    let report = report(&logs, &[("198.51.100.9", 100)]);
    let client = client(&report, "198.51.100.9");
    assert_eq!((client.profile.lost, client.profile.lost_good), (3, 2));
    assert_eq!(client.profile.good_before, 2);
    let lines: Vec<u64> = client.profile.lost_lines.iter().map(|line| line.number).collect();
    assert_eq!(lines, [4, 6]);
}

#[test]
fn a_blocked_network_is_looked_at_client_by_client() {
    let logs = Week::whole(4, 0);
    let report = report(&logs, &[("203.0.113.0/24", 0), ("2001:db8::/32", 0), ("192.0.2.40", 0)]);
    let names: Vec<&str> = report.clients.iter().map(|client| client.name.as_str()).collect();
    assert_eq!(names.len(), 9, "{names:?}");
    assert_eq!(names[0], week::OFFICE);
    assert_eq!(report.without_client, 1);
}

#[test]
fn what_the_guard_refuses_hits_nobody() {
    let logs = Week::whole(5, 0);
    let mut blocked = Blocked::default();
    let refused = Would { guard: "refused: allowlist entry".into(), ..would("rule", 0) };
    blocked.note(&Target::parse(week::OFFICE).unwrap(), refused);
    let config = Config::default();
    let from = Timestamp::from_secs(week::MONDAY);
    let frame = Frame { from, to: from.plus(Duration::from_hours(7 * 24)) };
    let reading = Reading {
        inputs: vec![input("access.log", "nginx", &logs.access_log())],
        real_client: &real_client(&config),
        span: Span::default(),
        frame,
        threads: None,
    };
    let profiles = profiles(reading, &blocked, |_| {});
    let report = Report::of(blocked, profiles, frame);
    assert_eq!(report.totals.clients, 0);
    assert_eq!(report.spared[0].refused.as_deref(), Some("refused: allowlist entry"));
    assert_eq!(report.spared[0].profile.lost, 0);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let logs = Week::whole(6, 60);
    let stopped = [(week::CUSTOMER, DAYS), (week::OFFICE, DAYS)];
    let once = report_on(1, &logs, &stopped);
    let again = report_on(5, &logs, &stopped);
    assert_eq!(once.clients.len(), again.clients.len());
    for (one, other) in once.clients.iter().zip(&again.clients) {
        assert_eq!(one.score, other.score);
        assert_eq!(one.profile.lane.good, other.profile.lane.good);
    }
}
