//! `riposte cf logpush`: jobs that push logs of a zone or of the account somewhere (Enterprise).

use super::account::{Plan, account, ask, carry_out, cell, choose, table};
use super::confirm::Consent;
use super::{Session, show};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::access_rules::Scope;
use crate::cloudflare::logpush::{self, Job, NewJob};
use crate::cloudflare::masked;
use crate::event::text;
use crate::process::resolve_secret;
use crate::secret::SecretRef;
use clap::{Args, Subcommand};

/// `riposte cf logpush`
#[derive(Debug, Args)]
pub struct LogpushArgs {
    /// The jobs of this zone, by its name or id; those of the account when absent
    #[arg(long, global = true)]
    zone: Option<String>,
    #[command(subcommand)]
    command: Option<LogpushCommand>,
}

#[derive(Debug, Subcommand)]
enum LogpushCommand {
    /// Show the jobs (as without a command)
    List,
    /// Make a job; Cloudflare tries the destination first
    Create(CreateArgs),
    /// Switch a job on
    Enable(Named),
    /// Switch a job off
    Disable(Named),
    /// Remove a job
    Delete(Named),
}

/// `riposte cf logpush create`
#[derive(Debug, Args)]
#[group(id = "destination", required = true, multiple = false, args = ["to", "intake"])]
struct CreateArgs {
    /// Its name
    name: String,
    /// What is pushed (`http_requests`, `firewall_events`, …)
    #[arg(long)]
    dataset: String,
    /// Where the destination is told (`file:/path`, `env:NAME`, …), as Cloudflare writes it: it
    /// holds a password
    #[arg(long, value_name = "REFERENCE")]
    to: Option<String>,
    /// The address of riposte's own intake (`https://HOST/intake/NAME`)
    #[arg(long, value_name = "URL", requires = "token")]
    intake: Option<String>,
    /// Where the intake's token is told (`file:/path`, …)
    #[arg(long, value_name = "REFERENCE", requires = "intake")]
    token: Option<String>,
    /// A field of each line; Cloudflare's choice when absent; may be given several times
    #[arg(long = "field", value_name = "NAME")]
    fields: Vec<String>,
    /// Seconds between two pushes at most, 30 to 300
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(30..=300))]
    interval: u64,
    #[command(flatten)]
    consent: Consent,
}

/// A job that is there.
#[derive(Debug, Args)]
struct Named {
    /// The job's name, its beginning, or its id
    job: String,
    #[command(flatten)]
    consent: Consent,
}

/// A secret that is told by reference.
fn secret(reference: &str) -> anyhow::Result<crate::secret::Secret> {
    resolve_secret(&SecretRef::parse(reference).map_err(Usage::of)?).map_err(Usage::of)
}

/// Runs one of them.
pub fn run(session: &Session, args: &LogpushArgs, out: &mut Output) -> anyhow::Result<End> {
    let scope = match &args.zone {
        Some(zone) => Scope::Zone(show::zone(session, zone)?.id),
        None => Scope::Account(account(session)?),
    };
    match &args.command {
        None | Some(LogpushCommand::List) => list(session, &scope, out),
        Some(LogpushCommand::Create(args)) => create(session, &scope, args, out),
        Some(LogpushCommand::Enable(named)) => switch(session, &scope, (named, true), out),
        Some(LogpushCommand::Disable(named)) => switch(session, &scope, (named, false), out),
        Some(LogpushCommand::Delete(named)) => {
            let job = one(session, &scope, &named.job)?;
            let shown = words(&job);
            let to = text::escape(job.destination.as_deref().unwrap_or("?")).into_owned();
            let plan = Plan {
                lines: vec![format!("remove {shown}, which pushes to {to}")],
                calls: vec![logpush::delete(&scope, job.id)],
            };
            carry_out(session, named.consent, &plan, &format!("{shown} is removed"), out)
        }
    }
}

fn words(job: &Job) -> String {
    let name = job.name.as_deref().filter(|name| !name.is_empty());
    let name = name.map_or_else(|| job.id.to_string(), |name| text::escape(name).into_owned());
    format!("the job `{name}`")
}

