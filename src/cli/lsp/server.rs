//! The language server's state, and what becomes of each message.
//!
//! In: messages, results of checks. Out: answers, diagnostics, jobs for the checker. One thread owns
//! it; nothing here waits for anything.

use super::checker::{Checked, Job, Nearby};
use super::document::{Document, Language};
use super::findings::{Shown, shown};
use super::outline::{Outline, outline};
use super::place::{self, Place};
use super::scan::scan;
use super::wire::{self, Incoming};
use super::{answers, files};
use crate::limits;
use crossbeam_channel::{Sender, TrySendError};
use lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, Position,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the server knows.
pub struct Server {
    /// The open documents by their addresses.
    pub documents: BTreeMap<String, Document>,
    nearby: BTreeMap<String, Arc<Nearby>>,
    /// What the editor was last told of each document.
    pub told: BTreeMap<String, Vec<Shown>>,
    /// The config that the command line names, where there is one.
    config: Option<PathBuf>,
    jobs: Sender<Job>,
    out: Sender<Value>,
    /// A check is wanted, and the checker had no room for it.
    waiting: bool,
    /// Whether the editor fills in snippets.
    pub snippets: bool,
    state: State,
}

/// How far the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Running,
    ShutDown,
}

/// Why a request can't be met: a code of JSON-RPC and words.
pub type Refusal = (i64, String);

/// A place of a rule file with all that belongs to it.
pub struct At<'s> {
    /// The document.
    pub document: &'s Document,
    /// What it declares.
    pub outline: Outline,
    /// What stands there.
    pub place: Place,
    /// Which byte it is.
    pub offset: usize,
    /// What lies around.
    pub nearby: Arc<Nearby>,
}

impl Server {
    /// A server that writes to `out` and has documents checked by `jobs`.
    pub fn new(config: Option<PathBuf>, jobs: Sender<Job>, out: Sender<Value>) -> Self {
        Self {
            documents: BTreeMap::new(),
            nearby: BTreeMap::new(),
            told: BTreeMap::new(),
            config,
            jobs,
            out,
            waiting: false,
            snippets: false,
            state: State::Before,
        }
    }

    /// Whether `shutdown` came: then `exit` is no fault.
    pub fn is_shut_down(&self) -> bool {
        self.state == State::ShutDown
    }

    /// Handles a message; false when the conversation is over.
    pub fn handle(&mut self, message: Incoming) -> bool {
        match message {
            Incoming::Request { id, method, params } => {
                let result = match self.state {
                    State::Before if method != "initialize" => {
                        Err((wire::NOT_INITIALIZED, "`initialize` comes first".to_owned()))
                    }
                    State::ShutDown => {
                        Err((wire::INVALID_REQUEST, "the server is shut down".to_owned()))
                    }
                    _ => self.guarded(&method, params),
                };
                self.send(match result {
                    Ok(value) => wire::answer(&id, &value),
                    Err((code, words)) => wire::refusal(&id, code, &words),
                });
            }
            Incoming::Notification { method, .. } if method == "exit" => return false,
            Incoming::Notification { method, params } => {
                if self.state == State::Running {
                    self.notified(&method, params);
                }
            }
            Incoming::Response => {}
            Incoming::Broken { id, code, message } => self.send(wire::refusal(&id, code, &message)),
        }
        true
    }

    fn send(&self, message: Value) {
        // The writer is gone when the editor is; then the input ends too.
        self.out.send(message).ok();
    }

    /// A fault of ours costs one answer, not the server.
    fn guarded(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        let asked = std::panic::AssertUnwindSafe(|| self.asked(method, params));
        std::panic::catch_unwind(asked).unwrap_or_else(|_| {
            Err((wire::INTERNAL_ERROR, "an internal error; please report this".to_owned()))
        })
    }

    fn asked(&mut self, method: &str, params: Value) -> Result<Value, Refusal> {
        match method {
            "initialize" => {
                let snippets =
                    "/capabilities/textDocument/completion/completionItem/snippetSupport";
                self.snippets = params.pointer(snippets).and_then(Value::as_bool).unwrap_or(false);
                self.state = State::Running;
                Ok(answers::capabilities())
            }
            "shutdown" => {
                self.state = State::ShutDown;
                Ok(Value::Null)
            }
            _ => answers::answer(self, method, params),
        }
    }

