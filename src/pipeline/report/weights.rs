//! The table of weights: each sign, what it may add or take, and why it counts. Everything that
//! makes the score is here; `docs/false-alarms.md` shows the same table.

/// From here on a client is likely a customer.
pub const CUSTOMER_FROM: i32 = 65;

/// Below this it is likely an attacker.
pub const ATTACKER_BELOW: i32 = 40;

/// What a client has of which nothing is known.
pub const START: i32 = 50;

/// A sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// How its requests were answered.
    Answers,
    /// It logged in.
    LoggedIn,
    /// It got in after a few failures.
    AfterFailure,
    /// It works under an account.
    Account,
    /// It was a good client before.
    History,
    /// It fetched the parts of its pages.
    Parts,
    /// It followed links.
    Links,
    /// It paused as people do.
    Pauses,
    /// Several people are behind it.
    People,
    /// It says it is a search engine.
    Engine,
    /// It says it is a monitor or a service.
    Service,
    /// It is of our own network.
    Private,
    /// It went on well after it would have been stopped.
    WentOn,
    /// It asked for what only attackers ask for.
    Attacks,
    /// It says it is an attack tool.
    Tool,
    /// Its logins failed, all of them.
    FailedLogins,
    /// It got in after many failures.
    GuessedRight,
    /// It tried many accounts.
    Accounts,
    /// It looked for what isn't there.
    Missing,
    /// It was faster than people are.
    Pace,
    /// It asked for one page again and again.
    SamePage,
    /// It says it is a browser and fetched no parts.
    BareBrowser,
    /// It asks as programs do, and nobody is known to be behind it.
    Program,
}

/// What a sign may do to the score.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// The sign.
    pub sign: Sign,
    /// Its name in JSON and in the docs.
    pub name: &'static str,
    /// The least that it adds (negative: takes).
    pub least: i32,
    /// The most.
    pub most: i32,
    /// Why it counts.
    pub why: &'static str,
}

const fn weight(
    sign: Sign,
    name: &'static str,
    least: i32,
    most: i32,
    why: &'static str,
) -> Weight {
    Weight { sign, name, least, most, why }
}

/// All weights, those for a client first.
pub const WEIGHTS: &[Weight] = &[
    weight(
        Sign::Answers,
        "answers",
        -22,
        22,
        "the share of 2xx and 3xx; tries to log in don't count, and a few answers count less than many",
    ),
    weight(
        Sign::LoggedIn,
        "logged-in",
        0,
        30,
        "a login that was accepted: 30 over SSH, 20 at a web page, when at most 20 failures came before it",
    ),
    weight(
        Sign::AfterFailure,
        "after-failure",
        0,
        12,
        "a few failures and then success is a mistyped password: 12 up to 5 in a row, 4 up to 20",
    ),
    weight(
        Sign::Account,
        "account",
        0,
        15,
        "good answers under an account: 15 where a password was asked for, else 3, since a client may send any name",
    ),
    weight(
        Sign::History,
        "history",
        0,
        15,
        "good answers before the first decision: 15 when known for 7 days, 10 for a day, 4 for an hour",
    ),
    weight(
        Sign::Parts,
        "parts",
        0,
        10,
        "it fetches pictures, styles and scripts with its pages, as browsers do",
    ),
    weight(Sign::Links, "links", 0, 8, "its referers are pages that it had just asked for"),
    weight(
        Sign::Pauses,
        "pauses",
        0,
        5,
        "its pauses between pages are neither all short nor all alike",
    ),
    weight(
        Sign::People,
        "people",
        0,
        12,
        "several browsers or accounts with good answers: an office, a school, a mobile network",
    ),
    weight(
        Sign::Engine,
        "search-engine",
        -12,
        35,
        "35 in a network that the engine publishes, -12 outside of them, 4 where they aren't known: a name proves nothing",
    ),
    weight(
        Sign::Service,
        "service",
        0,
        10,
        "a monitor, a payment service, a webhook, by its own word",
    ),
    weight(Sign::Private, "private", 0, 25, "a private address: your own network"),
    weight(Sign::WentOn, "went-on", 0, 5, "good requests after it would have been stopped"),
    weight(
        Sign::Attacks,
        "attacks",
        -40,
        0,
        "paths that only attackers ask for: -20 for one, -30 for two, -40 for more",
    ),
    weight(Sign::Tool, "tool", -40, 0, "an attack tool, by its own word"),
    weight(
        Sign::FailedLogins,
        "failed-logins",
        -35,
        0,
        "at least 5 logins failed and none was accepted",
    ),
    weight(
        Sign::GuessedRight,
        "guessed-right",
        -30,
        0,
        "a login was accepted after more than 20 failures in a row: was the password guessed?",
    ),
    weight(Sign::Accounts, "accounts", -15, 0, "at least 4 accounts tried, and none let in"),
    weight(
        Sign::Missing,
        "missing",
        -10,
        0,
        "at least 8 of its requests, and half of them, were for what isn't there",
    ),
    weight(
        Sign::Pace,
        "pace",
        -25,
        0,
        "-12 for 120 pages in a minute, -25 for 600; not for several people or a search engine in its networks",
    ),
    weight(
        Sign::SamePage,
        "same-page",
        -10,
        0,
        "at least 50 pages, nine in ten of them the same one",
    ),
    weight(
        Sign::BareBrowser,
        "bare-browser",
        -8,
        0,
        "it says it is a browser, but of 20 pages or more it fetched no parts and followed no links",
    ),
    weight(
        Sign::Program,
        "program",
        -12,
        0,
        "no browser, 50 pages or more at an even pace, no links, no login and no account: a program of nobody knows whom",
    ),
];

impl Sign {
    /// Its row of the table.
    pub fn weight(self) -> &'static Weight {
        // Each sign has a row: a test holds it.
        WEIGHTS.iter().find(|weight| weight.sign == self).unwrap_or(&NONE)
    }
}

static NONE: Weight = weight(Sign::Answers, "", 0, 0, "");
