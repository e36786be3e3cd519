//! A rule as a whole: kinds, key and window that don't fit together.

use super::fields::first_property;
use super::{Checker, FunctionKey};
use crate::event::field::FieldType;
use crate::event::{Field, Kind};
use crate::rules::draft::{Closure, Draft, KeyPartDraft, Quantity};
use crate::rules::finding::{Note, did_you_mean};
use crate::rules::syntax::{Function, walk};
use crate::windows::WindowSpec;
use rhai::{ASTNode, Position};

impl Checker<'_> {
    /// Checks a rule's declaration.
    pub(super) fn rule(
        &self,
        draft: &Draft,
        is_whole: bool,
        functions: &[Function],
        notes: &mut Vec<Note>,
    ) {
        let kinds: Vec<Kind> = draft.kinds.iter().map(|(kind, _)| self.meant_kind(kind)).collect();
        self.kinds(draft, notes);
        if let Some((parts, position)) = &draft.key {
            for part in parts {
                let before = notes.len();
                match part {
                    KeyPartDraft::Field(field) => self.field(field, *position, &kinds, notes),
                    KeyPartDraft::Prefix { field, .. } => {
                        self.field(field, *position, &kinds, notes);
                        if Field::from_name(field)
                            .is_some_and(|field| field.kind() != FieldType::Address)
                        {
                            notes.push(Note::warning(
                                "wrong-type",
                                *position,
                                format!("`prefix` needs an address, `{field}` holds none"),
                            ));
                        }
                    }
                    KeyPartDraft::Closure(_) => {}
                }
                if let KeyPartDraft::Field(field) | KeyPartDraft::Prefix { field, .. } = part {
                    let found = notes.iter_mut().skip(before);
                    found.for_each(|note| note.word = Some(field.clone()));
                }
            }
        }
        if let Some((window, position)) = &draft.window {
            self.window(&window.spec, window.quantity.as_ref(), *position, &kinds, notes);
            if draft.key.is_none() {
                notes.push(
                    Note::warning(
                        "no-key",
                        *position,
                        format!("the window of `{}` counts all events together", draft.name),
                    )
                    .hint("add `.by(\"ip\")`, or whatever is to be counted apart"),
                );
            }
        }
        if !holds_address(draft)
            && let Some(position) = draft.then.as_ref().and_then(|body| reads_ip(body, functions))
        {
            notes.push(
                Note::warning(
                    "no-address",
                    position,
                    format!("the key of `{}` holds no address, so `hit.ip` is `()`", draft.name),
                )
                .hint("use `hit.event.ip`, or put the address into the key with `.by(…)`"),
            );
        }
        // Where the file's run failed, what is missing may stand behind that.
        if draft.then.is_none() && is_whole {
            let message = format!("`{}` has no `then`: it only records its hits", draft.name);
            notes.push(Note::remark("no-body", draft.position, message));
        }
    }

    /// The kind that a slip in a kind's name stands for; else the kind itself.
    pub(super) fn meant_kind(&self, kind: &Kind) -> Kind {
        let Kind::Custom(name) = kind else { return kind.clone() };
        if self.known.kinds.contains(&**name) || self.emitted.contains(&**name) {
            return kind.clone();
        }
        let near = did_you_mean(name, Kind::BUILT_IN.iter().map(Kind::name));
        near.map_or_else(|| kind.clone(), Kind::from_name)
    }

    fn kinds(&self, draft: &Draft, notes: &mut Vec<Note>) {
        if draft.kinds.is_empty() {
            notes.push(
                Note::warning(
                    "no-kind",
                    draft.position,
                    format!("`{}` listens to events of every kind", draft.name),
                )
                .hint("say which with `.on(\"http\")`"),
            );
        }
        for (place, (kind, position)) in draft.kinds.iter().enumerate() {
            if draft.kinds.iter().take(place).any(|(other, _)| other == kind) {
                let message = format!("`{kind}` is named twice");
                notes.push(Note::warning("kind-twice", *position, message));
            }
            let Kind::Custom(name) = kind else { continue };
            if self.known.kinds.contains(&**name) || self.emitted.contains(&**name) {
                continue;
            }
            let known = Kind::BUILT_IN
                .iter()
                .map(Kind::name)
                .chain(self.known.kinds.iter().map(String::as_str))
                .chain(self.emitted.iter().map(String::as_str));
            let message = format!("nothing makes events of the kind `{name}`");
            let note = Note::warning("unknown-kind", *position, message).word(name);
            if let Some(near) = did_you_mean(name, known) {
                notes.push(note.hint(format!("did you mean `{near}`?")));
            } else if self.known.given.is_some() {
                notes.push(note.hint(
                    "built in are `http`, `http.error`, `ssh.auth`, `syslog`, `log` and `decision`; others come from `emit(…)` or a source's `kind`",
                ));
            }
        }
    }

    fn window(
        &self,
        spec: &WindowSpec,
        quantity: Option<&Quantity>,
        position: Position,
        kinds: &[Kind],
        notes: &mut Vec<Note>,
    ) {
        let Some(Quantity::Field(field)) = quantity else {
            return;
        };
        self.field(field, position, kinds, notes);
        let text = Field::from_name(field)
            .is_some_and(|field| matches!(field.kind(), FieldType::Text | FieldType::Address));
        if text && matches!(spec, WindowSpec::Sum { .. }) {
            notes.push(Note::warning(
                "wrong-type",
                position,
                format!("`sum` adds numbers, `{field}` holds none"),
            ));
        }
    }
}

/// Whether the key may hold an address; a closure's value isn't known.
fn holds_address(draft: &Draft) -> bool {
    draft.key.iter().flat_map(|(parts, _)| parts).any(|part| match part {
        KeyPartDraft::Field(field) => {
            Field::from_name(field).is_none_or(|field| field.kind() == FieldType::Address)
        }
        KeyPartDraft::Prefix { .. } | KeyPartDraft::Closure(_) => true,
    })
}

/// Where a body reads `hit.ip`.
fn reads_ip(body: &Closure, functions: &[Function]) -> Option<Position> {
    let captured = body.captured.len();
    let wanted: FunctionKey = (body.name.to_string(), captured + 1);
    let function = functions.iter().find(|function| super::key(function) == wanted)?;
    let hit = function.params.get(captured)?;
    let mut found = None;
    walk(&function.ast, &mut |path| {
        if let Some(ASTNode::Expr(expr)) = path.last()
            && let Some((root, "ip", position, _)) = first_property(expr)
            && root == hit.as_str()
            && found.is_none()
        {
            found = Some(position);
        }
    });
    found
}
