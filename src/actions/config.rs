//! What the config says about enforcers, effects and channels, and what can be wrong with it.
//!
//! In: the `[actions]` table of `riposte.toml`. Out: types that the executors are built from, and
//! all faults at once ([`ActionsConfig::check`]). Nothing is opened or run here.

mod channels;
mod check;
mod cloudflare;
mod effects;
mod service;

pub use channels::{ChannelConfig, ChannelTo, Priority};
pub(in crate::actions) use check::check_url;
pub use cloudflare::{CloudflareConfig, GLOBAL_KEY};
pub use effects::{Destination, ProgramConfig, WebhookConfig};
pub use service::Service;

use crate::clock::duration_text;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Where decisions are put in force and what else may be done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActionsConfig {
    /// Blocks in the kernel. Without this table nothing is blocked there.
    pub nftables: Option<NftablesConfig>,
    /// Files that a web server or proxy reads.
    pub files: Vec<WebFileConfig>,
    /// Blocks at Cloudflare, one table an account.
    pub cloudflare: Vec<CloudflareConfig>,
    /// Addresses that are told by HTTP POST.
    pub webhooks: Vec<WebhookConfig>,
    /// Programs that rules may run.
    pub programs: Vec<ProgramConfig>,
    /// Names that rules use with `notify`.
    pub channels: Vec<ChannelConfig>,
}

/// The kernel's packet filter, through the `nft` program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NftablesConfig {
    /// `false` keeps the table in the config without using it.
    pub enabled: bool,
    /// The command that runs nft; words before it are kept (`["ip", "netns", "exec", "x", "nft"]`).
    pub command: Vec<String>,
    /// The name of our table, family `inet`. Whatever is in it is ours; other tables are left
    /// alone.
    pub table: String,
    /// Where the chain stands at the prerouting hook. Below -300 it comes before connection
    /// tracking and before DNAT, so published container ports are covered. Used while
    /// `cut_established` is true.
    pub priority: i32,
    /// `true`: a block also cuts connections that are already open. `false`: it only keeps new
    /// ones out (the chain then stands at -150, after connection tracking and still before DNAT).
    pub cut_established: bool,
    /// Watches for other tools that remove our table (`nft monitor`), and mends it at once.
    pub monitor: bool,
    /// How often what is in the kernel is compared with what should be.
    #[serde(with = "duration_text")]
    pub reconcile_every: Duration,
}

impl Default for NftablesConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            command: vec!["nft".to_owned()],
            table: "riposte".to_owned(),
            priority: -310,
            cut_established: true,
            monitor: true,
            reconcile_every: Duration::from_mins(1),
        }
    }
}

/// How a web-server file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebFileFormat {
    /// `203.0.113.9 block;`, to be included in a `geo` block of nginx.
    NginxGeo,
    /// `deny 203.0.113.9;`, to be included in a `server` or `location` of nginx.
    NginxDeny,
    /// `203.0.113.9 block`, for `map_ip` of HAProxy.
    HaproxyMap,
    /// `Require not ip 203.0.113.9`, to be included in a `<RequireAll>` of Apache.
    Apache,
    /// A matcher and `error 403`, to be imported in a site of Caddy 2.7 or later. It looks at the
    /// client that Caddy's `trusted_proxies` make out.
    Caddy,
    /// The same for Caddy before 2.7 (Debian 12 has 2.6), which knows no such client: it looks at
    /// who connects.
    CaddyRemoteIp,
    /// One network a line.
    Plain,
}

/// A file that a web server or proxy reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebFileConfig {
    /// Its name, for `via` in rules and in messages.
    pub name: String,
    /// How it is written.
    pub format: WebFileFormat,
    /// Where it is; the folder must exist, and must be riposte's to write in.
    pub path: PathBuf,
    /// A command that must succeed with the new file before the reload (`["nginx", "-t"]`); when
    /// it fails, the file before is put back.
    #[serde(default)]
    pub test: Vec<String>,
    /// A command that makes the server read the file (`["nginx", "-s", "reload"]`).
    #[serde(default)]
    pub reload: Vec<String>,
    /// Reloads come at most this often; the file itself is written at once.
    #[serde(default = "one_second", with = "duration_text")]
    pub debounce: Duration,
    /// How long the test and the reload may each take.
    #[serde(default = "thirty_seconds", with = "duration_text")]
    pub timeout: Duration,
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

impl ActionsConfig {
    /// The names that `via` may choose: `nftables`, those of the files, those at Cloudflare.
    pub fn enforcer_names(&self) -> Vec<&str> {
        let kernel = self.nftables.iter().filter(|nft| nft.enabled).map(|_| "nftables");
        let files = self.files.iter().map(|file| file.name.as_str());
        let cloudflare = self.cloudflare.iter().map(|account| account.name.as_str());
        kernel.chain(files).chain(cloudflare).collect()
    }

    /// Everything that is wrong, one text a fault (`actions.files[1]: …`); empty when all is well.
    pub fn check(&self) -> Vec<String> {
        check::check(self)
    }
}

#[cfg(test)]
mod tests;
