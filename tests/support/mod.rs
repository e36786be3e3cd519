//! What the tests that run the daemon share: a folder with a config, the process, its store, and
//! network namespaces made for one test.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "test helpers; each test binary uses a part of them"
)]

pub mod programs;
pub mod trouble;
pub mod web;

use riposte::pipeline::control::{self, Reply, Request, Status};
use riposte::store::{self, JournalQuery, JournalRow, Reader};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A folder with `riposte.toml`, `rules.rhai`, `access.log` and the state.
pub struct Place {
    /// The folder.
    pub dir: PathBuf,
}

impl Place {
    /// A folder below `root` with these rules; `more` is added to the config.
    pub fn new(root: &Path, name: &str, rules: &str, more: &str) -> Self {
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("rules.rhai"), rules).unwrap();
        let config = format!(
            "state_dir = \"state\"\n[[sources]]\nname = \"web\"\npaths = [\"{0}/access.log\"]\nformat = \"nginx\"\nfrom = \"beginning\"\n[rules]\npack = false\npaths = [\"rules.rhai\"]\n[guard]\nfirst_days = \"0s\"\nblocks_per_minute = 100000\n{more}",
            dir.display()
        );
        fs::write(dir.join("riposte.toml"), config).unwrap();
        Self { dir }
    }

    /// Starts the daemon; its log goes to `out.log`.
    pub fn start(&self) -> Daemon {
        let log = OpenOptions::new().create(true).append(true).open(self.dir.join("out.log"));
        let child = self.command("run").stdout(Stdio::null()).stderr(log.unwrap()).spawn().unwrap();
        Daemon(child)
    }

    /// Starts the daemon and waits until it follows its sources.
    pub fn start_and_wait(&self) -> Daemon {
        let before = self.log().matches("riposte runs").count();
        let daemon = self.start();
        self.wait(Duration::from_secs(20), "the daemon runs", || {
            self.log().matches("riposte runs").count() > before
        });
        daemon
    }

    /// A command of riposte on this place's config.
    pub fn command(&self, command: &str) -> Command {
        let mut built = Command::new(env!("CARGO_BIN_EXE_riposte"));
        built.arg("--config").arg(self.dir.join("riposte.toml")).arg(command);
        built
    }

    /// Runs a command of riposte and gives what it printed.
    pub fn ask(&self, words: &[&str]) -> String {
        let (first, rest) = words.split_first().unwrap();
        let output = self.command(first).args(rest).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text + &*String::from_utf8_lossy(&output.stderr)
    }

    /// Adds to the log that the daemon follows.
    pub fn append(&self, text: &str) {
        let path = self.dir.join("access.log");
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// What the daemon said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("out.log")).unwrap_or_default()
    }

    /// The store, for looking only.
    pub fn store(&self) -> Reader {
        store::open_read_only(&self.dir.join("state")).unwrap()
    }

    /// The whole journal.
    pub fn journal(&self) -> Vec<JournalRow> {
        let query = JournalQuery { limit: 1_000_000, ..JournalQuery::default() };
        self.store().journal(&query).unwrap()
    }

    /// What the daemon answers to `riposte status`.
    pub fn status(&self) -> Status {
        match control::ask(&self.dir.join("state"), &Request::Status) {
            Ok(Reply::Status(status)) => *status,
            other => panic!("no status: {other:?}\n{}", self.log()),
        }
    }

    /// How many records a source has read since the daemon's start.
    pub fn records(&self, source: &str) -> u64 {
        let status = self.status();
        status.sources.iter().find(|row| row.name == source).map_or(0, |row| row.records)
    }

    /// Waits until something holds; the panic shows the daemon's log.
    pub fn wait(&self, at_most: Duration, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + at_most;
        while !holds() {
            assert!(Instant::now() < deadline, "waited in vain until {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the log is read to its end and that is saved.
    pub fn wait_until_read(&self) {
        let end = fs::metadata(self.dir.join("access.log")).unwrap().len();
        self.wait(Duration::from_mins(1), "the log is read", || {
            let loaded =
                store::open_read_only(&self.dir.join("state")).and_then(|store| store.load());
            loaded.is_ok_and(|loaded| loaded.cursors.iter().any(|(_, at)| *at >= end))
        });
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon(pub Child);

impl Daemon {
    /// SIGTERM, and waits for the orderly end.
    pub fn terminate(mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.0.wait().unwrap().success(), "SIGTERM ends it in order");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where exchanges with the look-alike are kept, for those who hold them to Cloudflare's schema
/// (`test.sh`): a file of its own for each that asks.
pub fn transcript() -> Option<PathBuf> {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let folder = std::env::var_os("RIPOSTE_CLOUDFLARE_TRANSCRIPTS")?;
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    Some(Path::new(&folder).join(format!("{}-{number}.jsonl", std::process::id())))
}

/// Writes a file that nobody else may read; gives where it is.
pub fn private_file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A line of an access log, now.
pub fn line(client: &str, path: &str, status: u16) -> String {
    let stamp = riposte::clock::now().to_jiff().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
    format!("{client} - - [{stamp}] \"GET {path} HTTP/1.1\" {status} 153 \"-\" \"test\"\n")
}

/// Whether a test may run that needs root and these programs; says so by name when it may not.
pub fn can_run(test: &str, programs: &[&str]) -> bool {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED {test}: needs root");
        return false;
    }
    for program in programs {
        let found = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
            .iter()
            .any(|dir| Path::new(dir).join(program).exists());
        if !found {
            println!("SKIPPED {test}: `{program}` is not installed");
            return false;
        }
    }
    true
}

/// Two hosts of our own, joined by a cable: `server` at 203.0.113.1 and `2001:db8:5::1`, `client`
/// with the addresses given to it. Removed when dropped.
pub struct Network {
    /// The name of the server's namespace.
    pub server: String,
    /// The name of the clients' namespace.
    pub client: String,
}

impl Network {
    /// Makes the namespaces; `None`, told by name, where that is not allowed here.
    pub fn make(test: &str, clients: &[&str]) -> Option<Self> {
        let id = std::process::id();
        let network = Self { server: format!("rs{id}"), client: format!("rc{id}") };
        if !run("ip", &["netns", "add", &network.server]).0 {
            println!("SKIPPED {test}: network namespaces can't be made here");
            return None;
        }
        let (s, c) = (network.server.as_str(), network.client.as_str());
        must("ip", &["netns", "add", c]);
        must("ip", &["-n", s, "link", "add", "cable", "type", "veth", "peer", "name", "plug"]);
        must("ip", &["-n", s, "link", "set", "plug", "netns", c]);
        for (namespace, device) in [(s, "cable"), (c, "plug")] {
            must("ip", &["-n", namespace, "link", "set", "lo", "up"]);
            must("ip", &["-n", namespace, "link", "set", device, "up"]);
        }
        must("ip", &["-n", s, "addr", "add", "203.0.113.1/24", "dev", "cable"]);
        must("ip", &["-n", s, "addr", "add", "2001:db8:5::1/48", "dev", "cable", "nodad"]);
        for address in clients {
            let bits = if address.contains(':') { "/48" } else { "/24" };
            let net = format!("{address}{bits}");
            must("ip", &["-n", c, "addr", "add", &net, "dev", "plug", "nodad"]);
        }
        Some(network)
    }

    /// The config that lets riposte's nft work in the server's namespace.
    pub fn nftables(&self) -> String {
        format!(
            "[actions.nftables]\ncommand = [\"ip\", \"netns\", \"exec\", \"{}\", \"nft\"]\n",
            self.server
        )
    }

    /// Gives the server one more address, with its prefix.
    pub fn add_to_server(&self, net: &str) {
        must("ip", &["-n", &self.server, "addr", "add", net, "dev", "cable"]);
    }

    /// Whether a packet from that address reaches the server and comes back.
    pub fn reaches(&self, from: &str) -> bool {
        let to = if from.contains(':') { "2001:db8:5::1" } else { "203.0.113.1" };
        let command = ["netns", "exec", &self.client, "ping", "-c1", "-W1", "-I", from, to];
        run("ip", &command).0
    }

    /// What nft says in the server's namespace.
    pub fn nft(&self, words: &[&str]) -> String {
        let command = [&["netns", "exec", &self.server, "nft"], words].concat();
        run("ip", &command).1
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        run("ip", &["netns", "del", &self.server]);
        run("ip", &["netns", "del", &self.client]);
    }
}

fn run(program: &str, words: &[&str]) -> (bool, String) {
    let path = "/usr/sbin:/sbin:/usr/bin:/bin";
    match Command::new(program).args(words).env("PATH", path).output() {
        Ok(output) => {
            (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(_) => (false, String::new()),
    }
}

fn must(program: &str, words: &[&str]) {
    assert!(run(program, words).0, "{program} {words:?} failed");
}
