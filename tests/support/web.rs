//! Real web servers of our own on loopback, and small clients for them. The client's address comes
//! from the header `X-Test-Client`, believed because loopback connects: so one machine plays many
//! clients.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test helpers")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Whether these programs are there; says so by the test's name when one is not.
pub fn installed(test: &str, programs: &[&str]) -> bool {
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/bin", "/usr/local/sbin"];
    for program in programs {
        if !folders.iter().any(|folder| Path::new(folder).join(program).exists()) {
            println!("SKIPPED {test}: `{program}` is not installed");
            return false;
        }
    }
    true
}

/// A command that finds what lies in `sbin` too.
pub fn command(program: &str) -> Command {
    let mut built = Command::new(program);
    built.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/usr/bin:/bin");
    built
}

/// A port of loopback that nobody uses.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether something listens at a port of loopback.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A server process; ended by its own id when dropped.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts it and waits until it is ready; what it says goes to `output`.
    pub fn start(command: &mut Command, output: &Path, ready: impl Fn() -> bool) -> Self {
        let file = File::create(output).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut server = Self { child };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !ready() {
            let ended = server.child.try_wait().unwrap();
            let said = || fs::read_to_string(output).unwrap_or_default();
            assert!(ended.is_none(), "the server ended at once: {ended:?}\n{}", said());
            assert!(Instant::now() < deadline, "the server is not ready\n{}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// Its process id, for signals that make it read its config again.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        // SIGTERM first: a master that is killed leaves its workers behind.
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && self.child.try_wait().is_ok_and(|ended| ended.is_none())
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// nginx with its config, pid and temporary files in a folder of a test.
pub struct Nginx {
    _server: Server,
}

/// The config that every nginx of ours begins with: in the foreground, its own folder, the
/// client's address from the header.
const NGINX_HEAD: &str = "daemon off;\nuser root;\nworker_processes 2;\npid nginx.pid;\nevents { worker_connections 512; }\n";
const NGINX_HTTP: &str = "access_log off;\nkeepalive_requests 1000000;\nclient_body_temp_path tmp;\nproxy_temp_path tmp/proxy;\nfastcgi_temp_path tmp/fastcgi;\nuwsgi_temp_path tmp/uwsgi;\nscgi_temp_path tmp/scgi;\nset_real_ip_from 127.0.0.0/8;\nreal_ip_header X-Test-Client;\n";

impl Nginx {
    /// Starts it in `dir` with this inside of `http { … }`; the first `listen` is at `port`.
    pub fn start(dir: &Path, http: &str, port: u16) -> Self {
        fs::create_dir_all(dir.join("tmp")).unwrap();
        let error_log = format!("error_log {}/error.log;\n", dir.display());
        let config = format!("{error_log}{NGINX_HEAD}http {{\n{NGINX_HTTP}{http}\n}}\n");
        fs::write(dir.join("nginx.conf"), config).unwrap();
        let mut nginx = command("nginx");
        nginx.args(Self::words(dir));
        Self { _server: Server::start(&mut nginx, &dir.join("nginx.out"), || listens(port)) }
    }

    /// The arguments that name this nginx.
    fn words(dir: &Path) -> [String; 6] {
        let at = |name: &str| dir.join(name).display().to_string();
        ["-c".into(), at("nginx.conf"), "-p".into(), at(""), "-e".into(), at("error.log")]
    }

    /// The `test` and `reload` lines of a web-server file in `riposte.toml`.
    pub fn commands(dir: &Path) -> String {
        let words = Self::words(dir).map(|word| format!("\"{word}\"")).join(", ");
        format!(
            "test = [\"/usr/sbin/nginx\", {words}, \"-t\"]\nreload = [\"/usr/sbin/nginx\", {words}, \"-s\", \"reload\"]\n"
        )
    }
}

/// A snippet that is shipped in `deploy/`, with the path of a web-server file put in.
pub fn shipped(snippet: &str, shipped_path: &str, path: &Path) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(snippet);
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(shipped_path), "{snippet} names {shipped_path}");
    text.replace(shipped_path, &path.display().to_string())
}

/// One request on a connection of its own; the answer's status.
pub fn get(port: u16, path: &str, client: &str) -> u16 {
    get_with(port, path, &format!("X-Test-Client: {client}\r\n"))
}

/// One request with these header lines (each ends in `\r\n`) on a connection of its own.
pub fn get_with(port: u16, path: &str, headers: &str) -> u16 {
    // A server that reloads may close a connection before it answers: then once more.
    for _ in 0..20 {
        let mut client = KeepAlive::connect(port);
        let headers = format!("{headers}Connection: close\r\n");
        if let Some(status) = client.get(path, &headers) {
            return status;
        }
    }
    0
}

/// A client that stays connected.
pub struct KeepAlive {
    stream: BufReader<TcpStream>,
}

impl KeepAlive {
    /// Connects to a port of loopback.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// One request; `None` when the server closed the connection instead of answering.
    pub fn get(&mut self, path: &str, headers: &str) -> Option<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: www.example.com\r\n{headers}\r\n");
        match self.stream.get_mut().write_all(request.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return None,
            written => written.unwrap(),
        }
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let status = head.split(' ').nth(1)?.parse().ok();
        let lower = head.to_ascii_lowercase();
        let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        if let Some(length) = length {
            let mut body = vec![0; length.trim().parse().ok()?];
            self.stream.read_exact(&mut body).ok()?;
        }
        status
    }
}

/// Clients that send numbered requests (`/n/0`, `/n/1`, …) without pause, until told to stop.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Two clients on connections that they keep; numbers begin at `first`.
    pub fn start(port: u16, first: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU64::new(first));
        let sent = Arc::new(AtomicU64::new(first));
        let clients = ["198.51.100.7", "203.0.113.5"].map(|address| {
            let (stop, next, sent) = (Arc::clone(&stop), Arc::clone(&next), Arc::clone(&sent));
            std::thread::spawn(move || {
                let mut client = KeepAlive::connect(port);
                let headers = format!("X-Test-Client: {address}\r\n");
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let status = client.get(&format!("/n/{number}"), &headers);
                    assert_eq!(status, Some(200), "request {number} is answered");
                    sent.fetch_add(1, Ordering::Relaxed);
                    // A tenth of what nginx could do, so that the engine of a debug build keeps up.
                    std::thread::sleep(Duration::from_micros(300));
                }
            })
        });
        Self { stop, sent, clients: clients.into() }
    }

    /// How many requests were answered, with the number that the first one had.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until so many more were answered.
    pub fn more(&self, requests: u64) {
        let goal = self.sent() + requests;
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.sent() < goal {
            assert!(Instant::now() < deadline, "the clients are stuck");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops; all numbers below the one it gives were answered.
    pub fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().unwrap();
        }
        self.sent.load(Ordering::Relaxed)
    }
}

/// The whole lines of a log and all its rotated files, unpacked.
pub fn kept_lines(folder: &Path, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let file_name = entry.file_name().into_string().unwrap();
        if !file_name.starts_with(name) {
            continue;
        }
        let mut bytes = Vec::new();
        let mut file = File::open(entry.path()).unwrap();
        if Path::new(&file_name).extension().is_some_and(|ending| ending == "gz") {
            flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
        } else {
            file.read_to_end(&mut bytes).unwrap();
        }
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        lines.extend(String::from_utf8_lossy(&bytes[..whole]).lines().map(str::to_owned));
    }
    lines
}
