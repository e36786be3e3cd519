//! A source as the user writes it: where its records come from and how they are read, in one
//! table; taken apart for the stages that build from it.

mod intake;
mod kinds;
mod unused;

pub use kinds::SourceType;

use crate::clock::{duration_text, parse_duration};
use crate::parsers::{Parser, ParserConfig};
use crate::sources::address::{self, AddressConfig, Family};
use crate::sources::cloudflare::CloudflareSourceConfig;
use crate::sources::host::HostConfig;
use crate::sources::http::HttpConfig;
use crate::sources::journald::JournaldConfig;
use crate::sources::probe::{self, ProbeConfig};
use crate::sources::program::ProgramConfig;
use crate::sources::syslog::SyslogConfig;
use crate::sources::{FilesConfig, Start, StdinConfig};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// What a format begins with that a plugin reads: `plugin:NAME`.
pub const FORMAT_PLUGIN: &str = "plugin:";

/// A source of records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name, unique; hits and the journal show it.
    pub name: String,
    /// `file`, `stdin`, `plugin`, `probe`, `address`, `syslog`, `journald`, `http`, `docker`,
    /// `kubernetes`, `cloudflare` or `host`.
    #[serde(default, rename = "type")]
    pub kind_of: SourceType,
    /// For files: paths or patterns (`*`, `?`, `[a-z]`, `**`) of the logs. A path need not exist
    /// yet.
    #[serde(default)]
    pub paths: Vec<String>,
    /// For files: patterns of rotated files that do not lie beside their log (logrotate's
    /// `olddir`).
    #[serde(default)]
    pub rotated: Vec<String>,
    /// For files: where reading begins in a file that is there when riposte first sees the path,
    /// `end` or `beginning`. A file that appears later is read from its beginning.
    #[serde(default)]
    pub from: Start,
    /// For files: look for changes this often instead of being told by the kernel. Set by itself
    /// where the kernel can't tell (NFS, SMB, FUSE, too few inotify watches).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<String>,
    /// For files: a rotated file is read until nothing was written to it for this long.
    #[serde(default = "rotated_wait", with = "duration_text")]
    pub rotated_wait: Duration,
    /// A source that has something to read and doesn't for this long raises an alarm.
    #[serde(default = "stall", with = "duration_text")]
    pub stall: Duration,
    /// For `plugin`: the plugin's name; `[plugins.NAME]` must enable it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// For `probe`: `https://www.example.com/health`, `http://…`, or `tcp://host:port`, which is well
    /// when a connection comes about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// For `probe`: the address or name that is connected to, whatever the DNS says of the URL's
    /// host, so that an origin is looked at while another is in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
    /// For `probe`: the status that is well; when absent, 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `probe`: what takes longer is a failure.
    #[serde(default = "timeout", with = "duration_text")]
    pub timeout: Duration,
    /// For `probe`, `address`, `cloudflare` and `host`: how often is looked, a tenth more or less at random; when
    /// absent `10s` for probes and this machine, `5m` for addresses, `1m` to `5m` for Cloudflare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// For `address`: `v4`, `v6` or both.
    #[serde(default = "families")]
    pub families: Vec<String>,
    /// For `address`: pages that answer with the address of whoever asks, alone or as `ip=…` on a
    /// line; when empty, six well-known ones. Which family they tell depends on how they are reached.
    #[serde(default)]
    pub providers: Vec<String>,
    /// For `address`: how many providers must say the same.
    #[serde(default = "agree")]
    pub agree: usize,
    /// For `address`: an interface whose address is taken instead of asking anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// For `syslog`: where it is listened for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<SyslogConfig>,
    /// For `journald`: which entries are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journald: Option<JournaldConfig>,
    /// For `cloudflare`: what is read there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudflare: Option<CloudflareSourceConfig>,
    /// For `http`: what comes to `/intake/NAME`, and who may send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpConfig>,
    /// For `host`: what is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostConfig>,
    /// For `docker`: labels of containers that become fields (`com.docker.compose.service` is
    /// `label_com_docker_compose_service`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// For `syslog` and `journald`: the formats of programs' messages, by the program's name (`shop =
    /// "nginx"`); for `docker` and `kubernetes` by the container's. All others are of the source's
    /// `format`. With `auto`, nginx, Apache, Caddy, Traefik, `HAProxy` and sshd are known by their syslog
    /// names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether rules may act on its events. When absent, they may, but for `syslog` whose senders prove
    /// nothing (all but `tls` with `client_ca`) and `http` without a `secret`: there, whatever rules ask for is only noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<bool>,
    /// For all but files: MiB of spool on disk; when it is full, reading waits.
    #[serde(default = "spool_mib")]
    pub spool_mib: u64,
    /// The format of the records: `auto`, `nginx`, `apache`, `combined`, `common`, `nginx-error`,
    /// `caddy`, `traefik`, `haproxy`, `logpush`, `sshd`, `syslog`, `json` or `pattern`; or `plugin:NAME`, which a
    /// plugin of the kind `parser` reads.
    #[serde(default = "auto")]
    pub format: String,
    /// For `nginx`: the `log_format` as written in nginx.conf, quotes and `escape=` included.
    #[serde(default)]
    pub log_format: Option<String>,
    /// For `pattern`: a regular expression whose named groups are the fields.
    #[serde(default)]
    pub pattern: Option<String>,
    /// For `json`: our field names and the keys that hold them (`ip = "client.address"`). For
    /// `pattern`: our field names and groups that are named otherwise.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The kind of the events, where the format leaves it open (`json`, `pattern`).
    #[serde(default)]
    pub kind: Option<String>,
    /// How the time is written, for `json` and `pattern`; common ways are tried when absent.
    #[serde(default)]
    pub time_format: Option<String>,
    /// The IANA zone of stamps without an offset (`Europe/Berlin`); the machine's when absent.
    #[serde(default)]
    pub timezone: Option<String>,
}

