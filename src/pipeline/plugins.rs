//! The plugins of a config put to work: action programs as destinations, enrichers beside the
//! stateless stage, and how all of them are.
//!
//! In: what `plugins` found and the config wants. Out: what executors and sources are handed.

use crate::actions::{Carrier, Guest};
use crate::decisions::Carried;
use crate::event::Kind;
use crate::limits;
use crate::pipeline::engine::Message;
use crate::plugins::enricher::{Spec, fits};
use crate::plugins::{ActionProgram, Enabled, Enricher, HealthCell, Keeper, PluginKind};
use crossbeam_channel::Sender;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// Actions a minute for one plugin.
const ACTIONS_PER_MINUTE: u32 = 60;

/// Attempts at an action that may be tried again.
const ATTEMPTS_MAX: u32 = 5;

/// What the enabled enrichers add, and to which events, in the order of their names.
pub fn specs(enabled: &[Enabled]) -> Vec<Arc<Spec>> {
    enabled.iter().filter_map(spec).map(Arc::new).collect()
}

/// The fields that enabled enrichers add to events.
pub fn added_fields(enabled: &[Enabled]) -> Vec<String> {
    let specs = specs(enabled);
    let names = specs.iter().flat_map(|spec| spec.fields.iter().map(|(name, _)| name.to_string()));
    names.collect()
}

fn spec(enabled: &Enabled) -> Option<Spec> {
    let manifest = &enabled.plugin.manifest;
    if manifest.kind != PluginKind::Enricher {
        return None;
    }
    let part = manifest.enricher.as_ref()?;
    let wait = enabled.config.wait_ms.unwrap_or(limits::ENRICHER_WAIT_MILLIS);
    let fields = part.fields.iter().map(|(name, kind)| (Arc::from(name.as_str()), *kind));
    Some(Spec {
        name: Arc::from(manifest.name.as_str()),
        on: part.on.iter().map(|kind| Kind::from_name(kind)).collect(),
        key: part.key.clone(),
        // A well-known field that would hold something else is left alone.
        fields: fields.filter(|(name, kind)| fits(name, *kind)).collect(),
        ttl: Duration::from_secs(part.ttl_secs),
        answer: Duration::from_millis(manifest.limits.answer_ms),
        wait: Duration::from_millis(wait.min(limits::ENRICHER_WAIT_MILLIS_MAX)),
    })
}

/// What keeps one plugin's program running; its faults become alarms.
pub fn keeper(enabled: &Enabled, alarms: &Sender<Message>) -> Keeper {
    let alarms = alarms.clone();
    let alarm = move |plugin: &str, fault: &str| raise(&alarms, plugin, fault);
    let manifest = &enabled.plugin.manifest;
    let health = HealthCell::new(&manifest.name, manifest.kind.name(), Some(Box::new(alarm)));
    Keeper::new(enabled.launch(), Arc::new(health))
}

/// The action plugins as destinations, with how they are.
pub fn guests(enabled: &[Enabled], alarms: &Sender<Message>) -> (Vec<Guest>, Vec<Arc<HealthCell>>) {
    let mut cells = Vec::new();
    let guests = enabled
        .iter()
        .filter(|enabled| enabled.plugin.manifest.kind == PluginKind::Action)
        .map(|enabled| {
            let manifest = &enabled.plugin.manifest;
            let keeper = keeper(enabled, alarms);
            cells.push(Arc::clone(keeper.health()));
            let answer = Duration::from_millis(manifest.limits.answer_ms);
            let idempotent = manifest.action.as_ref().is_some_and(|part| part.idempotent);
            Guest {
                name: format!("plugin:{}", manifest.name),
                carrier: Box::new(ActionProgram::new(keeper, answer, idempotent)),
                per_minute: ACTIONS_PER_MINUTE,
                attempts: ATTEMPTS_MAX,
            }
        })
        .collect();
    (guests, cells)
}

/// The enrichers, each with its thread; their places are those of [`specs`].
pub fn enrichers(enabled: &[Enabled], alarms: &Sender<Message>) -> std::io::Result<Vec<Enricher>> {
    enabled
        .iter()
        .filter_map(|enabled| Some((spec(enabled)?, keeper(enabled, alarms))))
        .map(|(spec, keeper)| Enricher::start(spec, keeper))
        .collect()
}

/// Makes an alarm of what is wrong with a plugin.
pub(super) fn raise(alarms: &Sender<Message>, plugin: &str, fault: &str) {
    let source = format!("plugin {plugin}");
    // Full means that the engine is behind; the log has the fault all the same.
    drop(alarms.try_send(Message::Alarm { source, text: fault.to_owned() }));
}

impl Carrier for ActionProgram {
    fn carry(&mut self, action: &Map<String, Value>, stopping: &dyn Fn() -> bool) -> Carried {
        self.act(action, stopping)
    }

    fn later(&mut self) -> Vec<(String, Carried)> {
        self.later()
    }

    fn stop(&mut self) {
        self.stop();
    }
}
