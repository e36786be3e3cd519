//! The thread that asks the DNS: a bounded number of questions at once, each within its time.
//!
//! In: addresses, and whose they are said to be. Out: an [`Answer`] each, in whatever order they come.
//! Names and addresses from outside are data: names of hosts are looked at, all else is no name.

use super::config::BotsConfig;
use super::definitions::Definition;
use super::names::{Names, is_in, judge, plain};
use crate::limits;
use crate::telemetry::{self, names};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is who it says; its name.
    Verified(String),
    /// It isn't; why.
    Forged(String),
    /// That could not be found out; why.
    Unknown(String),
}

/// What is known of an address now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The address.
    pub address: IpAddr,
    /// Whose it was said to be: the main family.
    pub bot: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// How long that holds.
    pub holds: Duration,
}

struct Ask {
    address: IpAddr,
    definition: &'static Definition,
}

/// Takes an answer; false when nobody takes any more.
pub type Deliver = Box<dyn Fn(Answer) -> bool + Send>;

/// The running checker; it ends when this is dropped.
#[derive(Debug)]
pub struct Checker {
    asks: Sender<Ask>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

impl Checker {
    /// Starts it.
    pub fn start(config: &BotsConfig, deliver: Deliver) -> std::io::Result<Self> {
        let (asks, taken) = channel(limits::BOT_ASKS_WAITING_MAX);
        let config = config.clone();
        std::thread::Builder::new()
            .name("bots".into())
            .stack_size(limits::BOTS_STACK_BYTES)
            .spawn(move || run(&config, taken, &deliver))?;
        Ok(Self { asks })
    }

    /// Asks whether an address is that crawler's; false where too many ask already. Never waits.
    pub fn ask(&self, address: IpAddr, definition: &'static Definition) -> bool {
        self.asks.try_send(Ask { address, definition }).is_ok()
    }
}

fn run(config: &BotsConfig, mut asks: Receiver<Ask>, deliver: &Deliver) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        tracing::error!("crawlers can't be verified: no runtime");
        return;
    };
    runtime.block_on(async {
        let resolver = match resolver(config) {
            Ok(resolver) => Some(Arc::new(resolver)),
            Err(why) => {
                tracing::warn!(why, "crawlers can't be verified by name");
                None
            }
        };
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                ask = asks.recv(), if under_way.len() < limits::BOT_CHECKS_AT_ONCE => {
                    let Some(ask) = ask else { return };
                    under_way.spawn(check(resolver.clone(), ask));
                }
                Some(done) = under_way.join_next() => {
                    // A look that broke says nothing; who waits goes on in its time.
                    let Ok(answer) = done else { continue };
                    if !deliver(answer) {
                        return;
                    }
                }
            }
        }
    });
}

fn resolver(config: &BotsConfig) -> Result<TokioResolver, String> {
    let servers = config.servers();
    let known = if servers.is_empty() {
        let system = hickory_resolver::system_conf::read_system_conf();
        system.map_err(|error| error.to_string())?.0.name_servers().to_vec()
    } else {
        let server = |address: &std::net::SocketAddr| {
            let with_port = |mut connection: ConnectionConfig| {
                connection.port = address.port();
                connection
            };
            let ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(with_port);
            NameServerConfig::new(address.ip(), true, ways.to_vec())
        };
        servers.iter().map(server).collect()
    };
    let mut options = ResolverOpts::default();
    options.timeout = Duration::from_secs(limits::BOT_DNS_SECS_MAX);
    options.attempts = 2;
    options.use_hosts_file = ResolveHosts::Never;
    // Answers are remembered where they are used.
    options.cache_size = 0;
    options.case_randomization = true;
    let config = ResolverConfig::from_parts(None, Vec::new(), known);
    Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .map_err(|error| error.to_string())
}

async fn check(resolver: Option<Arc<TokioResolver>>, ask: Ask) -> Answer {
    telemetry::counter(names::BOT_CHECKS).add(1);
    let Ask { address, definition } = ask;
    let most = Duration::from_secs(limits::BOT_CHECK_SECS_MAX);
    let looked = match &resolver {
        _ if definition.names.is_empty() => {
            Ok((Err("its operator gives no names".to_owned()), Duration::ZERO))
        }
        None => Err("no name server is known".to_owned()),
        Some(resolver) => {
            let look = look(resolver, address, &definition.names);
            let timed = tokio::time::timeout(most, look).await;
            timed.unwrap_or_else(|_| Err("the name servers took too long".to_owned()))
        }
    };
    let secs = Duration::from_secs;
    let (outcome, holds) = match looked {
        Ok((Ok(name), ttl)) => (
            Outcome::Verified(name),
            ttl.clamp(secs(limits::BOT_VERIFIED_SECS_MIN), secs(limits::BOT_VERIFIED_SECS_MAX)),
        ),
        Ok((Err(why), ttl)) => (
            Outcome::Forged(why),
            ttl.clamp(secs(limits::BOT_FORGED_SECS_MIN), secs(limits::BOT_FORGED_SECS_MAX)),
        ),
        Err(why) => (Outcome::Unknown(why), secs(limits::BOT_UNKNOWN_SECS)),
    };
    let bot = definition.families.first().map_or("", String::as_str);
    Answer { address, bot, outcome, holds }
}

/// A verdict, and how long what it rests on may be remembered; or why there is none.
type Looked = Result<(Result<String, String>, Duration), String>;

/// From the address to its names, and from those of the operator back.
async fn look(resolver: &TokioResolver, address: IpAddr, domains: &[String]) -> Looked {
    let mut ttl = Duration::from_secs(limits::BOT_VERIFIED_SECS_MAX);
    let mut found = Names::new();
    match resolver.reverse_lookup(address).await {
        Ok(pointers) => {
            ttl = ttl.min(left(pointers.valid_until()));
            for record in pointers.answers() {
                if let RData::PTR(name) = &record.data
                    && found.len() < limits::BOT_NAMES_MAX
                    && let Some(name) = plain(&name.0.to_ascii())
                {
                    found.insert(name, Vec::new());
                }
            }
        }
        Err(error) if error.is_no_records_found() => {}
        Err(error) => return Err(words(&error)),
    }
    let wanted = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    for (name, leads_to) in found.iter_mut().filter(|(name, _)| is_in(name, domains)) {
        match resolver.lookup(format!("{name}."), wanted).await {
            Ok(answer) => {
                ttl = ttl.min(left(answer.valid_until()));
                let addresses = answer.answers().iter().filter_map(|record| record.data.ip_addr());
                leads_to.extend(addresses.take(limits::BOT_ADDRESSES_MAX));
            }
            Err(error) if error.is_no_records_found() => {}
            Err(error) => return Err(words(&error)),
        }
    }
    Ok((judge(address, domains, &found), ttl))
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

fn words(error: &NetError) -> String {
    crate::event::text::escape_cut(error.to_string().as_bytes(), 160)
}
