//! Zone files in BIND's form (RFC 1035): what `riposte cf dns import` reads.
//!
//! In: the text, the zone's name. Out: its records as Cloudflare takes them, and what was left out
//! with the reason; or all faults with their lines. `$INCLUDE` and `$GENERATE` are faults: nothing is
//! left out that a person would miss.

use crate::cloudflare::dns::{self, NewRecord};
use crate::event::text;

/// How Cloudflare's export marks what goes through it.
const PROXIED: &str = "cf-proxied:";

/// Seconds that a record's TTL can have, but on Enterprise.
const TTL: (u64, u64) = (60, 86_400);

/// What a file holds.
#[derive(Debug, Default)]
pub struct Zone {
    /// Its records.
    pub records: Vec<FileRecord>,
    /// What was left out or read otherwise, and why.
    pub notes: Vec<String>,
}

/// A record, and what the file says of it itself.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRecord {
    /// The record.
    pub new: NewRecord,
    /// The file names its TTL.
    pub ttl: bool,
    /// The file says whether it is proxied.
    pub proxied: bool,
}

/// An entry: a line, or several between brackets.
#[derive(Debug, Default)]
struct Entry {
    line: usize,
    /// It begins with a name, not with a blank.
    named: bool,
    words: Vec<String>,
    comment: String,
}

/// Where the reader stands.
struct Place {
    zone: String,
    origin: String,
    owner: Option<String>,
    ttl: Option<u64>,
}

/// Reads a file; `proxied` counts where the file says nothing.
pub fn read(text: &str, zone: &str, proxied: bool) -> Result<Zone, Vec<String>> {
    let zone = zone.to_ascii_lowercase();
    let mut place = Place { origin: zone.clone(), zone, owner: None, ttl: None };
    let (mut read, mut faults) = (Zone::default(), Vec::new());
    match entries(text) {
        Err(fault) => faults.push(fault),
        Ok(entries) => {
            for entry in entries {
                if let Err(fault) = place.take(&entry, proxied, &mut read) {
                    faults.push(format!("line {}: {fault}", entry.line));
                }
            }
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(faults) }
}

impl Place {
    fn take(&mut self, entry: &Entry, proxied: bool, read: &mut Zone) -> Result<(), String> {
        let mut words = entry.words.iter().map(String::as_str).peekable();
        match entry.words.first().map(String::as_str) {
            None => return Ok(()),
            Some("$ORIGIN") => {
                let name = entry.words.get(1).ok_or("`$ORIGIN` names nothing")?;
                self.origin = self.absolute(name);
                return Ok(());
            }
            Some("$TTL") => {
                let ttl = entry.words.get(1).and_then(|word| seconds(word));
                self.ttl = Some(ttl.ok_or("`$TTL` names no time")?);
                return Ok(());
            }
            Some(word) if word.starts_with('$') => {
                let word = word.escape_debug();
                return Err(format!("`{word}` isn't read\nhint: write out what it stands for"));
            }
            Some(_) => {}
        }
        if entry.named {
            self.owner = words.next().map(|name| self.absolute(name));
        }
        let name = self.owner.clone().ok_or("the first record has no name")?;
        let mut ttl = self.ttl;
        // Class and TTL come in either order.
        for _ in 0..2 {
            match words.peek() {
                Some(word) if word.eq_ignore_ascii_case("IN") => _ = words.next(),
                Some(word) if seconds(word).is_some() => {
                    ttl = seconds(word);
                    words.next();
                }
                _ => {}
            }
        }
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("there is no type\nhint: like `www 3600 IN A 192.0.2.1`".to_owned());
        }
        let data: Vec<&str> = words.collect();
        if data.is_empty() {
            return Err(format!("the {kind} record `{}` leads nowhere", name.escape_debug()));
        }
        if name != self.zone && !name.ends_with(&format!(".{}", self.zone)) {
            return Err(format!("`{}` is not in `{}`", name.escape_debug(), self.zone));
        }
        if kind == "SOA" || (kind == "NS" && name == self.zone) {
            read.notes.push(format!("{kind} {name}: left out, it is Cloudflare's own there"));
            return Ok(());
        }
        read.records.push(self.record(
            (&kind, &name),
            &data,
            ttl,
            entry,
            proxied,
            &mut read.notes,
        )?);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a TTL is a day at most")]
    fn record(
        &self,
        (kind, name): (&str, &str),
        data: &[&str],
        ttl: Option<u64>,
        entry: &Entry,
        proxied: bool,
        notes: &mut Vec<String>,
    ) -> Result<FileRecord, String> {
        let content = dns::read_content(kind, &self.content(kind, data))?;
        if kind == "MX" && content.priority.is_none() {
            return Err("the MX record has no priority\nhint: like `10 mail`".to_owned());
        }
        let said =
            entry.comment.split_once(PROXIED).map(|(_, word)| word.trim().starts_with("true"));
        let proxiable = matches!(kind, "A" | "AAAA" | "CNAME");
        let proxied = said.unwrap_or(proxied) && proxiable;
        // Cloudflare's export writes 1 for automatic.
        let kept = ttl.filter(|ttl| *ttl != 1 && !proxied);
        let kept = kept.map(|ttl| ttl.clamp(TTL.0, TTL.1));
        if kept.is_some() && kept != ttl {
            let (ttl, kept) = (ttl.unwrap_or(1), kept.unwrap_or(1));
            notes.push(format!("{kind} {name}: its TTL of {ttl} s becomes {kept} s"));
        }
        let new = NewRecord {
            ttl: kept.map_or(1.0, |ttl| ttl as f64),
            proxied: proxiable.then_some(proxied),
            priority: content.priority.map(f64::from),
            data: content.data,
            ..NewRecord::new(kind, name, &content.text)
        };
        Ok(FileRecord { new, ttl: ttl.is_some(), proxied: said.is_some() && proxiable })
    }

    /// The content, its names whole.
    fn content(&self, kind: &str, data: &[&str]) -> String {
        let target = match kind {
            "CNAME" | "NS" | "PTR" => Some(0),
            "MX" => Some(1),
            "SRV" => Some(3),
            _ => None,
        };
        let mut words: Vec<String> = data.iter().map(|word| (*word).to_owned()).collect();
        if let Some(name) = target.and_then(|place| words.get_mut(place))
            && *name != "."
        {
            *name = self.absolute(name);
        }
        // Pieces of a text are one text.
        words.join(if kind == "TXT" { "" } else { " " })
    }

    /// A name as it is meant: one without a final dot stands below the origin.
    fn absolute(&self, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        match lower.strip_suffix('.') {
            Some(whole) => whole.to_owned(),
            None if lower == "@" => self.origin.clone(),
            None => format!("{lower}.{}", self.origin),
        }
    }
}

/// Seconds, also as `1h30m`, `2d`, `1w`.
fn seconds(word: &str) -> Option<u64> {
    if !word.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (mut all, mut number, mut open) = (0_u64, 0_u64, false);
    for letter in word.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
            open = true;
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        all = all.checked_add(number.checked_mul(unit)?)?;
        (number, open) = (0, false);
    }
    if open { all.checked_add(number) } else { Some(all) }
}

