//! What the native forms of predicates tell of rules as a whole: rules that can't fire, predicates
//! that are always true, windows that can't fill, rules that another rule makes needless.
//!
//! For `check` and editors; a daemon's load leaves it out. In: rules, their predicates in native
//! form, the files' texts. Out: findings. Nothing is said that isn't certain: what isn't understood
//! may be anything.

mod atoms;
mod reason;

use super::draft::Closure;
use super::finding::{Finding, Note, Related};
use super::keys::KeyPartSpec;
use super::lower::lower;
use super::parts::scan::{self, Token};
use super::rule::{PureFn, QuantitySpec, Rule};
use super::settings::RuleFile;
use super::syntax;
use crate::decisions::Mode;
use crate::event::Field;
use crate::event::field::FieldType;
use crate::windows::WindowSpec;
use atoms::{Alternatives, Atom};
use rhai::Position;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// A rule with what its predicate needs.
struct Seen<'r> {
    rule: &'r Rule,
    text: &'r str,
    /// None where the predicate has no native form.
    needs: Option<Alternatives>,
}

/// Everything that can be said.
pub(super) fn findings(rules: &[Rule], files: &[RuleFile]) -> Vec<Finding> {
    let texts: BTreeMap<&str, &str> =
        files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let active = rules.iter().filter(|rule| rule.mode != Mode::Off);
    let seen: Vec<Seen<'_>> = active
        .map(|rule| {
            let needs = match &rule.when {
                None => Some(Alternatives { any: vec![Vec::new()], exact: true }),
                Some(when) => lower(when).ok().map(|native| atoms::alternatives(&native)),
            };
            Seen { rule, text: texts.get(&*rule.file).copied().unwrap_or_default(), needs }
        })
        .collect();
    let mut out = Vec::new();
    for one in &seen {
        let mut notes = Vec::new();
        one.predicate(&mut notes);
        one.window(&mut notes);
        out.extend(notes.into_iter().map(|note| note.place(&one.rule.file, one.text)));
    }
    subsets(&seen, &mut out);
    out
}

impl Seen<'_> {
    /// Predicates that are never or always true.
    fn predicate(&self, notes: &mut Vec<Note>) {
        let (Some(when), Some(needs)) = (&self.rule.when, &self.needs) else { return };
        let name = &self.rule.name;
        let span = self.arguments(when.function.position);
        let note =
            |code, message| Note::warning(code, when.function.position, message).span(span.clone());
        if let Some(why) = reason::never(needs) {
            let message = format!("`{name}` never fires: its predicate is never true, since {why}");
            notes.push(note("unreachable", message).hint(
                "use `||` where either will do; a parameter of the config may have made it empty",
            ));
        } else if needs.exact && always(needs) {
            let message = format!("the predicate of `{name}` is true for every event");
            let hint = "leave it out; for none of several values write `!(e.method in [\"GET\", \"HEAD\"])`";
            notes.push(note("always-true", message).hint(hint));
        }
    }

    /// Windows that can't fill, or that count nothing.
    fn window(&self, notes: &mut Vec<Note>) {
        let rule = self.rule;
        let name = &rule.name;
        let position = Position::new(u16::try_from(rule.line).unwrap_or(u16::MAX), 1);
        let at = |method: &str, code, message| {
            Note::warning(code, position, message).span(self.method(method))
        };
        match rule.window {
            WindowSpec::Count { n: 1, .. } => {
                let message = format!("the window of `{name}` fires at each event");
                let note = at("count", "window-of-one", message);
                notes.push(note.hint(
                    "without a window a key fires at each event too, but at most once in its cooldown (a minute unless set)",
                ));
            }
            WindowSpec::Distinct { n, .. } => {
                let Some(QuantitySpec::Field(field)) = &rule.quantity else { return };
                let field = field.name();
                let keyed = rule
                    .key_spec
                    .0
                    .iter()
                    .any(|part| matches!(part, KeyPartSpec::Field(key) if key.name() == field));
                let address =
                    Field::from_name(field).is_none_or(|field| field.kind() == FieldType::Address);
                let bound = self.needs.as_ref().and_then(|needs| reason::values(needs, field));
                if keyed && n > 1 && !address {
                    let message = format!(
                        "`{name}` never fires: a key has one `{field}` only, never {n} different ones"
                    );
                    notes
                        .push(at("distinct", "window-cant-fire", message).hint(format!(
                            "take `{field}` out of the key, or count another field"
                        )));
                } else if let Some(bound) = bound.filter(|bound| *bound < n) {
                    let message = format!(
                        "`{name}` never fires: its predicate leaves {bound} different values of `{field}`, the window waits for {n}"
                    );
                    notes.push(at("distinct", "window-cant-fire", message));
                }
            }
            _ => {}
        }
        for (place, test) in rule.tests.iter().enumerate() {
            self.test(place, test, notes);
        }
    }

    /// A predicate of the window that is never true where the rule's is.
    fn test(&self, place: usize, test: &PureFn, notes: &mut Vec<Note>) {
        let (Ok(native), Some(needs)) = (lower(test), &self.needs) else { return };
        let name = &self.rule.name;
        if reason::never(needs).is_some() {
            return;
        }
        let own = atoms::alternatives(&native);
        let Some(why) = reason::never(&needs.clone().and(&own)) else { return };
        let which = match self.rule.window {
            WindowSpec::Sequence { .. } => format!("step {} of its sequence", place + 1),
            _ => "the predicate of its window".to_owned(),
        };
        let message =
            format!("`{name}` never fires: {which} is never true for its events, since {why}");
        let position = test.function.position;
        notes.push(
            Note::warning("window-cant-fire", position, message)
                .span(self.arguments(position))
                .hint("what the window looks at must pass the rule's own predicate (`.when`) too"),
        );
    }

    fn tokens(&self) -> Vec<Token<'_>> {
        scan::scan(self.text)
    }

    /// Where the values of the call at a position stand.
    fn arguments(&self, position: Position) -> Option<Range<usize>> {
        let at = scan::offset(self.text, position.line()?, position.position()?)?;
        let tokens = self.tokens();
        let open = tokens.iter().position(|token| token.start >= at && token.is("("))?;
        let close = scan::closing(&tokens, open)?;
        Some(tokens.get(open + 1)?.start..tokens.get(close.checked_sub(1)?)?.end())
    }

    /// Where the rule calls one of its methods.
    fn method(&self, name: &str) -> Option<Range<usize>> {
        let from = scan::offset(self.text, self.rule.line, 1)?;
        let tokens = self.tokens();
        let found = tokens.windows(3).position(|three| match three {
            [dot, word, open] => word.start >= from && dot.is(".") && word.is(name) && open.is("("),
            _ => false,
        })?;
        let close = scan::closing(&tokens, found + 2)?;
        Some(tokens.get(found + 1)?.start..tokens.get(close)?.end())
    }
}

