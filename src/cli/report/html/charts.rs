//! Time lines as inline SVG: shapes alone, with a label in words for those who can't see them.
//! Colours come from the page's style, so they follow light and dark.

use super::super::words;
use crate::clock::Timestamp;
use crate::limits::REPORT_BUCKETS;
use crate::pipeline::compare::{ChangeKind, Changes};
use crate::pipeline::report::{Client, Frame, Report, Verdict, Would, count, thousands};
use maud::{Markup, html};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Width of a bucket; the drawing is stretched to the page.
const STEP: usize = 10;
const WIDTH: usize = STEP * REPORT_BUCKETS;

/// A stack of bars over time: a class of the style, a name, and a number for each bucket.
pub(super) struct Series {
    class: &'static str,
    name: &'static str,
    /// Below the line.
    below: bool,
    values: [u32; REPORT_BUCKETS],
}

impl Series {
    fn new(class: &'static str, name: &'static str, below: bool) -> Self {
        Self { class, name, below, values: [0; REPORT_BUCKETS] }
    }

    fn add(&mut self, frame: &Frame, time: Timestamp) {
        if let Some(value) = self.values.get_mut(frame.bucket(time)) {
            *value = value.saturating_add(1);
        }
    }

    fn total(&self) -> u64 {
        self.values.iter().map(|value| u64::from(*value)).sum()
    }
}

/// When the rules would decide, by what the client looks like.
pub(super) fn decisions(report: &Report) -> Vec<Series> {
    let mut of_target: HashMap<u32, Verdict> = HashMap::new();
    // The best-looking client of a network is the one that it is about.
    for client in &report.clients {
        for target in &client.targets {
            of_target.entry(*target).or_insert(client.score.verdict);
        }
    }
    let mut series = [
        Series::new("customer", "about likely customers", false),
        Series::new("unclear", "about unclear ones", false),
        Series::new("attacker", "about likely attackers", false),
        Series::new("nobody", "about nobody seen in the logs", false),
    ];
    for (place, stopped) in report.blocked.targets().iter().enumerate() {
        let verdict = u32::try_from(place).ok().and_then(|place| of_target.get(&place));
        let lane = match verdict {
            Some(Verdict::Customer) => 0,
            Some(Verdict::Unclear) => 1,
            Some(Verdict::Attacker) => 2,
            None => 3,
        };
        let Some(lane) = series.get_mut(lane) else { continue };
        for would in stopped.decisions.iter().filter(|would| would.passes() && !would.dropped) {
            lane.add(&report.frame, would.from);
        }
    }
    series.into_iter().filter(|lane| lane.total() > 0).collect()
}

/// When the decisions of two rule sets differ.
pub(super) fn differences(changes: &Changes, frame: &Frame) -> Vec<Series> {
    let mut series = [
        Series::new("added", "added", false),
        Series::new("moved", "moved, longer or shorter", false),
        Series::new("dropped", "dropped", true),
    ];
    for change in &changes.changes {
        let Some(would) = change.shown() else { continue };
        let lane = match change.kind {
            ChangeKind::Added => 0,
            ChangeKind::Moved | ChangeKind::Resized => 1,
            ChangeKind::Dropped => 2,
        };
        if let Some(lane) = series.get_mut(lane) {
            lane.add(frame, would.from);
        }
    }
    series.into_iter().filter(|lane| lane.total() > 0).collect()
}

/// The time line of the whole replay.
pub(super) fn overview(series: &[Series], frame: &Frame, what: &str) -> Markup {
    let height = |below: bool, place: usize| -> u32 {
        let lanes = series.iter().filter(|lane| lane.below == below);
        lanes.filter_map(|lane| lane.values.get(place)).sum()
    };
    let top = |below: bool| (0..REPORT_BUCKETS).map(|at| height(below, at)).max().unwrap_or(0);
    let (up, down) = (top(false), top(true));
    let room = 120.0;
    let scale = room / f64::from((up + down).max(1));
    let base = f64::from(up) * scale;
    let long = frame.to.since(frame.from) / u32::try_from(REPORT_BUCKETS).unwrap_or(1);
    let each = crate::clock::format_duration(std::time::Duration::from_secs(long.as_secs()));
    let sums: Vec<String> =
        series.iter().map(|lane| format!("{} {}", thousands(lane.total()), lane.name)).collect();
    let label = format!(
        "{what} over time: {}. At most {} in {each}.",
        sums.join(", "),
        thousands(u64::from(up.max(down)))
    );
    html! {
        figure.overview {
            figcaption {
                span.legend {
                    @for lane in series {
                        span { i class=(lane.class) {} (thousands(lane.total())) " " (lane.name) }
                    }
                }
                span.quiet { "a bar is " (each) ", the highest stands for " (thousands(u64::from(up.max(down)))) }
            }
            svg viewBox={ "0 0 " (WIDTH) " 122" } preserveAspectRatio="none" role="img" aria-label=(label) {
                path.days d=(days(frame, 122)) {}
                @for (place, lane) in series.iter().enumerate() {
                    path class=(lane.class) d=(stacked(series, place, base, scale)) {}
                }
                path.axis d={ "M0," (format!("{:.1}", base + 0.5)) "H" (WIDTH) } {}
            }
            (axis(frame))
        }
    }
}

