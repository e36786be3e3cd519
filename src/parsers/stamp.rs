//! Time stamps of logs into moments: with an offset (`10/Oct/2026:13:55:36 +0000`, RFC 3339),
//! without one (nginx's error log, HAProxy), and without even a year (syslog of RFC 3164).
//!
//! Pure: what a stamp leaves open is settled by the record's arrival and a [`Zone`], both given.

#[cfg(test)]
mod tests;

use super::scan;
use crate::clock::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A date and time as written, in a zone yet to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year, 1 to 9999.
    pub year: i16,
    /// Month, 1 to 12.
    pub month: i8,
    /// Day of the month, from 1.
    pub day: i8,
    /// Hour, 0 to 23.
    pub hour: i8,
    /// Minute, 0 to 59.
    pub minute: i8,
    /// Second, 0 to 60 (a leap second).
    pub second: i8,
    /// Microseconds, below a million.
    pub micros: i32,
}

impl Civil {
    /// The moment, when the clock was `offset_secs` ahead of UTC; `None` where no such day is.
    #[inline]
    pub fn at_offset(self, offset_secs: i64) -> Option<Timestamp> {
        if !self.exists() {
            return None;
        }
        let days = days_from_epoch(self.year, self.month, self.day);
        let secs = days * 86_400
            + i64::from(self.hour) * 3_600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
            - offset_secs;
        Some(Timestamp::from_micros(secs * 1_000_000 + i64::from(self.micros)))
    }

    fn exists(self) -> bool {
        (1..=9_999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && self.day >= 1
            && self.day <= days_in_month(self.year, self.month)
            && (0..=23).contains(&self.hour)
            && (0..=59).contains(&self.minute)
            && (0..=60).contains(&self.second)
    }
}

fn is_leap(year: i16) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in_month(year: i16, month: i8) -> i8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar: years are counted from March, so that the
/// leap day is the last of its year.
fn days_from_epoch(year: i16, month: i8, day: i8) -> i64 {
    let from_march = (i64::from(month) + 9) % 12;
    let year = i64::from(year) - i64::from(month <= 2);
    let day_of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

/// The zone of stamps without an offset.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The machine's own zone, UTC where it isn't known.
    pub fn system() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// The zone with that IANA name (`Europe/Berlin`, `UTC`).
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("utc") {
            return Some(Self::UTC);
        }
        TimeZone::get(name).ok().map(Self)
    }

    /// The moment of a civil time in this zone.
    ///
    /// A time that a clock change skipped is read with the offset before the change. A time that
    /// came twice is the one closer to the arrival, or the first where the arrival is more than
    /// a day away and says nothing.
    pub fn resolve(&self, civil: Civil, arrival: Timestamp) -> Option<Timestamp> {
        let Civil { year, month, day, hour, minute, second, .. } = civil;
        if !civil.exists() {
            return None;
        }
        let datetime = DateTime::new(year, month, day, hour, minute, second.min(59), 0).ok()?;
        let at = |offset: jiff::tz::Offset| civil.at_offset(i64::from(offset.seconds()));
        match self.0.to_ambiguous_timestamp(datetime).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset),
            AmbiguousOffset::Gap { before, .. } => at(before),
            AmbiguousOffset::Fold { before, after } => {
                let (first, second) = (at(before)?, at(after)?);
                let (to_first, to_second) = (distance(first, arrival), distance(second, arrival));
                let near = to_second < DAY_MICROS;
                Some(if near && to_second < to_first { second } else { first })
            }
        }
    }

    /// The moment of a civil time whose year is not written: the year that brings it closest to
    /// the arrival. 29 February takes the closest leap year.
    pub fn resolve_without_year(&self, civil: Civil, arrival: Timestamp) -> Option<Timestamp> {
        let current = self.0.to_datetime(arrival.to_jiff()).year();
        let leap_day = civil.month == 2 && civil.day == 29;
        // Leap years are at most eight years apart (1896 and 1904, 2096 and 2104).
        let reach = if leap_day { 8 } else { 1 };
        (current.saturating_sub(reach)..=current.saturating_add(reach))
            .filter_map(|year| self.resolve(Civil { year, ..civil }, arrival))
            .min_by_key(|moment| distance(*moment, arrival))
    }
}

const DAY_MICROS: i64 = 86_400_000_000;

fn distance(a: Timestamp, b: Timestamp) -> i64 {
    a.as_micros().saturating_sub(b.as_micros()).saturating_abs()
}

fn two(bytes: &[u8], at: usize) -> Option<i8> {
    let tens = bytes.get(at)?.wrapping_sub(b'0');
    let ones = bytes.get(at + 1)?.wrapping_sub(b'0');
    (tens <= 9 && ones <= 9).then(|| i8::try_from(tens * 10 + ones).ok())?
}

fn four(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from(two(bytes, at)?) * 100 + i16::from(two(bytes, at + 2)?))
}

