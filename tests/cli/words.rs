//! What people read: the plain output of the commands that they use most.

use crate::Small;

/// How long it took is no two times the same.
fn without_times(text: &str) -> String {
    text.lines().map(|line| line.split(" (").next().unwrap().to_owned() + "\n").collect()
}

#[test]
fn decisions_are_made_shown_explained_and_ended() {
    let small = Small::new();
    let mut said = String::new();
    for arguments in [
        vec!["decisions", "list"],
        vec!["decisions", "add", "203.0.113.77", "--for", "forever", "--reason", "a test"],
        vec!["decisions", "list"],
        vec!["why", "198.51.100.1"],
        vec!["allow", "203.0.113.0/24", "--comment", "our office"],
        vec!["decisions", "list"],
        vec!["decisions", "add", "203.0.113.77"],
        vec!["decisions", "add", "127.0.0.1"],
        vec!["status"],
    ] {
        said.extend(["$ riposte ", &arguments.join(" "), "\n"]);
        said.push_str(&small.run(&arguments).all());
    }
    insta::assert_snapshot!(said, @"
    $ riposte decisions list
    [2]
    error: nothing is recorded yet: there is no `state/riposte.db`
    hint: `riposte run` makes it
    $ riposte decisions add 203.0.113.77 --for forever --reason a test
    [0]
    block of `203.0.113.77` is decided and on its way to the enforcers
    $ riposte decisions list
    [0]
    riposte does not run: this is what it recorded; nothing new is blocked, and only nftables' own timeouts end what is
    block  203.0.113.77  for ever  manual  a test
    $ riposte why 198.51.100.1
    [0]
    198.51.100.1 is not blocked: nothing is in force for it
    the journal holds nothing about it
    $ riposte allow 203.0.113.0/24 --comment our office
    [0]
    `203.0.113.0/24` is on the allowlist; 1 decision ended
    $ riposte decisions list
    [0]
    nothing is in force
    $ riposte decisions add 203.0.113.77
    [1]
    `203.0.113.77`: refused: allowlist entry `203.0.113.0/24` (our office)
    $ riposte decisions add 127.0.0.1
    [1]
    `127.0.0.1`: refused: a loopback address (127.0.0.0/8)
    $ riposte status
    [1]
    riposte does not run
    ");
}

#[test]
fn a_replay_and_a_test_for_people() {
    let small = Small::new();
    let replayed = small.run(&["replay", "access.log"]);
    let until_summary = replayed.stdout.split("\nsummary").next().unwrap();
    insta::assert_snapshot!(until_summary, @"
    access.log: combined (3 of 3 lines are access log lines as nginx and Apache write them)
    2026-10-10T13:55:37Z  secrets  203.0.113.9  count 2
        block 203.0.113.9 for 1h: secrets: 2 in 1s
    ");
    insta::assert_snapshot!(without_times(&small.run(&["test"]).all()), @"
    [0]
    pass two block
    1 passed, 0 failed
    ");
}
