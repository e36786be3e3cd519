//! Looking at a machine: which logs there are, what can put blocks in force, who administers it.
//!
//! In: the machine's files ([`Place`]) and what only the running system tells ([`Now`]). Out:
//! [`Found`]. Nothing is written or run here.

use super::found::{Found, FoundSource, Nft, Now, Server};
use super::nginx;
use super::place::{Place, last_lines};
use crate::limits::LOG_TAIL_BYTES_MAX;
use crate::parsers;
use std::net::IpAddr;

/// A log of sshd that wasn't written for so long is one that nobody writes any more.
const STALE_SECS: u64 = 7 * 86_400;

/// Looks at everything.
pub fn look(place: &Place, now: &Now) -> Found {
    let mut found = Found { nft: now.nft.clone(), ..Found::default() };
    nginx::look(place, &mut found);
    apache(place, &mut found);
    caddy(place, &mut found);
    traefik(place, &mut found);
    haproxy(place, &mut found);
    sshd(place, &mut found);
    unreadable(place, &mut found);
    people(now, &mut found);
    found
}

fn source(name: &str, format: &'static str, paths: Vec<String>, why: &str) -> FoundSource {
    FoundSource {
        name: name.to_owned(),
        format,
        log_format: None,
        paths,
        why: why.to_owned(),
        from_journal: false,
    }
}

fn push_new(list: &mut Vec<String>, path: String) {
    if !list.contains(&path) {
        list.push(path);
    }
}

/// The word after `name` on each line that begins with it.
fn words_after<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let of_line = |line: &'t str| {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        first.eq_ignore_ascii_case(name).then(|| words.next()).flatten()
    };
    text.lines().filter_map(of_line).collect()
}

fn apache(place: &Place, found: &mut Found) {
    let mut paths = Vec::new();
    let mut installed = false;
    let configs = [
        "/etc/apache2/apache2.conf",
        "/etc/apache2/conf-enabled/*.conf",
        "/etc/apache2/sites-enabled/*",
        "/etc/httpd/conf/httpd.conf",
        "/etc/httpd/conf.d/*.conf",
    ];
    for config in configs.into_iter().flat_map(|pattern| place.glob(pattern)) {
        installed = true;
        let root =
            if config.starts_with("/etc/httpd") { "/etc/httpd/" } else { "/var/log/apache2/" };
        let text = place.read(&config).unwrap_or_default();
        for log in words_after(&text, "CustomLog") {
            let log = log.trim_matches('"').replace("${APACHE_LOG_DIR}", "/var/log/apache2");
            if log.starts_with('|') || log.contains('$') {
                continue;
            }
            let log = if log.starts_with('/') { log } else { format!("{root}{log}") };
            // RHEL's `logs/` is a link into /var/log.
            push_new(&mut paths, log.replace("/etc/httpd/logs/", "/var/log/httpd/"));
        }
    }
    for usual in ["/var/log/apache2/access.log", "/var/log/httpd/access_log"] {
        if place.has(usual) {
            push_new(&mut paths, usual.to_owned());
        }
    }
    if installed {
        let name = if place.has("/etc/apache2") { "apache2" } else { "httpd" };
        found.servers.push(Server { name, format: "apache" });
    }
    paths.retain(|path| {
        let lines = last_lines(&place.real(path), LOG_TAIL_BYTES_MAX).unwrap_or_default();
        let detected = parsers::detect(lines.iter().map(AsRef::as_ref));
        let fits = lines.is_empty() || detected.format == "combined";
        if !fits {
            found.notes.push(format!(
                "{path} is no combined or common access log ({}): it is left out",
                detected.why
            ));
        }
        fits
    });
    if !paths.is_empty() {
        found.sources.push(source(
            "apache",
            "apache",
            paths,
            "`CustomLog` of Apache's config, and its usual place",
        ));
    }
}

fn caddy(place: &Place, found: &mut Found) {
    let config = place.read("/etc/caddy/Caddyfile");
    let mut paths = Vec::new();
    for line in config.as_deref().unwrap_or("").lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some("output") && words.next() == Some("file") {
            paths.extend(words.next().map(str::to_owned));
        }
    }
    if paths.is_empty() {
        paths = place.glob("/var/log/caddy/*.log");
    }
    if config.is_some() {
        found.servers.push(Server { name: "caddy", format: "caddy" });
        if paths.is_empty() {
            found.notes.push(
                "caddy writes no access log yet; add this to each site, then run `riposte init --force`\n    log {\n        output file /var/log/caddy/access.log\n    }"
                    .to_owned(),
            );
        }
    }
    if !paths.is_empty() {
        found.sources.push(source(
            "caddy",
            "caddy",
            paths,
            "`output file` of the Caddyfile, or its usual place",
        ));
    }
}

