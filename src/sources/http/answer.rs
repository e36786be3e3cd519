//! What a request is answered.
//!
//! In: a request with its route's plan. Out: a status and a word why; 200 only after the source has told
//! that the disk has all. What it takes of memory is reserved before it is read; what takes long (secrets,
//! hashes, inflating) is done beside the connections' thread. Nothing of a secret is in a reply or a log.

use super::body::{self, Refusal};
use super::config::Plan;
use super::preset::Preset;
use super::proof::{self, Named};
use super::{Delivery, Route, Shared};
use crate::event::added::Added;
use crate::process::resolve_secret;
use crate::secret::Secret;
use crate::sources::supervise::lock;
use crate::telemetry::{counter, names};
use crate::{clock, limits};
use bytes::Bytes;
use crossbeam_channel::TrySendError;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A reply that is no 200.
#[derive(Debug, Clone, Copy)]
struct No(StatusCode, &'static str);

const BUSY: No = No(StatusCode::SERVICE_UNAVAILABLE, "busy, try again");
const TOO_LONG: No = No(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
const UNPROVEN: No = No(StatusCode::UNAUTHORIZED, "not proven who sent it, or when");

/// A part of the memory that all bodies may take together, given back when dropped.
#[derive(Debug)]
pub(super) struct Room {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Room {
    fn none(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), bytes: 0 }
    }

    /// Takes more; false where there is none left.
    fn take(&mut self, bytes: usize) -> bool {
        let before = self.shared.bodies.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        before + bytes <= limits::HTTP_BODIES_BYTES_MAX
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.bodies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The reply to a request.
pub(super) async fn answer(
    request: Request<Incoming>,
    sender: Option<IpAddr>,
    shared: Arc<Shared>,
) -> Response<Full<Bytes>> {
    match taken(request, sender, &shared).await {
        Ok(()) | Err(No(StatusCode::OK, _)) => {
            Response::new(Full::new(Bytes::from_static(b"ok\n")))
        }
        Err(no) => refusal(no),
    }
}

fn refusal(No(status, why): No) -> Response<Full<Bytes>> {
    counter(names::HTTP_REFUSED).add(1);
    let mut reply = Response::new(Full::new(Bytes::from(format!("{why}\n"))));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    // Whatever is left of the request is not read as another one.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(limits::HTTP_RETRY_AFTER_SECS));
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    reply
}

async fn taken(
    request: Request<Incoming>,
    sender: Option<IpAddr>,
    shared: &Arc<Shared>,
) -> Result<(), No> {
    let (head, incoming) = request.into_parts();
    let name = head.uri.path().strip_prefix("/intake/");
    let route = name.and_then(|name| lock(&shared.routes).get(name).cloned());
    let route = route.ok_or(No(StatusCode::NOT_FOUND, "no such place"))?;
    if head.method != Method::POST {
        return Err(No(StatusCode::METHOD_NOT_ALLOWED, "only POST"));
    }
    let headers = head.headers;
    // Two lengths are how one request is smuggled within another.
    if headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH)
    {
        return Err(No(StatusCode::BAD_REQUEST, "two lengths"));
    }
    let packed = match proof::one(&headers, header::CONTENT_ENCODING.as_str()) {
        None if !headers.contains_key(header::CONTENT_ENCODING) => false,
        Some(b"gzip" | b"x-gzip") => true,
        Some(b"identity") => false,
        _ => return Err(No(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only gzip")),
    };
    let (route, secret) = beside(move || {
        let secret = secret(&route)?;
        Ok((route, secret))
    })
    .await?;
    // Whose secret is in the head is known before anything of the body is taken.
    if let Some(secret) = &secret
        && route.plan.signature.is_none()
        && !proof::holds_secret(&route.plan, secret, &headers)
    {
        return Err(UNPROVEN);
    }
    let mut room = Room::none(shared);
    let limit = Duration::from_secs(limits::HTTP_BODY_SECS_MAX);
    let body = timeout(limit, whole(incoming, route.plan.body_bytes_max, &mut room));
    let body =
        body.await.map_err(|_| No(StatusCode::REQUEST_TIMEOUT, "the body is too slow"))??;
    let (saved, is_saved) = oneshot::channel();
    let made = beside(move || {
        let added = added(&route.plan, &headers, sender);
        let (id, body) = checked(&route.plan, secret.as_ref(), &headers, &body, packed)?;
        Ok((
            route,
            Delivery { id, records: body.records, count: body.count, added, saved, _room: room },
        ))
    });
    let (route, delivery) = made.await?;
    match route.say.try_send(delivery) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(BUSY),
    }
    let limit = Duration::from_secs(limits::HTTP_SAVED_SECS_MAX);
    // Where it takes longer, or comes to nothing, its sender tries again, and it is known then.
    match timeout(limit, is_saved).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(BUSY),
    }
}

/// Does what takes long, off the connections' thread.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, No> + Send + 'static,
) -> Result<T, No> {
    // It has died, or riposte stops.
    tokio::task::spawn_blocking(work).await.map_err(|_| BUSY)?
}

fn secret(route: &Route) -> Result<Option<Secret>, No> {
    let Some(reference) = &route.plan.secret else { return Ok(None) };
    match resolve_secret(reference) {
        // An empty secret is known to everybody.
        Ok(secret) if secret.reveal().trim().is_empty() => {
            route.teller.tell("its secret is empty: nothing is taken");
            Err(BUSY)
        }
        Ok(secret) => Ok(Some(secret)),
        Err(error) => {
            route.teller.tell(&format!("nothing is taken: {error}"));
            Err(BUSY)
        }
    }
}

/// The body, as it came.
async fn whole(mut incoming: Incoming, most: usize, room: &mut Room) -> Result<Bytes, No> {
    let said = incoming.size_hint();
    if said.lower() > most as u64 {
        return Err(TOO_LONG);
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|_| No(StatusCode::BAD_REQUEST, "the body broke off"))?;
        let Ok(part) = frame.into_data() else { continue };
        if body.len() + part.len() > most {
            return Err(TOO_LONG);
        }
        if !room.take(part.len()) {
            return Err(BUSY);
        }
        body.extend_from_slice(&part);
    }
    Ok(body.into())
}

