//! What the tests of failure modes share: small file systems, limits on a process, what the daemon
//! says of itself.

use super::{Daemon, Place, can_run, line};
use riposte::store::Entry;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The config of a plain list that a web server would read, at `blocked` in the place.
pub fn web_file(dir: &Path) -> String {
    format!(
        "[[actions.files]]\nname = \"web\"\nformat = \"plain\"\npath = \"{}/blocked\"\n",
        dir.display()
    )
}

/// Three 404s of one client.
pub fn attack(client: &str) -> String {
    line(client, "/x", 404).repeat(3)
}

/// The address number `number` of a large network.
pub fn address(number: usize) -> String {
    format!("45.{}.{}.{}", 64 + number / 62_500, number / 250 % 250, 1 + number % 250)
}

impl Place {
    /// A folder with this config, whole.
    pub fn with_config(root: &Path, name: &str, config: &str) -> Self {
        let dir = root.join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("riposte.toml"), config).unwrap();
        Self { dir }
    }

    /// Starts the daemon by way of these words before it, and waits until it runs.
    pub fn start_by(&self, words: &[&str]) -> Daemon {
        let before = self.log().matches("riposte runs").count();
        let log = OpenOptions::new().create(true).append(true).open(self.dir.join("out.log"));
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(env!("CARGO_BIN_EXE_riposte")).arg("--config");
        command.arg(self.dir.join("riposte.toml")).arg("run");
        let child = command.stdout(Stdio::null()).stderr(log.unwrap()).spawn().unwrap();
        let daemon = Daemon(child);
        self.wait(std::time::Duration::from_secs(20), "the daemon runs", || {
            self.log().matches("riposte runs").count() > before
        });
        daemon
    }

    /// Runs a command; its exit code and what it said.
    pub fn code(&self, words: &[&str]) -> (i32, String) {
        let output = self.command(words[0]).args(&words[1..]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().unwrap_or(-1), text + &*String::from_utf8_lossy(&output.stderr))
    }

    /// The lines of the list that a web server would read.
    pub fn blocked(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.join("blocked")).unwrap_or_default();
        let entries = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        entries.map(str::to_owned).collect()
    }

    /// Hits in the journal, by key; those of one rule or of all.
    pub fn hits(&self, rule: &str) -> BTreeMap<String, u64> {
        let mut hits = BTreeMap::new();
        for row in self.journal() {
            if let Entry::Hit { hit, repeats } = row.entry
                && (rule.is_empty() || *hit.rule == *rule)
            {
                *hits.entry(hit.key.to_string()).or_default() += 1 + repeats;
            }
        }
        hits
    }

    /// Writes a file beside the config.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.join(name), text).unwrap();
    }
}

/// A file system of its own in memory, unmounted when dropped.
pub struct SmallDisk(pub PathBuf);

impl SmallDisk {
    /// Mounts one of that many KiB at `dir`, which is made; `None`, told by name, where that is
    /// not allowed.
    pub fn mount(test: &str, dir: &Path, kib: u32) -> Option<Self> {
        if !can_run(test, &["mount", "umount"]) {
            return None;
        }
        fs::create_dir_all(dir).unwrap();
        let options = format!("size={kib}k,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "riposte-test"])
            .arg(dir)
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            println!("SKIPPED {test}: file systems can't be mounted here");
            return None;
        }
        Some(Self(dir.to_owned()))
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let path = self.0.join("ballast");
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn empty(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }

    /// Mounts it again with other options (`ro`, `rw`).
    pub fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        assert!(
            Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap().success()
        );
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}
