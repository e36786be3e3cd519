//! All secret references of a config: for reading them at the start, and for telling how they are.

use super::Config;
use crate::actions::config::Destination;
use crate::secret::SecretRef;

/// A reference, and who needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSecret {
    /// Who, in words.
    pub of: String,
    /// Which key of it.
    pub key: String,
    /// The reference.
    pub reference: SecretRef,
}

impl Config {
    /// Every secret that this config refers to, those of what is switched off apart.
    pub fn secrets(&self) -> Vec<NamedSecret> {
        let mut all = Vec::new();
        let mut add = |of: String, key: &str, reference: Option<&SecretRef>| {
            if let Some(reference) = reference {
                all.push(NamedSecret { of, key: key.to_owned(), reference: reference.clone() });
            }
        };
        for webhook in &self.actions.webhooks {
            let of = || format!("webhook `{}`", webhook.name);
            if let Destination::Secret(reference) = &webhook.url {
                add(of(), "url", Some(reference));
            }
            add(of(), "secret", webhook.secret.as_ref());
            add(of(), "authorization", webhook.authorization.as_ref());
        }
        for channel in &self.actions.channels {
            let of = || format!("channel `{}`", channel.name);
            if let Some(Destination::Secret(reference)) = &channel.url {
                add(of(), "url", Some(reference));
            }
            add(of(), "token", channel.token.as_ref());
        }
        for source in &self.sources {
            let reference = source.http.as_ref().and_then(|http| http.secret.as_ref());
            add(format!("source `{}`", source.name), "secret", reference);
        }
        for account in &self.actions.cloudflare {
            add(format!("`{}`", account.name), "token", Some(&account.token));
        }
        for (name, plugin) in self.plugins.iter().filter(|(_, plugin)| plugin.enabled) {
            for (key, reference) in &plugin.secrets {
                add(format!("plugin `{name}`"), key, Some(reference));
            }
        }
        for source in &self.sources {
            let token = source.cloudflare.as_ref().and_then(|one| one.token.as_ref());
            add(format!("source `{}`", source.name), "token", token);
        }
        for feed in &self.feeds {
            add(format!("feed `{}`", feed.name()), "token", feed.token.as_ref());
        }
        for (key, reference) in self.vaults.references() {
            let (table, key) = key.rsplit_once('.').unwrap_or(("vaults", key));
            add(format!("`[{table}]`"), key, Some(reference));
        }
        all
    }

    /// References to vaults that the config does not say how to reach.
    pub(super) fn secrets_out_of_reach(&self) -> Vec<String> {
        let out_of_reach = |secret: &NamedSecret| {
            let table = secret.reference.table()?;
            (!self.vaults.reaches(&secret.reference)).then(|| {
                format!(
                    "{}, `{}`: the config does not say how the vault of `{}` is reached\nhint: add a table `[{table}]`, see docs/secrets.md",
                    secret.of, secret.key, secret.reference
                )
            })
        };
        self.secrets().iter().filter_map(out_of_reach).collect()
    }
}
