//! What others send to riposte, by the programs that really send it: rsyslog over TCP, UDP and TLS,
//! nginx's `syslog:`, the journal. Whom rules may act on, and what a `kill -9` in the middle costs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

mod containers;
mod examples;
mod http;
mod journal;
mod trust;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::Place;
use support::trouble::web_file;
use support::web::{Nginx, Server, free_port, get, installed};

/// Three failed logins, or three requests for what isn't there.
pub const RULES: &str = r#"
rule("guess").on("ssh.auth").when(|e| e.outcome == "failure").by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("each").on("ssh.auth").by(|e| `${e.ip} ${e.user}`).count(1, "1h").then(|hit| log(hit.key));
"#;

/// A place with another source beside `web`.
pub fn place(root: &Path, source: &str) -> Place {
    let dir = root.join("p");
    Place::new(root, "p", RULES, &format!("{}{source}", web_file(&dir)))
}

/// rsyslog with a socket of its own as `/dev/log`, forwarding all that comes.
struct Rsyslog {
    log: PathBuf,
    _server: Server,
}

impl Rsyslog {
    fn start(dir: &Path, global: &str, action: &str) -> Self {
        fs::create_dir_all(dir).unwrap();
        let (log, config) = (dir.join("log"), dir.join("rsyslog.conf"));
        let text = format!(
            "global(workDirectory=\"{0}\" {global})\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{1}\" RateLimit.Interval=\"0\")\n*.* action(type=\"omfwd\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" queue.type=\"LinkedList\" {action})\n",
            dir.display(),
            log.display()
        );
        fs::write(&config, text).unwrap();
        let mut command = support::web::command("rsyslogd");
        command.arg("-n").arg("-f").arg(&config).arg("-i").arg(dir.join("pid"));
        let ready = || UnixDatagram::unbound().unwrap().connect(&log).is_ok();
        let server = Server::start(&mut command, &dir.join("out"), ready);
        Self { log, _server: server }
    }

    /// sshd says so of each client and user.
    fn failed_logins(&self, client: &str, users: std::ops::Range<u32>) {
        let socket = UnixDatagram::unbound().unwrap();
        socket.connect(&self.log).unwrap();
        for user in users {
            let stamp = riposte::clock::now().to_jiff().strftime("%b %e %H:%M:%S").to_string();
            let line = format!("<38>{stamp} sshd[7]: Invalid user u{user} from {client} port 4711");
            socket.send(line.as_bytes()).unwrap();
        }
    }
}

#[test]
fn serial_rsyslog_forwards_over_tcp_and_udp() {
    let test = "serial_rsyslog_forwards_over_tcp_and_udp";
    if !installed(test, &["rsyslogd"]) {
        return;
    }
    for (protocol, framing) in [
        ("tcp", "TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\""),
        ("tcp", "TCP_Framing=\"traditional\""),
        ("udp", ""),
    ] {
        let root = tempfile::tempdir().unwrap();
        let port = free_port();
        let place = place(
            root.path(),
            &format!(
                "[[sources]]\nname = \"net\"\ntype = \"syslog\"\ntrust = true\ntimezone = \"UTC\"\n[sources.syslog]\nlisten = [\"{protocol}:127.0.0.1:{port}\"]\n"
            ),
        );
        let daemon = place.start_and_wait();
        let rsyslog = Rsyslog::start(
            &root.path().join("rsyslog"),
            "",
            &format!("target=\"127.0.0.1\" port=\"{port}\" protocol=\"{protocol}\" {framing}"),
        );
        rsyslog.failed_logins("203.0.113.9", 0..300);
        place.wait(Duration::from_secs(20), "it is blocked", || place.blocked() == ["203.0.113.9"]);
        place.wait(Duration::from_secs(20), "all came", || place.hits("each").len() == 300);
        daemon.terminate();
    }
}