fn traefik(place: &Place, found: &mut Found) {
    let configs =
        ["/etc/traefik/traefik.yml", "/etc/traefik/traefik.yaml", "/etc/traefik/traefik.toml"];
    let config = configs.into_iter().find_map(|path| place.read(path));
    let mut path = config.as_deref().and_then(traefik_log);
    if path.is_none() && place.has("/var/log/traefik/access.log") {
        path = Some("/var/log/traefik/access.log".to_owned());
    }
    match path {
        Some(path) => {
            found.sources.push(source("traefik", "traefik", vec![path], "`accessLog` of Traefik's config, or its usual place"));
        }
        None if config.is_some() => found.notes.push(
            "traefik writes no access log to a file; set `accessLog.filePath` to `/var/log/traefik/access.log`, then run `riposte init --force`"
                .to_owned(),
        ),
        None => {}
    }
}

/// `filePath` in the `accessLog` section, in YAML or TOML.
fn traefik_log(config: &str) -> Option<String> {
    let mut inside = false;
    for line in config.lines() {
        let word = line.trim();
        if word.starts_with("accessLog") || word.starts_with("[accessLog") {
            inside = true;
        } else if inside
            && (word.starts_with('[') || (!line.starts_with(' ') && line.ends_with(':')))
        {
            inside = false;
        }
        let value =
            word.strip_prefix("filePath").map(|rest| rest.trim_start_matches([' ', ':', '=']));
        if inside && let Some(value) = value {
            return Some(value.trim_matches(['"', '\'']).to_owned());
        }
    }
    None
}

fn haproxy(place: &Place, found: &mut Found) {
    let installed = place.has("/etc/haproxy/haproxy.cfg");
    if installed {
        found.servers.push(Server { name: "haproxy", format: "haproxy-map" });
    }
    let log = "/var/log/haproxy.log";
    if place.has(log) {
        found.sources.push(source("haproxy", "haproxy", vec![log.to_owned()], "its usual place"));
    } else if installed {
        found.notes.push(
            "haproxy logs through syslog, and there is no /var/log/haproxy.log: with rsyslog installed, restart haproxy, then run `riposte init --force`"
                .to_owned(),
        );
    }
}

fn sshd(place: &Place, found: &mut Found) {
    let red_hat = place.has("/etc/redhat-release") || place.has("/etc/fedora-release");
    let syslog = ["/usr/sbin/rsyslogd", "/usr/sbin/syslog-ng", "/sbin/syslogd"];
    let has_syslog = syslog.into_iter().any(|path| place.has(path));
    let journal = place.has("/var/log/journal") || place.has("/run/log/journal");
    let logs = ["/var/log/auth.log", "/var/log/secure"].into_iter();
    let log = logs.into_iter().find(|path| place.has(path)).filter(|path| {
        let stale = place.age_secs(path).is_some_and(|age| age > STALE_SECS);
        !(stale && journal && !has_syslog)
    });
    if let Some(log) = log {
        found.sources.push(source("sshd", "sshd", vec![log.to_owned()], "syslog's log of logins"));
        return;
    }
    let installed = place.has("/etc/ssh/sshd_config") || place.has("/usr/sbin/sshd");
    if !installed {
        return;
    }
    if journal && place.has("/usr/bin/journalctl") {
        found.sources.push(FoundSource {
            from_journal: true,
            ..source("sshd", "auto", Vec::new(), "only root's entries count")
        });
        return;
    }
    let (log, install) = if red_hat {
        ("/var/log/secure", "dnf install rsyslog && systemctl enable --now rsyslog")
    } else {
        ("/var/log/auth.log", "apt install rsyslog")
    };
    let why = "not there yet: rsyslog will write it";
    found.sources.push(source("sshd", "sshd", vec![log.to_owned()], why));
    found.notes.push(format!(
        "sshd writes no log file: install rsyslog, which writes its messages to {log} (riposte sees the file as soon as it is there)\n    {install}"
    ));
}

fn unreadable(place: &Place, found: &mut Found) {
    let paths = found.sources.iter().flat_map(|source| &source.paths);
    let files = paths.flat_map(|path| place.glob(path));
    let closed: Vec<String> = files.filter(|path| !place.readable(path)).collect();
    if !closed.is_empty() {
        found.notes.push(format!(
            "this user can't read {}: run `riposte init` as root",
            closed.join(", ")
        ));
    }
}

fn people(now: &Now, found: &mut Found) {
    let mut add = |address: IpAddr, why: &str| {
        let known = found.administrators.iter().any(|(other, _)| *other == address);
        if !known && !address.is_loopback() && !address.is_unspecified() {
            found.administrators.push((address, why.to_owned()));
        }
    };
    if let Some(address) = now.ssh_client {
        add(address, "the SSH session that ran `riposte init`");
    }
    for address in &now.logins {
        add(*address, "somebody was logged in from here when `riposte init` ran");
    }
    found.own = now.own.iter().copied().filter(|address| !is_local(*address)).collect();
    if let Nft::Refused(said) = &found.nft {
        found.notes.push(format!(
            "nft is installed, but this user can't use it, so kernel blocks stay switched off in the config: run `riposte init` as root\n    nft said: {said}"
        ));
    }
}

fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    }
}

/// Whether an address is of a private range (RFC 1918, RFC 4193).
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}
