//! Load balancing (a paid add-on on all plans): pools of origins and the monitors that watch them,
//! kept by account, and load balancers, kept by zone.

use super::call::{Area, Call, encoded};
use super::client::Client;
use super::error::ApiError;
use crate::http_client::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An origin in a pool.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Origin {
    /// Its name.
    pub name: String,
    /// Address or host name.
    pub address: String,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Its share, 0 to 1.
    #[serde(default = "whole")]
    pub weight: f64,
    /// What else the API says of it (`port`, `header`, `virtual_network_id`, …).
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

const fn yes() -> bool {
    true
}

const fn whole() -> f64 {
    1.0
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Pool {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Its origins.
    #[serde(default)]
    pub origins: Vec<Origin>,
    /// The monitor that watches it.
    #[serde(default)]
    pub monitor: Option<String>,
    /// So many origins must be well for the pool to be.
    #[serde(default)]
    pub minimum_origins: Option<u32>,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

/// A monitor.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Monitor {
    /// Its id; empty in one to be made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// `http`, `https`, `tcp`, `udp_icmp`, `icmp_ping` or `smtp`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Seconds between two looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<u32>,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Statuses that are well (`200`, `2xx`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_codes: Option<String>,
    /// What else the API says of it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Balancer {
    /// Its id.
    pub id: String,
    /// The host name that it stands for.
    pub name: String,
    /// Whether it is used.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Pools by their ids, the first that is well is used.
    #[serde(default)]
    pub default_pools: Vec<String>,
    /// The pool when none is well.
    #[serde(default)]
    pub fallback_pool: Option<String>,
}

fn pools_path(account: &str) -> String {
    format!("/accounts/{}/load_balancers/pools", encoded(account))
}

fn monitors_path(account: &str) -> String {
    format!("/accounts/{}/load_balancers/monitors", encoded(account))
}

fn balancers_path(zone: &str) -> String {
    format!("/zones/{}/load_balancers", encoded(zone))
}

/// All pools of an account.
pub fn all(client: &Client, account: &str) -> Result<Vec<Pool>, ApiError> {
    client.send(&Call::get(Area::Pools, pools_path(account)))?.read()
}

/// Makes a pool.
pub fn create(account: &str, name: &str, origins: &[Origin], monitor: Option<&str>) -> Call {
    let mut body = json!({ "name": name, "origins": origins, "enabled": true });
    if let (Some(monitor), Some(fields)) = (monitor, body.as_object_mut()) {
        fields.insert("monitor".to_owned(), json!(monitor));
    }
    Call::new(Area::Pools, Method::POST, pools_path(account)).body(body)
}

fn patch(account: &str, id: &str, body: Value) -> Call {
    let path = format!("{}/{}", pools_path(account), encoded(id));
    Call::new(Area::Pools, Method::PATCH, path).body(body)
}

/// Uses a pool, or no longer.
pub fn enable(account: &str, id: &str, enabled: bool) -> Call {
    patch(account, id, json!({ "enabled": enabled }))
}

/// Replaces a pool's origins: all go, since those that aren't named are removed. To change one, read
/// the pool and change it there.
pub fn set_origins(account: &str, id: &str, origins: &[Origin]) -> Call {
    patch(account, id, json!({ "origins": origins }))
}

/// Removes a pool; refused while a load balancer refers to it.
pub fn delete(account: &str, id: &str) -> Call {
    let path = format!("{}/{}", pools_path(account), encoded(id));
    Call::new(Area::Pools, Method::DELETE, path)
}

/// Asks how a pool's origins are.
pub fn health(account: &str, id: &str) -> Call {
    Call::get(Area::Pools, format!("{}/{}/health", pools_path(account), encoded(id)))
}

/// How an origin was found, from somewhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// Where it was looked at from; empty where the reply doesn't say.
    pub from: String,
    /// The origin's address.
    pub origin: String,
    /// Whether it is well.
    pub healthy: bool,
    /// Why not.
    pub reason: String,
}

/// Reads the reply to [`health`]. Its shape is published in one form (`pop_health` with `origins`)
/// and seen in another (`pop_health` by data centre): both are read.
pub fn read_health(result: &Value) -> Vec<Health> {
    let mut found = Vec::new();
    let Some(top) = result.get("pop_health") else { return found };
    origins_of("", top, &mut found);
    for (place, at) in top.as_object().into_iter().flatten() {
        if at.is_object() {
            origins_of(place, at, &mut found);
        }
    }
    found
}

fn origins_of(from: &str, at: &Value, found: &mut Vec<Health>) {
    let origins = at.get("origins").and_then(Value::as_array).into_iter().flatten();
    for (address, state) in origins.filter_map(Value::as_object).flatten() {
        let reason = state.get("failure_reason").and_then(Value::as_str).unwrap_or_default();
        found.push(Health {
            from: from.to_owned(),
            origin: address.clone(),
            healthy: state.get("healthy").and_then(Value::as_bool).unwrap_or(false),
            reason: reason.to_owned(),
        });
    }
}

/// All monitors of an account.
pub fn monitors(client: &Client, account: &str) -> Result<Vec<Monitor>, ApiError> {
    client.send(&Call::get(Area::Pools, monitors_path(account)))?.read()
}

/// Makes a monitor.
pub fn create_monitor(account: &str, monitor: &Monitor) -> Call {
    Call::new(Area::Pools, Method::POST, monitors_path(account)).body(json!(monitor))
}

/// Removes a monitor; refused while a pool refers to it.
pub fn delete_monitor(account: &str, id: &str) -> Call {
    let path = format!("{}/{}", monitors_path(account), encoded(id));
    Call::new(Area::Pools, Method::DELETE, path)
}

/// All load balancers of a zone.
pub fn balancers(client: &Client, zone: &str) -> Result<Vec<Balancer>, ApiError> {
    client.send(&Call::get(Area::Balancers, balancers_path(zone)))?.read()
}

/// Makes a load balancer.
pub fn create_balancer(zone: &str, name: &str, pools: &[String], fallback: &str) -> Call {
    Call::new(Area::Balancers, Method::POST, balancers_path(zone)).body(json!({
        "name": name, "default_pools": pools, "fallback_pool": fallback, "proxied": true,
    }))
}

/// Sets which pools a load balancer uses, the first first.
pub fn set_pools(zone: &str, id: &str, pools: &[String]) -> Call {
    let path = format!("{}/{}", balancers_path(zone), encoded(id));
    Call::new(Area::Balancers, Method::PATCH, path).body(json!({ "default_pools": pools }))
}

/// Removes a load balancer.
pub fn delete_balancer(zone: &str, id: &str) -> Call {
    let path = format!("{}/{}", balancers_path(zone), encoded(id));
    Call::new(Area::Balancers, Method::DELETE, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_read_in_both_its_shapes() {
        let state = json!({ "192.0.2.1": { "healthy": false, "failure_reason": "TCP timeout" } });
        let published = json!({ "pop_health": { "healthy": false, "origins": [state] } });
        let seen = json!({ "pop_health": { "AMS": { "healthy": false, "origins": [state] } } });
        for (reply, from) in [(published, ""), (seen, "AMS")] {
            let found = read_health(&reply);
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].from.as_str(), found[0].healthy), (from, false));
            assert_eq!(found[0].reason, "TCP timeout");
        }
        assert_eq!(read_health(&json!(null)), []);
        assert_eq!(read_health(&json!({ "pop_health": [1] })), []);
    }

    #[test]
    fn an_origin_goes_back_with_all_that_it_had() {
        let origin = json!({
            "name": "a", "address": "192.0.2.1", "enabled": true, "weight": 0.5, "port": 8443,
            "header": { "Host": ["example.com"] },
        });
        let read: Origin = serde_json::from_value(origin.clone()).unwrap();
        assert_eq!(json!(read), origin);
    }
}
