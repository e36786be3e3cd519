//! Plugins that can't be used, at a start: the sources that need them stand still, everything else
//! works, and everybody is told: the log, status, doctor, check. Once mended and started again,
//! nothing is lost.

use super::support::trouble::{attack, web_file};
use super::support::{Place, programs::plugin};
use std::fs;
use std::time::Duration;

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
rule("order").on("shop.order").by("number").count(1, "1h").then(|hit| log(hit.key));
"#;

const PARSER: &str =
    "[parser]\nformat = \"orders\"\n[parser.kinds.\"shop.order\"]\nnumber = \"int\"\n";

/// Reads each line as the number of an order.
const PROGRAM: &str = r#"
import json, sys
def say(**message): print(json.dumps(message), flush=True)
sys.stdin.readline()
say(type="ready", protocol=1)
for text in sys.stdin:
    ask = json.loads(text)
    if ask["type"] != "parse": break
    say(type="event", id=ask["id"], kind="shop.order", fields={"number": int(ask["line"])})
"#;

/// A place whose source `shop` is read by the plugin `p`, in one of two ways.
fn place(root: &tempfile::TempDir, shop: &str) -> Place {
    let dir = root.path().join("p");
    let more = format!("{}[[sources]]\nname = \"shop\"\n{shop}[plugins.p]\n", web_file(&dir));
    Place::new(root.path(), "p", RULES, &more)
}

fn as_parser(root: &tempfile::TempDir) -> String {
    format!(
        "paths = [\"{}/p/shop.log\"]\nfrom = \"beginning\"\nformat = \"plugin:p\"\n",
        root.path().display()
    )
}

/// Others work, and the lack is told everywhere.
fn is_told(place: &Place, told: &str) {
    place.append(&attack("203.0.113.9"));
    place.wait(Duration::from_secs(30), "others go on", || place.blocked() == ["203.0.113.9"]);
    let status = place.status();
    let row = status.plugins.iter().find(|row| row.state == "refused");
    let row = row.unwrap_or_else(|| panic!("no row says it: {:?}", status.plugins));
    assert!(!row.healthy && row.detail.contains(told), "{row:?}");
    assert!(row.detail.contains("`shop` is not read"), "{row:?}");
    assert!(status.alarms.iter().any(|alarm| alarm.text.contains(told)), "{:?}", status.alarms);
    assert!(place.log().contains("a plugin can't be used"), "{}", place.log());
    for command in ["status", "doctor", "check"] {
        let (code, said) = place.code(&[command]);
        assert_eq!(code, 1, "{command}: {said}");
        assert!(said.contains(told), "{command}: {said}");
    }
}

#[test]
fn a_source_whose_plugin_is_missing_stands_still_and_nobody_else() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "type = \"plugin\"\nplugin = \"p\"\nformat = \"nginx\"\n");
    let daemon = place.start_and_wait();
    is_told(&place, "there is no plugin `p`");
    daemon.terminate();
    // One of another kind is no better.
    plugin(&place.dir, "p", "parser", PARSER, PROGRAM);
    let daemon = place.start_and_wait();
    is_told(&place, "the plugin `p` is no source");
    daemon.terminate();
}

#[test]
fn lines_wait_for_a_parser_that_is_refused_and_count_once_it_is_mended() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, &as_parser(&root));
    plugin(&place.dir, "p", "parser", PARSER, PROGRAM);
    let manifest = place.dir.join("plugins/p/plugin.toml");
    let good = fs::read_to_string(&manifest).unwrap();
    place.add("shop.log", "1\n2\n");
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(30), "two count", || place.hits("order").len() == 2);
    daemon.terminate();
    fs::write(&manifest, good.replace("protocol", "protocoll")).unwrap();
    place.add("shop.log", "3\n");
    let mut daemon = place.start_and_wait();
    is_told(&place, "`protocoll` is not a key");
    assert_eq!(place.hits("order").len(), 2, "its lines wait");
    // A crash meanwhile changes nothing.
    daemon.kill();
    let daemon = place.start_and_wait();
    // Mended while it runs: said, and used from the next start on.
    fs::write(&manifest, &good).unwrap();
    daemon.signal(rustix::process::Signal::HUP);
    place.wait(Duration::from_secs(30), "it is seen", || {
        place.status().plugins.iter().any(|row| row.detail.contains("it is sound now"))
    });
    daemon.terminate();
    let daemon = place.start_and_wait();
    place.wait(Duration::from_secs(30), "all count", || place.hits("order").len() == 3);
    assert!(place.hits("order").values().all(|count| *count == 1), "none counts twice");
    assert!(place.status().plugins.iter().all(|row| row.healthy));
    daemon.terminate();
}
