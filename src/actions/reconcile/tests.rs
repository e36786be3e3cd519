//! The arithmetic of present and wanted, held by examples and by a slow model.

use super::*;
use proptest::prelude::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn shown(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry.until {
            Some(until) => format!("{} {}", entry.range, until.as_secs()),
            None => format!("{} ever", entry.range),
        })
        .collect()
}

#[test]
fn a_longer_address_inside_a_prefix_cuts_it() {
    let entries = cover(
        [
            (net("198.51.100.0/24"), Some(at(60))),
            (net("198.51.100.7/32"), Some(at(600))),
            (net("198.51.100.9/32"), Some(at(30))),
        ],
        at(0),
    );
    assert_eq!(
        shown(&entries),
        ["198.51.100.0-198.51.100.6 60", "198.51.100.7 600", "198.51.100.8-198.51.100.255 60"]
    );
}

#[test]
fn edges_of_the_address_space_are_written_once() {
    let entries = cover(
        [
            (net("::/0"), Some(at(10))),
            (net("ffff:ffff:ffff:ffff::/64"), None),
            (net("::/128"), Some(at(99))),
            (net("0.0.0.0/0"), Some(at(10))),
            (net("255.255.255.255/32"), Some(at(20))),
        ],
        at(0),
    );
    assert_eq!(
        shown(&entries),
        [
            "0.0.0.0-255.255.255.254 10",
            "255.255.255.255 20",
            ":: 99",
            "::1-ffff:ffff:ffff:fffe:ffff:ffff:ffff:ffff 10",
            "ffff:ffff:ffff:ffff::/64 ever"
        ]
    );
}

#[test]
fn what_is_over_counts_for_nothing() {
    let networks = [(net("192.0.2.0/24"), Some(at(5))), (net("192.0.2.1/32"), Some(at(9)))];
    assert_eq!(shown(&cover(networks, at(5))), ["192.0.2.1 9"]);
    assert_eq!(cover(networks, at(9)), []);
}

#[test]
fn only_the_difference_is_changed() {
    let entry = |text: &str, until| Entry { range: AddressRange::of(&net(text)), until };
    let present = [
        entry("192.0.2.1/32", Some(at(100))),
        entry("192.0.2.2/32", Some(at(100))),
        entry("192.0.2.3/32", Some(at(100))),
        entry("198.51.100.0/24", None),
    ];
    let wanted = [
        entry("192.0.2.1/32", Some(at(101))),
        entry("192.0.2.2/32", Some(at(500))),
        entry("192.0.2.4/32", Some(at(100))),
        entry("198.51.100.0/25", None),
    ];
    let plan = difference(&present, &wanted, Ends::ReadBack);
    assert_eq!((plan.kept, plan.missing, plan.extra), (1, 1, 1));
    let removed: Vec<_> = plan.remove.iter().map(ToString::to_string).collect();
    assert_eq!(removed, ["192.0.2.2", "192.0.2.3", "198.51.100.0/24"]);
    assert_eq!(plan.add, wanted[1..]);
}

#[test]
fn the_strongest_of_nested_networks_wins() {
    let kept = outermost([
        (net("192.0.2.0/24"), 1),
        (net("192.0.2.9/32"), 2),
        (net("192.0.2.10/32"), 1),
        (net("192.0.2.9/32"), 0),
        (net("2001:db8::/64"), 1),
    ]);
    assert_eq!(
        kept,
        [(net("192.0.2.0/24"), 1), (net("192.0.2.9/32"), 2), (net("2001:db8::/64"), 1)]
    );
}

/// Networks in a space of 64 addresses, so that every address can be asked.
fn networks() -> impl Strategy<Value = Vec<(IpNet, Option<Timestamp>)>> {
    let one =
        (0_u8..64, 26_u8..=32, proptest::option::of(0_i64..20)).prop_map(|(host, bits, until)| {
            let address = IpAddr::from([203, 0, 113, host]);
            (IpNet::new(address, bits).unwrap().trunc(), until.map(at))
        });
    proptest::collection::vec(one, 0..24)
}

fn latest_end(
    networks: &[(IpNet, Option<Timestamp>)],
    address: IpAddr,
    now: Timestamp,
) -> Option<Timestamp> {
    networks
        .iter()
        .filter(|(net, until)| net.contains(&address) && end(*until) > now)
        .map(|(_, until)| end(*until))
        .max()
}

proptest! {
    /// Each address is held exactly once, until the latest end of the networks that hold it.
    #[test]
    fn a_cover_says_the_latest_end_of_every_address(networks in networks(), now in 0_i64..20) {
        let now = at(now);
        let entries = cover(networks.clone(), now);
        prop_assert!(entries.len() <= networks.len() * 2);
        prop_assert!(entries.windows(2).all(|pair| pair[0].range.last() < pair[1].range.first()));
        for host in 0..64 {
            let address = IpAddr::from([203, 0, 113, host]);
            let held: Vec<_> = entries.iter().filter(|entry| entry.range.contains(address)).collect();
            prop_assert!(held.len() <= 1);
            let found = held.first().map(|entry| end(entry.until));
            prop_assert_eq!(found, latest_end(&networks, address, now));
        }
    }

    /// As time passes and nothing is added, kernel timeouts alone keep the cover right: no address
    /// is let in before its time, none is held after it.
    #[test]
    fn timeouts_alone_keep_a_cover_right(networks in networks(), now in 0_i64..20) {
        let before = cover(networks.clone(), at(0));
        for host in 0..64 {
            let address = IpAddr::from([203, 0, 113, host]);
            let held = before.iter().any(|entry| entry.range.contains(address) && end(entry.until) > at(now));
            prop_assert_eq!(held, latest_end(&networks, address, at(now)).is_some());
        }
    }

    /// Removing and adding as the plan says leads from any present to the wanted entries.
    #[test]
    fn a_plan_leads_from_present_to_wanted(present in networks(), wanted in networks()) {
        let (present, wanted) = (cover(present, at(0)), cover(wanted, at(0)));
        let plan = difference(&present, &wanted, Ends::ReadBack);
        let mut held: BTreeMap<_, _> = present.iter().map(|entry| (entry.range, entry.until)).collect();
        for range in &plan.remove {
            prop_assert!(held.remove(range).is_some());
        }
        for entry in &plan.add {
            prop_assert!(held.keys().all(|other| !other.contains(entry.range.first()) && !other.contains(entry.range.last())));
            prop_assert!(held.insert(entry.range, entry.until).is_none());
        }
        let ranges: Vec<_> = held.keys().copied().collect();
        let asked: Vec<_> = wanted.iter().map(|entry| entry.range).collect();
        prop_assert_eq!(ranges, asked);
        prop_assert!(wanted.iter().all(|entry| same_end(held[&entry.range], entry.until)));
        prop_assert!(difference(&wanted, &wanted, Ends::Known).is_empty());
    }
}
