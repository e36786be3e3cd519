//! Plans, carried out on paper.

use super::super::mark::Note;
use super::super::present::{Held, Made};
use super::*;
use crate::actions::tests::block;
use crate::cloudflare::access_rules::Scope;
use crate::decisions::Remedy;
use proptest::prelude::*;

fn net(text: &str) -> IpNet {
    crate::event::net::parse_net(text).unwrap()
}

fn held(until: Option<Timestamp>) -> Held {
    Held { id: None, note: Note { owner: "a".to_owned(), until } }
}

fn scope(name: &str) -> Scope {
    Scope::Zone(name.to_owned())
}

fn made(measure: Measure) -> Made {
    Made { id: "x".to_owned(), measure: Some(measure) }
}

fn challenge(target: &str, secs: Option<u64>) -> Decision {
    Decision { remedy: Remedy::Challenge, ..block(target, secs) }
}

/// A plan with so much room, and nothing turned down.
fn plan_in(wanted: &Each<Wanted>, present: &Present, items: usize, rules: usize) -> Plan {
    let (none, closed) = (BTreeMap::new(), BTreeSet::new());
    let limits =
        Limits { items, rules: Some(rules), refused: &none, closed: &closed, stuck: &none };
    plan(wanted, present, limits)
}

fn is_done(plan: &Plan) -> bool {
    plan.comes() == 0 && plan.goes() == 0
}

/// Carries a plan out, as the steps do.
fn carry_out(plan: &Plan, wanted: &Each<Wanted>, present: &mut Present) {
    for (measure, net) in &plan.spill {
        let scopes = present.scopes.max(1);
        let rules = present.rules.entry(*net).or_default();
        rules.extend((0..scopes).map(|n| (scope(&n.to_string()), made(*measure))));
    }
    for measure in Measure::ALL {
        let (list, shelf) = (&plan.lists[measure], &mut present.lists[measure]);
        for net in &list.remove {
            shelf.items.remove(net);
        }
        for net in list.add.iter().filter(|_| !list.needs_room) {
            shelf.items.insert(*net, held(wanted[measure][net].until));
        }
    }
    for net in &plan.recall {
        present.rules.remove(net);
    }
}

#[test]
fn only_the_difference_is_asked_for() {
    let decisions =
        [block("192.0.2.1", None), block("192.0.2.2", Some(60)), block("192.0.2.3", None)];
    let wanted = standing(&decisions);
    let mut present = Present::default();
    let shelf = &mut present.lists.block;
    shelf.items.insert(net("192.0.2.1"), held(None));
    shelf.items.insert(net("192.0.2.9"), held(None));
    shelf.foreign.insert(net("192.0.2.3"));
    let plan = plan_in(&wanted, &present, 100, 10);
    assert_eq!(plan.lists.block.add, [net("192.0.2.2")], "what others listed is not taken over");
    assert_eq!(plan.lists.block.remove, [net("192.0.2.9")]);
    assert!(plan.spill.is_empty() && plan.unfit.is_empty() && !plan.lists.block.needs_room);
}

#[test]
fn what_others_listed_counts_for_nothing_where_no_rule_names_the_list() {
    let wanted = standing(&[block("192.0.2.3", None)]);
    let mut present = Present::default();
    present.lists.block.foreign.insert(net("192.0.2.3"));
    present.lists.block.idle = true;
    let plan = plan_in(&wanted, &present, 100, 10);
    assert_eq!(plan.spill, [(Measure::Block, net("192.0.2.3"))]);
    assert!(!present.holds(Measure::Block, &net("192.0.2.3"), &|_, _| false));
}

#[test]
fn what_has_no_room_goes_to_access_rules_and_the_rest_is_told() {
    let mut decisions: Vec<_> =
        (1..=6).map(|n| block(&format!("192.0.2.{n}"), Some(n * 100))).collect();
    decisions.push(block("198.51.100.0/25", Some(50)));
    decisions[0].rule = "manual".into();
    let present = Present { elsewhere: 7, ..Present::default() };
    let plan = plan_in(&standing(&decisions), &present, 10, 2);
    assert_eq!(plan.lists.block.add, ["192.0.2.1", "192.0.2.6", "192.0.2.5"].map(net));
    let spill = ["192.0.2.4", "192.0.2.3"].map(|text| (Measure::Block, net(text)));
    assert_eq!(plan.spill, spill);
    let unfit = ["192.0.2.2", "198.51.100.0/25"].map(|text| (Measure::Block, net(text)));
    assert_eq!(plan.unfit, BTreeSet::from(unfit));
}

