//! Which account's thread a change goes to. Pure.

use super::worker::ChangesWorker;
use crate::actions::config::CloudflareConfig;
use crate::cloudflare::zones::is_id;
use crate::decisions::{CloudflareAsk, CloudflareWhat, Outcome};

/// The accounts of the config and their zones.
#[derive(Debug, Default)]
pub(in crate::actions) struct ChangesRoute(Vec<CloudflareConfig>);

impl ChangesRoute {
    /// From the config.
    pub(in crate::actions) fn new(accounts: &[CloudflareConfig]) -> Self {
        Self(accounts.to_vec())
    }

    /// The destination of an ask, or how it ends here.
    pub(in crate::actions) fn choose(
        &self,
        ask: &CloudflareAsk,
    ) -> Result<String, (String, Outcome)> {
        let nowhere = |text: String| ("changes".to_owned(), Outcome::Failed(text));
        let found = self.account(ask).map_err(nowhere)?;
        if !found.changes && matches!(ask.what, CloudflareWhat::Change { .. }) {
            let text = format!(
                "the `[[actions.cloudflare]]` named `{}` has `changes = false`: another machine makes them",
                found.name
            );
            return Err(nowhere(text));
        }
        Ok(ChangesWorker::name(found))
    }

    /// The account of an ask, or why there is none.
    fn account(&self, ask: &CloudflareAsk) -> Result<&CloudflareConfig, String> {
        if let Some(via) = &ask.via {
            let named = self.0.iter().find(|account| account.name == *via);
            return named.ok_or_else(|| {
                format!("the config has no `[[actions.cloudflare]]` named `{via}`")
            });
        }
        let names = |account: &&CloudflareConfig| {
            account.zones.iter().any(|zone| zone.eq_ignore_ascii_case(&ask.zone))
        };
        if let Some(account) = self.0.iter().find(names) {
            return Ok(account);
        }
        // An account without names of zones, or with ids, may have it.
        let may_have = |account: &&CloudflareConfig| {
            account.zones.is_empty() || account.zones.iter().any(|zone| is_id(zone))
        };
        let mut possible = self.0.iter().filter(may_have);
        match (possible.next(), possible.next()) {
            (Some(account), None) => Ok(account),
            (Some(_), Some(_)) => Err(format!(
                "several `[[actions.cloudflare]]` may have the zone `{}`\nhint: name it in `zones` of one, or choose one with `via`",
                ask.zone
            )),
            (None, _) if self.0.is_empty() => {
                Err("the config has no `[[actions.cloudflare]]`".to_owned())
            }
            (None, _) => Err(format!(
                "no `[[actions.cloudflare]]` of the config names the zone `{}`",
                ask.zone
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_goes_to_the_account_that_has_the_zone() {
        let accounts = |text: &str| -> Vec<CloudflareConfig> {
            let config: crate::actions::ActionsConfig = toml::from_str(text).unwrap();
            config.cloudflare
        };
        let ask = |zone: &str, via: Option<&str>| CloudflareAsk {
            zone: zone.to_owned(),
            via: via.map(str::to_owned),
            what: CloudflareWhat::End { number: None, why: String::new() },
        };
        let route = ChangesRoute::new(&accounts(
            "[[cloudflare]]\nname = \"a\"\ntoken = \"env:T\"\nzones = [\"a.example\"]\n[[cloudflare]]\nname = \"b\"\ntoken = \"env:T\"\n",
        ));
        let to = |zone: &str, via: Option<&str>| route.choose(&ask(zone, via)).ok();
        assert_eq!(to("A.example", None).as_deref(), Some("changes:a"));
        assert_eq!(to("c.example", None).as_deref(), Some("changes:b"));
        assert_eq!(to("c.example", Some("a")).as_deref(), Some("changes:a"));
        assert_eq!(to("c.example", Some("x")), None);
        let held =
            ChangesRoute::new(&accounts("[[cloudflare]]\ntoken = \"env:T\"\nchanges = false\n"));
        assert!(held.choose(&ask("a.example", None)).is_ok(), "what is there may be ended");
        let what = CloudflareWhat::Change {
            kind: crate::decisions::ChangeKind::Setting,
            name: "security_level".to_owned(),
            value: serde_json::json!("high"),
            seconds: 60,
        };
        let (_, outcome) =
            held.choose(&CloudflareAsk { what, ..ask("a.example", None) }).unwrap_err();
        assert!(matches!(outcome, Outcome::Failed(why) if why.contains("`changes = false`")));
        assert_eq!(ChangesRoute::default().choose(&ask("a.example", None)).ok(), None);
    }
}
