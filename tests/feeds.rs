//! Threat feeds on the running daemon: fetched from a real server, asked by rules, kept over restarts
//! and crashes, refused when they are not to be believed.
#![expect(clippy::unwrap_used, reason = "test helpers")]

mod support;

use riposte::feeds::FeedStatus;
use riposte::feeds::keeper::FeedState;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Place, line};

/// What the server says next.
#[derive(Clone)]
enum Says {
    /// A list, with an `ETag` that is its own text's.
    List(String),
    /// These bytes as they are, head and all.
    Raw(Vec<u8>),
    /// A body of that many bytes, without a length.
    Endless(usize),
    /// Pages: the first, and then the one that `next` names.
    Pages(Vec<String>),
    /// Nothing: the connection is closed.
    Nothing,
}

/// A server of lists on loopback.
struct Server {
    port: u16,
    says: Arc<Mutex<Says>>,
    /// The head of each request.
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(list: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let says = Arc::new(Mutex::new(Says::List(list.to_owned())));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answers, requests) = (Arc::clone(&says), Arc::clone(&heard));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let says = answers.lock().unwrap().clone();
                if let Some(head) = answer(stream, &says) {
                    requests.lock().unwrap().push(head);
                }
            }
        });
        Self { port, says, heard }
    }

    fn says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn lists(&self, list: &str) {
        self.says(Says::List(list.to_owned()));
    }

    fn last_request(&self) -> String {
        self.heard.lock().unwrap().last().cloned().unwrap_or_default()
    }

    /// A config's feed that is fetched from here.
    fn feed(&self, more: &str) -> String {
        format!(
            "[[feeds]]\nname = \"bad\"\nurl = \"http://127.0.0.1:{}/list\"\n{more}\n",
            self.port
        )
    }
}

fn answer(mut stream: TcpStream, says: &Says) -> Option<String> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let response = match says {
        Says::Nothing => return Some(head),
        Says::Raw(bytes) => bytes.clone(),
        Says::List(list) => {
            let etag = format!("\"{}-{}\"", list.len(), list.bytes().map(u32::from).sum::<u32>());
            if head.contains(&format!("if-none-match: {etag}\r\n")) {
                b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n".to_vec()
            } else {
                reply("200 OK", &format!("ETag: {etag}\r\n"), list.as_bytes())
            }
        }
        Says::Pages(pages) => {
            let asked = head.split("next=").nth(1).and_then(|rest| rest.split(' ').next());
            let place = asked.map_or(0, |number| number.parse::<usize>().unwrap());
            reply("200 OK", "", pages.get(place).map_or("{}", String::as_str).as_bytes())
        }
        Says::Endless(bytes) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").ok()?;
            let piece = "203.0.113.1\n".repeat(10_000);
            let mut left = *bytes;
            while left > 0 && stream.write_all(piece.as_bytes()).is_ok() {
                left = left.saturating_sub(piece.len());
            }
            return Some(head);
        }
    };
    stream.write_all(&response).ok()?;
    Some(head)
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

const LISTED: &str = r#"
rule("listed").on("http").when(|e| in_feed(e.ip, "bad")).by("ip").then(|hit| block(hit.ip, "1h"));
"#;

fn feed(place: &Place) -> FeedStatus {
    place.status().feeds.first().cloned().unwrap()
}

fn wait_for_version(place: &Place) {
    place.wait(Duration::from_secs(20), "the feed is in force", || feed(place).version.is_some());
}

fn refresh(place: &Place) -> (i32, String) {
    place.code(&["feeds", "refresh", "bad"])
}

fn is_hit(place: &Place, rule: &str, client: &str) -> bool {
    place.hits(rule).contains_key(client)
}

fn wait_for_hit(place: &Place, rule: &str, client: &str) {
    let what = format!("`{rule}` hits {client}");
    place.wait(Duration::from_secs(20), &what, || is_hit(place, rule, client));
}

