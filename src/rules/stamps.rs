//! Moves the time stamp in a log line on, for `t.repeat`: access logs, nginx's error log, ISO 8601,
//! syslog and seconds (or milliseconds) since the epoch. Pure.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use regex::{Captures, Regex};
use std::sync::LazyLock;
use std::time::Duration;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Patterns of stamps, the most telling first; the groups are named by what they hold.
static STAMPS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"(?<day>\d\d)/(?<name>[A-Z][a-z]{2})/(?<year>\d{4}):(?<h>\d\d):(?<m>\d\d):(?<s>\d\d)",
        r"\b(?<year>\d{4})/(?<month>\d\d)/(?<day>\d\d) (?<h>\d\d):(?<m>\d\d):(?<s>\d\d)",
        r"\b(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)(?<t>[T ])(?<h>\d\d):(?<m>\d\d):(?<s>\d\d)(?<fraction>\.\d{1,9})?",
        r"\b(?<name>[A-Z][a-z]{2}) (?<day>[ \d]?\d) (?<h>\d\d):(?<m>\d\d):(?<s>\d\d)",
        r"\b(?<epoch>1\d{9})(?<fraction>\.\d{1,9})?\b",
        r"\b(?<millis>1\d{12})\b",
    ]
    .into_iter()
    .filter_map(|pattern| Regex::new(pattern).ok())
    .collect()
});

/// The line `count` times, its stamp moved on by `every` each time. The error says that there is
/// none to move.
pub(super) fn repeat(line: &str, count: usize, every: Duration) -> Result<Vec<String>, String> {
    if count <= 1 || every.is_zero() {
        return Ok(vec![line.to_owned(); count]);
    }
    let stamp = STAMPS.iter().find(|stamp| {
        stamp.captures(line).is_some_and(|groups| moved(&groups, Duration::ZERO).is_some())
    });
    let Some(stamp) = stamp else {
        return Err("`repeat` finds no time stamp in the line that it could move on".to_owned());
    };
    let lines = (0..count).map(|place| {
        let by = every.saturating_mul(u32::try_from(place).unwrap_or(u32::MAX));
        stamp
            .replace(line, |groups: &Captures<'_>| {
                let same = || groups.get(0).map_or_else(String::new, |all| all.as_str().to_owned());
                moved(groups, by).unwrap_or_else(same)
            })
            .into_owned()
    });
    Ok(lines.collect())
}

/// The stamp that lies `by` after the one found; `None` where it is none (a month 13).
fn moved(groups: &Captures<'_>, by: Duration) -> Option<String> {
    let text = |name: &str| groups.name(name).map(|group| group.as_str());
    if let Some(millis) = text("millis") {
        let millis = millis.parse::<u128>().ok()?.checked_add(by.as_millis())?;
        return Some(millis.to_string());
    }
    let fraction = text("fraction").unwrap_or("");
    if let Some(epoch) = text("epoch") {
        let (secs, fraction) = add_fraction(epoch.parse().ok()?, fraction, by)?;
        return Some(format!("{secs}{fraction}"));
    }
    let number = |name: &str| text(name)?.trim().parse::<i16>().ok();
    let month = match text("name") {
        Some(name) => i8::try_from(MONTHS.iter().position(|month| *month == name)? + 1).ok()?,
        None => i8::try_from(number("month")?).ok()?,
    };
    // Syslog says no year; a leap year has every day.
    let year = number("year").unwrap_or(2028);
    let part = |name: &str| i8::try_from(number(name)?).ok();
    let start =
        DateTime::new(year, month, part("day")?, part("h")?, part("m")?, part("s")?, 0).ok()?;
    let (secs, fraction) = add_fraction(0, fraction, by)?;
    let at = start.checked_add(SignedDuration::from_secs(i64::try_from(secs).ok()?)).ok()?;
    let name = MONTHS.get(usize::try_from(at.month()).ok()?.checked_sub(1)?)?;
    let (year, month, day) = (at.year(), at.month(), at.day());
    let clock = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    Some(match (text("name"), text("year"), text("t")) {
        (Some(_), Some(_), _) => format!("{day:02}/{name}/{year:04}:{clock}"),
        (Some(_), None, _) => format!("{name} {day:>2} {clock}"),
        (None, _, Some(between)) => {
            format!("{year:04}-{month:02}-{day:02}{between}{clock}{fraction}")
        }
        (None, _, None) => format!("{year:04}/{month:02}/{day:02} {clock}"),
    })
}

/// Seconds and their written fraction plus a duration; a stamp without a fraction stays without.
fn add_fraction(secs: u64, fraction: &str, by: Duration) -> Option<(u64, String)> {
    let digits = fraction.trim_start_matches('.');
    if digits.is_empty() {
        return Some((secs.checked_add(by.as_secs())?, String::new()));
    }
    let width = digits.len();
    let scale = 10_u64.checked_pow(u32::try_from(9_usize.checked_sub(width)?).ok()?)?;
    let nanos = digits
        .parse::<u64>()
        .ok()?
        .checked_mul(scale)?
        .checked_add(u64::from(by.subsec_nanos()))?;
    let secs = secs.checked_add(by.as_secs())?.checked_add(nanos / 1_000_000_000)?;
    Some((secs, format!(".{:0width$}", (nanos % 1_000_000_000) / scale)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn third(line: &str, every: Duration) -> String {
        repeat(line, 3, every).unwrap()[2].clone()
    }

    #[test]
    fn stamps_of_every_format_move_on() {
        let ten = Duration::from_secs(10);
        for (line, moved) in [
            (
                r#"1.2.3.4 - - [31/Dec/2026:23:59:50 +0000] "GET / HTTP/1.1""#,
                r#"1.2.3.4 - - [01/Jan/2027:00:00:10 +0000] "GET / HTTP/1.1""#,
            ),
            ("2026/10/10 13:55:36 [error] 7#7: *1 x", "2026/10/10 13:55:56 [error] 7#7: *1 x"),
            (
                "2026-10-10T13:55:36.250+02:00 host sshd[1]: x",
                "2026-10-10T13:55:56.250+02:00 host sshd[1]: x",
            ),
            ("2026-10-10 13:55:59 x", "2026-10-10 13:56:19 x"),
            ("Oct  9 23:59:55 host sshd[1]: x", "Oct 10 00:00:15 host sshd[1]: x"),
            (r#"{"ts":1760104536.75,"a":1}"#, r#"{"ts":1760104556.75,"a":1}"#),
            ("t=1760104536123", "t=1760104556123"),
        ] {
            assert_eq!(third(line, ten), moved);
        }
        assert_eq!(
            third(r#"{"ts":1760104536.75}"#, Duration::from_millis(500)),
            r#"{"ts":1760104537.75}"#
        );
        assert_eq!(third("Oct  9 23:59:55 x", Duration::from_millis(400)), "Oct  9 23:59:55 x");
        assert!(repeat("no stamp", 2, ten).is_err());
        assert_eq!(repeat("no stamp", 1, ten).unwrap(), ["no stamp"]);
    }
}
