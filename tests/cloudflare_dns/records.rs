//! `riposte cf dns`: plans, questions, what is sent, against the look-alike.

use crate::support::{Place as Folder, private_file, transcript};
use riposte::simulator::{Fault, FaultKind, Options, Simulator};
use std::fs;

struct Place {
    folder: Folder,
    _root: tempfile::TempDir,
    simulator: Simulator,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let simulator =
            Simulator::start(0, Options::new("simulated"), transcript().as_deref()).unwrap();
        let token = private_file(root.path(), "token", "simulated");
        let more = format!(
            "[[actions.cloudflare]]\ntoken = 'file:{}'\napi = '{}'\n",
            token.display(),
            simulator.base()
        );
        let folder = Folder::new(root.path(), "p", "", &more);
        Self { folder, _root: root, simulator }
    }

    /// What a command said and how it ended.
    fn dns(&self, words: &[&str]) -> String {
        let ran = self.folder.command("cf").arg("dns").args(words).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = ran.status.code().unwrap_or(-1);
        format!("[{code}]\n{}{}", text(&ran.stdout), text(&ran.stderr))
    }

    fn file(&self, text: &str) -> String {
        let path = self.folder.dir.join("changes.json");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn www(&self) -> Vec<String> {
        let all = self.simulator.records("example.com").into_iter();
        let own = all.filter(|(_, name, _)| name == "www.example.com");
        own.map(|(kind, _, content)| format!("{kind} {content}")).collect()
    }
}

#[test]
fn records_are_listed_and_filtered() {
    let place = Place::new();
    assert_eq!(
        place.dns(&["list", "example.com", "--name", "www"]),
        "[0]\ntype  name             ttl   proxied  content\nA     www.example.com  auto  yes      192.0.2.80\n"
    );
    let json = place.dns(&["list", "example.com", "--type", "txt", "--json"]);
    assert!(json.contains("\"content\":\"v=spf1 -all\"") && json.lines().count() == 2, "{json}");
    assert_eq!(place.dns(&["usage", "example.com"]), "[0]\nexample.com: 3 records of 200\n");
    assert!(
        place.dns(&["export", "example.com"]).contains("www.example.com.\t1\tIN\tA\t192.0.2.80")
    );
    let nowhere = place.dns(&["list", "example.net"]);
    assert!(nowhere.starts_with("[2]") && nowhere.contains("sees no zone"), "{nowhere}");
}

#[test]
fn a_zone_file_comes_in_whole_and_what_went_out_comes_back_as_nothing() {
    let place = Place::new();
    let exported = place.dns(&["export", "example.com"]);
    let file = place.file(exported.split_once('\n').unwrap().1);
    let again = place.dns(&["import", "example.com", &file, "--yes"]);
    assert!(again.starts_with("[0]") && again.contains("nothing to do"), "{again}");
    let file =
        place.file("$TTL 300\n@ MX 10 mail\n  CAA 0 issue \"ca.example\"\nwww A 192.0.2.9\n");
    let import = ["import", "example.com", file.as_str()];
    let shown = place.dns(&import);
    assert!(shown.starts_with("[2]") && shown.contains("--yes"), "{shown}");
    assert_eq!(place.www(), ["A 192.0.2.80"]);
    let dry = place.dns(&[&import[..], &["--dry-run", "--json"]].concat());
    assert!(dry.contains("\"method\":\"POST\"") && dry.lines().count() == 2, "{dry}");
    place.simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/dns_records/batch"));
    let done = place.dns(&[&import[..], &["--replace", "--yes"]].concat());
    assert!(done.contains("done example.com (4 changes)"), "{done}");
    assert_eq!(place.www(), ["A 192.0.2.9"]);
    let again = place.dns(&[&import[..], &["--replace"]].concat());
    assert_eq!(again, "[0]\nnothing to do\n");
    // What consists of parts goes out as a text, and comes in as parts again.
    let exported = place.dns(&["export", "example.com"]);
    assert!(exported.contains("0 issue \"ca.example\""), "{exported}");
    let file = place.file(exported.split_once('\n').unwrap().1);
    let again = place.dns(&["import", "example.com", &file, "--yes"]);
    assert!(again.contains("nothing to do"), "{again}");
    let file = place.file("www A 192.0.2.9\n$INCLUDE more\n");
    let wrong = place.dns(&["import", "example.com", &file]);
    assert!(wrong.starts_with("[2]") && wrong.contains("line 2: `$INCLUDE` isn't read"), "{wrong}");
}

