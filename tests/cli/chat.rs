//! The shipped plugin `chat`: its own tests pass, and a chat on loopback gets what it should.

use crate::program;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/chat")
}

/// A chat that gives these answers, one a connection, and tells each body.
fn chat(answers: &'static [&'static str]) -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for (answer, stream) in answers.iter().zip(listener.incoming()) {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(text) = line.strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            tell.send(serde_json::from_slice(&body).unwrap()).unwrap();
            let reply = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    (port, told)
}

/// The program, greeted.
struct Plugin {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Plugin {
    fn new(url: &str) -> Self {
        let mut child = Command::new(shipped().join("chat.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut plugin = Self { child, input, output };
        plugin.say(&json!({"type": "hello", "protocol": 1, "settings": {"style": "slack"},
            "secrets": {"url": url}}));
        plugin
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.contains("hush"), "{line}");
        serde_json::from_str(&line).unwrap()
    }

    fn act(&mut self, id: &str, message: &str) -> Value {
        self.say(&json!({"type": "act", "id": id, "do": "notify", "message": message}));
        self.hear()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn its_own_tests_pass() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("riposte.toml");
    std::fs::write(&config, "[rules]\npack = false\n[plugins.chat]\n").unwrap();
    crate::mode(&config, 0o600);
    let folder = dir.path().join("plugins/chat");
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    for file in ["plugin.toml", "chat.py"] {
        std::fs::copy(shipped().join(file), folder.join(file)).unwrap();
    }
    for entry in std::fs::read_dir(shipped().join("tests")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join("tests").join(entry.file_name())).unwrap();
    }
    let output = program().arg("-c").arg(config).args(["plugin", "test", "chat"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("0 failed"), "{said}");
}

#[test]
fn a_chat_gets_each_message_once_and_its_address_is_never_told() {
    let (port, told) = chat(&[
        "200 OK",
        "404 Not Found",
        "302 Found\r\nLocation: /elsewhere",
        "503 Busy\r\nRetry-After: 1",
        "204 No Content",
    ]);
    let mut plugin = Plugin::new(&format!("http://127.0.0.1:{port}/hush"));
    let body = || told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(plugin.hear()["type"], "ready");

    assert_eq!(plugin.act("a", "@here <!channel> `x`\u{202e}")["outcome"], "applied");
    assert_eq!(body()["text"], "`@\u{2060}here \u{2039}!channel\u{203a} 'x'\\u{202e}`");
    assert_eq!(plugin.act("a", "again")["outcome"], "unchanged");

    let failed = plugin.act("b", "lost");
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["message"], "the chat answered 404");
    // What came next is no second `a`.
    assert_eq!(body()["text"], "`lost`");

    assert_eq!(plugin.act("c", "led away")["outcome"], "failed");
    assert_eq!(body()["text"], "`led away`");

    assert_eq!(plugin.act("d", "later")["outcome"], "pending");
    let later = plugin.hear();
    assert_eq!((&later["id"], &later["outcome"]), (&json!("d"), &json!("applied")));
    assert_eq!((body(), body()).0["text"], "`later`");
}

#[test]
fn an_address_without_tls_is_refused_off_this_machine() {
    let fault = Plugin::new("http://chat.example/hush").hear();
    assert_eq!(fault["type"], "fault");
    assert!(fault["message"].as_str().unwrap().contains("https"), "{fault}");
}
