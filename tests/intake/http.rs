//! What is pushed over HTTP, by those that really push it: Alertmanager, curl with GitHub's and
//! Cloudflare's headers, and Logpush's gzip lines through a `kill -9`.

use super::support::private_file;
use super::support::trouble::web_file;
use super::support::web::{Server, command, free_port, installed, listens};
use super::support::{Daemon, Place};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const RULES: &str = r#"
rule("push").on("github").when(|e| e.event == "push").by("repository").count(1, "1h")
    .then(|hit| log(hit.key));
rule("notified").on("cloudflare.notification").by("alert").count(1, "1h").then(|hit| log(hit.key));
rule("alerted").on("alert").when(|e| e.state == "firing").by(|e| `${e.alert} ${e.severity}`)
    .count(1, "1h").then(|hit| log(hit.key));
rule("denied").on("http").when(|e| e.status == 403).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("each").on("http").by("path").count(1, "1h").then(|hit| log(hit.key));
rule("fired").on("cloudflare.firewall").when(|e| e.action == "block").by("ip").count(1, "1h")
    .then(|hit| log(hit.key));
"#;

/// A place with an HTTP source of this preset at a port of loopback.
fn place(root: &Path, preset: &str, more: &str) -> (Place, u16) {
    let port = free_port();
    fs::create_dir_all(root.join("p")).unwrap();
    let secret = private_file(root, "hook.secret", "It's a Secret to Everybody");
    let config = format!(
        "{}[intake]\nlisten = \"127.0.0.1:{port}\"\n[[sources]]\nname = \"hook\"\ntype = \"http\"\n{more}[sources.http]\npreset = \"{preset}\"\nsecret = \"file:{}\"\n",
        web_file(&root.join("p")),
        secret.display()
    );
    (Place::new(root, "p", RULES, &config), port)
}

fn start(place: &Place, port: u16) -> Daemon {
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(20), "it listens", || listens(port));
    daemon
}

/// Sends a body by curl; the status, 0 where none came.
fn curl(port: u16, headers: &[&str], body: &[u8]) -> u16 {
    let mut built = Command::new("curl");
    built.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20"]);
    for header in headers {
        built.args(["-H", header]);
    }
    built.args(["--data-binary", "@-", &format!("http://127.0.0.1:{port}/intake/hook")]);
    let mut child = built.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // A server that refuses before the end closes the pipe.
    drop(child.stdin.take().unwrap().write_all(body));
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).parse().unwrap_or(0)
}

/// A signature by openssl, so that not only our own arithmetic agrees with itself.
fn signature(root: &Path, body: &str) -> String {
    let path = root.join("body");
    fs::write(&path, body).unwrap();
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "It's a Secret to Everybody", "-r"])
        .arg(&path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').next().unwrap().to_owned()
}

