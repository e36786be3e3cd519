//! A syslog source on loopback: what is sent comes out, whoever sends; what is too much waits or is
//! refused, and a stop loses nothing that had come.

use super::*;
use crate::event::{Batch, Origin, frame};
use crate::sources::program::{self, ProgramConfig};
use crate::sources::supervise::Handle;
use crate::sources::{Closed, Sink};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

#[derive(Default)]
struct Taken {
    lines: Mutex<Vec<String>>,
    alarms: Mutex<Vec<String>>,
    held: AtomicBool,
}

impl Sink for Taken {
    fn send(&self, batch: Batch) -> Result<(), Closed> {
        while self.held.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(2));
        }
        for record in (0..batch.records.len()).filter_map(|index| batch.record(index)) {
            let Some(frame::Held::LineWith { added, line }) = frame::held(&record) else {
                panic!("no frame: {record:?}")
            };
            assert_eq!(&record[added], br#"{"sender":"127.0.0.1"}"#);
            lock(&self.lines).push(String::from_utf8_lossy(&record[line]).into_owned());
        }
        Ok(())
    }

    fn alarm(&self, _source: &str, text: String) {
        lock(&self.alarms).push(text);
    }
}

/// A port that nobody listens at just now.
fn free() -> SocketAddr {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}

struct Bench {
    root: tempfile::TempDir,
    taken: Arc<Taken>,
    handle: Handle,
    at: SocketAddr,
}

fn begin(more: impl FnOnce(&mut SyslogConfig), spool: u64) -> Bench {
    let at = free();
    let mut config: SyslogConfig =
        toml::from_str(&format!("listen = [\"udp:{at}\", \"tcp:{at}\"]")).unwrap();
    more(&mut config);
    begin_at(tempfile::tempdir().unwrap(), at, config, spool, Vec::new())
}

fn begin_at(
    root: tempfile::TempDir,
    at: SocketAddr,
    config: SyslogConfig,
    spool_bytes_max: u64,
    resume: Vec<(Origin, u64)>,
) -> Bench {
    let taken = Arc::new(Taken::default());
    let sink: Arc<dyn Sink> = taken.clone();
    let spool = ProgramConfig { spool_bytes_max, stall: Duration::from_mins(1), durable: false };
    let source = program("s", config, Arc::clone(&sink));
    let handle = program::start("s", spool, source, root.path(), resume, sink).unwrap();
    let bench = Bench { root, taken, handle, at };
    bench.wait("it listens", |_| TcpStream::connect(at).is_ok() || !bench.alarms().is_empty());
    // The connection that asked has ended again.
    std::thread::sleep(Duration::from_millis(200));
    bench
}

impl Bench {
    fn lines(&self) -> Vec<String> {
        lock(&self.taken.lines).clone()
    }

    fn alarms(&self) -> Vec<String> {
        lock(&self.taken.alarms).clone()
    }

    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !holds(self) {
            assert!(Instant::now() < until, "in vain: {what}: {:?}", self.lines().len());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }
}

/// Whether the other side has ended the connection.
fn has_ended(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0)) || stream.write_all(b"x").is_err()
}

#[test]
fn messages_come_over_both_ways_with_their_sender() {
    let bench = begin(|_| {}, 1 << 20);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"<13>over udp\nin two lines\n", bench.at).unwrap();
    bench.wait("the datagram", |bench| bench.lines().len() == 1);
    let mut tcp = bench.connect();
    tcp.write_all(b"9 <13>cou").unwrap();
    tcp.write_all(b"nt<13>line \xff\n<13>the last has no end").unwrap();
    drop(tcp);
    bench.wait("all messages", |bench| bench.lines().len() == 4);
    let all = ["<13>over udp#012in two lines", "<13>count", "<13>line \u{fffd}"];
    assert_eq!(bench.lines()[..3], all);
    assert_eq!(bench.lines()[3], "<13>the last has no end");
    assert_eq!(bench.alarms(), [""; 0]);
}

