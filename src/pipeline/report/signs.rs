//! What a profile shows, as plain numbers: everything that the score looks at.

use super::profile::Profile;
use std::time::Duration;

/// The signs of a client. All counts are of the whole replay, but for those that say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sign of its own")]
pub struct Signs {
    /// Good answers (2xx, 3xx) to pages and parts; tries to log in are not among them.
    pub good: u64,
    /// 404 and 410.
    pub missing: u64,
    /// 401, 403, 422, 429.
    pub refused: u64,
    /// Other answers that are the client's fault.
    pub bad: u64,
    /// Pages and data asked for.
    pub pages: u64,
    /// Parts of pages asked for.
    pub parts: u64,
    /// Pages that it came to from a page it had just asked for.
    pub linked: u64,
    /// Its agent is a browser, nearly always.
    pub browser: bool,
    /// Good answers before its first decision.
    pub good_before: u64,
    /// From its first good answer to its first decision, in seconds.
    pub known_secs: u64,
    /// Days with good answers before its first decision.
    pub days_before: u32,
    /// Its pauses are like those of people.
    pub pauses: bool,
    /// Refused logins.
    pub logins_failed: u64,
    /// Accepted logins at web pages.
    pub web_logins: u64,
    /// Accepted logins over SSH.
    pub ssh_logins: u64,
    /// The most refused logins in a row before one was accepted; `None` where none was.
    pub got_in_after: Option<u64>,
    /// Accounts with good answers.
    pub accounts: u64,
    /// It was asked for a password and then got on under an account.
    pub asked_for_password: bool,
    /// Accounts that never got anywhere.
    pub accounts_failed: u64,
    /// Browsers or accounts behind the address, at least.
    pub people: u64,
    /// The search engine that it says it is.
    pub engine: Option<Engine>,
    /// The monitor or service that it says it is.
    pub service: Option<&'static str>,
    /// The address is private.
    pub private: bool,
    /// Requests for what only attackers ask for.
    pub attacks: u64,
    /// The attack tool that it says it is.
    pub tool: Option<&'static str>,
    /// The most pages in a minute.
    pub busiest_minute: u64,
    /// Nearly all of its pages are the same one.
    pub same_page: bool,
    /// Good requests that would have been stopped.
    pub lost_good: u64,
}

/// What is known offline of a client that says it is a search engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// Its name.
    pub name: &'static str,
    /// Whether the address is in a network that the engine publishes; `None` where its networks
    /// aren't known here.
    pub in_its_networks: Option<bool>,
}

/// What the address itself says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Address {
    /// It is private.
    pub private: bool,
    /// The search engine that publishes it.
    pub published_by: Option<&'static str>,
}

impl Signs {
    /// The signs of a profile; `known` is the time from its first good answer to its first decision.
    pub fn of(profile: &Profile, address: Address, known: Duration) -> Self {
        let logins_failed = profile.web.failed + profile.ssh.failed;
        let rows = [profile.web.got_in_after, profile.ssh.got_in_after];
        let companions = profile.parts * 4 >= profile.pages || profile.linked * 4 >= profile.pages;
        let browsers = if companions { profile.agents.with_good(3) } else { 0 };
        let accounts = profile.users.with_good(1);
        Self {
            good: profile.good,
            missing: profile.missing,
            refused: profile.refused,
            bad: profile.bad,
            pages: profile.pages,
            parts: profile.parts,
            linked: profile.linked,
            browser: profile.as_browser * 10 >= profile.pages * 8 && profile.pages > 0,
            good_before: profile.good_before,
            known_secs: known.as_secs(),
            days_before: profile.days_before.count_ones(),
            pauses: profile.pauses_like_people(),
            logins_failed,
            web_logins: profile.web.succeeded,
            ssh_logins: profile.ssh.succeeded,
            got_in_after: rows.into_iter().flatten().max(),
            accounts,
            asked_for_password: profile.asked_for_password,
            accounts_failed: profile.users.without_good(),
            people: browsers.max(accounts),
            engine: profile.engine.map(|name| Engine {
                name,
                in_its_networks: match address.published_by {
                    Some(publisher) => Some(publisher == name),
                    None if super::address::publishes(name) => Some(false),
                    None => None,
                },
            }),
            service: profile.service,
            private: address.private,
            attacks: profile.attacks,
            tool: profile.tool,
            busiest_minute: profile.busiest_minute,
            same_page: profile.pages >= 50 && profile.always_the_same(),
            lost_good: profile.lost_good,
        }
    }
}
