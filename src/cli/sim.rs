//! `riposte sim`: a look-alike of Cloudflare's API on this machine, until it is stopped.

use super::output::{Output, Style};
use super::{End, Usage};
use crate::clock::parse_duration;
use crate::simulator::{Options, Plan, Simulator};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// The token that the look-alike takes when none is given: no secret, it opens nothing.
const TOKEN: &str = "simulated";

/// `riposte sim`
#[derive(Debug, Args)]
pub struct SimArgs {
    /// The API that is to be looked like: there is one
    #[arg(value_parser = ["cloudflare"])]
    pub api: Option<String>,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
    /// The account's plan: free, pro, business or enterprise
    #[arg(long, default_value = "free")]
    pub plan: String,
    /// A zone; may be given several times
    #[arg(long = "zone", value_name = "NAME", default_values_t = ["example.com".to_owned()])]
    pub zones: Vec<String>,
    /// The token that it takes
    #[arg(long, default_value = TOKEN)]
    pub token: String,
    /// How long a change of a list takes
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    pub bulk_takes: String,
    /// Calls in five minutes, before everything is refused for five minutes
    #[arg(long, value_name = "COUNT", default_value_t = 1_200)]
    pub calls: usize,
    /// Add each exchange to this file, as a line of JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub transcript: Option<PathBuf>,
}

/// Serves until the process is stopped.
pub fn sim(args: &SimArgs, out: &mut Output) -> anyhow::Result<End> {
    let Some(plan) = Plan::parse(&args.plan) else {
        return Err(Usage::of(format!(
            "`{}` is no plan\nhint: free, pro, business or enterprise",
            args.plan.escape_debug()
        )));
    };
    let options = Options {
        plan,
        zones: args.zones.clone(),
        bulk_takes: parse_duration(&args.bulk_takes).map_err(Usage::of)?,
        calls_in_five_minutes: args.calls,
        ..Options::new(&args.token)
    };
    let simulator = Simulator::start(args.port, options, args.transcript.as_deref())
        .map_err(|error| Usage::of(format!("failed to serve on port {}: {error}", args.port)))?;
    let base = simulator.base();
    let desk = base.trim_end_matches("/client/v4");
    let head = out.styled(Style::Bold, format!("a look-alike of Cloudflare's API serves {base}"));
    out.line(head)?;
    out.line("it forgets everything when it is stopped; in riposte.toml:\n")?;
    out.line("[[actions.cloudflare]]")?;
    out.line("token = \"env:CLOUDFLARE_API_TOKEN\"")?;
    out.line(format!("api = \"{base}\"\n"))?;
    out.line(format!("export CLOUDFLARE_API_TOKEN={}", args.token.escape_debug()))?;
    out.line(format!("riposte cf --api {base} verify"))?;
    out.line(format!("curl -s {desk}/simulator        # what is blocked, and the calls so far"))?;
    out.line(format!(
        "curl -s {desk}/simulator/faults -d '{{\"fault\":\"too_many\",\"times\":3}}'   # also html, server, refused, no_result, drop, lost, cut, fails"
    ))?;
    out.flush()?;
    simulator.wait();
    Ok(End::Well)
}