#[test]
fn serial_a_feed_is_asked_for_and_outlives_its_server() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start("# bad\n203.0.113.0/28\nnonsense\n10.0.0.1\n");
    let place = Place::new(root.path(), "p", LISTED, &server.feed(""));
    let mut daemon = place.start_and_wait();
    wait_for_version(&place);
    let status = feed(&place);
    assert_eq!((status.state, status.entries), (FeedState::Well, 1));
    assert_eq!((status.bad_lines, status.special), (1, 1));
    place.append(&line("203.0.113.77", "/", 200));
    place.append(&line("203.0.113.5", "/", 200));
    wait_for_hit(&place, "listed", "203.0.113.5");
    assert!(!is_hit(&place, "listed", "203.0.113.77"), "it is not on the list");
    // It is asked for only if it has changed.
    assert_eq!(refresh(&place), (0, "it has not changed\n".to_owned()));
    let asked = server.last_request();
    assert!(
        asked.contains("if-none-match: \"") && asked.contains("user-agent: riposte/"),
        "{asked}"
    );
    // Without the server, and without an orderly end: the last good copy counts.
    server.says(Says::Nothing);
    daemon.kill();
    let daemon = place.start_and_wait();
    place.append(&line("203.0.113.6", "/", 200));
    wait_for_hit(&place, "listed", "203.0.113.6");
    let (code, said) = refresh(&place);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("it can't be had: no reply") && said.contains("stays in force"),
        "{said}"
    );
    let (code, said) = place.code(&["feeds", "list"]);
    assert!(code == 1 && said.contains("can't be had") && said.contains("1 entry"), "{said}");
    // By hand, who lists an address; and replay asks the same copies.
    let (code, said) = place.code(&["feeds", "find", "203.0.113.9"]);
    assert_eq!((code, said.as_str()), (1, "bad: 203.0.113.0/28\n"));
    let log = place.dir.join("access.log").display().to_string();
    let replayed = place.ask(&["replay", "--json", &log]);
    assert_eq!(replayed.matches("\"type\":\"hit\"").count(), 2, "{replayed}");
    let version = status.version.unwrap();
    let told = format!(r#"{{"type":"feed","name":"bad","version":"{version}","entries":1}}"#);
    assert!(replayed.contains(&told), "{told}: {replayed}");
    let replayed = place.ask(&["replay", &log]);
    assert!(replayed.contains(&format!("feed `bad`: 1 entry as of {version}")), "{replayed}");
    daemon.terminate();
}

/// So many addresses, one a line.
fn addresses(network: &str, count: usize) -> String {
    let all: Vec<String> = (0..count).map(|n| format!("{network}.{n}")).collect();
    all.join("\n") + "\n"
}

/// What a server may say, and what is told of it.
fn hostile(good: &str, twice: &str) -> Vec<(Says, &'static str)> {
    let gzip = [&[0x1f, 0x8b, 8, 0][..], &[0; 400]].concat();
    let lists = |text: &str| Says::List(text.to_owned());
    vec![
        (lists(twice), "it has 201 entries, the version in force has 100"),
        (lists("203.0.113.1\n"), "it has 1 entry, the version in force has 100"),
        (lists("# all gone\n"), "it lists nothing"),
        (
            lists(&format!("{good}0.0.0.0/0\n")),
            "it lists `0.0.0.0/0`, which is too much to be true",
        ),
        (lists(&format!("{good}2000::/3\n")), "it lists `2000::/3`"),
        (lists(&format!("{good}198.51.100.0/25\n")), "allowlist entry"),
        (
            lists("<html><body>\nCome back later\n</body></html>\n"),
            "most of its lines are no entries",
        ),
        (Says::Raw(reply("200 OK", "", &gzip)), "this is no text but a compressed file"),
        (
            Says::Raw(reply("200 OK", "", b"203.0.113.1\n\0\0\x01\x02")),
            "this is no text but a binary file",
        ),
        (Says::Raw(reply("500 Oh", "", b"")), "the server answers 500"),
        (Says::Raw(reply("403 No", "", b"")), "does it need a key"),
        (
            Says::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n203.0.113.1\n".to_vec()),
            "the answer broke off",
        ),
        (
            Says::Raw(reply("302 Found", "Location: https://127.0.0.1/x\r\n", b"")),
            "no public address",
        ),
        (Says::Raw(reply("302 Found", "Location: http://192.0.2.1/\r\n", b"")), "without TLS"),
        (Says::Raw(reply("302 Found", "Location: file:///etc/passwd\r\n", b"")), "no address"),
        (Says::Endless(60 * 1024 * 1024), "it is longer than 48 MiB"),
        (Says::Raw(b"\xff\xfe\xfd".to_vec()), "it can't be had"),
        (Says::Nothing, "it can't be had"),
    ]
}

