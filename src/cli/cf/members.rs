//! `riposte cf members`: who may do what in the account.

use super::account::{Plan, account, carry_out, cell, choose, table};
use super::confirm::Consent;
use super::{Session, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::members::{self, Member, Role};
use crate::event::text;
use clap::{Args, Subcommand};

/// `riposte cf members`
#[derive(Debug, Args)]
pub struct MembersArgs {
    #[command(subcommand)]
    command: Option<MembersCommand>,
}

#[derive(Debug, Subcommand)]
enum MembersCommand {
    /// Show the members (as without a command)
    List,
    /// Show the roles that a member can have
    Roles,
    /// Invite somebody; Cloudflare sends the mail
    Invite {
        /// The mail address
        email: String,
        /// A role's name, its beginning, or its id; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Give a member these roles instead of its own
    Change {
        /// The member's mail address, or its id
        member: String,
        /// A role's name, its beginning, or its id; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a member
    Remove {
        /// The member's mail address, or its id
        member: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Runs one of them.
pub fn run(session: &Session, args: &MembersArgs, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    match &args.command {
        None | Some(MembersCommand::List) => {
            let all = all(session, &account)?;
            table(session, out, &["member", "status", "second factor", "roles", "id"], &all, cells)
        }
        Some(MembersCommand::Roles) => {
            let roles = roles(session, &account)?;
            table(session, out, &["role", "id", "for"], &roles, |role| {
                vec![cell(&role.name), cell(&role.id), cell(&role.description)]
            })
        }
        Some(MembersCommand::Invite { email, roles: named, consent }) => {
            let roles = roles(session, &account)?;
            let chosen = chosen(&roles, named)?;
            let line = format!("invite `{}` as {}", text::escape(email), names(&chosen));
            let plan =
                Plan { lines: vec![line], calls: vec![members::invite(&account, email, &chosen)] };
            let done = format!("`{}` is invited", text::escape(email));
            carry_out(session, *consent, &plan, &done, out)
        }
        Some(MembersCommand::Change { member, roles: named, consent }) => {
            let (roles, all) = (roles(session, &account)?, all(session, &account)?);
            let (chosen, member) = (chosen(&roles, named)?, one(&all, member)?);
            let had: Vec<&Role> = member.roles.iter().collect();
            let who = text::escape(&member.user.email).into_owned();
            if had.iter().map(|role| &role.id).eq(chosen.iter().map(|role| &role.id)) {
                return Err(Usage::of(format!("`{who}` has these roles already")));
            }
            let line = format!("`{who}` becomes {} and was {}", names(&chosen), names(&had));
            let call = members::change(&account, &member.id, &chosen);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("`{who}` has other roles"), out)
        }
        Some(MembersCommand::Remove { member, consent }) => {
            let all = all(session, &account)?;
            let member = one(&all, member)?;
            let who = text::escape(&member.user.email).into_owned();
            let had: Vec<&Role> = member.roles.iter().collect();
            let line = format!("remove `{who}` ({})", names(&had));
            let call = members::remove(&account, &member.id);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("`{who}` is removed"), out)
        }
    }
}

fn all(session: &Session, account: &str) -> anyhow::Result<Vec<Member>> {
    members::all(&session.client, account).map_err(|error| told(&error))
}

fn roles(session: &Session, account: &str) -> anyhow::Result<Vec<Role>> {
    members::roles(&session.client, account).map_err(|error| told(&error))
}

fn one<'m>(all: &'m [Member], wanted: &str) -> anyhow::Result<&'m Member> {
    choose("member", wanted, all, |member| (&member.id, &member.user.email))
}

fn chosen<'r>(roles: &'r [Role], named: &[String]) -> anyhow::Result<Vec<&'r Role>> {
    let mut chosen: Vec<&Role> = Vec::new();
    for name in named {
        let role = choose("role", name, roles, |role| (&role.id, &role.name))?;
        if !chosen.iter().any(|known| known.id == role.id) {
            chosen.push(role);
        }
    }
    Ok(chosen)
}

fn names(roles: &[&Role]) -> String {
    let names: Vec<String> =
        roles.iter().map(|role| format!("`{}`", text::escape(&role.name))).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn cells(member: &Member) -> Vec<String> {
    let second = match member.user.two_factor_authentication_enabled {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let roles: Vec<&str> = member.roles.iter().map(|role| role.name.as_str()).collect();
    vec![
        cell(&member.user.email),
        cell(&member.status),
        second.to_owned(),
        cell(&roles.join(", ")),
        cell(&member.id),
    ]
}