/// Cuts a text into entries: comments, quotes and brackets.
fn entries(text: &str) -> Result<Vec<Entry>, String> {
    let mut all = Vec::new();
    let (mut entry, mut depth) = (Entry::default(), 0_usize);
    for (place, line) in text.lines().enumerate() {
        if depth == 0 {
            let named = !line.starts_with([' ', '\t']);
            entry = Entry { line: place + 1, named, ..Entry::default() };
        }
        cut(line, &mut entry, &mut depth)
            .map_err(|fault| format!("line {}: {fault}", place + 1))?;
        if depth == 0 {
            all.push(std::mem::take(&mut entry));
        }
    }
    if depth > 0 {
        return Err(format!("line {}: the bracket `(` is never closed", entry.line));
    }
    Ok(all)
}

/// The ASCII letter that three digits stand for.
fn octet(first: char, letters: &mut std::str::Chars<'_>) -> Result<char, String> {
    let digits: String = std::iter::once(first).chain(letters.by_ref().take(2)).collect();
    let byte = digits.parse::<u8>().ok().filter(|byte| digits.len() == 3 && byte.is_ascii());
    byte.map(char::from).ok_or_else(|| {
        format!("`\\{digits}` isn't read: write the letter itself, or an octet up to `\\127`")
    })
}

