//! A token that was rotated: tried before it is used, told when it was refused.
//!
//! In: a client, and where its token is to be had. Out: the client with the newest token that
//! Cloudflare accepts; until there is one, with the old, so that a half-done rotation stops nothing.

use crate::actions::config::CloudflareConfig;
use crate::cloudflare::{Call, Client, ErrorKind};
use crate::process::{resolve_secret, secret_refused};
use crate::secret::Secret;
use std::time::{Duration, Instant};

/// A new token that could not be tried is tried again after this long.
const UNTRIED_PAUSE: Duration = Duration::from_secs(15);

/// What is known of the tokens of one client.
#[derive(Debug, Default)]
pub(in crate::actions) struct Rotation {
    /// A rotated token that does not work.
    refused: Option<Secret>,
    /// One that could not be tried, and when it is tried again.
    untried: Option<(Secret, Instant)>,
    /// Why it can't be read, as it was told last.
    unread: Option<String>,
}

impl Rotation {
    /// Uses the token as it is now, when it is another than before and Cloudflare answers `trial`
    /// with it. Whether another is used from now on.
    pub(in crate::actions) fn renew(
        &mut self,
        client: &Client,
        config: &CloudflareConfig,
        trial: &Call,
    ) -> bool {
        let destination = config.name.as_str();
        let token = match resolve_secret(&config.token) {
            Ok(token) => token,
            Err(error) => {
                let words = error.to_string();
                if self.unread.as_ref() != Some(&words) {
                    tracing::warn!(destination, %error, "the token can't be read again; the one from before is used");
                    self.unread = Some(words);
                }
                return false;
            }
        };
        self.unread = None;
        if client.has_token(&token) {
            self.untried = None;
            return false;
        }
        // One that was refused is not tried again until it is another, or the one in use fails too.
        if self.refused.as_ref() == Some(&token) {
            return false;
        }
        let before = self.untried.take_if(|(untried, _)| *untried == token);
        if let Some((_, again)) = &before
            && Instant::now() < *again
        {
            self.untried = before;
            return false;
        }
        match client.like(token.clone()).send(trial) {
            Ok(_) => {
                tracing::info!(destination, "the token was changed, and the new one is used");
                client.set_token(token);
                (self.refused, self.untried) = (None, None);
                true
            }
            Err(error) if error.may_pass() => {
                if before.is_none() {
                    tracing::warn!(destination, %error, "the token was changed, and the new one could not be tried yet; the old one is used until then");
                }
                let pause = UNTRIED_PAUSE.max(error.wait.unwrap_or_default());
                self.untried = Some((token, Instant::now() + pause));
                false
            }
            Err(error) => {
                tracing::warn!(destination, %error, "the token was changed, and Cloudflare does not accept the new one; the old one is used");
                if error.kind == ErrorKind::Forbidden {
                    self.refused = Some(token);
                } else {
                    self.untried = Some((token, Instant::now() + UNTRIED_PAUSE));
                }
                false
            }
        }
    }

    /// The token in use was refused: it may have been rotated. Whether another is used from now on.
    pub(in crate::actions) fn was_refused(
        &mut self,
        client: &Client,
        config: &CloudflareConfig,
        trial: &Call,
    ) -> bool {
        secret_refused(&config.token, &client.token());
        // What was refused a while ago may have been given its rights meanwhile.
        self.refused = None;
        self.renew(client, config, trial)
    }

    /// Whether another token may be in use soon: one waits to be tried, or is being read.
    pub(in crate::actions) const fn may_come(&self, config: &CloudflareConfig) -> bool {
        self.untried.is_some() || !config.token.is_at_hand()
    }
}
