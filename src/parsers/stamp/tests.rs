//! Stamps with and without offset and year, at the turns of the year and of the clock.

use super::{Civil, Zone, access, epoch, iso, syslog};
use crate::clock::Timestamp;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn syslog_at(stamp: &str, zone: &str, arrival: &str) -> Option<String> {
    let zone = Zone::named(zone).unwrap();
    syslog(stamp.as_bytes(), &zone, at(arrival)).map(|(moment, _)| moment.to_string())
}

#[test]
fn the_missing_year_is_the_one_closest_to_the_arrival() {
    for (stamp, arrival, expected) in [
        // Written in the old year, read in the new one, and the other way round.
        ("Dec 31 23:59:59", "2027-01-01T00:00:02Z", "2026-12-31T23:59:59Z"),
        ("Jan  1 00:00:01", "2026-12-31T23:59:58Z", "2027-01-01T00:00:01Z"),
        ("Nov 24 10:00:00", "2026-11-24T10:00:05Z", "2026-11-24T10:00:00Z"),
        ("Dec 24 10:00:00", "2026-02-01T00:00:00Z", "2025-12-24T10:00:00Z"),
        ("Mar  1 10:00:00", "2026-12-01T00:00:00Z", "2027-03-01T10:00:00Z"),
        // The leap day is in the closest leap year.
        ("Feb 29 12:00:00", "2028-02-29T12:00:01Z", "2028-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2026-02-20T00:00:00Z", "2024-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2027-01-01T00:00:00Z", "2028-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2100-03-02T00:00:00Z", "2104-02-29T12:00:00Z"),
    ] {
        assert_eq!(
            syslog_at(stamp, "UTC", arrival).as_deref(),
            Some(expected),
            "{stamp} {arrival}"
        );
    }
    // The year's turn in the log's own zone, not in UTC.
    assert_eq!(
        syslog_at("Jan  1 00:30:00", "Asia/Tokyo", "2026-12-31T15:30:05Z").as_deref(),
        Some("2026-12-31T15:30:00Z")
    );
    for bad in [
        "Feb 30 10:00:00",
        "Nov 31 10:00:00",
        "Nov 24 24:00:00",
        "Nov 24 10:60:00",
        "Nox 24 10:00:00",
        "Nov",
        "",
    ] {
        assert_eq!(syslog_at(bad, "UTC", "2026-11-24T10:00:00Z"), None, "{bad}");
    }
}

#[test]
fn clock_changes_skip_and_repeat_hours() {
    let berlin = Zone::named("Europe/Berlin").unwrap();
    let read = |stamp: &str, arrival: &str| {
        iso(stamp.as_bytes(), &berlin, at(arrival)).unwrap().0.to_string()
    };
    // 02:30 did not happen on 29 March 2026: the offset before the change counts.
    assert_eq!(read("2026-03-29 02:30:00", "2026-03-29T01:30:05Z"), "2026-03-29T01:30:00Z");
    assert_eq!(read("2026-03-29 01:59:59", "2026-03-29T01:00:00Z"), "2026-03-29T00:59:59Z");
    assert_eq!(read("2026-03-29 03:00:00", "2026-03-29T01:00:00Z"), "2026-03-29T01:00:00Z");
    // 02:30 came twice on 25 October 2026: the arrival tells which.
    assert_eq!(read("2026-10-25 02:30:00", "2026-10-25T00:30:05Z"), "2026-10-25T00:30:00Z");
    assert_eq!(read("2026-10-25 02:30:00", "2026-10-25T01:30:05Z"), "2026-10-25T01:30:00Z");
    // Long after, nothing tells: the first.
    assert_eq!(read("2026-10-25 02:30:00", "2026-12-25T01:30:05Z"), "2026-10-25T00:30:00Z");
    assert_eq!(
        syslog_at("Oct 25 02:30:00", "Europe/Berlin", "2026-10-25T01:30:05Z").as_deref(),
        Some("2026-10-25T01:30:00Z")
    );
    // An offset in the stamp leaves nothing open.
    assert_eq!(read("2026-10-25T02:30:00+02:00", "2026-10-25T01:30:05Z"), "2026-10-25T00:30:00Z");
}

#[test]
fn offsets_fractions_and_bounds() {
    let whole = |stamp: &str| {
        iso(stamp.as_bytes(), &Zone::UTC, Timestamp::EPOCH)
            .filter(|(_, rest)| rest.is_empty())
            .map(|(moment, _)| moment.to_string())
    };
    assert_eq!(whole("2026-11-24T10:00:00.1234567-05:30").unwrap(), "2026-11-24T15:30:00.123456Z");
    assert_eq!(whole("2026/11/24 10:00:00,5").unwrap(), "2026-11-24T10:00:00.5Z");
    assert_eq!(whole("2026-11-24T10:00:00+0100").unwrap(), "2026-11-24T09:00:00Z");
    assert_eq!(whole("2026-11-24T10:00:60Z").unwrap(), "2026-11-24T10:01:00Z");
    for bad in [
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-11-24T1:00:00Z",
        "2026-11-24",
    ] {
        assert_eq!(whole(bad), None, "{bad}");
    }
    assert_eq!(
        access(b"10/Oct/2026:13:55:36.250 +0530").unwrap().to_string(),
        "2026-10-10T08:25:36.25Z"
    );
    assert_eq!(access(b"10/Oct/2026:13:55:36"), None);
    assert_eq!(epoch(b"1764000000.5").unwrap().to_string(), "2025-11-24T16:00:00.5Z");
    assert_eq!(epoch(b"999999999999"), None);
}

proptest! {
    /// Our calendar is jiff's.
    #[test]
    fn days_agree_with_the_calendar(secs in -62_000_000_000_i64..253_000_000_000) {
        let moment = Timestamp::from_secs(secs);
        let date = jiff::tz::TimeZone::UTC.to_datetime(moment.to_jiff());
        let civil = Civil {
            year: date.year(), month: date.month(), day: date.day(),
            hour: date.hour(), minute: date.minute(), second: date.second(), micros: 0,
        };
        prop_assert_eq!(civil.at_offset(0), Some(moment));
    }

    /// A stamp that was written just before its arrival is read back, at any time of any year.
    #[test]
    fn syslog_stamps_come_back(secs in 0_i64..4_000_000_000, lag in 0_i64..86_400) {
        let zone = Zone::named("America/New_York").unwrap();
        let written = Timestamp::from_secs(secs);
        let date = jiff::tz::TimeZone::get("America/New_York").unwrap().to_datetime(written.to_jiff());
        let stamp = date.strftime("%b %e %H:%M:%S ").to_string();
        let arrival = Timestamp::from_secs(secs + lag);
        let (read, rest) = syslog(stamp.as_bytes(), &zone, arrival).unwrap();
        prop_assert_eq!(rest, b" ");
        // In the hour that comes twice the arrival may say the later one.
        let apart = read.as_secs() - secs;
        prop_assert!(apart == 0 || apart.abs() == 3_600, "{} {}", stamp, apart);
    }
}