#[test]
fn serial_what_is_not_to_be_believed_changes_nothing_and_is_told() {
    let root = tempfile::tempdir().unwrap();
    let good = addresses("203.0.113", 100);
    let server = Server::start(&good);
    let more = format!("[[feeds]]\nname = \"other\"\npath = \"other.list\"\n{}", server.feed(""));
    let place = Place::new(root.path(), "p", LISTED, &more);
    let config = std::fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &config.replace("[guard]", "[guard]\nallow = [\"198.51.100.7\"]"));
    let daemon = place.start_and_wait();
    let of_bad = || {
        let feeds = place.status().feeds;
        feeds.into_iter().find(|feed| feed.name == "bad").unwrap()
    };
    place.wait(Duration::from_secs(20), "the feed is in force", || of_bad().version.is_some());
    let before = of_bad().version;
    let twice = addresses("45.64.1", 201);
    let hostile = hostile(&good, &twice);
    for (says, wanted) in hostile {
        server.says(says);
        let (code, said) = refresh(&place);
        assert!(code == 1 && said.contains(wanted), "{wanted}: {said}");
        let now = of_bad();
        assert_eq!((now.version, now.entries), (before, 100), "{wanted}");
        assert!(now.is_ill(), "{wanted}");
    }
    let alarms = place.status().alarms;
    let told = |words: &str| alarms.iter().any(|alarm| alarm.text.contains(words));
    assert!(told("it lists nothing") && told("allowlist entry"), "{alarms:?}");
    // A person may know better, but nonsense stays nonsense.
    server.lists(&twice);
    let (code, said) = place.code(&["feeds", "refresh", "bad", "--accept"]);
    assert_eq!((code, said.as_str()), (0, "201 entries, 201 new\n"));
    server.lists("0.0.0.0/0\n");
    let (code, said) = place.code(&["feeds", "refresh", "bad", "--accept"]);
    assert!(code == 1 && said.contains("too much to be true"), "{said}");
    place.append(&line("45.64.1.200", "/", 200));
    wait_for_hit(&place, "listed", "45.64.1.200");
    // The other feed, whose file came late, is in force without a restart.
    place.write("other.list", "198.51.100.9\n");
    let (code, said) = place.code(&["feeds", "refresh", "other"]);
    assert_eq!((code, said.as_str()), (0, "1 entry, 0 new\n"));
    daemon.terminate();
}

/// The window of a client that was listed, wasn't, and is again: what counts is what was listed when
/// its line came, also after a crash that makes everything be evaluated again.
#[test]
fn serial_a_crash_evaluates_again_with_the_versions_of_then() {
    let rules = r#"
rule("twice").on("http").when(|e| in_feed(e.ip, "bad")).by("ip").count(2, "1h").then(|hit| block(hit.ip, "1h"));
rule("news").on("feed.added").by("prefix").then(|hit| block(hit.key, "1h"));
"#;
    let (x, y) = ("203.0.113.1", "203.0.113.2");
    let root = tempfile::tempdir().unwrap();
    let server = Server::start(&format!("{x}\n"));
    let place = Place::new(root.path(), "p", rules, &server.feed(""));
    let mut daemon = place.start_and_wait();
    wait_for_version(&place);
    let read = |lines: u64| {
        place.wait(Duration::from_secs(20), "lines are read", || place.records("web") >= lines);
    };
    place.append(&line(x, "/", 200));
    read(1);
    server.lists(&format!("{y}\n"));
    assert_eq!(refresh(&place), (0, "1 entry, 1 new\n".to_owned()));
    wait_for_hit(&place, "news", y);
    place.append(&line(x, "/", 200));
    place.append(&line(y, "/", 200).repeat(2));
    wait_for_hit(&place, "twice", y);
    daemon.kill();
    let daemon = place.start_and_wait();
    server.lists(&format!("{x}\n{y}\n"));
    assert_eq!(refresh(&place), (0, "2 entries, 1 new\n".to_owned()));
    assert!(!is_hit(&place, "twice", x), "its second line came while it was not listed");
    place.append(&line(x, "/", 200));
    wait_for_hit(&place, "twice", x);
    // Each piece of news once, whatever happened in between.
    assert_eq!(place.hits("news").into_iter().collect::<Vec<_>>(), [(x.into(), 1), (y.into(), 1)]);
    assert_eq!(place.hits("twice").into_values().collect::<Vec<_>>(), [1, 1]);
    daemon.terminate();
    // Orderly, too.
    let daemon = place.start_and_wait();
    assert_eq!(feed(&place).entries, 2);
    assert_eq!(place.hits("news").len(), 2);
    daemon.terminate();
    // Old versions don't stay for ever.
    let copies = std::fs::read_dir(place.dir.join("state/feeds/bad")).unwrap();
    let lists =
        copies.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "list"));
    assert_eq!(lists.count(), 1);
}

