//! What each part comes to for one event: asked from left to right, no further than needed, as Rhai
//! would ask.

use super::{Judged, Looked, PartKind, Parts, Truth};
use crate::event::Event;
use crate::rules::evaluate::Evaluator;
use crate::rules::event::{ScriptEvent, Watch};
use crate::rules::fault::{Fault, FaultKind};
use crate::rules::rule::PureFn;
use crate::rules::values::{to_json, to_text};
use rhai::Dynamic;
use std::sync::Arc;

/// A value in a leaf that is shown beside the fields.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    /// Its text.
    pub shown: String,
    /// The function that gives it.
    pub name: String,
}

/// How a part that holds no others is asked.
#[derive(Clone)]
pub(super) struct Leaf {
    name: String,
    operands: Vec<Operand>,
    /// What the event is called in it.
    event: Option<String>,
    /// Its functions; or the closure itself, where it could not be taken apart.
    code: Option<PureFn>,
    whole: bool,
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// How the evaluation of a predicate goes on.
enum Flow {
    Is(bool),
    /// The predicate ends here: an error, or a missing field that leads to one.
    Ends(Truth),
}

impl Leaf {
    pub(super) fn new(name: String, operands: Vec<Operand>, event: Option<String>) -> Self {
        Self { name, operands, event, code: None, whole: false }
    }

    pub(super) fn whole(closure: &PureFn) -> Self {
        Self {
            name: closure.function.name.to_string(),
            operands: Vec::new(),
            event: Some("e".to_owned()),
            code: Some(closure.clone()),
            whole: true,
        }
    }

    pub(super) fn ready(&mut self, code: PureFn) {
        self.code = Some(code);
    }

    /// Calls one of its functions; `early` watches what `let`s read, `late` what the part reads.
    fn call(
        &self,
        name: &str,
        evaluator: &Evaluator,
        event: &Arc<Event>,
        early: &Arc<Watch>,
        late: &Arc<Watch>,
    ) -> Result<Dynamic, Fault> {
        let Some(code) = &self.code else {
            return Ok(Dynamic::UNIT);
        };
        let watched =
            |watch| Dynamic::from(ScriptEvent::watched(Arc::clone(event), Arc::clone(watch)));
        let mut function = code.function.clone();
        let mut argument = Some(watched(late));
        if !self.whole {
            function.name = name.into();
            match self.event {
                Some(_) => function.captured.push(watched(early)),
                None => argument = None,
            }
        }
        function
            .call(&evaluator.pure, &code.run, argument)
            .map_err(|error| function.fault(&error, &|name| evaluator.knows(name)))
    }
}

/// Judges all parts; where `each` is set also those that nobody needs.
pub(super) fn judge(parts: &Parts, event: &Arc<Event>, each: bool) -> Vec<Judged> {
    let nobody = Judged { truth: Truth::Skipped, values: Vec::new() };
    let out = vec![nobody; parts.all.len()];
    let mut judging = Judging { parts, event, each, missed: false, out };
    for predicate in &parts.predicates {
        judging.missed = false;
        judging.part(predicate.parts.start, true);
    }
    judging.out
}

struct Judging<'j> {
    parts: &'j Parts,
    event: &'j Arc<Event>,
    each: bool,
    /// Whether a field was read that isn't there, since the predicate began.
    missed: bool,
    out: Vec<Judged>,
}

