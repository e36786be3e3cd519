//! Where syslog is listened for, as the user writes it, and what it means.

use crate::event::net::parse_net;
use crate::event::text::escape;
use crate::limits;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What a syslog source listens on, and whom it hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// Where it listens: `udp:127.0.0.1:5514`, `tcp:[::]:5514`, `tls:0.0.0.0:6514`.
    pub listen: Vec<String>,
    /// Networks whose messages are taken; when empty, all are. Over UDP anybody can write any address
    /// as the sender's.
    #[serde(default)]
    pub senders: Vec<String>,
    /// For `tls`: a file with the certificate and those above it, as PEM. It is read again when it
    /// changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// For `tls`: a file with the private key, as PEM, that nobody else can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// For `tls`: a file with the certificates that vouch for senders, as PEM. When it is set, a sender
    /// without a certificate from one of them is refused, and the events are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// A connection that nothing came on for this long is closed.
    #[serde(default = "idle", with = "crate::clock::duration_text")]
    pub idle: Duration,
    /// Connections at once; further ones are refused.
    #[serde(default = "connections_max")]
    pub connections_max: usize,
}

fn idle() -> Duration {
    Duration::from_hours(24)
}

fn connections_max() -> usize {
    limits::INTAKE_CONNECTIONS_MAX
}

/// How messages come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// One place to listen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listen {
    pub transport: Transport,
    pub address: SocketAddr,
}

impl Listen {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (transport, address) = text.split_once(':')?;
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => return None,
        };
        Some(Self { transport, address: address.parse().ok()? })
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        };
        write!(f, "{transport}:{}", self.address)
    }
}

impl SyslogConfig {
    pub(super) fn places(&self) -> Vec<Listen> {
        self.listen.iter().filter_map(|text| Listen::parse(text)).collect()
    }

    pub(super) fn nets(&self) -> Vec<IpNet> {
        self.senders.iter().filter_map(|text| parse_net(text)).collect()
    }

    /// Whether only senders that prove who they are can be heard.
    pub fn is_authenticated(&self) -> bool {
        let places = self.places();
        let proven = places.iter().all(|place| place.transport == Transport::Tls);
        self.client_ca.is_some() && !places.is_empty() && proven
    }

    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.listen.is_empty() {
            faults.push(
                "`listen` names no place\nhint: `listen = [\"udp:127.0.0.1:5514\"]`".to_owned(),
            );
        }
        let known: Vec<(&String, Option<Listen>)> =
            self.listen.iter().map(|text| (text, Listen::parse(text))).collect();
        for (text, _) in known.iter().filter(|(_, place)| place.is_none()) {
            faults.push(format!(
                "`{}` is no place to listen at\nhint: `udp:`, `tcp:` or `tls:`, an address and a port, as in `tcp:[::1]:5514`",
                escape(text)
            ));
        }
        for text in self.senders.iter().filter(|text| parse_net(text).is_none()) {
            faults.push(format!(
                "`{}` is no network\nhint: as in `10.0.0.0/8` or `2001:db8::/32`",
                escape(text)
            ));
        }
        let tls = self.places().iter().any(|place| place.transport == Transport::Tls);
        let files = [
            (&self.certificate, "certificate", true),
            (&self.key, "key", true),
            (&self.client_ca, "client_ca", false),
        ];
        for (file, name, needed) in files {
            match file {
                None if tls && needed => faults.push(format!("`{name}` is required with `tls:`")),
                Some(_) if !tls => faults.push(format!("`{name}` has no use without `tls:`")),
                Some(path) if path.is_relative() => {
                    faults.push(format!("`{name}` must be an absolute path"));
                }
                _ => {}
            }
        }
        if self.idle < Duration::from_secs(1) {
            faults.push("`idle` must be `1s` or more".to_owned());
        }
        if self.connections_max == 0 {
            faults.push("`connections_max` is 0\nhint: at least 1".to_owned());
        }
        faults
    }
}

/// Whether a sender may be heard.
pub(super) fn hears(nets: &[IpNet], sender: IpAddr) -> bool {
    nets.is_empty() || nets.iter().any(|net| net.contains(&sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(listen: &[&str]) -> SyslogConfig {
        SyslogConfig {
            listen: listen.iter().map(|text| (*text).to_owned()).collect(),
            senders: Vec::new(),
            certificate: None,
            key: None,
            client_ca: None,
            idle: idle(),
            connections_max: connections_max(),
        }
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_mend() {
        assert_eq!(config(&["udp:127.0.0.1:5514", "tcp:[::]:5514"]).faults(), [""; 0]);
        for listen in ["5514", "udp:5514", "sctp:[::]:1", "udp:localhost:1", "unix:/x"] {
            assert!(config(&[listen]).faults()[0].contains("is no place to listen at"), "{listen}");
        }
        assert_eq!(config(&[]).faults().len(), 1);
        assert_eq!(config(&["tls:[::]:6514"]).faults().len(), 2);
        let ca = Some(PathBuf::from("ca.pem"));
        let told = SyslogConfig { client_ca: ca.clone(), ..config(&["tcp:[::]:1"]) }.faults();
        assert!(told[0].contains("no use without `tls:`"), "{told:?}");
        let senders = vec!["10.0.0.0/33".to_owned()];
        assert_eq!(SyslogConfig { senders, ..config(&["tcp:[::]:1"]) }.faults().len(), 1);
    }

    #[test]
    fn only_certificates_of_all_senders_make_it_authenticated() {
        let ca = Some(PathBuf::from("/ca.pem"));
        let with = |listen: &[&str]| SyslogConfig { client_ca: ca.clone(), ..config(listen) };
        assert!(with(&["tls:[::]:1"]).is_authenticated());
        assert!(!with(&["tls:[::]:1", "tcp:[::]:2"]).is_authenticated());
        assert!(!config(&["tls:[::]:1"]).is_authenticated());
    }
}