#[test]
fn a_wide_network_that_fits_nowhere_hides_no_address_in_it() {
    let decisions = [block("198.51.100.0/25", Some(900)), block("198.51.100.7", Some(60))];
    let plan = plan_in(&standing(&decisions), &Present::default(), 0, 10);
    assert_eq!(plan.spill, [(Measure::Block, net("198.51.100.7"))]);
    assert_eq!(plan.unfit, BTreeSet::from([(Measure::Block, net("198.51.100.0/25"))]));
}

#[test]
fn a_wide_network_whose_access_rule_is_turned_down_hides_no_address_in_it() {
    let decisions = [block("198.51.100.0/24", Some(900)), block("198.51.100.7", Some(60))];
    let (none, closed) = (BTreeMap::new(), BTreeSet::from([net("198.51.100.0/24")]));
    let limits = Limits { items: 0, rules: Some(9), refused: &none, closed: &closed, stuck: &none };
    let plan = plan(&standing(&decisions), &Present::default(), limits);
    assert_eq!(plan.spill, [(Measure::Block, net("198.51.100.7"))]);
}

#[test]
fn a_rule_stays_until_the_list_has_taken_its_place() {
    let wanted = standing(&[block("192.0.2.1", None)]);
    let mut present = Present::default();
    let rules = BTreeMap::from([(scope("z"), made(Measure::Block))]);
    present.rules.insert(net("192.0.2.1"), rules);
    let first = plan_in(&wanted, &present, 100, 10);
    assert_eq!((first.lists.block.add.len(), first.recall.len()), (1, 0));
    present.lists.block.items.insert(net("192.0.2.1"), held(None));
    let second = plan_in(&wanted, &present, 100, 10);
    assert_eq!((second.lists.block.add.len(), second.recall.len()), (0, 1));
}

#[test]
fn an_item_stays_until_an_access_rule_has_taken_its_place() {
    let wanted = standing(&[block("192.0.2.1", Some(60)), block("192.0.2.2", None)]);
    let mut present = Present::default();
    present.lists.block.items.insert(net("192.0.2.1"), held(None));
    let first = plan_in(&wanted, &present, 1, 10);
    assert_eq!(first.spill, [(Measure::Block, net("192.0.2.1"))]);
    assert!(first.lists.block.needs_room && first.lists.block.remove.is_empty(), "{first:?}");
    carry_out(&first, &wanted, &mut present);
    let second = plan_in(&wanted, &present, 1, 10);
    assert_eq!(second.lists.block.remove, [net("192.0.2.1")]);
}

#[test]
fn a_rule_in_one_zone_of_two_is_made_whole() {
    let wanted = standing(&[block("192.0.2.1", None)]);
    let mut present = Present { scopes: 2, ..Present::default() };
    let rules = BTreeMap::from([(scope("a"), made(Measure::Block))]);
    present.rules.insert(net("192.0.2.1"), rules);
    assert!(!present.holds(Measure::Block, &net("192.0.2.1"), &|_, _| false));
    let plan = plan_in(&wanted, &present, 0, 10);
    assert_eq!(plan.spill, [(Measure::Block, net("192.0.2.1"))]);
    assert!(plan.recall.is_empty(), "what is there goes on");
}

#[test]
fn what_lies_in_a_wider_block_that_stands_as_long_is_left_out() {
    let decisions =
        [block("192.0.2.0/24", Some(600)), block("192.0.2.1", Some(60)), block("192.0.2.2", None)];
    let plan = plan_in(&standing(&decisions), &Present::default(), 100, 10);
    let expected = BTreeSet::from(["192.0.2.0/24", "192.0.2.2"].map(net));
    assert_eq!(BTreeSet::from_iter(plan.lists.block.add), expected);
}

