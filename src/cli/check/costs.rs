//! What rules cost: a line by default, with `--costs` a row a rule.

use super::counted;
use crate::cli::output::{Output, Style};
use crate::event::text;
use crate::rules::{Cost, CostClass, RuleSet};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// So many names are written out in the line.
const NAMES_MAX: usize = 5;

/// The classes in the order in which they are told.
const CLASSES: [CostClass; 4] =
    [CostClass::Indexed, CostClass::Native, CostClass::EachEvent, CostClass::Script];

/// A line: how many predicates are of each class, and which rules run scripts.
pub fn summary(set: &RuleSet, out: &mut Output) -> anyhow::Result<()> {
    let costs = set.costs();
    if costs.is_empty() {
        return Ok(());
    }
    let of_class = |class: CostClass| costs.iter().filter(move |cost| cost.class == class);
    let words: Vec<String> = CLASSES
        .into_iter()
        .filter_map(|class| {
            let count = of_class(class).count();
            (count > 0).then(|| format!("{count} {}", class.words()))
        })
        .collect();
    let mut line = format!("predicates: {}", words.join(", "));
    let scripts: Vec<&str> = of_class(CostClass::Script).map(|cost| &*cost.rule).collect();
    line += &named("; a script runs for each event of", &scripts);
    let windows = costs.iter().filter(|cost| cost.class != CostClass::Script && cost.scripts > 0);
    let windows: Vec<&str> = windows.map(|cost| &*cost.rule).collect();
    line += &named("; one runs for each candidate of", &windows);
    line += " (`--costs` shows each)";
    out.line(text::escape(&line))?;
    Ok(())
}

fn named(what: &str, names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    match (shown.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!("{what} {}", shown.join(", ")),
        (false, more) => format!("{what} {} and {more} more", shown.join(", ")),
    }
}

/// How long one asking of scripts is measured.
const MEASURED: Duration = Duration::from_millis(5);

/// What each rule costs, the dearest first; the scripts are measured on this machine.
pub fn costs(set: &RuleSet, as_json: bool, out: &mut Output) -> anyhow::Result<()> {
    let mut costs: Vec<(Cost, Option<f64>)> = (0_u32..)
        .zip(set.costs())
        .map(|(rule, cost)| {
            let script = cost.class == CostClass::Script;
            let nanoseconds = script.then(|| measure(set, rule)).flatten();
            (cost, nanoseconds)
        })
        .collect();
    costs.sort_by_key(|(cost, _)| std::cmp::Reverse(cost.class));
    if as_json {
        for (cost, nanoseconds) in &costs {
            let mut value = serde_json::to_value(cost)?;
            if let Some(table) = value.as_object_mut() {
                table.insert("type".to_owned(), "cost".into());
                table.insert("measured_ns".to_owned(), json!(nanoseconds.map(f64::round)));
            }
            out.json(&value)?;
        }
        return Ok(());
    }
    let widest = costs.iter().map(|(cost, _)| cost.rule.len()).max().unwrap_or(4).max(4);
    let head =
        format!("{:widest$}  {:10}  {:10}  window and why", "rule", "predicate", "candidates");
    let head = out.styled(Style::Bold, head);
    out.line(head)?;
    for (cost, nanoseconds) in &costs {
        let mut why = format!("{}; {}", cost.window, cost.why);
        if let Some(nanoseconds) = nanoseconds {
            why += &microseconds(*nanoseconds);
        }
        if cost.scripts > 0 {
            why += &for_candidates(cost.scripts);
        }
        out.line(format!(
            "{:widest$}  {:10}  {:10}  {}",
            cost.rule,
            cost.class.words(),
            cost.candidates,
            text::escape(&why)
        ))?;
    }
    let words: Vec<String> = CLASSES
        .iter()
        .map(|class| {
            let count = costs.iter().filter(|(cost, _)| cost.class == *class).count();
            format!("{count} {}", class.words())
        })
        .collect();
    out.line(format!("predicates: {}", words.join(", ")))?;
    Ok(())
}

fn microseconds(nanoseconds: f64) -> String {
    format!("; {:.2} µs an event, measured here", nanoseconds / 1_000.0)
}

fn for_candidates(scripts: usize) -> String {
    format!("; {} run for each candidate", counted(scripts, "script"))
}

/// Nanoseconds that the script of a rule's predicate takes for an event with every field filled.
fn measure(set: &RuleSet, rule: u32) -> Option<f64> {
    let event = Arc::new(set.rules().get(rule as usize)?.sample_event());
    let start = Instant::now();
    let mut asked = 0_u32;
    while start.elapsed() < MEASURED {
        for _ in 0..16 {
            std::hint::black_box(set.ask_script(rule, &event));
        }
        asked += 16;
    }
    Some(start.elapsed().as_nanos() as f64 / f64::from(asked))
}
