//! Actions with real programs, good and bad ones.

use super::*;
use crate::plugins::{HealthCell, HealthState, Launch, TalkLimits};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const LOOP: &str = "import json, os, sys, time\n\
def say(**m): print(json.dumps(m), flush=True)\n\
hello = json.loads(sys.stdin.readline())\n\
say(type='ready', protocol=1)\n\
for line in sys.stdin:\n\
\x20   m = json.loads(line)\n\
\x20   if m['type'] == 'stop': break\n\
\x20   i = m['id']\n";

/// A program whose loop does this with each action `m` (with id `i`).
fn program(body: &str, idempotent: bool) -> (tempfile::TempDir, ActionProgram) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let body = format!("    {}\n", body.replace('\n', "\n    "));
    fs::write(&path, format!("#!/usr/bin/python3\n{LOOP}{body}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let launch = Launch {
        name: "sample".to_owned(),
        argv: vec!["./run".to_owned()],
        folder: folder.path().to_owned(),
        settings: Map::new(),
        secrets: BTreeMap::new(),
        limits: TalkLimits { start: Duration::from_secs(20), ..TalkLimits::default() },
    };
    let keeper = Keeper::new(launch, Arc::new(HealthCell::new("sample", "action", None)));
    (folder, ActionProgram::new(keeper, Duration::from_secs(2), idempotent))
}

fn action(id: &str) -> Map<String, Value> {
    Map::from_iter([
        ("id".to_owned(), Value::from(id)),
        ("do".to_owned(), Value::from("notify")),
        ("message".to_owned(), Value::from("hello")),
    ])
}

fn act(program: &mut ActionProgram, id: &str) -> Carried {
    program.act(&action(id), &|| false)
}

#[test]
fn every_outcome_is_taken_and_what_was_accepted_is_told_of_later() {
    let (folder, mut program) = program(
        "if i == 'p': say(type='outcome', id='p', outcome='pending')\n\
         elif i == 'f': say(type='outcome', id=i, outcome='failed', message='no \\x1b[2J room')\n\
         elif i == 'u': say(type='outcome', id=i, outcome='unchanged')\n\
         else:\n\
         \x20   say(type='outcome', id='p', outcome='applied')\n\
         \x20   open('said', 'a').write(m['do'] + m['message'])\n\
         \x20   say(type='outcome', id=i, outcome='applied')",
        false,
    );
    assert_eq!(act(&mut program, "p"), Carried::Pending);
    assert_eq!(act(&mut program, "u"), Carried::Unchanged);
    assert_eq!(act(&mut program, "f"), Carried::Failed("no \\u{1b}[2J room".to_owned()));
    assert_eq!(program.later(), []);
    assert_eq!(act(&mut program, "a"), Carried::Applied);
    assert_eq!(program.later(), [("p".to_owned(), Carried::Applied)]);
    assert_eq!(fs::read_to_string(folder.path().join("said")).unwrap(), "notifyhello");
    assert_eq!(program.keeper.health().now().starts, 1, "one program for all of them");
    program.stop();
    assert_eq!(program.keeper.health().now().state, HealthState::Stopped);
}

#[test]
fn what_a_program_did_not_say_is_unconfirmed_or_tried_again() {
    for (body, words) in [
        ("os._exit(3)", "exit code 3"),
        ("time.sleep(100)", "did not answer within 2000 ms"),
        ("sys.stdout.write('nonsense\\n')\nsys.stdout.flush()\ntime.sleep(9)", "not JSON"),
        ("say(type='outcome', id=i, outcome='well')\ntime.sleep(9)", "is none of"),
        ("say(type='answer', id=i)\ntime.sleep(9)", "an action does not say `answer`"),
        ("for n in range(99): say(type='outcome', id='x', outcome='applied')", "not asked for"),
        ("while True: sys.stdout.write('x' * 4096)", "a line of more than"),
    ] {
        let (_folder, mut once) = program(body, false);
        let carried = act(&mut once, "1");
        assert!(
            matches!(&carried, Carried::Unconfirmed(why) if why.contains(words)),
            "{body}: {carried:?}"
        );
        assert_eq!(once.keeper.health().now().state, HealthState::Failing);
        // It is not started again at once, and says when.
        let carried = act(&mut once, "2");
        let Carried::Retry { after: Some(_), may_have_arrived: false, reason } = &carried else {
            panic!("{carried:?}");
        };
        assert!(reason.contains(words), "{reason}");
        let (_folder, mut again) = program(body, true);
        let carried = act(&mut again, "1");
        assert!(matches!(&carried, Carried::Retry { may_have_arrived: true, .. }), "{carried:?}");
    }
}

#[test]
fn it_is_started_again_and_the_same_id_comes_again() {
    let (folder, mut program) = program(
        "open('ids', 'a').write(i + ' ')\n\
         if open('ids').read().count(i) < 2: os._exit(1)\n\
         say(type='outcome', id=i, outcome='applied')",
        true,
    );
    let Carried::Retry { after: Some(pause), .. } = act(&mut program, "k1") else { panic!() };
    std::thread::sleep(pause);
    assert_eq!(act(&mut program, "k1"), Carried::Applied);
    assert_eq!(fs::read_to_string(folder.path().join("ids")).unwrap(), "k1 k1 ");
    let health = program.keeper.health().now();
    assert_eq!((health.state, health.starts, health.faults), (HealthState::Well, 2, 1));
}

#[test]
fn an_end_does_not_wait_for_an_answer() {
    let (_folder, mut program) = program("time.sleep(100)", true);
    let begun = Instant::now();
    let asked = std::cell::Cell::new(0);
    let carried = program.act(&action("1"), &|| {
        asked.set(asked.get() + 1);
        asked.get() > 2
    });
    assert!(matches!(carried, Carried::Retry { may_have_arrived: true, .. }), "{carried:?}");
    assert!(begun.elapsed() < Duration::from_millis(1_900), "{:?}", begun.elapsed());
    program.stop();
}
