//! Telling people: a rule's `notify` by e-mail, chat, push or pager.
//!
//! In: a message and the config of its channel. Out: one request or mail, or a summary of what was held
//! ([`groups`]). What a client wrote is words in it, whatever the service makes of signs. A held message
//! keeps its row in the outbox until its summary is sent, and is handed in again at the next start.

mod groups;
pub(in crate::actions) mod mail;
mod services;
mod template;
mod text;

pub(in crate::actions) use template::Template;

use super::config::{ChannelConfig, Destination, Service};
use super::effect_worker::{Attempt, Call, Effector};
use super::message::neutralise;
use crate::clock::{Timestamp, format_duration};
use crate::decisions::{ActionId, Effect};
use crate::http_client::{HttpClient, HttpError, Reply, Request};
use crate::limits::{MESSAGE_RULES_NAMED_MAX, MESSAGES_HELD_MAX, RETRY_AFTER_SECS_MAX};
use crate::process::{resolve_secret, secret_refused};
use crate::secret::{Secret, SecretError, SecretRef};
use groups::{Groups, Held, Note, Summary, Turn};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use template::Values;

/// How long a secret that was refused has to be read again before the next attempt.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// A summary that failed is tried again after this, and later after longer.
const SUMMARY_PAUSE: Duration = Duration::from_secs(5);

/// What a service is to tell.
#[derive(Debug, Clone)]
struct Message {
    /// The same at each attempt.
    id: ActionId,
    /// Messages of the same group are one incident to who knows incidents.
    group: String,
    /// A line.
    title: String,
    text: String,
    time: Timestamp,
    /// This machine.
    host: Arc<str>,
    /// How many messages it stands for.
    count: u64,
}

/// A summary on its way.
struct OnItsWay {
    summary: Summary,
    tries: u32,
    next: Instant,
}

/// One channel to a service.
pub(super) struct Messenger {
    config: ChannelConfig,
    service: Service,
    template: Template,
    host: Arc<str>,
    /// Built when first needed: reading the root certificates takes time and memory.
    client: Option<HttpClient>,
    groups: Groups,
    on_its_way: Option<OnItsWay>,
}

impl Messenger {
    pub(super) fn new(config: &ChannelConfig, service: Service) -> Self {
        // A template that can't be read is a fault of the config, which was told when it was read.
        let template = config.template.as_deref().map(Template::parse);
        Self {
            config: config.clone(),
            service,
            template: template.and_then(Result::ok).unwrap_or_else(Template::plain),
            host: rustix::system::uname().nodename().to_string_lossy().into(),
            client: None,
            groups: Groups::new(config.group, config.per_hour),
            on_its_way: None,
        }
    }

    /// The message of a call, as a line.
    fn note(&self, call: &Call<'_>) -> Result<Note, String> {
        let Effect::Notify { channel, message } = call.effect else {
            return Err("a channel carries messages alone".to_owned());
        };
        let (message, key) = (neutralise(message), neutralise(call.key));
        let text = self.template.fill(Values {
            rule: call.rule,
            key: &key,
            message: &message,
            time: &call.time.to_string(),
            host: &self.host,
            channel,
        });
        Ok(Note { id: call.id, rule: Arc::clone(call.rule), time: call.time, text })
    }

    fn single(&self, note: &Note) -> Message {
        Message {
            id: note.id,
            group: self.group(&note.rule),
            title: format!("riposte on {}: {}", self.host, note.rule),
            text: note.text.clone(),
            time: note.time,
            host: Arc::clone(&self.host),
            count: 1,
        }
    }

    fn group(&self, rule: &str) -> String {
        format!("riposte/{}/{rule}", self.host)
    }

