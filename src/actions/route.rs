//! Where a decision goes: by its remedy, by how the client came here, and by the rule's `via`.
//! Pure.

use super::config::WebFileFormat;
use crate::decisions::{Decision, Remedy, Route};

/// What an enforcer can do, as far as choosing it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) name: String,
    pub(super) kind: ReachKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReachKind {
    /// Sees only who connects; blocks.
    Kernel,
    /// Sees whom the server means by the client; what it can do depends on the format.
    File(WebFileFormat),
    /// Sees the clients that come through it, and no others; blocks and challenges.
    Cloudflare,
}

impl ReachKind {
    fn can(self, remedy: Remedy) -> bool {
        match self {
            Self::File(WebFileFormat::NginxGeo | WebFileFormat::HaproxyMap) => {
                remedy != Remedy::Allow
            }
            Self::Cloudflare => matches!(remedy, Remedy::Block | Remedy::Challenge),
            Self::Kernel | Self::File(_) => remedy == Remedy::Block,
        }
    }

    fn sees(self, route: Route) -> bool {
        // A client behind a proxy is not seen by the kernel: blocking it there does nothing, or
        // blocks the proxy. Where the log does not tell, it goes to both.
        match self {
            Self::Kernel | Self::File(WebFileFormat::CaddyRemoteIp) => route != Route::Proxied,
            Self::Cloudflare => route != Route::Direct,
            Self::File(_) => true,
        }
    }
}

/// The enforcers (by index) that a decision goes to; at least one, or why there is none.
pub(super) fn choose(decision: &Decision, reaches: &[Reach]) -> Result<Vec<usize>, String> {
    let remedy = decision.remedy;
    if decision.target.net().is_none() {
        return Err(format!(
            "no enforcer here can {} `{}`\nhint: kernel, web-server files and Cloudflare's lists know addresses and networks alone",
            remedy.name(),
            decision.target
        ));
    }
    if let Some(via) = &decision.via {
        let named = reaches.iter().position(|reach| reach.name == **via);
        return match named.and_then(|index| Some((index, reaches.get(index)?))) {
            None => {
                Err(format!("there is no enforcer `{via}`\nhint: the config has {}", list(reaches)))
            }
            Some((index, reach)) if reach.kind.can(remedy) => Ok(vec![index]),
            Some(_) => Err(format!("enforcer `{via}` can't {}", remedy.name())),
        };
    }
    let fitting: Vec<usize> = reaches
        .iter()
        .enumerate()
        .filter(|(_, reach)| reach.kind.can(remedy) && reach.kind.sees(decision.route))
        .map(|(index, _)| index)
        .collect();
    if fitting.is_empty() {
        let how = match decision.route {
            Route::Proxied => " a client that comes through a proxy",
            Route::Direct => " a client that comes straight",
            Route::Unknown => "",
        };
        return Err(format!(
            "no enforcer of the config can {}{how}\nhint: the config has {}; a web-server file sees all clients, Cloudflare those that come through it, the kernel those that come straight; the formats `nginx-geo` and `haproxy-map` carry every remedy",
            remedy.name(),
            list(reaches)
        ));
    }
    Ok(fitting)
}

fn list(reaches: &[Reach]) -> String {
    if reaches.is_empty() {
        return "no enforcer".to_owned();
    }
    let names: Vec<_> = reaches.iter().map(|reach| format!("`{}`", reach.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::tests::block;
    use crate::decisions::Target;

    fn reaches() -> Vec<Reach> {
        [
            ("nftables", ReachKind::Kernel),
            ("nginx", ReachKind::File(WebFileFormat::NginxGeo)),
            ("plain", ReachKind::File(WebFileFormat::Plain)),
            ("cloudflare", ReachKind::Cloudflare),
        ]
        .map(|(name, kind)| Reach { name: name.to_owned(), kind })
        .to_vec()
    }

    #[test]
    fn a_block_goes_where_the_client_is_seen() {
        let mut decision = block("192.0.2.1", Some(60));
        for (route, expected) in [
            (Route::Direct, vec![0, 1, 2]),
            (Route::Unknown, vec![0, 1, 2, 3]),
            (Route::Proxied, vec![1, 2, 3]),
        ] {
            decision.route = route;
            assert_eq!(choose(&decision, &reaches()), Ok(expected));
        }
        decision.remedy = Remedy::Challenge;
        assert_eq!(choose(&decision, &reaches()), Ok(vec![1, 3]));
        decision.remedy = Remedy::Captcha;
        assert_eq!(choose(&decision, &reaches()), Ok(vec![1]));
        decision.remedy = Remedy::Challenge;
        decision.via = Some("nftables".into());
        assert_eq!(
            choose(&decision, &reaches()),
            Err("enforcer `nftables` can't challenge".to_owned())
        );
        decision.remedy = Remedy::Block;
        assert_eq!(choose(&decision, &reaches()), Ok(vec![0]));
    }

    #[test]
    fn why_there_is_none_is_said() {
        let mut decision = block("192.0.2.1", None);
        decision.route = Route::Proxied;
        let error = choose(&decision, &reaches()[..1]).unwrap_err();
        assert!(error.contains("comes through a proxy"), "{error}");
        decision.via = Some("pf".into());
        let error = choose(&decision, &reaches()).unwrap_err();
        assert!(error.contains("no enforcer `pf`") && error.contains("`nginx`"), "{error}");
        decision.target = Target::Asn(64_500);
        let error = choose(&decision, &reaches()).unwrap_err();
        assert!(error.starts_with("no enforcer here can block `AS64500`"), "{error}");
    }
}
