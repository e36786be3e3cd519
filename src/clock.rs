//! Time: the one door to the wall clock, the time stamp that everything carries, and durations as
//! people write them (`5m`, `1h30m`, `30d`).
//!
//! Windows, rules and decisions take the time as a value; only sources (arrival), the expiry wheel
//! and executors ask the clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::{self, Write as _};
use std::time::Duration;

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates: no log line can overflow it. Serialised as RFC 3339 (in UTC, up to
/// microseconds) where people read it, as an integer in binary formats.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The current wall-clock time. The only place that reads it.
#[expect(clippy::disallowed_methods, reason = "this is the door that the ban points to")]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

impl Timestamp {
    /// The start of the Unix epoch; what a thing without a time carries.
    pub const EPOCH: Self = Self(0);
    /// Later than any event.
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment plus `duration`, saturating.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This moment minus `duration`, saturating.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads an RFC 3339 time stamp (`2026-11-24T10:00:00Z`, any offset, any fraction).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Some(Self(stamp.as_microsecond()))
    }

    /// This moment as jiff knows it; moments outside its range (years -9999 to 9999) are clamped.
    pub fn to_jiff(self) -> jiff::Timestamp {
        let fallback = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(fallback)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, with as many fraction digits as needed.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse_rfc3339(&text).ok_or_else(|| {
                serde::de::Error::custom(format!("`{text}` is not an RFC 3339 time"))
            })
        } else {
            Ok(Self(i64::deserialize(deserializer)?))
        }
    }
}

/// A moment that doesn't parse; the text says why and how one is written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is not a moment\nhint: a date (`2026-11-26`), a time (`2026-11-26T13:00:00Z`, `2026-11-26 13:00` where you are), or how long ago (`7d`)"
)]
pub struct MomentError {
    text: String,
}

/// Reads a moment: how long before `now` (`7d`, `1h30m`), an RFC 3339 time, or a date with or
/// without a time in the machine's zone.
pub fn parse_moment(text: &str, now: Timestamp) -> Result<Timestamp, MomentError> {
    let text = text.trim();
    if let Ok(ago) = parse_duration(text) {
        return Ok(now.minus(ago));
    }
    if let Some(moment) = Timestamp::parse_rfc3339(text) {
        return Ok(moment);
    }
    let fail = || MomentError { text: shown(text) };
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| fail())?;
    let zone = jiff::tz::TimeZone::try_system().unwrap_or(jiff::tz::TimeZone::UTC);
    let moment = zone.to_timestamp(civil).map_err(|_| fail())?;
    Ok(Timestamp(moment.as_microsecond()))
}

/// What somebody typed, without what must not reach a terminal.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}

/// A duration that doesn't parse; the text says why and how one is written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is not a duration\nhint: write a number and a unit, as in `30s`, `5m`, `1h30m`, `7d` (units: ms, s, m, h, d, w)"
)]
pub struct DurationError {
    text: String,
}

/// Reads a duration: one or more numbers with a unit, `ms`, `s`, `m`, `h`, `d` or `w`
/// (`1h30m`, `90s`, `1.5h`; spaces are allowed between the parts).
///
/// Zero is allowed; more than 100 years is not, so sums can't overflow.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = || DurationError { text: text.to_owned() };
    let mut total = 0.0_f64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(fail());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fail)?;
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| fail())?;
        let scale = match unit {
            "ms" => 0.001,
            "s" | "sec" | "secs" => 1.0,
            "m" | "min" | "mins" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return Err(fail()),
        };
        total += number * scale;
        rest = tail.trim_start();
    }
    let hundred_years = 100.0 * 366.0 * 86_400.0;
    if total > hundred_years {
        return Err(fail());
    }
    Duration::try_from_secs_f64(total).map_err(|_| fail())
}

/// Writes a duration as [`parse_duration`] reads it, with at most two units (`1h30m`, `30d`).
pub fn format_duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    if secs == 0 {
        return match duration.as_millis() {
            0 => "0s".to_owned(),
            millis => format!("{millis}ms"),
        };
    }
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut parts = String::new();
    let mut rest = secs;
    let mut used = 0;
    for (size, name) in units {
        let count = rest / size;
        rest %= size;
        if count > 0 && used < 2 {
            write!(parts, "{count}{name}").ok();
            used += 1;
        } else if used > 0 {
            break;
        }
    }
    parts
}

/// Serde for durations written as text in config files: `#[serde(with = "clock::duration_text")]`.
pub mod duration_text {
    use super::{Duration, format_duration, parse_duration};
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `5m`.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }

    /// Reads `5m`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_many_ways() {
        let now = Timestamp::parse_rfc3339("2026-11-26T12:00:00Z").unwrap();
        let read = |text: &str| parse_moment(text, now).unwrap().to_string();
        assert_eq!(read("7d"), "2026-11-19T12:00:00Z");
        assert_eq!(read("2026-11-26T13:00:00+01:00"), "2026-11-26T12:00:00Z");
        let here = |text: &str| parse_moment(text, now).unwrap();
        let midnight = here("2026-11-26");
        assert_eq!(here("2026-11-26 13:00").since(midnight), Duration::from_hours(13));
        assert_eq!(here("2026-11-26T13:00:05").since(midnight).as_secs(), 46_805);
        let told = parse_moment("yester\u{1b}day", now).unwrap_err().to_string();
        assert!(told.starts_with("`yester\\u{1b}day` is not a moment"), "{told}");
    }

    #[test]
    fn durations_are_read_and_written_back() {
        for (text, secs) in
            [("30s", 30), ("5m", 300), ("1h30m", 5_400), ("7d", 604_800), ("2w", 1_209_600)]
        {
            assert_eq!(parse_duration(text).unwrap().as_secs(), secs, "{text}");
        }
        assert_eq!(parse_duration("1.5h").unwrap().as_secs(), 5_400);
        assert_eq!(format_duration(Duration::from_mins(90)), "1h30m");
        assert_eq!(format_duration(Duration::from_secs(86_401)), "1d");
        for bad in ["", "5", "m", "5x", "-5m", "1e9d", "200y", "1..5h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn time_stamps_read_offsets_and_saturate() {
        let stamp = Timestamp::parse_rfc3339("2026-11-24T12:00:00+02:00").unwrap();
        assert_eq!(stamp.to_string(), "2026-11-24T10:00:00Z");
        assert_eq!(Timestamp::MAX.plus(Duration::from_millis(1)), Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH.since(stamp), Duration::ZERO);
    }
}