impl Judging<'_> {
    fn part(&mut self, place: usize, alone: bool) -> Flow {
        let Some(part) = self.parts.all.get(place) else {
            return Flow::Is(false);
        };
        let flow = match part.kind {
            PartKind::All => self.children(place, true),
            PartKind::Any => self.children(place, false),
            PartKind::Not => match self.children(place, true) {
                Flow::Is(truth) => Flow::Is(!truth),
                ends @ Flow::Ends(_) => ends,
            },
            PartKind::Test | PartKind::Value => return self.leaf(place, alone),
        };
        self.set(place, &flow);
        flow
    }

    fn set(&mut self, place: usize, flow: &Flow) {
        if let Some(judged) = self.out.get_mut(place) {
            judged.truth = match flow {
                Flow::Is(true) => Truth::True,
                Flow::Is(false) => Truth::False,
                Flow::Ends(truth) => truth.clone(),
            };
        }
    }

    /// The parts in a part, until one isn't as `wanted`.
    fn children(&mut self, place: usize, wanted: bool) -> Flow {
        let parts = self.parts;
        let children = parts.all.iter().enumerate().skip(place + 1);
        let mut decided = None;
        for (child, _) in children.filter(|(_, child)| child.parent == Some(place)) {
            match self.part(child, false) {
                Flow::Is(truth) if truth == wanted => {}
                other if self.each => decided = decided.or(Some(other)),
                other => return other,
            }
        }
        decided.unwrap_or(Flow::Is(wanted))
    }

    fn leaf(&mut self, place: usize, alone: bool) -> Flow {
        let Some(part) = self.parts.all.get(place) else {
            return Flow::Is(false);
        };
        let Some(leaf) = &part.run else {
            return Flow::Is(false);
        };
        let (early, late) = (Watch::of_all(), Watch::of_all());
        let evaluator = &self.parts.evaluator;
        let value = leaf.call(&leaf.name, evaluator, self.event, &early, &late);
        self.missed |= early.missed() || late.missed();
        let mut values = self.values(leaf, &late);
        let mut lacking = late.missed()
            || leaf.operands.iter().any(|operand| {
                values.iter().any(|looked| looked.name == operand.shown && looked.value.is_none())
            });
        let flow = match value {
            Ok(value) if part.kind == PartKind::Value => {
                lacking = lacks(&value);
                let looked = Looked { name: part.text.clone(), value: shown(&value) };
                if values.iter().all(|known| known.name != looked.name) {
                    values.push(looked);
                }
                Flow::Is(!lacking)
            }
            Ok(value) => self.truth(&value, alone),
            Err(fault) => self.fault(&fault),
        };
        self.set(place, &flow);
        if let Some(judged) = self.out.get_mut(place) {
            judged.values = values;
            if lacking && judged.truth == Truth::False {
                judged.truth = Truth::Absent;
            }
        }
        flow
    }

    fn truth(&self, value: &Dynamic, alone: bool) -> Flow {
        match value.as_bool() {
            Ok(truth) => Flow::Is(truth),
            Err(_) if alone && value.is_unit() => Flow::Is(false),
            Err(_) if !alone && self.missed => Flow::Ends(Truth::Absent),
            Err(kind) => Flow::Ends(Truth::Fault(format!(
                "true or false is needed here, but it is `{kind}`"
            ))),
        }
    }

    fn fault(&self, fault: &Fault) -> Flow {
        match fault.kind {
            FaultKind::Value if self.missed => Flow::Ends(Truth::Absent),
            _ => Flow::Ends(Truth::Fault(fault.message.clone())),
        }
    }

    /// What a leaf looked at: fields, then names and what it worked out.
    fn values(&self, leaf: &Leaf, late: &Arc<Watch>) -> Vec<Looked> {
        let event = leaf.event.as_deref().unwrap_or("e");
        let name = |field: String| {
            let plain = field.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
            if plain { format!("{event}.{field}") } else { format!("{event}[{field:?}]") }
        };
        let reads = late.take().into_iter();
        let mut values: Vec<Looked> = reads
            .map(|(field, value)| Looked { name: name(field), value: shown(&value) })
            .collect();
        for operand in &leaf.operands {
            let (early, late) = (Watch::of_all(), Watch::of_all());
            let value = leaf.call(&operand.name, &self.parts.evaluator, self.event, &early, &late);
            if let Ok(value) = value {
                values.push(Looked { name: operand.shown.clone(), value: shown(&value) });
            }
        }
        values
    }
}

/// Whether there is no value, or in a list of values one isn't there.
fn lacks(value: &Dynamic) -> bool {
    let list = value.read_lock::<rhai::Array>();
    value.is_unit() || list.is_some_and(|list| list.iter().any(Dynamic::is_unit))
}

/// A value as it is shown; none for `()`.
fn shown(value: &Dynamic) -> Option<serde_json::Value> {
    if value.is_unit() {
        return None;
    }
    Some(match to_json(value) {
        serde_json::Value::Null => {
            to_text(value).unwrap_or_else(|| value.type_name().to_owned()).into()
        }
        other => other,
    })
}
