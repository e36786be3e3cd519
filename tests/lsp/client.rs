//! A language client for tests: speaks to the real program over its pipes.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server with a folder of its own.
pub struct Client {
    pub dir: tempfile::TempDir,
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    seen: VecDeque<Value>,
    last_id: i64,
}

impl Client {
    /// Starts the server; it is not spoken to yet.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(["lsp", "--stdio"])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, messages) = channel();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            while let Some(message) = next(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { dir, child, input, messages, seen: VecDeque::new(), last_id: 0 }
    }

    /// Starts the server and says hello.
    pub fn started() -> Self {
        let mut client = Self::new();
        let snippets = json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } });
        let answer = client.ask(
            "initialize",
            json!({ "processId": null, "rootUri": null, "capabilities": snippets }),
        );
        assert_eq!(answer["serverInfo"]["name"], "riposte");
        client.tell("initialized", json!({}));
        client
    }

    /// Writes a file into the folder, as a rule file must be: others can't write it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.dir.path().canonicalize().unwrap().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The whole answer to a request.
    pub fn answer(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.wait(|message| message["id"] == json!(id))
    }

    /// The result of a request.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The next message that fits; others are kept.
    pub fn wait(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.seen.iter().position(&fits) {
            return self.seen.remove(at).unwrap();
        }
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("no answer came in time");
            if fits(&message) {
                return message;
            }
            self.seen.push_back(message);
        }
    }

    /// The findings of a document in one of its states.
    pub fn diagnostics(&mut self, path: &Path, version: i64) -> Vec<Value> {
        let uri = uri(path);
        let message = self.wait(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri.as_str()
                && message["params"]["version"] == version
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    pub fn open(&mut self, path: &Path, text: &str) {
        let language = if path.extension().unwrap() == "toml" { "toml" } else { "rhai" };
        let item = json!({ "uri": uri(path), "languageId": language, "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": item }));
    }

    /// Replaces the whole text.
    pub fn change(&mut self, path: &Path, version: i64, text: &str) {
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri(path), "version": version },
                "contentChanges": [{ "text": text }],
            }),
        );
    }

    /// Asks something of the place of `¦` in a text that it opens or changes to.
    pub fn at(&mut self, method: &str, path: &Path, version: i64, marked: &str) -> Value {
        let position = position(marked);
        let text = marked.replace('¦', "");
        if version == 1 {
            self.open(path, &text);
        } else {
            self.change(path, version, &text);
        }
        self.ask(method, json!({ "textDocument": { "uri": uri(path) }, "position": position }))
    }

    /// The labels that a completion at `¦` offers.
    pub fn labels(&mut self, path: &Path, version: i64, marked: &str) -> Vec<String> {
        let answer = self.at("textDocument/completion", path, version, marked);
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }

    /// Says goodbye; how the server ended.
    pub fn end(mut self) -> ExitStatus {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.child.wait().unwrap()
    }

    /// Closes the pipe without a word; how the server ended.
    pub fn hang_up(mut self) -> ExitStatus {
        self.input = None;
        self.child.wait().unwrap()
    }

    /// How the server ended, once it has.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

fn next(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().strip_prefix("Content-Length: ") {
            Some(number) => length = number.parse().unwrap(),
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

pub fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The position of `¦`, its column in UTF-16 units.
pub fn position(marked: &str) -> Value {
    let before = marked.split('¦').next().unwrap();
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap().encode_utf16().count();
    json!({ "line": line, "character": column })
}
