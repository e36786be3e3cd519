//! The intake on loopback: what was answered 200 is in the spool once, whatever ends when; what is too
//! much, too slow, unproven or none is refused, and disturbs nobody else.

use super::*;
use crate::event::{Batch, Origin, frame};
use crate::sources::program::{self, ProgramConfig};
use crate::sources::supervise::Handle;
use crate::sources::{Closed, Sink};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

#[derive(Default)]
struct Heard {
    lines: Mutex<Vec<(String, String)>>,
    alarms: Mutex<Vec<String>>,
    held: AtomicBool,
}

impl Sink for Heard {
    fn send(&self, batch: Batch) -> Result<(), Closed> {
        while self.held.load(std::sync::atomic::Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(2));
        }
        for record in (0..batch.records.len()).filter_map(|index| batch.record(index)) {
            let Some(frame::Held::LineWith { added, line }) = frame::held(&record) else {
                panic!("no frame: {record:?}")
            };
            let text = |place| String::from_utf8_lossy(&record[place]).into_owned();
            lock(&self.lines).push((text(line), text(added)));
        }
        Ok(())
    }

    fn alarm(&self, _source: &str, text: String) {
        lock(&self.alarms).push(text);
    }
}

struct Bench {
    root: tempfile::TempDir,
    heard: Arc<Heard>,
    handle: Option<Handle>,
    at: SocketAddr,
}

