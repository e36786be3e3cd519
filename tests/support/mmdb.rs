//! Writes small databases in MaxMind's format, as tests and benchmarks need them.
//!
//! The format: maxmind.github.io/MaxMind-DB (read in November 2026).
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers; each user takes a part of them"
)]

use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// A value of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// Text.
    Text(String),
    /// A number of up to 32 bits.
    Number(u32),
    /// Names and values.
    Map(Vec<(String, Data)>),
    /// A list.
    List(Vec<Data>),
}

/// A text.
pub fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

/// A map.
pub fn map(entries: &[(&str, Data)]) -> Data {
    Data::Map(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// A record as databases of countries have it.
pub fn country(code: &str) -> Data {
    let names = map(&[("de", text("Anders")), ("en", text("Somewhere"))]);
    let country = map(&[
        ("geoname_id", Data::Number(2_750_405)),
        ("iso_code", text(code)),
        ("names", names.clone()),
    ]);
    map(&[("continent", map(&[("code", text("EU")), ("names", names)])), ("country", country)])
}

/// A record as databases of cities have it.
pub fn city(code: &str, city: &str) -> Data {
    let Data::Map(mut entries) = country(code) else { panic!("a map") };
    let names = map(&[("en", text(city)), ("nl", text("Ergens"))]);
    entries.insert(0, ("city".to_owned(), map(&[("names", names)])));
    entries.push(("subdivisions".to_owned(), Data::List(vec![country("XX"), text("?")])));
    Data::Map(entries)
}

/// A record as databases of autonomous systems have it.
pub fn asn(number: u32, organisation: &str) -> Data {
    map(&[
        ("autonomous_system_number", Data::Number(number)),
        ("autonomous_system_organization", text(organisation)),
    ])
}

/// A database of these networks, all of them apart from each other; `built` is a UNIX time.
pub fn database(kind: &str, built: u64, networks: &[(&str, Data)]) -> Vec<u8> {
    let networks: Vec<(IpNet, Data)> =
        networks.iter().map(|(net, data)| (net.parse().unwrap(), data.clone())).collect();
    write(kind, built, &networks)
}

/// The same of networks that are none of texts.
pub fn write(kind: &str, built: u64, networks: &[(IpNet, Data)]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut places: HashMap<&Data, usize> = HashMap::new();
    // A child is a node, nothing, or a record by its place in the data.
    let mut tree: Vec<[Child; 2]> = vec![[Child::Nothing; 2]];
    for (net, record) in networks {
        let place = *places.entry(record).or_insert_with(|| {
            let place = data.len();
            put(record, &mut data);
            place
        });
        let (address, bits) = match net.network() {
            IpAddr::V4(address) => (u128::from(u32::from(address)), net.prefix_len() + 96),
            IpAddr::V6(address) => (u128::from(address), net.prefix_len()),
        };
        let mut node = 0;
        for bit in 0..bits {
            let side = usize::from(address >> (127 - bit) & 1 == 1);
            if bit + 1 == bits {
                tree[node][side] = Child::Record(place);
            } else if let Child::Node(next) = tree[node][side] {
                node = next;
            } else {
                tree.push([Child::Nothing; 2]);
                let next = tree.len() - 1;
                tree[node][side] = Child::Node(next);
                node = next;
            }
        }
    }
    let count = u32::try_from(tree.len()).unwrap();
    let mut file = Vec::new();
    for child in tree.iter().flatten() {
        let number = match child {
            Child::Node(node) => u32::try_from(*node).unwrap(),
            Child::Nothing => count,
            Child::Record(place) => count + 16 + u32::try_from(*place).unwrap(),
        };
        file.extend(number.to_be_bytes());
    }
    file.extend([0; 16]);
    file.extend(&data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    let mut end = Vec::new();
    let facts: [(&str, Vec<u8>); 9] = [
        ("node_count", number(6, u64::from(count))),
        ("record_size", number(5, 32)),
        ("ip_version", number(5, 6)),
        ("database_type", text_bytes(kind)),
        ("languages", vec![0, 4]),
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", number(9, built)),
        ("description", vec![0xe0]),
    ];
    end.push(0xe0 | u8::try_from(facts.len()).unwrap());
    for (name, bytes) in facts {
        end.extend(text_bytes(name));
        end.extend(bytes);
    }
    file.extend(end);
    file
}

#[derive(Clone, Copy)]
enum Child {
    Node(usize),
    Nothing,
    Record(usize),
}

fn put(data: &Data, out: &mut Vec<u8>) {
    match data {
        Data::Text(text) => out.extend(text_bytes(text)),
        Data::Number(value) => out.extend(number(6, u64::from(*value))),
        Data::Map(entries) => {
            out.push(0xe0 | u8::try_from(entries.len()).unwrap());
            for (name, value) in entries {
                out.extend(text_bytes(name));
                put(value, out);
            }
        }
        Data::List(items) => {
            out.extend([u8::try_from(items.len()).unwrap(), 4]);
            for item in items {
                put(item, out);
            }
        }
    }
}

fn text_bytes(text: &str) -> Vec<u8> {
    let len = text.len();
    let mut bytes = match len {
        0..29 => vec![0x40 | u8::try_from(len).unwrap()],
        29..285 => vec![0x40 | 0x1d, u8::try_from(len - 29).unwrap()],
        _ => {
            let [_, _, high, low] = u32::try_from(len - 285).unwrap().to_be_bytes();
            vec![0x40 | 0x1e, high, low]
        }
    };
    bytes.extend(text.as_bytes());
    bytes
}

/// A number of a type: 5 and 6 are of 16 and 32 bits, 9 of 64.
fn number(of: u8, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(8);
    let size = u8::try_from(8 - from).unwrap();
    let mut out = if of > 7 { vec![size, of - 7] } else { vec![of << 5 | size] };
    out.extend(&bytes[from..]);
    out
}
