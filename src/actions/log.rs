//! Lines in riposte's own log, for `log(…)` and for channels that go there.

use super::effect_worker::{Attempt, Call, Effector};
use super::message::neutralise;
use crate::decisions::Effect;

/// Writes to the log. Never fails.
#[derive(Debug)]
pub(super) struct Log;

impl Effector for Log {
    fn perform(&mut self, call: &Call<'_>) -> Attempt {
        match call.effect {
            Effect::Notify { channel, message } => {
                let message = neutralise(message);
                tracing::info!(rule = %call.rule, key = call.key, channel, message, "notice");
            }
            Effect::Log { message } => {
                tracing::info!(rule = %call.rule, key = call.key, message, "rule says");
            }
            Effect::Webhook { .. } | Effect::Exec { .. } | Effect::Cloudflare(_) => {
                return Attempt::Failed("the log carries messages alone".to_owned());
            }
        }
        Attempt::Done
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Result<String, String> {
        match call.effect {
            Effect::Notify { message, .. } => Ok(format!("log: {}", neutralise(message))),
            Effect::Log { message } => Ok(format!("log: {message}")),
            Effect::Webhook { .. } | Effect::Exec { .. } | Effect::Cloudflare(_) => {
                Err("the log carries messages alone".to_owned())
            }
        }
    }
}
