//! The services that carry messages to people, and what of the config each of them takes.

/// A service that carries messages to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// E-mail, by SMTP.
    Email,
    /// Slack, by an incoming webhook.
    Slack,
    /// Discord, by a webhook.
    Discord,
    /// Telegram, by a bot.
    Telegram,
    /// A Matrix room.
    Matrix,
    /// Microsoft Teams, by the webhook of a workflow.
    Teams,
    /// ntfy, the public server or one's own.
    Ntfy,
    /// A Gotify server.
    Gotify,
    /// `PagerDuty`, by its events API.
    PagerDuty,
    /// Opsgenie, by its alert API.
    Opsgenie,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Email,
        Self::Slack,
        Self::Discord,
        Self::Telegram,
        Self::Matrix,
        Self::Teams,
        Self::Ntfy,
        Self::Gotify,
        Self::PagerDuty,
        Self::Opsgenie,
    ];

    /// As the config writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::Matrix => "matrix",
            Self::Teams => "teams",
            Self::Ntfy => "ntfy",
            Self::Gotify => "gotify",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
        }
    }

    /// Where it is reached when the config doesn't say; `None` when the config has to.
    pub const fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Telegram => Some("https://api.telegram.org"),
            Self::Ntfy => Some("https://ntfy.sh"),
            Self::PagerDuty => Some("https://events.pagerduty.com"),
            Self::Opsgenie => Some("https://api.opsgenie.com"),
            _ => None,
        }
    }

    pub(super) const fn wants_token(self) -> Want {
        match self {
            Self::Telegram | Self::Matrix | Self::Gotify | Self::PagerDuty | Self::Opsgenie => {
                Want::One
            }
            Self::Email | Self::Ntfy => Want::MayBe,
            Self::Slack | Self::Discord | Self::Teams => Want::None,
        }
    }

    pub(super) const fn wants_recipients(self) -> Want {
        match self {
            Self::Email => Want::Some,
            Self::Telegram | Self::Matrix | Self::Ntfy => Want::One,
            _ => Want::None,
        }
    }

    pub(super) const fn has_priority(self) -> bool {
        matches!(self, Self::Ntfy | Self::Gotify | Self::PagerDuty | Self::Opsgenie)
    }

    pub(super) const fn has_authorities(self) -> bool {
        matches!(self, Self::Email | Self::Matrix | Self::Ntfy | Self::Gotify)
    }
}

/// How many of something are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    None,
    MayBe,
    One,
    Some,
}
