//! What the config says about blocking at Cloudflare.

use crate::clock::duration_text;
use crate::cloudflare::Client;
use crate::cloudflare::status_page::STATUS_PAGE;
use crate::decisions::change::is_zone;
use crate::limits::CLOUDFLARE_LIST_ITEMS_MAX;
use crate::secret::{Secret, SecretRef};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Blocks at Cloudflare: one list of addresses in an account, and in each zone one custom rule that
/// blocks what is in it. For clients that come through Cloudflare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudflareConfig {
    /// Its name, for `via` in rules and in messages.
    #[serde(default = "default_name")]
    pub name: String,
    /// Where the API token is to be had. docs/cloudflare.md says which permissions it needs.
    pub token: SecretRef,
    /// The mail address of a user whose global API key stands in `token` in place of a token. Such a
    /// key may do everything, in every account of the user, and can't be limited: a token is better,
    /// and riposte says so at each start.
    #[serde(default)]
    pub email: Option<String>,
    /// The account's id; when absent, the one that the zones belong to.
    #[serde(default)]
    pub account: Option<String>,
    /// The zones (`example.com`, or ids) to block in; when absent, all active ones that the token
    /// sees.
    #[serde(default)]
    pub zones: Vec<String>,
    /// The list's name: lower-case letters, digits and `_`. It is made when it isn't there; of one
    /// that is, only items that riposte noted as its own are ever changed. Challenges have another
    /// list, named so with `_challenge` at the end.
    #[serde(default = "default_list")]
    pub list: String,
    /// Stands in everything that this riposte makes there, so that several may share a list; each
    /// needs another. When absent, the machine's name.
    #[serde(default)]
    pub mark: Option<String>,
    /// How many items all lists of the account may hold together: 10,000, on Enterprise 500,000.
    #[serde(default = "default_items_max")]
    pub items_max: usize,
    /// How many IP access rules may be made where the list has no room or can't be had; each
    /// costs a call. 0 makes none.
    #[serde(default = "default_access_rules_max")]
    pub access_rules_max: usize,
    /// Blocks that come within this time go in one call.
    #[serde(default = "default_coalesce", with = "duration_text")]
    pub coalesce: Duration,
    /// Blocks that are over are removed together, at most this long after their end.
    #[serde(default = "default_expire_every", with = "duration_text")]
    pub expire_every: Duration,
    /// How often what is at Cloudflare is read back and compared with what should be.
    #[serde(default = "default_reconcile_every", with = "duration_text")]
    pub reconcile_every: Duration,
    /// Whose token it is: a name of your own choice. Cloudflare counts a user's calls over all
    /// tokens, so all entries share one budget of calls; entries whose tokens belong to another user
    /// name another here, and have a budget of their own.
    #[serde(default)]
    pub user: Option<String>,
    /// The summary of Cloudflare's status page, of which open incidents are read: while there is one,
    /// less is read back. When absent, Cloudflare's own; with another `api`, and when empty, none.
    #[serde(default)]
    pub status_page: Option<String>,
    /// Whether rules may change zones of it for a while. One machine alone should change a zone:
    /// where several have the same rules, `false` on all but one keeps them from taking each
    /// other's changes for a person's. What is in force already is still put back.
    #[serde(default = "default_changes")]
    pub changes: bool,
    /// The API's address; only `riposte sim` has another.
    #[serde(default = "default_api")]
    pub api: String,
}

impl CloudflareConfig {
    /// The status page that is asked.
    pub fn status_page(&self) -> Option<&str> {
        let own = (self.api == crate::cloudflare::BASE).then_some(STATUS_PAGE);
        self.status_page.as_deref().or(own).filter(|url| !url.is_empty())
    }

    /// A client with this token.
    pub fn client(&self, token: Secret, patience: Duration) -> Client {
        Client::new(&self.api, token, patience)
            .with_user(self.user.as_deref())
            .with_email(self.email.clone())
    }

    /// What marks the things at Cloudflare that are ours: the config's, else this machine's name.
    pub fn mark(&self) -> String {
        self.mark.clone().unwrap_or_else(machine_name)
    }

    /// The name of the list of those who are challenged.
    pub fn challenge_list(&self) -> String {
        format!("{}_challenge", self.list)
    }
}

/// What is wrong with a global API key, and the way to a token.
pub const GLOBAL_KEY: (&str, &str) = (
    "a global API key may do everything, in every account, and can't be limited",
    "make a token with the permissions of docs/cloudflare.md at https://dash.cloudflare.com/profile/api-tokens, put it in the key's place, and leave `email` out",
);

/// The machine's name, as far as it may stand in a note.
fn machine_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(64)
        .collect();
    if name.is_empty() { "riposte".to_owned() } else { name }
}