fn one(session: &Session, scope: &Scope, wanted: &str) -> anyhow::Result<Job> {
    let jobs: Vec<Job> = ask(session, &logpush::all(scope))?;
    let ids: Vec<(String, Job)> = jobs.into_iter().map(|job| (job.id.to_string(), job)).collect();
    let found =
        choose("job", wanted, &ids, |(id, job)| (id, job.name.as_deref().unwrap_or_default()))?;
    Ok(found.1.clone())
}

fn list(session: &Session, scope: &Scope, out: &mut Output) -> anyhow::Result<End> {
    let jobs: Vec<Job> = ask(session, &logpush::all(scope))?;
    // Cloudflare switches off what fails, so both are something to look at.
    let fails = |job: &Job| match (&job.last_error, &job.last_complete) {
        (Some(failed), Some(done)) => failed > done,
        (failed, _) => failed.is_some(),
    };
    let head = ["job", "pushes", "to", "state", "last well", "trouble", "id"];
    table(session, out, &head, &jobs, |job| {
        let trouble = job.error_message.as_deref().unwrap_or("it fails");
        let whole =
            |time: &Option<String>| cell(super::workers::whole(time.as_deref().unwrap_or("never")));
        vec![
            cell(job.name.as_deref().unwrap_or_default()),
            cell(job.dataset.as_deref().unwrap_or("?")),
            cell(job.destination.as_deref().unwrap_or("?")),
            if job.enabled { "on" } else { "off" }.to_owned(),
            whole(&job.last_complete),
            if fails(job) { cell(trouble) } else { String::new() },
            job.id.to_string(),
        ]
    })?;
    Ok(if jobs.iter().any(fails) { End::Finding } else { End::Well })
}

fn create(
    session: &Session,
    scope: &Scope,
    args: &CreateArgs,
    out: &mut Output,
) -> anyhow::Result<End> {
    let destination = match (&args.to, &args.intake, &args.token) {
        (Some(reference), _, _) => secret(reference)?.reveal().to_owned(),
        (None, Some(url), Some(token)) if url.starts_with("https://") => {
            logpush::to_intake(url, &secret(token)?)
        }
        _ => {
            return Err(Usage::of(
                "Cloudflare pushes over https alone\nhint: `--intake https://HOST/intake/NAME`",
            ));
        }
    };
    if !destination.contains("://") {
        // It may be a password that stands there alone.
        return Err(Usage::of(
            "what the reference holds is no destination\nhint: `https://…`, `s3://…`, as https://developers.cloudflare.com/logs/ has it",
        ));
    }
    let new = NewJob {
        name: args.name.clone(),
        dataset: args.dataset.clone(),
        destination,
        fields: args.fields.clone(),
        interval_secs: args.interval,
    };
    let shown = text::escape(&args.name).into_owned();
    let of = match scope {
        Scope::Account(_) => "the account".to_owned(),
        Scope::Zone(id) => format!("the zone {}", text::escape(id)),
    };
    let line = format!(
        "make the job `{shown}`: `{}` of {of} go to {}, every {} s at most",
        text::escape(&args.dataset),
        text::escape(&masked(&new.destination)),
        args.interval
    );
    let plan = Plan { lines: vec![line], calls: vec![logpush::create(scope, &new)] };
    carry_out(session, args.consent, &plan, &format!("the job `{shown}` is made"), out)
}

fn switch(
    session: &Session,
    scope: &Scope,
    (named, enabled): (&Named, bool),
    out: &mut Output,
) -> anyhow::Result<End> {
    let job = one(session, scope, &named.job)?;
    let (shown, state) = (words(&job), if enabled { "on" } else { "off" });
    if job.enabled == enabled {
        return Err(Usage::of(format!("{shown} is {state} already")));
    }
    let plan = Plan {
        lines: vec![format!("{shown} is {state} from now on")],
        calls: vec![logpush::enable(scope, job.id, enabled)],
    };
    carry_out(session, named.consent, &plan, &format!("{shown} is {state}"), out)
}