fn free() -> SocketAddr {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn secret_file(root: &Path) -> String {
    let path = root.join("secret");
    std::fs::write(&path, "open sesame").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    format!("secret = \"file:{}\"\n", path.display())
}

fn begin(config: &str) -> Bench {
    let root = tempfile::tempdir().unwrap();
    let mut bench = Bench { root, heard: Arc::default(), handle: None, at: free() };
    bench.start(config, 1 << 24, Vec::new());
    bench
}

impl Bench {
    fn start(&mut self, config: &str, spool_bytes_max: u64, resume: Vec<(Origin, u64)>) {
        let listen = self.at.to_string();
        let intake = Intake::new(IntakeConfig { listen, ..IntakeConfig::default() });
        let text = config.replace("SECRET\n", &secret_file(self.root.path()));
        let config: HttpConfig = toml::from_str(&text).unwrap();
        assert_eq!(config.faults(), [""; 0]);
        let sink: Arc<dyn Sink> = self.heard.clone();
        let fields = BTreeMap::new();
        let source = program("s", (&config, &fields), self.root.path(), &intake, Arc::clone(&sink));
        let spool = ProgramConfig { spool_bytes_max, stall: Duration::from_mins(1), durable: true };
        let handle = program::start("s", spool, source, self.root.path(), resume, sink);
        self.handle = Some(handle.unwrap());
        self.wait("it listens", |bench| TcpStream::connect(bench.at).is_ok());
    }

    fn stop(&mut self) -> Vec<(Origin, u64)> {
        let mut handle = self.handle.take().unwrap();
        assert!(handle.stop());
        handle.cursors()
    }

    fn lines(&self) -> Vec<String> {
        lock(&self.heard.lines).iter().map(|(line, _)| line.clone()).collect()
    }

    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(90);
        while !holds(self) {
            assert!(Instant::now() < until, "in vain: {what}: {:?}", lock(&self.heard.alarms));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends bytes as they are, and gives all that comes back.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut reply = Vec::new();
        // The other side may have closed with something unread.
        drop(stream.read_to_end(&mut reply));
        String::from_utf8_lossy(&reply).into_owned()
    }

    fn post(&self, headers: &str, body: &[u8]) -> u16 {
        let head = format!(
            "POST /intake/s HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        status(&self.raw(&[head.as_bytes(), body].concat()))
    }
}

fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

const KEY: &str = "authorization: Bearer open sesame\r\n";

#[test]
fn what_was_answered_is_there_once_over_repeats_and_restarts() {
    let mut bench = begin("SECRET\n");
    assert_eq!(bench.post(KEY, b"{\"n\":1}"), 200);
    assert_eq!(bench.post(KEY, b"[{\"n\":2},{\"n\":3}]"), 200);
    assert_eq!(bench.post(KEY, b"{\"n\":1}"), 200, "it came again");
    bench.wait("all three", |bench| bench.lines().len() == 3);
    assert_eq!(lock(&bench.heard.lines)[0].1, r#"{"sender":"127.0.0.1"}"#);
    let resume = bench.stop();
    bench.start("SECRET\n", 1 << 24, resume);
    assert_eq!(bench.post(KEY, b"[{\"n\":2},{\"n\":3}]"), 200);
    assert_eq!(bench.post(KEY, b"{\"n\":4}"), 200);
    bench.wait("the fourth", |bench| bench.lines().len() == 4);
    assert_eq!(bench.lines()[3], r#"{"n":4}"#);
}

#[test]
fn a_delivery_that_a_crash_has_cut_goes_on_where_it_was_cut() {
    let mut bench = begin("preset = \"logpush\"\nSECRET\n");
    let lines = (0..100).map(|number| format!("{{\"n\":{number}}}\n"));
    let text = lines.collect::<Vec<String>>().concat();
    assert_eq!(bench.post(KEY, text.as_bytes()), 200);
    bench.wait("all", |bench| bench.lines().len() == 100);
    let resume = bench.stop();
    // As a kill would have left it: the spool ends within the delivery, which isn't remembered.
    let folder = bench.root.path().join("spool-s");
    std::fs::remove_file(folder.join("deliveries")).unwrap();
    let part = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let part = part.filter(|path| path.extension().is_some_and(|end| end == "part")).max().unwrap();
    let spool = std::fs::read(&part).unwrap();
    let lines: Vec<&[u8]> = spool.split_inclusive(|byte| *byte == b'\n').collect();
    let kept = [&lines[..40].concat(), &lines[40][..10]].concat();
    std::fs::write(&part, kept).unwrap();
    let at = lines[..40].iter().map(|line| line.len() as u64).sum();
    let resume = resume.into_iter().map(|(origin, _)| (origin, at)).collect();
    lock(&bench.heard.lines).truncate(40);
    bench.start("preset = \"logpush\"\nSECRET\n", 1 << 24, resume);
    // Another one comes first; what was cut is known all the same, and after a further restart too.
    assert_eq!(bench.post(KEY, b"{\"other\":1}"), 200);
    let resume = bench.stop();
    bench.start("preset = \"logpush\"\nSECRET\n", 1 << 24, resume);
    assert_eq!(bench.post(KEY, text.as_bytes()), 200);
    bench.wait("the rest", |bench| bench.lines().len() >= 101);
    assert_eq!(bench.post(KEY, text.as_bytes()), 200);
    assert_eq!(bench.post(KEY, b"{\"last\":1}"), 200);
    bench.wait("the last", |bench| bench.lines().iter().any(|line| line.contains("last")));
    let mut numbers: Vec<String> = bench.lines();
    assert_eq!(numbers.len(), 102);
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 102, "none twice");
}

#[test]
fn who_proves_nothing_gets_nothing_in() {
    let bench = begin("preset = \"cloudflare\"\nSECRET\n");
    for headers in [
        "",
        "cf-webhook-auth: x\r\n",
        "cf-webhook-auth: open sesame\r\ncf-webhook-auth: open sesame\r\n",
        KEY,
    ] {
        assert_eq!(bench.post(headers, b"{\"n\":1}"), 401, "{headers}");
    }
    // Known before the body is read.
    let head = "POST /intake/s HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n";
    assert_eq!(status(&bench.raw(head.as_bytes())), 401);
    assert_eq!(bench.post("cf-webhook-auth: open sesame\r\n", b"{\"n\":1}"), 200);
    bench.wait("the one", |bench| bench.lines().len() == 1);
    let alarms = lock(&bench.heard.alarms).join(" ");
    assert!(!alarms.contains("sesame"), "{alarms}");
}

#[test]
fn a_secret_that_can_not_be_had_lets_nobody_in() {
    let bench = begin("SECRET\n");
    std::fs::remove_file(bench.root.path().join("secret")).unwrap();
    assert_eq!(bench.post(KEY, b"{}"), 503);
    std::fs::write(bench.root.path().join("secret"), "\n").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(bench.root.path().join("secret"), private).unwrap();
    assert_eq!(bench.post("authorization:\r\n", b"{}"), 503);
    assert_eq!(lock(&bench.heard.alarms).len(), 2, "{:?}", lock(&bench.heard.alarms));
}

#[test]
fn what_is_no_request_for_it_is_told_why() {
    let bench = begin("");
    let ask = |line: &str, rest: &str| {
        status(&bench.raw(format!("{line} HTTP/1.1\r\nhost: x\r\n{rest}\r\n").as_bytes()))
    };
    assert_eq!(ask("GET /intake/s", ""), 405);
    assert_eq!(ask("PUT /intake/s", "content-length: 0\r\n"), 405);
    for path in
        ["/", "/intake", "/intake/", "/intake/S", "/intake/s/", "/intake/../s", "/intake/%73"]
    {
        assert_eq!(ask(&format!("POST {path}"), "content-length: 2\r\n"), 404, "{path}");
    }
    assert_eq!(bench.post("", b"no json"), 400);
    assert_eq!(bench.post("", b""), 400);
    assert_eq!(bench.post("content-encoding: br\r\n", b"{}"), 415);
    assert_eq!(bench.post("content-encoding: gzip\r\n", b"{}"), 400);
    assert_eq!(bench.post("", &vec![b' '; 1024 * 1024 + 1]), 413);
    assert_eq!(ask("POST /intake/s", "content-length: 99999999\r\n"), 413);
    // Two lengths, a length that is none, a space before the colon.
    let chunked = "content-length: 4\r\ntransfer-encoding: chunked\r\n";
    assert_eq!(ask("POST /intake/s", &format!("{chunked}\r\n0\r\n")), 400);
    assert_eq!(ask("POST /intake/s", "content-length: 1\r\ncontent-length: 2\r\n"), 400);
    assert_eq!(ask("POST /intake/s", "content-length: +2\r\n"), 400);
    assert_eq!(ask("POST /intake/s", "transfer-encoding : chunked\r\n"), 400);
    assert_eq!(ask("POST /intake/s", &"a: b\r\n".repeat(100)), 431);
    assert_eq!(bench.raw(b"\x16\x03\x01\x00\xa5\x01 TLS").get(..12), Some("HTTP/1.1 400"));
    let chunks = b"POST /intake/s HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"n\":1}\r\n0\r\n\r\n";
    assert_eq!(status(&bench.raw(chunks)), 200);
    bench.wait("the one", |bench| bench.lines().len() == 1);
}

#[test]
fn a_connection_serves_several_requests_and_ends_after_a_refusal() {
    let bench = begin("");
    let one = |body: &str| {
        format!(
            "POST /intake/s HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let all = format!("{}{}{}{}", one("{\"n\":1}"), one("{\"n\":2}"), one("x"), one("{\"n\":3}"));
    let replies = bench.raw(all.as_bytes());
    assert_eq!(replies.matches("HTTP/1.1 200").count(), 2, "{replies}");
    assert_eq!(replies.matches("HTTP/1.1 400").count(), 1, "{replies}");
    assert_eq!(bench.lines().len(), 2);
}

#[test]
fn a_full_spool_makes_senders_come_again_and_nothing_is_doubled() {
    let mut bench = begin("");
    let resume = bench.stop();
    // What is kept for cursors takes 8 MiB beside.
    bench.start("preset = \"logpush\"", 1 << 20, resume);
    bench.heard.held.store(true, std::sync::atomic::Ordering::Release);
    let filler = "x".repeat(6_000);
    let body = |round: usize| -> String {
        (0..500)
            .map(|number| format!("{{\"n\":\"{round}-{number}\",\"f\":\"{filler}\"}}\n"))
            .collect::<Vec<String>>()
            .concat()
    };
    let first: Vec<u16> = (0..4).map(|round| bench.post("", body(round).as_bytes())).collect();
    assert!(first.contains(&200) && first.contains(&503), "{first:?}");
    bench.heard.held.store(false, std::sync::atomic::Ordering::Release);
    let handle = bench.handle.as_ref().unwrap();
    bench.wait("each is taken in the end", |bench| {
        for (origin, at) in handle.cursors() {
            handle.release(&origin, at);
        }
        (0..4).all(|round| bench.post("", body(round).as_bytes()) == 200)
    });
    bench.wait("all lines", |bench| bench.lines().len() >= 2_000);
    let mut lines = bench.lines();
    lines.sort();
    lines.dedup();
    assert_eq!((lines.len(), bench.lines().len()), (2_000, 2_000));
}

#[test]
fn one_that_is_slow_or_silent_ends_and_holds_nobody_up() {
    let bench = begin("");
    let mut silent = bench.connect();
    let mut slow = bench.connect();
    slow.write_all(b"POST /intake/s HTTP/1.1\r\nho").unwrap();
    let begun = Instant::now();
    assert_eq!(bench.post("", b"{\"n\":1}"), 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    let limit = Duration::from_secs(limits::HTTP_HEAD_SECS_MAX + 5);
    let mut reply = Vec::new();
    drop(silent.read_to_end(&mut reply));
    drop(slow.read_to_end(&mut reply));
    assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
}

#[test]
fn one_sender_can_not_take_all_connections() {
    let bench = begin("");
    let open: Vec<TcpStream> =
        (0..limits::HTTP_CONNECTIONS_A_SENDER_MAX).map(|_| bench.connect()).collect();
    bench.wait("further ones are closed", |bench| {
        let mut one = bench.connect();
        one.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        matches!(one.read(&mut [0]), Ok(0))
            || matches!(one.read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset)
    });
    drop(open);
    bench.wait("there is room again", |bench| bench.post("", b"{\"n\":1}") == 200);
}

#[test]
fn a_place_that_is_taken_is_told_and_tried_again() {
    let at = free();
    let taken = std::net::TcpListener::bind(at).unwrap();
    let root = tempfile::tempdir().unwrap();
    let heard: Arc<Heard> = Arc::default();
    let sink: Arc<dyn Sink> = heard.clone();
    let intake = Intake::new(IntakeConfig { listen: at.to_string(), ..IntakeConfig::default() });
    let config = HttpConfig::default();
    let mut source = program("s", (&config, &BTreeMap::new()), root.path(), &intake, sink);
    assert!(!source.start(None, &AtomicBool::new(false)));
    assert!(lock(&heard.alarms)[0].contains("another program listens there"));
    assert!(source.wait().is_some());
    drop(taken);
    assert!(source.start(None, &AtomicBool::new(false)));
    source.stop();
    assert!(TcpStream::connect(at).is_err(), "without a source nothing listens");
}
