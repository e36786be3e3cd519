//! What is said when something outside is wrong: a rule, a file, a program, a folder.

use crate::{Ran, Small, mode, program};
use std::os::unix::process::CommandExt;

#[test]
fn a_bad_rule_is_shown_with_its_place_and_the_others_load() {
    let small = Small::new();
    small.write("bad.rhai", "//! Bad.\nrule(\"bad\")\n    .on(\"http\")\n    .when(|e| e.pth == \"/x\")\n    .by(\"ip\")\n    .count(2, \"soon\")\n    .then(|hit| block(hit.ip, \"1h\"));\n");
    let ran = small.run(&["check", "bad.rhai", "rule.rhai"]);
    insta::assert_snapshot!(ran.all(), @r#"
    [1]
    warning[unknown-field]: `http` events have no field `pth`
     --> bad.rhai:4:17
      |
    4 |     .when(|e| e.pth == "/x")
      |                 ^^^
      = hint: did you mean `path`?

    error[bad-duration]: `soon` is not a duration
     --> bad.rhai:6:15
      |
    6 |     .count(2, "soon")
      |               ^^^^^^
      = hint: write a number and a unit, as in `30s`, `5m`, `1h30m`, `7d` (units: ms, s, m, h, d, w)

    predicates: 1 indexed (`--costs` shows each)
    1 rule, 0 timers, 1 test: 1 error, 1 warning
    "#);
}

#[test]
fn files_that_cannot_be_read() {
    let small = Small::new();
    std::fs::create_dir(small.path("folder.log")).unwrap();
    let mut said = String::new();
    for arguments in
        [vec!["replay", "no-such.log"], vec!["parse", "folder.log"], vec!["check", "no-such.rhai"]]
    {
        said.push_str(&small.run(&arguments).all());
    }
    said.push_str(&small.run_bare(&["-c", "none.toml", "run"]).all());
    mode(&small.path("riposte.toml"), 0o666);
    said.push_str(&small.run(&["status"]).all());
    insta::assert_snapshot!(said, @"
    [2]
    error: failed to read `no-such.log`: No such file or directory (os error 2)
    [2]
    error: failed to read `folder.log`: is a directory
    [1]
    error[unreadable]: failed to read the rule file `no-such.rhai`: No such file or directory (os error 2)
     --> no-such.rhai

    0 rules, 0 timers, 0 tests: 1 error, 0 warnings
    [2]
    error[config]: failed to read the config: No such file or directory (os error 2)
     --> none.toml
      = hint: run `riposte init` to write one for this machine
    [2]
    error[config]: `riposte.toml` can be written by everybody, so it is not used
     --> riposte.toml
      = hint: chmod o-w riposte.toml
    ");
}

#[test]
fn a_missing_nft_is_told_and_the_rest_goes_on() {
    let small = Small::new();
    small.config("[actions.nftables]\ncommand = ['/nowhere/nft']\n");
    let added = small.run(&["decisions", "add", "203.0.113.77"]);
    assert_eq!(added.code, 0, "{}", added.all());
    let listed = std::fs::read_to_string(small.path("blocked.list")).unwrap();
    assert!(listed.contains("203.0.113.77"), "{listed}");
    let ran = small.run(&["doctor", "--remove"]);
    insta::assert_snapshot!(ran.all(), @"
    [1]
    nftables: nftables is not installed: program `nft` is not there
    hint: apt install nftables
    list: removed
    what riposte remembers stays in state; the next `riposte run` puts back what is still in force
    ");
}

#[test]
fn a_state_folder_that_is_not_ours() {
    let small = Small::new();
    std::fs::create_dir(small.path("state")).unwrap();
    mode(&small.path("state"), 0o777);
    let exposed = small.run(&["decisions", "add", "203.0.113.77"]);
    insta::assert_snapshot!(exposed.all(), @"
    [2]
    error: `state` can be written by others (mode 777, owner 0)
    hint: `chmod go-w 'state'`
    ");
    std::fs::remove_dir(small.path("state")).unwrap();
    small.write("state", "no folder");
    let file = small.run(&["decisions", "add", "203.0.113.77"]);
    insta::assert_snapshot!(file.all(), @"
    [2]
    error: failed to open `state/riposte.lock`: Not a directory (os error 20)
    ");
}

/// As another user, whom the state folder of root shuts out.
#[test]
fn no_permission_on_the_state_folder() {
    let small = Small::new();
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can be another user");
        return;
    }
    assert_eq!(small.run(&["decisions", "add", "203.0.113.77"]).code, 0);
    mode(small.dir.path(), 0o755);
    for name in ["riposte.toml", "rule.rhai"] {
        mode(&small.path(name), 0o644);
    }
    let here = small.path("riposte");
    // By another process: a copy that this one still writes, seen from a fork of it, can't be run.
    let copied =
        std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_riposte")).arg(&here).status();
    assert!(copied.unwrap().success());
    mode(&here, 0o755);
    let mut said = String::new();
    for arguments in [["status", "--json"], ["decisions", "list"], ["allow", "198.51.100.1"]] {
        let mut command = std::process::Command::new(&here);
        let command = command.args(["-c", "riposte.toml"]).args(arguments).env("NO_COLOR", "1");
        let output = command.uid(65534).gid(65534).current_dir(small.dir.path()).output().unwrap();
        said.push_str(&Ran::new(&output, small.dir.path()).all());
    }
    insta::assert_snapshot!(said, @"
    [2]
    error: failed to connect to `state/control.sock`: permission denied
    hint: run this as root or as the service's user
    [2]
    error: failed to open the store `state/riposte.db`: Permission denied (os error 13)
    hint: run this as root or as the service's user
    [2]
    error: failed to connect to `state/control.sock`: permission denied
    hint: run this as root or as the service's user
    ");
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let small = Small::new();
    small.config("[[sources]]\nname = 'web'\nformat = 'nginx'\npaths = ['access.log']\n");
    let mut first = program();
    first.args(["-c", "riposte.toml", "run"]).current_dir(small.dir.path());
    let mut first = first.stderr(std::process::Stdio::null()).spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while small.run(&["status"]).code != 0 && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let second = small.run(&["run"]);
    let removal = small.run(&["doctor", "--remove"]);
    let pid = first.id().to_string();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(second.code, 2, "{}", second.all());
    let told = |text: &str| text.replace(&pid, "PID");
    let last: Vec<String> = second.stderr.lines().rev().take(2).map(told).collect();
    insta::assert_snapshot!(format!("{}\n{}", last[1], last[0]), @"
    error: the store `state/riposte.db` is in use by riposte with pid PID
    hint: stop that one first, or give this one another state folder
    ");
    insta::assert_snapshot!(told(&removal.all()), @"
    [2]
    error: riposte runs (pid PID), and would put back what is removed
    hint: `systemctl stop riposte` (or end it), then again
    ");
}

#[test]
fn settings_of_rules_in_other_files_are_not_unknown_to_a_part() {
    let small = Small::new();
    small.config(
        "[rules.modes]\nsecrets = \"shadow\"\nsecretz = \"shadow\"\n[rules.params.rule]\nx = 1\n",
    );
    small.write("other.rhai", crate::RULE.replace("\"secrets\"", "\"others\""));
    let part = small.run(&["check", "other.rhai"]);
    assert!(part.code == 0 && !part.stdout.contains("unknown-setting"), "{}", part.all());
    let whole = small.run(&["check"]);
    assert!(whole.stdout.contains("did you mean `secrets`?"), "{}", whole.all());
    let missing = small.run(&["check", "nowhere"]);
    assert!(missing.code == 1 && missing.stdout.contains("--> nowhere"), "{}", missing.all());
}

#[test]
fn a_plugins_fault_is_shown_where_it_stands_and_once() {
    let small = Small::new();
    small.config(
        "[[sources]]\nname = \"lines\"\npaths = [\"x.log\"]\nformat = \"plugin:p\"\n[plugins.p]\n",
    );
    std::fs::create_dir_all(small.path("plugins/p")).unwrap();
    small.write("plugins/p/plugin.toml", "name = \"p\"\nversion = \"1\"\nprotocoll = 1\n");
    let ran = small.run(&["check"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    assert!(ran.stdout.contains("--> plugins/p/plugin.toml:3:1"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("there is no plugin"), "{}", ran.stdout);
}
