//! Parsers that are real programs, most of them bad ones.

use super::*;
use crate::event::FieldKind;
use crate::plugins::{HealthCell, Launch, TalkLimits};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

const SOUND: &str = r#"
import json, os, sys, time
def say(**message): print(json.dumps(message), flush=True)
json.loads(sys.stdin.readline()); say(type="ready", protocol=1)
open("lives", "a").write("x")
for text in sys.stdin:
    ask = json.loads(text)
    if ask["type"] == "stop": break
    line = ask["line"]
    if line.startswith("die"): os._exit(3)
    if line.startswith("hang"): time.sleep(60)
    if line.startswith("nonsense"): print("{{{", flush=True); continue
    if line.startswith("other"): say(type="event", id=0, kind="w"); continue
    if line.startswith("bad"): say(type="error", id=ask["id"], message="no"); continue
    if line.startswith("kind"): say(type="event", id=ask["id"], kind="nobody.knows"); continue
    if line.startswith("last") and not os.path.exists("died"):
        open("died", "w"); os._exit(4)
    say(type="event", id=ask["id"], kind="w", fields={"line": line, "extra": 1})
"#;

struct Bench {
    folder: tempfile::TempDir,
    parser: ParserProgram,
    told: Arc<Mutex<Vec<String>>>,
}

fn bench(text: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    fs::write(&path, format!("#!/usr/bin/python3\n{text}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let launch = Launch {
        name: "p".to_owned(),
        argv: vec!["./run".to_owned()],
        folder: folder.path().to_owned(),
        settings: Map::new(),
        secrets: BTreeMap::new(),
        limits: TalkLimits {
            start: Duration::from_secs(10),
            stop: Duration::from_millis(300),
            lines_a_second_max: None,
            ..TalkLimits::default()
        },
    };
    let keeper = Keeper::new(launch, Arc::new(HealthCell::new("p", "parser", None)));
    let mut schema = Schema::default();
    schema.declare("w", "line", FieldKind::Text).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = {
        let told = Arc::clone(&told);
        Box::new(move |text: &str| told.lock().unwrap().push(text.to_owned()))
    };
    let parser = ParserProgram::new(keeper, schema, Duration::from_millis(1_500), tell);
    Bench { folder, parser, told }
}

impl Bench {
    /// What became of the lines: the line itself, or why it is none.
    fn ask(&self, lines: &[&str]) -> Vec<String> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let text = |read: Read| match read {
            Ok(brought) => match &brought.fields[..] {
                [(_, crate::event::Value::Text(text))] => text.to_string(),
                other => panic!("{other:?}"),
            },
            Err(why) => why.to_owned(),
        };
        self.parser.ask(&lines).unwrap().into_iter().map(text).collect()
    }

    fn lives(&self) -> usize {
        fs::read_to_string(self.folder.path().join("lives")).unwrap().len()
    }
}

#[test]
fn many_lines_are_answered_in_order_by_one_life() {
    let bench = bench(SOUND);
    let lines: Vec<String> = (0..1_000).map(|n| format!("line {n} ü\t\"")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(bench.ask(&lines), lines);
    assert_eq!(bench.ask(&["again"]), ["again"]);
    assert_eq!(bench.lives(), 1);
    let told = bench.told.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "the same fault is told once: {told:?}");
    assert!(told[0].contains("`extra`"), "{told:?}");
}

#[test]
fn one_bad_line_costs_itself_alone() {
    let bench = bench(SOUND);
    let mut lines: Vec<&str> = vec!["a"; 100];
    for (place, line) in [
        (0, "bad"),
        (10, "die"),
        (11, "die"),
        (40, "hang"),
        (50, "nonsense"),
        (60, "other"),
        (70, "kind"),
        (99, "last"),
    ] {
        lines[place] = line;
    }
    let answers = bench.ask(&lines);
    for (place, (line, answer)) in lines.iter().zip(&answers).enumerate() {
        let wanted = match *line {
            "bad" => REFUSED,
            "die" | "nonsense" | "other" => DEADLY,
            "hang" => SLOW,
            "kind" => NOT_KEPT,
            sound => sound,
        };
        assert_eq!(answer, wanted, "line {place}: {line}");
    }
}

#[test]
fn a_program_that_can_not_start_is_waited_for_and_a_stop_is_heard() {
    let bench = bench("import sys; sys.exit(1)");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| bench.parser.ask(&[b"a"]));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!asked.is_finished(), "no line is given up for a program that isn't there");
        bench.parser.begin_stop();
        assert_eq!(asked.join().unwrap(), Err(Stopping));
    });
}

#[test]
fn a_person_does_not_wait_for_a_program_that_can_not_start() {
    let bench = bench("import sys; sys.exit(1)");
    bench.parser.be_impatient();
    assert_eq!(bench.ask(&["a", "b"]), [ABSENT, ABSENT]);
}

#[test]
fn a_stop_does_not_wait_for_a_program_that_hangs() {
    let bench = bench(SOUND);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| bench.parser.ask(&[b"hang"]));
        while !bench.folder.path().join("lives").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        bench.parser.stop();
        assert_eq!(asked.join().unwrap(), Err(Stopping));
    });
}
