//! `riposte cf dns import`: a zone file against what is there, as one batch.

use super::plan::{Change, clash};
use super::zone_text::{self, FileRecord, Zone as ZoneText};
use super::{carry_out, failed};
use crate::cli::cf::confirm::Consent;
use crate::cli::cf::{Session, show};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::dns::{self, NewRecord, Patch, Record, same_content};
use crate::cloudflare::settings;
use crate::event::text;
use crate::limits::CLOUDFLARE_FILE_BYTES_MAX;
use clap::{Args, ValueHint};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// `riposte cf dns import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The zone's name, or its id
    zone: String,
    /// A zone file in BIND's form, as `export` and other providers write it
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Let clients of A, AAAA and CNAME records go through Cloudflare, where the file doesn't say
    #[arg(long)]
    proxied: bool,
    /// Remove other records of the file's names that are of the same types, or can't stand beside
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    consent: Consent,
}

/// Imports a file.
pub fn run(session: &Session, args: &ImportArgs, out: &mut Output) -> anyhow::Result<End> {
    let zone = show::zone(session, &args.zone)?;
    let text = read(&args.file)?;
    let shown = text::escape(&args.file.display().to_string()).into_owned();
    let file = zone_text::read(&text, &zone.name, args.proxied)
        .map_err(|faults| Usage::of(zone_text::told(&shown, &faults)))?;
    if !session.json {
        for note in &file.notes {
            out.line(text::escape(note))?;
        }
    }
    let planned = || {
        let present = dns::all(&session.client, &zone.id).map_err(|error| failed(&error))?;
        plan(&present, &file, args.replace).map_err(Usage::of)
    };
    carry_out(session, &zone, args.consent, &planned, out)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let shown = text::escape(&path.display().to_string()).into_owned();
    let fail = |reason: String| Usage::of(format!("failed to read `{shown}`: {reason}"));
    let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
    let mut text = String::new();
    let mut file = file.take(CLOUDFLARE_FILE_BYTES_MAX + 1);
    file.read_to_string(&mut text).map_err(|error| fail(error.to_string()))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > CLOUDFLARE_FILE_BYTES_MAX) {
        return Err(fail(format!("it is longer than {CLOUDFLARE_FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// What has to change. What the file doesn't name stays.
fn plan(present: &[Record], file: &ZoneText, replace: bool) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    // Records that are there and that the file has.
    let mut held: Vec<&str> = Vec::new();
    let mut made: Vec<&NewRecord> = Vec::new();
    for record in &file.records {
        let known = present.iter().find(|known| is_same(&record.new, known));
        if let Some(known) = known {
            held.push(&known.id);
            changes.extend(altered(record, known));
        } else if !made.contains(&&record.new) {
            made.push(&record.new);
        }
    }
    for known in present.iter().filter(|known| !held.contains(&known.id.as_str())) {
        let of_name = |record: &&FileRecord| record.new.name.eq_ignore_ascii_case(&known.name);
        let mut same_name = file.records.iter().filter(of_name);
        let clashing = same_name.clone().find(|record| clash(&record.new.kind, &known.kind));
        if replace && (clashing.is_some() || same_name.any(|record| record.new.kind == known.kind))
        {
            changes.push(Change::Remove(known.clone()));
        } else if let Some(record) = clashing {
            return Err(format!(
                "`{}` has the record `{}`, which can't stand beside a {}\nhint: `--replace` removes it in the same batch",
                known.name,
                super::line(known),
                record.new.kind
            ));
        }
    }
    changes.extend(made.into_iter().cloned().map(Change::Make));
    Ok(changes)
}

/// Whether a record that is there is the file's, but for TTL and proxy.
fn is_same(wanted: &NewRecord, known: &Record) -> bool {
    wanted.kind == known.kind
        && wanted.name.eq_ignore_ascii_case(&known.name)
        && match (&wanted.data, &known.data) {
            (Some(wanted), Some(known)) => settings::same(known, wanted),
            (Some(_), None) => false,
            (None, _) => same_content(&wanted.kind, &wanted.content, &known.content),
        }
        && wanted
            .priority
            .is_none_or(|wanted| known.priority.is_some_and(|known| (known - wanted).abs() < 0.5))
}

/// What the file says otherwise of a record that is there.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a day at most"
)]
fn altered(wanted: &FileRecord, known: &Record) -> Option<Change> {
    let proxied = wanted.new.proxied.filter(|new| wanted.proxied && known.proxied != Some(*new));
    let stays_proxied = known.proxied == Some(true) && proxied.is_none();
    let ttl = wanted.new.ttl as u64;
    let patch = Patch {
        // What is proxied has no TTL of its own.
        ttl: (wanted.ttl && !stays_proxied && !dns::same_ttl(ttl, known.ttl)).then_some(ttl),
        proxied,
        ..Patch::default()
    };
    (patch != Patch::default()).then(|| Change::Alter(known.clone(), patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, kind: &str, name: &str, content: &str) -> Record {
        let json = serde_json::json!({
            "id": id, "type": kind, "name": name, "content": content, "proxied": false, "ttl": 1,
        });
        serde_json::from_value(json).unwrap()
    }

    fn shown(present: &[Record], text: &str, replace: bool) -> Vec<String> {
        let file = zone_text::read(text, "example.com", false).unwrap();
        match plan(present, &file, replace) {
            Ok(changes) => changes.iter().map(Change::shown).collect(),
            Err(reason) => vec![format!("! {}", reason.lines().next().unwrap())],
        }
    }

    #[test]
    fn a_file_adds_and_with_replace_stands_for_its_names() {
        let present = [
            record("1", "A", "www.example.com", "192.0.2.1"),
            record("2", "A", "www.example.com", "192.0.2.2"),
            record("3", "TXT", "www.example.com", "\"kept\""),
            record("4", "A", "other.example.com", "192.0.2.1"),
        ];
        let text = "www A 192.0.2.2\nwww A 192.0.2.3\nwww A 192.0.2.3\n";
        assert_eq!(shown(&present, text, false), ["+ A www.example.com 192.0.2.3 (ttl auto)"]);
        assert_eq!(
            shown(&present, text, true),
            ["- A www.example.com 192.0.2.1", "+ A www.example.com 192.0.2.3 (ttl auto)"]
        );
        assert!(shown(&present, "www TXT kept", true).is_empty());
        let alias = "www CNAME b.example.net.";
        assert!(shown(&present, alias, false)[0].contains("can't stand beside a CNAME"));
        assert_eq!(shown(&present, alias, true).len(), 3);
    }

    #[test]
    fn only_what_the_file_says_changes_a_record_that_is_there() {
        let mut present = [record("1", "A", "www.example.com", "192.0.2.1")];
        assert!(shown(&present, "www A 192.0.2.1", false).is_empty());
        assert_eq!(
            shown(&present, "www 300 A 192.0.2.1", false),
            ["~ A www.example.com 192.0.2.1, ttl auto -> 300"]
        );
        assert_eq!(
            shown(&present, "www 1 A 192.0.2.1 ; cf_tags=cf-proxied:true", false),
            ["~ A www.example.com 192.0.2.1, proxied"]
        );
        present[0].proxied = Some(true);
        assert!(shown(&present, "www 300 A 192.0.2.1", false).is_empty());
    }
}