#[test]
fn serial_a_kill_costs_only_what_tcp_had_not_handed_over() {
    let test = "serial_a_kill_costs_only_what_tcp_had_not_handed_over";
    if !installed(test, &["rsyslogd"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let port = free_port();
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"net\"\ntype = \"syslog\"\ntrust = true\n[sources.syslog]\nlisten = [\"tcp:127.0.0.1:{port}\"]\n"
        ),
    );
    let mut daemon = place.start_and_wait();
    let rsyslog = Rsyslog::start(
        &root.path().join("rsyslog"),
        "",
        &format!("target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\""),
    );
    let mut sent = 0;
    for round in 0..4 {
        rsyslog.failed_logins("203.0.113.9", sent..sent + 100);
        sent += 100;
        // Killed when all of them are in the spool, before most are in the store.
        let spooled = || {
            let folder = place.dir.join("state/spool-net");
            let files = fs::read_dir(folder).into_iter().flatten().flatten();
            let parts =
                files.filter(|file| file.path().extension().is_some_and(|end| end == "part"));
            let said = parts.map(|part| fs::read_to_string(part.path()).unwrap_or_default());
            said.collect::<String>().matches("Invalid user").count()
        };
        place.wait(Duration::from_secs(20), "it is spooled", || spooled() >= sent as usize);
        daemon.kill();
        daemon = place.start_and_wait();
        assert_eq!(spooled(), sent as usize, "round {round}: each is kept once");
    }
    place.wait(Duration::from_secs(20), "all came", || place.hits("each").len() == sent as usize);
    assert!(place.hits("each").values().all(|count| *count == 1), "none is doubled");
    daemon.terminate();
}

/// A certificate authority with certificates for `localhost` and for senders.
fn certificates(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    let run = |words: &str| {
        let output =
            Command::new("openssl").args(words.split(' ')).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca");
    fs::write(dir.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    for name in ["server", "sender"] {
        run(&format!(
            "req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN=localhost"
        ));
        run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem"
        ));
    }
    fs::set_permissions(
        dir.join("server.key"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
}

#[test]
fn serial_rsyslog_over_tls_is_trusted_by_its_certificate() {
    let test = "serial_rsyslog_over_tls_is_trusted_by_its_certificate";
    if !installed(test, &["rsyslogd", "openssl"]) {
        return;
    }
    if !Path::new("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so").exists() {
        println!("SKIPPED {test}: `rsyslog-gnutls` is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let certs = root.path().join("certs");
    certificates(&certs);
    let port = free_port();
    let at = |name: &str| certs.join(name).display().to_string();
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"net\"\ntype = \"syslog\"\n[sources.syslog]\nlisten = [\"tls:127.0.0.1:{port}\"]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n",
            at("server.pem"),
            at("server.key"),
            at("ca.pem")
        ),
    );
    let daemon = place.start_and_wait();
    // Whoever has no certificate of ours is not heard.
    let mut stranger = Command::new("sh");
    stranger.arg("-c").arg(format!(
        "(printf '<38>Nov 27 10:00:00 h sshd[7]: Invalid user x from 198.51.100.7 port 4\\n'; sleep 1) | openssl s_client -quiet -connect 127.0.0.1:{port}"
    ));
    stranger.output().unwrap();
    let rsyslog = Rsyslog::start(
        &root.path().join("rsyslog"),
        &format!(
            "defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
            at("ca.pem"),
            at("sender.pem"),
            at("sender.key")
        ),
        &format!(
            "target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" streamDriver=\"gtls\" streamDriverMode=\"1\" streamDriverAuthMode=\"x509/name\" streamDriverPermittedPeers=\"localhost\""
        ),
    );
    rsyslog.failed_logins("203.0.113.9", 0..50);
    place.wait(Duration::from_secs(20), "it is blocked", || place.blocked() == ["203.0.113.9"]);
    place.wait(Duration::from_secs(20), "all came", || place.hits("each").len() == 50);
    daemon.terminate();
}

#[test]
fn serial_nginx_logs_to_syslog() {
    if !installed("serial_nginx_logs_to_syslog", &["nginx"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (port, syslog) = (free_port(), free_port());
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"nginx\"\ntype = \"syslog\"\ntrust = true\n[sources.syslog]\nlisten = [\"udp:127.0.0.1:{syslog}\"]\n"
        ),
    );
    let daemon = place.start_and_wait();
    let server = format!("syslog:server=127.0.0.1:{syslog}");
    let http = format!(
        "server {{ listen 127.0.0.1:{port}; access_log {server},tag=nginx combined; error_log {server}; location / {{ return 404; }} }}"
    );
    let _nginx = Nginx::start(&root.path().join("nginx"), &http, port);
    for _ in 0..3 {
        assert_eq!(get(port, "/.env", "203.0.113.9"), 404);
    }
    place.wait(Duration::from_secs(20), "it is blocked", || place.blocked() == ["203.0.113.9"]);
    daemon.terminate();
}