fn rotated_wait() -> Duration {
    Duration::from_secs(30)
}

fn stall() -> Duration {
    Duration::from_secs(10)
}

fn spool_mib() -> u64 {
    64
}

fn timeout() -> Duration {
    Duration::from_secs(5)
}

fn families() -> Vec<String> {
    vec!["v4".to_owned()]
}

fn agree() -> usize {
    2
}

fn auto() -> String {
    "auto".to_owned()
}

impl SourceConfig {
    /// A source of log files with all settings at their defaults.
    pub fn files(name: &str, paths: Vec<String>, format: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind_of: SourceType::File,
            paths,
            rotated: Vec::new(),
            from: Start::End,
            poll: None,
            rotated_wait: rotated_wait(),
            stall: stall(),
            plugin: None,
            url: None,
            connect: None,
            status: None,
            timeout: timeout(),
            every: None,
            families: families(),
            providers: Vec::new(),
            agree: agree(),
            interface: None,
            syslog: None,
            journald: None,
            cloudflare: None,
            host: None,
            http: None,
            labels: Vec::new(),
            tags: BTreeMap::new(),
            trust: None,
            spool_mib: spool_mib(),
            format: format.to_owned(),
            log_format: None,
            pattern: None,
            fields: BTreeMap::new(),
            kind: None,
            time_format: None,
            timezone: None,
        }
    }

    /// The part that the file source is built from.
    pub fn files_config(&self, state_dir: &Path) -> FilesConfig {
        FilesConfig {
            paths: self.log_paths(),
            rotated: self.rotated.clone(),
            from: self.from,
            poll: self.poll.as_deref().and_then(|text| parse_duration(text).ok()),
            rotated_wait: self.rotated_wait,
            stall: self.stall,
            join: self.join(),
            state_dir: Some(state_dir.to_owned()),
        }
    }

    /// The part that the stdin source is built from.
    pub fn stdin_config(&self) -> StdinConfig {
        let spool_bytes_max = self.spool_mib.saturating_mul(1024 * 1024);
        StdinConfig { spool_bytes_max, stall: self.stall }
    }

    /// The part that a plugin's source is built from.
    pub fn program_config(&self) -> ProgramConfig {
        let StdinConfig { spool_bytes_max, stall } = self.stdin_config();
        let durable = self.kind_of == SourceType::Http;
        ProgramConfig { spool_bytes_max, stall, durable }
    }

    /// Whether a plugin reads its lines.
    pub fn has_plugin_format(&self) -> bool {
        self.format.starts_with(FORMAT_PLUGIN)
    }

    /// The part that the parser is built from.
    pub fn parser_config(&self) -> ParserConfig {
        if self.kind_of == SourceType::Http {
            return self.http_parser_config();
        }
        ParserConfig {
            format: self.format.clone(),
            log_format: self.log_format.clone(),
            pattern: self.pattern.clone(),
            fields: self.fields.clone(),
            kind: self.kind.clone(),
            time_format: self.time_format.clone(),
            timezone: self.timezone.clone(),
            envelope: self.envelope(),
            tags: self.tags.clone(),
        }
    }

    /// A setting that a plugin's format makes no use of is a mistake, not a wish.
    fn unused_with_plugin(&self) -> Option<String> {
        let settings = [
            (self.log_format.is_some(), "log_format"),
            (self.pattern.is_some(), "pattern"),
            (!self.fields.is_empty(), "fields"),
            (self.kind.is_some(), "kind"),
            (self.time_format.is_some(), "time_format"),
            (self.timezone.is_some(), "timezone"),
        ];
        let (_, setting) = settings.into_iter().find(|(set, _)| *set)?;
        Some(format!(
            "`{setting}` has no use with format `{}`\nhint: what the plugin needs goes into its `settings`",
            self.format
        ))
    }

    pub(crate) fn every(&self, usual: Duration) -> Duration {
        self.every.as_deref().and_then(|text| parse_duration(text).ok()).unwrap_or(usual)
    }

    /// The part that a probe is built from.
    pub fn probe_config(&self) -> ProbeConfig {
        ProbeConfig {
            name: self.name.clone(),
            url: self.url.clone().unwrap_or_default(),
            connect: self.connect.clone(),
            every: self.every(probe::EVERY),
            timeout: self.timeout,
            status: self.status,
        }
    }

    /// The part that the search for the machine's address is built from.
    pub fn address_config(&self) -> AddressConfig {
        let given = !self.providers.is_empty();
        AddressConfig {
            families: self.families.iter().filter_map(|name| Family::from_name(name)).collect(),
            every: self.every(address::EVERY),
            providers: if given { self.providers.clone() } else { address::providers() },
            agree: self.agree,
            interface: self.interface.clone(),
        }
    }

    /// What is wrong with a probe or the search for an address, or with their keys elsewhere.
    fn looks_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(Err(error)) = self.every.as_deref().map(parse_duration) {
            faults.push(error.to_string());
        }
        match self.kind_of {
            SourceType::Probe => faults.extend(self.probe_config().faults()),
            SourceType::Address => {
                let unknown = self.families.iter().filter(|name| Family::from_name(name).is_none());
                faults.extend(unknown.map(|name| {
                    let name = crate::event::text::escape(name);
                    format!("`{name}` is no family\nhint: `v4`, `v6` or both")
                }));
                faults.extend(address::faults(&self.address_config()));
            }
            _ => {}
        }
        faults.extend(self.unused_here());
        faults
    }

    /// What is wrong with the values, each in words with its hint.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.name.is_empty() || self.name.contains(['/', '\0', '\n']) {
            faults.push(format!(
                "`{}` can't be the name of a source\nhint: a short word, as in `nginx`",
                crate::event::text::escape(&self.name)
            ));
        }
        if let Some(poll) = &self.poll
            && let Err(error) = parse_duration(poll)
        {
            faults.push(error.to_string());
        }
        if self.kind_of.is_files() {
            faults.extend(self.files_config(Path::new("")).faults());
        }
        match (self.kind_of == SourceType::Plugin, &self.plugin) {
            (true, None) => faults.push(
                "`plugin` is required with `type = \"plugin\"`\nhint: the name of a plugin of the kind `source`".to_owned(),
            ),
            (false, Some(_)) => faults.push(
                "`plugin` has no use without `type = \"plugin\"`\nhint: a plugin that reads lines is named as `format = \"plugin:NAME\"`".to_owned(),
            ),
            _ => {}
        }
        faults.extend(self.looks_faults());
        faults.extend(self.intake_faults());
        if self.has_plugin_format() {
            faults.extend(self.unused_with_plugin());
        } else if let Err(error) = Parser::build(&self.parser_config()) {
            let first = error.to_string();
            let rest = ParserConfig { timezone: None, ..self.parser_config() };
            let behind = Parser::build(&rest).err().map(|error| error.to_string());
            faults.extend(behind.filter(|behind| *behind != first));
            faults.push(first);
        }
        let named = |fault: String| format!("source `{}`: {fault}", self.name);
        faults.into_iter().map(named).collect()
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
