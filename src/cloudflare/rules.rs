//! Rules of zones as people write them, typed: what is wrong with one is told before anything is
//! sent, by the zone's plan, and what is right becomes the body that [`super::rulesets`] sends.
//!
//! In: a rule (from a file, a command, a body). Out: its faults, or its JSON. Each kind has the same
//! functions: `faults` and `body`.

mod cache;
mod custom;
mod expression;
mod managed;
mod rate;

pub use cache::{CacheRule, StatusTtl, Ttl, TtlMode};
pub use custom::{CustomAction, CustomRule, Response};
pub use expression::{faults as expression_faults, quoted};
pub use managed::{CategoryOverride, ManagedRule, RuleOverride, Sensitivity};
pub use rate::{RateAction, RateLimit};

use super::plans::Level;

/// What is on unless it is said to be off.
const fn yes() -> bool {
    true
}

/// A fault where the plan is known and hasn't got something.
fn not_on(level: Option<Level>, has: impl Fn(Level) -> bool, what: &str) -> Option<String> {
    let level = level.filter(|level| !has(*level))?;
    let least = Level::ALL.into_iter().find(|level| has(*level));
    let hint = least.map_or_else(String::new, |least| {
        format!("\nhint: it needs the plan `{}` or a greater one", least.name())
    });
    Some(format!("the plan `{}` has no {what}{hint}", level.name()))
}

/// What is wrong with a reference: nothing else may be found by it, so it must be there.
fn reference_fault(reference: &str) -> Option<String> {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (reference.is_empty() || reference.len() > 64 || !reference.bytes().all(right)).then(|| {
        format!(
            "`{}` is no reference\nhint: letters, digits, `_` and `-`, up to 64",
            reference.escape_debug()
        )
    })
}
