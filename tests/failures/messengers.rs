//! Telling people: an attack is a few messages whose counts add up, also over a `kill -9` and an outage
//! of the service; mail goes to a real mail server over TLS, and nowhere else.

use crate::support::web::{Server, command, free_port, installed, listens};
use crate::support::{Place, line, private_file};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| notify("ops", `${hit.ip} asked for ${hit.count} pages that are not there`));
"#;

/// A look-alike of a chat service's webhook, which refuses as many requests as it is told.
struct Chat {
    url: String,
    texts: Arc<Mutex<Vec<String>>>,
    refuses: Arc<AtomicUsize>,
}

impl Chat {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let texts = Arc::new(Mutex::new(Vec::new()));
        let refuses = Arc::new(AtomicUsize::new(0));
        let (heard, left) = (Arc::clone(&texts), Arc::clone(&refuses));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                // A connection may carry several requests.
                while let Some(body) = request(&mut reader) {
                    let is_refused =
                        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                            left.checked_sub(1)
                        });
                    let answer = if is_refused.is_ok() {
                        "429 Too Many Requests\r\nRetry-After: 1"
                    } else {
                        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                        assert_eq!(body["mrkdwn"], false);
                        heard.lock().unwrap().push(body["text"].as_str().unwrap().to_owned());
                        "200 OK"
                    };
                    let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 2\r\n\r\nok");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { url, texts, refuses }
    }

    fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap().clone()
    }

    /// How many messages it was told of, by themselves or in a summary.
    fn told(&self) -> u64 {
        let count = |text: &String| {
            let title = text.lines().next().unwrap();
            let more = title.strip_suffix(" more").and_then(|head| head.rsplit(' ').next());
            more.map_or(1, |count| count.parse().unwrap())
        };
        self.texts().iter().map(count).sum()
    }
}

fn request(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

/// A place whose channel leads to the chat; messages are grouped for so long.
fn place(root: &Path, chat: &Chat, group: &str) -> Place {
    let dir = root.join("p");
    fs::create_dir_all(&dir).unwrap();
    let url = private_file(&dir, "chat.url", &chat.url);
    let more = format!(
        "[[actions.channels]]\nname = \"ops\"\nto = \"slack\"\nurl = \"file:{}\"\ngroup = \"{group}\"\n",
        url.display()
    );
    Place::new(root, "p", RULES, &more)
}

fn attack_of(clients: usize) -> String {
    let lines = |number: usize| {
        (0..3).map(move |page| line(&format!("203.0.113.{number}"), &format!("/no/{page}"), 404))
    };
    (1..=clients).flat_map(lines).collect()
}

#[test]
fn an_attack_is_a_few_messages_and_their_counts_add_up() {
    let root = tempfile::tempdir().unwrap();
    let chat = Chat::start();
    // The first message has to be tried again too.
    chat.refuses.store(1, Ordering::SeqCst);
    let place = place(root.path(), &chat, "2s");
    let daemon = place.start_and_wait();
    place.append(&attack_of(50));
    place.wait(Duration::from_secs(30), "all are told of", || chat.told() == 50);
    let texts = chat.texts();
    assert!(texts.len() <= 4, "{texts:#?}");
    assert!(texts[0].ends_with("203.0.113.1 asked for 3 pages that are not there"), "{texts:#?}");
    assert!(texts[1].contains("… and "), "{texts:#?}");
    place.wait(Duration::from_secs(10), "the store knows", || {
        place.store().pending(1_000).unwrap().is_empty()
    });
    daemon.terminate();
    assert!(!place.log().contains(&chat.url), "the address is a secret");
}

#[test]
fn what_is_held_survives_a_kill_and_is_told_at_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let chat = Chat::start();
    let before = place(root.path(), &chat, "1h");
    let mut daemon = before.start_and_wait();
    before.append(&attack_of(40));
    before.wait(Duration::from_secs(30), "the first is told", || chat.told() == 1);
    before.wait(Duration::from_secs(30), "the others wait in the store", || {
        before.store().pending(1_000).unwrap().len() == 39
    });
    daemon.kill();
    let config = fs::read_to_string(before.dir.join("riposte.toml")).unwrap();
    fs::write(before.dir.join("riposte.toml"), config.replace("\"1h\"", "\"1s\"")).unwrap();
    let daemon = before.start_and_wait();
    before.wait(Duration::from_secs(30), "all are told of", || chat.told() == 40);
    assert_eq!(chat.texts().len(), 3, "{:#?}", chat.texts());
    before.wait(Duration::from_secs(10), "the store knows", || {
        before.store().pending(1_000).unwrap().is_empty()
    });
    daemon.terminate();
}