/// What the delivery is, once its sender is proven.
fn checked(
    plan: &Plan,
    secret: Option<&Secret>,
    headers: &HeaderMap,
    body: &Bytes,
    packed: bool,
) -> Result<(proof::Id, body::Body), No> {
    // WooCommerce asks so, unsigned, whether somebody is there; it becomes nothing.
    let is_ping = plan.preset == Preset::Wordpress
        && body.strip_prefix(b"webhook_id=").is_some_and(|id| id.iter().all(u8::is_ascii_digit));
    if is_ping {
        return Err(No(StatusCode::OK, "ok"));
    }
    if let (Some(signature), Some(secret)) = (&plan.signature, secret) {
        let now = clock::now();
        proof::is_signed(plan, signature, secret, headers, body, now).map_err(|_| UNPROVEN)?;
    }
    let read = body::read(plan, body, packed).map_err(|refusal| match refusal {
        Refusal::TooLong => TOO_LONG,
        Refusal::Malformed(why) => No(StatusCode::BAD_REQUEST, why),
    })?;
    let hash = match proof::named(plan, headers) {
        Named::Id(id) => Sha256::new_with_prefix(b"id ").chain_update(id),
        Named::Body { time } => {
            let mut hash = read.hash.clone();
            if let Some(time) = time {
                hash.update(b" at ");
                hash.update(time);
            }
            hash
        }
    };
    Ok((proof::id_of(hash), read))
}

/// What is known of the records beside their bytes.
fn added(plan: &Plan, headers: &HeaderMap, sender: Option<IpAddr>) -> Added {
    let mut added = Added::new();
    // Of thousands of lines each would hold the same.
    if plan.preset == Preset::Logpush {
        return added;
    }
    for (field, header) in &plan.headers {
        if let Some(value) = proof::one(headers, header) {
            let value = value.get(..value.len().min(limits::HTTP_FIELD_BYTES_MAX));
            let text = String::from_utf8_lossy(value.unwrap_or_default());
            added.insert(field.clone(), text.into_owned().into());
        }
    }
    if let Some(sender) = sender {
        added.insert("sender".to_owned(), sender.to_string().into());
    }
    added
}
