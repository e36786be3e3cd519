//! Keys of a source that its type makes no use of: a mistake, not a wish.

use super::{SourceConfig, SourceType};

impl SourceConfig {
    /// Keys that sources of this type make no use of. Those with a value of their own when absent
    /// are told where they say something else.
    pub(super) fn unused_here(&self) -> impl Iterator<Item = String> {
        use SourceType::{
            Address, Cloudflare, Docker, File, Host, Http, Journald, Kubernetes, Probe, Syslog,
        };
        const FILES: &[SourceType] = &[File, Docker, Kubernetes];
        let kind_of = self.kind_of;
        let is_default = Self::files("", Vec::new(), "");
        let keys: [(bool, &str, &[SourceType]); 19] = [
            (!self.paths.is_empty(), "paths", FILES),
            (!self.rotated.is_empty(), "rotated", FILES),
            (self.poll.is_some(), "poll", FILES),
            (self.url.is_some(), "url", &[Probe]),
            (self.connect.is_some(), "connect", &[Probe]),
            (self.status.is_some(), "status", &[Probe]),
            (self.timeout != is_default.timeout, "timeout", &[Probe]),
            (self.every.is_some(), "every", &[Probe, Address, Cloudflare, Host]),
            (self.families != is_default.families, "families", &[Address]),
            (!self.providers.is_empty(), "providers", &[Address]),
            (self.agree != is_default.agree, "agree", &[Address]),
            (self.interface.is_some(), "interface", &[Address]),
            (self.syslog.is_some(), "syslog", &[Syslog]),
            (self.journald.is_some(), "journald", &[Journald]),
            (self.cloudflare.is_some(), "cloudflare", &[Cloudflare]),
            (self.host.is_some(), "host", &[Host]),
            (self.http.is_some(), "http", &[Http]),
            (!self.labels.is_empty(), "labels", &[Docker]),
            (!self.tags.is_empty(), "tags", &[Syslog, Journald, Docker, Kubernetes]),
        ];
        keys.into_iter().filter(move |(set, _, kinds)| *set && !kinds.contains(&kind_of)).map(
            |(_, key, kinds)| {
                let kinds: Vec<String> =
                    kinds.iter().map(|kind| format!("`type = \"{}\"`", kind.name())).collect();
                format!("`{key}` has no use without {}", kinds.join(" or "))
            },
        )
    }
}