/// The file is the same, and asked otherwise it lists somebody else.
#[test]
fn serial_another_layout_of_the_same_file_counts_from_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let feed = |column: usize| {
        format!(
            "[[feeds]]\nname = \"bad\"\npath = \"bad.csv\"\nformat = \"csv\"\ncolumn = {column}\n"
        )
    };
    let place = Place::new(root.path(), "p", LISTED, &feed(1));
    place.write("bad.csv", "203.0.113.1,203.0.113.2\n");
    let daemon = place.start_and_wait();
    wait_for_version(&place);
    daemon.terminate();
    let config = std::fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &config.replace("column = 1", "column = 2"));
    let daemon = place.start_and_wait();
    let (code, said) = refresh(&place);
    assert_eq!(code, 0, "{said}");
    place.append(&line("203.0.113.1", "/", 200));
    place.append(&line("203.0.113.2", "/", 200));
    wait_for_hit(&place, "listed", "203.0.113.2");
    assert!(!is_hit(&place, "listed", "203.0.113.1"));
    daemon.terminate();
}

#[test]
fn serial_a_feed_that_the_config_has_no_more_lists_nobody() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start("203.0.113.1\n");
    let place = Place::new(root.path(), "p", LISTED, &server.feed(""));
    let daemon = place.start_and_wait();
    wait_for_version(&place);
    daemon.terminate();
    let config = std::fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    let (without, _) = config.split_once("[[feeds]]").unwrap();
    place.write("riposte.toml", without);
    let (_, found) = place.code(&["check"]);
    assert!(found.contains("feed `bad`") || found.contains("`bad`"), "{found}");
    let daemon = place.start_and_wait();
    place.append(&line("203.0.113.1", "/", 200));
    place.wait(Duration::from_secs(20), "the line is read", || place.records("web") >= 1);
    std::thread::sleep(Duration::from_millis(200));
    assert!(!is_hit(&place, "listed", "203.0.113.1"));
    daemon.terminate();
}

/// The key goes where the config says, and nowhere else: neither into what is shown nor to where a
/// redirect leads.
#[test]
fn serial_a_key_goes_into_its_header_alone() {
    let root = tempfile::tempdir().unwrap();
    let key = root.path().join("key");
    std::fs::write(&key, "s3cr3t-key\n").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&key, private).unwrap();
    let server = Server::start(r#"{"data":[{"ip":"203.0.113.1"}]}"#);
    let more = format!(
        "format = \"json\"\nvalues = \"data[].ip\"\ntoken = \"file:{}\"\ntoken_header = \"Key\"",
        key.display()
    );
    let place = Place::new(root.path(), "p", LISTED, &server.feed(&more));
    let daemon = place.start_and_wait();
    wait_for_version(&place);
    assert!(server.last_request().contains("key: s3cr3t-key\r\n"), "{}", server.last_request());
    server.says(Says::Raw(reply("401 No", "", b"s3cr3t-key")));
    let (code, said) = refresh(&place);
    assert!(code == 1 && said.contains("is the key in `token` right?"), "{said}");
    let shown = [
        said,
        place.log(),
        place.ask(&["status", "--json"]),
        place.ask(&["feeds", "list", "--json"]),
    ];
    assert!(!shown.concat().contains("s3cr3t"), "{shown:?}");
    daemon.terminate();
}

fn envelope(next: Option<usize>, address: &str) -> String {
    let more = next.map_or_else(String::new, |next| format!("\"more\":true,\"next\":\"{next}\","));
    format!(
        "{{{more}\"objects\":[{{\"type\":\"indicator\",\"pattern_type\":\"stix\",\"pattern\":\"[ipv4-addr:value = '{address}']\"}}]}}"
    )
}

