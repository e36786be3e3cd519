//! What the way of a line costs on generated logs, as `riposte bench` measures it:
//! `cargo bench --bench stages`.
#![expect(clippy::print_stdout, reason = "a benchmark prints")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let choice = riposte::pipeline::measure::Choice::all(1_000_000);
    riposte::pipeline::measure::measure(&choice, |figure| {
        println!(
            "{:<12} {:>7.0} ns each {:>12.0}/s {:>7.0} MB/s, peak {:>5.0} MB: {}",
            figure.stage,
            figure.nanos_each,
            figure.per_second,
            figure.bytes_per_second / 1e6,
            figure.peak_bytes as f64 / 1e6,
            figure.input
        );
        Ok(())
    })?;
    Ok(())
}
