//! Programs of plugins under `kill -9`, of themselves and of riposte, in the middle of their work:
//! every record counts once, whatever the moment.

use super::support::Place;
use super::support::programs::plugin;
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

const RULES: &str = r#"
rule("order").on("shop.order").by("number").count(1, "1h").then(|hit| log(hit.key));
"#;

const LOG: &str = "[log]\nlevel = \"warn,riposte::pipeline::live=info,riposte::cli=info\"\n";

/// Says numbers from its cursor on, fast; dies at random, and now and then forgets that it had
/// said some. One that doesn't die falls silent after a while, so that it takes many lives also on a
/// machine where all numbers would be said before anybody is killed. The file `lives` counts them.
const COUNTER: &str = r#"
import json, os, random, signal, sys, threading
hello = json.loads(sys.stdin.readline())
open("lives", "a").write("x")
last = int(hello["settings"]["last"])
mean = random.random() < 0.7
def listen():
    for line in sys.stdin: pass
    os._exit(0)
threading.Thread(target=listen, daemon=True).start()
print(json.dumps({"type": "ready", "protocol": 1}), flush=True)
at = int(hello.get("cursor", "-1")) + 1
at = max(0, at - random.choice([0, 0, 3, 50]))
end = at + random.randrange(20, 900)
silent = at + 1500
while at < min(last, silent):
    if mean and at >= end:
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    fields = {"number": at}
    print(json.dumps({"type": "event", "cursor": str(at), "kind": "shop.order", "fields": fields}))
    at += 1
sys.stdout.flush()
while True: signal.pause()
"#;

const ORDER: &str = "[source.kinds.\"shop.order\"]\nnumber = \"int\"\n";

/// How long a daemon may live. Where many others compete for the machine none comes to its work in
/// a pause that kills an idle machine's in the middle of it; so lives that came to nothing make the
/// next ones longer.
struct Pauses {
    millis_max: u64,
}

impl Pauses {
    fn any(&self, random: &mut fastrand::Rng) -> Duration {
        Duration::from_millis(random.u64(10..self.millis_max))
    }

    fn learn(&mut self, came_to_something: bool) {
        if !came_to_something {
            self.millis_max += self.millis_max / 4;
        }
    }
}

fn missing_and_doubled(hits: &BTreeMap<String, u64>, wanted: usize) -> (usize, usize) {
    let doubled = hits.values().filter(|count| **count != 1).count();
    (wanted.saturating_sub(hits.len()), doubled)
}

#[test]
fn serial_a_source_and_riposte_die_again_and_again_and_every_event_counts_once() {
    let last = 12_000;
    let root = tempfile::tempdir().unwrap();
    let more = format!(
        "[[sources]]\nname = \"shop\"\ntype = \"plugin\"\nplugin = \"counter\"\n[plugins.counter.settings]\nlast = \"{last}\"\n{LOG}"
    );
    let place = Place::new(root.path(), "p", RULES, &more);
    plugin(&place.dir, "counter", "source", ORDER, COUNTER);
    let mut random = fastrand::Rng::with_seed(11);
    let mut kills = 0;
    let mut pauses = Pauses { millis_max: 700 };
    // Before it was up for the first time there is no store that could be read.
    let was_up = || place.log().contains("state restored");
    let orders = || if was_up() { place.hits("order").len() } else { 0 };
    let mut done = 0;
    while done < last {
        assert!(kills < 400, "{done}\n{}", place.log());
        let mut daemon = place.start();
        // It dies in the middle of its work also where that goes fast.
        let enough = done + random.usize(1..1_500);
        let end = Instant::now() + pauses.any(&mut random);
        while Instant::now() < end && orders() < enough {
            std::thread::sleep(Duration::from_millis(10));
        }
        daemon.kill();
        kills += 1;
        let now = orders();
        pauses.learn(now > done);
        done = now;
    }
    // Once more in peace, so that what a crash may have left is taken up.
    let daemon = place.start_and_wait();
    std::thread::sleep(Duration::from_millis(1_500));
    daemon.terminate();
    let lives = fs::read_to_string(place.dir.join("plugins/counter/lives")).unwrap().len();
    println!("{kills} kills of riposte, {lives} lives of the program");
    assert!(kills > 5 && lives > kills / 2, "the kills hurt");
    assert_eq!(missing_and_doubled(&place.hits("order"), last), (0, 0), "missing, doubled");
}

