//! How good does a client look? Signs in, a number from 0 to 100 out, with the parts that made it,
//! in words. Pure; the weights are in `weights`.

use super::lists::NETWORKS_READ;
use super::signs::Signs;
use super::weights::{ATTACKER_BELOW, CUSTOMER_FROM, START, Sign};
use crate::clock::format_duration;
use std::time::Duration;

/// What a client most likely is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A customer: a false alarm.
    Customer,
    /// Nothing that decides.
    Unclear,
    /// An attacker.
    Attacker,
}

impl Verdict {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Customer => "likely customer",
            Self::Unclear => "unclear",
            Self::Attacker => "likely attacker",
        }
    }

    /// In one word, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Unclear => "unclear",
            Self::Attacker => "attacker",
        }
    }
}

/// What one sign adds or takes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The sign.
    pub sign: Sign,
    /// How much.
    pub points: i32,
    /// Why, in words.
    pub words: String,
}

/// A score and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// From 0 (looks like an attacker) to 100 (looks like a customer).
    pub points: i32,
    /// What it means.
    pub verdict: Verdict,
    /// What made it, the weightiest first.
    pub parts: Vec<Part>,
}

/// Judges the signs.
pub fn score(signs: &Signs) -> Score {
    let mut parts = Vec::new();
    let mut add = |sign: Sign, points: i32, words: String| {
        let weight = sign.weight();
        let points = points.clamp(weight.least, weight.most);
        if points != 0 {
            parts.push(Part { sign, points, words });
        }
    };
    answers(signs, &mut add);
    logins(signs, &mut add);
    habits(signs, &mut add);
    names(signs, &mut add);
    against(signs, &mut add);
    parts.sort_by_key(|part: &Part| (-part.points.abs(), part.sign));
    let sum: i32 = parts.iter().map(|part| part.points).sum();
    let points = (START + sum).clamp(0, 100);
    let verdict = if points >= CUSTOMER_FROM {
        Verdict::Customer
    } else if points < ATTACKER_BELOW {
        Verdict::Attacker
    } else {
        Verdict::Unclear
    };
    Score { points, verdict, parts }
}

type Add<'a> = dyn FnMut(Sign, i32, String) + 'a;

fn answers(signs: &Signs, add: &mut Add<'_>) {
    let all = signs.good + signs.missing + signs.refused + signs.bad;
    if all > 0 {
        let most = f64::from(Sign::Answers.weight().most);
        let share = signs.good as f64 / all as f64;
        let sure = all as f64 / (all as f64 + 4.0);
        let points = ((2.0 * share - 1.0) * most * sure).round();
        #[expect(clippy::cast_possible_truncation, reason = "within the weight")]
        let points = points as i32;
        let words = format!("{} of {} were 2xx or 3xx", percent(share), count(all, "answer"));
        add(Sign::Answers, points, words);
    }
    let before = signs.good_before;
    let history = match signs.known_secs {
        _ if before < 3 => 0,
        secs if secs >= 7 * 86_400 => 15,
        secs if secs >= 86_400 => 10,
        secs if secs >= 3_600 => 4,
        _ => 0,
    };
    let known = format_duration(Duration::from_secs(signs.known_secs));
    let days = u64::from(signs.days_before);
    let words = format!(
        "known for {known} before, on {}, with {}",
        count(days, "day"),
        count(before, "good answer")
    );
    add(Sign::History, history, words);
    let went_on = i32::try_from(signs.lost_good / 10).unwrap_or(5).min(5);
    let lost = format!(
        "went on with {} after it would have been stopped",
        count(signs.lost_good, "good request")
    );
    add(Sign::WentOn, went_on, lost);
}

fn logins(signs: &Signs, add: &mut Add<'_>) {
    let failed = signs.logins_failed;
    let failures = |number| count(number, "failed login");
    match signs.got_in_after {
        Some(row @ 0..=20) => {
            if signs.ssh_logins > 0 {
                let words = format!("logged in over SSH, {}", times(signs.ssh_logins));
                add(Sign::LoggedIn, 30, words);
            } else {
                let words = format!("logged in at a web page, {}", times(signs.web_logins));
                add(Sign::LoggedIn, 20, words);
            }
            if row > 0 {
                let points = if row <= 5 { 12 } else { 4 };
                let words =
                    format!("got in after {} in a row, as people who mistype do", failures(row));
                add(Sign::AfterFailure, points, words);
            }
        }
        Some(row) => {
            let words =
                format!("got in after {} in a row: was the password guessed?", failures(row));
            add(Sign::GuessedRight, -30, words);
        }
        None if failed >= 5 => {
            let points = -10 - i32::try_from(failed).unwrap_or(25).min(25);
            let words = format!("{}, and none that was accepted", failures(failed));
            add(Sign::FailedLogins, points, words);
        }
        None => {}
    }
    if signs.accounts > 0 {
        let (points, how) = if signs.asked_for_password {
            (15, "after it was asked for a password")
        } else {
            (3, "which nobody checked")
        };
        let words = format!("works under {}, {how}", count(signs.accounts, "account"));
        add(Sign::Account, points, words);
    } else if signs.accounts_failed >= 4 {
        let words = format!(
            "tried at least {} and was let in under none",
            count(signs.accounts_failed, "account")
        );
        add(Sign::Accounts, -15, words);
    }
}

