//! API tokens: is the one in use good? There are two kinds, a user's and an account's, each with a
//! call of its own; the other kind's call refuses a token that is well.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::{ApiError, ErrorKind};
use serde::{Deserialize, Serialize};

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