#[test]
fn a_stop_loses_nothing_that_had_come() {
    let mut bench = begin(|_| {}, 1 << 24);
    let mut tcp = bench.connect();
    let text: Vec<String> = (0..20_000).map(|number| format!("<13>message {number}\n")).collect();
    tcp.write_all(text.concat().as_bytes()).unwrap();
    assert!(bench.handle.stop());
    let spool = bench.root.path().join("spool-s");
    let mut kept = String::new();
    for entry in std::fs::read_dir(spool).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "part") {
            kept.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    assert_eq!(kept.lines().count(), 20_000);
    assert!(has_ended(&mut tcp));
}

#[test]
fn a_full_spool_holds_senders_up_and_then_all_comes() {
    // What is kept for cursors takes 8 MiB beside.
    let bench = begin(|_| {}, 1);
    bench.taken.held.store(true, Ordering::Release);
    let mut tcp = bench.connect();
    tcp.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let line = format!("<13>{}\n", "x".repeat(60_000));
    let mut sent = 0_usize;
    let mut bytes = 0;
    while let Ok(count) = tcp.write(line.as_bytes().get(bytes..).unwrap()) {
        bytes += count;
        if bytes == line.len() {
            (sent, bytes) = (sent + 1, 0);
        }
        assert!(sent < 2_000, "nothing held it up");
    }
    bench.taken.held.store(false, Ordering::Release);
    let done = || {
        for (origin, at) in bench.handle.cursors() {
            bench.handle.release(&origin, at);
        }
    };
    bench.wait("all that was sent", |bench| {
        done();
        bench.lines().len() == sent
    });
}

#[test]
fn connections_are_bounded_and_silent_ones_end() {
    let bench = begin(
        |config| {
            config.connections_max = 2;
            config.idle = Duration::from_millis(300);
        },
        1 << 20,
    );
    let mut open: Vec<TcpStream> = (0..2).map(|_| bench.connect()).collect();
    for stream in &mut open {
        stream.write_all(b"<13>x\n").unwrap();
    }
    bench.wait("two connections", |bench| bench.lines().len() == 2);
    assert!(has_ended(&mut bench.connect()));
    assert!(bench.alarms()[0].contains("too many syslog connections"), "{:?}", bench.alarms());
    for stream in &mut open {
        assert!(has_ended(stream));
    }
    // There is room again.
    bench.connect().write_all(b"<13>y\n").unwrap();
    bench.wait("another", |bench| bench.lines().len() == 3);
}

#[test]
fn senders_that_are_not_named_are_not_heard() {
    let bench = begin(|config| config.senders = vec!["192.0.2.0/24".to_owned()], 1 << 20);
    assert!(has_ended(&mut bench.connect()));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"<13>x", bench.at).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(bench.lines(), [""; 0]);
}

#[test]
fn a_place_that_is_taken_is_told_and_tried_again() {
    let at = free();
    let other = std::net::TcpListener::bind(at).unwrap();
    let config: SyslogConfig = toml::from_str(&format!("listen = [\"tcp:{at}\"]")).unwrap();
    let bench = begin_at(tempfile::tempdir().unwrap(), at, config, 1 << 20, Vec::new());
    bench.wait("it is told", |bench| !bench.alarms().is_empty());
    assert!(bench.alarms()[0].contains("another program listens there"), "{:?}", bench.alarms());
    drop(other);
    bench.wait("it listens", |bench| {
        TcpStream::connect(bench.at).is_ok_and(|mut tcp| tcp.write_all(b"<13>x\n").is_ok())
            && !bench.lines().is_empty()
    });
}

#[test]
fn hostile_bytes_harm_nobody() {
    let bench = begin(|_| {}, 1 << 24);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..20 {
        let mut tcp = bench.connect();
        let mut bytes: Vec<u8> = (0..5_000).map(|_| random.u8(..)).collect();
        if round % 2 == 0 {
            bytes.splice(0..0, *b"99999999 ");
        }
        // It may end the connection, or take it all.
        drop(tcp.write_all(&bytes));
    }
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 60_000] {
        let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        udp.send_to(&bytes, bench.at).unwrap();
    }
    bench.connect().write_all(b"<13>still there\n").unwrap();
    bench.wait("a sound one", |bench| bench.lines().iter().any(|line| line == "<13>still there"));
}