/// Whether one of the alternatives holds for everything.
fn always(needs: &Alternatives) -> bool {
    let nots: Vec<(&String, &crate::matching::Const)> = needs
        .any
        .iter()
        .filter_map(|together| match together.as_slice() {
            [(subject, Atom::Not(value))] => Some((subject, value)),
            _ => None,
        })
        .collect();
    needs.any.iter().any(Vec::is_empty)
        || nots.iter().enumerate().any(|(place, (subject, value))| {
            nots.iter()
                .skip(place + 1)
                .any(|(other, different)| subject == other && reason::differ(value, different))
        })
}

/// Rules that another one, which fires no later and does the same, makes needless.
fn subsets(seen: &[Seen<'_>], out: &mut Vec<Finding>) {
    let mut groups: BTreeMap<String, Vec<&Seen<'_>>> = BTreeMap::new();
    for one in seen {
        let rule = one.rule;
        let plain = rule.key_spec.0.iter().all(|part| !matches!(part, KeyPartSpec::Closure(_)));
        // Only where both are known in full: the body, the key, what the window looks at.
        let quantity = match &rule.quantity {
            None => String::new(),
            Some(QuantitySpec::Field(field)) => field.name().to_owned(),
            Some(QuantitySpec::Closure(_)) => continue,
        };
        if !plain || !rule.tests.is_empty() || one.needs.is_none() {
            continue;
        }
        let Some(body) = &rule.body else { continue };
        let closure = Closure {
            name: body.name.clone(),
            captured: body.captured.clone(),
            position: Position::NONE,
        };
        let body = syntax::shape(&body.unit.ast, &closure, 1);
        let window = std::mem::discriminant(&rule.window);
        let group = format!("{}|{window:?}|{quantity}|{body}", rule.key);
        groups.entry(group).or_default().push(one);
    }
    for group in groups.values() {
        for (place, one) in group.iter().enumerate() {
            let wider = group.iter().enumerate().find(|(other, wider)| {
                *other != place && covers(wider, one) && (*other < place || !covers(one, wider))
            });
            if let Some((_, wider)) = wider {
                out.push(needless(one, wider));
            }
        }
    }
}

/// Whether the first fires wherever the second does, and no later.
fn covers(wider: &Seen<'_>, narrower: &Seen<'_>) -> bool {
    use WindowSpec as W;
    let (a, b) = (wider.rule, narrower.rule);
    let kinds = a.kinds.is_empty()
        || (!b.kinds.is_empty() && b.kinds.iter().all(|kind| a.kinds.contains(kind)));
    let minute = Duration::from_mins(1);
    let window = match (a.window, b.window) {
        (W::Each, W::Each) => a.cooldown.unwrap_or(minute) <= b.cooldown.unwrap_or(minute),
        (W::Count { n, within }, W::Count { n: more, within: shorter })
        | (W::Distinct { n, within }, W::Distinct { n: more, within: shorter }) => {
            n <= more && within >= shorter && a.cooldown.is_none()
        }
        _ => false,
    };
    let (Some(of_a), Some(of_b)) = (&wider.needs, &narrower.needs) else { return false };
    kinds
        && window
        && a.mode == b.mode
        && reason::never(of_b).is_none()
        && reason::subset(of_b, of_a)
}

fn needless(one: &Seen<'_>, wider: &Seen<'_>) -> Finding {
    let message = format!(
        "every event of `{}` is one of `{}`, which fires no later and does the same",
        one.rule.name, wider.rule.name
    );
    let place = |seen: &Seen<'_>| {
        let column = seen
            .text
            .lines()
            .nth(seen.rule.line.saturating_sub(1))
            .and_then(|line| line.find("rule"));
        let line = u16::try_from(seen.rule.line).unwrap_or(u16::MAX);
        Position::new(line, u16::try_from(column.unwrap_or(0) + 1).unwrap_or(1))
    };
    let mut note = Note::remark("subset-rule", place(one), message)
        .hint("leave one of them out, or let them do different things");
    note.related.push(Related::at(&wider.rule.file, wider.text, place(wider), "the wider rule"));
    note.place(&one.rule.file, one.text)
}
