//! A look-alike of Cloudflare's API on this machine, to try rules and automations on without an
//! account, and for tests: the same paths, envelope, limits of plans and error codes, changes of
//! lists that take their time, and faults on demand.
//!
//! In: HTTP on loopback. Out: what Cloudflare would answer, as far as is known (docs/cloudflare.md
//! says what is a guess). The way of a request:
//!
//! ```text
//! http ─▶ faults ─▶ gate (token, permission, rate) ─▶ routes ─▶ one file an area ─▶ transcript
//! ```

mod access_rules;
mod dns;
mod account;
mod alerts;
mod audit;
mod billing;
mod faults;
mod firewall;
mod gate;
mod graphql;
mod http;
mod kv;
mod lists;
mod pools;
mod logpush;
mod members;
mod reply;
mod routes;
mod rulesets;
mod settings;
mod simple;
mod tokens;
mod transcript;
mod workers;
mod world;
mod zone_text;
mod zones;

pub use faults::{Fault, FaultKind};
pub use world::{Options, Plan, TokenGrant};

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use transcript::Transcript;
use world::World;

/// What the threads of a look-alike share.
struct Shared {
    world: Mutex<World>,
    transcript: Option<Transcript>,
    stopped: AtomicBool,
    port: u16,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running look-alike. It stops when dropped; all that it holds is forgotten then.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts on loopback; port 0 takes a free one. Each exchange is added to `transcript`, where
    /// there is one, as a line of JSON.
    pub fn start(port: u16, options: Options, transcript: Option<&Path>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            world: Mutex::new(World::new(options)),
            transcript: transcript.map(Transcript::open).transpose()?,
            stopped: AtomicBool::new(false),
            port: address.port(),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("simulator".into())
            .spawn(move || http::serve(&listener, &served))?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// The API's base, for `api` in the config.
    pub fn base(&self) -> String {
        format!("http://{}/client/v4", self.address)
    }

    /// Lets something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.shared.world().faults.add(fault);
    }

    /// Ends all faults that are still to come.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// Puts an incident on the status page, or ends it.
    pub fn incident(&self, name: Option<&str>) {
        self.shared.world().incident = name.map(str::to_owned);
    }

    /// Rules of a zone did something to requests: rows as `firewallEventsAdaptive` gives them. From then
    /// on the zone's events are these alone, not the made up ones.
    pub fn meet(&self, zone: &str, rows: impl IntoIterator<Item = serde_json::Value>) {
        let rows = rows.into_iter().map(|row| (zone.to_owned(), row));
        self.shared.world().met.extend(rows);
    }

    /// The address of the status page's summary.
    pub fn status_page(&self) -> String {
        format!("http://{}/api/v2/summary.json", self.address)
    }

    /// How many requests came to the API.
    pub fn calls(&self) -> u64 {
        self.shared.world().calls
    }

    /// The addresses in a list, with their comments, in the order in which they came.
    pub fn list_items(&self, list: &str) -> Vec<(String, String)> {
        self.shared.world().items_of(list)
    }

    /// The addresses that a zone's custom rules and access rules block, as far as they are lists
    /// (`ip.src in $name`) and addresses.
    pub fn blocked(&self, zone: &str) -> Vec<String> {
        self.shared.world().met(zone, "block")
    }

    /// The same for those who meet a managed challenge.
    pub fn challenged(&self, zone: &str) -> Vec<String> {
        self.shared.world().met(zone, "managed_challenge")
    }

    /// Accepts these tokens from now on, and no others.
    pub fn set_tokens(&self, tokens: Vec<TokenGrant>) {
        self.shared.world().options.tokens = tokens;
    }

    /// The references and expressions of a zone's custom rules, in their order.
    pub fn custom_rules(&self, zone: &str) -> Vec<(String, String)> {
        self.shared.world().custom_rules(zone)
    }

    /// A zone setting's value; `null` where there is no such zone or setting.
    pub fn setting(&self, zone: &str, id: &str) -> serde_json::Value {
        let world = self.shared.world();
        let zone = world.zones.iter().find(|known| known.name == zone);
        zone.and_then(|zone| zone.settings.value(id)).unwrap_or_default()
    }

    /// All rules of a phase of a zone, in their order, as the API has them.
    pub fn rules(&self, zone: &str, phase: &str) -> Vec<serde_json::Value> {
        let world = self.shared.world();
        let zone = world.zones.iter().find(|known| known.name == zone);
        let set = zone.and_then(|zone| zone.rulesets.get(phase));
        set.map(|set| set.rules.clone()).unwrap_or_default()
    }

    /// A zone's records as type, name and content, in the order in which they came.
    pub fn records(&self, zone: &str) -> Vec<(String, String, String)> {
        self.shared.world().records_of(zone)
    }

    /// What was purged of a zone, a body for each call.
    pub fn purges(&self, zone: &str) -> Vec<serde_json::Value> {
        let world = self.shared.world();
        let zone = world.zones.iter().find(|known| known.name == zone);
        zone.map(|zone| zone.purges.clone()).unwrap_or_default()
    }

    /// Waits until the process is ended from outside.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            drop(thread.join());
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener; if nothing comes, it is not waiting.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
