//! What an editor shows of a place: hover, signatures, definitions, the outline of a file.

use super::checker::{Nearby, RuleInfo};
use super::document::{Document, number};
use super::modules;
use super::outline::{Declared, Outline, What};
use super::place::{self, Place, Type};
use super::scan::{Kind as Token, scan};
use super::words;
use crate::event::{Field, Kind};
use crate::rules;
use lsp_types::{
    DocumentSymbol, Hover, HoverContents, MarkupContent, MarkupKind, ParameterInformation,
    ParameterLabel, SignatureHelp, SignatureInformation, SymbolKind,
};
use std::ops::Range;

/// Markdown at a range.
pub fn hover_of(document: &Document, bytes: &Range<usize>, value: String) -> Hover {
    Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: Some(document.range(bytes)),
    }
}

/// What is to be said of a place.
pub fn hover(
    document: &Document,
    outline: &Outline,
    nearby: &Nearby,
    place: &Place,
) -> Option<Hover> {
    let word = document.text.get(place.word.clone()).filter(|word| !word.is_empty())?;
    let said = if place.in_comment {
        None
    } else if place.in_text {
        text(word, nearby, place)
    } else {
        name(word, outline, nearby, place)
    };
    Some(hover_of(document, &place.word, said?))
}

fn text(word: &str, nearby: &Nearby, place: &Place) -> Option<String> {
    let call = place.call()?;
    match (call.callee.as_str(), call.argument) {
        ("rule" | "expect_hit" | "expect_no_hit" | "expect_hits", 0) => {
            Some(nearby.rules.iter().find(|info| info.name == word)?.said.clone())
        }
        ("by", _) | ("distinct" | "sum" | "prefix" | "has", 0) => {
            Some(words::field(Field::from_name(word)?))
        }
        ("on", _) | ("event", 0) => {
            let fields = Kind::from_name(word).fields()?;
            let names: Vec<String> = fields.iter().map(|one| format!("`{}`", one.name())).collect();
            Some(format!("Events of kind `{word}` may have: {}", names.join(", ")))
        }
        _ => None,
    }
}

fn name(word: &str, outline: &Outline, nearby: &Nearby, place: &Place) -> Option<String> {
    if let Some(module) = &place.module
        && let Some(function) = modules::function(&nearby.modules, module, word)
    {
        return Some(function.info.said.clone());
    }
    let said_of = |list: &[(&str, &str)]| {
        list.iter().find(|(name, _)| *name == word).map(|(name, said)| words::property(name, said))
    };
    let own = match &place.after_point {
        Some(Type::Event(_)) => {
            Field::from_name(word).map(words::field).or_else(|| said_of(rules::event_properties()))
        }
        Some(Type::Hit(_)) => said_of(rules::hit_properties()),
        Some(Type::Time) => said_of(rules::time_properties()),
        None if place.module.is_none() => outline
            .declared
            .iter()
            .find(|one| matches!(one.what, What::Function | What::Constant) && one.name == word)
            .map(declared),
        _ => None,
    };
    own.or_else(|| {
        let module = place.module.as_deref();
        let entry = place::entry(word, place.after_point.as_ref(), module)?;
        Some(words::function(&entry))
    })
}

fn declared(one: &Declared) -> String {
    let head = match one.what {
        What::Function => format!("fn {}({})", one.name, one.words.join(", ")),
        _ => format!("const {}", one.name),
    };
    format!("```rhai\n{head}\n```\n\n{}\n", one.doc)
}

/// The signatures of the call that a place lies in.
pub fn signatures(
    document: &Document,
    outline: &Outline,
    nearby: &Nearby,
    place: &Place,
) -> Option<SignatureHelp> {
    let frame = place.call()?;
    // What stands before the bracket tells which function it is.
    let tokens = scan(document.text.get(..place.word.start)?);
    let open = frame_open(&tokens, &frame.callee)?;
    let before = place::look(&tokens, outline, open);
    if let Some(module) = &before.module
        && let Some(function) = modules::function(&nearby.modules, module, &frame.callee)
    {
        let call = format!("{module}::{}", function.call());
        return Some(one_signature(call, &function.params, frame.argument));
    }
    if before.module.is_none()
        && let Some(function) = outline.named(What::Function, &frame.callee)
    {
        let call = format!("{}({})", function.name, function.words.join(", "));
        return Some(one_signature(call, &function.words, frame.argument));
    }
    let entry = place::entry(&frame.callee, before.after_point.as_ref(), before.module.as_deref())?;
    let page = entry.page();
    let signatures: Vec<SignatureInformation> = page
        .calls
        .iter()
        .map(|call| {
            let params: Vec<String> =
                call.params.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
            SignatureInformation {
                label: call.text.to_owned(),
                documentation: Some(lsp_types::Documentation::MarkupContent(MarkupContent {
                    kind: MarkupKind::Markdown,
                    value: words::function(&entry),
                })),
                parameters: Some(parameters(&params)),
                active_parameter: None,
            }
        })
        .collect();
    let fits = page.calls.iter().position(|call| call.params.len() > frame.argument).unwrap_or(0);
    Some(SignatureHelp {
        signatures,
        active_signature: Some(number(fits)),
        active_parameter: Some(number(frame.argument)),
    })
}

