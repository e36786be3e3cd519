//! Talks with real programs, most of them bad ones.

use super::*;
use crate::plugins::{HealthCell, HealthState};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

mod ends;

const SECRET: &str = "s3cr3t-t0k3n-value";
const SECOND: Duration = Duration::from_secs(1);

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A folder with a program of that text.
    fn new(interpreter: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        fs::write(&path, format!("#!{interpreter}\n{text}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("secret"), SECRET).unwrap();
        let only_mine = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("secret"), only_mine).unwrap();
        Self { folder }
    }

    fn shell(text: &str) -> Self {
        Self::new("/bin/sh", text)
    }

    fn python(text: &str) -> Self {
        let prelude = "import json, os, signal, sys, time\n\
            def say(**message):\n    print(json.dumps(message), flush=True)\n";
        Self::new("/usr/bin/python3", &format!("{prelude}{text}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn launch(&self) -> Launch {
        let secret = SecretRef::File(self.path("secret"));
        Launch {
            name: "sample".to_owned(),
            argv: vec!["./run".to_owned(), "one argument".to_owned()],
            folder: self.folder.path().to_owned(),
            settings: Map::from_iter([("level".to_owned(), Value::from(3))]),
            secrets: BTreeMap::from([("TOKEN".to_owned(), secret)]),
            limits: TalkLimits {
                start: Duration::from_secs(10),
                stop: Duration::from_millis(300),
                write: Duration::from_millis(300),
                ..TalkLimits::default()
            },
        }
    }

    fn start(&self) -> Result<Talk, TalkError> {
        ready(&self.launch())
    }
}

fn ready(launch: &Launch) -> Result<Talk, TalkError> {
    let health = Arc::new(HealthCell::new("sample", "enricher", None));
    Keeper::new(launch.clone(), health).start(Map::new(), &AtomicBool::new(false))
}

/// The next message, which has to come.
fn next(talk: &Talk) -> Result<Message, TalkError> {
    talk.receive(10 * SECOND).map(|message| message.expect("a message in time"))
}

fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Whether the process is gone within a bound.
fn gone(pid: i32) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        !alive(pid)
    })
}

fn pid_in(path: &Path) -> i32 {
    (0..500)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            fs::read_to_string(path).ok()?.trim().parse().ok()
        })
        .expect("a process id")
}

const READY: &str = "sys.stdin.readline()\nsay(type='ready', protocol=1)\n";

#[test]
fn a_greeting_a_question_and_an_answer() {
    let place = Place::python(
        "hello = json.loads(sys.stdin.readline())\n\
         say(type='ready', protocol=1)\n\
         fds = sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + fd))\n\
         for line in sys.stdin:\n\
         \x20   asked = json.loads(line)\n\
         \x20   if asked['type'] == 'stop':\n\
         \x20       open('ended', 'w').write('well')\n\
         \x20       break\n\
         \x20   say(type='answer', id=asked['id'], hello={k: v for k, v in hello.items() if k != 'secrets'},\n\
         \x20       secret=hello['secrets']['TOKEN'], length=len(hello['secrets']['TOKEN']),\n\
         \x20       environment=sorted(os.environ), folder=os.getcwd(), arguments=sys.argv[1:], fds=fds,\n\
         \x20       group=os.getpgrp() == os.getpid())\n",
    );
    let own = fs::File::open("/proc/self/status").unwrap();
    let talk = place.start().unwrap();
    talk.send(&serde_json::json!({"type": "ask", "id": 7})).unwrap();
    let answer = next(&talk).unwrap();
    assert_eq!(answer.kind, "answer");
    assert_eq!(answer.body["id"], 7);
    assert_eq!(answer.body["hello"]["plugin"], "sample");
    assert_eq!(answer.body["hello"]["settings"]["level"], 3);
    assert_eq!(answer.body["length"], SECRET.len(), "it has the secret");
    assert_eq!(answer.body["secret"], "[secret]", "and nobody gets it back");
    let environment = answer.body["environment"].as_array().unwrap();
    let names: Vec<&str> = environment.iter().filter_map(Value::as_str).collect();
    assert_eq!(
        names.iter().filter(|name| **name != "LC_CTYPE").copied().collect::<Vec<_>>(),
        ["HOME", "LANG", "PATH"]
    );
    assert_eq!(answer.body["arguments"], serde_json::json!(["one argument"]));
    // What this test was given by whoever started it goes on; nothing of its own does.
    let kept = |fd: &i32| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|flags| i32::from_str_radix(flags.trim(), 8).unwrap() & 0o2_000_000 == 0)
    };
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut given: Vec<i32> =
        open.filter_map(|fd| fd.file_name().to_str()?.parse().ok()).filter(kept).collect();
    given.sort_unstable();
    assert_eq!(answer.body["fds"], serde_json::json!(given));
    assert!(own.metadata().is_ok());
    assert_eq!(answer.body["group"], true);
    assert_eq!(talk.receive(Duration::ZERO).unwrap(), None);
    talk.stop();
    assert_eq!(fs::read_to_string(place.path("ended")).unwrap(), "well");
}

