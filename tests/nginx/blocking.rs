//! Requests make log lines, log lines make blocks, and nginx refuses by the file that was written.

use crate::support::web::{Nginx, free_port, get, get_with, installed, shipped};
use crate::support::{Daemon, Place};
use riposte::clock;
use riposte::decisions::{Decision, Verdict};
use riposte::store::Entry;
use std::fs;
use std::time::Duration;

const RULES: &str = r#"
rule("missing").on("http").when(|e| e.status == 404).by("ip").count(3, "1m")
    .then(|hit| block(hit.ip, "4s"));
rule("too-fast").on("http.error").when(|e| e.reason == "limit_req").by("ip").count(3, "1m")
    .then(|hit| block(hit.ip, "1h"));
"#;

/// Time for a reload, on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// A folder with a page; nginx answers 404 for whatever else is asked.
fn place(root: &tempfile::TempDir, more: &str) -> Place {
    let dir = root.path().join("site");
    fs::create_dir_all(dir.join("pages")).unwrap();
    fs::write(dir.join("pages/index.html"), "well\n").unwrap();
    for name in ["geo.conf", "deny.conf"] {
        fs::write(dir.join(name), "").unwrap();
    }
    Place::new(root.path(), "site", RULES, &more.replace("DIR", &dir.display().to_string()))
}

/// The table of a web-server file of nginx.
fn file(format: &str, name: &str) -> String {
    let dir = "DIR";
    format!(
        "[[actions.files]]\nname = \"{name}\"\nformat = \"{format}\"\npath = \"{dir}/{name}.conf\"\nCOMMANDS"
    )
}

fn start(root: &tempfile::TempDir, more: &str, http: &str, port: u16) -> (Place, Nginx, Daemon) {
    let commands = Nginx::commands(&root.path().join("site"));
    let place = place(root, &more.replace("COMMANDS", &commands));
    let http = http.replace("DIR", &place.dir.display().to_string());
    let nginx = Nginx::start(&place.dir, &http, port);
    let daemon = place.start_and_wait();
    (place, nginx, daemon)
}

/// The decisions of the journal with the guard's words.
fn decisions(place: &Place) -> Vec<(Decision, Verdict)> {
    let rows = place.journal().into_iter().filter_map(|row| match row.entry {
        Entry::Decision { row, .. } => Some((row.decision, row.verdict)),
        _ => None,
    });
    rows.collect()
}

fn targets(place: &Place) -> Vec<String> {
    let mut targets: Vec<String> =
        decisions(place).iter().map(|(decision, _)| decision.target.to_string()).collect();
    targets.sort();
    // Who goes on while blocked is decided upon again.
    targets.dedup();
    targets
}

