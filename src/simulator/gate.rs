//! Who may do what, and how often: tokens with their permissions, and the limit on all calls of a
//! user.

use super::http::Request;
use super::reply::Reply;
use super::world::{TokenGrant, World};
use std::time::{Duration, Instant};

/// The window of the limit on all calls.
const WINDOW: Duration = Duration::from_mins(5);

/// Counts a request; `Some` refuses it because there were too many.
pub(super) fn count(world: &mut World, now: Instant) -> Option<Reply> {
    if let Some(until) = world.shut_until {
        let left = until.saturating_duration_since(now);
        if !left.is_zero() {
            return Some(too_many(left));
        }
        world.shut_until = None;
        world.recent.clear();
    }
    while world.recent.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
        world.recent.pop_front();
    }
    if world.recent.len() >= world.options.calls_in_five_minutes {
        world.shut_until = Some(now + world.options.shut_for);
        return Some(too_many(world.options.shut_for));
    }
    world.recent.push_back(now);
    None
}

/// The refusal of too many calls, as it reads since September 2025.
pub(super) fn too_many(left: Duration) -> Reply {
    Reply::refused(429, 971, "Please wait and consider throttling your request speed")
        .with("Retry-After", left.as_secs().max(1))
}

/// Counts changes of list items, where there is a limit on them.
pub(super) fn takes_items(world: &mut World, count: usize, now: Instant) -> bool {
    let Some(most) = world.options.items_in_five_minutes else { return true };
    world.changed.retain(|(at, _)| now.duration_since(*at) < WINDOW);
    let lately: usize = world.changed.iter().map(|(_, count)| count).sum();
    if lately + count > most {
        return false;
    }
    world.changed.push_back((now, count));
    true
}

/// The headers that tell a client how it stands.
pub(super) fn with_figures(world: &World, reply: Reply, now: Instant) -> Reply {
    let all = world.options.calls_in_five_minutes;
    let left = all.saturating_sub(world.recent.len());
    let oldest = world.recent.front().map_or(Duration::ZERO, |at| now.duration_since(*at));
    let reset = WINDOW.saturating_sub(oldest).as_secs();
    reply
        .with("Ratelimit", format!("\"default\";r={left};t={reset}"))
        .with("Ratelimit-Policy", format!("\"default\";q={all};w={}", WINDOW.as_secs()))
        .with("CF-Ray", format!("{:016x}-SIM", fastrand::u64(..)))
}

/// The token of a request.
pub(super) fn token<'w>(world: &'w World, request: &Request) -> Result<&'w TokenGrant, Reply> {
    // A global key goes with its user's mail address.
    if let (Some(key), Some(email)) = (request.header("x-auth-key"), request.header("x-auth-email"))
    {
        let known = world.options.tokens.iter().find(|grant| grant.token == key);
        let known = known.filter(|_| email == "simulated@example.com");
        return known
            .ok_or_else(|| Reply::refused(403, 9103, "Unknown X-Auth-Key or X-Auth-Email"));
    }
    let Some(sent) = request.header("authorization") else {
        return Err(Reply::refused(
            400,
            9106,
            "Missing X-Auth-Key, X-Auth-Email or Authorization headers",
        ));
    };
    let Some(sent) = sent.strip_prefix("Bearer ") else {
        return Err(Reply::refused(400, 6003, "Invalid request headers"));
    };
    let known = world.options.tokens.iter().find(|grant| grant.token == sent);
    known.ok_or_else(|| {
        if request.path.ends_with("/tokens/verify") {
            Reply::refused(401, 1000, "Invalid API Token")
        } else {
            Reply::refused(403, 9109, "Invalid access token")
        }
    })
}

/// Whether a token has a permission; `Edit` and `Write` hold `Read`.
pub(super) fn allowed(grant: &TokenGrant, permission: &str) -> bool {
    let Some(permissions) = &grant.permissions else { return true };
    let has = |name: &str| permissions.iter().any(|known| known == name);
    let stem = permission.trim_end_matches(" Read");
    has(permission)
        || (permission != stem && (has(&format!("{stem} Write")) || has(&format!("{stem} Edit"))))
}

/// What a token without the permission gets: the same words as a bad token's.
pub(super) fn forbidden() -> Reply {
    Reply::refused(403, 10_000, "Authentication error")
}
