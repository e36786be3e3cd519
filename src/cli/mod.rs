//! The command line: what was typed becomes calls of the pipeline, and answers for people or
//! scripts.
//!
//! Exit codes are decided here: 0 well, 1 a finding, 2 usage or config, 3 internal.

mod args;
mod context;
mod modes;
mod output;
mod formats;

mod init;
mod doctor;
mod channels;
mod check;
mod test;
mod replay;
mod report;
mod parse;
mod explain;
mod look;
mod feeds;
mod remote;
mod run;
mod demo;
mod bench;
mod cf;
mod sim;
mod pages;
mod plugin;
mod editor;
mod lsp;

use crate::config::ConfigError;
use crate::decisions::Mode;
use crate::pipeline::control::Request;
use args::{AllowArgs, Cli, Command, DecisionsCommand, RulesCommand};
use clap::Parser;
use output::{Gone, Output};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All is well.
    Well,
    /// Something was found (a fault of a rule, a failed test).
    Finding,
    /// What was given can't be used, as was told on standard output.
    Refused,
}

/// A fault whose cause is what the user gave: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

impl Usage {
    /// From anything that says what is wrong.
    pub fn of(error: impl std::fmt::Display) -> anyhow::Error {
        Self(error.to_string()).into()
    }
}

/// Config or rules with faults, which are shown as findings: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Faulty(pub String);

/// An error as it is told on standard error; faults of config and rules look as `check` shows them.
fn told(error: &anyhow::Error) -> String {
    if let Some(faults) = error.downcast_ref::<ConfigError>() {
        let colour = std::io::stderr().is_terminal() && crate::config::environment::colour_wanted();
        return crate::rules::render(&check::config_findings(faults), colour).trim_end().to_owned();
    }
    if let Some(Faulty(shown)) = error.downcast_ref::<Faulty>() {
        return shown.trim_end().to_owned();
    }
    format!("error: {error:#}")
}

/// Runs the command line of this process.
#[expect(clippy::print_stderr, reason = "errors go to standard error, from here alone")]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no faults; clap prints them to standard output.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let mut out = Output::stdout();
    let ended = dispatch(cli, &mut out).and_then(|end| {
        out.flush()?;
        Ok(end)
    });
    match ended {
        Ok(End::Well) => ExitCode::SUCCESS,
        Ok(End::Finding) => ExitCode::from(1),
        Ok(End::Refused) => ExitCode::from(2),
        // Whoever read our output has enough of it.
        Err(error) if error.is::<Gone>() => ExitCode::SUCCESS,
        Err(error) => {
            drop(out.flush());
            eprintln!("{}", told(&error));
            let usage = error.is::<Usage>() || error.is::<Faulty>() || error.is::<ConfigError>();
            ExitCode::from(if usage { 2 } else { 3 })
        }
    }
}

fn dispatch(cli: Cli, out: &mut Output) -> anyhow::Result<End> {
    let config = cli.config;
    match cli.command {
        Command::Init(args) => init::init(&config, &args, out),
        Command::Run(args) => run::run(&config, &args, cli.verbose),
        Command::Check(args) => check::check(&config, &args, out),
        Command::Test(args) => test::test(&config, &args, out),
        Command::Replay(args) => replay::replay(&config, &args, out),
        Command::Parse(args) => parse::parse(&config, &args, out),
        Command::Explain(args) => explain::explain(&config, &args, out),
        Command::Why(args) => look::why(&config, &args, out),
        Command::Decisions(DecisionsCommand::List(args)) => {
            look::decisions(&config, args.json, out)
        }
        Command::Decisions(DecisionsCommand::Add { target, duration, reason, remedy, json }) => {
            let request = remote::decide(&target, &duration, &reason, &remedy)?;
            remote::ask(&config, request, json, out)
        }
        Command::Decisions(DecisionsCommand::Delete { target, json }) => {
            let target = remote::target(&target)?;
            remote::ask(&config, Request::Lift { target, reason: "by hand".into() }, json, out)
        }
        Command::Allow(args) => allow(&config, &args, out),
        Command::Journal(args) => look::journal(&config, &args, out),
        Command::Status(args) => look::status(&config, args.json, out),
        Command::Rules(RulesCommand::List(args)) => look::rules(&config, args.json, out),
        Command::Rules(RulesCommand::Enable { rule }) => {
            remote::ask(&config, remote::mode(&rule, Mode::Enforce), false, out)
        }
        Command::Rules(RulesCommand::Shadow { rule }) => {
            remote::ask(&config, remote::mode(&rule, Mode::Shadow), false, out)
        }
        Command::Rules(RulesCommand::Off { rule }) => {
            remote::ask(&config, remote::mode(&rule, Mode::Off), false, out)
        }
        Command::Rules(RulesCommand::Reset { rule }) => {
            remote::ask(&config, Request::ResetMode { rule }, false, out)
        }
        Command::Feeds(command) => feeds::feeds(&config, &command, out),
        Command::Notify(command) => channels::notify(&config, &command, out),
        Command::Panic(args) => remote::panic(&config, args.json, out),
        Command::Resume(args) => remote::ask(&config, Request::Resume, args.json, out),
        Command::Arm(args) => remote::ask(&config, Request::Arm, args.json, out),
        Command::Forget(args) => {
            let target = remote::target(&args.target)?;
            remote::ask(&config, Request::Forget { target }, args.json, out)
        }
        Command::Completions { shell } => pages::completions(shell, out),
        Command::Man => pages::man(out),
        Command::Plugin(command) => plugin::plugin(&config, &command, out),
        Command::Lsp(_) => lsp::lsp(&config),
        Command::Editor(command) => editor::editor(&command, out),
        Command::Docs { dir } => pages::docs(&dir, out),
        Command::Demo(args) => demo::demo(&args, out),
        Command::Bench(args) => bench::bench(&args, out),
        Command::Cf(args) => cf::cf(&config, &args, out),
        Command::Sim(args) => sim::sim(&args, out),
        Command::Doctor(args) => doctor::doctor(&config, &args, out),
    }
}

fn allow(config: &Path, args: &AllowArgs, out: &mut Output) -> anyhow::Result<End> {
    let Some(target) = &args.target else { return look::allowlist(config, args.json, out) };
    let request = if args.remove {
        Request::Disallow { target: target.clone() }
    } else {
        remote::allow(target, &args.comment, args.duration.as_deref())?
    };
    let end = remote::ask(config, request, args.json, out)?;
    if !args.json && !args.remove {
        remote::tell_addresses(target, out)?;
    }
    Ok(end)
}
