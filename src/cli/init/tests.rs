//! Made machines, and what `init` says and writes for each.

mod odd;

use super::found::{Found, Nft, Now};
use super::place::Place;
use super::{look, page, report};
use std::path::Path;

/// A machine with these files.
struct Machine {
    root: tempfile::TempDir,
    now: Now,
}

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let now = Now {
            nft: Nft::Usable,
            ssh_client: Some("198.51.100.7".parse().unwrap()),
            logins: vec!["198.51.100.7".parse().unwrap(), "2001:db8:5:6::7".parse().unwrap()],
            own: ["127.0.0.1", "203.0.113.80", "fe80::1", "::1"]
                .map(|text| text.parse().unwrap())
                .into(),
        };
        Self { root, now }
    }

    fn found(&self) -> Found {
        look::look(&Place::new(self.root.path()), &self.now)
    }
}

#[test]
fn where_logins_are_in_the_journal_alone_it_is_read() {
    let machine = Machine::new(&[
        ("etc/ssh/sshd_config", ""),
        ("var/log/journal/x", ""),
        ("usr/bin/journalctl", ""),
    ]);
    let found = machine.found();
    let said = said(&found);
    assert!(said.contains("sshd           the journal (only root's entries count"), "{said}");
    let config = crate::config::parse(&page(&found)).unwrap();
    assert_eq!(config.sources[0].kind_of, crate::config::SourceType::Journald);
    assert!(config.sources[0].is_trusted());
}

