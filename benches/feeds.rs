//! What a set of a million prefixes costs, beside a plain hash map and a prefix trie that many use; what
//! databases of places and user agents cost; all in one run: `cargo bench --bench feeds`.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../tests/support/mmdb.rs"]
mod mmdb;

use hashbrown::HashSet;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixSet;
use riposte::enrich::Prefixes;
use riposte::enrich::user_agent::{Agent, agent, classify};
use riposte::event::net::display_net;
use riposte::feeds::read::{Layout, read};
use riposte::feeds::{Feeds, Listed};
use riposte::geo::{Database, Edition, Places, Role};
use riposte::pipeline::places::pin as pin_places;
use riposte::pipeline::threat_feeds::{FeedLookups, pin};
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

const COUNT: usize = 1_000_000;

/// A kind of list.
struct Kind {
    name: &'static str,
    make: fn(&mut fastrand::Rng) -> IpNet,
}

const KINDS: &[Kind] = &[
    Kind { name: "IPv4, all over", make: v4 },
    Kind {
        name: "IPv4 and a tenth IPv6",
        make: |random| if random.u8(..10) == 0 { v6(random) } else { v4(random) },
    },
    Kind { name: "IPv6 of 40 networks", make: v6 },
    Kind {
        name: "IPv6, all over",
        make: |random| v6_net(0x2000 << 112 | random.u128(..) >> 3, &[48, 56, 64, 128], random),
    },
];

fn v4(random: &mut fastrand::Rng) -> IpNet {
    let bits = *random.choice(&[24, 28, 32, 32, 32]).unwrap_or(&32);
    IpNet::V4(Ipv4Net::new(random.u32(..).into(), bits).unwrap_or_default().trunc())
}

fn v6(random: &mut fastrand::Rng) -> IpNet {
    let network = (0x2a00_0000 + random.u128(..40) * 77) << 96;
    v6_net(network | random.u128(..) >> 32, &[64, 64, 128], random)
}

fn v6_net(address: u128, bits: &[u8], random: &mut fastrand::Rng) -> IpNet {
    let bits = *random.choice(bits).unwrap_or(&128);
    IpNet::V6(Ipv6Net::new(address.into(), bits).unwrap_or_default().trunc())
}

/// Half of them listed, half made the same way and hardly listed.
fn asked(nets: &[IpNet], make: fn(&mut fastrand::Rng) -> IpNet) -> Vec<IpAddr> {
    let mut random = fastrand::Rng::with_seed(8);
    (0..COUNT)
        .map(|place| match random.choice(nets) {
            Some(net) if place % 2 == 0 => net.network(),
            _ => make(&mut random).network(),
        })
        .collect()
}

fn resident_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0 / 1e6
}

/// Builds something and asks it for each address; prints what that took.
fn measure<T>(
    what: &str,
    asked: &[IpAddr],
    build: impl FnOnce() -> T,
    holds: impl Fn(&T, IpAddr) -> bool,
) {
    let (before, start) = (resident_mb(), Instant::now());
    let set = build();
    let (made_in, after) = (start.elapsed(), resident_mb());
    let start = Instant::now();
    let hits = asked.iter().filter(|address| holds(&set, black_box(**address))).count();
    println!(
        "  {what:<34} {:>7.0} ms to make, {:>6.1} MB, {:>6.1} ns an answer ({hits} listed)",
        made_in.as_secs_f64() * 1e3,
        (after - before).max(0.0),
        start.elapsed().as_secs_f64() * 1e9 / asked.len() as f64,
    );
}