    /// What was held, in one message. Nothing of it where nothing is held.
    fn summed(&self, summary: &Summary) -> Option<Message> {
        let (id, last) = (*summary.ids.first()?, summary.of.iter().map(|held| held.last).max()?);
        let count = summary.of.iter().map(|held| held.count).sum();
        let (group, title, text) = match summary.of.as_slice() {
            [held] => (
                self.group(&held.rule),
                format!("riposte on {}: {}, {count} more", self.host, held.rule),
                of_one(held),
            ),
            all => (
                self.group("several rules"),
                format!("riposte on {}: {count} more messages of {} rules", self.host, all.len()),
                of_several(all),
            ),
        };
        Some(Message { id, group, title, text, time: last, host: Arc::clone(&self.host), count })
    }

    /// One attempt.
    fn send(&mut self, message: &Message) -> Attempt {
        if self.service == Service::Email {
            return mail::send(&self.config, message);
        }
        let token = match self.config.token.as_ref().map(resolve_secret).transpose() {
            Ok(token) => token,
            Err(error) => return waits(error),
        };
        let shown = token.as_ref().map_or("", Secret::reveal);
        let url = match self.url() {
            Ok(url) => url,
            Err(attempt) => return attempt,
        };
        let outgoing = services::outgoing(&self.config, self.service, shown, message);
        let request = services::request(&self.config, url.reveal(), &outgoing);
        match self.call(&request) {
            Ok(reply) if matches!(reply.status, 401 | 403) && self.refused() => Attempt::Retry {
                reason: format!("answered {}", reply.status),
                after: Some(REFUSED_PAUSE),
                may_have_arrived: false,
            },
            Ok(reply) => services::judge(&reply),
            Err(error @ (HttpError::Malformed { .. } | HttpError::SetUp { .. })) => {
                Attempt::Failed(error.to_string())
            }
            Err(error) => Attempt::Retry {
                may_have_arrived: error.may_have_arrived(),
                reason: error.to_string(),
                after: None,
            },
        }
    }

    fn url(&self) -> Result<Secret, Attempt> {
        match &self.config.url {
            Some(Destination::Url(url)) => Ok(Secret::new(url.clone())),
            Some(Destination::Secret(reference)) => {
                let url = resolve_secret(reference).map_err(waits)?;
                super::config::check_url(url.reveal()).map_err(Attempt::Failed)?;
                Ok(url)
            }
            None => match self.service.default_url() {
                Some(url) => Ok(Secret::new(url.to_owned())),
                None => Err(Attempt::Failed("there is no `url`".to_owned())),
            },
        }
    }

    fn call(&mut self, request: &Request) -> Result<Reply, HttpError> {
        if self.client.is_none() {
            let set_up = |reason: String| HttpError::SetUp { reason };
            self.client = Some(match &self.config.ca_file {
                Some(path) => {
                    let pem = std::fs::read(path)
                        .map_err(|error| set_up(format!("`{}`: {error}", path.display())))?;
                    HttpClient::trusting(&pem)?
                }
                None => HttpClient::towards(&request.url)?,
            });
        }
        match &self.client {
            Some(client) => client.call(request),
            None => HttpClient::new()?.call(request),
        }
    }

    /// The service refuses us: a secret may have been rotated since it was read. Whether trying
    /// again may help.
    fn refused(&self) -> bool {
        let elsewhere = |reference: &&SecretRef| !reference.is_at_hand();
        let mut may_help = false;
        for reference in self.config.secrets().filter(elsewhere) {
            if let Ok(value) = resolve_secret(reference) {
                secret_refused(reference, &value);
                may_help = true;
            }
        }
        may_help
    }

    /// Sends the summary that is due, or tries it again; how its messages ended, if it is over.
    fn summary(&mut self, now: Instant) -> Option<(Vec<ActionId>, Attempt)> {
        let mut on_its_way = match self.on_its_way.take() {
            Some(on_its_way) => on_its_way,
            None => OnItsWay { summary: self.groups.due(now)?, tries: 0, next: now },
        };
        if on_its_way.next > now {
            self.on_its_way = Some(on_its_way);
            return None;
        }
        let message = self.summed(&on_its_way.summary);
        let attempt = message.map_or(Attempt::Done, |message| self.send(&message));
        on_its_way.tries += 1;
        let pause = match &attempt {
            Attempt::Wait(_) => {
                on_its_way.tries -= 1;
                Some(SUMMARY_PAUSE)
            }
            Attempt::Retry { after, .. } if on_its_way.tries < self.config.attempts => {
                let most = Duration::from_secs(RETRY_AFTER_SECS_MAX);
                Some(after.unwrap_or(SUMMARY_PAUSE * on_its_way.tries).min(most))
            }
            _ => None,
        };
        if let Some(pause) = pause {
            tracing::warn!(channel = self.config.name, ?attempt, "a summary waits");
            on_its_way.next = now + pause;
            self.on_its_way = Some(on_its_way);
            return None;
        }
        Some((on_its_way.summary.ids, attempt))
    }
}

