//! The config of channels: what `notify` in rules leads to, and what each service needs.

use super::effects::Destination;
use super::service::{Service, Want};
use super::{ActionsConfig, check};
use crate::actions::messenger::{Template, mail};
use crate::clock::duration_text;
use crate::event::text::escape;
use crate::secret::SecretRef;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A name that rules use with `notify`, and what carries its messages to people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelConfig {
    /// Its name.
    pub name: String,
    /// What carries it: a service (`email`, `slack`, `discord`, `telegram`, `matrix`, `teams`, `ntfy`,
    /// `gotify`, `pagerduty`, `opsgenie`), or `log`, `webhook:NAME`, `exec:NAME`, `plugin:NAME` (an
    /// action plugin).
    pub to: ChannelTo,
    /// For services: the address. For `slack`, `discord` and `teams` that of the incoming webhook, which
    /// is a secret (`file:/etc/riposte/slack.url`); for `email` the mail server
    /// (`smtps://mail.example.com`, or `smtp://mail.example.com:587` with STARTTLS); for `matrix` and
    /// `gotify` the server. The others have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Destination>,
    /// For services: the bot's token (`telegram`), access token (`matrix`, `ntfy`), application token
    /// (`gotify`), integration key (`pagerduty`), API key (`opsgenie`), or password (`email`), as a
    /// secret reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// For `email`: the name that riposte logs in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// For `email`: whom messages are from (`riposte@example.com`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// For `email`: addresses; for `telegram` the chat's number or `@channel`, for `matrix` the room's id,
    /// for `ntfy` the topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<String>,
    /// For `ntfy`, `gotify`, `pagerduty` and `opsgenie`: `low`, `normal`, `high` or `urgent`.
    #[serde(default)]
    pub priority: Priority,
    /// For services: what a message says, with `{rule}`, `{key}`, `{message}`, `{time}`, `{host}` and
    /// `{channel}` in it; `{message}` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// For services: after a message of a rule, further ones of the same rule are held for so long and
    /// then told in one, with their count. `0s` holds none.
    #[serde(default = "five_minutes", with = "duration_text")]
    pub group: Duration,
    /// For services: messages an hour. What is more is held, and told in one message of all rules.
    #[serde(default = "thirty")]
    pub per_hour: u32,
    /// For `email`, `matrix`, `ntfy` and `gotify`: a file with certificates (PEM) of authorities that are
    /// believed beside the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// For services: how long one attempt may take.
    #[serde(default = "ten_seconds", with = "duration_text")]
    pub timeout: Duration,
    /// For services: attempts before a message is given up.
    #[serde(default = "five")]
    pub attempts: u32,
}

impl ChannelConfig {
    /// A channel with nothing set but its name and what carries it.
    pub fn new(name: &str, to: ChannelTo) -> Self {
        Self {
            name: name.to_owned(),
            to,
            url: None,
            token: None,
            user: None,
            sender: None,
            recipients: Vec::new(),
            priority: Priority::Normal,
            template: None,
            group: five_minutes(),
            per_hour: thirty(),
            ca_file: None,
            timeout: ten_seconds(),
            attempts: five(),
        }
    }

    /// The references of secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let url = match &self.url {
            Some(Destination::Secret(reference)) => Some(reference),
            _ => None,
        };
        url.into_iter().chain(&self.token)
    }
}

/// How much a message matters to who gets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// It can be read some time.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// It should be read soon.
    High,
    /// Somebody is to be woken for it.
    Urgent,
}

/// What carries a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelTo {
    /// Riposte's own log.
    Log,
    /// A webhook of the config.
    Webhook(String),
    /// A program of the config.
    Exec(String),
    /// An action plugin.
    Plugin(String),
    /// A service.
    Service(Service),
}

impl fmt::Display for ChannelTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => f.write_str("log"),
            Self::Webhook(name) => write!(f, "webhook:{name}"),
            Self::Exec(name) => write!(f, "exec:{name}"),
            Self::Plugin(name) => write!(f, "plugin:{name}"),
            Self::Service(service) => f.write_str(service.name()),
        }
    }
}

impl Serialize for ChannelTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChannelTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            None if text == "log" => return Ok(Self::Log),
            None => {
                if let Some(service) = Service::ALL.into_iter().find(|one| one.name() == text) {
                    return Ok(Self::Service(service));
                }
            }
            Some(("webhook", name)) if !name.is_empty() => {
                return Ok(Self::Webhook(name.to_owned()));
            }
            Some(("exec", name)) if !name.is_empty() => return Ok(Self::Exec(name.to_owned())),
            Some(("plugin", name)) if !name.is_empty() => return Ok(Self::Plugin(name.to_owned())),
            Some(_) => {}
        }
        let services: Vec<&str> = Service::ALL.into_iter().map(Service::name).collect();
        Err(serde::de::Error::custom(format!(
            "`{}` carries no channel\nhint: a service ({}), or `log`, `webhook:NAME`, `exec:NAME`, `plugin:NAME`",
            escape(&text),
            services.join(", ")
        )))
    }
}

