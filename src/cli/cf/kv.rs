//! `riposte cf kv`: keys and values that Workers read.

use super::account::{Plan, account, agreed, carry_out, choose, finished, table};
use super::confirm::Consent;
use super::{Session, told};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::cloudflare::kv::{self, Bulk, Namespace, Pair};
use crate::event::text;
use crate::limits::{
    CLOUDFLARE_KV_FILE_BYTES_MAX, CLOUDFLARE_KV_PAIRS_PER_CALL, CLOUDFLARE_KV_VALUE_BYTES_MAX,
};
use clap::{Subcommand, ValueHint};
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// `riposte cf kv`
#[derive(Debug, Subcommand)]
pub enum KvCommand {
    /// Show the namespaces, or the keys of one
    List {
        /// A namespace's title, or its id
        namespace: Option<String>,
        /// Only keys that begin so
        #[arg(long)]
        prefix: Option<String>,
    },
    /// Print a value as it is
    Get {
        /// A namespace's title, or its id
        namespace: String,
        /// The key
        key: String,
    },
    /// Write a value
    Put {
        /// A namespace's title, or its id
        namespace: String,
        /// The key
        key: String,
        /// The value; from standard input when absent
        value: Option<String>,
        /// How long it is to stay (at least `1m`); for ever when absent
        #[arg(long, value_name = "DURATION")]
        ttl: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove keys
    Delete {
        /// A namespace's title, or its id
        namespace: String,
        /// The keys
        #[arg(required_unless_present = "prefix")]
        keys: Vec<String>,
        /// All keys that begin so
        #[arg(long, conflicts_with = "keys")]
        prefix: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Write many from a file of JSON: an object of keys and values, or a list of
    /// `{"key": …, "value": …, "expiration_ttl": …}`
    Import {
        /// A namespace's title, or its id; made when it isn't there
        namespace: String,
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make or remove a namespace (`list` shows them)
    #[command(subcommand)]
    Namespaces(NamespacesCommand),
}

/// `riposte cf kv namespaces`
#[derive(Debug, Subcommand)]
pub enum NamespacesCommand {
    /// Make a namespace
    Create {
        /// Its title
        title: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a namespace with all that it holds; refused while a Worker is bound to it
    Delete {
        /// Its title, or its id
        namespace: String,
        #[command(flatten)]
        consent: Consent,
    },
}

/// The namespace that a person means.
pub fn namespace<'n>(all: &'n [Namespace], wanted: &str) -> anyhow::Result<&'n Namespace> {
    choose("namespace", wanted, all, |namespace| (&namespace.id, &namespace.title))
}

/// Runs one of them.
pub fn run(session: &Session, command: &KvCommand, out: &mut Output) -> anyhow::Result<End> {
    let account = account(session)?;
    let all = kv::namespaces(&session.client, &account).map_err(|error| told(&error))?;
    match command {
        KvCommand::List { namespace: None, .. } => {
            table(session, out, &["namespace", "id"], &all, |row| {
                vec![text::escape(&row.title).into_owned(), text::escape(&row.id).into_owned()]
            })
        }
        KvCommand::List { namespace: Some(wanted), prefix } => {
            let space = namespace(&all, wanted)?;
            let keys = kv::keys(&session.client, &account, &space.id, prefix.as_deref());
            let keys = keys.map_err(|error| told(&error))?;
            table(session, out, &["key", "ends"], &keys, |key| {
                let ends = key.expiration.map(|secs| {
                    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
                    let secs = secs as i64;
                    crate::clock::Timestamp::from_secs(secs).to_string()
                });
                vec![text::escape(&key.name).into_owned(), ends.unwrap_or_default()]
            })
        }
        KvCommand::Get { namespace: wanted, key } => {
            let call = kv::get(&account, &namespace(&all, wanted)?.id, key);
            let value = session.client.send(&call).map_err(|error| told(&error))?.raw;
            if session.json {
                out.json(&json!({ "key": key, "value": String::from_utf8_lossy(&value) }))?;
            } else {
                out.bytes(&value)?;
            }
            Ok(End::Well)
        }
        KvCommand::Put { namespace: wanted, key, value, ttl, consent } => {
            let space = namespace(&all, wanted)?;
            let value = match value {
                Some(value) => value.clone().into_bytes(),
                None => from_stdin()?,
            };
            let ttl = ttl.as_deref().map(crate::clock::parse_duration).transpose();
            let secs = ttl.map_err(Usage::of)?.map(|ttl| ttl.as_secs());
            let line = format!("write `{}` ({} bytes)", text::escape(key), value.len());
            let call = kv::put(&account, &space.id, key, value, secs);
            let plan = Plan { lines: vec![line], calls: vec![call] };
            carry_out(session, *consent, &plan, &format!("`{}` is written", text::escape(key)), out)
        }
        KvCommand::Delete { namespace: wanted, keys, prefix, consent } => {
            let space = namespace(&all, wanted)?;
            let keys = match prefix {
                None => keys.clone(),
                Some(prefix) => {
                    let found = kv::keys(&session.client, &account, &space.id, Some(prefix));
                    let found = found.map_err(|error| told(&error))?;
                    found.into_iter().map(|key| key.name).collect()
                }
            };
            delete(session, &account, space, &keys, *consent, out)
        }
        KvCommand::Namespaces(command) => namespaces(session, &account, &all, command, out),
        KvCommand::Import { namespace: wanted, file, consent } => {
            import(session, &account, &all, (wanted, file), *consent, out)
        }
    }
}

fn namespaces(
    session: &Session,
    account: &str,
    all: &[Namespace],
    command: &NamespacesCommand,
    out: &mut Output,
) -> anyhow::Result<End> {
    match command {
        NamespacesCommand::Create { title, consent } => {
            let shown = text::escape(title).into_owned();
            let plan = Plan {
                lines: vec![format!("make the namespace `{shown}`")],
                calls: vec![kv::create(account, title)],
            };
            carry_out(session, *consent, &plan, &format!("the namespace `{shown}` is made"), out)
        }
        NamespacesCommand::Delete { namespace: wanted, consent } => {
            let space = namespace(all, wanted)?;
            let shown = text::escape(&space.title).into_owned();
            let id = text::escape(&space.id);
            let plan = Plan {
                lines: vec![format!("remove the namespace `{shown}` ({id}) with all its keys")],
                calls: vec![kv::delete_namespace(account, &space.id)],
            };
            carry_out(session, *consent, &plan, &format!("the namespace `{shown}` is removed"), out)
        }
    }
}

/// Keys that a plan names one by one; beyond, it says how many there are.
const NAMED: usize = 20;

fn delete(
    session: &Session,
    account: &str,
    space: &Namespace,
    keys: &[String],
    consent: Consent,
    out: &mut Output,
) -> anyhow::Result<End> {
    if keys.is_empty() {
        return Err(Usage::of("no key begins so"));
    }
    let named = keys.iter().take(NAMED).map(|key| format!("remove `{}`", text::escape(key)));
    let mut lines: Vec<String> = named.collect();
    if keys.len() > NAMED {
        lines.push(format!("and {} more", keys.len() - NAMED));
    }
    let calls = match keys {
        [one] => vec![kv::delete(account, &space.id, one)],
        many => many
            .chunks(CLOUDFLARE_KV_PAIRS_PER_CALL)
            .map(|part| kv::delete_many(account, &space.id, part))
            .collect(),
    };
    let plan = Plan { lines, calls };
    if !agreed(session, consent, &plan, out)? {
        return Ok(consent.left());
    }
    let mut left = Vec::new();
    for call in &plan.calls {
        // The reply for a single key is empty.
        let bulk: Option<Bulk> = super::account::ask(session, call)?;
        left.extend(bulk.unwrap_or_default().unsuccessful_keys);
    }
    if left.is_empty() {
        return finished(session, &(text::count(keys.len(), "key") + " removed"), out);
    }
    Err(Usage::of(format!(
        "{} of {} were not removed: {}\nhint: once more",
        left.len(),
        text::count(keys.len(), "key"),
        listed(&left)
    )))
}

/// The first of many keys, in words.
fn listed(keys: &[String]) -> String {
    let named: Vec<String> =
        keys.iter().take(10).map(|key| format!("`{}`", text::escape(key))).collect();
    named.join(", ") + if keys.len() > named.len() { ", …" } else { "" }
}

fn from_stdin() -> anyhow::Result<Vec<u8>> {
    let mut value = Vec::new();
    let most = CLOUDFLARE_KV_VALUE_BYTES_MAX as u64;
    std::io::stdin().lock().take(most + 1).read_to_end(&mut value)?;
    if value.len() > CLOUDFLARE_KV_VALUE_BYTES_MAX {
        return Err(Usage::of("the value is too large\nhint: Cloudflare takes 25 MiB"));
    }
    Ok(value)
}

/// What a file holds: an object of keys and values, or a list of pairs.
fn pairs(path: &Path) -> anyhow::Result<Vec<Pair>> {
    let fail = |reason: String| Usage::of(format!("failed to read `{}`: {reason}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
    if size > CLOUDFLARE_KV_FILE_BYTES_MAX as u64 {
        return Err(fail(format!("it is larger than {CLOUDFLARE_KV_FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string()))?;
    let Value::Object(fields) = value else {
        return serde_json::from_value(value).map_err(|error| fail(error.to_string()));
    };
    let pair = |(key, value): (String, Value)| Pair {
        key,
        // What is no text is kept as the JSON that it is.
        value: value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        expiration_ttl: None,
        metadata: None,
        base64: None,
    };
    Ok(fields.into_iter().map(pair).collect())
}

fn import(
    session: &Session,
    account: &str,
    all: &[Namespace],
    (wanted, file): (&str, &Path),
    consent: Consent,
    out: &mut Output,
) -> anyhow::Result<End> {
    let pairs = pairs(file)?;
    if pairs.is_empty() {
        return Err(Usage::of(format!("`{}` holds no keys", file.display())));
    }
    if let Some(fault) = pairs.iter().find_map(kv::fault) {
        return Err(Usage::of(format!("`{}`: {}", file.display(), text::escape(&fault))));
    }
    let there = all.iter().find(|space| space.title == wanted || space.id == wanted);
    let shown = text::escape(wanted).into_owned();
    let batches = kv::batches(&pairs);
    let count = text::count(pairs.len(), "key");
    let calls = text::count(batches.len(), "call");
    let mut plan = Plan { lines: Vec::new(), calls: Vec::new() };
    if there.is_none() {
        plan.lines.push(format!("make the namespace `{shown}`"));
        plan.calls.push(kv::create(account, wanted));
    }
    plan.lines.push(format!("write {count} to `{shown}` ({calls}; each key counts as a write)"));
    let known = there.map_or("ID", |space| space.id.as_str());
    plan.calls.extend(batches.iter().map(|part| kv::put_many(account, known, part)));
    if !agreed(session, consent, &plan, out)? {
        return Ok(consent.left());
    }
    let id = match there {
        Some(space) => space.id.clone(),
        None => super::account::ask::<Namespace>(session, &kv::create(account, wanted))?.id,
    };
    let mut failed = Vec::new();
    for part in batches {
        let bulk: Bulk = super::account::ask(session, &kv::put_many(account, &id, part))?;
        failed.extend(bulk.unsuccessful_keys);
    }
    if failed.is_empty() {
        return finished(session, &format!("{count} written to `{shown}`"), out);
    }
    Err(Usage::of(format!(
        "{} of {count} were not written: {}\nhint: import again, what is there is written over",
        failed.len(),
        listed(&failed)
    )))
}
