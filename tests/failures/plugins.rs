//! Plugins that die, hang, flood and speak nonsense under a running daemon: their own work waits or
//! is left out and told of, and nobody else notices. What enrichers said survives `kill -9`.

use crate::support::trouble::{address, web_file};
use crate::support::{Place, line};
use riposte::pipeline::control::PluginStatus;
use riposte::store::Entry;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const SECRET: &str = "s3cr3t-t0k3n-of-a-plugin";

const HEAD: &str = "#!/usr/bin/python3\n\
import json, os, sys, time\n\
def say(**m): print(json.dumps(m), flush=True)\n\
hello = json.loads(sys.stdin.readline())\n\
token = hello['secrets'].get('TOKEN')\n\
say(type='ready', protocol=1)\n\
for line in sys.stdin:\n\
\x20   m = json.loads(line)\n\
\x20   if m['type'] == 'stop': break\n";

fn plugin(dir: &Path, name: &str, manifest: &str, body: &str) {
    let folder = dir.join("plugins").join(name);
    fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1\"\nprotocol = 1\ndescription = \"x\"\nrun = [\"./run\"]\n{manifest}"
    );
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let body = format!("    {}\n", body.replace('\n', "\n    "));
    fs::write(folder.join("run"), format!("{HEAD}{body}")).unwrap();
    fs::set_permissions(folder.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
}

const ACTION: &str = "kind = \"action\"\n[limits]\nanswer_ms = 1000\n[action]\nidempotent = true\n";

const ENRICHER: &str = "kind = \"enricher\"\n[limits]\nanswer_ms = 1000\n[enricher]\non = [\"http\"]\nkey = \"ip\"\n[enricher.fields]\nlisted = \"bool\"\n";

/// A place whose rule blocks by 404s, another tells people by the plugin, and a third blocks whom
/// the enricher lists.
fn place(root: &tempfile::TempDir, action: &str, enricher: &str) -> Place {
    let dir = root.path().join("p");
    let rules = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| { block(hit.ip, "1h"); notify("people", `blocked ${hit.ip}`); });
rule("listed").on("http").when(|e| e.listed == true).by("ip").count(2, "1h")
    .then(|hit| block(hit.ip, "1h"));
"#;
    let secret = dir.join("secret");
    let more = format!(
        "{}[[actions.channels]]\nname = \"people\"\nto = \"plugin:tell\"\n\
         [plugins.tell]\nsecrets = {{ TOKEN = \"file:{}\" }}\n\
         [plugins.list]\nwait_ms = 500\n",
        web_file(&dir),
        secret.display()
    );
    let place = Place::new(root.path(), "p", rules, &more);
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    plugin(&dir, "tell", ACTION, action);
    plugin(&dir, "list", ENRICHER, enricher);
    place
}

const TELL: &str = "open('told', 'a').write(m['id'] + ' ' + m['message'] + '\\n')\n\
say(type='outcome', id=m['id'], outcome='applied')";

/// Lists every address that ends with .7, and says how often it was asked.
const LIST: &str = "open('asked', 'a').write(m['key'] + '\\n')\n\
say(type='answer', id=m['id'], fields={'listed': m['key'].endswith('.7')})";

fn status_of(place: &Place, name: &str) -> PluginStatus {
    place.status().plugins.into_iter().find(|plugin| plugin.name == name).unwrap()
}

fn outcomes(place: &Place) -> Vec<String> {
    let outcome = |entry| match entry {
        Entry::Outcome { destination, outcome, .. } if destination.starts_with("plugin:") => {
            Some(format!("{outcome:?}"))
        }
        _ => None,
    };
    place.journal().into_iter().filter_map(|row| outcome(row.entry)).collect()
}

#[test]
fn actions_go_to_a_plugin_and_enrichers_make_rules_fire() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, TELL, LIST);
    let (code, said) = place.code(&["check"]);
    assert_eq!(code, 0, "`check` knows the field that the enricher adds: {said}");
    let daemon = place.start_and_wait();
    place
        .wait(Duration::from_secs(20), "it is ready", || status_of(&place, "list").state == "well");
    place.append(&line("45.64.0.7", "/a", 200).repeat(2));
    place.append(&line("45.64.0.8", "/a", 200).repeat(2));
    place.append(&line("45.64.0.9", "/a", 404).repeat(3));
    place.wait(Duration::from_secs(20), "both are blocked", || place.blocked().len() == 2);
    assert_eq!(place.hits("listed").len(), 1);
    let told = place.dir.join("plugins/tell/told");
    place.wait(Duration::from_secs(20), "it is told", || {
        fs::read_to_string(&told).is_ok_and(|told| told.contains("blocked 45.64.0.9"))
    });
    place.wait(Duration::from_secs(20), "it is kept", || outcomes(&place) == ["Applied"]);
    let words = place.ask(&["status"]);
    assert!(words.contains("plugin     tell (action): well, 1 start, 0 faults"), "{words}");
    daemon.terminate();
}

