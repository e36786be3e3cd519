//! When timers run: every so often, or by a cron expression. Pure arithmetic on event time, the
//! same live and in replay; UTC, so that it doesn't depend on the machine.

use super::context::ScriptFn;
use crate::clock::{Timestamp, format_duration};
use crate::limits;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// When a timer runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At whole multiples of this since the epoch.
    Every(Duration),
    /// By the calendar.
    Cron(Cron),
}

/// A body that runs by the clock (of events).
#[derive(Debug, Clone)]
pub struct Timer {
    /// Its name: the file's stem, its schedule and its place in the file.
    pub name: Arc<str>,
    /// The file.
    pub file: Arc<str>,
    /// The line of its declaration.
    pub line: usize,
    /// When it runs.
    pub schedule: Schedule,
    pub(super) body: ScriptFn,
}

impl Timer {
    /// The first time after `moment` at which it runs; `Timestamp::MAX` when there is none within
    /// the next years.
    pub fn next_after(&self, moment: Timestamp) -> Timestamp {
        self.schedule.next_after(moment)
    }
}

impl Schedule {
    /// Every so often; the error says why not.
    pub(super) fn every(period: Duration) -> Result<Self, String> {
        if period < Duration::from_secs(limits::TIMER_PERIOD_SECS_MIN) {
            return Err(format!(
                "a timer can't run every `{}`\nhint: the shortest period is {}s",
                format_duration(period),
                limits::TIMER_PERIOD_SECS_MIN
            ));
        }
        Ok(Self::Every(period))
    }

    /// By the calendar; the error says what is wrong with the expression.
    pub(super) fn cron(expression: &str) -> Result<Self, String> {
        Cron::parse(expression).map(Self::Cron)
    }

    /// The first time after `moment`.
    pub fn next_after(&self, moment: Timestamp) -> Timestamp {
        match self {
            Self::Every(period) => {
                let period = i64::try_from(period.as_micros()).unwrap_or(i64::MAX).max(1);
                let past = moment.as_micros().div_euclid(period);
                Timestamp::from_micros(past.saturating_add(1).saturating_mul(period))
            }
            Self::Cron(cron) => cron.next_after(moment),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(period) => write!(f, "every {}", format_duration(*period)),
            Self::Cron(cron) => write!(f, "cron {}", cron.expression),
        }
    }
}

/// A cron expression of five fields: minute, hour, day of month, month, day of week (0 or 7 is
/// Sunday). Lists, ranges, steps and English names are understood; a day matches when day of month
/// or day of week does, where both are restricted (as in Vixie's cron, crontab(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    expression: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A day that matches is sought this far ahead: 29 February on a given weekday comes within 28
/// years, or 40 across a century that is no leap year.
const DAYS_AHEAD_MAX: usize = 41 * 366;

impl Cron {
    fn parse(expression: &str) -> Result<Self, String> {
        let expanded = match expression.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = expanded.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!(
                "`{expression}` is no cron expression\nhint: it has five fields: minute, hour, day of month, month, day of week, as in `0 3 * * *`"
            ));
        };
        let bad = |field: &str| format!("`{field}` is no field of a cron expression");
        let mut weekday_bits = bits(weekdays, 0, 7, WEEKDAYS, 0).ok_or_else(|| bad(weekdays))?;
        if weekday_bits & (1 << 7) != 0 {
            weekday_bits |= 1;
        }
        let cron = Self {
            expression: expression.trim().to_owned(),
            minutes: bits(minutes, 0, 59, &[], 0).ok_or_else(|| bad(minutes))?,
            hours: bits(hours, 0, 23, &[], 0).ok_or_else(|| bad(hours))?,
            days: bits(days, 1, 31, &[], 0).ok_or_else(|| bad(days))?,
            months: bits(months, 1, 12, MONTHS, 1).ok_or_else(|| bad(months))?,
            weekdays: weekday_bits,
            any_day: days.starts_with('*'),
            any_weekday: weekdays.starts_with('*'),
        };
        if cron.next_after(Timestamp::EPOCH) == Timestamp::MAX {
            return Err(format!("`{expression}` never comes: no month has that day"));
        }
        Ok(cron)
    }

    fn day_matches(&self, date: jiff::civil::Date) -> bool {
        let has =
            |bits: u64, value: i8| u32::try_from(value).is_ok_and(|bit| bits & (1 << bit) != 0);
        if !has(self.months, date.month()) {
            return false;
        }
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.any_day || self.any_weekday { day && weekday } else { day || weekday }
    }

    fn next_after(&self, moment: Timestamp) -> Timestamp {
        let start = jiff::tz::Offset::UTC.to_datetime(moment.to_jiff());
        let mut date = start.date();
        // The first minute that may match on the first day; later days begin at midnight.
        let mut from = u32::try_from(start.hour()).unwrap_or(0) * 60
            + u32::try_from(start.minute()).unwrap_or(0)
            + 1;
        for _ in 0..DAYS_AHEAD_MAX {
            if self.day_matches(date) {
                let found = (from..24 * 60).find(|minute| {
                    self.hours & (1 << (minute / 60)) != 0
                        && self.minutes & (1 << (minute % 60)) != 0
                });
                if let Some(minute) = found {
                    return at(date, minute);
                }
            }
            let Ok(tomorrow) = date.tomorrow() else {
                return Timestamp::MAX;
            };
            date = tomorrow;
            from = 0;
        }
        Timestamp::MAX
    }
}

