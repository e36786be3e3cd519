//! One message by a channel, by hand: what `riposte notify test` does.
//!
//! In: a channel of the config and a text. Out: how the one attempt went, or the exact call. It goes the
//! way that a rule's message goes, but for the outbox and the grouping: a person waits for the answer.

use super::config::{ActionsConfig, ChannelTo};
use super::effect_worker::{Attempt, Call, Effector};
use super::exec::Exec;
use super::log::Log;
use super::messenger::Messenger;
use super::webhook::Webhook;
use crate::clock;
use crate::decisions::{ActionId, Effect};

/// How a message by hand went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// Nothing was sent: this would be, without its secrets.
    Rehearsed(String),
    /// The other side took it.
    Sent,
    /// It did not, for this reason.
    Failed(String),
    /// It may have arrived, or not.
    Unconfirmed(String),
}

/// Sends a message by the channel of that name; `None` where there is none. A plugin's is refused: only
/// the daemon runs its program.
pub fn try_channel(
    config: &ActionsConfig,
    name: &str,
    message: &str,
    dry_run: bool,
) -> Option<Tried> {
    let channel = config.channels.iter().find(|channel| channel.name == name)?;
    let mut effector: Box<dyn Effector> = match &channel.to {
        ChannelTo::Log => Box::new(Log),
        ChannelTo::Webhook(hook) => {
            Box::new(Webhook::new(config.webhooks.iter().find(|known| known.name == *hook)?))
        }
        ChannelTo::Exec(program) => {
            Box::new(Exec::new(config.programs.iter().find(|known| known.name == *program)?))
        }
        ChannelTo::Service(service) => Box::new(Messenger::new(channel, *service)),
        ChannelTo::Plugin(plugin) => {
            return Some(Tried::Failed(format!(
                "plugin `{plugin}` is run by the daemon alone\nhint: `riposte plugin test {plugin}`"
            )));
        }
    };
    let now = clock::now();
    let call = Call {
        // Named by the moment: two tries are two messages.
        id: ActionId(u128::try_from(now.as_micros()).unwrap_or(0)),
        rule: &"riposte-notify-test".into(),
        key: "test",
        time: now,
        effect: &Effect::Notify { channel: name.to_owned(), message: message.to_owned() },
    };
    if dry_run {
        return Some(effector.rehearse(&call).map_or_else(Tried::Failed, Tried::Rehearsed));
    }
    let attempt =
        effector.ready(&call).map_or_else(|attempt| attempt, |()| effector.perform(&call));
    Some(match attempt {
        Attempt::Done | Attempt::Unchanged | Attempt::Pending => Tried::Sent,
        Attempt::Unconfirmed(reason) | Attempt::Retry { reason, may_have_arrived: true, .. } => {
            Tried::Unconfirmed(reason)
        }
        Attempt::Failed(reason) | Attempt::Wait(reason) | Attempt::Retry { reason, .. } => {
            Tried::Failed(reason)
        }
    })
}
