//! API tokens: is the one in use good, which are there, and making, rolling and removing them.
//! There are two kinds, a user's and an account's, each with calls of its own; the other kind's call
//! to verify refuses a token that is well.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::{ApiError, ErrorKind};
use crate::http_client::Method;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Whose a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// A user's.
    User,
    /// An account's.
    Account,
}

/// What Cloudflare says of the token in use.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct TokenStatus {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// `active`, `disabled` or `expired`.
    pub status: String,
    /// When it ends.
    #[serde(default)]
    pub expires_on: Option<String>,
    /// When it begins.
    #[serde(default)]
    pub not_before: Option<String>,
}

/// Asks about the token in use as a user's.
pub fn verify_user() -> Call {
    Call::get(Area::Tokens, "/user/tokens/verify")
}

/// Asks about the token in use as an account's.
pub fn verify_account(account: &str) -> Call {
    Call::get(Area::Tokens, format!("/accounts/{}/tokens/verify", encoded(account)))
}

/// Asks about the token in use, whichever kind it is; the account is needed for an account's.
pub fn verify(
    client: &Client,
    account: Option<&str>,
) -> Result<(TokenKind, TokenStatus), ApiError> {
    let as_user = client.send(&verify_user()).and_then(super::Answer::read);
    match (as_user, account) {
        (Ok(status), _) => Ok((TokenKind::User, status)),
        (Err(error), Some(account)) if !error.may_pass() || error.kind == ErrorKind::Refused => {
            let status = client.send(&verify_account(account))?.read()?;
            Ok((TokenKind::Account, status))
        }
        (Err(error), _) => Err(error),
    }
}

/// Whose tokens a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Those of the user whose token is in use.
    User,
    /// An account's, by its id.
    Account(String),
}

impl Holder {
    fn path(&self) -> String {
        match self {
            Self::User => "/user/tokens".to_owned(),
            Self::Account(id) => format!("/accounts/{}/tokens", encoded(id)),
        }
    }
}

/// A permission group: what a token may do, as one thing.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct PermissionGroup {
    /// Its id.
    pub id: String,
    /// Its name (`Zone Read`).
    #[serde(default)]
    pub name: String,
    /// What it can be given for (`com.cloudflare.api.account.zone`, …); in the list of all groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// A part of what a token may do.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Policy {
    /// `allow` or `deny`.
    pub effect: String,
    /// What.
    pub permission_groups: Vec<PermissionGroup>,
    /// With what: names of resources (`com.cloudflare.api.account.zone.ID`), mostly with `*`.
    #[serde(default)]
    pub resources: Map<String, Value>,
}

/// A token, without its value.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// `active`, `disabled` or `expired`.
    #[serde(default)]
    pub status: String,
    /// When it was made.
    #[serde(default)]
    pub issued_on: Option<String>,
    /// When it was last changed; also a roll is a change.
    #[serde(default)]
    pub modified_on: Option<String>,
    /// When it was last used; absent where it never was.
    #[serde(default)]
    pub last_used_on: Option<String>,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// When it ends.
    #[serde(default)]
    pub expires_on: Option<String>,
    /// From which addresses it may be used; absent for all.
    #[serde(default)]
    pub condition: Option<Value>,
    /// What it may do.
    #[serde(default)]
    pub policies: Vec<Policy>,
}

impl Token {
    /// Whether it may be used from named addresses alone.
    pub fn is_bound_to_addresses(&self) -> bool {
        let list =
            self.condition.as_ref().and_then(|condition| condition.pointer("/request_ip/in"));
        list.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
    }

    /// The names of what it may do.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        let allowed = self.policies.iter().filter(|policy| policy.effect == "allow");
        allowed.flat_map(|policy| &policy.permission_groups).map(|group| group.name.as_str())
    }
}

/// What a new token is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub policies: Vec<Policy>,
    /// When it ends.
    pub expires_on: Option<String>,
    /// From which addresses it may be used, as the API has it.
    pub condition: Option<Value>,
}

/// Tokens a page; the most that Cloudflare gives.
const PER_PAGE: usize = 50;

/// All tokens of a holder.
pub fn all(client: &Client, holder: &Holder) -> Result<Vec<Token>, ApiError> {
    client.numbered(&Call::get(Area::Tokens, holder.path()), PER_PAGE)
}

/// Asks for one token, by its id.
pub fn one(holder: &Holder, id: &str) -> Call {
    Call::get(Area::Tokens, format!("{}/{}", holder.path(), encoded(id)))
}

/// All permission groups that a token of this holder can have.
pub fn permission_groups(holder: &Holder) -> Call {
    Call::get(Area::Tokens, format!("{}/permission_groups", holder.path()))
}

/// Makes a token. Its value is in the reply, and nowhere later: see [`value`].
pub fn create(holder: &Holder, new: &NewToken) -> Call {
    let policies: Vec<Value> = new
        .policies
        .iter()
        .map(|policy| {
            let groups: Vec<Value> =
                policy.permission_groups.iter().map(|group| json!({ "id": group.id })).collect();
            json!({ "effect": policy.effect, "permission_groups": groups, "resources": policy.resources })
        })
        .collect();
    let mut body = json!({ "name": new.name, "policies": policies });
    if let Some(fields) = body.as_object_mut() {
        if let Some(end) = &new.expires_on {
            fields.insert("expires_on".to_owned(), json!(end));
        }
        if let Some(condition) = &new.condition {
            fields.insert("condition".to_owned(), condition.clone());
        }
    }
    Call::new(Area::Tokens, Method::POST, holder.path()).body(body).hidden()
}

/// Removes a token; what uses it is refused from then on.
pub fn delete(holder: &Holder, id: &str) -> Call {
    Call::new(Area::Tokens, Method::DELETE, format!("{}/{}", holder.path(), encoded(id)))
}

/// Gives a token another value; the old one ends at once, so whoever uses it is refused meanwhile.
pub fn roll(holder: &Holder, id: &str) -> Call {
    let path = format!("{}/{}/value", holder.path(), encoded(id));
    Call::new(Area::Tokens, Method::PUT, path).body(json!({})).hidden()
}

/// The value in the reply to [`create`] or [`roll`].
pub fn value(answer: &super::Answer) -> Option<Secret> {
    let text = answer.result.get("value").unwrap_or(&answer.result).as_str()?;
    (!text.is_empty()).then(|| Secret::new(text.to_owned()))
}