fn at(date: jiff::civil::Date, minute: u32) -> Timestamp {
    let midnight = date.to_datetime(jiff::civil::Time::midnight());
    jiff::tz::Offset::UTC.to_timestamp(midnight).map_or(Timestamp::MAX, |stamp| {
        Timestamp::from_micros(stamp.as_microsecond())
            .plus(Duration::from_secs(u64::from(minute) * 60))
    })
}

/// A field as bits: `*`, `5`, `1-5`, `*/15`, `mon-fri`, and lists of these. Values run from `low` to
/// `high`; `names` count from `first_name`.
fn bits(field: &str, low: u32, high: u32, names: &[&str], first_name: u32) -> Option<u64> {
    let value = |text: &str| -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        if let Some(place) = names.iter().position(|name| *name == lower) {
            return u32::try_from(place).ok()?.checked_add(first_name);
        }
        text.parse().ok().filter(|number| (low..=high).contains(number))
    };
    let mut out = 0_u64;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = if range == "*" {
            (low, high)
        } else if let Some((from, to)) = range.split_once('-') {
            (value(from)?, value(to)?)
        } else {
            let single = value(range)?;
            (single, if part.contains('/') { high } else { single })
        };
        if from > to {
            return None;
        }
        let mut at = from;
        while at <= to {
            out |= 1 << at;
            at += step;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, after: &str) -> String {
        let schedule = Schedule::cron(expression).unwrap();
        schedule.next_after(Timestamp::parse_rfc3339(after).unwrap()).to_string()
    }

    #[test]
    fn cron_finds_the_next_time() {
        assert_eq!(next("0 3 * * *", "2026-11-24T03:00:00Z"), "2026-11-25T03:00:00Z");
        assert_eq!(next("*/15 * * * *", "2026-11-24T03:14:59Z"), "2026-11-24T03:15:00Z");
        assert_eq!(next("0 9 * * mon-fri", "2026-11-27T09:00:00Z"), "2026-11-30T09:00:00Z");
        assert_eq!(next("0 0 29 feb *", "2026-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
        assert_eq!(next("0 0 13 * 5", "2026-11-10T00:00:00Z"), "2026-11-13T00:00:00Z");
        assert_eq!(next("@weekly", "2026-11-24T00:00:00Z"), "2026-11-29T00:00:00Z");
        for bad in
            ["", "* * * *", "60 * * * *", "0 0 31 feb *", "5-1 * * * *", "*/0 * * * *", "x * * * *"]
        {
            assert!(Schedule::cron(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn periods_are_multiples_since_the_epoch_and_not_tiny() {
        let schedule = Schedule::every(Duration::from_mins(5)).unwrap();
        let moment = Timestamp::from_secs(1_000);
        assert_eq!(schedule.next_after(moment), Timestamp::from_secs(1_200));
        assert_eq!(schedule.next_after(Timestamp::from_secs(1_200)), Timestamp::from_secs(1_500));
        assert!(Schedule::every(Duration::from_millis(1)).is_err());
    }
}
