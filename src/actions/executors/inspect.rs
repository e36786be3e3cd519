//! What is in force at each enforcer against what should be, without changing anything: for
//! `riposte doctor`.

use crate::actions::cloudflare::Cloudflare;
use crate::actions::config::ActionsConfig;
use crate::actions::enforcer::Enforcer;
use crate::actions::nftables::Nftables;
use crate::actions::reconcile::{Ends, Entry, cover, difference};
use crate::actions::route::{self, Reach, ReachKind};
use crate::actions::web_files::WebFile;
use crate::clock::Timestamp;
use crate::decisions::Decision;

/// Entries of an enforcer, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compared {
    /// In force there.
    pub present: usize,
    /// Wanted and not there.
    pub missing: usize,
    /// There and not wanted.
    pub extra: usize,
}

/// Compares what each enforcer of a config holds with the decisions in force; reads only. An error
/// says why an enforcer could not be read.
pub fn inspect(
    config: &ActionsConfig,
    in_force: &[Decision],
    now: Timestamp,
) -> Vec<(String, Result<Compared, String>)> {
    let mut enforcers: Vec<(Reach, Box<dyn Enforcer>)> = Vec::new();
    if let Some(nft) = config.nftables.as_ref().filter(|nft| nft.enabled) {
        let enforcer = Nftables::new(nft, true);
        let reach = Reach { name: enforcer.name().to_owned(), kind: ReachKind::Kernel };
        enforcers.push((reach, Box::new(enforcer)));
    }
    for file in &config.files {
        let reach = Reach { name: file.name.clone(), kind: ReachKind::File(file.format) };
        enforcers.push((reach, Box::new(WebFile::new(file, true))));
    }
    for account in &config.cloudflare {
        let reach = Reach { name: account.name.clone(), kind: ReachKind::Cloudflare };
        enforcers.push((reach, Box::new(Cloudflare::new(account, true))));
    }
    let reaches: Vec<Reach> = enforcers.iter().map(|(reach, _)| reach.clone()).collect();
    let goes_to = |decision: &Decision, place: usize| {
        route::choose(decision, &reaches).is_ok_and(|places| places.contains(&place))
    };
    let mut results = Vec::new();
    for (place, (reach, enforcer)) in enforcers.iter_mut().enumerate() {
        let wanted: Vec<&Decision> =
            in_force.iter().filter(|decision| goes_to(decision, place)).collect();
        let present = enforcer.present();
        let compared = present
            .map(|present| compare(reach.kind, &present, &enforcer.others(), &wanted, now))
            .map_err(|error| error.to_string());
        results.push((reach.name.clone(), compared));
    }
    results
}

fn compare(
    kind: ReachKind,
    present: &[Entry],
    others: &[Entry],
    wanted: &[&Decision],
    now: Timestamp,
) -> Compared {
    let nets = wanted.iter().filter_map(|decision| Some((decision.target.net()?, decision.until)));
    let (missing, extra) = if kind == ReachKind::Kernel {
        let plan = difference(present, &cover(nets, now), Ends::ReadBack);
        (plan.missing, plan.extra)
    } else {
        // A file and Cloudflare know no ends, and a file leaves out what lies inside a wider network.
        let endless = |entry: &Entry| Some((entry.range.as_net()?, None));
        let standing = nets.filter(|(_, until)| until.is_none_or(|until| until > now));
        let wanted = cover(standing.map(|(net, _)| (net, None)), now);
        let against = |there: &mut dyn Iterator<Item = &Entry>| {
            difference(&cover(there.filter_map(endless), now), &wanted, Ends::Known)
        };
        // What somebody else holds there counts as there, and is not ours to remove.
        let missing = against(&mut present.iter().chain(others)).missing;
        (missing, against(&mut present.iter()).extra)
    };
    Compared { present: present.len(), missing, extra }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::reconcile::AddressRange;
    use crate::actions::tests::block;

    #[test]
    fn what_others_hold_is_neither_missing_nor_too_much() {
        let entry = |text: &str| {
            let net = crate::event::net::parse_net(text).unwrap();
            Entry { range: AddressRange::of(&net), until: None }
        };
        let decisions = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|text| block(text, None));
        let wanted: Vec<&Decision> = decisions.iter().collect();
        let present = [entry("192.0.2.1"), entry("198.51.100.1")];
        let others = [entry("192.0.2.2"), entry("198.51.100.2")];
        let now = crate::clock::now();
        let compared = compare(ReachKind::Cloudflare, &present, &others, &wanted, now);
        assert_eq!(compared, Compared { present: 2, missing: 1, extra: 1 });
    }
}