fn cut(line: &str, entry: &mut Entry, depth: &mut usize) -> Result<(), String> {
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let next = letters.next().ok_or("the line ends with `\\`")?;
                // `\DDD` is an octet (RFC 1035, 5.1); texts are read as UTF-8, so others would be
                // taken for something that they aren't.
                let next = if next.is_ascii_digit() { octet(next, &mut letters)? } else { next };
                word.get_or_insert_default().push(next);
            }
            '"' if quoted => {
                quoted = false;
                entry.words.extend(word.take());
            }
            '"' => {
                entry.words.extend(word.take());
                quoted = true;
                word = Some(String::new());
            }
            letter if quoted => word.get_or_insert_default().push(letter),
            ';' => {
                entry.comment.push_str(letters.as_str());
                break;
            }
            '(' | ')' => {
                entry.words.extend(word.take());
                let next = if letter == '(' { depth.checked_add(1) } else { depth.checked_sub(1) };
                *depth = next.ok_or("the bracket `)` closes nothing")?;
            }
            letter if letter.is_whitespace() => entry.words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    if quoted {
        return Err("the quote is never closed".to_owned());
    }
    entry.words.extend(word);
    Ok(())
}

/// Faults as a message.
pub fn told(path: &str, faults: &[String]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| {
            let lines: Vec<_> = fault.lines().map(text::escape).collect();
            format!("`{path}`, {}", lines.join("\n"))
        })
        .collect();
    lines.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
$TTL 1h
@       IN SOA ns1.example.net. admin.example.com. (
            2026112701 ; serial
            7200 3600 1209600 3600 )
        IN NS  ns1.example.net.
        MX     10 mail
@       300 IN TXT ("v=spf1 include:_spf.example.net"
            " -all")          ; two pieces
www     IN 2d CNAME @
shop.example.com. 1 IN A 192.0.2.8 ; cf_tags=cf-proxied:true
_sip._tcp SRV 10 5 5060 sip.example.net.
@       CAA 0 issue "ca.example; account=7"
$ORIGIN sub
a       5 A 192.0.2.9
"#;

    #[test]
    fn octets_by_number_are_letters_or_faults() {
        let read = |text: &str| read(text, "example.com", false);
        let zone = read("@ TXT \"a\\059b\"\n").unwrap();
        assert_eq!(zone.records[0].new.content, "a;b");
        for text in ["@ TXT \"caf\\195\\169\"\n", "@ TXT \"a\\05\"\n", "@ TXT \"a\\999\"\n"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_is_read_as_bind_reads_it() {
        let zone = read(FILE, "example.com", false).unwrap();
        let lines: Vec<String> =
            zone.records.iter().map(|record| super::super::made_line(&record.new)).collect();
        assert_eq!(
            lines,
            [
                "MX example.com 10 mail.example.com",
                "TXT example.com v=spf1 include:_spf.example.net -all",
                "CNAME www.example.com example.com",
                "A shop.example.com 192.0.2.8",
                "SRV _sip._tcp.example.com {\"port\":5060,\"priority\":10,\"target\":\"sip.example.net\",\"weight\":5}",
                "CAA example.com {\"flags\":0,\"tag\":\"issue\",\"value\":\"ca.example; account=7\"}",
                "A a.sub.example.com 192.0.2.9",
            ]
        );
        let ttls: Vec<f64> = zone.records.iter().map(|record| record.new.ttl).collect();
        assert_eq!(ttls, [3_600.0, 300.0, 86_400.0, 1.0, 3_600.0, 3_600.0, 60.0]);
        assert_eq!(zone.records[3].new.proxied, Some(true));
        assert_eq!(zone.notes.len(), 4, "{:?}", zone.notes);
    }

    #[test]
    fn faults_are_told_with_their_lines() {
        for (text, fault) in [
            ("www A 192.0.2.1\nwww TXT \"open", "line 2: the quote is never closed"),
            ("a A (192.0.2.1", "line 1: the bracket `(` is never closed"),
            ("a A 192.0.2.1)", "line 1: the bracket `)` closes nothing"),
            ("$INCLUDE other.zone", "line 1: `$INCLUDE` isn't read"),
            (" A 192.0.2.1", "line 1: the first record has no name"),
            ("a IN", "line 1: there is no type"),
            ("a A", "line 1: the A record `a.example.com` leads nowhere"),
            ("a.example.net. A 192.0.2.1", "line 1: `a.example.net` is not in `example.com`"),
            ("@ MX mail", "line 1: the MX record has no priority"),
            ("@ SRV 1 2 3", "line 1: `1 2 3` is no content of SRV"),
        ] {
            let faults = read(text, "example.com", false).unwrap_err();
            assert!(faults[0].starts_with(fault), "{text}: {faults:?}");
        }
    }
}
