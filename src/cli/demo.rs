//! `riposte demo`: the whole of it at work in a temporary folder, with nothing to set up.
//!
//! Visitors and attackers write into a log there; the daemon follows it with the shipped rules and
//! puts its blocks into a file there. No root, no network, no config.

use super::args::DemoArgs;
use super::output::{Output, Style};
use super::{End, Usage};
use crate::clock::{self, format_duration, parse_duration};
use crate::config::{self, SourceConfig};
use crate::event::text;
use crate::pipeline::live::Live;
use crate::pipeline::sample::SampleLogs;
use crate::store::{self, Entry, JournalQuery, Reader};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Removes the demo's folder when it ends, however it ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let name = format!("riposte-demo-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)
            .map_err(|error| Usage::of(format!("failed to make `{}`: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it: it is in the folder for temporary files.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Runs the demo.
pub fn demo(args: &DemoArgs, out: &mut Output) -> anyhow::Result<End> {
    let length = parse_duration(&args.for_).map_err(Usage::of)?;
    let folder = Folder::make()?;
    let log = folder.0.join("access.log");
    let blocked = folder.0.join("blocked.txt");
    std::fs::write(&log, "")?;
    let head = out.styled(Style::Bold, "riposte demo");
    out.line(format!("{head}: visitors and attackers write to {}", log.display()))?;
    out.line("riposte follows it with the rules that it ships, and keeps its blocks in a file\n")?;
    let config = demo_config(&folder.0, &log, &blocked)?;
    let (live, found) = Live::start(&config, false).map_err(Usage::of)?;
    for finding in &found.findings {
        out.line(format!("{}: {}", finding.file, finding.message))?;
    }
    let reader = store::open_read_only(&folder.0.join("state")).map_err(Usage::of)?;
    let shown = show_while_writing(&log, length, &reader, out);
    live.stop();
    let (decisions, first) = shown?;
    let file = std::fs::read_to_string(&blocked).unwrap_or_default();
    let entries = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
    out.line(format!(
        "\n{decisions} decisions; {entries} addresses stood in {}",
        blocked.display()
    ))?;
    if let Some(target) = first {
        let told = format!(
            "On a real machine `riposte why {target}` shows all of this again, with the log lines."
        );
        let told = out.styled(Style::Dim, told);
        out.line(told)?;
    }
    let next = out.styled(
        Style::Dim,
        "Next: `riposte init` looks at this machine and writes a config for it.",
    );
    out.line(next)?;
    Ok(if decisions > 0 { End::Well } else { End::Finding })
}

/// What a user would write for such a folder.
fn demo_config(folder: &Path, log: &Path, blocked: &Path) -> anyhow::Result<config::Config> {
    let toml = format!(
        "state_dir = '{}'\n[guard]\nfirst_days = \"0s\"\n[[actions.files]]\nname = \"blocked\"\nformat = \"plain\"\npath = '{}'\n",
        folder.join("state").display(),
        blocked.display()
    );
    let mut config = config::parse(&toml).map_err(|faults| {
        anyhow::anyhow!(
            "{}",
            faults.iter().map(|fault| fault.message.as_str()).collect::<Vec<_>>().join("; ")
        )
    })?;
    config.sources.push(SourceConfig::files("demo", vec![log.display().to_string()], "nginx"));
    Ok(config)
}

/// Writes the log line by line, as a web server would, and shows what the journal gets.
fn show_while_writing(
    log: &Path,
    length: Duration,
    reader: &Reader,
    out: &mut Output,
) -> anyhow::Result<(usize, Option<String>)> {
    let mut samples = SampleLogs::new(fastrand::u64(..));
    let mut file = std::fs::OpenOptions::new().append(true).open(log)?;
    let started = Instant::now();
    let (mut seen, mut decisions, mut first) = (0, 0, None);
    let mut line = String::new();
    let mut round = 0_u64;
    while started.elapsed() < length {
        line.clear();
        let now = clock::now();
        samples.visitor(now, &mut line);
        match round % 16 {
            3 | 9 => samples.probe("203.0.113.66", now, &mut line),
            1 | 5 | 7 | 11 | 13 => samples.login_guess("198.51.100.23", now, &mut line),
            6 | 14 => samples.probe("2001:db8:bad:1::7", now, &mut line),
            _ => {}
        }
        round += 1;
        file.write_all(line.as_bytes())?;
        std::thread::sleep(Duration::from_millis(60));
        let query = JournalQuery { after: Some(seen), limit: 100, ..JournalQuery::default() };
        for row in reader.journal(&query)? {
            seen = seen.max(row.n);
            if let Entry::Decision { row, .. } = &row.entry {
                decisions += 1;
                first.get_or_insert_with(|| row.decision.target.to_string());
            }
            show(&row.entry, out)?;
        }
        out.flush()?;
    }
    Ok((decisions, first))
}

/// A row of the journal, for a person who watches.
fn show(entry: &Entry, out: &mut Output) -> anyhow::Result<()> {
    match entry {
        Entry::Hit { hit, .. } => {
            let rule = out.styled(Style::Bold, &*hit.rule);
            out.line(format!(
                "hit       {rule} by {} (count {})",
                text::escape(&hit.key),
                hit.count
            ))?;
            let last = hit.evidence.last().filter(|last| !last.record.is_empty());
            if let Some(last) = last {
                let line = text::escape_cut(last.record.as_bytes(), 110);
                let line = out.styled(Style::Dim, format!("          {line}"));
                out.line(line)?;
            }
        }
        Entry::Decision { row, .. } => {
            let decision = &row.decision;
            let what = format!("{} {}", decision.remedy.name(), decision.target);
            let what = out.styled(Style::Red, what);
            let long = decision.duration().map_or("for ever".to_owned(), |duration| {
                format!("for {}", format_duration(duration))
            });
            let reason = text::escape(&decision.reason);
            let guard = row.verdict.words();
            out.line(format!("decision  {what} {long}: {reason} (guard: {guard})"))?;
        }
        Entry::Outcome { destination, .. } => out.line(format!("applied   at `{destination}`"))?,
        _ => {}
    }
    Ok(())
}
