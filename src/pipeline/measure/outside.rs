//! What other programs do with the same lines: `wc -l`, and `rg -c` with the rules' literals. They
//! read the file as the product does, from the page cache.

use super::scene::Scene;
use super::{Measurement, figure};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// `wc -l`.
pub(super) fn count_lines(scene: &Scene<'_>) -> Measurement {
    let mut command = Command::new("wc");
    command.arg("-l").arg(scene.log.path());
    run("wc -l", scene, command, b"")
}

/// `rg -c` with the literals of all rules.
pub(super) fn count_hits(scene: &Scene<'_>) -> Measurement {
    let mut command = Command::new("rg");
    command.args(["--no-config", "-c", "-F", "-f", "-"]).arg(scene.log.path());
    run("rg -c", scene, command, scene.literals.join("\n").as_bytes())
}

/// Runs it and takes the first number that it prints; where it can't be run, the figure says why.
fn run(stage: &'static str, scene: &Scene<'_>, mut command: Command, input: &[u8]) -> Measurement {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = Instant::now();
    let outcome = command.spawn().and_then(|mut child| {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input)?;
        }
        child.wait_with_output()
    });
    let took = started.elapsed();
    let rules = scene.rules.rules().len() as u64;
    let done = match outcome {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let number = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            number.ok_or_else(|| "it printed no number".to_owned())
        }
        Ok(output) => Err(output.status.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let measurement = match done {
        Ok(results) => {
            let input = format!("{}, {} literals", scene.input, scene.literals.len());
            figure(stage, input, (scene.log.lines(), scene.log.bytes()), took, results)
        }
        Err(why) => figure(stage, format!("not measured: {why}"), (0, 0), took, 0),
    };
    Measurement { peak_bytes: 0, ..measurement }.with_rules(rules)
}
