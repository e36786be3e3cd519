//! Telling an address of the config by HTTP POST: JSON, signed, with an idempotency key.
//!
//! In: an effect. Out: one request an attempt, and what its answer means for the next. The payload
//! is an object with `id`, `type`, `rule`, `key` and `time`; a webhook's own fields stand beside
//! them and can't replace them. `Riposte-Signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of
//! `SECONDS.BODY` under the secret, `Idempotency-Key` the action's id, the same at every attempt.

use super::config::{Destination, WebhookConfig};
use super::effect_worker::{Attempt, Call, Effector};
use super::message::neutralise;
use crate::clock::{self, Timestamp};
use crate::decisions::Effect;
use crate::http_client::{HttpClient, HttpError, Reply, Request};
use crate::limits::REPLY_BYTES_MAX;
use crate::process::{resolve_secret, secret_refused};
use crate::secret::{Secret, SecretError, SecretRef};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use std::fmt::Write as _;
use std::time::Duration;

/// How long a secret that was refused has to be read again before the next attempt.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);

/// One webhook of the config.
#[derive(Debug)]
pub(super) struct Webhook {
    config: WebhookConfig,
    /// Built when first needed: reading the root certificates takes time and memory. And whether it
    /// is one for what goes in the clear.
    client: Option<(bool, HttpClient)>,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig) -> Self {
        Self { config: config.clone(), client: None }
    }

    /// The address.
    fn url(&self) -> Result<Secret, Attempt> {
        match &self.config.url {
            Destination::Url(url) => Ok(Secret::new(url.clone())),
            Destination::Secret(reference) => {
                let url = resolve_secret(reference).map_err(waits)?;
                super::config::check_url(url.reveal()).map_err(Attempt::Failed)?;
                Ok(url)
            }
        }
    }

    fn request(&self, call: &Call<'_>, now: Timestamp) -> Result<Request, Attempt> {
        let body = payload(call).map_err(Attempt::Failed)?;
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Idempotency-Key".to_owned(), call.id.to_string()),
        ];
        if let Some(reference) = &self.config.secret {
            let secret = resolve_secret(reference).map_err(waits)?;
            let signature = signature(&secret, now, &body).map_err(Attempt::Failed)?;
            headers.push(("Riposte-Signature".to_owned(), signature));
        }
        if let Some(reference) = &self.config.authorization {
            let value = resolve_secret(reference).map_err(waits)?;
            headers.push(("Authorization".to_owned(), value.reveal().to_owned()));
        }
        Ok(Request {
            method: reqwest::Method::POST,
            url: self.url()?.reveal().to_owned(),
            headers,
            body,
            time_limit: self.config.timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        })
    }

    /// The references that a request needs.
    fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let url = match &self.config.url {
            Destination::Secret(reference) => Some(reference),
            Destination::Url(_) => None,
        };
        [url, self.config.secret.as_ref(), self.config.authorization.as_ref()].into_iter().flatten()
    }

    /// The other side refuses us: a secret may have been rotated since it was read. Whether trying
    /// again may help.
    fn refused(&self) -> bool {
        let mut may_help = false;
        // What is on this machine was read just now.
        for reference in self.secrets().filter(|reference| !reference.is_at_hand()) {
            if let Ok(value) = resolve_secret(reference) {
                secret_refused(reference, &value);
                may_help = true;
            }
        }
        may_help
    }

    fn send(&mut self, request: &Request) -> Result<Reply, HttpError> {
        let clear = request.url.starts_with("http://");
        let client = match self.client.take() {
            Some((is_clear, client)) if is_clear == clear => client,
            _ => HttpClient::towards(&request.url)?,
        };
        self.client.insert((clear, client)).1.call(request)
    }
}

/// It waits for a secret.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn waits(error: SecretError) -> Attempt {
    Attempt::Wait(error.to_string())
}

/// The signature's header value.
fn signature(secret: &Secret, now: Timestamp, body: &[u8]) -> Result<String, String> {
    let seconds = now.as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .map_err(|error| format!("the secret is no key: {error}"))?;
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    let mut text = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
    }
    Ok(text)
}

fn payload(call: &Call<'_>) -> Result<Vec<u8>, String> {
    let mut object = Map::new();
    let kind = match call.effect {
        Effect::Webhook { fields, .. } => {
            object.extend(fields.clone());
            "webhook"
        }
        Effect::Notify { channel, message } => {
            object.insert("channel".to_owned(), Value::from(channel.as_str()));
            object.insert("message".to_owned(), Value::from(neutralise(message)));
            "notify"
        }
        Effect::Exec { .. } | Effect::Log { .. } | Effect::Cloudflare(_) => {
            return Err("a webhook carries messages and fields alone".to_owned());
        }
    };
    for (name, value) in [
        ("id", call.id.to_string()),
        ("type", kind.to_owned()),
        ("rule", call.rule.to_string()),
        ("key", call.key.to_owned()),
        ("time", call.time.to_string()),
    ] {
        object.insert(name.to_owned(), Value::from(value));
    }
    serde_json::to_vec(&Value::Object(object)).map_err(|error| error.to_string())
}

/// What an answer means. 2xx: done. 408, 425, 429 and 5xx: again, when the other side says. The
/// rest would be answered the same again.
fn judge(reply: &Reply) -> Attempt {
    let reason = format!("answered {}", reply.status);
    match reply.status {
        200..=299 => Attempt::Done,
        300..=399 => Attempt::Failed(format!(
            "{reason}\nhint: redirects are not followed; write the final address into `url`"
        )),
        408 | 425 | 429 | 500..=599 => Attempt::Retry {
            reason,
            after: reply.retry_after,
            // A gateway's failure says nothing of what stands behind it.
            may_have_arrived: matches!(reply.status, 502 | 504),
        },
        _ => Attempt::Failed(reason),
    }
}

impl Effector for Webhook {
    fn perform(&mut self, call: &Call<'_>) -> Attempt {
        let request = match self.request(call, clock::now()) {
            Ok(request) => request,
            Err(attempt) => return attempt,
        };
        match self.send(&request) {
            Ok(reply) if matches!(reply.status, 401 | 403) && self.refused() => Attempt::Retry {
                reason: format!("answered {}", reply.status),
                after: Some(REFUSED_PAUSE),
                may_have_arrived: false,
            },
            Ok(reply) => judge(&reply),
            Err(error @ HttpError::Malformed { .. }) => Attempt::Failed(error.to_string()),
            Err(error) => Attempt::Retry {
                may_have_arrived: error.may_have_arrived(),
                reason: error.to_string(),
                after: None,
            },
        }
    }

    fn ready(&mut self, _call: &Call<'_>) -> Result<(), Attempt> {
        // Those at hand too: a file that is missing would use up the pace, try by try.
        self.secrets().try_for_each(|reference| resolve_secret(reference).map(drop).map_err(waits))
    }

    fn rehearse(&mut self, call: &Call<'_>) -> Result<String, String> {
        let body = payload(call)?;
        let mut text = format!(
            "POST {}\nContent-Type: application/json\nIdempotency-Key: {}\n",
            self.config.url, call.id
        );
        if self.config.secret.is_some() {
            text.push_str("Riposte-Signature: t=…,v1=…\n");
        }
        if self.config.authorization.is_some() {
            text.push_str("Authorization: [secret]\n");
        }
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&body));
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
