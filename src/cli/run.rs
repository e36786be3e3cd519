//! `riposte run`: the daemon in the foreground, until it is told to stop.

use super::args::RunArgs;
use super::{End, Usage, context};
use crate::config::{self, Config};
use crate::pipeline::live::{Found, Live};
use crate::pipeline::watch::RuleWatch;
use crate::rules::{Finding, Severity};
use crate::telemetry;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What the main thread waits for.
enum Signal {
    Stop,
    Reload,
}

/// Runs until SIGTERM or SIGINT; reloads on SIGHUP and when rules or config change.
pub fn run(path: &Path, args: &RunArgs, verbose: bool) -> anyhow::Result<End> {
    let config = context::config(path)?;
    start_log(&config, verbose)?;
    let (signals, waiting) = sync_channel(16);
    take_signals(signals.clone())?;
    let (mut live, found) = Live::start(&config, args.dry_run).map_err(Usage::of)?;
    tell(&found);
    let wake = signals.clone();
    let reload = Arc::new(move || {
        // A full queue holds a reload already.
        let _queued = wake.try_send(Signal::Reload);
    });
    live.listen(&config, reload.clone()).map_err(Usage::of)?;
    let watch = RuleWatch::start(path, &config, reload);
    if let Err(error) = &watch {
        tracing::warn!(%error, "changes of rules are not noticed; send SIGHUP after a change");
    }
    notify_ready();
    tracing::info!(sources = config.sources.len(), dry_run = args.dry_run, "riposte runs");
    wait(path, &live, &waiting);
    notify_stopping();
    let in_time = live.stop();
    tracing::info!(in_time, "riposte has stopped");
    Ok(End::Well)
}

fn start_log(config: &Config, verbose: bool) -> anyhow::Result<()> {
    let filter = config::environment::log_filter()
        .unwrap_or_else(|| if verbose { "debug".to_owned() } else { config.log.level.clone() });
    telemetry::init_logging(config.log.format, &filter).map_err(Usage::of)
}

/// Handles signals on a thread of their own, so that the daemon needs no runtime for them.
fn take_signals(signals: SyncSender<Signal>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("signals".into()).stack_size(256 * 1024).spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let kinds = (
                signal(SignalKind::terminate()),
                signal(SignalKind::interrupt()),
                signal(SignalKind::hangup()),
            );
            let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) = kinds else {
                tracing::error!("signals can't be handled");
                return;
            };
            loop {
                let told = tokio::select! {
                    _ = terminate.recv() => Signal::Stop,
                    _ = interrupt.recv() => Signal::Stop,
                    _ = hangup.recv() => Signal::Reload,
                };
                let taken = match told {
                    // A queue full of reloads must not lose the end: it waits its turn.
                    Signal::Stop => signals.send(Signal::Stop).is_ok(),
                    // A full queue holds a reload already.
                    Signal::Reload => {
                        let _queued = signals.try_send(Signal::Reload);
                        true
                    }
                };
                if !taken {
                    return;
                }
            }
        });
    })?;
    Ok(())
}

fn wait(path: &Path, live: &Live, signals: &Receiver<Signal>) {
    while let Ok(signal) = signals.recv() {
        match signal {
            Signal::Stop => return,
            Signal::Reload => {
                // Several files saved together are one reload.
                std::thread::sleep(std::time::Duration::from_millis(50));
                let mut stop = false;
                while let Ok(more) = signals.try_recv() {
                    stop |= matches!(more, Signal::Stop);
                }
                if stop {
                    return;
                }
                reload(path, live);
            }
        }
    }
}

fn reload(path: &Path, live: &Live) {
    match config::load(path) {
        Ok(config) => match live.reload(config) {
            Ok(found) => {
                tell(&found);
                if !found.all_kept {
                    tracing::info!(
                        files_kept = found.kept.len(),
                        "config and rules were read again and are in force"
                    );
                }
            }
            Err(error) => {
                tracing::error!(%error, "the store can't be read: rules stay as they are");
            }
        },
        Err(error) => {
            for fault in &error.faults {
                let place = format!("{}:{}:{}", path.display(), fault.line, fault.column);
                let hint = fault.hint.as_str();
                tracing::error!(place, hint, "{}", fault.message);
            }
            tracing::error!("the config has faults: it stays as it was, and the rules do too");
            let message =
                format!("`{}` has faults, so config and rules stay as they were", path.display());
            live.unapplied(vec![message]);
        }
    }
}

/// Findings of the rules go to the log, whole.
fn tell(found: &Found) {
    tell_kept(found);
    for text in &found.unreadable {
        tracing::error!(text, "a rule file or plugin can't be used");
    }
    for finding in &found.findings {
        let Finding { file, line, column, message, hint, .. } = finding;
        let place = format!("{file}:{line}:{column}");
        let hint = hint.as_deref().unwrap_or_default();
        match finding.severity {
            Severity::Error => tracing::error!(place, hint, "{message}"),
            Severity::Warning => tracing::warn!(place, hint, "{message}"),
            Severity::Note => tracing::info!(place, hint, "{message}"),
        }
    }
}

/// What stays as it was, though the files say otherwise.
fn tell_kept(found: &Found) {
    for file in &found.kept {
        tracing::warn!(file, "the last good version of this rule file stays in force");
    }
    if found.all_kept {
        tracing::error!(
            "config and rules stay as they were: the last good version of a bad file does not fit the others"
        );
    }
    for table in &found.at_next_start {
        tracing::warn!(
            table,
            "this part of the config has changed; it takes effect at the next start"
        );
    }
}

/// Tells systemd, where it started us (`Type=notify`).
fn notify_ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::debug!(%error, "no service manager was told");
    }
}

fn notify_stopping() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Stopping]) {
        tracing::debug!(%error, "no service manager was told");
    }
}
