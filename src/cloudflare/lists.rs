//! Lists of addresses, kept by account, and their items. Changes of items run on their own
//! (a bulk operation); an account can have one such operation under way, another is refused.

use super::call::{Area, Call, Lane, encoded};
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A list.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct List {
    /// Its id.
    pub id: String,
    /// Its name, as rules refer to it (`$name`).
    pub name: String,
    /// `ip`, `asn`, `hostname` or `redirect`.
    pub kind: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// How many items it holds.
    #[serde(default)]
    pub num_items: f64,
}

/// An item of a list of addresses.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Item {
    /// Its id, which removing it needs.
    pub id: String,
    /// An address or network; absent in lists of other kinds.
    #[serde(default)]
    pub ip: String,
    /// What was noted with it.
    #[serde(default)]
    pub comment: Option<String>,
}

/// An item to be added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewItem {
    /// An address or network.
    pub ip: String,
    /// What to note with it.
    pub comment: String,
}

/// A change of items that was taken on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Started {
    /// Its name, to ask how it goes.
    pub operation_id: String,
}

/// How a change of items goes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Operation {
    /// `pending`, `running`, `completed` or `failed`.
    pub status: String,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

fn path(account: &str) -> String {
    format!("/accounts/{}/rules/lists", encoded(account))
}

/// All lists of an account.
pub fn all(account: &str) -> Call {
    Call::get(Area::Lists, path(account))
}

/// Makes a list of addresses.
pub fn create(account: &str, name: &str, description: &str) -> Call {
    Call::new(Area::Lists, Method::POST, path(account))
        .body(json!({ "name": name, "kind": "ip", "description": description }))
}

/// Removes a list; refused while a rule refers to it.
pub fn delete(account: &str, list: &str) -> Call {
    Call::new(Area::Lists, Method::DELETE, format!("{}/{}", path(account), encoded(list)))
}

/// The items of a list, by pages with cursors.
pub fn items(account: &str, list: &str) -> Call {
    Call::get(Area::Lists, format!("{}/{}/items", path(account), encoded(list)))
}

/// Adds items; those that are there already get the new comment.
pub fn add(account: &str, list: &str, items: &[NewItem]) -> Call {
    Call::new(Area::Lists, Method::POST, format!("{}/{}/items", path(account), encoded(list)))
        .body(json!(items))
        .lane(Lane::Items(items.len()))
}

/// Removes items by their ids.
pub fn remove<'i>(account: &str, list: &str, ids: impl IntoIterator<Item = &'i str>) -> Call {
    let items: Vec<_> = ids.into_iter().map(|id| json!({ "id": id })).collect();
    let count = items.len();
    Call::new(Area::Lists, Method::DELETE, format!("{}/{}/items", path(account), encoded(list)))
        .body(json!({ "items": items }))
        .lane(Lane::Items(count))
}

/// Asks how a change of items goes.
pub fn operation(account: &str, operation: &str) -> Call {
    let path = format!("{}/bulk_operations/{}", path(account), encoded(operation));
    Call::get(Area::Lists, path)
}