#[test]
fn a_taxii_collection_is_read_page_by_page() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start("");
    let place = Place::new(root.path(), "p", LISTED, &server.feed("format = \"taxii\""));
    server.says(Says::Pages(vec![
        envelope(Some(1), "203.0.113.1"),
        envelope(Some(2), "203.0.113.2"),
        envelope(None, "203.0.113.3"),
    ]));
    let (code, said) = refresh(&place);
    assert_eq!((code, said.as_str()), (0, "3 entries; the daemon takes them when it starts\n"));
    let asked = server.heard.lock().unwrap().clone();
    assert_eq!(asked.len(), 3);
    assert!(asked[2].starts_with("GET /list?limit=1000&next=2 HTTP"), "{}", asked[2]);
    for head in &asked {
        assert!(head.contains("accept: application/taxii+json;version=2.1\r\n"), "{head}");
    }
    for (pages, wanted) in [
        (vec!["{\"more\":true}".to_owned()], "but not where"),
        (vec!["<html>".to_owned()], "no envelope of TAXII 2.1"),
    ] {
        server.says(Says::Pages(pages));
        let (code, said) = refresh(&place);
        assert!(code == 1 && said.contains(wanted), "{said}");
    }
    server.says(Says::Pages(vec![envelope(None, "203.0.113.3"); 1]));
    assert!(refresh(&place).0 == 0);
}

/// A TAXII server that isn't ours: OASIS's `medallion`, with three objects a page.
#[test]
fn serial_medallion_gives_all_pages_of_a_collection() {
    let root = tempfile::tempdir().unwrap();
    let port = support::web::free_port();
    let id = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";
    let object = |n: usize| {
        let stix = format!("indicator--00000000-0000-4000-8000-{n:012}");
        let time = format!("2026-01-01T00:00:{n:02}.000Z");
        let object = serde_json::json!({
            "type": "indicator", "spec_version": "2.1", "id": stix, "created": time, "modified": time,
            "pattern": format!("[ipv4-addr:value = '203.0.113.{n}']"), "pattern_type": "stix",
            "valid_from": time,
        });
        let media = "application/stix+json;version=2.1";
        let manifest = serde_json::json!({ "id": stix, "date_added": time, "version": time, "media_type": media });
        (object, manifest)
    };
    let (objects, manifest): (Vec<_>, Vec<_>) = (1..=10).map(object).unzip();
    let data = serde_json::json!({
        "/discovery": { "title": "t", "api_roots": [format!("http://127.0.0.1:{port}/root/")] },
        "root": {
            "information": { "title": "r", "versions": ["application/taxii+json;version=2.1"], "max_content_length": 9_765_625 },
            "status": [],
            "collections": [{
                "id": id, "title": "c", "can_read": true, "can_write": false,
                "media_types": ["application/stix+json;version=2.1"],
                "objects": objects, "manifest": manifest,
            }],
        },
    });
    let at = |name: &str| root.path().join(name);
    std::fs::write(at("data.json"), data.to_string()).unwrap();
    let config = serde_json::json!({
        "backend": { "module": "medallion.backends.memory_backend", "module_class": "MemoryBackend", "filename": at("data.json") },
        "users": { "ann": "word" }, "taxii": { "max_page_size": 3 },
    });
    std::fs::write(at("medallion.json"), config.to_string()).unwrap();
    let mut medallion = std::process::Command::new("medallion");
    medallion.args(["--host", "127.0.0.1", "--port", &port.to_string()]).arg(at("medallion.json"));
    if std::process::Command::new("medallion").arg("--help").output().is_err() {
        println!("SKIPPED: there is no `medallion` here (pip install medallion)");
        return;
    }
    let ready = || support::web::listens(port);
    let _server = support::web::Server::start(&mut medallion, &at("medallion.out"), ready);
    // `ann:word`, as Basic authentication has it.
    std::fs::write(at("key"), "Basic YW5uOndvcmQ=").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(at("key"), mode).unwrap();
    let feed = format!(
        "[[feeds]]\nname = \"bad\"\nformat = \"taxii\"\nurl = \"http://127.0.0.1:{port}/root/collections/{id}/objects/\"\ntoken = \"file:{}\"\ntoken_header = \"Authorization\"\n",
        at("key").display()
    );
    let place = Place::new(root.path(), "p", LISTED, &feed);
    let (code, said) = refresh(&place);
    let log = std::fs::read_to_string(at("medallion.out")).unwrap_or_default();
    assert_eq!(
        (code, said.as_str()),
        (0, "10 entries; the daemon takes them when it starts\n"),
        "{log}"
    );
}