/// The bars of one series on top of those before it.
fn stacked(series: &[Series], place: usize, base: f64, scale: f64) -> String {
    let mut path = String::new();
    let Some(lane) = series.get(place) else { return path };
    for at in 0..REPORT_BUCKETS {
        let value = lane.values.get(at).copied().unwrap_or(0);
        if value == 0 {
            continue;
        }
        let under = series.iter().take(place).filter(|other| other.below == lane.below);
        let under: u32 = under.filter_map(|other| other.values.get(at)).sum();
        // One beside thousands is seen.
        let high = (f64::from(value) * scale).max(1.5);
        let way = if lane.below { 1.0 } else { -1.0 };
        let from = base + way * f64::from(under) * scale;
        write!(path, "M{},{from:.1}v{:.1}h8v{:.1}z", at * STEP + 1, way * high, -way * high).ok();
    }
    path
}

/// A line at each midnight (UTC), where they are few enough to be told apart.
fn days(frame: &Frame, high: u32) -> String {
    const DAY: i64 = 86_400;
    let mut path = String::new();
    let whole = frame.to.since(frame.from).as_secs();
    if whole > 62 * 86_400 {
        return path;
    }
    let first = frame.from.as_secs().div_euclid(DAY) + 1;
    for day in first..=frame.to.as_secs().div_euclid(DAY) {
        let after = Timestamp::from_secs(day * DAY).since(frame.from).as_secs_f64();
        let place = after / whole.max(1) as f64 * WIDTH as f64;
        write!(path, "M{place:.1},0V{high}").ok();
    }
    path
}

/// First, middle and last moment.
fn axis(frame: &Frame) -> Markup {
    let middle = frame.from.plus(frame.to.since(frame.from) / 2);
    html! {
        p.ends aria-hidden="true" {
            @for moment in [frame.from, middle, frame.to] { span { (short(moment)) } }
        }
    }
}

fn short(time: Timestamp) -> String {
    time.to_jiff().strftime("%d %b %H:%M").to_string()
}

/// A client's requests before and after it would have been stopped: good answers above the line,
/// others below, the time for which it would be stopped shaded.
pub(super) fn client(client: &Client, decisions: &[&Would], frame: &Frame) -> Markup {
    const BASE: usize = 34;
    let lane = &client.profile.lane;
    let values = || lane.good.iter().chain(&lane.bad).copied();
    let most = f64::from(values().max().unwrap_or(1).max(1));
    let bars = |values: &[u16], room: f64, way: f64| {
        let mut path = String::new();
        for (at, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            // The square root: a few requests beside a flood are seen.
            let high = ((f64::from(*value) / most).sqrt() * room).max(1.5) * way;
            write!(path, "M{},{BASE}v{high:.1}h8v{:.1}z", at * STEP + 1, -high).ok();
        }
        path
    };
    let stop = frame.bucket(client.stopped) * STEP;
    html! {
        svg.lane viewBox={ "0 0 " (WIDTH) " 60" } preserveAspectRatio="none" role="img"
            aria-label=(in_words(client)) {
            path.days d=(days(frame, 60)) {}
            path.stopped d=(periods(decisions, frame)) {}
            path.good d=(bars(&lane.good, 32.0, -1.0)) {}
            path.bad d=(bars(&lane.bad, 22.0, 1.0)) {}
            path.axis d={ "M0," (BASE) "H" (WIDTH) } {}
            path.stop d={ "M" (stop) ",0V60" } {}
        }
        (axis(frame))
    }
}

/// The times of the decisions that would be carried out, joined where they meet.
fn periods(decisions: &[&Would], frame: &Frame) -> String {
    let mut path = String::new();
    let mut drawn = 0;
    for would in decisions.iter().filter(|would| would.passes()) {
        let from = (frame.bucket(would.from) * STEP).max(drawn);
        let until = match would.until {
            Some(until) if until <= frame.to => (frame.bucket(until) + 1) * STEP,
            _ => WIDTH,
        };
        if until > from {
            write!(path, "M{from},0H{until}V60H{from}z").ok();
            drawn = until;
        }
    }
    path
}

/// What the drawing shows, for those who can't see it.
fn in_words(client: &Client) -> String {
    let lane = &client.profile.lane;
    let sum = |values: &[u16]| values.iter().map(|value| u64::from(*value)).sum::<u64>();
    let seen = match (client.profile.first, client.profile.last) {
        (Some(first), Some(last)) => {
            format!("from {} to {}", words::moment(first), words::moment(last))
        }
        _ => "at no known time".to_owned(),
    };
    format!(
        "Requests {seen}: {} and {}. Stopped at {}; {}.",
        count(sum(&lane.good), "good answer"),
        count(sum(&lane.bad), "other"),
        words::moment(client.stopped),
        words::lost(client)
    )
}