fn month(name: &[u8]) -> Option<i8> {
    Some(match name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// Hour, minute, second, microseconds.
type Clock = (i8, i8, i8, i32);

/// `13:55:36` at the front, with its fraction if there is one, and what follows.
fn clock(bytes: &[u8]) -> Option<(Clock, &[u8])> {
    let time = (two(bytes, 0)?, two(bytes, 3)?, two(bytes, 6)?);
    if bytes.get(2) != Some(&b':') || bytes.get(5) != Some(&b':') {
        return None;
    }
    let (micros, rest) = fraction(bytes.get(8..)?);
    Some(((time.0, time.1, time.2, micros), rest))
}

/// `.123456` or `,123` at the front in microseconds (further digits are dropped), and the rest.
fn fraction(bytes: &[u8]) -> (i32, &[u8]) {
    let Some(digits) = bytes.strip_prefix(b".").or_else(|| bytes.strip_prefix(b",")) else {
        return (0, bytes);
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return (0, bytes);
    }
    let mut micros = 0;
    for place in 0..6 {
        let digit = digits.get(place).filter(|_| place < count).map_or(0, |byte| byte - b'0');
        micros = micros * 10 + i32::from(digit);
    }
    (micros, digits.get(count..).unwrap_or_default())
}

/// `Z`, `+02:00`, `+0200` or `+02` at the front in seconds, and the rest.
fn offset(bytes: &[u8]) -> Option<(i64, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(b"Z").or_else(|| bytes.strip_prefix(b"z")) {
        return Some((0, rest));
    }
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = i64::from(two(bytes, 1)?);
    let colon = usize::from(bytes.get(3) == Some(&b':'));
    let (minutes, used) = match two(bytes, 3 + colon) {
        Some(minutes) => (i64::from(minutes), 5 + colon),
        None => (0, 3),
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((sign * (hours * 3_600 + minutes * 60), bytes.get(used..)?))
}

/// `10/Oct/2026:13:55:36 +0000`, the stamp of access logs, whole; a fraction after the seconds
/// is taken too.
pub fn access(bytes: &[u8]) -> Option<Timestamp> {
    let (civil, rest) = access_civil(bytes)?;
    let (offset, rest) = offset(rest.strip_prefix(b" ")?)?;
    rest.is_empty().then(|| civil.at_offset(offset))?
}

/// The stamp of access logs where the offset may be missing (`10/Oct/2026:13:55:36.123`).
pub fn access_in(bytes: &[u8], zone: &Zone, arrival: Timestamp) -> Option<Timestamp> {
    let (civil, rest) = access_civil(bytes)?;
    if rest.is_empty() {
        return zone.resolve(civil, arrival);
    }
    let (offset, rest) = offset(rest.strip_prefix(b" ")?)?;
    rest.is_empty().then(|| civil.at_offset(offset))?
}

fn access_civil(bytes: &[u8]) -> Option<(Civil, &[u8])> {
    let separators =
        [bytes.get(2)?, bytes.get(6)?, bytes.get(11)?].map(|byte| *byte) == [b'/', b'/', b':'];
    if !separators {
        return None;
    }
    let ((hour, minute, second, micros), rest) = clock(bytes.get(12..)?)?;
    let civil = Civil {
        year: four(bytes, 7)?,
        month: month(bytes.get(3..6)?)?,
        day: two(bytes, 0)?,
        hour,
        minute,
        second,
        micros,
    };
    Some((civil, rest))
}

/// `2026-11-24T10:00:00` at the front, also with `/` between the parts of the date or a space
/// before the time, with or without fraction and offset; and what follows.
pub fn iso<'b>(bytes: &'b [u8], zone: &Zone, arrival: Timestamp) -> Option<(Timestamp, &'b [u8])> {
    let dashed = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    let slashed = bytes.get(4) == Some(&b'/') && bytes.get(7) == Some(&b'/');
    if !(dashed || slashed) || !matches!(bytes.get(10)?, b'T' | b't' | b' ') {
        return None;
    }
    let ((hour, minute, second, micros), rest) = clock(bytes.get(11..)?)?;
    let civil = Civil {
        year: four(bytes, 0)?,
        month: two(bytes, 5)?,
        day: two(bytes, 8)?,
        hour,
        minute,
        second,
        micros,
    };
    match offset(rest) {
        Some((offset, rest)) => Some((civil.at_offset(offset)?, rest)),
        None => Some((zone.resolve(civil, arrival)?, rest)),
    }
}

/// `Nov  4 10:00:00` at the front, also with a year (`Nov 4 2026 10:00:00`, `Nov 4 10:00:00
/// 2026` is not known) or a fraction; and what follows.
pub fn syslog<'b>(
    bytes: &'b [u8],
    zone: &Zone,
    arrival: Timestamp,
) -> Option<(Timestamp, &'b [u8])> {
    let month = month(bytes.get(..3)?)?;
    let rest = bytes.get(3..)?.strip_prefix(b" ")?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let (day, rest) = scan::leading_int(rest)?;
    let day = i8::try_from(day).ok()?;
    let rest = rest.strip_prefix(b" ")?;
    let year = match rest.get(4) {
        Some(b' ') => four(rest, 0),
        _ => None,
    };
    let rest = if year.is_some() { rest.get(5..)? } else { rest };
    let ((hour, minute, second, micros), rest) = clock(rest)?;
    let civil = Civil { year: year.unwrap_or(1), month, day, hour, minute, second, micros };
    let moment = match year {
        Some(_) => zone.resolve(civil, arrival)?,
        None => zone.resolve_without_year(civil, arrival)?,
    };
    Some((moment, rest))
}

/// Seconds since 1970 with or without a fraction (`1764000000.123`), whole.
pub fn epoch(bytes: &[u8]) -> Option<Timestamp> {
    let (secs, rest) = scan::leading_int(bytes)?;
    let (micros, rest) = fraction(rest);
    // Within the years that other stamps can say.
    let known = rest.is_empty() && secs <= 253_402_300_799;
    known.then(|| Timestamp::from_micros(secs * 1_000_000 + i64::from(micros)))
}