fn habits(signs: &Signs, add: &mut Add<'_>) {
    if signs.browser && signs.parts >= 3 && signs.parts * 2 >= signs.pages {
        let words = format!(
            "fetches pictures, styles and scripts with its pages ({} of {})",
            count(signs.parts, "part"),
            count(signs.pages, "page")
        );
        add(Sign::Parts, 10, words);
    }
    if signs.linked >= 3 && signs.linked * 2 >= signs.pages {
        let words = format!(
            "follows links: {} of {} from a page it had just read",
            signs.linked,
            count(signs.pages, "page")
        );
        add(Sign::Links, 8, words);
    }
    if signs.pauses {
        add(Sign::Pauses, 5, "pauses between pages as people do".to_owned());
    }
    if signs.people >= 3 {
        let points = i32::try_from(signs.people * 2).unwrap_or(12).min(12);
        let words = format!(
            "at least {} browsers or accounts behind it: an office, a school, a mobile network",
            signs.people
        );
        add(Sign::People, points, words);
    }
}

fn names(signs: &Signs, add: &mut Add<'_>) {
    if let Some(engine) = signs.engine {
        let name = engine.name;
        let (points, words) = match engine.in_its_networks {
            Some(true) => {
                (35, format!("{name}, from a network that it publishes ({NETWORKS_READ})"))
            }
            Some(false) => (
                -12,
                format!(
                    "says it is {name}, but isn't in a network that {name} publishes ({NETWORKS_READ})"
                ),
            ),
            None => (4, format!("says it is {name}; anybody can write that, and replay can't ask")),
        };
        add(Sign::Engine, points, words);
    }
    if let Some(name) = signs.service {
        add(Sign::Service, 10, format!("says it is {name}; anybody can write that"));
    }
    if signs.private {
        add(Sign::Private, 25, "a private address: your own network".to_owned());
    }
}

fn against(signs: &Signs, add: &mut Add<'_>) {
    let points = match signs.attacks {
        0 => 0,
        1 => -20,
        2 => -30,
        _ => -40,
    };
    add(
        Sign::Attacks,
        points,
        format!("asked {} for what only attackers ask for", times(signs.attacks)),
    );
    if let Some(tool) = signs.tool {
        add(Sign::Tool, -40, format!("says it is `{tool}`, an attack tool"));
    }
    let asked = signs.good + signs.missing + signs.refused + signs.bad;
    if signs.missing >= 8 && signs.missing * 2 >= asked {
        let words = format!(
            "looked for what isn't there: {} of {}",
            signs.missing,
            count(asked, "request")
        );
        add(Sign::Missing, -10, words);
    }
    let known_engine = signs.engine.is_some_and(|engine| engine.in_its_networks == Some(true));
    if signs.people < 3 && !known_engine {
        let points = match signs.busiest_minute {
            600.. => -25,
            120.. => -12,
            _ => 0,
        };
        add(
            Sign::Pace,
            points,
            format!("{} in its busiest minute", count(signs.busiest_minute, "page")),
        );
    }
    if signs.same_page {
        add(
            Sign::SamePage,
            -10,
            format!("asked for one page again and again, in {}", count(signs.pages, "request")),
        );
    }
    if signs.browser && signs.pages >= 20 && signs.parts == 0 && signs.linked == 0 {
        let words = format!(
            "says it is a browser, but of {} it fetched no parts and followed no links",
            count(signs.pages, "page")
        );
        add(Sign::BareBrowser, -8, words);
    }
    if is_program(signs) {
        let words = format!(
            "a program of nobody knows whom: {} at an even pace, no links, no login, no account",
            count(signs.pages, "page")
        );
        add(Sign::Program, -12, words);
    }
}

/// Whether it asks as programs do, and nothing says whose it is. Good answers alone make nobody a
/// customer: a scraper gets them too.
fn is_program(signs: &Signs) -> bool {
    let asks_evenly = !signs.browser && signs.pages >= 50 && !signs.pauses;
    let bare = signs.parts == 0 && signs.linked == 0;
    let known = signs.got_in_after.is_some()
        || signs.accounts > 0
        || signs.service.is_some()
        || signs.engine.is_some()
        || signs.private;
    asks_evenly && bare && !known
}

/// A number with its noun, `1 day`, `12,000 days`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// `once`, `12 times`.
fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { count(number, "time") }
}

/// A number with commas.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent; never 100 or 0 unless it is all or nothing.
pub fn percent(share: f64) -> String {
    let shown = (share * 100.0).round();
    let shown = if share < 1.0 { shown.min(99.0) } else { shown };
    let shown = if share > 0.0 { shown.max(1.0) } else { shown };
    format!("{shown:.0} %")
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
