//! What an event is, and which fields each kind can have: the list that `check` and the rule
//! reference are made from.

use super::Field;
use std::fmt;
use std::sync::Arc;

/// What may be known of a request.
const HTTP_FIELDS: &[Field] = &[
    Field::Ip,
    Field::Peer,
    Field::Port,
    Field::Method,
    Field::Path,
    Field::Query,
    Field::Status,
    Field::Bytes,
    Field::RequestBytes,
    Field::UserAgent,
    Field::Referer,
    Field::Host,
    Field::Scheme,
    Field::Protocol,
    Field::User,
    Field::Duration,
    Field::UpstreamDuration,
    Field::Upstream,
    Field::Request,
    Field::Outcome,
    Field::Asn,
    Field::Country,
];

/// What an event is. The list is open: a rule may `emit` a kind of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request that a web server answered.
    Http,
    /// A web server's error log line: a limit reached, a failed basic authentication, a fault.
    HttpError,
    /// A login or an attempt at one over SSH.
    SshAuth,
    /// Any other syslog line.
    Syslog,
    /// A line of a format that the user described (JSON fields, a pattern).
    Log,
    /// A decision that a rule in `enforce` made; what `recidive` listens to.
    Decision,
    /// A kind of the user's, by `emit` or by a source's `kind` setting.
    Custom(Arc<str>),
}

impl Kind {
    /// The built-in kinds, in the order of the reference.
    pub const BUILT_IN: &'static [Kind] =
        &[Kind::Http, Kind::HttpError, Kind::SshAuth, Kind::Syslog, Kind::Log, Kind::Decision];

    /// The kind's name in rules (`ssh.auth`).
    pub fn name(&self) -> &str {
        match self {
            Self::Http => "http",
            Self::HttpError => "http.error",
            Self::SshAuth => "ssh.auth",
            Self::Syslog => "syslog",
            Self::Log => "log",
            Self::Decision => "decision",
            Self::Custom(name) => name,
        }
    }

    /// The kind with that name; a name that is not built in is a custom kind.
    pub fn from_name(name: &str) -> Self {
        Self::BUILT_IN
            .iter()
            .find(|kind| kind.name() == name)
            .cloned()
            .unwrap_or_else(|| Self::Custom(Arc::from(name)))
    }

    /// The well-known fields that events of this kind may have; `None` for kinds whose fields
    /// the user decides.
    pub fn fields(&self) -> Option<&'static [Field]> {
        use Field as F;
        match self {
            Self::Http => Some(HTTP_FIELDS),
            Self::HttpError => Some(&[
                F::Ip,
                F::Level,
                F::Message,
                F::Reason,
                F::Zone,
                F::Host,
                F::Method,
                F::Path,
                F::Query,
                F::Protocol,
                F::User,
                F::Referer,
                F::Pid,
                F::Outcome,
                F::Upstream,
                F::Request,
                F::Asn,
                F::Country,
            ]),
            Self::SshAuth => Some(&[
                F::Ip,
                F::Port,
                F::User,
                F::Outcome,
                F::Reason,
                F::AuthMethod,
                F::Program,
                F::Pid,
                F::Hostname,
                F::Message,
                F::Level,
                F::Facility,
                F::Repeat,
                F::Asn,
                F::Country,
            ]),
            Self::Syslog => Some(&[
                F::Program,
                F::Pid,
                F::Hostname,
                F::Message,
                F::Level,
                F::Facility,
                F::Repeat,
                F::Ip,
                F::Asn,
                F::Country,
            ]),
            Self::Decision => Some(&[F::Ip, F::Target, F::Rule, F::Remedy, F::Duration, F::Reason]),
            Self::Log | Self::Custom(_) => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