#[test]
fn bad_plugins_are_told_of_and_nobody_else_notices() {
    for (name, body, words) in [
        ("dies", "os._exit(4)", "exit code 4"),
        ("hangs", "time.sleep(1000)", "did not answer within 1000 ms"),
        ("floods", "while True: sys.stdout.write('x' * 4096)", "a line of more than"),
        ("floods its log", "while True: sys.stderr.write('x' * 4096)", "floods its log"),
        ("speaks nonsense", "print('\\x1b[2J nonsense', token, flush=True)", "not JSON"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let place = place(&root, body, body);
        let daemon = place.start_and_wait();
        let ready = || status_of(&place, "list").state == "well";
        place.wait(Duration::from_secs(20), "it is ready", ready);
        for number in 0..20 {
            place.append(&line(&address(number), "/x", 404).repeat(3));
        }
        place.wait(Duration::from_secs(20), name, || place.blocked().len() == 20);
        // What is started again may look well for a moment: the alarms stay.
        let told = |plugin: &str| {
            let alarms = place.status().alarms;
            alarms.iter().any(|alarm| alarm.from == plugin && alarm.text.contains(words))
        };
        let both = || told("plugin tell") && told("plugin list");
        place.wait(Duration::from_secs(20), name, both);
        let status = place.status();
        assert!(status.plugins.iter().all(|plugin| plugin.starts < 10), "{:?}", status.plugins);
        let said = place.ask(&["status"]);
        assert!(said.contains(words), "{said}");
        let begun = std::time::Instant::now();
        daemon.terminate();
        assert!(begun.elapsed() < Duration::from_secs(8), "{name}: {:?}", begun.elapsed());
        let everything = format!("{}{said}{:?}", place.log(), place.journal());
        assert!(!everything.contains(SECRET), "{name}: the secret is in the log");
        assert!(!place.log().contains('\x1b'), "{name}");
    }
}

#[test]
fn an_action_waits_for_a_plugin_that_comes_back_with_the_same_key() {
    let root = tempfile::tempdir().unwrap();
    let once = "open('ids', 'a').write(m['id'] + ' ')\n\
        if len(open('ids').read().split()) == 1: os._exit(1)\n\
        say(type='outcome', id=m['id'], outcome='applied')";
    let place = place(&root, once, LIST);
    let daemon = place.start_and_wait();
    place.append(&line("45.64.0.9", "/a", 404).repeat(3));
    place.wait(Duration::from_secs(30), "it is done", || outcomes(&place) == ["Applied"]);
    let ids = fs::read_to_string(place.dir.join("plugins/tell/ids")).unwrap();
    let ids: Vec<&str> = ids.split_whitespace().collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    assert_eq!(status_of(&place, "tell").state, "well");
    daemon.terminate();
}

#[test]
fn a_kill_changes_no_hit_though_the_enricher_says_something_else_now() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, TELL, LIST);
    let mut daemon = place.start_and_wait();
    let ready = || status_of(&place, "list").state == "well";
    place.wait(Duration::from_secs(20), "it is ready", ready);
    // One each of the listed, which counts; then a hit, whose transaction keeps that input.
    for number in 0..20 {
        place.append(&line(&format!("45.64.{number}.7"), "/a", 200));
    }
    place.append(&line("45.64.0.9", "/a", 404).repeat(3));
    place.wait(Duration::from_secs(20), "the hit is kept", || place.hits("three").len() == 1);
    daemon.kill();
    // From now on nobody is listed, and what was listed must stay so.
    plugin(&place.dir, "list", ENRICHER, &LIST.replace("m['key'].endswith('.7')", "False"));
    let mut daemon = place.start_and_wait();
    daemon.kill();
    plugin(&place.dir, "list", ENRICHER, LIST);
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(20), "it is ready", ready);
    for number in 0..20 {
        place.append(&line(&format!("45.64.{number}.7"), "/a", 200));
    }
    place.wait(Duration::from_secs(20), "all have hit", || place.hits("listed").len() == 20);
    assert!(place.hits("listed").values().all(|count| *count == 1));
    assert_eq!(place.hits("three").len(), 1);
    daemon.terminate();
}
