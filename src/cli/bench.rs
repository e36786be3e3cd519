//! `riposte bench`: what the stages cost on this machine.

use super::End;
use super::args::BenchArgs;
use super::output::{Output, Style};
use crate::pipeline::measure::{Measurement, measure};

/// Measures and prints, a line a stage.
pub fn bench(args: &BenchArgs, out: &mut Output) -> anyhow::Result<End> {
    if !args.json {
        if cfg!(debug_assertions) {
            let told = out.styled(Style::Yellow, "this is a debug build: the figures mean little");
            out.line(told)?;
        }
        out.line(format!(
            "{:<12} {:>9} {:>13} {:>9} {:>9}  input",
            "stage", "ns each", "per second", "MB/s", "peak MB"
        ))?;
    }
    measure(args.lines, |figure| {
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
    format!(
        "{:<12} {:>9.0} {:>13.0} {:>9.0} {:>9.0}  {} ({} results)",
        figure.stage,
        figure.nanos_each,
        figure.per_second,
        figure.bytes_per_second / 1e6,
        figure.peak_bytes as f64 / 1e6,
        figure.input,
        figure.results
    )
}