/// A database of cities with 250,000 networks and 20,000 places.
fn places() {
    let mut random = fastrand::Rng::with_seed(7);
    let networks: Vec<(IpNet, mmdb::Data)> = (0..250_000)
        .map(|number: u32| {
            let net = Ipv4Net::new((number * 16_384).into(), 24).unwrap_or_default();
            let place = format!("Place {}", random.u32(..20_000));
            (IpNet::V4(net), mmdb::city("NL", &place))
        })
        .collect();
    let file = mmdb::write("Bench-City", 1_790_000_000, &networks);
    let nets: Vec<IpAddr> = networks.iter().map(|(net, _)| net.network()).collect();
    let mut asked: Vec<IpAddr> = nets.clone();
    random.shuffle(&mut asked);
    println!("{} networks, a database of {:.1} MB", networks.len(), file.len() as f64 / 1e6);
    drop(networks);
    let start = Instant::now();
    Database::new(file.clone()).and_then(|one| one.verify(Role::City)).unwrap_or_default();
    println!("  {:.0} ms to read and verify", start.elapsed().as_secs_f64() * 1e3);
    measure(
        "each address for the first time",
        &asked,
        || Database::new(file.clone()).map(Arc::new).ok(),
        |database, address| database.as_ref().is_some_and(|one| !one.find(address).is_empty()),
    );
    let again: Vec<IpAddr> =
        (0..COUNT).filter_map(|number| asked.get(number % 500).copied()).collect();
    measure(
        "500 addresses again and again",
        &again,
        || {
            let database = Database::new(file.clone()).map(Arc::new).ok();
            let edition = database.map(|database| Edition { version: 1, database });
            pin_places(&Arc::new(Places::default().with(Role::City, edition)));
            FeedLookups::pinned()
        },
        |rules, address| rules.geo(address).is_some_and(|geo| geo.country.is_some()),
    );
    pin_places(&Arc::default());
}

/// What user agents cost.
fn agents() {
    let text = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0";
    for (what, of) in [
        ("a user agent, looked at", classify as fn(&str) -> Agent),
        ("the same, remembered", agent as fn(&str) -> Agent),
    ] {
        let start = Instant::now();
        let known = (0..COUNT).filter(|_| of(black_box(text)).family == "edge").count();
        let each = start.elapsed().as_secs_f64() * 1e9 / known as f64;
        println!("  {what:<34} {each:>7.1} ns");
    }
}

fn main() {
    places();
    agents();
    for kind in KINDS {
        let mut random = fastrand::Rng::with_seed(7);
        let nets: Vec<IpNet> = (0..COUNT).map(|_| (kind.make)(&mut random)).collect();
        let asked = asked(&nets, kind.make);
        println!("{} prefixes, {}", nets.len(), kind.name);
        let set = Prefixes::new(nets.iter().copied());
        println!("  {} of them not within others, {:.1} MB", set.len(), set.bytes() as f64 / 1e6);
        drop(set);
        measure(
            "sorted arrays (riposte)",
            &asked,
            || Prefixes::new(nets.iter().copied()),
            Prefixes::contains,
        );
        let text: String = nets.iter().map(|net| display_net(net) + "\n").collect();
        measure(
            "the same, from a feed's text to a rule",
            &asked,
            || {
                let reading = read(text.as_bytes(), &Layout::List).unwrap_or_default();
                let prefixes = Arc::new(Prefixes::new(reading.prefixes));
                pin(&Arc::new(Feeds::default().with("bad", Some(Listed { version: 1, prefixes }))));
                FeedLookups::pinned()
            },
            |rules, address| rules.in_feed(address, "bad"),
        );
        pin(&Arc::default());
        drop(text);
        let mut lengths: Vec<u8> = nets.iter().map(IpNet::prefix_len).collect();
        lengths.sort_unstable();
        lengths.dedup();
        measure(
            "a hash set, asked by each length",
            &asked,
            || nets.iter().copied().collect::<HashSet<IpNet, foldhash::fast::FixedState>>(),
            |set, address| {
                let holds = |bits: &u8| {
                    IpNet::new(address, *bits).is_ok_and(|net| set.contains(&net.trunc()))
                };
                lengths.iter().any(holds)
            },
        );
        measure(
            "prefix-trie",
            &asked,
            || {
                let v4 = nets.iter().filter_map(|net| match net {
                    IpNet::V4(net) => Some(*net),
                    IpNet::V6(_) => None,
                });
                let v6 = nets.iter().filter_map(|net| match net {
                    IpNet::V4(_) => None,
                    IpNet::V6(net) => Some(*net),
                });
                (v4.collect::<PrefixSet<Ipv4Net>>(), v6.collect::<PrefixSet<Ipv6Net>>())
            },
            |(v4, v6), address| match address {
                IpAddr::V4(address) => v4.get_lpm(&Ipv4Net::from(address)).is_some(),
                IpAddr::V6(address) => v6.get_lpm(&Ipv6Net::from(address)).is_some(),
            },
        );
    }
}
