//! The keeper of secrets put to work: installed for the whole process, its troubles made alarms.
//!
//! In: the config. Out: a thread that reads secrets again in time, until it is dropped.

use super::engine::Message;
use super::live::StartError;
use crate::config::Config;
use crate::secret::{self, SecretRef};
use crate::vaults::{Keeper, Watch};
use crossbeam_channel::Sender;
use std::sync::Arc;

/// Keeps the secrets of a config for as long as the watch lives. Nothing waits for them here: who
/// needs one that can't be had waits for it by itself. One command alone (`watches` is false) reads
/// only what it uses.
pub fn keep(
    config: &Config,
    alarms: &Sender<Message>,
    watches: bool,
) -> Result<Option<Watch>, StartError> {
    let keeper = Keeper::new(&config.vaults);
    secret::install(Arc::clone(&keeper) as Arc<dyn secret::Keeping>);
    if !watches {
        return Ok(None);
    }
    let references: Vec<SecretRef> =
        config.secrets().into_iter().map(|secret| secret.reference).collect();
    let alarms = alarms.clone();
    let tell = move |secret: &str, fault: &str| {
        let source = format!("secret {secret}");
        // Full means that the engine is behind; `status` has the fault all the same.
        drop(alarms.try_send(Message::Alarm { source, text: fault.to_owned() }));
    };
    keeper
        .watch(&references, Box::new(tell))
        .map(Some)
        .map_err(|error| StartError::Io { what: "the keeper of secrets", error })
}
