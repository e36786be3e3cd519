//! Where a source's records come from.

use serde::{Deserialize, Serialize};

/// What a source reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceType {
    /// Log files.
    #[default]
    File,
    /// Standard input, spooled so that a restart can read it again.
    Stdin,
    /// A plugin's program; what it says is spooled before it is told that it is saved.
    Plugin,
    /// Looks at targets now and then (HTTP, HTTPS, TCP); spooled.
    Probe,
    /// Looks for the machine's own public address; spooled.
    Address,
    /// Syslog from other machines and programs, over UDP, TCP or TLS; spooled.
    Syslog,
    /// The systemd journal; spooled with the journal's own cursor.
    Journald,
    /// What others push over HTTP: webhooks and Cloudflare's Logpush; spooled before it is answered.
    Http,
    /// Log files of Docker's containers (driver `json-file`), with the container's name and image.
    Docker,
    /// Log files of Kubernetes' pods, with namespace, pod and container.
    Kubernetes,
    /// This machine: load, memory, disks, connections, programs, units, files; spooled.
    Host,
    /// What happens at Cloudflare: events of its rules, the audit log, incidents; spooled.
    Cloudflare,
}

impl SourceType {
    /// As the config has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Stdin => "stdin",
            Self::Plugin => "plugin",
            Self::Probe => "probe",
            Self::Address => "address",
            Self::Syslog => "syslog",
            Self::Journald => "journald",
            Self::Http => "http",
            Self::Docker => "docker",
            Self::Kubernetes => "kubernetes",
            Self::Cloudflare => "cloudflare",
            Self::Host => "host",
        }
    }

    /// Whether its records are events ready-made, in frames of the spool.
    pub const fn is_framed(self) -> bool {
        !matches!(self, Self::File | Self::Stdin | Self::Docker | Self::Kubernetes)
    }

    /// Whether it follows files.
    pub const fn is_files(self) -> bool {
        matches!(self, Self::File | Self::Docker | Self::Kubernetes)
    }
}
