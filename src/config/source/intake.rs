//! Sources that others write to: what lies around their lines, whether their events are trusted, and
//! what is wrong with their keys.

use super::{SourceConfig, SourceType};
use crate::event::{Schema, added, text};
use crate::limits;
use crate::parsers::{Envelope, LOGPUSH_FIELDS, ParserConfig};
use crate::sources::Join;
use crate::sources::cloudflare::CloudflareSourceConfig;
use crate::sources::containers::{Runtime, label_field};
use crate::sources::host::HostConfig;
use crate::sources::http::HttpConfig;
use crate::sources::journald::{self, JournaldConfig};
use crate::sources::syslog::SyslogConfig;

/// The format of Logpush's lines, wherever they come from.
const LOGPUSH: &str = "logpush";

impl SourceConfig {
    /// What lies around its lines.
    pub(super) fn envelope(&self) -> Envelope {
        match self.kind_of {
            SourceType::Syslog | SourceType::Journald => Envelope::Syslog,
            SourceType::Docker => Envelope::Docker,
            SourceType::Kubernetes => Envelope::Cri,
            _ => Envelope::None,
        }
    }

    /// Where its log files lie.
    pub fn log_paths(&self) -> Vec<String> {
        match self.runtime() {
            Some(runtime) if self.paths.is_empty() => runtime.usual_paths(),
            _ => self.paths.clone(),
        }
    }

    /// Whose containers it reads.
    pub fn runtime(&self) -> Option<Runtime> {
        match self.kind_of {
            SourceType::Docker => Some(Runtime::Docker),
            SourceType::Kubernetes => Some(Runtime::Kubernetes),
            _ => None,
        }
    }

    /// Whether its lines may go on in the next ones.
    pub fn join(&self) -> Join {
        match self.runtime() {
            Some(Runtime::Docker) => Join::Docker,
            Some(Runtime::Kubernetes) => Join::Cri,
            None => Join::No,
        }
    }

    /// Whether rules may act on its events.
    pub fn is_trusted(&self) -> bool {
        let proven = || match self.kind_of {
            SourceType::Syslog => self.syslog.as_ref().is_some_and(SyslogConfig::is_authenticated),
            SourceType::Http => self.http.as_ref().is_some_and(HttpConfig::is_authenticated),
            _ => true,
        };
        self.trust.unwrap_or_else(proven)
    }

    /// Fields that its events have beside those of their lines.
    pub fn added_fields(&self) -> Option<Schema> {
        match self.kind_of {
            SourceType::Syslog => Some(added::schema(["sender", "hostname", "program"])),
            SourceType::Journald => {
                Some(added::schema(journald::added().chain(["hostname", "program"])))
            }
            SourceType::Http => {
                let mut names = self.http_config().added();
                names.extend(self.logpush_fields().map(str::to_owned));
                Some(added::schema(names.iter().map(String::as_str)))
            }
            _ if self.format == LOGPUSH => Some(added::schema(self.logpush_fields())),
            _ => {
                let labels: Vec<String> = self.labels.iter().map(|one| label_field(one)).collect();
                let fields = self.runtime()?.fields().iter().copied();
                Some(added::schema(fields.chain(labels.iter().map(String::as_str))))
            }
        }
    }

    /// What comes over HTTP; a table that is absent is one without keys.
    pub fn http_config(&self) -> HttpConfig {
        self.http.clone().unwrap_or_default()
    }

    /// How the records of a source of `type = "http"` are read: they are JSON, and the preset knows
    /// where what is.
    pub(super) fn http_parser_config(&self) -> ParserConfig {
        let http = self.http_config();
        let (kind, format) = (http.preset.kind(), http.preset.format());
        ParserConfig {
            format: format.to_owned(),
            fields: http.fields(&self.fields),
            kind: self.kind.clone().or_else(|| kind.map(str::to_owned)),
            time_format: self.time_format.clone(),
            timezone: self.timezone.clone(),
            ..ParserConfig::default()
        }
    }

    fn logpush_fields(&self) -> impl Iterator<Item = &'static str> {
        let reads = self.parser_config().format == LOGPUSH;
        LOGPUSH_FIELDS.iter().copied().filter(move |_| reads)
    }

    fn http_faults(&self) -> Vec<String> {
        if self.kind_of != SourceType::Http {
            return Vec::new();
        }
        let http = self.http_config();
        let mut faults = http.faults();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !self.name.bytes().all(plain) {
            faults.push("it is a part of the path `/intake/NAME`\nhint: a name of letters, digits, `-`, `_` and `.`".to_owned());
        }
        if self.fields.len() > limits::HTTP_FIELDS_MAX {
            faults.push(format!("`fields` names more than {}", limits::HTTP_FIELDS_MAX));
        }
        for (set, key) in [
            (self.format != "auto", "format"),
            (self.log_format.is_some(), "log_format"),
            (self.pattern.is_some(), "pattern"),
        ] {
            if set {
                faults.push(format!("`{key}` has no use with `type = \"http\"`\nhint: `preset` in `[sources.http]` says what comes"));
            }
        }
        faults
    }

    /// What is wrong with syslog, the journal and what comes over HTTP.
    pub(super) fn intake_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.kind_of == SourceType::Syslog && self.syslog.is_none() {
            faults.push(
                "`syslog` is required with `type = \"syslog\"`\nhint: a table `[sources.syslog]` with `listen = [\"udp:127.0.0.1:5514\"]`".to_owned(),
            );
        }
        if self.kind_of == SourceType::Cloudflare && self.cloudflare.is_none() {
            faults.push(
                "`cloudflare` is required with `type = \"cloudflare\"`\nhint: a table `[sources.cloudflare]` with `of = \"firewall\"`, `zone` and `token`".to_owned(),
            );
        }
        faults.extend(self.host.iter().flat_map(HostConfig::faults));
        faults.extend(self.cloudflare.iter().flat_map(CloudflareSourceConfig::faults));
        faults.extend(self.syslog.iter().flat_map(SyslogConfig::faults));
        faults.extend(self.journald.iter().flat_map(JournaldConfig::faults));
        faults.extend(self.http_faults());
        for (program, format) in &self.tags {
            let shown = text::escape(program);
            if program.is_empty() || program.contains([' ', ':', '[']) {
                faults.push(format!(
                    "`{shown}` can't be the name of a program or container in `tags`"
                ));
            }
            if matches!(format.as_str(), "pattern") {
                faults.push(format!(
                    "`tags.{shown}`: `pattern` needs settings of its own\nhint: give it a source of its own"
                ));
            }
        }
        faults
    }
}
