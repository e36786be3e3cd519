//! Calls at load that can't be taken: methods of a rule with wrong values, and what belongs into a
//! body. They become notes and the file runs on, so that all faults are told at once.

use super::book::{Entry, Place};
use super::builder::Builder;
use super::context::lock;
use super::draft::Collector;
use super::finding::Note;
use super::values::Address;
use rhai::{Dynamic, Engine, FnPtr, NativeCallContext};
use std::any::TypeId;
use std::sync::{Arc, Mutex};

/// Methods are caught with up to so many values.
const VALUES_MAX: usize = 5;

/// What a value of a call has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Number,
    Amount,
    Duration,
    Closure,
    Closures,
    FieldOrClosure,
    Key,
    Text,
}

impl Wanted {
    fn words(self) -> &'static str {
        match self {
            Self::Number => "a whole number",
            Self::Amount => "a number",
            Self::Duration => "a duration such as `\"5m\"`",
            Self::Closure => "a closure such as `|e| …`",
            Self::Closures => "a list of closures",
            Self::FieldOrClosure => "a field's name or a closure",
            Self::Key => "a field's name, a list of them, `prefix(…)` or a closure",
            Self::Text => "a text",
        }
    }

    fn fits(self, value: &Dynamic) -> bool {
        let closure = value.is::<FnPtr>();
        match self {
            Self::Number => value.is_int(),
            Self::Amount => value.is_int() || value.is_float(),
            Self::Duration | Self::Text => value.is_string(),
            Self::Closure => closure,
            Self::Closures => value.is_array(),
            Self::FieldOrClosure => closure || value.is_string(),
            Self::Key => closure || value.is_string() || value.is_array(),
        }
    }
}

/// What the methods of a rule take.
const METHODS: &[(&str, &[Wanted])] = {
    use Wanted as W;
    &[
        ("when", &[W::Closure]),
        ("by", &[W::Key]),
        ("then", &[W::Closure]),
        ("count", &[W::Number, W::Duration]),
        ("distinct", &[W::FieldOrClosure, W::Number, W::Duration]),
        ("sum", &[W::FieldOrClosure, W::Amount, W::Duration]),
        ("leaky", &[W::Number, W::Duration]),
        ("consecutive", &[W::Closure, W::Number]),
        ("sequence", &[W::Closures, W::Duration]),
        ("absent", &[W::Duration]),
        ("ratio", &[W::Closure, W::Amount, W::Number, W::Duration]),
        ("cooldown", &[W::Duration]),
        ("mode", &[W::Text]),
        ("certain", &[]),
    ]
};

/// Registers what catches them. After all else: it takes what nothing else took.
pub(super) fn register(engine: &mut Engine, book: &[Entry], collector: &Arc<Mutex<Collector>>) {
    for (name, wanted) in METHODS {
        for values in 0..=VALUES_MAX {
            let mut types = vec![TypeId::of::<Builder>()];
            types.extend(std::iter::repeat_n(TypeId::of::<Dynamic>(), values));
            let collector = Arc::clone(collector);
            if *name == "certain" && values == 0 {
                continue;
            }
            engine.register_raw_fn(
                *name,
                &types,
                move |context: NativeCallContext, args: &mut [&mut Dynamic]| {
                    let (builder, values) = match args {
                        [builder, values @ ..] => (&**builder, values),
                        [] => return Ok(Dynamic::UNIT),
                    };
                    let values: Vec<Dynamic> =
                        values.iter().map(|value| (**value).clone()).collect();
                    lock(&collector).notes.push(misuse(&context, name, wanted, &values));
                    Ok(builder.clone())
                },
            );
        }
    }
    // A body's functions, called while the file loads: `.then(block(…))`.
    for entry in book.iter().filter(|entry| entry.place == Place::Body) {
        for values in 0..=VALUES_MAX {
            let types = vec![TypeId::of::<Dynamic>(); values];
            let collector = Arc::clone(collector);
            let name = entry.name;
            engine.register_raw_fn(
                name,
                &types,
                move |context: NativeCallContext, _: &mut [&mut Dynamic]| {
                    let note = Note::error(
                        "misplaced",
                        context.call_position(),
                        format!(
                            "`{name}` is called here while the file loads, before there is any hit"
                        ),
                    );
                    lock(&collector)
                        .notes
                        .push(note.hint(format!("write it in a body: `.then(|hit| {name}(…))`")));
                    Ok(Dynamic::UNIT)
                },
            );
        }
    }
}

fn misuse(context: &NativeCallContext, name: &str, wanted: &[Wanted], values: &[Dynamic]) -> Note {
    let position = context.call_position();
    if wanted.len() != values.len() {
        let words: Vec<&str> = wanted.iter().map(|wanted| wanted.words()).collect();
        let takes = if words.is_empty() { "nothing".to_owned() } else { words.join(", then ") };
        return Note::error(
            "wrong-arguments",
            position,
            format!("`.{name}` takes {takes}, it is given {}", counted(values.len())),
        );
    }
    let wrong = wanted.iter().zip(values).position(|(wanted, value)| !wanted.fits(value));
    let place = wrong.unwrap_or(0);
    let (Some(wanted), Some(value)) = (wanted.get(place), values.get(place)) else {
        return Note::error("wrong-arguments", position, format!("`.{name}` can't take this"));
    };
    let message = format!("`.{name}` takes {} here, not {}", wanted.words(), words_of(value));
    let note = Note::error("wrong-arguments", position, message).argument(place);
    match wanted {
        Wanted::Number | Wanted::Amount if value.is_string() => {
            note.hint("a number stands without quotes")
        }
        Wanted::Number if value.is_float() => note.hint("a number of events has no fraction"),
        Wanted::Duration if value.is_int() || value.is_float() => {
            note.hint(format!("with its unit, as in `\"{value}s\"` or `\"{value}m\"`"))
        }
        Wanted::Closure if name == "then" && value.is_unit() => {
            note.hint("what is to be done stands in a closure: `.then(|hit| …)`")
        }
        Wanted::Closure if value.is_bool() => note.hint("a predicate is a closure: `|e| …`"),
        _ => note,
    }
}

fn counted(values: usize) -> String {
    match values {
        0 => "nothing".to_owned(),
        1 => "one value".to_owned(),
        more => format!("{more} values"),
    }
}

/// What a value is, in words.
fn words_of(value: &Dynamic) -> String {
    if value.is_string() {
        return format!("the text `\"{value}\"`");
    }
    if value.is_int() || value.is_float() {
        return format!("the number `{value}`");
    }
    let words = match () {
        () if value.is_bool() => "a truth",
        () if value.is_array() => "a list",
        () if value.is_map() => "a map",
        () if value.is_unit() => "`()`",
        () if value.is::<FnPtr>() => "a closure",
        () if value.is::<Address>() => "an address",
        () if value.is::<Builder>() => "a rule",
        () if value.is_char() => "one character",
        () => "something else",
    };
    words.to_owned()
}