/// It waits for a secret.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn waits(error: SecretError) -> Attempt {
    Attempt::Wait(error.to_string())
}

/// The text of a summary of one rule.
fn of_one(held: &Held) -> String {
    let mut text = held.quotes.join("\n");
    let quoted = held.quotes.len() as u64;
    if held.count > quoted {
        // Writing to a String can't fail.
        write!(text, "\n… and {} more", held.count - quoted).ok();
    }
    write!(
        text,
        "\n{} within {}, {} in all",
        held.count,
        format_duration(held.last.since(held.first)),
        held.told + held.count
    )
    .ok();
    text
}

/// The text of a summary of several: the rules with most messages first.
fn of_several(all: &[Held]) -> String {
    let mut sorted: Vec<&Held> = all.iter().collect();
    sorted.sort_by(|left, right| (right.count, &left.rule).cmp(&(left.count, &right.rule)));
    let mut lines: Vec<String> = sorted
        .iter()
        .take(MESSAGE_RULES_NAMED_MAX)
        .map(|held| {
            let quote = held.quotes.first().map_or("", String::as_str);
            format!("{}: {}, as in: {quote}", held.rule, held.count)
        })
        .collect();
    if all.len() > MESSAGE_RULES_NAMED_MAX {
        lines.push(format!("… and {} more rules", all.len() - MESSAGE_RULES_NAMED_MAX));
    }
    lines.join("\n")
}

impl Effector for Messenger {
    fn perform(&mut self, call: &Call<'_>) -> Attempt {
        let note = match self.note(call) {
            Ok(note) => note,
            Err(reason) => return Attempt::Failed(reason),
        };
        match self.groups.take(&note, Instant::now()) {
            Turn::Held => Attempt::Pending,
            Turn::Counted => Attempt::Failed(format!(
                "more than {MESSAGES_HELD_MAX} messages wait: it is counted in the summary, no more"
            )),
            Turn::Now => {
                let attempt = self.send(&self.single(&note));
                if attempt == Attempt::Done {
                    self.groups.sent(&note.rule, Instant::now());
                }
                attempt
            }
        }
    }

    fn ready(&mut self, _call: &Call<'_>) -> Result<(), Attempt> {
        self.config.secrets().try_for_each(|one| resolve_secret(one).map(drop).map_err(waits))
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Result<String, String> {
        let note = self.note(call)?;
        let message = self.single(&note);
        if self.service == Service::Email {
            return mail::rehearse(&self.config, &message);
        }
        let outgoing = services::outgoing(&self.config, self.service, "[secret]", &message);
        let url = self.config.url.as_ref().map(ToString::to_string);
        let url = url.or_else(|| self.service.default_url().map(str::to_owned));
        let mut text =
            format!("{} {}{}\n", outgoing.method, url.unwrap_or_default(), outgoing.path);
        if let Some((name, _)) = outgoing.header {
            // Writing to a String can't fail.
            writeln!(text, "{name}: [secret]").ok();
        }
        text.push('\n');
        text.push_str(&outgoing.body.to_string());
        Ok(text)
    }

    fn waits(&self) -> bool {
        self.on_its_way.is_some() || self.groups.holds()
    }

    fn later(&mut self) -> Vec<(ActionId, Attempt)> {
        let Some((ids, attempt)) = self.summary(Instant::now()) else { return Vec::new() };
        ids.into_iter().map(|id| (id, attempt.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
