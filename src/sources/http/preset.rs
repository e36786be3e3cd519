//! Senders that are known: how they prove who they are, and where in their bodies what is.
//!
//! Facts: Cloudflare (developers.cloudflare.com/notifications, "Webhook payload schema"; /logs, "Enable HTTP
//! destination") and parts of GitHub's pages (docs.github.com, "Validating webhook deliveries") were read in
//! November 2026; Alertmanager is Debian's, which was tried. Grafana's ("Configure webhook notifications") and
//! `WooCommerce`'s (its class `WC_Webhook`) are from memory, and have met no real sender.

use super::config::{Encoding, SignatureConfig};
use crate::limits;
use serde::{Deserialize, Serialize};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Any JSON: `fields`, `kind` and `each` say what is what.
    #[default]
    Json,
    /// GitHub's webhooks (content type `application/json`); events of the kind `github`.
    Github,
    /// Cloudflare's notifications; events of the kind `cloudflare.notification`.
    Cloudflare,
    /// Prometheus' Alertmanager; events of the kind `alert`, one for each alert.
    Alertmanager,
    /// Grafana's contact point `webhook`; events of the kind `alert`, one for each alert.
    Grafana,
    /// `WooCommerce`'s webhooks on WordPress; events of the kind `wordpress`.
    Wordpress,
    /// Cloudflare's Logpush of `http_requests` and `firewall_events`; events of the kinds `http` and
    /// `cloudflare.firewall`.
    Logpush,
}

type Names = &'static [(&'static str, &'static str)];

const ALERTS: Names = &[
    ("alert", "alerts.labels.alertname"),
    ("state", "alerts.status"),
    ("severity", "alerts.labels.severity"),
    ("instance", "alerts.labels.instance"),
    ("job", "alerts.labels.job"),
    ("message", "alerts.annotations.summary"),
    ("description", "alerts.annotations.description"),
    ("fingerprint", "alerts.fingerprint"),
    ("starts_at", "alerts.startsAt"),
    ("ends_at", "alerts.endsAt"),
    ("receiver", "receiver"),
];

impl Preset {
    /// The kind of its events; `None` where the config says it, or each record.
    pub fn kind(self) -> Option<&'static str> {
        match self {
            Self::Json | Self::Logpush => None,
            Self::Github => Some("github"),
            Self::Cloudflare => Some("cloudflare.notification"),
            Self::Alertmanager | Self::Grafana => Some("alert"),
            Self::Wordpress => Some("wordpress"),
        }
    }

    /// The format of its records.
    pub fn format(self) -> &'static str {
        match self {
            Self::Logpush => "logpush",
            _ => "json",
        }
    }

    /// Our field names, and where in a record they are.
    pub(super) fn fields(self) -> Names {
        match self {
            Self::Json | Self::Logpush => &[],
            Self::Github => &[
                ("action", "action"),
                ("repository", "repository.full_name"),
                ("organization", "organization.login"),
                ("user", "sender.login"),
                ("ref", "ref"),
                ("before", "before"),
                ("after", "after"),
                ("url", "compare"),
                ("message", "head_commit.message"),
                ("severity", "alert.security_advisory.severity"),
                ("state", "alert.state"),
            ],
            Self::Cloudflare => &[
                ("time", "ts"),
                ("name", "name"),
                ("message", "text"),
                ("alert", "alert_type"),
                ("event", "alert_event"),
                ("policy", "policy_name"),
                ("account", "account_id"),
                ("correlation", "alert_correlation_id"),
            ],
            // Their own times are when the alert began: hours before, where it is repeated.
            Self::Alertmanager | Self::Grafana => ALERTS,
            Self::Wordpress => &[
                ("id", "id"),
                ("name", "name"),
                ("state", "status"),
                ("ip", "customer_ip_address"),
                ("user_agent", "customer_user_agent"),
                ("user", "username"),
            ],
        }
    }

    /// Our field names, and the headers that hold them.
    pub(super) fn headers(self) -> Names {
        match self {
            Self::Github => &[("event", "X-GitHub-Event"), ("delivery", "X-GitHub-Delivery")],
            Self::Wordpress => &[("event", "X-WC-Webhook-Topic"), ("site", "X-WC-Webhook-Source")],
            _ => &[],
        }
    }

    /// The list whose entries are events of their own.
    pub(super) fn each(self) -> Option<&'static str> {
        matches!(self, Self::Alertmanager | Self::Grafana).then_some("alerts")
    }

    /// How it signs.
    pub(super) fn signature(self) -> Option<SignatureConfig> {
        let (header, prefix, encoding) = match self {
            Self::Github => ("X-Hub-Signature-256", "sha256=", Encoding::Hex),
            Self::Wordpress => ("X-WC-Webhook-Signature", "", Encoding::Base64),
            _ => return None,
        };
        Some(SignatureConfig {
            header: header.to_owned(),
            prefix: prefix.to_owned(),
            algorithm: super::config::Algorithm::Sha256,
            encoding,
            signed: "{body}".to_owned(),
            time_header: None,
        })
    }

    /// The header that names a delivery.
    pub(super) fn delivery_header(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("X-GitHub-Delivery"),
            _ => None,
        }
    }

    /// The header that holds the secret, where nothing is signed.
    pub(super) fn secret_header(self) -> &'static str {
        match self {
            Self::Cloudflare => "cf-webhook-auth",
            _ => "Authorization",
        }
    }

    pub(super) fn remember_secs(self) -> u64 {
        match self {
            Self::Alertmanager | Self::Grafana => limits::HTTP_REMEMBER_REPEATERS_SECS,
            _ => limits::HTTP_REMEMBER_SECS,
        }
    }

    pub(super) fn body_kib(self) -> u64 {
        match self {
            Self::Logpush => limits::HTTP_LOGPUSH_BODY_KIB,
            _ => limits::HTTP_BODY_KIB,
        }
    }
}
