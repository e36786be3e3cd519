//! What changes when one rule set takes the place of another? Both see the same events in the same
//! order; here their decisions are paired and the rules themselves compared.

mod pairing;
mod rules;

#[cfg(test)]
mod tests;

pub use pairing::{Change, ChangeKind, Changes, Pairing, RuleChanges, Side};
pub use rules::{RuleChange, RuleText, Texts, rule_changes};
