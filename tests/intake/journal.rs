//! The journal, by files that systemd's own tool makes.

use super::place;
use super::support::web::installed;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const REMOTE: &str = "/lib/systemd/systemd-journal-remote";

fn write(root: &Path, file: &str, users: std::ops::Range<u32>, uid: u32) {
    let mut export = String::new();
    for user in users {
        let micros = riposte::clock::now().as_micros() + i64::from(user);
        write!(
            export,
            "__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={user}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=web1\nPRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=sshd\n_PID=7\n_UID={uid}\n_SYSTEMD_UNIT=ssh.service\nMESSAGE=Invalid user u{user} from 203.0.113.{} port 4711\n\n",
            if uid == 0 { 9 } else { 66 }
        )
        .unwrap();
    }
    fs::write(root.join("export"), export).unwrap();
    let mut command = Command::new(REMOTE);
    command.arg("-o").arg(root.join("journal").join(file)).arg(root.join("export"));
    assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
}

#[test]
fn serial_the_journal_is_read_once_over_kills_and_only_root_is_believed() {
    let test = "serial_the_journal_is_read_once_over_kills_and_only_root_is_believed";
    if !installed(test, &["journalctl"]) {
        return;
    }
    if !Path::new(REMOTE).exists() {
        println!("SKIPPED {test}: `systemd-journal-remote` is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("journal")).unwrap();
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"journal\"\ntype = \"journald\"\n[sources.journald]\ndirectory = \"{}/journal\"\nidentifiers = [\"sshd\"]\nfrom = \"beginning\"\n",
            root.path().display()
        ),
    );
    let mut daemon = place.start_and_wait();
    for round in 0..4_u32 {
        let from = round * 50;
        write(root.path(), &format!("{round}-forged.journal"), from..from + 5, 1_000);
        write(root.path(), &format!("{round}.journal"), from..from + 50, 0);
        if round % 2 == 0 {
            // In the middle of it.
            std::thread::sleep(Duration::from_millis(u64::from(round) * 20));
            daemon.kill();
            daemon = place.start_and_wait();
        }
    }
    place.wait(Duration::from_secs(30), "all came", || place.hits("each").len() == 200);
    assert!(place.hits("each").values().all(|count| *count == 1), "none is doubled");
    assert_eq!(place.blocked(), ["203.0.113.9"]);
    daemon.terminate();
}
