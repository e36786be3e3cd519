//! The engine as the last run left it.

use super::StartError;
use super::parts::{desk, distrusted, rereaders, route_of};
use crate::clock;
use crate::config::Config;
use crate::pipeline::core::{Core, CoreConfig, Modes};
use crate::pipeline::desk::SharedDesk;
use crate::pipeline::engine::{Engine, Parts};
use crate::pipeline::feed::SourceBook;
use crate::pipeline::machine;
use crate::rules::RuleSet;
use crate::store::Store;
use arc_swap::ArcSwap;
use std::sync::Arc;

/// The engine with everything that the store remembers, before anything leaves it.
pub(super) fn restored(
    config: &Config,
    store: &Arc<Store>,
    set: Arc<RuleSet>,
    (seed, dry_run, with_sources): (u64, bool, bool),
    book: &Arc<SourceBook>,
    names: &Arc<ArcSwap<Vec<String>>>,
) -> Result<(Engine, SharedDesk), StartError> {
    let desk = SharedDesk::new(desk(config, store)?);
    let mut core = Core::new(
        set,
        CoreConfig {
            window_bytes_max: config.memory.windows_bytes(machine::memory_bytes()),
            seed,
            guard: config.guard.clone(),
            route_of: route_of(config),
            modes: Modes::AsSet,
        },
    );
    core.distrust(distrusted(config));
    let mut engine = Engine::new(Parts {
        config: config.clone(),
        store: Arc::clone(store),
        core,
        desk: desk.clone(),
        book: Arc::clone(book),
        names: Arc::clone(names),
        dry_run,
        started: clock::now(),
    });
    let recovery = engine.recover(rereaders(config))?;
    tracing::info!(inputs = recovery.inputs, hits = recovery.hits, "state restored");
    for complaint in recovery.complaints {
        tracing::warn!(complaint, "a part of the state could not be restored");
    }
    if with_sources {
        engine.await_sources();
    }
    engine.settle()?;
    if !machine::logins_are_visible() {
        tracing::warn!(
            "administrators' logins can't be seen here (no utmp, no logind): put your own address on the allowlist"
        );
    }
    Ok((engine, desk))
}