#[test]
fn an_alarm_of_riposte_itself_is_told_once() {
    let root = tempfile::tempdir().unwrap();
    let chat = Chat::start();
    let place = place(root.path(), &chat, "5m");
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    // A folder is no file that can be read: the source says so.
    fs::create_dir(place.dir.join("folder")).unwrap();
    let more = format!(
        "[[sources]]\nname = \"odd\"\npaths = [\"{}\"]\nformat = \"nginx\"\n[alarms]\nchannel = \"ops\"\n",
        place.dir.join("folder").display()
    );
    fs::write(place.dir.join("riposte.toml"), config + more.as_str()).unwrap();
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(30), "the alarm is told", || chat.told() > 0);
    let text = chat.texts().remove(0);
    assert!(text.contains(": riposte\n") && text.contains("odd: "), "{text}");
    daemon.terminate();
}

/// A mail server that writes each mail to a file, and lets in who knows the password.
const MAIL_SERVER: &str = r"
import ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
class Sink:
    count = 0
    async def handle_DATA(self, server, session, envelope):
        Sink.count += 1
        with open(f'mail-{Sink.count}', 'wb') as file:
            file.write(repr((envelope.mail_from, envelope.rcpt_tos)).encode() + b'\n' + envelope.content)
        return '250 kept'
def login(server, session, envelope, mechanism, auth):
    right = auth == LoginPassword(b'riposte', b'mail-p4ssword')
    return AuthResult(success=right, handled=right)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('leaf.pem', 'leaf.key')
Controller(Sink(), hostname='127.0.0.1', port=int(sys.argv[1]), ssl_context=context,
           auth_required=True, auth_require_tls=False, authenticator=login).start()
while True:
    time.sleep(60)
";

