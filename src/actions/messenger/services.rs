//! What each service that is spoken to over HTTP is sent, and what its answers mean. Pure.
//!
//! Sources, all read in November 2026: Slack "Sending messages using incoming webhooks"; Discord webhook
//! resource, "Execute Webhook"; Telegram Bot API, `sendMessage`; Matrix client-server API v1.11, "Sending
//! events to a room"; Microsoft "Send adaptive cards using an incoming webhook"; ntfy "Publish as JSON";
//! Gotify API, `POST /message`; `PagerDuty` Events API v2; Opsgenie Alert API, "Create Alert".

use super::Message;
use super::text::{cut, cut_bytes, discord, shown, slack};
use crate::actions::config::{ChannelConfig, Priority, Service};
use crate::actions::effect_worker::Attempt;
use crate::http_client::{Method, Reply, Request, encoded};
use crate::limits;
use serde_json::{Value, json};
use std::time::Duration;

/// What is sent, but for what the channel's config says of all requests.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outgoing {
    pub method: Method,
    /// Behind the service's address. Telegram's holds the token.
    pub path: String,
    /// The header that carries the token.
    pub header: Option<(&'static str, String)>,
    pub body: Value,
}

/// The request that tells a message; the token is as it will be sent, or a mark in its stead.
pub(super) fn outgoing(
    channel: &ChannelConfig,
    service: Service,
    token: &str,
    message: &Message,
) -> Outgoing {
    let post = |path: &str, body: Value| Outgoing {
        method: Method::POST,
        path: path.to_owned(),
        header: None,
        body,
    };
    let recipient = channel.recipients.first().map_or("", String::as_str);
    match service {
        // Mail is no request; nobody asks for one.
        Service::Email => post("", Value::Null),
        Service::Slack => post("", slack_body(message)),
        Service::Discord => post("", discord_body(message)),
        Service::Teams => post("", teams_body(message)),
        Service::Telegram => {
            post(&format!("/bot{token}/sendMessage"), telegram_body(recipient, message))
        }
        Service::Matrix => Outgoing {
            method: Method::PUT,
            path: format!(
                "/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
                encoded(recipient),
                encoded(&message.id.to_string())
            ),
            header: Some(("Authorization", format!("Bearer {token}"))),
            body: matrix_body(message),
        },
        Service::Ntfy => Outgoing {
            header: channel.token.is_some().then(|| ("Authorization", format!("Bearer {token}"))),
            ..post("", ntfy_body(recipient, channel.priority, message))
        },
        Service::Gotify => Outgoing {
            header: Some(("X-Gotify-Key", token.to_owned())),
            ..post("/message", gotify_body(channel.priority, message))
        },
        Service::PagerDuty => post("/v2/enqueue", pagerduty_body(token, channel.priority, message)),
        Service::Opsgenie => Outgoing {
            header: Some(("Authorization", format!("GenieKey {token}"))),
            ..post("/v2/alerts", opsgenie_body(channel.priority, message))
        },
    }
}

/// Title and text in one, for services that know no title.
fn whole(message: &Message) -> String {
    format!("{}\n{}", message.title, message.text)
}

