//! What goes wrong around a running daemon, one failure a test: it says so, the rest goes on, and
//! when it is mended nothing is lost and nothing doubled.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "failures/programs.rs"]
mod programs;
mod support;
#[path = "failures/cloudflare.rs"]
mod cloudflare;
#[path = "failures/cloudflare_changes.rs"]
mod cloudflare_changes;
#[path = "failures/cloudflare_events.rs"]
mod cloudflare_events;
#[path = "failures/lacking.rs"]
mod lacking;
#[path = "failures/cloudflare_scenarios.rs"]
mod cloudflare_scenarios;
#[path = "failures/messengers.rs"]
mod messengers;
#[path = "failures/plugins.rs"]
mod plugins;
#[path = "failures/secrets.rs"]
mod secrets;

use riposte::store::Entry;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::trouble::{SmallDisk, address, attack, web_file};
use support::{Daemon, Place, can_run, line};

const RULES: &str = r#"
rule("three").on("http").when(|e| e.status == 404).by("ip").count(3, "1h")
    .then(|hit| block(hit.ip, "1h"));
"#;

/// A place whose blocks go to a file.
fn place(root: &tempfile::TempDir, more: &str) -> Place {
    let dir = root.path().join("p");
    Place::new(root.path(), "p", RULES, &format!("{}{more}", web_file(&dir)))
}

fn decided(place: &Place) -> BTreeSet<String> {
    let target = |entry| match entry {
        Entry::Decision { row, .. } => Some(row.decision.target.to_string()),
        _ => None,
    };
    place.journal().into_iter().filter_map(|row| target(row.entry)).collect()
}

/// Every client hit once, and is blocked.
fn all_once(place: &Place, clients: usize) {
    place.wait(Duration::from_secs(30), "all are blocked", || place.blocked().len() == clients);
    let hits = place.hits("three");
    assert_eq!(hits.len(), clients, "no line is lost");
    assert!(hits.values().all(|count| *count == 1), "none is doubled: {hits:?}");
}

#[test]
fn serial_a_full_disk_holds_decisions_until_there_is_room() {
    let test = "serial_a_full_disk_holds_decisions_until_there_is_room";
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let Some(disk) = SmallDisk::mount(test, &place.dir.join("state"), 48 * 1024) else { return };
    let daemon = place.start_and_wait();
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "the first is blocked", || place.blocked().len() == 1);
    disk.fill();
    // More transactions than may wait, so that sources wait too.
    for number in 1..400 {
        place.append(&attack(&address(number)));
        std::thread::sleep(Duration::from_millis(3));
    }
    place.wait(Duration::from_secs(10), "it is told", || place.log().contains("no space left"));
    std::thread::sleep(Duration::from_secs(2));
    let (sent, journaled) = (place.blocked(), decided(&place));
    assert!(journaled.len() < 350, "the disk is full: {}", journaled.len());
    for target in &sent {
        assert!(journaled.contains(target), "`{target}` was sent and is in no journal");
    }
    let status = place.status();
    assert!(
        status.alarms.iter().any(|alarm| alarm.from == "store" && alarm.text.contains("no space")),
        "{:?}",
        status.alarms
    );
    disk.empty();
    all_once(&place, 400);
    assert!(place.log().contains("what had waited is kept now"), "{}", place.log());
    daemon.terminate();
}

#[test]
fn serial_on_a_full_disk_a_person_can_still_let_clients_in() {
    let test = "serial_on_a_full_disk_a_person_can_still_let_clients_in";
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let Some(disk) = SmallDisk::mount(test, &place.dir.join("state"), 48 * 1024) else { return };
    let daemon = place.start_and_wait();
    place.append(&attack(&address(0)));
    place.append(&attack(&address(1)));
    place.wait(Duration::from_secs(5), "both are blocked", || place.blocked().len() == 2);
    disk.fill();
    place.append(&attack(&address(2)));
    place.wait(Duration::from_secs(10), "it is told", || place.log().contains("no space left"));
    let told = place.ask(&["allow", &address(0)]);
    assert!(told.contains("allowlist"), "{told}");
    place.wait(Duration::from_secs(5), "one is let in", || !place.blocked().contains(&address(0)));
    assert!(place.blocked().contains(&address(1)), "and only that one");
    let told = place.ask(&["panic"]);
    assert!(told.contains("panic"), "{told}");
    place.wait(Duration::from_secs(5), "all are let in", || place.blocked().is_empty());
    disk.empty();
    daemon.terminate();
}