#[test]
fn feeds_are_looked_at_without_a_daemon_too() {
    let root = tempfile::tempdir().unwrap();
    let server = Server::start("203.0.113.1\n");
    let place = Place::new(root.path(), "p", LISTED, &server.feed(""));
    let (code, said) = place.code(&["feeds", "list"]);
    assert!(code == 0 && said.contains("nothing in force"), "{said}");
    let (code, said) = refresh(&place);
    assert_eq!((code, said.as_str()), (0, "1 entry; the daemon takes them when it starts\n"));
    assert_eq!(refresh(&place).1, "it has not changed\n");
    let (code, said) = place.code(&["feeds", "list"]);
    assert!(code == 0 && said.contains("1 entry"), "{said}");
    place.write("list.csv", "when,who\n2026-01-01,203.0.113.9\n2026-01-01,203.0.113.10\n");
    let file = place.dir.join("list.csv").display().to_string();
    let (code, said) = place.code(&["feeds", "check", &file, "--format", "csv", "--column", "2"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("2 entries read, 2 of them not within others"), "{said}");
    assert!(said.contains("list.csv:1: `who` is no address, prefix or range"), "{said}");
    let (code, said) = place.code(&["feeds", "shipped"]);
    assert!(code == 0 && said.contains("spamhaus-drop") && said.contains("terms:"), "{said}");
    let (code, said) = place.code(&["feeds", "refresh", "none"]);
    assert!(code == 1 && said.contains("there is no feed `none`"), "{said}");
}

/// A request that came through a proxy.
fn proxied(proxy: &str, chain: &str) -> String {
    format!("{} \"{chain}\"\n", line(proxy, "/x", 200).trim_end())
}

#[test]
fn serial_proxies_that_a_feed_lists_are_trusted_and_protected() {
    let root = tempfile::tempdir().unwrap();
    let rules = "rule(\"each\").on(\"http\").by(\"ip\").count(1, \"1h\").then(|hit| block(hit.ip, \"1h\"));";
    let more = "[[feeds]]\nshipped = \"fastly\"\npath = \"fastly.json\"\nrefresh = \"1m\"\n";
    let place = Place::new(root.path(), "p", rules, &format!("proxy_feeds = [\"fastly\"]\n{more}"));
    let ranges = |net: &str| {
        format!("{{\"addresses\": [\"{net}\"], \"ipv6_addresses\": [\"2a04:4e40::/32\"]}}")
    };
    std::fs::write(place.dir.join("fastly.json"), ranges("45.64.0.0/28")).unwrap();
    let mut daemon = place.start_and_wait();
    wait_for_version(&place);
    assert_eq!(feed(&place).entries, 2);
    place.append(&proxied("45.64.0.1", "45.66.6.6, 45.65.0.9"));
    place.append(&proxied("45.64.1.1", "45.66.6.6, 45.65.0.10"));
    wait_for_hit(&place, "each", "45.65.0.9");
    wait_for_hit(&place, "each", "45.64.1.1");
    assert!(!is_hit(&place, "each", "45.64.0.1"));
    let (code, said) = place.code(&["decisions", "add", "45.64.0.1"]);
    assert!(code == 1 && said.contains("trusted proxy `45.64.0.0/28`"), "{said}");

    // After a crash too, and another version lifts what it says is a proxy now.
    daemon.kill();
    let _daemon = place.start_and_wait();
    place.append(&proxied("45.64.0.2", "45.65.0.11"));
    wait_for_hit(&place, "each", "45.65.0.11");
    std::fs::write(place.dir.join("fastly.json"), ranges("45.64.0.0/23")).unwrap();
    let (_, said) = place.code(&["feeds", "refresh", "fastly", "--accept"]);
    place.append(&proxied("45.64.1.2", "45.65.0.12"));
    wait_for_hit(&place, "each", "45.65.0.12");
    let why = place.ask(&["why", "45.64.1.1"]);
    assert!(why.contains("a trusted proxy's range"), "{said} {why}");
}
