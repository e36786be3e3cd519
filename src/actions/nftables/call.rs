//! Calls of the `nft` program, and what its refusals mean.

use crate::actions::enforcer::EnforceError;
use crate::limits::{NFT_CALL_SECS_MAX, NFT_OUTPUT_BYTES_MAX};
use crate::process::{self, Finished, ProcessError, Program};
use std::time::Duration;

/// Sends one transaction, all of it or nothing.
pub(super) fn transact(command: &[String], document: String) -> Result<(), EnforceError> {
    let finished = run(command, &["-j", "-f", "-"], document)?;
    if finished.success() { Ok(()) } else { Err(failure(&finished)) }
}

/// The listing of a table of family `inet`; `None` when it is not there.
pub(super) fn list(command: &[String], table: &str) -> Result<Option<Vec<u8>>, EnforceError> {
    let finished = run(command, &["-j", "list", "table", "inet", table], String::new())?;
    if finished.success() {
        return Ok(Some(finished.stdout));
    }
    if String::from_utf8_lossy(&finished.stderr).contains("No such file or directory") {
        return Ok(None);
    }
    Err(failure(&finished))
}

fn run(command: &[String], arguments: &[&str], input: String) -> Result<Finished, EnforceError> {
    let mut argv = command.to_vec();
    argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let mut program = Program::new(argv);
    program.input = input.into_bytes();
    program.time_limit = Duration::from_secs(NFT_CALL_SECS_MAX);
    program.output_bytes_max = NFT_OUTPUT_BYTES_MAX;
    process::run(&program).map_err(|error| match error {
        ProcessError::Missing { .. } => EnforceError::Down(
            "nftables is not installed: program `nft` is not there\nhint: apt install nftables"
                .to_owned(),
        ),
        ProcessError::NotAllowed { .. } | ProcessError::Empty | ProcessError::Start { .. } => {
            EnforceError::Down(error.to_string())
        }
        _ => EnforceError::Unconfirmed(error.to_string()),
    })
}

/// What nft's refusal means.
pub(super) fn failure(finished: &Finished) -> EnforceError {
    let said = String::from_utf8_lossy(&finished.stderr);
    if said.contains("Operation not permitted") || said.contains("must be root") {
        return EnforceError::Down(
            "nft may not change the packet filter\nhint: run riposte as root, or give its unit `AmbientCapabilities=CAP_NET_ADMIN`"
                .to_owned(),
        );
    }
    if said.contains("JSON support not compiled-in") || said.contains("invalid option") {
        return EnforceError::Down(
            "this `nft` does not read JSON\nhint: install nftables 0.9.3 or later, built with JSON"
                .to_owned(),
        );
    }
    if said.contains("Protocol not supported") || said.contains("Unable to initialize Netlink") {
        return EnforceError::Down(
            "this kernel has no nftables\nhint: modprobe nf_tables, or use a kernel that has it"
                .to_owned(),
        );
    }
    EnforceError::Failed(format!("nft refused: {}", finished.words()))
}
