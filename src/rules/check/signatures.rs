//! What functions take: how many values, of which type, which options. Only what is written out is
//! judged; what a variable or a field holds is left to run time.
//!
//! In: a call. Out: notes at the value that is wrong. Errors where a body's call would fail
//! each time, warnings in predicates.

use super::Call;
use crate::rules::finding::{Note, Severity};
use rhai::{Expr, FnPtr};

/// What a value has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Any,
    Text,
    /// Text or one character.
    Part,
    Number,
    Whole,
    Duration,
    /// A duration, `"forever"` or what `escalate` gives.
    Lasting,
    /// An address, a hit or text.
    Target,
    /// The same, or a number.
    Key,
    List,
    /// A list of texts, or one text.
    Texts,
    Fields,
    /// `reason` and `via`.
    Options,
}

impl Want {
    fn words(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Text | Self::Part => "a text",
            Self::Number => "a number",
            Self::Whole => "a whole number",
            Self::Duration => "a duration such as `\"5m\"`",
            Self::Lasting => "a duration such as `\"1h\"`, `\"forever\"` or `escalate(…)`",
            Self::Target => "a target such as `hit.ip`",
            Self::Key => "a key such as `hit.key`",
            Self::List => "a list",
            Self::Texts => "a text or a list of texts",
            Self::Fields => "a map of fields such as `#{ name: value }`",
            Self::Options => "options: `#{ reason: …, via: … }`",
        }
    }

    fn fits(self, given: Given) -> bool {
        use Given as G;
        match self {
            Self::Any => true,
            Self::Text | Self::Duration | Self::Lasting | Self::Target => given == G::Text,
            Self::Part => matches!(given, G::Text | G::Character),
            Self::Number => matches!(given, G::Whole | G::Fraction),
            Self::Whole => given == G::Whole,
            Self::Key => {
                matches!(given, G::Text | G::Whole | G::Fraction | G::Truth | G::Character)
            }
            Self::List => given == G::List,
            Self::Texts => matches!(given, G::Text | G::List),
            Self::Fields | Self::Options => given == G::Map,
        }
    }
}

/// What a value is, as far as the text shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Text,
    Character,
    Whole,
    Fraction,
    Truth,
    List,
    Map,
    Closure,
    Nothing,
}

