//! `riposte bench`: what the way of a line costs on this machine, beside what others do.

use super::End;
use super::args::BenchArgs;
use super::output::{Output, Style};
use crate::pipeline::measure::{Choice, Measurement, measure};

/// Measures and prints, a line a stage.
pub fn bench(args: &BenchArgs, out: &mut Output) -> anyhow::Result<End> {
    if !args.json {
        if cfg!(debug_assertions) {
            let told = out.styled(Style::Yellow, "this is a debug build: the figures mean little");
            out.line(told)?;
        }
        out.line(format!(
            "{:<12} {:>5} {:>9} {:>12} {:>7} {:>8} {:>8} {:>7} {:>7}  input",
            "stage",
            "rules",
            "ns each",
            "per second",
            "MB/s",
            "peak MB",
            "x script",
            "x rg -c",
            "x wc -l"
        ))?;
    }
    let choice = Choice { lines: args.lines, only: args.only.clone() };
    measure(&choice, |figure| {
        if args.json {
            out.json(figure)?;
        } else {
            out.line(words(figure))?;
            out.flush()?;
        }
        Ok(())
    })?;
    Ok(End::Well)
}

fn words(figure: &Measurement) -> String {
    let times = |ratio: Option<f64>| match ratio {
        Some(ratio) if ratio >= 100.0 => format!("{ratio:.0}"),
        Some(ratio) => format!("{ratio:.2}"),
        None => String::new(),
    };
    format!(
        "{:<12} {:>5} {:>9.0} {:>12.0} {:>7.0} {:>8.0} {:>8} {:>7} {:>7}  {} ({} results)",
        figure.stage,
        figure.rules,
        figure.nanos_each,
        figure.per_second,
        figure.bytes_per_second / 1e6,
        figure.peak_bytes as f64 / 1e6,
        times(figure.against.script),
        times(figure.against.rg),
        times(figure.against.wc),
        figure.input,
        figure.results
    )
}