#[test]
fn nothing_changes_without_a_yes() {
    let place = Place::new();
    assert_eq!(
        place.dns(&["set", "example.com", "www", "A", "192.0.2.7"]),
        "[2]\n~ A www.example.com 192.0.2.80 -> 192.0.2.7\nerror: nothing was changed\nhint: `--yes` carries it out\n"
    );
    assert_eq!(place.www(), ["A 192.0.2.80"]);
    let shown = place.dns(&["set", "example.com", "www", "A", "192.0.2.7", "--dry-run"]);
    assert!(
        shown.starts_with("[0]\nPATCH /zones/") && shown.contains("{\"content\":\"192.0.2.7\"}"),
        "{shown}"
    );
    assert_eq!(place.www(), ["A 192.0.2.80"]);
    assert_eq!(
        place.dns(&["set", "example.com", "www", "A", "192.0.2.7", "--yes"]),
        "[0]\n~ A www.example.com 192.0.2.80 -> 192.0.2.7\ndone example.com (1 change)\n"
    );
    assert_eq!(place.www(), ["A 192.0.2.7"]);
    let again = place.dns(&["set", "example.com", "www", "A", "192.0.2.7", "--yes"]);
    assert_eq!(again, "[0]\nnothing to do\n");
}

#[test]
fn another_type_goes_in_one_batch() {
    let place = Place::new();
    let refused = place.dns(&["set", "example.com", "www", "CNAME", "b.example.net", "--yes"]);
    assert!(refused.starts_with("[2]") && refused.contains("hint: `--replace`"), "{refused}");
    let calls = place.simulator.calls();
    let set =
        ["set", "example.com", "www", "CNAME", "b.example.net", "--replace", "--yes", "--json"];
    let done = place.dns(&set);
    assert!(done.starts_with("[0]") && done.contains("\"applied\":true"), "{done}");
    assert_eq!(place.www(), ["CNAME b.example.net"]);
    assert_eq!(place.simulator.calls() - calls, 3, "zone, records, batch");
    let gone = place.dns(&["delete", "example.com", "www", "--yes"]);
    assert_eq!(gone, "[0]\n- CNAME www.example.com b.example.net\ndone example.com (1 change)\n");
    assert_eq!(place.www(), [""; 0]);
}

#[test]
fn a_lost_reply_is_read_back() {
    let place = Place::new();
    place.simulator.fault(Fault::new(FaultKind::Lost, 1).only("PATCH", "/dns_records"));
    let done = place.dns(&["set", "example.com", "www", "A", "192.0.2.7", "--yes"]);
    assert!(done.ends_with("done example.com (1 change)\n"), "{done}");
    place.simulator.fault(Fault::new(FaultKind::Drop, 1).only("PATCH", "/dns_records"));
    let failed = place.dns(&["set", "example.com", "www", "A", "192.0.2.8", "--yes"]);
    assert!(failed.starts_with("[2]") && failed.contains("could not confirm"), "{failed}");
    assert_eq!(place.www(), ["A 192.0.2.7"]);
}

#[test]
fn a_file_of_changes_is_carried_out_whole_or_not_at_all() {
    let place = Place::new();
    let twice = r#"{"posts":[{"type":"A","name":"a","content":"192.0.2.9"},{"type":"A","name":"a","content":"192.0.2.9"}]}"#;
    let file = place.file(twice);
    let before = place.simulator.records("example.com");
    let refused = place.dns(&["batch", "example.com", &file, "--yes"]);
    assert!(refused.starts_with("[2]") && refused.contains("code 81058"), "{refused}");
    assert_eq!(place.simulator.records("example.com"), before);
    let file = place.file(r#"{"deletes":[{"id":"unknown"}]}"#);
    let unknown = place.dns(&["batch", "example.com", &file, "--yes"]);
    assert!(unknown.contains("has no record with the id `unknown`"), "{unknown}");
    let file = place.file(r#"{"posts":[{"type":"TXT","name":"@","content":"x=1"}]}"#);
    let done = place.dns(&["batch", "example.com", &file, "--yes"]);
    assert!(done.contains("+ TXT example.com x=1 (ttl auto)"), "{done}");
}
