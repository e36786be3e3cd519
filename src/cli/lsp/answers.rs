//! The answers to an editor's requests.
//!
//! In: the server's state, a method, its parameters. Out: a result, or why there is none.

use super::complete::{self, complete};
use super::document::Language;
use super::look::{self, Declaration};
use super::outline::outline;
use super::scan::scan;
use super::server::{Refusal, Server, read};
use super::wire;
use super::{config, files};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, CompletionParams, DocumentSymbolParams,
    GotoDefinitionParams, HoverParams, Location, Position, Range, SignatureHelpParams, TextEdit,
    WorkspaceEdit,
};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What the server can do.
pub fn capabilities() -> Value {
    json!({
        "capabilities": {
            "positionEncoding": "utf-16",
            // 2: changes come as ranges.
            "textDocumentSync": { "openClose": true, "change": 2, "save": true },
            "completionProvider": { "triggerCharacters": [".", "\"", ":", "[", "="] },
            "hoverProvider": true,
            "signatureHelpProvider": { "triggerCharacters": ["(", ","] },
            "definitionProvider": true,
            "documentSymbolProvider": true,
            "codeActionProvider": { "codeActionKinds": ["quickfix"] },
        },
        "serverInfo": { "name": "riposte", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// Answers a request.
pub fn answer(server: &Server, method: &str, params: Value) -> Result<Value, Refusal> {
    let value = match method {
        "textDocument/completion" => completion(server, &read(params)?),
        "textDocument/hover" => hover(server, &read(params)?),
        "textDocument/signatureHelp" => signature(server, &read(params)?),
        "textDocument/definition" => definition(server, &read(params)?),
        "textDocument/documentSymbol" => symbols(server, &read(params)?),
        "textDocument/codeAction" => actions(server, &read(params)?),
        other => {
            return Err((wire::METHOD_NOT_FOUND, format!("there is no method `{other}`")));
        }
    };
    Ok(value.unwrap_or(Value::Null))
}

fn completion(server: &Server, params: &CompletionParams) -> Option<Value> {
    let place = &params.text_document_position;
    let uri = place.text_document.uri.as_str();
    let document = server.document(uri)?;
    let items = if document.language == Language::Config {
        config::complete(document, &server.nearby(uri), document.offset(place.position))
    } else {
        let at = server.at(uri, place.position)?;
        complete(&complete::Request {
            document: at.document,
            outline: &at.outline,
            nearby: &at.nearby,
            place: &at.place,
            offset: at.offset,
            snippets: server.snippets,
        })
    };
    Some(json!({ "isIncomplete": false, "items": items }))
}

fn hover(server: &Server, params: &HoverParams) -> Option<Value> {
    let place = &params.text_document_position_params;
    let uri = place.text_document.uri.as_str();
    let document = server.document(uri)?;
    let hover = if document.language == Language::Config {
        config::hover(document, &server.nearby(uri), document.offset(place.position))?
    } else {
        let at = server.at(uri, place.position)?;
        look::hover(at.document, &at.outline, &at.nearby, &at.place)?
    };
    Some(json!(hover))
}

fn signature(server: &Server, params: &SignatureHelpParams) -> Option<Value> {
    let place = &params.text_document_position_params;
    let at = server.at(place.text_document.uri.as_str(), place.position)?;
    Some(json!(look::signatures(at.document, &at.outline, &at.nearby, &at.place)?))
}

fn definition(server: &Server, params: &GotoDefinitionParams) -> Option<Value> {
    let place = &params.text_document_position_params;
    let uri = &place.text_document.uri;
    let at = server.at(uri.as_str(), place.position)?;
    let location = match look::definition(at.document, &at.outline, &at.nearby, &at.place)? {
        Declaration::Here(bytes) => Location { uri: uri.clone(), range: at.document.range(&bytes) },
        Declaration::There(rule) => {
            let line = super::document::number(rule.line.saturating_sub(1));
            let begin = Position::new(line, 0);
            Location { uri: files::uri_of(rule.path.as_deref()?)?, range: Range::new(begin, begin) }
        }
    };
    Some(json!(location))
}

fn symbols(server: &Server, params: &DocumentSymbolParams) -> Option<Value> {
    let document = server.document(params.text_document.uri.as_str())?;
    if document.language != Language::Rules {
        return Some(json!([]));
    }
    Some(json!(look::symbols(document, &outline(&document.text, &scan(&document.text)))))
}

fn actions(server: &Server, params: &CodeActionParams) -> Option<Value> {
    let uri = &params.text_document.uri;
    let document = server.document(uri.as_str())?;
    let meets = |range: &Range| range.start <= params.range.end && params.range.start <= range.end;
    let mut actions = Vec::new();
    for shown in server.told.get(uri.as_str()).into_iter().flatten() {
        let Some(fix) = shown.fix.as_ref().filter(|_| meets(&shown.diagnostic.range)) else {
            continue;
        };
        // The text may have moved on since it was checked.
        if document.text.get(fix.at.clone()) != Some(fix.wrong.as_str()) {
            continue;
        }
        let edit = TextEdit { range: document.range(&fix.at), new_text: fix.right.clone() };
        actions.push(CodeAction {
            title: format!("Write `{}`", fix.right),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![shown.diagnostic.clone()]),
            edit: Some(WorkspaceEdit {
                changes: Some(HashMap::from([(uri.clone(), vec![edit])])),
                ..WorkspaceEdit::default()
            }),
            is_preferred: Some(true),
            ..CodeAction::default()
        });
    }
    Some(json!(actions))
}