#[test]
fn serial_on_a_full_disk_it_stops_in_time_and_goes_on_later() {
    let test = "serial_on_a_full_disk_it_stops_in_time_and_goes_on_later";
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let Some(disk) = SmallDisk::mount(test, &place.dir.join("state"), 48 * 1024) else { return };
    let daemon = place.start_and_wait();
    disk.fill();
    for number in 0..400 {
        place.append(&attack(&address(number)));
        std::thread::sleep(Duration::from_millis(2));
    }
    place.wait(Duration::from_secs(10), "it is told", || place.log().contains("no space left"));
    let begun = Instant::now();
    daemon.terminate();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    disk.empty();
    let daemon = place.start_and_wait();
    all_once(&place, 400);
    daemon.terminate();
}

#[test]
fn serial_a_read_only_state_folder_is_refused_with_a_hint() {
    let test = "serial_a_read_only_state_folder_is_refused_with_a_hint";
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let Some(disk) = SmallDisk::mount(test, &place.dir.join("state"), 48 * 1024) else { return };
    disk.remount("ro");
    let (code, said) = place.code(&["run"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("read-only") && said.contains("hint: check the mount options"), "{said}");
    disk.remount("rw");
    place.start_and_wait().terminate();
    disk.remount("ro");
    let (code, said) = place.code(&["run"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("read-only") && said.contains("hint: "), "{said}");
    // People can still look.
    let (code, said) = place.code(&["decisions", "list"]);
    println!("decisions list on a read-only store: {code} {said}");
    disk.remount("rw");
}

#[test]
fn serial_a_store_that_takes_no_more_writes_stops_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    // Writes past a size fail from then on, as on a disk that turned read-only under open files.
    let daemon = place.start_by(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "the first is blocked", || place.blocked().len() == 1);
    let log = fs::metadata(place.dir.join("state/riposte.db-wal")).unwrap().len();
    let pid = rustix::process::Pid::from_raw(i32::try_from(daemon.0.id()).unwrap());
    let limit = |current| rustix::process::Rlimit { current, maximum: None };
    let file_size = rustix::process::Resource::Fsize;
    rustix::process::prlimit(pid, file_size, limit(Some(log))).unwrap();
    place.append(&attack(&address(1)));
    place.wait(Duration::from_secs(5), "it is told", || {
        place.log().contains("failed to keep what happened")
    });
    assert_eq!(place.blocked().len(), 1, "what is in no journal is not sent");
    let status = place.status();
    assert!(status.alarms.iter().any(|alarm| alarm.from == "store"), "{:?}", status.alarms);
    let (_, said) = place.code(&["status"]);
    assert!(said.contains("failed to keep what happened"), "{said}");
    rustix::process::prlimit(pid, file_size, limit(None)).unwrap();
    all_once(&place, 2);
    daemon.terminate();
}

#[test]
fn serial_without_nft_the_web_file_still_blocks_and_status_says_so() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "[actions.nftables]\ncommand = [\"/nonexistent/nft\"]\n");
    let daemon = place.start_and_wait();
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "the file has it", || place.blocked().len() == 1);
    place.wait(Duration::from_secs(5), "it is known", || {
        place.status().destinations.iter().any(|place| place.name == "nftables" && !place.healthy)
    });
    let (_, said) = place.code(&["status"]);
    assert!(said.contains("nftables is not installed") && said.contains("hint: "), "{said}");
    daemon.terminate();
}

#[test]
fn serial_without_permission_for_nft_the_web_file_still_blocks() {
    let test = "serial_without_permission_for_nft_the_web_file_still_blocks";
    if !can_run(test, &["nft", "setpriv"]) {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let command = "[actions.nftables]\ncommand = [\"setpriv\", \"--reuid=65534\", \"--regid=65534\", \"--clear-groups\", \"nft\"]\n";
    let place = place(&root, command);
    let daemon = place.start_and_wait();
    place.append(&attack(&address(0)));
    place.wait(Duration::from_secs(5), "the file has it", || place.blocked().len() == 1);
    place.wait(Duration::from_secs(5), "it is known", || {
        let status = place.status();
        let mut nft = status.destinations.iter().filter(|place| place.name == "nftables");
        nft.any(|place| !place.healthy && place.detail.contains("may not change the packet filter"))
    });
    daemon.terminate();
}

#[test]
fn serial_a_log_that_cant_be_read_is_told_of_and_read_when_it_can() {
    let test = "serial_a_log_that_cant_be_read_is_told_of_and_read_when_it_can";
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let log = place.dir.join("access.log");
    place.append(&attack(&address(0)));
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).unwrap();
    let daemon = if rustix::process::geteuid().is_root() {
        if !can_run(test, &["setpriv"]) {
            return;
        }
        // Root may read everything; without these capabilities it is a user like others.
        let caps = "-dac_override,-dac_read_search";
        place.start_by(&["setpriv", "--bounding-set", caps, "--inh-caps", caps])
    } else {
        place.start_and_wait()
    };
    place.wait(Duration::from_secs(5), "it is told", || {
        let alarms = place.status().alarms;
        alarms.iter().any(|alarm| alarm.from == "web" && alarm.text.contains("access.log"))
    });
    fs::set_permissions(&log, fs::Permissions::from_mode(0o644)).unwrap();
    place.append(&attack(&address(1)));
    all_once(&place, 2);
    daemon.terminate();
}

