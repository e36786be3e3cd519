//! What is there against what is wanted: pure, so that the same comparison makes the plan, and says
//! after a lost reply whether the change was made.
//!
//! In: a ruleset as it was read, and the file's rules. Out: what would change, and the whole ruleset
//! as it is to be sent, others' rules as they came.

use crate::cloudflare::rulesets::{Rule, Ruleset};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What would happen to one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is made.
    Add,
    /// It is changed.
    Change,
    /// It was made by others, and is taken over.
    Adopt,
    /// It is removed: the file made it once, and no longer names it.
    Remove,
    /// It stays, at another place among those of the file.
    Move,
    /// It was made by others and is in the way; nothing is done.
    Foreign,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// `settings`, `bots`, `waf`, …
    pub part: &'static str,
    /// What would happen.
    pub what: What,
    /// Its name.
    pub name: String,
    /// What it is; `null` for nothing.
    pub from: Value,
    /// What it is to be; `null` for nothing.
    pub to: Value,
}

/// What would become of a phase.
#[derive(Debug, Clone, PartialEq)]
pub struct PhasePlan {
    /// The phase.
    pub phase: &'static str,
    /// The ruleset that is there: its id and version.
    pub before: Option<(String, String)>,
    /// All rules as they are to be.
    pub rules: Vec<Value>,
    /// What would change.
    pub changes: Vec<Change>,
}

/// The reference of a file's rule at Cloudflare: by it we know what we made.
pub fn marked(mark: &str, reference: &str) -> String {
    format!("riposte_{mark}_{reference}")
}

fn text<'v>(rule: &'v Value, name: &str) -> &'v str {
    rule.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A rule of others that does what a wanted one does, or has its name.
fn in_the_way<'r>(present: &'r Ruleset, prefix: &str, wanted: &Value) -> Option<&'r Rule> {
    present.rules.iter().find(|rule| {
        !rule.reference.starts_with(prefix)
            && (rule.reference == text(wanted, "ref")
                || (rule.action == text(wanted, "action")
                    && rule.expression == text(wanted, "expression")
                    // Many rules may say `true`; then the ruleset that is run tells.
                    && parameter_id(&json!(rule)) == parameter_id(wanted)))
    })
}

fn parameter_id(rule: &Value) -> Option<&Value> {
    rule.pointer("/action_parameters/id")
}

/// Compares a phase with the file's rules for it.
pub fn phase(
    (phase, part): (&'static str, &'static str),
    present: Option<&Ruleset>,
    wanted: &[Value],
    mark: &str,
    adopt: bool,
) -> PhasePlan {
    let prefix = marked(mark, "");
    let mut changes = Vec::new();
    let mut change = |what: What, name: &str, from: Value, to: Value| {
        changes.push(Change { part, what, name: name.to_owned(), from, to });
    };
    let mut ours: VecDeque<Value> = VecDeque::new();
    // Ids of rules that are there and are, or become, the file's.
    let mut held: Vec<&str> = Vec::new();
    for wanted in wanted {
        let name = text(wanted, "ref");
        let mut body = wanted.clone();
        let reference = marked(mark, name);
        set(&mut body, "ref", json!(reference));
        let known = present.and_then(|present| present.rule(&reference));
        let other = present.and_then(|present| in_the_way(present, &prefix, wanted));
        match (known, other) {
            (Some(rule), _) => {
                if !rule.does(&body) {
                    change(What::Change, name, shown(rule), wanted.clone());
                }
                set(&mut body, "id", json!(rule.id));
                held.push(&rule.id);
                // What does the same goes back as it came, with what others added to it.
                ours.push_back(if rule.does(&body) { rule.kept() } else { body });
            }
            (None, Some(rule)) if adopt && !held.contains(&rule.id.as_str()) => {
                change(What::Adopt, name, shown(rule), wanted.clone());
                set(&mut body, "id", json!(rule.id));
                held.push(&rule.id);
                ours.push_back(body);
            }
            (None, Some(rule)) if !adopt => {
                change(What::Foreign, name, shown(rule), wanted.clone());
            }
            (None, _) => {
                change(What::Add, name, Value::Null, wanted.clone());
                ours.push_back(body);
            }
        }
    }
    let there: &[Rule] = present.map_or(&[], |present| &present.rules);
    let is_ours =
        |rule: &Rule| rule.reference.starts_with(&prefix) || held.contains(&rule.id.as_str());
    for rule in there.iter().filter(|rule| is_ours(rule) && !held.contains(&rule.id.as_str())) {
        let name = rule.reference.strip_prefix(&prefix).unwrap_or(&rule.reference);
        change(What::Remove, name, shown(rule), Value::Null);
    }
    let before: Vec<&str> =
        there.iter().map(|rule| rule.id.as_str()).filter(|id| held.contains(id)).collect();
    for (id, was) in held.iter().zip(&before) {
        if id != was {
            let reference = there.iter().find(|rule| rule.id == *id).map(|rule| &*rule.reference);
            let reference = reference.unwrap_or_default();
            let name = reference.strip_prefix(&prefix).unwrap_or(reference);
            change(What::Move, name, Value::Null, Value::Null);
        }
    }
    PhasePlan {
        phase,
        before: present.map(|present| (present.id.clone(), present.version.clone())),
        rules: placed(there, is_ours, ours),
        changes,
    }
}

