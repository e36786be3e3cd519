//! The command line as typed: one definition gives parsing, help, man page and completion.

use super::{
    cf::CfArgs, check::CheckArgs, editor::EditorCommand, explain::ExplainArgs, lsp::LspArgs,
    parse::ParseArgs, plugin::PluginCommand, replay::ReplayArgs, sim::SimArgs, test::TestArgs,
};
use clap::{Args, Parser, Subcommand, ValueHint};
use std::path::PathBuf;

/// Security automation beside your web server: follows logs, evaluates rules, blocks attackers.
#[derive(Debug, Parser)]
#[command(name = "riposte", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// The config file
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        default_value = "/etc/riposte/riposte.toml",
        value_hint = ValueHint::FilePath
    )]
    pub config: PathBuf,

    /// Say more on standard error
    #[arg(long, short, global = true)]
    pub verbose: bool,

    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Everything riposte does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at this machine and write a commented config for it
    Init(InitArgs),
    /// Follow the sources, evaluate the rules, carry out what they decide
    Run(RunArgs),
    /// See it work at once: attacks in a temporary folder, no root, no network, no config
    Demo(DemoArgs),
    /// Check the config and the rules; tells everything it finds
    Check(CheckArgs),
    /// Run the `test(…)` blocks of rule files
    Test(TestArgs),
    /// Say what the rules would have done on past logs
    Replay(ReplayArgs),
    /// Show the events that a file's lines become
    Parse(ParseArgs),
    /// Show what one line becomes, and what each rule makes of it
    Explain(ExplainArgs),
    /// Show why a target is, was or isn't blocked
    Why(WhyArgs),
    /// List, add and end decisions
    #[command(subcommand)]
    Decisions(DecisionsCommand),
    /// Never act against a target; lifts what is in force, at once
    Allow(AllowArgs),
    /// Show what happened: hits, decisions, actions, outcomes
    Journal(JournalArgs),
    /// Show how the running daemon is
    Status(JsonArgs),
    /// List rules, set their modes and take that back
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Look at threat feeds, fetch one now, see who lists an address
    #[command(subcommand)]
    Feeds(FeedsCommand),
    /// List channels to people, try one
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Lift everything that riposte put in force and keep to shadow; works with the daemon dead
    Panic(JsonArgs),
    /// End a panic
    Resume(JsonArgs),
    /// End the cautious first day of a new install
    Arm(JsonArgs),
    /// Remove what is stored about a person's address or name; also ends what is in force for it
    Forget(ForgetArgs),
    /// Look at and work with Cloudflare: is the token good, zones, records, lists, cache
    Cf(CfArgs),
    /// Serve a look-alike of Cloudflare's API on this machine, to try things on
    Sim(SimArgs),
    /// Look for what is wrong here, and say how to mend it
    Doctor(DoctorArgs),
    /// Measure the stages on generated logs
    Bench(BenchArgs),
    /// Print shell completions
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// List plugins, begin one, test one
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Serve an editor: findings, completion and docs while you write rules (Language Server Protocol)
    Lsp(LspArgs),
    /// Write what editors read: definitions of the rules' functions, the config's schema
    #[command(subcommand)]
    Editor(EditorCommand),
    /// Print the man page
    Man,
    /// Write the generated pages of docs/
    #[command(hide = true)]
    Docs {
        /// Where to write them
        dir: PathBuf,
    },
}

/// For commands that only print.
#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `riposte init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Overwrite a config that is there; the old one is kept beside it
    #[arg(long)]
    pub force: bool,
    /// Print the config instead of writing it
    #[arg(long)]
    pub print: bool,
    /// Look below this folder instead of `/`
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub root: PathBuf,
}

/// `riposte run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Show and journal the exact calls that would be made, and make none
    #[arg(long)]
    pub dry_run: bool,
}

/// `riposte demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Stop after this long
    #[arg(long = "for", value_name = "DURATION", default_value = "12s")]
    pub for_: String,
}

/// `riposte why`
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// An address, a prefix, `user:NAME`, …
    pub target: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `riposte decisions …`