impl Given {
    /// None where it can't be told.
    fn of(expr: &Expr) -> Option<Self> {
        Some(match expr {
            Expr::StringConstant(..) | Expr::InterpolatedString(..) => Self::Text,
            Expr::CharConstant(..) => Self::Character,
            Expr::IntegerConstant(..) => Self::Whole,
            Expr::FloatConstant(..) => Self::Fraction,
            Expr::BoolConstant(..) => Self::Truth,
            Expr::Array(..) => Self::List,
            Expr::Map(..) => Self::Map,
            Expr::Unit(..) => Self::Nothing,
            Expr::DynamicConstant(value, _) if value.is_array() => Self::List,
            Expr::DynamicConstant(value, _) if value.is_map() => Self::Map,
            Expr::DynamicConstant(value, _) if value.is::<FnPtr>() => Self::Closure,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Character => "one character",
            Self::Whole | Self::Fraction => "a number",
            Self::Truth => "a truth",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Closure => "a closure",
            Self::Nothing => "`()`",
        }
    }
}

struct Signature {
    name: &'static str,
    /// The module that it lies in, or nothing.
    module: &'static str,
    wants: &'static [Want],
    /// How many values there must be.
    least: usize,
    /// It belongs into predicates too, where a fault only makes them false.
    pure: bool,
}

const fn of(name: &'static str, wants: &'static [Want]) -> Signature {
    Signature { name, module: "", wants, least: wants.len(), pure: false }
}

const fn pure(name: &'static str, wants: &'static [Want]) -> Signature {
    Signature { name, module: "", wants, least: wants.len(), pure: true }
}

const fn from(name: &'static str, least: usize, wants: &'static [Want]) -> Signature {
    Signature { name, module: "", wants, least, pure: false }
}

const fn state(name: &'static str, wants: &'static [Want]) -> Signature {
    Signature { name, module: "state", wants, least: wants.len(), pure: false }
}

const fn cf(name: &'static str, least: usize, wants: &'static [Want]) -> Signature {
    Signature { name, module: "cf", wants, least, pure: false }
}

const RULE: &[Want] = &[Want::Text, Want::Text, Want::Fields, Want::Duration];

const DECISION: &[Want] = &[Want::Target, Want::Lasting, Want::Options];

/// Of methods the first value is what they are called on.
const SIGNATURES: &[Signature] = &[
    from("block", 2, DECISION),
    from("challenge", 2, DECISION),
    from("captcha", 2, DECISION),
    from("throttle", 2, DECISION),
    from("allow", 2, DECISION),
    of("unblock", &[Want::Target]),
    of("escalate", &[Want::Duration, Want::Duration]),
    of("notify", &[Want::Text, Want::Any]),
    from("webhook", 1, &[Want::Text, Want::Fields]),
    from("exec", 1, &[Want::Text, Want::List]),
    of("emit", &[Want::Text, Want::Fields]),
    from("tag", 2, &[Want::Key, Want::Text, Want::Duration]),
    of("score", &[Want::Key, Want::Number]),
    of("past_hits", &[Want::Key, Want::Duration]),
    state("get", &[Want::Key]),
    state("set", &[Want::Key, Want::Any, Want::Duration]),
    state("add", &[Want::Key, Want::Number, Want::Duration]),
    cf("under_attack", 2, &[Want::Text, Want::Duration, Want::Fields]),
    cf("security_level", 3, &[Want::Text, Want::Text, Want::Duration, Want::Fields]),
    cf("setting", 4, &[Want::Text, Want::Text, Want::Any, Want::Duration, Want::Fields]),
    cf("bot_fight_mode", 2, &[Want::Text, Want::Duration, Want::Fields]),
    cf("rate_limit", 4, RULE),
    cf("tighten", 4, RULE),
    cf("waf_rule", 4, RULE),
    cf("cache_ttl", 4, RULE),
    cf("managed", 4, RULE),
    cf("dns_failover", 2, &[Want::Text, Want::Texts, Want::Fields]),
    cf("target_down", 2, &[Want::Text, Want::Text, Want::Duration]),
    cf("target_up", 2, &[Want::Text, Want::Text]),
    cf("dns_ttl", 3, &[Want::Text, Want::Whole, Want::Duration, Want::Fields]),
    cf("dns_set", 3, &[Want::Text, Want::Text, Want::Text, Want::Fields]),
    cf("ddns", 2, &[Want::Text, Want::Text, Want::Fields]),
    cf("dns_delete", 2, &[Want::Text, Want::Text, Want::Fields]),
    cf("purge", 2, &[Want::Text, Want::Any, Want::Fields]),
    cf("worker_route", 4, &[Want::Text, Want::Text, Want::Text, Want::Duration, Want::Fields]),
    cf("pool", 4, &[Want::Text, Want::Text, Want::Fields, Want::Duration, Want::Fields]),
    cf("kv_put", 4, &[Want::Text, Want::Text, Want::Text, Want::Any, Want::Fields]),
    cf("kv_delete", 3, &[Want::Text, Want::Text, Want::Text, Want::Fields]),
    cf("warm", 2, &[Want::Text, Want::List, Want::Fields]),
    pure("in_feed", &[Want::Any, Want::Text]),
    pure("geo", &[Want::Any]),
    pure("ua", &[Want::Any]),
    pure("matches", &[Want::Any, Want::Text]),
    pure("capture", &[Want::Any, Want::Text]),
    pure("contains_any", &[Want::Any, Want::List]),
    pure("starts_with_any", &[Want::Any, Want::List]),
    pure("ends_with_any", &[Want::Any, Want::List]),
    pure("starts_with", &[Want::Any, Want::Part]),
    pure("ends_with", &[Want::Any, Want::Part]),
    pure("within", &[Want::Any, Want::Texts]),
    pure("network", &[Want::Any, Want::Whole, Want::Whole]),
    pure("query_value", &[Want::Any, Want::Text]),
    pure("shorten", &[Want::Any, Want::Whole]),
    pure("has", &[Want::Any, Want::Text]),
    pure("url_decode", &[Want::Any]),
    pure("to_number", &[Want::Any]),
    pure("is_private", &[Want::Any]),
    pure("is_v6", &[Want::Any]),
];

/// Options of decisions.
const OPTIONS: &[&str] = &["reason", "via"];

/// Checks the values of a call of one of our functions.
pub(super) fn signature(call: &Call<'_>, notes: &mut Vec<Note>) {
    let name = call.expr.name.as_str();
    let module = call.expr.namespace.to_string();
    let module = module.trim_end_matches(':');
    let Some(signature) =
        SIGNATURES.iter().find(|known| known.name == name && known.module == module)
    else {
        return;
    };
    let before = notes.len();
    judge(call, signature, notes);
    if signature.pure {
        // A value of the wrong type makes a predicate false, which may be all right.
        for note in notes.iter_mut().skip(before) {
            note.severity = Severity::Warning;
        }
    }
}

fn judge(call: &Call<'_>, signature: &Signature, notes: &mut Vec<Note>) {
    let name = signature.name;
    let args = call.expr.args.as_slice();
    let first = usize::from(call.method);
    let (least, most) = (signature.least, signature.wants.len());
    let count = args.len() + first;
    if count < least || count > most {
        let missing = signature.wants.get(count).map(|want| want.words());
        let message = match missing {
            Some(want) if count < least => format!("`{name}` needs {want} here too"),
            _ => format!(
                "`{name}` takes {} at most, it is given {}",
                values(most - first),
                args.len()
            ),
        };
        notes.push(
            Note::error("wrong-arguments", call.position, message)
                .hint(spelled(signature, call.method)),
        );
        return;
    }
    for (want, arg) in signature.wants.iter().skip(first).zip(args) {
        match Given::of(arg) {
            Some(given) if !want.fits(given) => notes.push(wrong(name, *want, given, arg)),
            _ if *want == Want::Options => options(name, arg, notes),
            _ => {}
        }
    }
}

fn wrong(name: &str, want: Want, given: Given, arg: &Expr) -> Note {
    let message = format!("`{name}` takes {} here, not {}", want.words(), given.words());
    let note = Note::error("wrong-arguments", arg.start_position(), message);
    match (want, arg) {
        (Want::Duration | Want::Lasting, Expr::IntegerConstant(number, _)) if *number > 0 => {
            note.hint(format!("with its unit, as in `\"{number}s\"` or `\"{number}m\"`"))
        }
        (Want::Duration | Want::Lasting, Expr::IntegerConstant(..)) => {
            note.hint("above zero and with its unit, as in `\"30m\"`")
        }
        (Want::Number | Want::Whole, Expr::StringConstant(..)) => {
            note.hint("a number stands without quotes")
        }
        (Want::List, Expr::StringConstant(text, _)) => note.hint(format!("write `[\"{text}\"]`")),
        _ => note,
    }
}

fn values(count: usize) -> String {
    match count {
        0 => "no value".to_owned(),
        1 => "one value".to_owned(),
        more => format!("{more} values"),
    }
}

/// How a function is called, in words that a person can copy.
fn spelled(signature: &Signature, method: bool) -> String {
    let wants = signature.wants.iter().skip(usize::from(method)).enumerate();
    let words: Vec<String> = wants
        .map(|(place, want)| {
            let needed = place + usize::from(method) < signature.least;
            let words = want.words();
            if needed { words.to_owned() } else { format!("where wanted {words}") }
        })
        .collect();
    match words.as_slice() {
        [] => format!("`{}` takes no values", signature.name),
        words => format!("`{}` takes {}", signature.name, words.join(", then ")),
    }
}

/// The keys of the options of a decision.
fn options(name: &str, arg: &Expr, notes: &mut Vec<Note>) {
    let mut judge = |key: &str, value: Option<Given>, at: rhai::Position| {
        if !OPTIONS.contains(&key) {
            let message = format!("`{name}` has no option `{key}`");
            let note =
                Note::error("unknown-option", at, message).hint("there are `reason` and `via`");
            notes.push(note.did_you_mean(key, OPTIONS.iter().copied()));
        } else if key == "via" && value.is_some_and(|value| value != Given::Text) {
            let message = "`via` is the name of an enforcer, as a text".to_owned();
            notes.push(Note::error("wrong-arguments", at, message));
        }
    };
    match arg {
        Expr::Map(map, _) => {
            for (key, value) in &map.0 {
                judge(&key.name, Given::of(value), key.pos);
            }
        }
        Expr::DynamicConstant(value, position) => {
            let map = value.read_lock::<rhai::Map>();
            for (key, value) in map.iter().flat_map(|map| map.iter()) {
                let expr = Expr::from_dynamic(value.clone(), *position);
                judge(key, Given::of(&expr), *position);
            }
        }
        _ => {}
    }
}