/// All rules as they are to be: others' where they are, the file's in their own places in the file's
/// order, new ones after the last of them.
fn placed(
    there: &[Rule],
    is_ours: impl Fn(&Rule) -> bool,
    mut ours: VecDeque<Value>,
) -> Vec<Value> {
    let last = there.iter().rposition(&is_ours);
    let mut rules = Vec::new();
    for (place, rule) in there.iter().enumerate() {
        if !is_ours(rule) {
            rules.push(rule.kept());
        } else if last == Some(place) {
            rules.extend(ours.drain(..));
        } else {
            rules.extend(ours.pop_front());
        }
    }
    rules.extend(ours);
    rules
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// A rule that is there, as a plan shows it.
fn shown(rule: &Rule) -> Value {
    let mut shown = rule.kept();
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("id");
    }
    shown
}

impl PhasePlan {
    /// Whether anything would be sent.
    pub fn differs(&self) -> bool {
        self.changes.iter().any(|change| change.what != What::Foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudflare::rulesets::CUSTOM;

    const PART: (&str, &str) = (CUSTOM, "waf");

    fn rule(reference: &str, expression: &str) -> Value {
        json!({
            "ref": reference, "action": "block", "expression": expression, "description": "",
            "enabled": true,
        })
    }

    /// A ruleset as it would be read after these rules were sent.
    fn there(rules: &[Value]) -> Ruleset {
        let rules: Vec<Value> = rules
            .iter()
            .map(|rule| {
                let mut rule = rule.clone();
                let made = json!(format!("id-{}", text(&rule, "ref")));
                let id = rule.get("id").cloned().unwrap_or(made);
                set(&mut rule, "id", id);
                rule
            })
            .collect();
        serde_json::from_value(json!({ "id": "s", "version": "1", "rules": rules })).unwrap()
    }

    fn said(plan: &PhasePlan) -> Vec<(What, &str)> {
        plan.changes.iter().map(|change| (change.what, change.name.as_str())).collect()
    }

    fn order(plan: &PhasePlan) -> Vec<&str> {
        plan.rules.iter().map(|rule| text(rule, "ref")).collect()
    }

    #[test]
    fn others_stay_where_they_are_and_new_ones_follow_the_files_own() {
        let present = there(&[
            rule("theirs-1", "a"),
            rule("riposte_apply_one", "b"),
            rule("theirs-2", "c"),
            rule("riposte_apply_gone", "d"),
            rule("riposte_other_file", "e"),
        ]);
        let wanted = [rule("one", "b"), rule("two", "f"), rule("three", "g")];
        let plan = phase(PART, Some(&present), &wanted, "apply", false);
        assert_eq!(said(&plan), [(What::Add, "two"), (What::Add, "three"), (What::Remove, "gone")]);
        assert_eq!(
            order(&plan),
            [
                "theirs-1",
                "riposte_apply_one",
                "theirs-2",
                "riposte_apply_two",
                "riposte_apply_three",
                "riposte_other_file"
            ]
        );
        assert_eq!(plan.rules[0], present.rules[0].kept());
    }

    #[test]
    fn what_was_applied_differs_no_longer() {
        let present = there(&[rule("theirs", "a")]);
        let wanted = [rule("one", "b"), rule("two", "c")];
        let plan = phase(PART, Some(&present), &wanted, "apply", false);
        assert!(plan.differs());
        let again = phase(PART, Some(&there(&plan.rules)), &wanted, "apply", false);
        assert!(!again.differs(), "{again:#?}");
        let turned = [rule("two", "c"), rule("one", "b")];
        let plan = phase(PART, Some(&there(&plan.rules)), &turned, "apply", false);
        assert_eq!(said(&plan), [(What::Move, "two"), (What::Move, "one")]);
        assert_eq!(order(&plan), ["theirs", "riposte_apply_two", "riposte_apply_one"]);
    }

    #[test]
    fn nothing_of_others_is_taken_over_unasked() {
        let present = there(&[rule("one", "other"), rule("anything", "same")]);
        let wanted = [rule("one", "b"), rule("two", "same")];
        let plan = phase(PART, Some(&present), &wanted, "apply", false);
        assert_eq!(said(&plan), [(What::Foreign, "one"), (What::Foreign, "two")]);
        assert!(!plan.differs());
        assert_eq!(order(&plan), ["one", "anything"]);
        let plan = phase(PART, Some(&present), &wanted, "apply", true);
        assert_eq!(said(&plan), [(What::Adopt, "one"), (What::Adopt, "two")]);
        assert_eq!(order(&plan), ["riposte_apply_one", "riposte_apply_two"]);
        assert_eq!(plan.rules[0]["id"], json!("id-one"));
    }

    #[test]
    fn one_rule_of_others_is_taken_over_once() {
        let present = there(&[rule("anything", "same")]);
        let wanted = [rule("one", "same"), rule("two", "same")];
        let plan = phase(PART, Some(&present), &wanted, "apply", true);
        assert_eq!(said(&plan), [(What::Adopt, "one"), (What::Add, "two")]);
    }

    proptest::proptest! {
        /// Whatever is there and whatever is wanted: others' rules stay, in their order, as they
        /// came; and a second run has nothing to do.
        #[test]
        fn others_stay_and_the_second_run_is_idle(
            places in proptest::collection::vec((0..3_u8, 0..6_u8), 0..8),
            names in proptest::collection::btree_set(0..6_u8, 0..6),
        ) {
            let mut seen = std::collections::BTreeSet::new();
            let rules: Vec<Value> = places
                .iter()
                .map(|(kind, n)| match kind {
                    0 => rule(&format!("theirs-{n}"), &format!("theirs-{n}")),
                    1 => rule(&format!("riposte_apply_{n}"), &format!("e{n}")),
                    _ => rule(&format!("riposte_apply_{n}"), "changed"),
                })
                .filter(|rule| seen.insert(text(rule, "ref").to_owned()))
                .collect();
            let present = there(&rules);
            let wanted: Vec<Value> =
                names.iter().map(|n| rule(&n.to_string(), &format!("e{n}"))).collect();
            let plan = phase(PART, Some(&present), &wanted, "apply", false);
            let theirs = |rules: &[Value]| -> Vec<Value> {
                rules.iter().filter(|rule| text(rule, "ref").starts_with("theirs")).cloned().collect()
            };
            let kept: Vec<Value> = present.rules.iter().map(Rule::kept).collect();
            proptest::prop_assert_eq!(theirs(&plan.rules), theirs(&kept));
            let again = phase(PART, Some(&there(&plan.rules)), &wanted, "apply", false);
            proptest::prop_assert!(!again.differs(), "{:#?}", again);
            let file: Vec<String> = wanted.iter().map(|w| marked("apply", text(w, "ref"))).collect();
            let ours: Vec<&str> = order(&plan)
                .into_iter()
                .filter(|reference| reference.starts_with("riposte_apply_"))
                .collect();
            proptest::prop_assert_eq!(ours, file.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
