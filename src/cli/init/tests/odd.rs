//! Other servers, and machines with nothing, or with something odd.

use super::{Machine, page, said};
use crate::cli::init::found::Now;

#[test]
fn caddy_and_traefik() {
    let machine = Machine::new(&[
        (
            "etc/caddy/Caddyfile",
            "example.com {\n  log {\n    output file /var/log/caddy/example.log\n  }\n}\n",
        ),
        (
            "etc/traefik/traefik.yml",
            "entryPoints:\n  web:\naccessLog:\n  filePath: \"/var/log/traefik/access.log\"\n  format: json\n",
        ),
    ]);
    let found = machine.found();
    let sources: Vec<_> =
        found.sources.iter().map(|source| (&*source.name, source.paths.join(" "))).collect();
    assert_eq!(
        sources,
        [
            ("caddy", "/var/log/caddy/example.log".to_owned()),
            ("traefik", "/var/log/traefik/access.log".to_owned())
        ]
    );
    said(&found);
    let silent = Machine::new(&[
        ("etc/caddy/Caddyfile", "example.com\n"),
        ("etc/traefik/traefik.toml", "[accessLog]\n[log]\nfilePath = \"/x\"\n"),
    ]);
    let found = silent.found();
    assert!(found.sources.is_empty() && found.notes.len() == 2, "{:?}", found.notes);
    said(&found);
}

#[test]
fn an_empty_machine_and_a_format_that_cannot_be_read() {
    let mut machine = Machine::new(&[]);
    machine.now = Now::default();
    insta::assert_snapshot!(said(&machine.found()), @"
    found
      nftables  not installed: nothing is blocked in the kernel

    to mind
      - no log was found: name yours in the config (`[[sources]]`)
      - nftables is not installed, so nothing can be blocked in the kernel: `apt install nftables`

    next
      riposte check   config and rules are right?
      riposte run     start it (deploy/README.md: as a service)
      riposte doctor  is all well?
    ");
    let odd = Machine::new(&[(
        "etc/nginx/nginx.conf",
        "http { log_format a/b '$status$remote_addr'; log_format error '$remote_addr $status';
         access_log /l/odd.log a/b; server { access_log /l/fine.log error; } }",
    )]);
    let found = odd.found();
    assert_eq!(found.sources.len(), 1);
    assert_eq!(found.sources[0].name, "nginx-error-access");
    assert!(
        found.notes[0].starts_with("the log_format `a/b` can't be read, so /l/odd.log is left out")
    );
    said(&found);
}

#[test]
fn hostile_words_in_a_servers_config_stay_data() {
    let machine = Machine::new(&[(
        "etc/nginx/nginx.conf",
        "http { access_log \"/l/x\\\"]\n[guard]\nallow=['0.0.0.0/0'] \u{1b}[2J.log\"; log_format \"x\n[guard]\" '$remote_addr $status\'\'\' $msec'; access_log /l/y \"x\n[guard]\"; }",
    )]);
    let found = machine.found();
    let config = crate::config::parse(&page(&found)).unwrap();
    assert!(!config.guard.allow.contains(&"0.0.0.0/0".to_owned()));
    assert!(!said(&found).contains('\u{1b}'));
}