fn default_name() -> String {
    "cloudflare".to_owned()
}

fn default_list() -> String {
    "riposte".to_owned()
}

const fn default_items_max() -> usize {
    CLOUDFLARE_LIST_ITEMS_MAX
}

const fn default_access_rules_max() -> usize {
    200
}

const fn default_coalesce() -> Duration {
    Duration::from_secs(1)
}

const fn default_expire_every() -> Duration {
    Duration::from_secs(30)
}

const fn default_reconcile_every() -> Duration {
    Duration::from_mins(15)
}

const fn default_changes() -> bool {
    true
}

fn default_api() -> String {
    crate::cloudflare::BASE.to_owned()
}

/// What is wrong with one of them, each text beginning with `place`.
pub(super) fn faults(place: &str, config: &CloudflareConfig) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |text: String| faults.push(format!("{place}: {text}"));
    let of_list = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if config.list.is_empty() || config.list.len() > 40 || !config.list.bytes().all(of_list) {
        fault(format!(
            "`{}` is no name of a list\nhint: up to 40 lower-case letters, digits and `_`",
            config.list.escape_debug()
        ));
    }
    if let Some(mark) = &config.mark
        && !is_mark(mark)
    {
        fault(format!(
            "`{}` is no mark\nhint: up to 64 letters, digits, `-`, `_` and `.`",
            mark.escape_debug()
        ));
    }
    if let Some(email) = &config.email
        && (!email.contains('@') || email.contains(|c: char| c.is_control() || c == ' '))
    {
        fault(format!(
            "`{}` is no mail address\nhint: `email` belongs to a global API key; a token needs none",
            email.escape_debug()
        ));
    }
    if let Some(account) = &config.account
        && !crate::cloudflare::zones::is_id(account)
    {
        fault("`account` is no id\nhint: 32 hex digits; `riposte cf zones` shows it".to_owned());
    }
    let is_named = |zone: &str| is_zone(zone) || crate::cloudflare::zones::is_id(zone);
    if let Some(zone) = config.zones.iter().find(|zone| !is_named(zone)) {
        fault(format!(
            "`{}` is no zone\nhint: `example.com`, or an id of 32 hex digits",
            zone.escape_debug()
        ));
    }
    if config.reconcile_every < Duration::from_mins(1) {
        fault(
            "`reconcile_every` is under a minute\nhint: each costs calls of a budget that is small"
                .to_owned(),
        );
    }
    if config.expire_every < Duration::from_secs(5) {
        fault("`expire_every` is under five seconds".to_owned());
    }
    if config.items_max == 0 {
        fault("`items_max` is 0".to_owned());
    }
    if let Some(Err(reason)) = config.status_page().map(crate::cloudflare::check_base) {
        fault(format!("`status_page`: {reason}"));
    }
    if let Err(reason) = crate::cloudflare::check_base(&config.api) {
        fault(reason);
    }
    faults
}

/// Whether two entries may work on the same list under the same mark: then each takes the other's
/// items for leftovers of its own.
pub(super) fn undo_each_other(one: &CloudflareConfig, other: &CloudflareConfig) -> bool {
    let apart = matches!((&one.account, &other.account), (Some(one), Some(other)) if one != other);
    let lists = one.list == other.list
        || one.challenge_list() == other.list
        || one.list == other.challenge_list();
    lists && one.mark == other.mark && !apart
}

/// Whether a text may be a mark.
pub(in crate::actions) fn is_mark(text: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_the_same_list_and_mark_need_accounts_of_their_own() {
        let entry = |more: &str| -> CloudflareConfig {
            toml::from_str(&format!("token = \"env:T\"\n{more}")).unwrap()
        };
        let undo = |one: &str, other: &str| undo_each_other(&entry(one), &entry(other));
        assert!(undo("", "name = \"b\""));
        assert!(undo("account = \"a\"", ""), "the other may find the same account");
        assert!(undo("account = \"a\"", "account = \"a\""));
        assert!(!undo("account = \"a\"", "account = \"b\""));
        assert!(undo("list = \"riposte_challenge\"", ""), "the other's challenges");
        assert!(!undo("list = \"x\"", "") && !undo("mark = \"x\"", ""));
        let text =
            "[[cloudflare]]\ntoken = \"env:T\"\n[[cloudflare]]\nname = \"b\"\ntoken = \"env:T\"\n";
        let config: crate::actions::config::ActionsConfig = toml::from_str(text).unwrap();
        let faults = config.check();
        assert!(faults.len() == 1 && faults[0].contains("hint: give each entry"), "{faults:?}");
    }
}
