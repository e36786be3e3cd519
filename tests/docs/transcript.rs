//! Pages that tell what a person types and sees: everything in them is done as it is told, in a
//! folder of its own, and what is printed must be what the page says.
//!
//! A fence ```` ```rhai NAME ```` (or `toml NAME`) is a file that the reader writes; ```` ```console ````
//! holds commands after `$ ` with what they print; a comment `<!-- copy: FILE -->` takes a file of
//! `docs/examples` along. What differs from run to run (how long it took) is made the same on both
//! sides.

use super::{assert_fresh, hold, root};
use regex::Regex;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What a page's text becomes before it is done, and what comes out before it is compared.
pub(super) struct Stage<'s> {
    pub(super) before: &'s dyn Fn(&str) -> String,
    pub(super) after: &'s dyn Fn(&str) -> String,
}

/// The page with the answers that the commands give now.
pub(super) fn performed(page: &str, stage: &Stage<'_>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut out = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if let Some(name) =
            line.strip_prefix("<!-- copy: ").and_then(|end| end.strip_suffix(" -->"))
        {
            fs::copy(root().join("docs/examples").join(name), folder.path().join(name)).unwrap();
        }
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if info == "console" {
            for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                writeln!(out, "$ {command}").unwrap();
                let said = answer(&(stage.before)(command), folder.path());
                out.push_str(&(stage.after)(&said));
            }
        } else {
            if let Some((_, name)) = info.split_once(' ') {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, (stage.before)(&(block.join("\n") + "\n"))).unwrap();
            }
            for line in block {
                writeln!(out, "{line}").unwrap();
            }
        }
        out.push_str("```\n");
    }
    out
}

/// What a command prints, to either output.
fn answer(command: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_riposte"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let ran = Command::new("sh")
        .arg("-c")
        .arg(format!("umask 077; {{ {command}\n}} 2>&1"))
        .current_dir(folder)
        .env("PATH", path)
        .env("TZ", "UTC")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let text = text.replace(&format!("{}/", folder.display()), "");
    let mut text = steady(&text);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// How long something took is not what a page is about.
fn steady(text: &str) -> String {
    let times = Regex::new(r"[0-9.]+ s, [0-9]+ lines/s").unwrap();
    let text = times.replace_all(text, "0.01 s, 50000 lines/s");
    let ended = Regex::new(r"lines in [0-9.]+ s").unwrap();
    let text = ended.replace_all(&text, "lines in 0.1 s");
    let written = Regex::new(r#"( time="|"seconds":)[0-9.]+"#).unwrap();
    let text = written.replace_all(&text, "${1}0.01");
    let each = Regex::new(r"\([0-9.]+ (ms|µs|s)\)").unwrap();
    each.replace_all(&text, "(1 ms)").into_owned()
}

fn is_performed(name: &str) {
    let page = fs::read_to_string(root().join(name)).unwrap();
    let mut outdated = Vec::new();
    let as_it_is = |text: &str| text.to_owned();
    let stage = Stage { before: &as_it_is, after: &as_it_is };
    hold(name, &performed(&page, &stage), &mut outdated);
    assert_fresh(&outdated);
}

#[test]
fn what_writing_rules_tells_is_what_happens() {
    is_performed("docs/writing-rules.md");
}

#[test]
fn what_feeds_tells_is_what_happens() {
    is_performed("docs/feeds.md");
}

#[test]
fn what_cloudflare_dns_tells_is_what_happens() {
    is_performed("docs/cloudflare-dns.md");
}

#[test]
fn what_testing_tells_is_what_happens_and_all_there_is() {
    is_performed("docs/testing.md");
    let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
    let book = riposte::rules::book();
    let functions: Vec<_> =
        book.iter().filter(|entry| entry.place == riposte::rules::Place::Test).collect();
    assert!(functions.len() > 30, "{}", functions.len());
    for entry in functions {
        assert!(page.contains(&format!("t.{}(", entry.name)), "the page lacks `t.{}`", entry.name);
    }
}