/// Nothing in it is formatted, linked, mentioned or shown as a preview.
fn slack_body(message: &Message) -> Value {
    json!({
        "text": slack(&cut(&whole(message), limits::SLACK_TEXT_CHARS_MAX)),
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn discord_body(message: &Message) -> Value {
    // A sign may be cut from its escape: a lone one at the end is the mark's.
    let text = cut(&discord(&whole(message)), limits::DISCORD_TEXT_CHARS_MAX);
    // Flag 4 is SUPPRESS_EMBEDS.
    json!({ "content": text, "allowed_mentions": { "parse": [] }, "flags": 4 })
}

/// Without `parse_mode` a text is shown as it is.
fn telegram_body(chat: &str, message: &Message) -> Value {
    json!({
        "chat_id": chat,
        "text": cut(&whole(message), limits::TELEGRAM_TEXT_CHARS_MAX),
        "link_preview_options": { "is_disabled": true },
    })
}

fn matrix_body(message: &Message) -> Value {
    let text = cut(&whole(message), limits::MATRIX_TEXT_CHARS_MAX);
    // With `m.mentions` there, nothing in the text is one.
    json!({ "msgtype": "m.text", "body": text, "m.mentions": {} })
}

/// A `RichTextBlock` shows its runs as they are; a `TextBlock` would read Markdown.
fn teams_body(message: &Message) -> Value {
    let run = |text: &str, strong: bool| {
        let weight = if strong { "Bolder" } else { "Default" };
        json!({ "type": "TextRun", "text": text, "weight": weight })
    };
    let block =
        |text: &str, strong| json!({ "type": "RichTextBlock", "inlines": [run(text, strong)] });
    let text = cut(&message.text, limits::TEAMS_TEXT_CHARS_MAX);
    let lines = text.lines().map(|line| block(line, false));
    let body: Vec<Value> = std::iter::once(block(&message.title, true)).chain(lines).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
}

fn ntfy_body(topic: &str, priority: Priority, message: &Message) -> Value {
    // 3 is the default, 5 makes a phone ring until somebody looks.
    let level = match priority {
        Priority::Low => 2,
        Priority::Normal => 3,
        Priority::High => 4,
        Priority::Urgent => 5,
    };
    json!({
        "topic": topic,
        "title": message.title,
        "message": cut_bytes(&message.text, limits::NTFY_TEXT_BYTES_MAX),
        "priority": level,
    })
}

fn gotify_body(priority: Priority, message: &Message) -> Value {
    // From 4 on Android makes a sound, from 8 on it stays on top.
    let level = match priority {
        Priority::Low => 1,
        Priority::Normal => 4,
        Priority::High => 7,
        Priority::Urgent => 10,
    };
    json!({
        "title": message.title,
        "message": cut(&message.text, limits::GOTIFY_TEXT_CHARS_MAX),
        "priority": level,
        "extras": { "client::display": { "contentType": "text/plain" } },
    })
}

/// All messages of a rule on this machine are one incident, until somebody resolves it.
fn pagerduty_body(token: &str, priority: Priority, message: &Message) -> Value {
    let severity = match priority {
        Priority::Low => "info",
        Priority::Normal => "warning",
        Priority::High => "error",
        Priority::Urgent => "critical",
    };
    let summary = format!("{}: {}", message.title, message.text.lines().next().unwrap_or_default());
    json!({
        "routing_key": token,
        "event_action": "trigger",
        "dedup_key": cut(&message.group, limits::PAGERDUTY_KEY_CHARS_MAX),
        "payload": {
            "summary": cut(&summary, limits::PAGERDUTY_SUMMARY_CHARS_MAX),
            "source": &*message.host,
            "severity": severity,
            "timestamp": message.time.to_string(),
            "component": "riposte",
            "custom_details": { "text": message.text, "count": message.count },
        },
    })
}

/// All messages of a rule on this machine are one alert, until somebody closes it.
fn opsgenie_body(priority: Priority, message: &Message) -> Value {
    let level = match priority {
        Priority::Low => "P5",
        Priority::Normal => "P3",
        Priority::High => "P2",
        Priority::Urgent => "P1",
    };
    json!({
        "message": cut(&message.title, limits::OPSGENIE_MESSAGE_CHARS_MAX),
        "alias": cut(&message.group, limits::OPSGENIE_ALIAS_CHARS_MAX),
        "description": cut(&message.text, limits::OPSGENIE_TEXT_CHARS_MAX),
        "source": &*message.host,
        "priority": level,
        "details": { "count": message.count.to_string() },
    })
}

/// The request as it goes out.
pub(super) fn request(channel: &ChannelConfig, url: &str, outgoing: &Outgoing) -> Request {
    let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    if let Some((name, value)) = &outgoing.header {
        headers.push(((*name).to_owned(), value.clone()));
    }
    Request {
        method: outgoing.method.clone(),
        url: format!("{}{}", url.trim_end_matches('/'), outgoing.path),
        headers,
        // A value of JSON always serialises.
        body: serde_json::to_vec(&outgoing.body).unwrap_or_default(),
        time_limit: channel.timeout,
        reply_bytes_max: limits::REPLY_BYTES_MAX,
    }
}

/// What an answer means: 2xx is done; what may pass is tried again, when the service says.
pub(super) fn judge(reply: &Reply) -> Attempt {
    let words = shown(&String::from_utf8_lossy(&reply.body));
    let reason = match words.as_str() {
        "" => format!("answered {}", reply.status),
        words => format!("answered {}: {words}", reply.status),
    };
    match reply.status {
        200..=299 => Attempt::Done,
        300..=399 => Attempt::Failed(format!(
            "{reason}\nhint: redirects are not followed; write the final address into `url`"
        )),
        408 | 425 | 429 | 500..=599 => Attempt::Retry {
            reason,
            after: reply.retry_after.or_else(|| pause(&reply.body)),
            // A gateway's failure says nothing of what stands behind it.
            may_have_arrived: matches!(reply.status, 502 | 504),
        },
        _ => Attempt::Failed(reason),
    }
}

/// The pause that the body of an answer asks for: Discord's `retry_after` (seconds), Telegram's
/// `parameters.retry_after` (seconds), Matrix's `retry_after_ms`.
fn pause(body: &[u8]) -> Option<Duration> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let seconds = answer.get("retry_after").or_else(|| answer.pointer("/parameters/retry_after"));
    let seconds = seconds.and_then(Value::as_f64);
    let millis = || Some(answer.get("retry_after_ms")?.as_f64()? / 1_000.0);
    Duration::try_from_secs_f64(seconds.or_else(millis)?).ok()
}

#[cfg(test)]
#[path = "services_tests.rs"]
mod tests;
