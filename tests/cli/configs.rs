//! Configs that are right, and configs with one fault each (`tests/config`).

use crate::{Ran, program};
use std::path::{Path, PathBuf};

fn configs(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(kind);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Checks a copy, whose mode is what a config's should be.
fn check(path: &Path) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join(path.file_name().unwrap());
    std::fs::copy(path, &copy).unwrap();
    crate::mode(&copy, 0o600);
    let output = program().arg("-c").arg(&copy).arg("check").output().unwrap();
    Ran::new(&output, dir.path())
}

#[test]
fn right_configs_are_found_right() {
    for path in configs("valid") {
        let ran = check(&path);
        assert_eq!(ran.code, 0, "{}\n{}", path.display(), ran.all());
        assert!(ran.stdout.contains(" 0 errors, "), "{}\n{}", path.display(), ran.all());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot is long")]
fn each_fault_is_told_with_its_line_and_a_hint() {
    let mut said = String::new();
    for path in configs("invalid") {
        let ran = check(&path);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", path.display());
        said.push_str(&ran.stderr.replace("error: DIR/", "").replace("DIR/", ""));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r#"
    allow_entry.toml:2:10: `198.51.100.700 ` in `guard.allow` is no address, no prefix and no host name
      | allow = ["198.51.100.700 "]
      |          ^
    hint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`

    channel.toml:3:6: actions.channels[0]: there is no `webhook:chat` in this config
      | to = "webhook:chat"
      |      ^

    cloudflare.toml:2:8: actions.cloudflare[0]: the name `nftables` is there twice
      | name = "nftables"
      |        ^
    cloudflare.toml:4:1: actions.cloudflare[0]: `account` is no id
      | account = "mine"
      | ^
    hint: 32 hex digits; `riposte cf zones` shows it
    cloudflare.toml:5:10: actions.cloudflare[0]: `example` is no zone
      | zones = ["example"]
      |          ^
    hint: `example.com`, or an id of 32 hex digits
    cloudflare.toml:6:8: actions.cloudflare[0]: `My List` is no name of a list
      | list = "My List"
      |        ^
    hint: up to 50 lower-case letters, digits and `_`
    cloudflare.toml:7:8: actions.cloudflare[0]: `a b` is no mark
      | mark = "a b"
      |        ^
    hint: up to 64 letters, digits, `-`, `_` and `.`
    cloudflare.toml:8:1: actions.cloudflare[0]: `expire_every` is under five seconds
      | expire_every = "1s"
      | ^
    cloudflare.toml:9:1: actions.cloudflare[0]: `reconcile_every` is under a minute
      | reconcile_every = "10s"
      | ^
    hint: each costs calls of a budget that is small
    cloudflare.toml:10:7: actions.cloudflare[0]: `http://api.cloudflare.com/client/v4` is no address of an API
      | api = "http://api.cloudflare.com/client/v4"
      |       ^
    hint: `https://api.cloudflare.com/client/v4`, or `http://127.0.0.1:PORT/client/v4` of `riposte sim`

    duration.toml:2:14: `soon` is not a duration
      | first_days = "soon"
      |              ^
    hint: write a number and a unit, as in `30s`, `5m`, `1h30m`, `7d` (units: ms, s, m, h, d, w)

    log_format.toml:2:8: source `web`: nothing stands between `$remote_addr` and `$status`, so where one ends can't be told
      | name = "web"
      |        ^
    hint: put a space or a quote between them in nginx.conf

    mode.toml:2:11: `maybe` can't stand here
      | scanner = "maybe"
      |           ^
    hint: known here: enforce, shadow, off

    no_memory.toml:2:1: `memory.windows_mib` is 0
      | windows_mib = 0
      | ^
    hint: at least 1

    pattern.toml:4:10: source `ftp`: `pattern` is no regular expression: regex parse error:
        (?<ip>\S+
        ^
    error: unclosed group
      | format = "pattern"
      |          ^
    hint: name the fields as in `^(?<ip>\S+) \[(?<time>[^\]]+)\]`

    plain_http.toml:3:1: actions.webhooks[0]: `url` must begin with `https://` (`http://` only to this machine)
      | url = "http://chat.example.com/hook"
      | ^

    relative_path.toml:4:1: actions.files[0]: `path` must be the absolute path of a file
      | path = "blocked.list"
      | ^

    same_name_twice.toml:2:8: two sources are named `web`
      | name = "web"
      |        ^
    hint: every source needs a name of its own

    several_faults.toml:1:1: `state_dirr` is not a key of this table
      | state_dirr = "/var/lib/riposte"
      | ^
    hint: did you mean `state_dir`?
    several_faults.toml:4:9: this is the text "198.51.100.7", expected a list (`[…]`)
      | allow = "198.51.100.7"
      |         ^
    several_faults.toml:5:1: `guard.widest_v4` is 99
      | widest_v4 = 99
      | ^
    hint: a prefix length from 1 to 32
    several_faults.toml:8:10: `xml` can't stand here
      | format = "xml"
      |          ^
    hint: known here: text, json

    source_without_paths.toml:2:8: source `web`: `paths` names no file
      | name = "web"
      |        ^
    hint: `paths = ["/var/log/nginx/access.log"]`

    syntax.toml:3:1: missing comma between array elements, expected `,`
      | widest_v4 = 16
      | ^

    unknown_format.toml:4:10: source `web`: `ngnix` is not a log format
      | format = "ngnix"
      |          ^
    hint: did you mean `nginx`?

    unknown_key.toml:2:1: `blocks_per_minut` is not a key of this table
      | blocks_per_minut = 100
      | ^
    hint: did you mean `blocks_per_minute`?

    unknown_table.toml:1:2: `gaurd` is not a key of this table
      | [gaurd]
      |  ^
    hint: did you mean `guard`?

    web_file_format.toml:3:10: `nginx` can't stand here
      | format = "nginx"
      |          ^
    hint: known here: nginx-geo, nginx-deny, haproxy-map, apache, caddy, caddy-remote-ip, plain

    widest.toml:2:1: `guard.widest_v4` is 0
      | widest_v4 = 0
      | ^
    hint: a prefix length from 1 to 32

    wrong_type.toml:2:21: this is the text "many", expected a number
      | blocks_per_minute = "many"
      |                     ^
    "#);
}