/// What is said; the file must be right, whatever it holds.
fn said(found: &Found) -> String {
    let config = crate::config::parse(&page(found)).unwrap();
    assert_eq!(config.faults(), Vec::<String>::new());
    let rules = crate::pipeline::rule_set::load(&config, &std::collections::BTreeMap::new(), 0);
    assert_eq!(rules.loaded.findings, Vec::new());
    let mut lines = report::findings(found);
    lines.extend(report::next_steps(found, Path::new("/etc/riposte/riposte.toml"), true));
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

fn page(found: &Found) -> String {
    page::page(found, Path::new("/etc/riposte"), false)
}

const DEBIAN_NGINX: &str = "
user www-data;
error_log /var/log/nginx/error.log;
events { worker_connections 768; }
http {
    include /etc/nginx/mime.types;
    access_log /var/log/nginx/access.log;
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
";

const COMBINED: &str =
    "203.0.113.9 - - [10/Oct/2026:13:55:36 +0000] \"GET / HTTP/1.1\" 200 512 \"-\" \"curl/8\"\n";

#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot is long")]
fn debian_with_nginx_and_sshd() {
    let machine = Machine::new(&[
        ("etc/nginx/nginx.conf", DEBIAN_NGINX),
        ("etc/nginx/sites-enabled/default", "server { listen 80; }"),
        ("var/log/nginx/access.log", COMBINED),
        ("var/log/nginx/error.log", ""),
        ("var/log/auth.log", ""),
    ]);
    let found = machine.found();
    insta::assert_snapshot!(said(&found), @"
    found
      nginx          /var/log/nginx/access.log (`access_log` of /etc/nginx/nginx.conf)
      nginx-error    /var/log/nginx/error.log (`error_log` of /etc/nginx/nginx.conf)
      sshd           /var/log/auth.log (syslog's log of logins)
      nftables       usable: blocks go into the kernel
      nginx          can be given a file of blocked clients; it is in the config, commented
      never blocked  198.51.100.7 (the SSH session that ran `riposte init`)
      never blocked  2001:db8:5:6::7 (somebody was logged in from here when `riposte init` ran)
      own addresses  203.0.113.80

    next
      riposte check                             config and rules are right?
      riposte replay /var/log/nginx/access.log  what the rules would have done on your log
      riposte run                               start it (deploy/README.md: as a service)
      riposte doctor                            is all well?
    ");
    insta::assert_snapshot!(page(&found), @r#"
    # Riposte: made by `riposte init` for this machine. Every key is in docs/config.md.
    # After a change: `riposte check`, then `systemctl reload riposte` (or send SIGHUP).

    # --- Logs that are followed. A file need not exist yet; `riposte parse FILE` tries a format.

    # Found: `access_log` of /etc/nginx/nginx.conf.
    [[sources]]
    name = "nginx"
    format = "nginx"
    paths = ["/var/log/nginx/access.log"]

    # Found: `error_log` of /etc/nginx/nginx.conf.
    [[sources]]
    name = "nginx-error"
    format = "nginx-error"
    paths = ["/var/log/nginx/error.log"]

    # Found: syslog's log of logins.
    [[sources]]
    name = "sshd"
    format = "sshd"
    paths = ["/var/log/auth.log"]

    # --- Rules. The ones that ship with riposte are on; `riposte rules list` shows them.
    [rules]
    # Your own rules: every *.rhai in this folder (beside this file).
    # paths = ["rules"]
    # modes = { http-flood = "shadow" }            # enforce, shadow or off, by rule
    # params = { http-login = { failures = 40 } }  # settings that a rule file offers

    # --- What is never blocked, whatever a rule says.
    [guard]
    # Addresses, prefixes and host names; `riposte allow ADDRESS` adds more at any time.
    allow = [
        "198.51.100.7",  # the SSH session that ran `riposte init`
        "2001:db8:5:6::/64",  # somebody was logged in from here when `riposte init` ran
    ]
    # This machine's own addresses are known: 203.0.113.80.

    # --- Where blocks are put in force.
    # In the kernel: our own table `inet riposte`; nothing else is touched.
    [actions.nftables]
    # false: a block leaves connections alone that are already open.
    cut_established = true

    # A file for nginx: answers 403 also to clients that come through a proxy. Take the # away,
    # start riposte (it makes the file), then put this into the server's config:
    #     geo $riposte {               # in http { … }
    #         default "";
    #         include /etc/riposte/blocked/nginx.list;
    #     }
    #     if ($riposte = block) { return 403; }    # in each server { … }
    # [[actions.files]]
    # name = "nginx"
    # format = "nginx-geo"
    # path = "/etc/riposte/blocked/nginx.list"
    # With deploy/riposte.service leave this away: `systemctl enable --now
    # riposte-reload@nginx.path` reloads the server instead (deploy/README.md).
    # reload = ["nginx", "-s", "reload"]
    "#);
}

#[test]
fn nginx_behind_cloudflare_with_formats_of_its_own() {
    let shop = "
        log_format shop '$remote_addr [$time_iso8601] \"$request\" $status '
                        '\"$http_user_agent\"';
        server {
            server_name shop.example.com;
            access_log /srv/logs/$host.access.log shop buffer=32k;
            access_log /srv/logs/all.gz shop gzip;
            set_real_ip_from 173.245.48.0/20;
            set_real_ip_from 10.8.0.0/16;
            real_ip_header CF-Connecting-IP;
        }";
    let mut machine = Machine::new(&[
        ("etc/nginx/nginx.conf", DEBIAN_NGINX),
        ("etc/nginx/conf.d/shop.conf", shop),
        ("var/log/nginx/access.log", COMBINED),
        ("etc/ssh/sshd_config", ""),
        ("var/log/journal/x", ""),
    ]);
    machine.now.nft = Nft::Missing;
    machine.now.own = vec!["10.8.0.4".parse().unwrap()];
    let found = machine.found();
    insta::assert_snapshot!(said(&found), @r#"
    found
      nginx          /var/log/nginx/access.log (`access_log` of /etc/nginx/nginx.conf)
      nginx-shop     /srv/logs/*.access.log (`access_log` of /etc/nginx/nginx.conf, log_format `shop`)
      nginx-error    /var/log/nginx/error.log (`error_log` of /etc/nginx/nginx.conf)
      sshd           /var/log/auth.log (not there yet: rsyslog will write it)
      nftables       not installed: nothing is blocked in the kernel
      nginx          can be given a file of blocked clients; it is in the config, commented
      never blocked  198.51.100.7 (the SSH session that ran `riposte init`)
      never blocked  2001:db8:5:6::7 (somebody was logged in from here when `riposte init` ran)
      own addresses  10.8.0.4

    to mind
      - nginx keeps the lines of /srv/logs/*.access.log back (`buffer=` or `flush=` of its access_log): blocks come that much later
      - /srv/logs/all.gz is compressed as it is written (`gzip` of its access_log), so it can't be followed: it is left out
      - sshd writes no log file: install rsyslog, which writes its messages to /var/log/auth.log (riposte sees the file as soon as it is there)
            apt install rsyslog
      - clients come through Cloudflare: a kernel block doesn't reach those (their packets carry the proxy's address, which is never blocked); the file for the web server does, and Cloudflare itself: see `[[actions.files]]` and `[[actions.cloudflare]]`
      - nginx's log doesn't tell which clients came through the proxy, so blocks go everywhere; with this in nginx.conf (and its name in `access_log`) it does; then run `riposte init --force`
            log_format riposte '$remote_addr - "$remote_user" [$time_local] "$request" '
                '$status $body_bytes_sent "$http_referer" "$http_user_agent" '
                '$realip_remote_addr';
      - nftables is not installed, so nothing can be blocked in the kernel: `apt install nftables`, or let the web server answer 403

    next
      riposte check                             config and rules are right?
      riposte replay /var/log/nginx/access.log  what the rules would have done on your log
      riposte run                               start it (deploy/README.md: as a service)
      riposte doctor                            is all well?
    "#);
    insta::assert_snapshot!(page(&found), @r#"
    # Riposte: made by `riposte init` for this machine. Every key is in docs/config.md.
    # After a change: `riposte check`, then `systemctl reload riposte` (or send SIGHUP).

    # --- Logs that are followed. A file need not exist yet; `riposte parse FILE` tries a format.

    # Found: `access_log` of /etc/nginx/nginx.conf.
    [[sources]]
    name = "nginx"
    format = "nginx"
    paths = ["/var/log/nginx/access.log"]

    # Found: `access_log` of /etc/nginx/nginx.conf, log_format `shop`.
    [[sources]]
    name = "nginx-shop"
    format = "nginx"
    paths = ["/srv/logs/*.access.log"]
    log_format = '''
    log_format shop
        '$remote_addr [$time_iso8601] "$request" $status '
        '"$http_user_agent"';'''

    # Found: `error_log` of /etc/nginx/nginx.conf.
    [[sources]]
    name = "nginx-error"
    format = "nginx-error"
    paths = ["/var/log/nginx/error.log"]

    # Found: not there yet: rsyslog will write it.
    [[sources]]
    name = "sshd"
    format = "sshd"
    paths = ["/var/log/auth.log"]

    # --- Rules. The ones that ship with riposte are on; `riposte rules list` shows them.
    [rules]
    # Your own rules: every *.rhai in this folder (beside this file).
    # paths = ["rules"]
    # modes = { http-flood = "shadow" }            # enforce, shadow or off, by rule
    # params = { http-login = { failures = 40 } }  # settings that a rule file offers

    # --- What is never blocked, whatever a rule says.
    [guard]
    # Addresses, prefixes and host names; `riposte allow ADDRESS` adds more at any time.
    allow = [
        "198.51.100.7",  # the SSH session that ran `riposte init`
        "2001:db8:5:6::/64",  # somebody was logged in from here when `riposte init` ran
    ]
    # This machine's own addresses are known: 10.8.0.4.
    # None of them is public: if the machine is behind NAT, its public address belongs here.
    # own = ["198.51.100.1"]
    # From `set_real_ip_from` of nginx: proxies that are believed, and never blocked.
    trusted_proxies = ["10.8.0.0/16"]
    # Cloudflare's own ranges are believed and never blocked.
    cloudflare = true

    # --- Where blocks are put in force.
    # nftables is not installed, so nothing is blocked in the kernel. After
    # `apt install nftables` (or `dnf install nftables`) take the # away:
    # [actions.nftables]

    # A file for nginx: answers 403 also to clients that come through a proxy. Take the # away,
    # start riposte (it makes the file), then put this into the server's config:
    #     geo $riposte {               # in http { … }
    #         default "";
    #         include /etc/riposte/blocked/nginx.list;
    #     }
    #     if ($riposte = block) { return 403; }    # in each server { … }
    # [[actions.files]]
    # name = "nginx"
    # format = "nginx-geo"
    # path = "/etc/riposte/blocked/nginx.list"
    # With deploy/riposte.service leave this away: `systemctl enable --now
    # riposte-reload@nginx.path` reloads the server instead (deploy/README.md).
    # reload = ["nginx", "-s", "reload"]

    # At Cloudflare, where clients that come through it can be blocked. Two steps:
    # 1. make a token at https://dash.cloudflare.com/profile/api-tokens (docs/cloudflare.md names
    #    its permissions) and put it into /etc/riposte/cloudflare.token, mode 0600;
    # 2. take the # away; `riposte cf verify` then says whether all is well.
    # [[actions.cloudflare]]
    # token = "file:/etc/riposte/cloudflare.token"
    "#);
}

#[test]
fn nginx_that_logs_only_cloudflares_addresses() {
    let machine = Machine::new(&[
        ("etc/nginx/nginx.conf", DEBIAN_NGINX),
        ("var/log/nginx/access.log", &COMBINED.replace("203.0.113.9", "172.70.1.2").repeat(20)),
    ]);
    insta::assert_snapshot!(said(&machine.found()), @r#"
    found
      nginx          /var/log/nginx/access.log (`access_log` of /etc/nginx/nginx.conf)
      nginx-error    /var/log/nginx/error.log (`error_log` of /etc/nginx/nginx.conf)
      nftables       usable: blocks go into the kernel
      nginx          can be given a file of blocked clients; it is in the config, commented
      never blocked  198.51.100.7 (the SSH session that ran `riposte init`)
      never blocked  2001:db8:5:6::7 (somebody was logged in from here when `riposte init` ran)
      own addresses  203.0.113.80

    to mind
      - clients come through Cloudflare: a kernel block doesn't reach those (their packets carry the proxy's address, which is never blocked); the file for the web server does, and Cloudflare itself: see `[[actions.files]]` and `[[actions.cloudflare]]`
      - nginx's log shows Cloudflare's addresses instead of the clients', so nobody can be blocked; with this in nginx.conf (and its name in `access_log`) it shows both; then run `riposte init --force`
            log_format riposte '$remote_addr - "$remote_user" [$time_local] "$request" '
                '$status $body_bytes_sent "$http_referer" "$http_user_agent" '
                '"$http_cf_connecting_ip"';

    next
      riposte check                             config and rules are right?
      riposte replay /var/log/nginx/access.log  what the rules would have done on your log
      riposte run                               start it (deploy/README.md: as a service)
      riposte doctor                            is all well?
    "#);
}

#[test]
fn red_hat_with_apache_haproxy_and_a_stale_log() {
    let mut machine = Machine::new(&[
        ("etc/redhat-release", "Rocky Linux release 9.4"),
        (
            "etc/httpd/conf/httpd.conf",
            "CustomLog \"logs/access_log\" combined\n  CustomLog \"|/usr/bin/rotatelogs x\" common\nCustomLog logs/odd_log odd\n",
        ),
        ("var/log/httpd/access_log", COMBINED),
        ("var/log/httpd/odd_log", "what is this\n"),
        ("etc/haproxy/haproxy.cfg", ""),
        ("var/log/secure", ""),
        ("usr/sbin/rsyslogd", ""),
    ]);
    machine.now.nft =
        Nft::Refused("exit code 1: Operation not permitted (you must be root)".into());
    machine.now.ssh_client = None;
    machine.now.logins.clear();
    insta::assert_snapshot!(said(&machine.found()), @"
    found
      apache         /var/log/httpd/access_log (`CustomLog` of Apache's config, and its usual place)
      sshd           /var/log/secure (syslog's log of logins)
      nftables       not usable by this user
      httpd          can be given a file of blocked clients; it is in the config, commented
      haproxy        can be given a file of blocked clients; it is in the config, commented
      own addresses  203.0.113.80

    to mind
      - /var/log/httpd/odd_log is no combined or common access log (none of 1 lines is of a known format): it is left out
      - haproxy logs through syslog, and there is no /var/log/haproxy.log: with rsyslog installed, restart haproxy, then run `riposte init --force`
      - nft is installed, but this user can't use it, so kernel blocks stay switched off in the config: run `riposte init` as root
            nft said: exit code 1: Operation not permitted (you must be root)

    next
      riposte check                             config and rules are right?
      riposte replay /var/log/httpd/access_log  what the rules would have done on your log
      riposte run                               start it (deploy/README.md: as a service)
      riposte doctor                            is all well?
    ");
}