/// Makes an order of a line, with a number that no other life gives it: who asks it twice is seen.
const FICKLE: &str = r#"
import json, os, random, signal, sys
hello = json.loads(sys.stdin.readline())
open("lives", "a").write("x")
print(json.dumps({"type": "ready", "protocol": 1}), flush=True)
mean = random.random() < 0.5
# Long enough that those who are asked alone after a death are not hit by the next one by chance.
left = random.randrange(100, 400)
for text in sys.stdin:
    ask = json.loads(text)
    if ask["type"] != "parse": break
    left -= 1
    if mean and left < 0: os.kill(os.getpid(), signal.SIGKILL)
    number = int(ask["line"]) * 1_000_000 + random.randrange(1_000_000)
    print(json.dumps({"type": "event", "id": ask["id"], "kind": "shop.order", "fields": {"number": number}}), flush=True)
"#;

#[test]
fn serial_a_parser_that_answers_otherwise_each_time_changes_nothing_after_a_crash() {
    let last = 4_000;
    let root = tempfile::tempdir().unwrap();
    let place = Place::new(root.path(), "p", RULES, "");
    let orders = place.dir.join("orders.log");
    let more = format!(
        "[[sources]]\nname = \"orders\"\npaths = [\"{}\"]\nfrom = \"beginning\"\nformat = \"plugin:fickle\"\n[plugins.fickle]\n{LOG}",
        orders.display()
    );
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    place.write("riposte.toml", &format!("{config}{more}"));
    let part = "[parser]\nformat = \"orders\"\n[parser.kinds.\"shop.order\"]\nnumber = \"int\"\n";
    plugin(&place.dir, "fickle", "parser", part, FICKLE);
    let lines: Vec<String> = (0..last).map(|number| format!("{number}\n")).collect();
    let mut random = fastrand::Rng::with_seed(12);
    let mut rest = lines.as_slice();
    let mut kills = 0;
    let mut again = 0;
    let mut pauses = Pauses { millis_max: 250 };
    let mut done = 0;
    while !rest.is_empty() || done < last {
        assert!(kills < 400, "{done}\n{}", place.log());
        let mut daemon = place.start();
        for _ in 0..3 {
            let (now, later) = rest.split_at(random.usize(0..400).min(rest.len()));
            place.add("orders.log", &now.concat());
            rest = later;
            std::thread::sleep(pauses.any(&mut random));
        }
        daemon.kill();
        kills += 1;
        let now = place.hits("order").len();
        pauses.learn(now > done);
        done = now;
    }
    let daemon = place.start_and_wait();
    std::thread::sleep(Duration::from_millis(1_500));
    let status = place.status();
    daemon.terminate();
    let log = place.log();
    again += log.lines().filter(|line| line.contains("state restored")).count();
    again -= log.lines().filter(|line| line.contains("inputs=0 ")).count();
    println!("{kills} kills of riposte, {again} starts that evaluated inputs again");
    assert!(again > 2, "the kills hurt");
    assert!(status.plugins.iter().any(|plugin| plugin.name == "fickle"), "{:?}", status.plugins);
    let hits = place.hits("order");
    assert_eq!(missing_and_doubled(&hits, last), (0, 0), "missing, doubled");
    let numbers: std::collections::BTreeSet<u64> =
        hits.keys().map(|key| key.parse::<u64>().unwrap() / 1_000_000).collect();
    assert_eq!(numbers.len(), last, "no line was asked twice with two answers that counted");
}