    fn notified(&mut self, method: &str, params: Value) {
        match method {
            "textDocument/didOpen" => {
                if let Ok(params) = read::<DidOpenTextDocumentParams>(params) {
                    self.open(params);
                }
            }
            "textDocument/didChange" => {
                if let Ok(params) = read::<DidChangeTextDocumentParams>(params)
                    && let Some(document) =
                        self.documents.get_mut(params.text_document.uri.as_str())
                {
                    for change in params.content_changes {
                        document.apply(change);
                    }
                    document.version = params.text_document.version;
                    self.check();
                }
            }
            "textDocument/didClose" => {
                if let Ok(params) = read::<DidCloseTextDocumentParams>(params) {
                    let uri = params.text_document.uri.as_str();
                    if self.documents.remove(uri).is_some() {
                        self.nearby.remove(uri);
                        self.told.remove(uri);
                        self.publish(uri, None, &[]);
                        self.check();
                    }
                }
            }
            // Other files may have changed on disk.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.check(),
            _ => {}
        }
    }

    fn open(&mut self, params: DidOpenTextDocumentParams) {
        let item = params.text_document;
        let path = files::path_of(item.uri.as_str());
        let Some(language) = self.language(&item.language_id, path.as_deref()) else { return };
        if self.documents.len() >= limits::LSP_DOCUMENTS_MAX {
            return;
        }
        let document = Document::new(path, language, item.version, item.text);
        self.documents.insert(item.uri.as_str().to_owned(), document);
        self.check();
    }

    /// What a document is, by its name before its editor's word.
    fn language(&self, id: &str, path: Option<&Path>) -> Option<Language> {
        if path.is_some() && path == self.config.as_deref() {
            return Some(Language::Config);
        }
        let name = path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        match name.rsplit_once('.') {
            Some((stem, "toml")) if stem.starts_with("riposte") => Some(Language::Config),
            // Definitions are no rules.
            Some((stem, "rhai")) => {
                (stem.rsplit_once('.').is_none_or(|(_, end)| end != "d")).then_some(Language::Rules)
            }
            _ => (id == "rhai").then_some(Language::Rules),
        }
    }

    /// Has everything checked anew, soon.
    fn check(&mut self) {
        let job = Job { documents: self.documents.clone(), config: self.config.clone() };
        self.waiting = matches!(self.jobs.try_send(job), Err(TrySendError::Full(_)));
    }

    /// Takes in what a check found. What is of an older text is left away: a newer check follows.
    pub fn checked(&mut self, results: BTreeMap<String, Checked>) {
        for (uri, checked) in results {
            let Some(document) = self.documents.get(&uri) else { continue };
            self.nearby.insert(uri.clone(), checked.nearby);
            if document.version != checked.version {
                continue;
            }
            let found = shown(document, &checked.found);
            self.publish(&uri, Some(checked.version), &found);
            self.told.insert(uri, found);
        }
        if self.waiting {
            self.check();
        }
    }

    fn publish(&self, uri: &str, version: Option<i32>, found: &[Shown]) {
        let diagnostics: Vec<_> = found.iter().map(|one| &one.diagnostic).collect();
        let params = match version {
            Some(version) => json!({ "uri": uri, "version": version, "diagnostics": diagnostics }),
            None => json!({ "uri": uri, "diagnostics": diagnostics }),
        };
        self.send(wire::notification("textDocument/publishDiagnostics", &params));
    }

    /// What lies around a document.
    pub fn nearby(&self, uri: &str) -> Arc<Nearby> {
        self.nearby.get(uri).cloned().unwrap_or_default()
    }

    /// A document that isn't too long to be looked at.
    pub fn document(&self, uri: &str) -> Option<&Document> {
        self.documents.get(uri).filter(|one| one.text.len() <= limits::LSP_DOCUMENT_BYTES_MAX)
    }

    /// A place of a rule file.
    pub fn at(&self, uri: &str, position: Position) -> Option<At<'_>> {
        let document = self.document(uri).filter(|one| one.language == Language::Rules)?;
        let tokens = scan(&document.text);
        let outline = outline(&document.text, &tokens);
        let offset = document.offset(position);
        let place = place::look(&tokens, &outline, offset);
        Some(At { document, outline, place, offset, nearby: self.nearby(uri) })
    }
}

/// Parameters as their type.
pub fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|error| (wire::INVALID_PARAMS, error.to_string()))
}