#[test]
fn who_is_blocked_is_not_challenged_too() {
    let mut decisions = vec![
        block("192.0.2.0/24", Some(600)),
        challenge("192.0.2.1", None),
        challenge("198.51.100.1", None),
        challenge("198.51.100.2", Some(60)),
    ];
    let wanted = standing(&decisions);
    let mut present = Present::default();
    let first = plan_in(&wanted, &present, 2, 1);
    assert_eq!(first.lists.block.add, [net("192.0.2.0/24")]);
    assert_eq!(first.lists.challenge.add, [net("198.51.100.1")]);
    assert_eq!(first.spill, [(Measure::Challenge, net("198.51.100.2"))]);
    carry_out(&first, &wanted, &mut present);
    assert!(is_done(&plan_in(&wanted, &present, 2, 1)));
    // The block ends: the challenge that it hid comes, and has the better place.
    decisions.remove(0);
    let wanted = standing(&decisions);
    let second = plan_in(&wanted, &present, 2, 1);
    assert_eq!(second.lists.challenge.add, [net("192.0.2.1")]);
    assert_eq!(second.lists.block.remove, [net("192.0.2.0/24")]);
}

/// A network of one of several widths, most of them within one another.
fn any_net() -> impl Strategy<Value = IpNet> {
    (0_u32..64, prop::sample::select(vec![16_u8, 24, 25, 27, 30, 32])).prop_map(|(n, bits)| {
        let address = std::net::Ipv4Addr::from(0xC000_0200 + n);
        IpNet::new(address.into(), bits).unwrap().trunc()
    })
}

fn any_decisions() -> impl Strategy<Value = Vec<Decision>> {
    let one = (any_net(), 1_u64..900, any::<bool>(), 0_u8..8);
    let decision = one.prop_map(|(net, secs, blocks, by_hand)| {
        let mut decision = block(&net.to_string(), Some(secs));
        if !blocks {
            decision.remedy = Remedy::Challenge;
        }
        if by_hand == 0 {
            decision.rule = "manual".into();
        }
        decision
    });
    prop::collection::vec(decision, 0..40)
}

proptest! {
    /// Carried out again and again, plans come to an end; then everything wanted is covered by
    /// what stands there or is told as not fitting, nothing else stands there, and never more
    /// than there is room for.
    #[test]
    fn plans_come_to_an_end_and_hide_nobody(
        first in any_decisions(), second in any_decisions(),
        foreign in prop::collection::btree_set(any_net(), 0..4),
        refused in prop::collection::btree_set(any_net(), 0..6),
        closed in prop::collection::btree_set(any_net(), 0..6),
        (idle, scopes) in (any::<bool>(), 1_usize..3),
        items in 0_usize..30, rules in 0_usize..10,
    ) {
        let mut present = Present { scopes, ..Present::default() };
        (present.lists.block.foreign, present.lists.block.idle) = (foreign, idle);
        let refused = refused.into_iter().map(|net| (net, String::new())).collect();
        let stuck = BTreeMap::new();
        let limits = Limits { items, rules: Some(rules), refused: &refused, closed: &closed, stuck: &stuck };
        for decisions in [first, second] {
            let wanted = standing(&decisions);
            let mut turns = 0;
            let last = loop {
                let plan = plan(&wanted, &present, limits);
                if is_done(&plan) {
                    break plan;
                }
                carry_out(&plan, &wanted, &mut present);
                prop_assert!(present.items() <= items.saturating_sub(present.others()));
                turns += 1;
                prop_assert!(turns < 12, "{plan:?}");
            };
            let holds = |measure, net: &IpNet| {
                wider(net).any(|net| present.holds(measure, &net, &|_, _| false))
            };
            for measure in Measure::ALL {
                for net in wanted[measure].keys() {
                    let covered = holds(measure, net) || holds(Measure::Block, net);
                    let told = last.unfit.contains(&(measure, *net));
                    prop_assert!(covered || told, "{measure:?} {net} is lost: {last:?}");
                }
                for net in present.lists[measure].items.keys() {
                    prop_assert!(wanted[measure].contains_key(net));
                    prop_assert!(!refused.contains_key(net));
                }
            }
            prop_assert!(present.rules.len() <= rules);
        }
    }
}
