//! The allowlist: both ways of meeting a prefix, names, bounds, and saving.

use super::*;

fn entry(subject: &str, comment: &str) -> Entry {
    Entry {
        subject: Subject::parse(subject).unwrap(),
        comment: comment.to_owned(),
        added: Timestamp::EPOCH,
        by: "test".to_owned(),
        until: None,
    }
}

fn net(text: &str) -> IpNet {
    net::parse_net(text).unwrap()
}

#[test]
fn subjects_are_addresses_prefixes_or_names() {
    for (text, wanted) in [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7/24", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("Office.Example.COM.", "office.example.com"),
        ("localhost", "localhost"),
    ] {
        assert_eq!(Subject::parse(text).unwrap().to_string(), wanted);
    }
    for bad in ["", "1.2.3", "1.2.3.400", "a b", "-x.example", "x..y", "10.0.0.0/33"] {
        assert_eq!(Subject::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_prefix_meets_an_entry_around_it_and_an_entry_within_it() {
    let mut list = Allowlist::default();
    list.add(entry("198.51.100.0/24", "office")).unwrap();
    list.add(entry("203.0.113.9", "")).unwrap();
    let found = list.covers(net("198.51.100.77")).unwrap();
    assert_eq!(found.words(), "`198.51.100.0/24` (office)");
    assert_eq!(list.covers(net("203.0.113.0/24")).unwrap().words(), "`203.0.113.9`");
    assert!(list.covers(net("203.0.113.10")).is_none());
    assert!(list.remove(&Subject::parse("203.0.113.9").unwrap()).is_some());
    assert!(list.covers(net("203.0.113.0/24")).is_none());
}

#[test]
fn a_name_counts_with_at_most_eight_addresses_and_keeps_them_when_resolving_fails() {
    let mut list = Allowlist::default();
    list.add(entry("office.example.com", "")).unwrap();
    assert!(list.covers(net("203.0.113.1")).is_none());
    let many: Vec<IpAddr> = (1..=10).rev().map(|low| IpAddr::from([203, 0, 113, low])).collect();
    let resolved = list.resolved("OFFICE.example.com.", &many);
    assert_eq!((resolved.changed, resolved.ignored), (true, 2));
    assert!(list.covers(net("203.0.113.8")).is_some());
    assert!(list.covers(net("203.0.113.9")).is_none());
    assert!(!list.resolved("office.example.com", &[]).changed);
    assert!(list.covers(net("203.0.113.8")).is_some());
    assert!(!list.resolved("other.example.com", &many).changed);
    let version = list.version();
    list.resolved("office.example.com", &[IpAddr::from([192, 0, 2, 1])]);
    assert!(list.version() > version);
    assert!(list.covers(net("203.0.113.8")).is_none());
    assert_eq!(list.names().collect::<Vec<_>>(), ["office.example.com"]);
}

#[test]
fn entries_end_at_their_time_and_survive_saving() {
    let mut list = Allowlist::default();
    list.add(Entry { until: Some(Timestamp::from_secs(60)), ..entry("192.0.2.1", "for an hour") })
        .unwrap();
    list.add(entry("office.example.com", "")).unwrap();
    list.resolved("office.example.com", &[IpAddr::from([203, 0, 113, 1])]);
    let bytes = postcard::to_stdvec(&list).unwrap();
    let mut again: Allowlist = postcard::from_bytes(&bytes).unwrap();
    assert!(again.covers(net("203.0.113.1")).is_some());
    assert_eq!(again.version(), list.version());
    assert!(again.expire(Timestamp::from_secs(59)).is_empty());
    assert_eq!(again.expire(Timestamp::from_secs(60)).len(), 1);
    assert!(again.covers(net("192.0.2.1")).is_none());
}

#[test]
fn the_list_is_bounded() {
    let mut list = Allowlist::default();
    let saved = Saved {
        entries: (0..u32::try_from(ALLOWLIST_ENTRIES_MAX).unwrap())
            .map(|number| Entry {
                subject: Subject::Net(IpNet::from(IpAddr::from(number.to_be_bytes()))),
                ..entry("192.0.2.1", "")
            })
            .collect(),
        resolved: Vec::new(),
        version: 1,
    };
    list.clone_from(&Allowlist::from(saved));
    assert_eq!(list.add(entry("203.0.113.1", "")), Err(Full));
    assert_eq!(list.add(entry("0.0.0.1", "again")), Ok(()));
}