/// The signature of a function that a file declares.
fn one_signature(label: String, params: &[String], argument: usize) -> SignatureHelp {
    let signature = SignatureInformation {
        label,
        documentation: None,
        parameters: Some(parameters(params)),
        active_parameter: None,
    };
    SignatureHelp {
        signatures: vec![signature],
        active_signature: Some(0),
        active_parameter: Some(number(argument)),
    }
}

fn parameters(params: &[String]) -> Vec<ParameterInformation> {
    let one = |param: &String| ParameterInformation {
        label: ParameterLabel::Simple(param.clone()),
        documentation: None,
    };
    params.iter().map(one).collect()
}

/// Where the name of the innermost open call begins.
fn frame_open(tokens: &[super::scan::Token<'_>], callee: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().rev() {
        match token.kind {
            Token::Close => depth += 1,
            Token::Open if depth > 0 => depth -= 1,
            Token::Open => {
                let word = index.checked_sub(1).and_then(|at| tokens.get(at))?;
                if word.kind == Token::Word && word.text == callee {
                    return Some(word.end());
                }
            }
            _ => {}
        }
    }
    None
}

/// Where something is declared.
pub enum Declaration<'d> {
    /// In the same document.
    Here(Range<usize>),
    /// In another file.
    There(&'d RuleInfo),
}

/// Where the name at a place is declared.
pub fn definition<'d>(
    document: &Document,
    outline: &Outline,
    nearby: &'d Nearby,
    place: &Place,
) -> Option<Declaration<'d>> {
    let word = document.text.get(place.word.clone()).filter(|word| !word.is_empty())?;
    if place.in_text {
        let call = place.call()?;
        let names_rule = call.argument == 0
            && matches!(
                call.callee.as_str(),
                "rule" | "expect_hit" | "expect_no_hit" | "expect_hits"
            );
        if !names_rule {
            return None;
        }
        if let Some(rule) = outline.named(What::Rule, word) {
            return Some(Declaration::Here(rule.name_at.clone()));
        }
        return nearby.rules.iter().find(|info| info.name == word).map(Declaration::There);
    }
    if let Some(module) = &place.module {
        let function = modules::function(&nearby.modules, module, word)?;
        return Some(Declaration::There(&function.info));
    }
    if place.after_point.is_some() {
        return None;
    }
    let found =
        outline.named(What::Function, word).or_else(|| outline.named(What::Constant, word))?;
    Some(Declaration::Here(found.name_at.clone()))
}

/// The outline of a file as the editor shows it.
#[expect(deprecated, reason = "the protocol's type has a field that it took back")]
pub fn symbols(document: &Document, outline: &Outline) -> Vec<DocumentSymbol> {
    let one = |one: &Declared| {
        let (kind, detail) = match one.what {
            What::Rule => (SymbolKind::CLASS, format!("rule on {}", one.words.join(", "))),
            What::Test => (SymbolKind::METHOD, "test".to_owned()),
            What::Timer => (SymbolKind::EVENT, "timer".to_owned()),
            What::Function => (SymbolKind::FUNCTION, format!("fn({})", one.words.join(", "))),
            What::Constant => (SymbolKind::CONSTANT, String::new()),
        };
        DocumentSymbol {
            // An empty name is none that the protocol allows.
            name: if one.name.is_empty() { "…".to_owned() } else { one.name.clone() },
            detail: Some(detail),
            kind,
            tags: None,
            deprecated: None,
            range: document.range(&one.whole),
            selection_range: document.range(&one.name_at),
            children: None,
        }
    };
    outline.declared.iter().map(one).collect()
}
