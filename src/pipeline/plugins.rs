//! The plugins of a config put to work: action programs as destinations, enrichers beside the
//! stateless stage, and how all of them are.
//!
//! In: what `plugins` found and the config wants. Out: what executors and sources are handed.

use crate::actions::{Carried, Carrier, Guest};
use crate::config::Config;
use crate::event::Kind;
use crate::limits;
use crate::pipeline::engine::Message;
use crate::plugins::enricher::{AddedType, Spec, fits};
use crate::plugins::{
    Acted, ActionProgram, Enabled, Enricher, FieldKind, HealthCell, Keeper, PluginKind, discover,
};
use crossbeam_channel::Sender;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// Actions a minute for one plugin.
const ACTIONS_PER_MINUTE: u32 = 60;

/// Attempts at an action that may be tried again.
const ATTEMPTS_MAX: u32 = 5;

/// The plugins that the config wants to run and that are sound; the others are told of in the log
/// and by `riposte check`.
pub fn enabled(config: &Config) -> Vec<Enabled> {
    if config.plugins.is_empty() {
        return Vec::new();
    }
    let found = discover(&config.plugins_dir);
    let (enabled, missing) = found.enabled(&config.plugins);
    let wanted = |name: &str| name.is_empty() || config.plugins.contains_key(name);
    for fault in found.faults.iter().filter(|fault| wanted(&fault.plugin)) {
        tracing::warn!(plugin = fault.plugin, fault = fault.render(), "a plugin is not used");
    }
    for fault in missing {
        tracing::warn!(fault, "a plugin is not used");
    }
    enabled
}

/// What the enabled enrichers add, and to which events, in the order of their names.
pub fn specs(enabled: &[Enabled]) -> Vec<Arc<Spec>> {
    enabled.iter().filter_map(spec).map(Arc::new).collect()
}

/// The fields that enabled enrichers add to events.
pub fn added_fields(config: &Config) -> Vec<String> {
    let specs = specs(&enabled(config));
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
    let fields = part.fields.iter().map(|(name, kind)| (Arc::from(name.as_str()), added(*kind)));
    Some(Spec {
        name: Arc::from(manifest.name.as_str()),
        on: part.on.iter().map(|kind| Kind::from_name(kind)).collect(),
        key: part.key.clone(),
        // A well-known field that would hold something else is left alone.
        fields: fields.filter(|(name, added)| fits(name, *added)).collect(),
        ttl: Duration::from_secs(part.ttl_secs),
        answer: Duration::from_millis(manifest.limits.answer_ms),
        wait: Duration::from_millis(wait.min(limits::ENRICHER_WAIT_MILLIS_MAX)),
    })
}

const fn added(kind: FieldKind) -> AddedType {
    match kind {
        FieldKind::Text => AddedType::Text,
        FieldKind::Int => AddedType::Int,
        FieldKind::Float => AddedType::Float,
        FieldKind::Bool => AddedType::Bool,
        FieldKind::Address => AddedType::Address,
    }
}

/// What keeps one plugin's program running; its faults become alarms.
pub fn keeper(enabled: &Enabled, alarms: &Sender<Message>) -> Keeper {
    let alarms = alarms.clone();
    let alarm = move |plugin: &str, fault: &str| {
        let source = format!("plugin {plugin}");
        // Full means that the engine is behind; the log has the fault all the same.
        drop(alarms.try_send(Message::Alarm { source, text: fault.to_owned() }));
    };
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
                carrier: Box::new(Program(ActionProgram::new(keeper, answer, idempotent))),
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

/// An action plugin as executors see it.
struct Program(ActionProgram);

impl Carrier for Program {
    fn carry(&mut self, action: &Map<String, Value>, stopping: &dyn Fn() -> bool) -> Carried {
        carried(self.0.act(action, stopping))
    }

    fn later(&mut self) -> Vec<(String, Carried)> {
        self.0.later().into_iter().map(|(id, acted)| (id, carried(acted))).collect()
    }

    fn stop(&mut self) {
        self.0.stop();
    }
}

fn carried(acted: Acted) -> Carried {
    match acted {
        Acted::Applied => Carried::Applied,
        Acted::Unchanged => Carried::Unchanged,
        Acted::Pending => Carried::Pending,
        Acted::Failed(reason) => Carried::Failed(reason),
        Acted::Unconfirmed(reason) => Carried::Unconfirmed(reason),
        Acted::Retry { reason, after, may_have_arrived } => {
            Carried::Retry { reason, after, may_have_arrived }
        }
    }
}
