//! The files for HAProxy, Apache and Caddy: accepted by the real server's own check, and refusing
//! the client that its own log told of.

use crate::support::web::{Server, command, free_port, get, installed, listens, shipped};
use crate::support::{Network, Place, can_run};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const RULES: &str = r#"
rule("missing").on("http").when(|e| e.status == 404).by("ip").count(3, "1m")
    .then(|hit| block(hit.ip, "1h"));
"#;

const SOON: Duration = Duration::from_secs(10);

/// A folder that servers may read which give up their rights.
fn folder(root: &tempfile::TempDir) -> PathBuf {
    let dir = root.path().join("site");
    fs::create_dir_all(&dir).unwrap();
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
    // Caddy imports no empty file; as the first start of riposte writes it, none is.
    fs::write(dir.join("blocked"), "# riposte: nothing yet\n").unwrap();
    dir
}

/// The place with a file of that format; `commands` are the lines `test = …` and `reload = …`.
fn place(root: &tempfile::TempDir, format: &str, commands: &str, more: &str) -> Place {
    let path = root.path().join("site/blocked");
    let file = format!(
        "[[actions.files]]\nname = \"server\"\nformat = \"{format}\"\npath = \"{}\"\n{commands}\n{more}",
        path.display()
    );
    Place::new(root.path(), "site", RULES, &file)
}

/// A source of another format.
fn source(path: &Path, format: &str) -> String {
    format!(
        "[[sources]]\nname = \"own\"\npaths = [\"{}\"]\nformat = \"{format}\"\nfrom = \"beginning\"\n",
        path.display()
    )
}

/// Attacks until it is refused; the other client never is. `get` gives the status for a client.
fn attack(place: &Place, get: impl Fn(&str, &str) -> u16) {
    let (attackers, other) = (["198.51.100.7", "2001:db8:5:9::9"], "203.0.113.5");
    for client in attackers {
        assert_eq!(get(client, "/"), 200, "{client} before\n{}", place.log());
    }
    for _ in 0..3 {
        for client in attackers {
            assert_eq!(get(client, "/x"), 404);
        }
    }
    for client in attackers {
        place.wait(SOON, "the server refuses the attacker", || get(client, "/") == 403);
        assert_eq!(get(client, "/x"), 403);
    }
    assert_eq!(get(other, "/"), 200, "the other client");
    let told = place.ask(&["status"]);
    assert!(!told.contains("in trouble"), "{told}");
}