#[test]
fn a_program_that_dies_at_once_says_why() {
    let error = Place::shell("echo no key for me >&2; exit 3").start().unwrap_err().to_string();
    assert_eq!(error, "it ended with exit code 3; it said last: no key for me");
    let error = Place::shell("kill -9 $$").start().unwrap_err().to_string();
    assert_eq!(error, "it was ended by signal 9");
    let none = Place::new("/no/such/interpreter", "").start().unwrap_err().to_string();
    assert!(none.contains("`./run`: No such file"), "{none}");
    let place = Place::shell("");
    let mut launch = place.launch();
    launch.argv.clear();
    assert_eq!(ready(&launch).unwrap_err(), TalkError::Start("`run` is empty".to_owned()));
}

#[test]
fn a_program_that_closes_its_output_is_of_no_use() {
    let place = Place::shell("exec >&-; sleep 100");
    assert_eq!(place.start().unwrap_err().to_string(), "it closed its output");
}

#[test]
fn a_program_that_dies_in_the_middle_is_heard_to_its_last_line() {
    let place = Place::python(&format!(
        "{READY}sys.stdin.readline()\nfor n in range(200): say(type='answer', id=n)\n\
         sys.stdout.write('{{\"type\":\"ans')\nsys.stdout.flush()\nos._exit(1)\n"
    ));
    let talk = place.start().unwrap();
    talk.send(&serde_json::json!({"type": "ask"})).unwrap();
    for number in 0..200 {
        assert_eq!(next(&talk).unwrap().body["id"], number);
    }
    assert_eq!(next(&talk).unwrap_err(), TalkError::Ended("it ended with exit code 1".to_owned()));
    // Nothing else comes, and nothing can be written.
    assert!(next(&talk).is_err());
    assert!(talk.send(&serde_json::json!({"type": "ask"})).is_err());
}

#[test]
fn a_program_that_is_never_ready_or_never_reads_is_ended() {
    let place = Place::shell("echo $$ > pid; sleep 100");
    let mut launch = place.launch();
    launch.limits.start = Duration::from_millis(500);
    assert_eq!(ready(&launch).unwrap_err(), TalkError::NotReady { millis: 500 });
    assert!(gone(pid_in(&place.path("pid"))));
    // It never reads: more than a pipe holds is not taken.
    let place = Place::shell("echo '{\"type\":\"ready\",\"protocol\":1}'; sleep 100");
    let talk = place.start().unwrap();
    let long = "x".repeat(60_000);
    let error = (0..10).find_map(|_| talk.send(&serde_json::json!({"long": long})).err());
    assert_eq!(error, Some(TalkError::NotReading("it took nothing for 300 ms".to_owned())));
}

#[test]
fn a_start_that_is_no_longer_wanted_ends() {
    let place = Place::shell("sleep 100");
    let health = Arc::new(HealthCell::new("sample", "source", None));
    let mut keeper = Keeper::new(place.launch(), Arc::clone(&health));
    let begun = Instant::now();
    let stopped = keeper.start(Map::new(), &AtomicBool::new(true)).unwrap_err();
    assert_eq!(stopped, TalkError::Stopped);
    assert!(begun.elapsed() < 5 * SECOND);
    assert_eq!(health.now().faults, 0);
}