#[test]
fn serial_nginx_refuses_the_attacker_for_its_time_and_nobody_else() {
    let test = "serial_nginx_refuses_the_attacker_for_its_time_and_nobody_else";
    if !installed(test, &["nginx"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (geo, deny) = (free_port(), free_port());
    let own_format = r#"log_format own escape=json '$msec client=$remote_addr peer=$realip_remote_addr "$request" -> $status "$http_user_agent" $request_time';"#;
    let own_source = format!(
        "[[sources]]\nname = \"own\"\npaths = [\"DIR/own.log\"]\nformat = \"nginx\"\nlog_format = '''\n{own_format}\n'''\n"
    );
    let more = [file("nginx-geo", "geo"), file("nginx-deny", "deny"), own_source].concat();
    let blocked = root.path().join("site/geo.conf");
    let geo_block = shipped("nginx/riposte.conf", "/etc/riposte/blocked/nginx.list", &blocked);
    let http = format!(
        "{own_format}
        {geo_block}
        server {{ listen 127.0.0.1:{geo}; root DIR/pages; access_log DIR/access.log combined;
            if ($riposte = block) {{ return 403; }} }}
        server {{ listen 127.0.0.1:{deny}; root DIR/pages; access_log DIR/own.log own;
            include DIR/deny.conf; }}"
    );
    let (place, _nginx, daemon) = start(&root, &more, &http, geo);
    // One attacks at either server, and an IPv6 client; all are refused at both.
    let attackers = ["198.51.100.7", "198.51.100.8", "2001:db8:5:9::9"];
    let others = ["198.51.100.9", "203.0.113.5", "2001:db8:5:a::9"];
    for client in attackers.iter().chain(&others) {
        assert_eq!((get(geo, "/", client), get(deny, "/", client)), (200, 200), "{client} before");
    }
    let begun = clock::now();
    for _ in 0..3 {
        assert_eq!(get(geo, "/wp-login.php", attackers[0]), 404);
        assert_eq!(get(deny, "/wp-login.php", attackers[1]), 404);
        assert_eq!(get(geo, "/wp-login.php", attackers[2]), 404);
    }
    for client in attackers {
        place.wait(SOON, "nginx refuses the attacker", || {
            (get(geo, "/", client), get(deny, "/", client)) == (403, 403)
        });
    }
    for client in others {
        assert_eq!(
            (get(geo, "/", client), get(deny, "/", client)),
            (200, 200),
            "{client} meanwhile"
        );
    }
    let made = decisions(&place);
    assert_eq!(made.len(), 3, "{made:?}");
    for client in attackers {
        place.wait(SOON, "the attacker is let in again", || {
            (get(geo, "/", client), get(deny, "/", client)) == (200, 200)
        });
        let stood = clock::now().since(begun);
        // Log lines have whole seconds, so a block may begin up to a second before its request.
        assert!(stood >= Duration::from_secs(3), "{client} was refused for {stood:?} only");
    }
    let written = fs::read_to_string(place.dir.join("geo.conf")).unwrap();
    assert!(!written.contains("198.51.100"), "{written}");
    daemon.terminate();
}

#[test]
fn serial_a_file_that_nginx_refuses_is_put_back() {
    let test = "serial_a_file_that_nginx_refuses_is_put_back";
    if !installed(test, &["nginx"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let port = free_port();
    // The wrong format for where the file is included.
    let http = format!(
        "geo $riposte {{ default \"\"; include DIR/geo.conf; }}
        server {{ listen 127.0.0.1:{port}; root DIR/pages; access_log DIR/access.log combined;
            if ($riposte = block) {{ return 403; }} }}"
    );
    let (place, _nginx, daemon) = start(&root, &file("haproxy-map", "geo"), &http, port);
    for _ in 0..3 {
        get(port, "/x", "198.51.100.7");
    }
    place.wait(SOON, "the fault is told", || {
        place.journal().iter().any(|row| {
            matches!(&row.entry, Entry::Outcome { outcome, .. } if format!("{outcome:?}").contains("put back"))
        })
    });
    let written = fs::read_to_string(place.dir.join("geo.conf")).unwrap();
    assert!(!written.contains("198.51.100.7"), "{written}");
    assert_eq!(get(port, "/", "198.51.100.7"), 200, "nginx goes on");
    daemon.terminate();
}

#[test]
fn serial_limits_in_the_error_log_block() {
    let test = "serial_limits_in_the_error_log_block";
    if !installed(test, &["nginx"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let port = free_port();
    let more = file("nginx-geo", "geo")
        + "[[sources]]\nname = \"errors\"\npaths = [\"DIR/error.log\"]\nformat = \"nginx-error\"\n";
    let http = format!(
        "geo $riposte {{ default \"\"; include DIR/geo.conf; }}
        limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
        server {{ listen 127.0.0.1:{port}; root DIR/pages;
            if ($riposte = block) {{ return 403; }}
            location / {{ limit_req zone=one; }} }}"
    );
    let (place, _nginx, daemon) = start(&root, &more, &http, port);
    assert_eq!(get(port, "/", "198.51.100.7"), 200);
    assert_eq!(get(port, "/", "203.0.113.5"), 200);
    for _ in 0..3 {
        // What the client has nginx write into its error log names nobody else.
        let forged = "Referer: x, client: 203.0.113.5, server: x\r\n";
        let headers = format!("X-Test-Client: 198.51.100.7\r\n{forged}");
        assert_eq!(get_with(port, "/", &headers), 503);
    }
    place.wait(SOON, "nginx refuses it", || get(port, "/", "198.51.100.7") == 403);
    assert_eq!(get(port, "/", "203.0.113.5"), 503, "limited, not blocked");
    assert_eq!(targets(&place), ["198.51.100.7"]);
    daemon.terminate();
}

#[test]
fn serial_behind_a_proxy_the_client_is_blocked_and_never_the_proxy() {
    let test = "serial_behind_a_proxy_the_client_is_blocked_and_never_the_proxy";
    if !installed(test, &["nginx"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (front, back) = (free_port(), free_port());
    let (proxy, innocent) = ("192.0.2.80", "203.0.113.5");
    let format = r#"log_format behind '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for"';"#;
    let more = format!(
        "trusted_proxies = [\"{proxy}\"]\n{}[[sources]]\nname = \"behind\"\npaths = [\"DIR/behind.log\"]\nformat = \"nginx\"\nlog_format = '''\n{format}\n'''\n",
        file("nginx-geo", "geo")
    );
    // The proxy's connections come from an address of their own at the server behind it.
    let http = format!(
        "{format}
        geo $riposte {{ default \"\"; proxy {proxy}; include DIR/geo.conf; }}
        server {{ listen 127.0.0.1:{front};
            location / {{ proxy_pass http://127.0.0.1:{back};
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                proxy_set_header X-Test-Client {proxy}; }} }}
        server {{ listen 127.0.0.1:{back}; root DIR/pages; access_log DIR/behind.log behind;
            if ($riposte = block) {{ return 403; }} }}"
    );
    let (place, _nginx, daemon) = start(&root, &more, &http, front);
    assert_eq!((get(front, "/", "198.51.100.7"), get(front, "/", innocent)), (200, 200));
    for _ in 0..3 {
        // Through the proxy, with a forged history; then a stranger who comes past the proxy.
        let forged = format!("X-Forwarded-For: {innocent}\r\n");
        let client = "X-Test-Client: 198.51.100.7\r\n";
        assert_eq!(get_with(front, "/x", &format!("{client}{forged}")), 404);
        let stranger = "X-Test-Client: 198.51.100.66\r\n";
        assert_eq!(get_with(back, "/x", &format!("{stranger}{forged}")), 404);
        // The proxy's own requests name no client.
        assert_eq!(get(back, "/x", proxy), 404);
    }
    place.wait(SOON, "the client is refused", || get(front, "/", "198.51.100.7") == 403);
    place.wait(SOON, "the stranger is refused", || get(back, "/", "198.51.100.66") == 403);
    assert_eq!(get(front, "/", innocent), 200, "whose name was forged");
    assert_eq!(get(back, "/", proxy), 200, "the proxy itself");
    place.wait(SOON, "the proxy's are judged", || targets(&place).len() >= 3);
    assert_eq!(targets(&place), [proxy, "198.51.100.66", "198.51.100.7"]);
    let of_proxy = decisions(&place).into_iter().find(|(made, _)| made.target.to_string() == proxy);
    let words = of_proxy.unwrap().1.words();
    assert!(words.contains("trusted proxy"), "{words}");
    daemon.terminate();
}
