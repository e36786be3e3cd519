//! How a target is written in an index, so that everything about an address is found: itself, the
//! networks that hold it, and the addresses within it.
//!
//! A network is a family byte, its first address, and its length; others are `t` and their text.

use crate::decisions::{HitId, Target};
use crate::event::net;
use ipnet::IpNet;
use rusqlite::{Connection, params};
use std::net::IpAddr;

/// The index form of a target.
pub(super) fn subject(target: &Target) -> Vec<u8> {
    match target {
        Target::Net(network) => net_subject(network),
        other => text_subject(&other.to_string()),
    }
}

/// The target and index form of a hit: the network in its key, else its client, else the key's
/// text.
pub(super) fn hit_subject(key: &str, ip: Option<IpAddr>) -> (String, Vec<u8>) {
    let network = key.split('|').find_map(net::parse_net).or_else(|| ip.map(net::client_net));
    network.map_or_else(
        || (key.to_owned(), text_subject(key)),
        |network| (net::display_net(&network), net_subject(&network)),
    )
}

/// The first and last index form of a target and what is within it. Its own first address with a
/// shorter prefix would sort before it, so only what is within is between.
pub(super) fn subject_range(target: &Target) -> (Vec<u8>, Vec<u8>) {
    let low = subject(target);
    let Target::Net(network) = target else {
        return (low.clone(), low);
    };
    let mut high = address_bytes(network.broadcast());
    high.push(u8::MAX);
    (low, high)
}

fn text_subject(text: &str) -> Vec<u8> {
    let mut bytes = vec![b't'];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn net_subject(network: &IpNet) -> Vec<u8> {
    let mut bytes = address_bytes(network.network());
    bytes.push(network.prefix_len());
    bytes
}

fn address_bytes(address: IpAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(18);
    match address {
        IpAddr::V4(v4) => {
            bytes.push(4);
            bytes.extend_from_slice(&v4.octets());
        }
        IpAddr::V6(v6) => {
            bytes.push(6);
            bytes.extend_from_slice(&v6.octets());
        }
    }
    bytes
}

/// The networks that hold `network`, the widest first, itself last.
pub(super) fn covering(network: &IpNet) -> impl Iterator<Item = IpNet> {
    let network = *network;
    (0..=network.prefix_len())
        .filter_map(move |bits| IpNet::new(network.addr(), bits).ok())
        .map(|wider| wider.trunc())
}

/// How far a question about a network goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// It and what is within it.
    Within,
    /// Also the networks that hold it.
    Covering,
}

/// The numbers of the rows of `table` about `target`: exactly, through networks that hold it, and
/// within it. For what is no network, hits whose key has it as a part count too.
pub(super) fn rows_about(
    conn: &Connection,
    table: &str,
    target: &Target,
    reach: About,
) -> rusqlite::Result<Vec<i64>> {
    let mut found = std::collections::BTreeSet::new();
    let sql = format!("SELECT n FROM {table} WHERE subject = ?1");
    let mut exact = conn.prepare_cached(&sql)?;
    let Target::Net(network) = target else {
        for n in exact.query_map([subject(target)], |row| row.get::<_, i64>(0))? {
            found.insert(n?);
        }
        if table == "hits" {
            let name = match target {
                Target::User(name) | Target::Host(name) | Target::Country(name) => name.clone(),
                other => other.to_string(),
            };
            let mut part = conn.prepare_cached(
                "SELECT n FROM hits WHERE instr('|' || key || '|', '|' || ?1 || '|') > 0",
            )?;
            for n in part.query_map([name], |row| row.get::<_, i64>(0))? {
                found.insert(n?);
            }
        }
        return Ok(found.into_iter().collect());
    };
    let wider = covering(network).filter(|wider| reach == About::Covering || wider == network);
    for wider in wider {
        for n in exact.query_map([net_subject(&wider)], |row| row.get::<_, i64>(0))? {
            found.insert(n?);
        }
    }
    let (low, high) = subject_range(target);
    let sql = format!("SELECT n FROM {table} WHERE subject >= ?1 AND subject <= ?2");
    let mut inside = conn.prepare_cached(&sql)?;
    for n in inside.query_map(params![low, high], |row| row.get::<_, i64>(0))? {
        found.insert(n?);
    }
    Ok(found.into_iter().collect())
}

/// An id as it is kept: big-endian, so that `lower(hex(id))` is its text.
pub(super) fn id_bytes(id: u128) -> [u8; 16] {
    id.to_be_bytes()
}

/// The id of a hit as it is kept.
pub(super) fn hit_bytes(id: Option<HitId>) -> Option<[u8; 16]> {
    id.map(|id| id_bytes(id.0))
}
