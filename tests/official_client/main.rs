//! Cloudflare's own Python client against the look-alike: a client that we didn't write, which
//! refuses replies that are not as Cloudflare documents them. What both said is held to the
//! published schema too, where that is at hand (`$RIPOSTE_CLOUDFLARE_SCHEMA`).
//!
//! The client is installed from the Python package index into a virtual environment below
//! `target/`, once; where that can't be, the test says so and is skipped.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test's helpers, told by the environment where the schema lies"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const TOKEN: &str = "simulated";

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_client").join(file)
}

/// Runs a program; its output where it failed.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(said + &*String::from_utf8_lossy(&output.stderr))
}

/// The Python of an environment that has what `requirements.txt` names, or why there is none. It is
/// made once, and again when the file has changed.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-client");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let lock = File::create(folder.join("lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (made, wanted) = (folder.join("made"), here("requirements.txt"));
    let python = folder.join("venv/bin/python");
    let text = fs::read_to_string(&wanted).map_err(|error| error.to_string())?;
    if fs::read_to_string(&made).is_ok_and(|made| made == text) && python.exists() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("venv")))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&wanted))?;
    fs::write(&made, text).map_err(|error| error.to_string())?;
    Ok(python)
}

/// The look-alike as a person starts it; ended when dropped.
struct Sim {
    child: Child,
    base: String,
}

impl Sim {
    fn start(transcript: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_riposte"))
            .args(["sim", "--port", "0", "--token", TOKEN, "--plan", "enterprise"])
            .args(more)
            .arg("--transcript")
            .arg(transcript)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let base = first.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, base }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_official_client_takes_every_area_of_the_look_alike() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => {
            eprintln!("SKIPPED: Cloudflare's Python client can't be installed here:\n{reason}");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let transcript = folder.path().join("transcript.jsonl");
    let sim = Sim::start(&transcript, &["--bulk-takes", "500ms"]);
    let toured = run(Command::new(&python)
        .arg("-B")
        .arg(here("tour.py"))
        .args([&sim.base, TOKEN])
        .env("NO_PROXY", "127.0.0.1"));
    let said = toured.unwrap_or_else(|said| panic!("{said}"));
    let areas = fs::read_dir(here("areas")).unwrap().count();
    assert_eq!(said.matches("well ").count(), areas, "{said}");
    drop(sim);
    let Ok(schema) = std::env::var("RIPOSTE_CLOUDFLARE_SCHEMA") else {
        eprintln!("SKIPPED the schema's part: $RIPOSTE_CLOUDFLARE_SCHEMA names no schema");
        return;
    };
    let held = run(Command::new(&python)
        .arg(here("hold.py"))
        .args([Path::new(&schema), transcript.as_path()]));
    assert!(held.is_ok(), "{}", held.unwrap_err());
}
