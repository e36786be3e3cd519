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
        assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{}", path.display());
        said.push_str(&ran.stdout.replace("DIR/", ""));
        said.push('\n');
    }
    insta::assert_snapshot!(said, @r#"
    error[config]: `state_dirr` is not a key of this table
     --> all_at_once.toml:1:1
      |
    1 | state_dirr = "/var/lib/riposte"
      | ^^^^^^^^^^
      = hint: did you mean `state_dir`?

    error[config]: this is the text "/var/log/nginx/access.log", expected a list (`[…]`)
     --> all_at_once.toml:5:9
      |
    5 | paths = "/var/log/nginx/access.log"
      |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error[config]: `source` is not a key of this table
     --> all_at_once.toml:8:3
      |
    8 | [[source]]
      |   ^^^^^^
      = hint: did you mean `sources`?

    error[config]: source `shop`: `ngnix` is not a log format
      --> all_at_once.toml:11:10
       |
    11 | format = "ngnix"
       |          ^^^^^^^
       = hint: did you mean `nginx`?

    error[config]: `allowlist` is not a key of this table
      --> all_at_once.toml:14:1
       |
    14 | allowlist = ["198.51.100.700"]
       | ^^^^^^^^^
       = hint: did you mean `allow`?

    error[config]: `198.51.100.700` in `guard.allow` is no address, no prefix and no host name
      --> all_at_once.toml:14:14
       |
    14 | allowlist = ["198.51.100.700"]
       |              ^^^^^^^^^^^^^^^^
       = hint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`

    error[config]: `guard.widest_v4` is 99
      --> all_at_once.toml:15:1
       |
    15 | widest_v4 = 99
       | ^^^^^^^^^
       = hint: a prefix length from 1 to 32

    error[config]: `urll` is not a key of this table
      --> all_at_once.toml:19:1
       |
    19 | urll = "https://chat.example.com/hook"
       | ^^^^
       = hint: did you mean `url`?

    error[config]: `soon` is not a duration
      --> all_at_once.toml:20:11
       |
    20 | timeout = "soon"
       |           ^^^^^^
       = hint: write a number and a unit, as in `30s`, `5m`, `1h30m`, `7d` (units: ms, s, m, h, d, w)

    error[config]: `webhok:chat` carries no channel
      --> all_at_once.toml:24:6
       |
    24 | to = "webhok:chat"
       |      ^^^^^^^^^^^^^
       = hint: a service (email, slack, discord, telegram, matrix, teams, ntfy, gotify, pagerduty, opsgenie), or `log`, `webhook:NAME`, `exec:NAME`, `plugin:NAME`

    the config has 10 errors; the rules are checked when it has none

    error[config]: `198.51.100.700 ` in `guard.allow` is no address, no prefix and no host name
     --> allow_entry.toml:2:10
      |
    2 | allow = ["198.51.100.700 "]
      |          ^^^^^^^^^^^^^^^^^
      = hint: write `198.51.100.7`, `198.51.100.0/24` or `office.example.com`

    the config has 1 error; the rules are checked when it has none

    error[config]: actions.channels[0]: there is no `webhook:chat` in this config
     --> channel.toml:3:6
      |
    3 | to = "webhook:chat"
      |      ^^^^^^^^^^^^^^

    the config has 1 error; the rules are checked when it has none

    error[config]: actions.cloudflare[0]: the name `nftables` is there twice
     --> cloudflare.toml:2:8
      |
    2 | name = "nftables"
      |        ^^^^^^^^^^

    error[config]: actions.cloudflare[0]: `account` is no id
     --> cloudflare.toml:4:1
      |
    4 | account = "mine"
      | ^^^^^^^
      = hint: 32 hex digits; `riposte cf zones` shows it

    error[config]: actions.cloudflare[0]: `example` is no zone
     --> cloudflare.toml:5:10
      |
    5 | zones = ["example"]
      |          ^^^^^^^^^
      = hint: `example.com`, or an id of 32 hex digits

    error[config]: actions.cloudflare[0]: `My List` is no name of a list
     --> cloudflare.toml:6:8
      |
    6 | list = "My List"
      |        ^^^^^^^^^
      = hint: up to 40 lower-case letters, digits and `_`

    error[config]: actions.cloudflare[0]: `a b` is no mark
     --> cloudflare.toml:7:8
      |
    7 | mark = "a b"
      |        ^^^^^
      = hint: up to 64 letters, digits, `-`, `_` and `.`

    error[config]: actions.cloudflare[0]: `expire_every` is under five seconds
     --> cloudflare.toml:8:1
      |
    8 | expire_every = "1s"
      | ^^^^^^^^^^^^

    error[config]: actions.cloudflare[0]: `reconcile_every` is under a minute
     --> cloudflare.toml:9:1
      |
    9 | reconcile_every = "10s"
      | ^^^^^^^^^^^^^^^
      = hint: each costs calls of a budget that is small

    error[config]: actions.cloudflare[0]: `http://api.cloudflare.com/client/v4` is no address of an API
      --> cloudflare.toml:10:7
       |
    10 | api = "http://api.cloudflare.com/client/v4"
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = hint: `https://api.cloudflare.com/client/v4`, or `http://127.0.0.1:PORT/client/v4` of `riposte sim`

    the config has 8 errors; the rules are checked when it has none

    error[config]: actions.cloudflare[1]: `list` and `mark` are those of another entry, and each would remove what the other blocks
     --> cloudflare_twice.toml:7:1
      |
    7 | list = "riposte_challenge"
      | ^^^^
      = hint: give each entry a `list` or a `mark` of its own, or name different accounts in both

    the config has 1 error; the rules are checked when it has none

    error[config]: `soon` is not a duration
     --> duration.toml:2:14
      |
    2 | first_days = "soon"
      |              ^^^^^^
      = hint: write a number and a unit, as in `30s`, `5m`, `1h30m`, `7d` (units: ms, s, m, h, d, w)

    the config has 1 error; the rules are checked when it has none

    error[config]: source `web`: nothing stands between `$remote_addr` and `$status`, so where one ends can't be told
     --> log_format.toml:2:8
      |
    2 | name = "web"
      |        ^^^^^
      = hint: put a space or a quote between them in nginx.conf

    the config has 1 error; the rules are checked when it has none

    error[config]: `maybe` can't stand here
     --> mode.toml:2:11
      |
    2 | scanner = "maybe"
      |           ^^^^^^^
      = hint: known here: enforce, shadow, off

    the config has 1 error; the rules are checked when it has none

    error[config]: `memory.windows_mib` is 0
     --> no_memory.toml:2:1
      |
    2 | windows_mib = 0
      | ^^^^^^^^^^^
      = hint: at least 1

    the config has 1 error; the rules are checked when it has none

    error[config]: source `ftp`: `pattern` is no regular expression: regex parse error:
            (?<ip>\S+
            ^
        error: unclosed group
     --> pattern.toml:4:10
      |
    4 | format = "pattern"
      |          ^^^^^^^^^
      = hint: name the fields as in `^(?<ip>\S+) \[(?<time>[^\]]+)\]`

    the config has 1 error; the rules are checked when it has none

    error[config]: actions.webhooks[0]: `url` must begin with `https://` (`http://` only to this machine)
     --> plain_http.toml:3:1
      |
    3 | url = "…"
      | ^^^

    the config has 1 error; the rules are checked when it has none

    error[config]: actions.files[0]: `path` must be the absolute path of a file
     --> relative_path.toml:4:1
      |
    4 | path = "blocked.list"
      | ^^^^

    the config has 1 error; the rules are checked when it has none

    error[config]: two sources are named `web`
     --> same_name_twice.toml:2:8
      |
    2 | name = "web"
      |        ^^^^^
      = hint: every source needs a name of its own

    the config has 1 error; the rules are checked when it has none

    error[config]: `state_dirr` is not a key of this table
     --> several_faults.toml:1:1
      |
    1 | state_dirr = "/var/lib/riposte"
      | ^^^^^^^^^^
      = hint: did you mean `state_dir`?

    error[config]: this is the text "198.51.100.7", expected a list (`[…]`)
     --> several_faults.toml:4:9
      |
    4 | allow = "198.51.100.7"
      |         ^^^^^^^^^^^^^^

    error[config]: `guard.widest_v4` is 99
     --> several_faults.toml:5:1
      |
    5 | widest_v4 = 99
      | ^^^^^^^^^
      = hint: a prefix length from 1 to 32

    error[config]: `xml` can't stand here
     --> several_faults.toml:8:10
      |
    8 | format = "xml"
      |          ^^^^^
      = hint: known here: text, json

    the config has 4 errors; the rules are checked when it has none

    error[config]: source `web`: `paths` names no file
     --> source_without_paths.toml:2:8
      |
    2 | name = "web"
      |        ^^^^^
      = hint: `paths = ["/var/log/nginx/access.log"]`

    the config has 1 error; the rules are checked when it has none

    error[config]: missing comma between array elements, expected `,`
     --> syntax.toml:3:1
      |
    3 | widest_v4 = 16
      | ^

    the config has 1 error; the rules are checked when it has none

    error[config]: source `web`: `ngnix` is not a log format
     --> unknown_format.toml:4:10
      |
    4 | format = "ngnix"
      |          ^^^^^^^
      = hint: did you mean `nginx`?

    the config has 1 error; the rules are checked when it has none

    error[config]: `blocks_per_minut` is not a key of this table
     --> unknown_key.toml:2:1
      |
    2 | blocks_per_minut = 100
      | ^^^^^^^^^^^^^^^^
      = hint: did you mean `blocks_per_minute`?

    the config has 1 error; the rules are checked when it has none

    error[config]: `gaurd` is not a key of this table
     --> unknown_table.toml:1:2
      |
    1 | [gaurd]
      |  ^^^^^
      = hint: did you mean `guard`?

    the config has 1 error; the rules are checked when it has none

    error[config]: `nginx` can't stand here
     --> web_file_format.toml:3:10
      |
    3 | format = "nginx"
      |          ^^^^^^^
      = hint: known here: nginx-geo, nginx-deny, haproxy-map, apache, caddy, caddy-remote-ip, plain

    the config has 1 error; the rules are checked when it has none

    error[config]: `guard.widest_v4` is 0
     --> widest.toml:2:1
      |
    2 | widest_v4 = 0
      | ^^^^^^^^^
      = hint: a prefix length from 1 to 32

    the config has 1 error; the rules are checked when it has none

    error[config]: this is the text "many", expected a number
     --> wrong_type.toml:2:21
      |
    2 | blocks_per_minute = "many"
      |                     ^^^^^^

    the config has 1 error; the rules are checked when it has none
    "#);
}
