//! Hopping networks: three /64s make the /56, three /56s the /48, IPv4 only where configured.

use super::*;
use crate::decisions::testing::{block, secs};

fn propose(widening: &mut Widening, config: &GuardConfig, target: &str, at: i64) -> Vec<String> {
    let wider = widening.propose(&block(target, at, Some(3_600)), config);
    wider.iter().map(|decision| decision.target.to_string()).collect()
}

#[test]
fn three_parts_make_the_next_wider_network() {
    let config = GuardConfig::default();
    let mut widening = Widening::default();
    let none: [&str; 0] = [];
    let mut propose = |target: &str, at| propose(&mut widening, &config, target, at);
    assert_eq!(propose("2001:db8:1:1::/64", 0), none);
    assert_eq!(propose("2001:db8:1:1::/64", 1), none, "the same part again");
    assert_eq!(propose("2001:db8:1:2::/64", 2), none);
    assert_eq!(propose("2001:db8:1:3::/64", 3), ["2001:db8:1::/56"]);
    assert_eq!(propose("2001:db8:1:4::/64", 4), none, "it is covered");
    assert_eq!(propose("2001:db8:1:100::/64", 5), none);
    assert_eq!(propose("2001:db8:1:200::/64", 6), ["2001:db8:1::/48"]);
    assert_eq!(propose("2001:db8:1:301::/64", 7), none);
    assert_eq!(propose("2001:db8:2:1::/64", 8), none, "another network");
}

#[test]
fn parts_that_are_over_do_not_count_and_the_wider_block_ends_with_its_parts() {
    let config = GuardConfig::default();
    let mut widening = Widening::default();
    let mut one =
        |target: &str, at, duration| widening.propose(&block(target, at, duration), &config);
    assert!(one("2001:db8:1:1::/64", 0, Some(10)).is_empty());
    assert!(one("2001:db8:1:2::/64", 20, Some(500)).is_empty());
    assert!(one("2001:db8:1:3::/64", 20, Some(100)).is_empty());
    let wider = one("2001:db8:1:4::/64", 30, Some(60));
    assert_eq!(wider[0].until, Some(secs(520)));
    assert_eq!(
        wider[0].reason,
        "hopping: 3 parts of 2001:db8:1::/56 are blocked (2001:db8:1:2::/64, 2001:db8:1:3::/64, 2001:db8:1:4::/64)"
    );
    for low in 1..=2 {
        assert!(one(&format!("2001:db8:9:{low}::/64"), 0, None).is_empty());
    }
    let for_ever = one("2001:db8:9:3::/64", 0, None);
    assert_eq!(for_ever[0].until, Some(secs(86_400)), "no longer than `widen_for`");
}

#[test]
fn ipv4_widens_only_where_the_config_says_so() {
    let mut config = GuardConfig::default();
    let mut widening = Widening::default();
    for low in 0..50 {
        assert!(propose(&mut widening, &config, &format!("203.0.113.{low}"), low).is_empty());
    }
    config.widen_v4_parts = 4;
    let mut widening = Widening::default();
    for low in 1..4 {
        assert!(propose(&mut widening, &config, &format!("203.0.113.{low}"), low).is_empty());
    }
    assert_eq!(propose(&mut widening, &config, "203.0.113.99", 9), ["203.0.113.0/24"]);
    let bytes = postcard::to_stdvec(&widening).unwrap();
    let mut again: Widening = postcard::from_bytes(&bytes).unwrap();
    assert!(propose(&mut again, &config, "203.0.113.100", 10).is_empty());
    again.forget("203.0.113.9/32".parse().unwrap());
    for low in 1..4 {
        assert!(propose(&mut again, &config, &format!("203.0.113.{low}"), low).is_empty());
    }
    assert_eq!(propose(&mut again, &config, "203.0.113.99", 9).len(), 1);
}

#[test]
fn the_networks_watched_are_bounded() {
    let config = GuardConfig::default();
    let mut widening = Widening::default();
    for number in 0..3 * u32::try_from(WIDENING_NETWORKS_MAX).unwrap() {
        let target = format!("2001:db8:{:x}:1::/64", number & 0xffff);
        propose(&mut widening, &config, &target, i64::from(number));
        assert!(widening.parts.len() <= WIDENING_NETWORKS_MAX);
    }
}
