//! What is in force: longer wins, nothing outlives its end, lookups agree with a walk over all.

use super::*;
use crate::decisions::testing::{block, manual, net, secs};
use proptest::prelude::*;

#[test]
fn the_longer_one_wins_and_a_shorter_one_shortens_nothing() {
    let mut standing = Standing::default();
    assert!(standing.insert(block("203.0.113.9", 0, Some(60))).changed);
    assert!(!standing.insert(block("203.0.113.9", 1, Some(30))).changed);
    let longer = standing.insert(block("203.0.113.9", 2, Some(600)));
    assert_eq!(longer.replaced.unwrap().until, Some(secs(60)));
    assert_eq!(standing.len(), 1);
    assert_eq!(standing.next_expiry(), Some(secs(602)));
    assert!(standing.insert(block("203.0.113.9", 3, None)).changed);
    assert!(!standing.insert(block("203.0.113.9", 4, Some(9_999))).changed);
    assert_eq!(standing.next_expiry(), None);
    assert!(standing.expire(Timestamp::MAX).is_empty());
}

#[test]
fn decisions_end_at_their_time_soonest_first() {
    let mut standing = Standing::default();
    standing.insert(block("203.0.113.1", 0, Some(20)));
    standing.insert(block("203.0.113.2", 0, Some(10)));
    standing.insert(block("203.0.113.3", 0, Some(30)));
    assert!(standing.expire(secs(9)).is_empty());
    let over: Vec<String> =
        standing.expire(secs(20)).iter().map(|decision| decision.target.to_string()).collect();
    assert_eq!(over, ["203.0.113.2", "203.0.113.1"]);
    assert!(standing.covering("203.0.113.1".parse().unwrap()).is_empty());
    assert_eq!(standing.covering("203.0.113.3".parse().unwrap()).len(), 1);
}

#[test]
fn other_remedies_and_routes_stand_beside_each_other() {
    let mut standing = Standing::default();
    let direct = Decision { route: Route::Direct, ..block("203.0.113.9", 0, Some(60)) };
    let proxied = Decision { route: Route::Proxied, ..block("203.0.113.9", 1, Some(60)) };
    standing.insert(direct.clone());
    assert!(standing.already(&proxied).is_none(), "the kernel can't block behind a proxy");
    assert!(standing.insert(proxied.clone()).changed);
    assert!(standing.already(&proxied).is_some());
    let throttle = Decision { remedy: Remedy::Throttle, ..direct };
    assert!(standing.already(&throttle).is_some(), "a block is stronger");
    let via = Decision { via: Some("cloudflare".into()), ..block("203.0.113.9", 2, Some(10)) };
    assert!(standing.already(&via).is_none());
    assert_eq!(standing.lift(&proxied.target).len(), 2);
    assert!(standing.is_empty());
}

#[test]
fn an_allow_lifts_what_is_wider_and_what_is_narrower() {
    let mut standing = Standing::default();
    standing.insert(block("203.0.113.0/24", 0, None));
    standing.insert(block("203.0.113.77", 0, None));
    standing.insert(block("203.0.112.1", 0, None));
    standing.insert(manual("203.0.113.64/26", Remedy::Allow, 0, None));
    assert_eq!(standing.lift_overlapping(net("203.0.113.64/26")).len(), 2);
    assert_eq!(standing.len(), 2);
    assert!(standing.allows(net("203.0.113.0/24")).is_some());
    assert!(standing.allows(net("203.0.112.0/24")).is_none());
}

#[test]
fn the_bound_holds_and_people_s_decisions_go_last() {
    let mut standing = Standing::default();
    standing.insert(manual("198.51.100.1", Remedy::Block, 0, Some(5)));
    let count = u32::try_from(STANDING_DECISIONS_MAX).unwrap();
    for number in 0..count - 1 {
        let target = std::net::Ipv4Addr::from(0x2000_0000 + number).to_string();
        let inserted = standing.insert(block(&target, 0, Some(100 + u64::from(number))));
        assert_eq!(inserted.shed, None);
    }
    let shed = standing.insert(block("203.0.113.1", 0, Some(50))).shed.unwrap();
    assert_eq!(shed.target.to_string(), "32.0.0.0");
    assert_eq!(standing.len(), STANDING_DECISIONS_MAX);
    let bytes = postcard::to_stdvec(&standing).unwrap();
    let again: Standing = postcard::from_bytes(&bytes).unwrap();
    assert!(again.iter().eq(standing.iter()));
    assert_eq!(again.next_expiry(), standing.next_expiry());
}

#[derive(Debug, Clone)]
enum Op {
    Insert(Decision),
    Lift(Target),
    Overlapping(IpNet),
    Expire(i64),
}

fn any_net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (0_u32..8, 26_u8..=32).prop_map(|(low, length)| {
            let address = std::net::Ipv4Addr::from(0xcb00_7100 + (low << 3));
            IpNet::new(address.into(), length).unwrap().trunc()
        }),
        (0_u128..4, 46_u8..=66).prop_map(|(low, length)| {
            let address = std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) + (low << 64));
            IpNet::new(address.into(), length).unwrap().trunc()
        }),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (any_net(), 0_i64..100, prop::option::of(1_u64..100), any::<bool>()).prop_map(
            |(net, from, duration, allow)| {
                let remedy = if allow { Remedy::Allow } else { Remedy::Block };
                Op::Insert(Decision { remedy, ..block(&net.to_string(), from, duration) })
            }
        ),
        1 => any_net().prop_map(|net| Op::Lift(Target::Net(net))),
        1 => any_net().prop_map(Op::Overlapping),
        1 => (0_i64..250).prop_map(Op::Expire),
    ]
}

proptest! {
    #[test]
    fn lookups_agree_with_a_walk_over_all_and_nothing_outlives_its_end(
        ops in prop::collection::vec(any_op(), 1..60), asked in any_net()
    ) {
        let mut standing = Standing::default();
        for op in ops {
            match op {
                Op::Insert(decision) => {
                    standing.insert(decision.clone());
                    let known = standing.of_target(&decision.target).iter();
                    let end = known.filter(|known| known.remedy == decision.remedy);
                    prop_assert!(end.count() == 1);
                }
                Op::Lift(target) => {
                    standing.lift(&target);
                    prop_assert!(standing.of_target(&target).is_empty());
                }
                Op::Overlapping(net) => {
                    standing.lift_overlapping(net);
                    prop_assert!(standing.overlapping(net).iter().all(|known| known.remedy == Remedy::Allow));
                }
                Op::Expire(at) => {
                    for over in standing.expire(secs(at)) {
                        prop_assert!(!over.stands_at(secs(at)));
                    }
                    prop_assert!(standing.iter().all(|known| known.stands_at(secs(at))));
                }
            }
            let nets = |known: &&Arc<Decision>| known.target.net().unwrap();
            let wide = standing.iter().filter(|known| nets(known).contains(&asked)).count();
            let near = standing.iter().filter(|known| nets(known).contains(&asked) || asked.contains(&nets(known))).count();
            prop_assert_eq!(standing.covering_net(asked).len(), wide);
            prop_assert_eq!(standing.overlapping(asked).len(), near);
            prop_assert_eq!(standing.iter().count(), standing.len());
            let ends = standing.iter().filter_map(|known| known.until).min();
            prop_assert_eq!(standing.next_expiry(), ends);
        }
    }
}
