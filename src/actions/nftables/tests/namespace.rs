//! Network namespaces for tests: made with unique names, removed when dropped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A namespace with its loopback up.
pub(super) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one; `None`, after saying why, where that is not possible.
    pub(super) fn new(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED {test}: needs root");
            return None;
        }
        for tool in ["/usr/sbin/nft", "/usr/sbin/ip"] {
            if !std::path::Path::new(tool).exists() {
                eprintln!("SKIPPED {test}: needs {tool}");
                return None;
            }
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rip{}x{number}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED {test}: no network namespaces here");
            return None;
        }
        let namespace = Self { name };
        namespace.run(&["ip", "link", "set", "lo", "up"]);
        Some(namespace)
    }

    pub(super) fn nft(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name, "nft"].map(str::to_owned).to_vec()
    }

    fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(argv);
        command
    }

    pub(super) fn run(&self, argv: &[&str]) -> String {
        let output = self.command(argv).output().unwrap();
        assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn run_script(&self, script: &str, port: &str) {
        self.run(&["nft", &script.replace("PORT", port)]);
    }

    /// A server that answers with what it is told, on all addresses.
    pub(super) fn echo(&self, _address: &str, port: u16) -> (Server, u16) {
        let script = "import socket,threading,sys\n\
            s=socket.create_server(('::',int(sys.argv[1])),family=socket.AF_INET6,dualstack_ipv6=True)\n\
            print(s.getsockname()[1],flush=True)\n\
            def f(c):\n\
            \x20while True:\n\
            \x20 d=c.recv(99)\n\
            \x20 if not d: return\n\
            \x20 c.sendall(d)\n\
            while True: threading.Thread(target=f,args=(s.accept()[0],),daemon=True).start()\n";
        let mut child = self
            .command(&["python3", "-c", script, &port.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Server(child), line.trim().parse().unwrap())
    }

    pub(super) fn reaches_from(&self, source: &str, address: &str, port: u16) -> bool {
        let script = "import socket,sys\n\
            s=socket.create_connection((sys.argv[1],int(sys.argv[2])),0.5,(sys.argv[3],0))\n\
            s.sendall(b'x'); sys.exit(s.recv(1)!=b'x')";
        self.command(&["python3", "-c", script, address, &port.to_string(), source])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    /// A connection that stays open.
    pub(super) fn connect(&self, address: &str, port: u16) -> Connection {
        let script = "import socket,sys\n\
            s=socket.create_connection((sys.argv[1],int(sys.argv[2])),0.5)\n\
            for l in sys.stdin:\n\
            \x20try:\n\
            \x20 s.sendall(b'x'); print(len(s.recv(1)),flush=True)\n\
            \x20except OSError: print('cut',flush=True)\n";
        let mut child = self
            .command(&["python3", "-c", script, address, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Connection {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "del", &self.name]).status());
    }
}

/// A server that ends when dropped.
pub(super) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(super) struct Connection {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Connection {
    /// Whether a byte sent comes back.
    pub(super) fn echoes(&mut self) -> bool {
        self.stdin.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim() == "1"
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(super) fn reaches(from: &Namespace, address: &str, port: u16) -> bool {
    let source = if address.contains(':') { "fd00:99::2" } else { "10.99.0.2" };
    from.reaches_from(source, address, port)
}

/// A client (10.99.0.2, its neighbour 10.99.0.3, `fd00:99::2`) and a server (10.99.0.1, `fd00:99::1`),
/// joined by a cable.
pub(super) fn joined(test: &str) -> Option<(Namespace, Namespace)> {
    if !Command::new("python3")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("SKIPPED {test}: needs python3");
        return None;
    }
    let (client, server) = (Namespace::new(test)?, Namespace::new(test)?);
    client.run(&[
        "ip",
        "link",
        "add",
        "v0",
        "type",
        "veth",
        "peer",
        "name",
        "v0",
        "netns",
        &server.name,
    ]);
    for (namespace, addresses) in [
        (&client, &["10.99.0.2/24", "10.99.0.3/24", "fd00:99::2/64"][..]),
        (&server, &["10.99.0.1/24", "fd00:99::1/64"]),
    ] {
        for address in addresses {
            let mut argv = vec!["ip", "address", "add", address, "dev", "v0"];
            if address.contains(':') {
                argv.push("nodad");
            }
            namespace.run(&argv);
        }
        namespace.run(&["ip", "link", "set", "v0", "up"]);
    }
    Some((client, server))
}