#[test]
fn nonsense_ends_the_talk_and_is_shown_masked_and_escaped() {
    for (said, words) in [
        (r"b'\xff\xfe' + secret.encode() + b'\n'", "a line is not UTF-8"),
        (r"b'hello \x1b[2J ' + secret.encode() + b'\n'", "a line is not JSON"),
        (r#"b'{"type":"answer","a":"\0"}\n'"#, "a line is not JSON"),
        (r"b'[1, 2]\n'", "a line is not an object"),
        (r"b'{}\n'", "a message has no `type`"),
        (r#"b'{"type":"' + secret.encode() * 3 + b'"}\n'"#, "is no word"),
        (r#"b'{"type":"' + secret.encode() + b'"}\n'"#, "a message `[secret]` came before `ready`"),
        (r"b'[' * 100000 + b'\n'", "a line is not JSON"),
    ] {
        let place = Place::python(&format!(
            "secret = json.loads(sys.stdin.readline())['secrets']['TOKEN']\n\
             sys.stdout.buffer.write({said})\nsys.stdout.flush()\ntime.sleep(100)\n"
        ));
        let error = place.start().unwrap_err();
        let TalkError::Nonsense(text) = &error else { panic!("{said}: {error:?}") };
        assert!(text.contains(words), "{said}: {text}");
        assert!(!text.contains("s3cr3t") && !text.contains('\x1b'), "{text}");
        assert!(text.chars().count() < 300, "{text}");
    }
}

#[test]
fn another_protocol_is_refused() {
    for (ready, words) in [
        ("{\"type\":\"ready\",\"protocol\":2}", "it speaks protocol 2, riposte speaks protocol 1"),
        ("{\"type\":\"ready\"}", "it does not say which protocol it speaks"),
        ("{\"type\":\"ready\",\"protocol\":\"1\"}", "it does not say which protocol it speaks"),
        ("{\"type\":\"fault\",\"message\":\"no \\u001b[2J key\"}", "it says: no \\u{1b}[2J key"),
    ] {
        let error = Place::shell(&format!("echo '{ready}'; sleep 100")).start().unwrap_err();
        assert!(error.to_string().starts_with(words), "{error}");
    }
}

#[test]
fn secrets_are_masked_in_faults_and_in_the_log_of_the_end() {
    let place = Place::python(
        "secret = json.loads(sys.stdin.readline())['secrets']['TOKEN']\n\
         say(type='fault', message='can not log in with ' + secret)\ntime.sleep(100)\n",
    );
    assert_eq!(place.start().unwrap_err().to_string(), "it says: can not log in with [secret]");
    let place = Place::python(
        "secret = json.loads(sys.stdin.readline())['secrets']['TOKEN']\n\
         sys.stderr.write('x' * 50 + secret[:9])\nsys.stderr.flush()\ntime.sleep(0.1)\n\
         sys.stderr.write(secret[9:] + ' and ' + secret[:10])\nsys.stderr.flush()\nos._exit(1)\n",
    );
    let error = place.start().unwrap_err().to_string();
    assert!(error.ends_with("x[secret] and [secret]"), "{error}");
}

#[test]
fn secrets_that_can_not_be_had_or_masked_stop_the_start() {
    let place = Place::shell("sleep 100");
    fs::write(place.path("secret"), "abc").unwrap();
    let error = place.start().unwrap_err().to_string();
    assert!(error.contains("`TOKEN`") && error.contains("shorter than 4 bytes"), "{error}");
    fs::remove_file(place.path("secret")).unwrap();
    assert!(matches!(place.start().unwrap_err(), TalkError::Secret { .. }));
}

#[test]
fn a_flood_is_stopped() {
    let flood = |text: &str| {
        let place = Place::python(&format!("{READY}{text}"));
        let mut launch = place.launch();
        // Few, so that a slow test machine is flooded too.
        launch.limits.lines_a_second_max = Some(100);
        let talk = ready(&launch).unwrap();
        (0..10_000).find_map(|_| next(&talk).err()).unwrap()
    };
    assert!(matches!(
        flood("while True: sys.stdout.write('{\"type\":\"answer\"}\\n')\n"),
        TalkError::Flood { output: "output", .. }
    ));
    assert!(matches!(
        flood("while True: sys.stdout.write('\\n')\n"),
        TalkError::Flood { output: "output", .. }
    ));
    assert!(matches!(
        flood("while True: sys.stderr.write('x' * 4096)\n"),
        TalkError::Flood { output: "log", .. }
    ));
    assert_eq!(
        flood("while True: sys.stdout.write('x' * 4096)\n"),
        TalkError::TooLong { bytes: limits::PLUGIN_LINE_BYTES_MAX }
    );
}

#[test]
fn a_program_that_may_say_much_has_to_wait_while_nobody_listens() {
    let place = Place::python(&format!(
        "{READY}n = 0\nwhile True:\n\x20   say(type='record', n=n)\n\x20   n += 1\n\
         \x20   open('said', 'w').write(str(n))\n"
    ));
    let mut launch = place.launch();
    launch.limits.lines_a_second_max = None;
    let talk = ready(&launch).unwrap();
    let said = || fs::read_to_string(place.path("said")).unwrap_or_default();
    let deadline = Instant::now() + 60 * SECOND;
    loop {
        let before = said();
        std::thread::sleep(SECOND / 2);
        if !before.is_empty() && said() == before {
            break;
        }
        assert!(Instant::now() < deadline, "it doesn't wait");
    }
    for number in 0..2_000 {
        assert_eq!(next(&talk).unwrap().body["n"], number, "nothing is lost");
    }
}

/// It was stuck in a write until it was killed, and never read that it should stop.
#[test]
fn a_program_that_waits_to_be_heard_hears_that_it_should_stop() {
    let place = Place::python(&format!(
        "{READY}for n in range(100_000): say(type='record', n=n)\n\
         for line in sys.stdin: pass\n\
         open('ended', 'w').close()\n"
    ));
    let mut launch = place.launch();
    launch.limits.lines_a_second_max = None;
    launch.limits.stop = 20 * SECOND;
    let talk = ready(&launch).unwrap();
    std::thread::sleep(SECOND / 2);
    talk.stop();
    assert!(place.path("ended").exists(), "it ended by itself");
}

#[test]
fn a_keeper_tells_of_faults_and_pauses() {
    let place = Place::shell("exit 1");
    let (told, heard) = bounded(8);
    let alarm = Box::new(move |plugin: &str, fault: &str| {
        told.send(format!("{plugin}: {fault}")).unwrap();
    });
    let health = Arc::new(HealthCell::new("sample", "action", Some(alarm)));
    let mut keeper = Keeper::new(place.launch(), Arc::clone(&health));
    assert_eq!(keeper.wait(), None);
    assert!(keeper.start(Map::new(), &AtomicBool::new(false)).is_err());
    assert!(keeper.wait().is_some());
    assert_eq!(heard.try_recv().unwrap(), "sample: it ended with exit code 1");
    let now = health.now();
    assert_eq!((now.state, now.starts, now.faults), (HealthState::Failing, 1, 1));
    fs::write(place.path("run"), format!("#!/usr/bin/python3\nimport json, sys\ndef say(**m): print(json.dumps(m), flush=True)\n{READY}sys.stdin.read()\n")).unwrap();
    let talk = keeper.start(Map::new(), &AtomicBool::new(false)).unwrap();
    assert_eq!(health.now().state, HealthState::Well);
    assert_eq!(health.now().fault, None);
    assert!(keeper.failed(talk, &TalkError::Silent { millis: 5 }) > Duration::ZERO);
    assert_eq!(heard.try_recv().unwrap(), "sample: it did not answer within 5 ms");
    let talk = keeper.start(Map::new(), &AtomicBool::new(false)).unwrap();
    keeper.stop(talk);
    assert_eq!(health.now().state, HealthState::Stopped);
}