fn certificates(dir: &Path) {
    fs::write(dir.join("leaf.ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    for words in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca",
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf",
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 2 -extfile leaf.ext",
    ] {
        let output =
            Command::new("openssl").args(words.split(' ')).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn mail_goes_over_tls_to_who_is_believed_and_to_nobody_else() {
    let test = "mail_goes_over_tls_to_who_is_believed_and_to_nobody_else";
    let has_server = Command::new("/usr/bin/python3").args(["-c", "import aiosmtpd"]).output();
    if !installed(test, &["openssl"]) {
        return;
    }
    if !has_server.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED {test}: `python3-aiosmtpd` is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("p");
    fs::create_dir_all(&dir).unwrap();
    certificates(&dir);
    fs::write(dir.join("server.py"), MAIL_SERVER).unwrap();
    let port = free_port();
    let _server = Server::start(
        command("/usr/bin/python3").args(["server.py", &port.to_string()]).current_dir(&dir),
        &dir.join("server.log"),
        || listens(port),
    );
    let password = private_file(&dir, "password", "mail-p4ssword\n");
    let wrong = private_file(&dir, "wrong", "another\n");
    let channel = |name: &str, password: &Path, more: &str| {
        format!(
            "[[actions.channels]]\nname = \"{name}\"\nto = \"email\"\nurl = \"smtps://127.0.0.1:{port}\"\n\
             user = \"riposte\"\ntoken = \"file:{}\"\nsender = \"Riposte <riposte@example.com>\"\n\
             recipients = [\"ops@example.com\", \"boss@example.com\"]\n{more}",
            password.display()
        )
    };
    let believed = format!("ca_file = \"{}\"\n", dir.join("ca.pem").display());
    let more = [
        channel("ops", &password, &believed),
        channel("stranger", &password, ""),
        channel("wrong", &wrong, &believed),
    ]
    .concat();
    let place = Place::new(root.path(), "p", RULES, &more);
    let (code, said) =
        place.code(&["notify", "test", "ops", "--message", "é\r\nBcc: x@example.com"]);
    assert_eq!((code, said.trim()), (0, "ops: sent"));
    let mail = fs::read_to_string(dir.join("mail-1")).unwrap();
    assert!(
        mail.starts_with("('riposte@example.com', ['ops@example.com', 'boss@example.com'])"),
        "{mail}"
    );
    let head = mail.split("\r\n\r\n").next().unwrap();
    assert!(head.contains("Subject: riposte on "), "{mail}");
    assert!(!head.contains("Bcc"), "{mail}");
    // Whom nobody has signed gets no password, and a refusal tells none.
    let (code, said) = place.code(&["notify", "test", "stranger"]);
    assert_eq!(code, 1);
    assert!(said.contains("certificate"), "{said}");
    let (code, said) = place.code(&["notify", "test", "wrong"]);
    assert_eq!(code, 1);
    assert!(said.contains("535") && !said.contains("another"), "{said}");
    let (code, said) = place.code(&["notify", "test", "ops", "--dry-run"]);
    assert_eq!(code, 0);
    assert!(said.contains("To: ops@example.com") && !said.contains("p4ssword"), "{said}");
    assert!(!dir.join("mail-2").exists());
    let daemon = place.start_and_wait();
    place.append(&attack_of(1));
    place.wait(Duration::from_secs(20), "the rule's mail is there", || dir.join("mail-2").exists());
    daemon.terminate();
    assert!(
        fs::read_to_string(dir.join("mail-2")).unwrap().contains("203.0.113.1 asked for 3 pages")
    );
}

#[test]
fn a_channel_that_is_not_there_is_told_with_those_that_are() {
    let root = tempfile::tempdir().unwrap();
    let chat = Chat::start();
    let place = place(root.path(), &chat, "5m");
    let (code, said) = place.code(&["notify", "test", "opps"]);
    assert_eq!(code, 2);
    assert!(said.contains("there is no channel `opps`") && said.contains("`ops`"), "{said}");
    let (code, said) = place.code(&["notify", "list"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("ops  slack, one message a rule in 5m, 30 an hour"), "{said}");
    fs::remove_file(place.dir.join("chat.url")).unwrap();
    let (code, said) = place.code(&["notify", "list"]);
    assert_eq!(code, 1);
    assert!(said.contains("chat.url"), "{said}");
}

/// Each example of docs/notify.md is a config without faults, and says what would be sent.
#[test]
fn the_examples_of_the_page_are_configs_that_would_send() {
    let page = include_str!("../../docs/notify.md");
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 7);
    let root = tempfile::tempdir().unwrap();
    for (number, block) in blocks.iter().enumerate() {
        let place = Place::new(root.path(), &format!("p{number}"), RULES, block);
        let names: Vec<&str> = block
            .lines()
            .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
            .collect();
        assert!(!names.is_empty(), "{block}");
        for name in names {
            let (code, said) = place.code(&["notify", "test", name, "--dry-run", "--json"]);
            assert_eq!(code, 0, "{block}\n{said}");
            let said: serde_json::Value = serde_json::from_str(&said).unwrap();
            assert_eq!(said["outcome"], "would be sent", "{block}");
            let call = said["detail"].as_str().unwrap();
            assert!(call.contains("riposte can reach you here"), "{call}");
        }
    }
}
