//! What an account is subscribed to, and what it used. The older calls (profile, history) have no
//! successor and are not asked.

use super::call::{Area, Call, encoded};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A subscription.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Subscription {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// `Paid`, `Trial`, `Cancelled`, …
    #[serde(default)]
    pub state: String,
    /// What it costs a period.
    #[serde(default)]
    pub price: f64,
    /// In which currency.
    #[serde(default)]
    pub currency: String,
    /// `monthly`, `yearly`, …; absent where it is paid once or not at all.
    #[serde(default)]
    pub frequency: Option<String>,
    /// When the period under way ends.
    #[serde(default)]
    pub current_period_end: Option<String>,
    /// What it is of.
    #[serde(default)]
    pub rate_plan: RatePlan,
}

/// What a subscription is of.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
pub struct RatePlan {
    /// `free`, `pro`, …
    #[serde(default)]
    pub id: String,
    /// Its name, for people.
    #[serde(default)]
    pub public_name: String,
    /// `zone`, `account`, …
    #[serde(default)]
    pub scope: Option<String>,
}

/// All subscriptions of an account.
pub fn subscriptions(account: &str) -> Call {
    Call::get(Area::Billing, format!("/accounts/{}/subscriptions", encoded(account)))
}

/// What was used at a time: `ts` (seconds or milliseconds since 1970) and a number a product.
pub type Usage = Map<String, Value>;

/// What an account used between two days (RFC 3339).
pub fn usage(account: &str, since: &str, until: &str) -> Call {
    Call::get(Area::Billing, format!("/accounts/{}/billing/usage", encoded(account)))
        .query("since", since)
        .query("until", until)
}
