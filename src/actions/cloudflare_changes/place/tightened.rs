//! Rate limits of others, made stricter: never looser, and nothing that the plan doesn't have.

use crate::cloudflare::plans::Level;
use crate::cloudflare::rules::RateLimit;
use crate::decisions::ChangePlace;
use serde_json::{Value as Json, json};

/// A wish's fields, and what the API calls them.
const NAMES: [(&str, &str); 3] = [
    ("requests", "requests_per_period"),
    ("period_secs", "period"),
    ("timeout_secs", "mitigation_timeout"),
];

/// The limit that is there with what a claim wants of it.
pub(super) fn target(
    level: Option<Level>,
    place: &ChangePlace,
    before: &Json,
    value: &Json,
) -> Result<Json, String> {
    let mut rule = before.clone();
    let limit = rule.get_mut("ratelimit").and_then(Json::as_object_mut);
    let (Some(limit), Some(wanted)) = (limit, value.as_object()) else {
        return Err(format!(
            "there is no rate limit `{}`\nhint: `riposte cf ratelimit` lists them with their `ref`",
            place.name
        ));
    };
    for (ours, theirs) in NAMES {
        if let Some(value) = wanted.get(ours) {
            limit.insert(theirs.to_owned(), value.clone());
        }
    }
    let action = wanted.get("action").unwrap_or(&Json::Null);
    let changes = !action.is_null() && before.get("action") != Some(action);
    let challenges = strength(if changes { action } else { &Json::Null }) == Some(1);
    if challenges && !wanted.contains_key("timeout_secs") {
        // Who passes a challenge is let through.
        limit.insert("mitigation_timeout".to_owned(), json!(0));
    }
    if let (true, Some(fields)) = (changes, rule.as_object_mut()) {
        fields.insert("action".to_owned(), action.clone());
        // They are about the action that was there.
        fields.remove("action_parameters");
    }
    let looser = looser(before, &rule);
    let known = faults(before, level).unwrap_or_default();
    let faults = faults(&rule, level)?.into_iter().filter(|fault| !known.contains(fault));
    let wrong: Vec<String> = looser.into_iter().chain(faults).collect();
    if wrong.is_empty() { Ok(rule) } else { Err(wrong.join("; ")) }
}

fn number(rule: &Json, name: &str) -> Option<u64> {
    rule.get("ratelimit")?.get(name)?.as_u64()
}

/// How much an action keeps out; a challenge is as good as another.
fn strength(action: &Json) -> Option<u8> {
    match action.as_str()? {
        "log" => Some(0),
        "managed_challenge" | "js_challenge" | "challenge" => Some(1),
        "block" => Some(2),
        _ => None,
    }
}

/// In which way it would let more through than what is there.
fn looser(before: &Json, rule: &Json) -> Option<String> {
    let action = |rule: &Json| rule.get("action").cloned().unwrap_or_default();
    let (was, is) = (action(before), action(rule));
    if was != is && strength(&was).is_none_or(|was| strength(&is).is_none_or(|is| is < was)) {
        return Some(format!("its action {was} can't be tightened to {is}"));
    }
    let rate = |rule: &Json| Some((number(rule, "requests_per_period")?, number(rule, "period")?));
    let (Some((requests, period)), Some((now_requests, now_period))) = (rate(before), rate(rule))
    else {
        return Some("it limits no number of requests in a period".to_owned());
    };
    if u128::from(now_requests) * u128::from(period) > u128::from(requests) * u128::from(now_period)
    {
        return Some(format!(
            "{now_requests} requests in {now_period} s are more than the {requests} in {period} s that it lets through"
        ));
    }
    let timeout = |rule: &Json| number(rule, "mitigation_timeout").unwrap_or_default();
    // A challenge has none: who has passed one would otherwise be kept out.
    let shorter = strength(&is) != Some(1) && timeout(rule) < timeout(before);
    shorter.then(|| {
        format!(
            "its time-out of {} s is shorter than the {} s that are there",
            timeout(rule),
            timeout(before)
        )
    })
}

/// What the plan or the API has against it; whom it is about is theirs, and isn't judged.
fn faults(rule: &Json, level: Option<Level>) -> Result<Vec<String>, String> {
    let number = |name: &str| number(rule, name).unwrap_or_default();
    let limit: RateLimit = serde_json::from_value(json!({
        "ref": "theirs", "expression": "true", "action": rule.get("action"),
        "requests": number("requests_per_period"), "period_secs": number("period"),
        "timeout_secs": number("mitigation_timeout"),
    }))
    .map_err(|error| error.to_string())?;
    Ok(limit.faults(level))
}