/// What is wrong with the channels of a config, each with its place and hint.
pub(super) fn faults(config: &ActionsConfig, faults: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, channel) in config.channels.iter().enumerate() {
        let place = format!("actions.channels[{index}]");
        check::check_name(&place, &channel.name, &mut seen, faults);
        let known = match &channel.to {
            // Plugins are the whole config's to know.
            ChannelTo::Log | ChannelTo::Plugin(_) | ChannelTo::Service(_) => true,
            ChannelTo::Webhook(name) => config.webhooks.iter().any(|hook| hook.name == *name),
            ChannelTo::Exec(name) => config.programs.iter().any(|program| program.name == *name),
        };
        if !known {
            faults.push(format!("{place}: there is no `{}` in this config", channel.to));
        }
        let found = match channel.to {
            ChannelTo::Service(service) => of_service(channel, service),
            _ => of_others(channel),
        };
        faults.extend(found.into_iter().map(|fault| format!("{place}: {fault}")));
    }
}

/// Keys that only services have.
fn of_others(channel: &ChannelConfig) -> Vec<String> {
    let plain = ChannelConfig::new(&channel.name, channel.to.clone());
    if *channel == plain {
        return Vec::new();
    }
    vec![format!(
        "`to = \"{}\"` takes no further keys\nhint: what a webhook or a program needs stands in its own table",
        channel.to
    )]
}

fn of_service(channel: &ChannelConfig, service: Service) -> Vec<String> {
    let mut faults = Vec::new();
    let name = service.name();
    match &channel.url {
        None if service.default_url().is_none() => faults.push(format!(
            "`{name}` needs `url`\nhint: {}",
            match service {
                Service::Email => "`url = \"smtps://mail.example.com\"`",
                Service::Matrix | Service::Gotify => "`url = \"https://chat.example.com\"`",
                _ => "`url = \"file:/etc/riposte/webhook.url\"`, a file with the webhook's address",
            }
        )),
        Some(Destination::Url(url)) if service == Service::Email => {
            faults.extend(mail::Server::parse(url).err());
        }
        Some(Destination::Url(url)) => faults.extend(check::check_url(url).err()),
        _ => {}
    }
    wanted("token", service.wants_token(), channel.token.iter().count(), name, &mut faults);
    let recipients = channel.recipients.len();
    wanted("recipients", service.wants_recipients(), recipients, name, &mut faults);
    if service == Service::Email {
        of_mail(channel, &mut faults);
    } else {
        let sender = usize::from(channel.sender.is_some());
        wanted("sender", Want::None, sender, name, &mut faults);
        wanted("user", Want::None, usize::from(channel.user.is_some()), name, &mut faults);
    }
    if channel.priority != Priority::Normal && !service.has_priority() {
        faults.push(format!("`{name}` knows no `priority`"));
    }
    if channel.ca_file.is_some() && !service.has_authorities() {
        faults.push(format!("`{name}` takes no `ca_file`"));
    }
    if let Some(template) = &channel.template {
        faults.extend(Template::parse(template).err());
    }
    if channel.attempts == 0 || channel.per_hour == 0 || channel.timeout.is_zero() {
        faults.push("`attempts`, `per_hour` and `timeout` must not be zero".to_owned());
    }
    if channel.group > Duration::from_hours(24) {
        faults.push("`group` is longer than a day".to_owned());
    }
    faults
}

fn wanted(key: &str, want: Want, count: usize, service: &str, faults: &mut Vec<String>) {
    match want {
        Want::None if count > 0 => faults.push(format!("`{service}` takes no `{key}`")),
        Want::One if count != 1 => faults.push(format!("`{service}` needs one `{key}`")),
        Want::Some if count == 0 => faults.push(format!("`{service}` needs `{key}`")),
        _ => {}
    }
}

fn of_mail(channel: &ChannelConfig, faults: &mut Vec<String>) {
    if channel.user.is_some() != channel.token.is_some() {
        faults.push("`user` and `token` go together\nhint: both to log in, or none".to_owned());
    }
    match &channel.sender {
        None => faults.push("`email` needs `sender`".to_owned()),
        Some(sender) => faults.extend(mail::mailbox(sender).err()),
    }
    for recipient in &channel.recipients {
        faults.extend(mail::mailbox(recipient).err());
    }
}

fn five_minutes() -> Duration {
    Duration::from_mins(5)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn five() -> u32 {
    5
}

const fn thirty() -> u32 {
    30
}