#[test]
fn serial_haproxy_refuses_by_the_file() {
    let test = "serial_haproxy_refuses_by_the_file";
    if !installed(test, &["haproxy"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (dir, port) = (folder(&root), free_port());
    let config = dir.join("haproxy.cfg");
    let snippet =
        shipped("haproxy/riposte.cfg", "/etc/riposte/blocked/haproxy.list", &dir.join("blocked"));
    let deny =
        snippet.lines().find_map(|line| Some(line.split_once("http-request deny ")?.1)).unwrap();
    let config_text = format!(
        "global\n log stdout format raw local0\ndefaults\n mode http\n log global\n option httplog\n timeout client 5s\n timeout connect 5s\n timeout server 5s\nfrontend web\n bind 127.0.0.1:{port}\n http-request set-src req.hdr(x-test-client) if {{ req.hdr(x-test-client) -m found }}\n http-request deny {deny}\n http-request return status 404 if {{ path /x }}\n http-request return status 200\n"
    );
    fs::write(&config, config_text).unwrap();
    let log = dir.join("haproxy.log");
    let mut haproxy = command("haproxy");
    haproxy.arg("-W").arg("-db").arg("-f").arg(&config);
    let server = Server::start(&mut haproxy, &log, || listens(port));
    let commands = format!(
        "test = [\"/usr/sbin/haproxy\", \"-c\", \"-f\", \"{}\"]\nreload = [\"/bin/sh\", \"-c\", \"kill -USR2 {}\"]",
        config.display(),
        server.id()
    );
    let place = place(&root, "haproxy-map", &commands, &source(&log, "haproxy"));
    let daemon = place.start_and_wait();
    attack(&place, |client, path| get(port, path, client));
    daemon.terminate();
}

#[test]
fn serial_apache_refuses_by_the_file() {
    let test = "serial_apache_refuses_by_the_file";
    if !can_run(test, &["apache2"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (dir, port) = (folder(&root), free_port());
    fs::create_dir(dir.join("pages")).unwrap();
    fs::write(dir.join("pages/index.html"), "well\n").unwrap();
    let modules = ["mpm_event", "authz_core", "authz_host", "remoteip", "dir"];
    let modules = modules
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let config = dir.join("apache.conf");
    let snippet =
        shipped("apache/riposte.conf", "/etc/riposte/blocked/apache2.list", &dir.join("blocked"));
    let config_text = format!(
        "{modules}ServerName www.example.com\nListen 127.0.0.1:{port}\nPidFile {dir}/apache.pid\nErrorLog {dir}/error.log\nUser www-data\nGroup www-data\nDefaultRuntimeDir {dir}\nRemoteIPHeader X-Test-Client\nRemoteIPInternalProxy 127.0.0.1\nDocumentRoot {dir}/pages\nDirectoryIndex index.html\nLogFormat \"%h %l %u %t \\\"%r\\\" %>s %O \\\"%{{Referer}}i\\\" \\\"%{{User-Agent}}i\\\"\" combined\nCustomLog {dir}/access.log combined\n{snippet}",
        modules = modules.concat(),
        dir = dir.display()
    );
    fs::write(&config, config_text).unwrap();
    let words = format!("\"/usr/sbin/apache2\", \"-f\", \"{}\"", config.display());
    let commands = format!("test = [{words}, \"-t\"]\nreload = [{words}, \"-k\", \"graceful\"]");
    let mut apache = command("apache2");
    apache.arg("-f").arg(&config).arg("-DFOREGROUND");
    let _server = Server::start(&mut apache, &dir.join("apache.out"), || listens(port));
    let place = place(&root, "apache", &commands, "");
    let daemon = place.start_and_wait();
    attack(&place, |client, path| get(port, path, client));
    daemon.terminate();
}

/// Caddy before 2.7 knows the client by its connection alone, so the clients are real ones.
#[test]
fn serial_caddy_refuses_by_the_file() {
    let test = "serial_caddy_refuses_by_the_file";
    if !can_run(test, &["caddy", "ip", "curl"]) {
        return;
    }
    let clients = ["198.51.100.7", "203.0.113.5", "2001:db8:5:9::9"];
    let Some(network) = Network::make(test, &clients) else { return };
    network.add_to_server("198.51.100.1/24");
    let root = tempfile::tempdir().unwrap();
    let dir = folder(&root);
    let config = dir.join("Caddyfile");
    // `handle` comes before everything that could refuse, unless the order says otherwise.
    let config_text = format!(
        "{{\n admin unix//{dir}/admin.sock\n auto_https off\n storage file_system {dir}/caddy\n order error first\n}}\nhttp://:8080 {{\n log {{\n  output file {dir}/caddy.log\n }}\n import {dir}/blocked\n handle /x {{\n  respond 404\n }}\n handle {{\n  respond well\n }}\n}}\n",
        dir = dir.display()
    );
    fs::write(&config, config_text).unwrap();
    let words = format!("\"--config\", \"{0}\", \"--adapter\", \"caddyfile\"", config.display());
    let commands = format!(
        "test = [\"/usr/bin/caddy\", \"validate\", {words}]\nreload = [\"/usr/bin/caddy\", \"reload\", {words}, \"--address\", \"unix/{}/admin.sock\"]",
        dir.display()
    );
    let mut caddy = command("ip");
    caddy.args([
        "netns",
        "exec",
        &network.server,
        "caddy",
        "run",
        "--adapter",
        "caddyfile",
        "--config",
    ]);
    caddy.arg(&config).env("HOME", &dir);
    let get = |client: &str, path: &str| -> u16 {
        let to = match client {
            _ if client.contains(':') => "[2001:db8:5::1]",
            _ if client.starts_with("198.") => "198.51.100.1",
            _ => "203.0.113.1",
        };
        let url = format!("http://{to}:8080{path}");
        let words = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--interface", client, &url];
        let mut curl = command("ip");
        curl.args(["netns", "exec", &network.client, "curl"]).args(words);
        String::from_utf8(curl.output().unwrap().stdout).unwrap().parse().unwrap_or(0)
    };
    let ready = || get("203.0.113.5", "/") == 200;
    let _server = Server::start(&mut caddy, &dir.join("caddy.out"), ready);
    let place =
        place(&root, "caddy-remote-ip", &commands, &source(&dir.join("caddy.log"), "caddy"));
    let daemon = place.start_and_wait();
    attack(&place, get);
    daemon.terminate();
}
