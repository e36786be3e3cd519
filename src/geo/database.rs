//! One database in memory: read whole, verified, asked by address.
//!
//! In: a file's bytes. Out: what it says of an address ([`Geo`]), or why it is none. A memory map would
//! need unsafe code and a file that nobody cuts while it is mapped; so the bytes are ours, and take as
//! much memory as the file has.

use super::config::Role;
use super::record::Record;
use crate::clock::Timestamp;
use crate::enrich::Geo;
use crate::event::text::escape_cut;
use bytes::Bytes;
use maxminddb::{Reader, WithinOptions};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::OnceLock;

/// A database, ready to be asked.
pub struct Database {
    reader: Reader<Bytes>,
    /// The same bytes.
    raw: Bytes,
    checksum: OnceLock<String>,
}

impl Database {
    /// Takes a file's bytes; the error says why they are no database. What it says is not verified.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        let raw = Bytes::from(bytes);
        let reader = Reader::from_source(raw.clone())
            .map_err(|error| format!("it is no database in MaxMind's format: {}", words(&error)))?;
        Ok(Self { reader, raw, checksum: OnceLock::new() })
    }

    /// Walks through all of it once, and looks whether it has what it is there for. Each record must be
    /// readable, and there may be no more networks than a tree of so many nodes has leaves.
    pub fn verify(&self, role: Role) -> Result<(), String> {
        let damaged =
            |error: &maxminddb::MaxMindDbError| format!("it is damaged: {}", words(error));
        let all = WithinOptions::default().include_networks_without_data();
        let networks = self.reader.networks(all).map_err(|error| damaged(&error))?;
        let (mut known, mut serving) = (HashSet::new(), false);
        // Parts of the tree stand in for others: IPv4 has up to four places in IPv6.
        let mut left = (u64::from(self.reader.metadata().node_count) + 1) * 8;
        for network in networks {
            let network = network.map_err(|error| damaged(&error))?;
            left = left.checked_sub(1).ok_or("it is damaged: its tree has circles")?;
            if let Some(offset) = network.offset()
                && known.insert(offset)
            {
                let found = network.decode::<Record>().map_err(|error| damaged(&error))?;
                serving |= found.is_some_and(|record| serves(role, &record.0));
            }
        }
        if serving {
            return Ok(());
        }
        let (what, kind) = (wanted(role), escape_cut(self.kind().as_bytes(), 80));
        Err(format!("it is `{kind}`, and none of its {} records has {what}", known.len()))
    }

    /// What it says of an address; nothing where it knows nothing, or says it in a way that can't be
    /// read.
    pub fn find(&self, address: IpAddr) -> Geo {
        let found = self.reader.lookup(address).and_then(|found| found.decode::<Record>());
        found.ok().flatten().unwrap_or_default().0
    }

    /// What its maker calls it (`GeoLite2-City`).
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When its maker made it.
    pub fn built(&self) -> Timestamp {
        Timestamp::from_secs(i64::try_from(self.reader.metadata().build_epoch).unwrap_or(0))
    }

    /// What tells its content from any other.
    pub fn checksum(&self) -> &str {
        self.checksum.get_or_init(|| hexadecimal(&Sha256::digest(&self.raw)))
    }

    /// Memory that it takes: as much as its file.
    pub fn bytes(&self) -> u64 {
        self.raw.len() as u64
    }

    /// Its file's content.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("kind", &self.kind())
            .field("bytes", &self.bytes())
            .finish()
    }
}

fn serves(role: Role, geo: &Geo) -> bool {
    match role {
        Role::City => geo.city.is_some(),
        Role::Country => geo.country.is_some(),
        Role::Asn => geo.asn.is_some(),
    }
}

fn wanted(role: Role) -> &'static str {
    match role {
        Role::City => "a city",
        Role::Country => "a country",
        Role::Asn => "an autonomous system",
    }
}

/// Errors may quote what the file says.
fn words(error: &maxminddb::MaxMindDbError) -> String {
    escape_cut(error.to_string().as_bytes(), 200)
}

/// A digest's hexadecimal digits.
pub(super) fn hexadecimal(digest: &[u8]) -> String {
    let mut text = String::with_capacity(digest.len() * 2);
    for byte in digest {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