#[test]
fn github_is_heard_by_its_signature_and_each_delivery_once() {
    if !installed("github_is_heard_by_its_signature_and_each_delivery_once", &["curl", "openssl"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (place, port) = place(root.path(), "github", "");
    let mut daemon = start(&place, port);
    let body = r#"{"ref":"refs/heads/main","repository":{"full_name":"octo/site"},"sender":{"login":"octocat"}}"#;
    let signed = format!("X-Hub-Signature-256: sha256={}", signature(root.path(), body));
    let send = |signature: &str, delivery: &str| {
        let delivery = format!("X-GitHub-Delivery: {delivery}");
        let headers =
            ["Content-Type: application/json", "X-GitHub-Event: push", signature, &delivery];
        curl(port, &headers, body.as_bytes())
    };
    assert_eq!(send("X-Hub-Signature-256: sha256=00", "1"), 401);
    assert_eq!(send(&signed, "1"), 200);
    // The same again, after a kill and under another name, which nobody signed.
    daemon.kill();
    let daemon = start(&place, port);
    assert_eq!(send(&signed, "2"), 200);
    let other = body.replace("octo/site", "octo/other");
    let headers = [
        &*format!("X-Hub-Signature-256: sha256={}", signature(root.path(), &other)),
        "X-GitHub-Event: push",
    ];
    assert_eq!(curl(port, &headers, other.as_bytes()), 200);
    place.wait(Duration::from_secs(20), "both repositories", || place.hits("push").len() == 2);
    assert!(place.hits("push").values().all(|count| *count == 1), "{:?}", place.hits("push"));
    assert!(!place.log().contains("Secret to Everybody"));
    daemon.terminate();
}

#[test]
fn cloudflares_notification_has_its_alert() {
    if !installed("cloudflares_notification_has_its_alert", &["curl"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (place, port) = place(root.path(), "cloudflare", "");
    let daemon = start(&place, port);
    let now = riposte::clock::now().as_secs();
    let body = format!(
        r#"{{"name":"Origin","text":"Origin errors","data":{{"zone":"example.com"}},"ts":{now},"account_id":"9035","policy_id":"1","policy_name":"Origin","alert_type":"http_alert_origin_error","alert_correlation_id":"2","alert_event":"ALERT_STATE_EVENT_START"}}"#
    );
    assert_eq!(curl(port, &[], body.as_bytes()), 401);
    let key = "cf-webhook-auth: It's a Secret to Everybody";
    assert_eq!(curl(port, &[key], body.as_bytes()), 200);
    place.wait(Duration::from_secs(20), "the alert", || {
        place.hits("notified").contains_key("http_alert_origin_error")
    });
    daemon.terminate();
}

#[test]
fn serial_alertmanager_pushes_its_alerts() {
    let test = "serial_alertmanager_pushes_its_alerts";
    if !installed(test, &["prometheus-alertmanager", "curl"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (place, port) = place(root.path(), "alertmanager", "");
    let daemon = start(&place, port);
    let own = free_port();
    let config = format!(
        "route:\n  receiver: riposte\n  group_wait: 0s\n  group_interval: 1s\nreceivers:\n  - name: riposte\n    webhook_configs:\n      - url: http://127.0.0.1:{port}/intake/hook\n        http_config:\n          authorization:\n            credentials: \"It's a Secret to Everybody\"\n"
    );
    fs::write(root.path().join("am.yml"), config).unwrap();
    let mut built = command("prometheus-alertmanager");
    built
        .arg(format!("--config.file={}", root.path().join("am.yml").display()))
        .arg(format!("--storage.path={}", root.path().join("am").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{own}"))
        .arg("--cluster.listen-address=");
    let _server = Server::start(&mut built, &root.path().join("am.out"), || listens(own));
    let alerts = r#"[{"labels":{"alertname":"DiskFull","severity":"critical","instance":"web1"},"annotations":{"summary":"93 %"}},{"labels":{"alertname":"Slow","severity":"warning"}}]"#;
    let url = format!("http://127.0.0.1:{own}/api/v2/alerts");
    let sent = Command::new("curl")
        .args(["-sf", "-H", "Content-Type: application/json", "--data-binary", alerts, &url])
        .status();
    assert!(sent.unwrap().success());
    place.wait(Duration::from_secs(30), "both alerts", || {
        let hits = place.hits("alerted");
        hits.contains_key("DiskFull critical") && hits.contains_key("Slow warning")
    });
    daemon.terminate();
}

/// Lines of `http_requests`, packed by gzip itself.
fn logpush(lines: std::ops::Range<u32>) -> Vec<u8> {
    let now = riposte::clock::now().to_string();
    let lines: Vec<String> = lines
        .map(|line| {
            format!("{{\"ClientIP\":\"198.51.100.{}\",\"ClientRequestHost\":\"www.example.com\",\"ClientRequestMethod\":\"GET\",\"ClientRequestURI\":\"/page/{line}\",\"ClientRequestUserAgent\":\"Mozilla/5.0\",\"EdgeResponseStatus\":200,\"EdgeStartTimestamp\":\"{now}\",\"RayID\":\"{line:016x}\"}}\n", line % 250)
        })
        .collect();
    packed(&lines.concat())
}

fn packed(text: &str) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = gzip.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let mut out = Vec::new();
    gzip.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    writer.join().unwrap();
    assert!(gzip.wait().unwrap().success());
    out
}

const BEARER: &str = "Authorization: Bearer It's a Secret to Everybody";

#[test]
fn serial_logpush_loses_and_doubles_nothing_through_kills() {
    if !installed("serial_logpush_loses_and_doubles_nothing_through_kills", &["curl", "gzip"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (place, port) = place(root.path(), "logpush", "");
    let mut daemon = start(&place, port);
    // What Cloudflare sends when a job is made.
    assert_eq!(curl(port, &[BEARER], &packed(r#"{"content":"tests"}"#)), 200);
    assert_eq!(curl(port, &[], &packed(r#"{"content":"tests"}"#)), 401);
    let body = logpush(0..10_000);
    let spooled = || {
        let files =
            fs::read_dir(place.dir.join("state/spool-hook")).into_iter().flatten().flatten();
        let kept = files.filter(|file| file.path().extension().is_some_and(|end| end == "part"));
        kept.map(|file| file.metadata().map_or(0, |data| data.len())).sum::<u64>()
    };
    // Killed in the middle of it, and sent again, as whoever got no answer does.
    let mut cut = 0;
    for kilobytes in [200, 700, 1_500] {
        let body = body.clone();
        let sender = std::thread::spawn(move || curl(port, &[BEARER], &body));
        place.wait(Duration::from_secs(20), "a part is there", || spooled() > kilobytes * 1024);
        daemon.kill();
        cut += u32::from(sender.join().unwrap() != 200);
        daemon = start(&place, port);
    }
    assert!(cut > 0, "no kill came in the middle");
    assert_eq!(curl(port, &[BEARER], &body), 200);
    assert_eq!(curl(port, &[BEARER], &body), 200, "once more, after the answer");
    // Killed right after the answer: it is safe.
    assert_eq!(curl(port, &[BEARER], &logpush(10_000..12_000)), 200);
    daemon.kill();
    let daemon = start(&place, port);
    place.wait(Duration::from_mins(2), "all are there", || place.hits("each").len() == 12_000);
    assert!(place.hits("each").values().all(|count| *count == 1), "none is doubled");
    daemon.terminate();
}

#[test]
fn logpush_alone_makes_rules_act_and_an_open_source_does_not() {
    if !installed("logpush_alone_makes_rules_act_and_an_open_source_does_not", &["curl"]) {
        return;
    }
    let now = riposte::clock::now().to_string();
    let request = |client: &str, path: &str| {
        format!(
            "{{\"ClientIP\":\"{client}\",\"ClientRequestMethod\":\"GET\",\"ClientRequestURI\":\"{path}\",\"EdgeResponseStatus\":403,\"EdgeStartTimestamp\":\"{now}\"}}\n"
        )
    };
    let three =
        |client: &str| -> String { (0..3).map(|n| request(client, &format!("/{n}"))).collect() };
    let fired = format!(
        "{{\"Action\":\"block\",\"ClientIP\":\"203.0.113.9\",\"Datetime\":\"{now}\",\"Source\":\"waf\"}}\n"
    );
    let root = tempfile::tempdir().unwrap();
    let (closed, port) = place(root.path(), "logpush", "");
    let daemon = start(&closed, port);
    assert_eq!(curl(port, &[BEARER], [three("203.0.113.9"), fired].concat().as_bytes()), 200);
    closed.wait(Duration::from_secs(20), "it is blocked", || closed.blocked() == ["203.0.113.9"]);
    closed.wait(Duration::from_secs(20), "the firewall's", || closed.hits("fired").len() == 1);
    daemon.terminate();
    // Without a secret anybody may have sent it.
    let config = fs::read_to_string(closed.dir.join("riposte.toml")).unwrap();
    let (before, secret) = config.split_once("secret = ").unwrap();
    let open = format!("{before}{}", secret.split_once('\n').unwrap().1);
    fs::write(closed.dir.join("riposte.toml"), open).unwrap();
    let daemon = start(&closed, port);
    assert_eq!(curl(port, &[], three("203.0.113.10").as_bytes()), 200);
    closed.wait(Duration::from_secs(20), "the rule has fired", || {
        closed.hits("denied").contains_key("203.0.113.10")
    });
    let why = closed.ask(&["why", "203.0.113.10"]);
    assert!(why.contains("shadow: anybody may have sent these events"), "{why}");
    assert_eq!(closed.blocked(), ["203.0.113.9"]);
    daemon.terminate();
}

#[test]
fn serial_it_speaks_tls_and_listens_at_a_socket() {
    if !installed("serial_it_speaks_tls_and_listens_at_a_socket", &["curl", "openssl"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (certificate, key) = (root.path().join("c.pem"), root.path().join("k.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    assert!(made.unwrap().status.success());
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&key, private).unwrap();
    let (place, port) = place(root.path(), "logpush", "");
    let path = place.dir.join("riposte.toml");
    let config = fs::read_to_string(&path).unwrap();
    let listen = format!("listen = \"127.0.0.1:{port}\"\n");
    let tls = format!(
        "{listen}certificate = \"{}\"\nkey = \"{}\"\n",
        certificate.display(),
        key.display()
    );
    fs::write(&path, config.replace(&listen, &tls)).unwrap();
    let daemon = start(&place, port);
    let send = |words: &[&str]| {
        let output = Command::new("curl")
            .args([
                "-s",
                "-w",
                "%{http_code}",
                "-H",
                BEARER,
                "--data-binary",
                "{\"content\":\"tests\"}",
            ])
            .args(words)
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    };
    let ca = certificate.display().to_string();
    let url = format!("https://localhost:{port}/intake/hook");
    assert_eq!(send(&["--cacert", &ca, &url]), "ok\n200");
    daemon.terminate();
    let socket = root.path().join("intake.sock");
    let unix = format!("listen = \"unix:{}\"\n", socket.display());
    fs::write(&path, config.replace(&listen, &unix)).unwrap();
    for _ in 0..2 {
        // The second time over what the first has left.
        let mut daemon = place.start_and_wait();
        let at = socket.display().to_string();
        place.wait(Duration::from_secs(20), "it listens", || {
            send(&["--unix-socket", &at, "http://localhost/intake/hook"]) == "ok\n200"
        });
        assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
        daemon.kill();
    }
}