#[test]
fn serial_a_log_that_appears_later_is_read_from_its_beginning() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let daemon = place.start_and_wait();
    std::thread::sleep(Duration::from_millis(300));
    place.append(&attack(&address(0)));
    all_once(&place, 1);
    fs::remove_file(place.dir.join("access.log")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    place.append(&attack(&address(1)));
    all_once(&place, 2);
    daemon.terminate();
}

#[test]
fn serial_a_second_instance_is_refused_and_names_the_first() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let daemon = place.start_and_wait();
    let (code, said) = place.code(&["run"]);
    assert_eq!(code, 2, "{said}");
    let pid = daemon.0.id().to_string();
    assert!(said.contains("in use by riposte") && said.contains(&pid), "{said}");
    // The first is not disturbed.
    place.append(&attack(&address(0)));
    all_once(&place, 1);
    daemon.terminate();
}

#[test]
fn serial_the_end_comes_in_order_while_sources_are_busy_and_systemd_is_told() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let socket = UnixDatagram::bind(place.dir.join("notify.sock")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let told = |word: &str| {
        let mut buffer = [0; 256];
        let size = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{word}: {error}"));
        let said = String::from_utf8_lossy(&buffer[..size]).into_owned();
        assert!(said.contains(word), "{said}");
    };
    place.append(&(0..60_000).map(|n| line(&address(n % 5_000), "/x", 404)).collect::<String>());
    let variable = format!("NOTIFY_SOCKET={}/notify.sock", place.dir.display());
    let daemon = place.start_by(&["env", &variable]);
    told("READY=1");
    let begun = Instant::now();
    daemon.terminate();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    told("STOPPING=1");
    assert!(place.log().contains("in_time=true"), "{}", place.log());
    // It goes on where it was.
    let daemon = place.start_and_wait();
    place.wait_until_read();
    let hits: u64 = place.hits("three").values().sum();
    assert_eq!(hits, 20_000, "each third of 60,000 lines is a hit, once");
    daemon.terminate();
}

#[test]
fn serial_standard_input_survives_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let place = place(&root, "");
    let config = fs::read_to_string(place.dir.join("riposte.toml")).unwrap();
    let config: Vec<&str> =
        config.lines().filter(|line| !line.starts_with("paths = [\"/")).collect();
    let config =
        config.join("\n").replacen("name = \"web\"\n", "name = \"web\"\ntype = \"stdin\"\n", 1);
    place.write("riposte.toml", &config.replace("from = \"beginning\"\n", ""));
    let (input, mut output) = std::io::pipe().unwrap();
    let start = || {
        let before = place.log().matches("riposte runs").count();
        let log = fs::OpenOptions::new().create(true).append(true).open(place.dir.join("out.log"));
        let mut command = place.command("run");
        command.stdin(Stdio::from(input.try_clone().unwrap())).stdout(Stdio::null());
        let daemon = Daemon(command.stderr(log.unwrap()).spawn().unwrap());
        place.wait(Duration::from_secs(20), "it runs", || {
            place.log().matches("riposte runs").count() > before
        });
        daemon
    };
    let clients = 3_000;
    let mut daemon = start();
    for round in 0..3 {
        for number in 0..clients {
            output.write_all(line(&address(number), "/x", 404).as_bytes()).unwrap();
            if number % 1_000 == 999 && round < 3 {
                std::thread::sleep(Duration::from_millis(20));
                daemon.kill();
                daemon = start();
            }
        }
    }
    drop(output);
    place.wait(Duration::from_secs(30), "all hit", || place.hits("three").len() == clients);
    let hits = place.hits("three");
    assert!(hits.values().all(|count| *count == 1), "none is doubled");
    daemon.terminate();
}
