//! `riposte lsp`: a language server for rule files and the config, over standard input and output.
//!
//! ```text
//! editor ──messages──▶ reader ─▶ server ─▶ writer ──▶ editor
//!                                 │  ▲
//!                            jobs ▼  │ findings
//!                                checker
//! ```
//!
//! Reader, server, checker and writer are a thread each. The server answers from the text as it is,
//! also where it is broken; the checker loads the texts as `riposte check` does, a moment after they
//! rest. Nothing is written to disk, and no rule's body runs.

mod wire;
mod files;
mod document;
mod scan;
mod outline;
mod place;
mod words;
mod checker;
mod findings;
mod modules;
mod complete;
mod look;
mod config;
mod answers;
mod server;

use super::End;
use super::context::DEFAULT_CONFIG;
use crate::limits;
use clap::Args;
use crossbeam_channel::{Receiver, bounded, select};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::thread;

/// `riposte lsp`
#[derive(Debug, Args)]
pub struct LspArgs {
    /// Speak over standard input and output, which it does anyway; editors pass this
    #[arg(long)]
    pub stdio: bool,
}

/// Serves an editor until it says `exit` or goes away. Ending without `shutdown` is a finding, so
/// that the exit code is 1, as the protocol wants it.
pub fn lsp(config: &Path) -> anyhow::Result<End> {
    let (in_sender, incoming) = bounded(limits::LSP_QUEUE_MAX);
    let (out, outgoing) = bounded(limits::LSP_QUEUE_MAX);
    let (jobs, job_queue) = bounded(1);
    let (done, results) = bounded(limits::LSP_QUEUE_MAX);
    thread::Builder::new().name("lsp-read".to_owned()).spawn(move || {
        let mut input = io::BufReader::new(io::stdin());
        while let Ok(Some(message)) = wire::read(&mut input) {
            if in_sender.send(message).is_err() {
                return;
            }
        }
    })?;
    thread::Builder::new()
        .name("lsp-check".to_owned())
        .spawn(move || checker::run(&job_queue, &done))?;
    let writer =
        thread::Builder::new().name("lsp-write".to_owned()).spawn(move || write(&outgoing))?;
    // The default path is meant only where nothing nearer is found, which the checker looks for.
    let named = (config != Path::new(DEFAULT_CONFIG)).then(|| config.to_owned());
    let named = named.map(|path| path.canonicalize().unwrap_or(path));
    let mut server = server::Server::new(named, jobs, out);
    loop {
        select! {
            recv(incoming) -> message => match message {
                Ok(message) => if !server.handle(message) { break },
                Err(_) => break,
            },
            recv(results) -> checked => if let Ok(checked) = checked { server.checked(checked) },
        }
    }
    let well = server.is_shut_down();
    drop(server);
    // What was answered last is still to be written.
    writer.join().ok();
    Ok(if well { End::Well } else { End::Finding })
}

fn write(outgoing: &Receiver<Value>) {
    let mut output = io::BufWriter::new(io::stdout());
    for message in outgoing {
        if wire::write(&mut output, &message).is_err() {
            return;
        }
    }
}