#[derive(Debug, Subcommand)]
pub enum DecisionsCommand {
    /// Show what is in force
    List(JsonArgs),
    /// Put a decision in force
    Add {
        /// An address, a prefix, …
        target: String,
        /// How long (`1h`, `30d`, `forever`)
        #[arg(long = "for", value_name = "DURATION", default_value = "4h")]
        duration: String,
        /// Why
        #[arg(long, default_value = "manual")]
        reason: String,
        /// block, challenge, captcha, throttle or allow
        #[arg(long, default_value = "block")]
        remedy: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End what is in force for a target
    Delete {
        /// An address, a prefix, …
        target: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `riposte allow`
#[derive(Debug, Args)]
pub struct AllowArgs {
    /// An address, a prefix or a host name; without one, the allowlist is shown
    pub target: Option<String>,
    /// Why it is on the list
    #[arg(long, default_value = "")]
    pub comment: String,
    /// How long (`30d`); for ever when not given
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
    /// Take it off the list again
    #[arg(long, requires = "target")]
    pub remove: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `riposte journal`
#[derive(Debug, Args)]
pub struct JournalArgs {
    /// Only what is younger than this (`1h`, `7d`)
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub since: String,
    /// Only this rule
    #[arg(long)]
    pub rule: Option<String>,
    /// Only this target
    #[arg(long)]
    pub target: Option<String>,
    /// At most this many entries
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 100)]
    pub limit: usize,
    /// Print one JSON object an entry
    #[arg(long)]
    pub json: bool,
}

/// `riposte rules …`
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Show the rules, their modes and what they do
    List(JsonArgs),
    /// Let a rule act
    Enable {
        /// Its name
        rule: String,
    },
    /// Let a rule only say what it would do
    Shadow {
        /// Its name
        rule: String,
    },
    /// Leave a rule's mode to its file and the config again
    Reset {
        /// Its name
        rule: String,
    },
    /// Switch a rule off
    Off {
        /// Its name
        rule: String,
    },
}

/// `riposte feeds …`
#[derive(Debug, Subcommand)]
pub enum FeedsCommand {
    /// Show the feeds and how they are
    List(JsonArgs),
    /// Look at a feed now
    Refresh {
        /// Its name
        feed: String,
        /// Take a version that is suddenly other, or lists somebody on the allowlist
        #[arg(long)]
        accept: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a file as a feed and say what is in it
    Check(FeedsCheckArgs),
    /// Show which feeds list an address
    Find {
        /// The address
        address: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the feeds that need only be named in the config
    Shipped(JsonArgs),
}

/// `riposte notify …`
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Show the channels and what carries them
    List(JsonArgs),
    /// Send a message by a channel, and say how it was taken
    Test {
        /// Its name
        channel: String,
        /// What it says
        #[arg(long, default_value = "A test: riposte can reach you here.")]
        message: String,
        /// Show what would be sent, without its secrets, and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `riposte feeds check`
#[derive(Debug, Args)]
pub struct FeedsCheckArgs {
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Read it as this feed of the config, or this shipped one
    #[arg(long, value_name = "NAME", conflicts_with_all = ["format", "column", "values"])]
    pub feed: Option<String>,
    /// list, csv, tsv, json, ndjson, urls, stix or misp
    #[arg(long, default_value = "list")]
    pub format: String,
    /// The column, from 1 on
    #[arg(long)]
    pub column: Option<usize>,
    /// The path of the values in JSON
    #[arg(long, value_name = "PATH")]
    pub values: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `riposte forget`
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// An address, a prefix, `user:NAME`, …
    pub target: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `riposte doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Take everything that riposte put on this machine away again (kernel table, blocks in files)
    #[arg(long)]
    pub remove: bool,
    /// Print one JSON object a finding
    #[arg(long)]
    pub json: bool,
}

/// `riposte bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Lines to generate
    #[arg(long, default_value_t = 1_000_000)]
    pub lines: u64,
    /// Measure only what has these words in `STAGE, N rules, INPUT` (as in `one core`,
    /// `100 rules, 78 %`, `window`); may be given several times, then all must be there
    #[arg(long, value_name = "WORDS")]
    pub only: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
