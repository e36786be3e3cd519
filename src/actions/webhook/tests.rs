//! Webhooks against a small server on a real socket that answers badly in every way.

use super::*;
use crate::actions::executors::Executors;
use crate::actions::tests::Desk;
use crate::actions::{ActionsConfig, Item};
use crate::decisions::{Action, ActionId, Outcome};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server does with the next connection.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Answer(&'static str),
    /// Reads the request and closes without a word.
    Hang,
    /// Reads the request and says nothing for long.
    Silence,
    /// Closes at once.
    Reset,
}

const OK: Fault = Fault::Answer("200 OK\r\nContent-Length: 0");

struct Server {
    url: String,
    /// Requests as they came: head and body.
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn start(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, faults) = (Arc::clone(&seen), faults.to_vec());
        std::thread::spawn(move || {
            for fault in faults {
                let (stream, _) = listener.accept().unwrap();
                serve(stream, fault, &log);
            }
        });
        Self { url, seen }
    }
}

fn serve(mut stream: TcpStream, fault: Fault, log: &Mutex<Vec<(String, String)>>) {
    if matches!(fault, Fault::Reset) {
        return;
    }
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    log.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
    match fault {
        Fault::Answer(answer) => {
            stream
                .write_all(format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n").as_bytes())
                .unwrap();
        }
        Fault::Silence => std::thread::sleep(Duration::from_secs(3)),
        Fault::Hang | Fault::Reset => {}
    }
}

fn item(id: u128) -> Item {
    let fields = BTreeMap::from([
        ("ip".to_owned(), serde_json::json!("192.0.2.1")),
        ("rule".to_owned(), serde_json::json!("forged")),
    ]);
    Item {
        id: ActionId(id),
        action: Action::Perform {
            rule: "guessing".into(),
            key: "192.0.2.1".to_owned(),
            time: Timestamp::from_secs(1_700_000_000),
            effect: Effect::Webhook { name: "ops".to_owned(), fields },
        },
        attempt: 0,
        urgent: false,
    }
}

fn run(
    url: &str,
    attempts: u32,
    secret: Option<&std::path::Path>,
    dry_run: bool,
) -> (Outcome, u32, Duration) {
    let secret =
        secret.map_or(String::new(), |path| format!("secret = \"file:{}\"", path.display()));
    let config: ActionsConfig = toml::from_str(&format!(
        "[[webhooks]]\nname = \"ops\"\nurl = \"{url}\"\ntimeout = \"400ms\"\nattempts = {attempts}\n{secret}"
    ))
    .unwrap();
    assert_eq!(config.check(), Vec::<String>::new());
    let desk = Arc::new(Desk::default());
    let executors =
        Executors::start(&config, desk.clone(), &(desk.clone() as _), Vec::new(), dry_run);
    let started = Instant::now();
    assert!(executors.submit(vec![item(7)]).is_empty());
    let (destination, outcome, attempt) = desk.outcome(7);
    assert_eq!(destination, "webhook:ops");
    let took = started.elapsed();
    assert!(executors.stop(Duration::from_secs(2)));
    (outcome, attempt, took)
}

#[test]
fn a_request_is_signed_and_carries_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "s3cret\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let server = Server::start(&[OK]);
    assert_eq!(run(&server.url, 1, Some(&path), false).0, Outcome::Applied);
    let (head, body) = server.seen.lock().unwrap()[0].clone();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("post /hook http/1.1"), "{head}");
    assert!(head.contains(&format!("idempotency-key: {:032x}", 7)), "{head}");
    let header = head.lines().find_map(|line| line.strip_prefix("riposte-signature: ")).unwrap();
    let seconds: i64 =
        header.strip_prefix("t=").unwrap().split_once(',').unwrap().0.parse().unwrap();
    let expected = signature(
        &Secret::new("s3cret".to_owned()),
        Timestamp::from_secs(seconds),
        body.as_bytes(),
    );
    assert_eq!(header, expected.unwrap());
    let payload: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(payload["rule"], "guessing", "a field can't forge the rule");
    assert_eq!(payload["ip"], "192.0.2.1");
}

#[test]
fn a_signature_is_the_one_that_others_compute() {
    // By another implementation of RFC 2104, over `1700000000.{}`.
    let made =
        signature(&Secret::new("key".to_owned()), Timestamp::from_secs(1_700_000_000), b"{}");
    assert_eq!(
        made.unwrap(),
        "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    );
}

#[test]
fn what_fails_is_tried_again_with_the_same_key() {
    let server = Server::start(&[
        Fault::Reset,
        Fault::Answer("500 Oops\r\nContent-Length: 0"),
        Fault::Answer("429 Slow\r\nRetry-After: 2\r\nContent-Length: 0"),
        OK,
    ]);
    let (outcome, attempt, took) = run(&server.url, 5, None, false);
    assert_eq!((outcome, attempt), (Outcome::Applied, 4));
    assert!(took > Duration::from_secs(3), "{took:?}");
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|(head, _)| {
        head.to_ascii_lowercase().contains(&format!("idempotency-key: {:032x}", 7))
    }));
}

#[test]
fn what_may_have_arrived_is_unconfirmed_and_what_did_not_failed() {
    for (faults, unconfirmed) in [
        (&[Fault::Silence][..], true),
        (&[Fault::Hang], true),
        (&[Fault::Silence, Fault::Answer("503 No\r\nContent-Length: 0")], true),
        (&[Fault::Answer("500 No\r\nContent-Length: 0")], false),
        (&[Fault::Answer("404 None\r\nContent-Length: 0"), OK], false),
        (
            &[Fault::Answer("302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0")],
            false,
        ),
    ] {
        let server = Server::start(faults);
        let attempts = u32::try_from(faults.len()).unwrap();
        let (outcome, _, _) = run(&server.url, attempts, None, false);
        match outcome {
            Outcome::Unconfirmed(_) => assert!(unconfirmed, "{faults:?}"),
            Outcome::Failed(_) => assert!(!unconfirmed, "{faults:?}"),
            other => panic!("{faults:?}: {other:?}"),
        }
    }
    let (outcome, _, _) = run("http://127.0.0.1:1/hidden-token", 1, None, false);
    match outcome {
        Outcome::Failed(reason) => {
            assert!(reason.contains("connect") && !reason.contains("hidden-token"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_dry_run_shows_the_request_and_sends_nothing() {
    let (outcome, _, _) = run("https://hooks.example.com/x", 1, None, true);
    let Outcome::DryRun(text) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(text.starts_with("POST https://hooks.example.com/x\n"), "{text}");
    assert!(text.contains("\"key\":\"192.0.2.1\""), "{text}");
}
