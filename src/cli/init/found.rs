//! What `init` finds, as plain values: between looking ([`super::look`]) and writing
//! ([`super::page`]).

use std::net::IpAddr;

/// Everything that was found on a machine.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Logs, in the order in which they are written.
    pub sources: Vec<FoundSource>,
    /// Whether blocks can go into the kernel.
    pub nft: Nft,
    /// Servers that could be given a file of blocked addresses.
    pub servers: Vec<Server>,
    /// How nginx comes to the client's address, where a proxy stands before it.
    pub proxied: Option<Proxied>,
    /// Proxies, beside Cloudflare's, that nginx believes.
    pub trusted_proxies: Vec<String>,
    /// Addresses of the people who administer this machine now, and how that is known.
    pub administrators: Vec<(IpAddr, String)>,
    /// This machine's own addresses, without loopback and link-local ones.
    pub own: Vec<IpAddr>,
    /// What somebody should know or do, in sentences; a line that is indented is a command or a
    /// line for a config file.
    pub notes: Vec<String>,
}

/// A log, or several of one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSource {
    /// The source's name in the config.
    pub name: String,
    /// Its format.
    pub format: &'static str,
    /// The `log_format` that belongs to it.
    pub log_format: Option<String>,
    /// The logs, or patterns of them.
    pub paths: Vec<String>,
    /// How they were found.
    pub why: String,
    /// It is no file but the journal.
    pub from_journal: bool,
}

/// Whether nftables can be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Nft {
    /// The program isn't there.
    #[default]
    Missing,
    /// It is there, and this user may not use it (or the kernel lacks it): what it said.
    Refused(String),
    /// It works.
    Usable,
}

/// A server that can read a file of blocked addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its service's name.
    pub name: &'static str,
    /// The file's format.
    pub format: &'static str,
}

/// A proxy before nginx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxied {
    /// It is Cloudflare.
    pub cloudflare: bool,
    /// nginx puts the client's address in the place of the proxy's.
    pub rewritten: bool,
    /// The log keeps the proxy's address too.
    pub peer_logged: bool,
    /// What to write into nginx.conf, so that the log tells both.
    pub log_format: String,
}

/// What only the running machine can tell.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// Whether nftables can be used.
    pub nft: Nft,
    /// The client of the SSH session that runs this.
    pub ssh_client: Option<IpAddr>,
    /// The addresses from which people are logged in.
    pub logins: Vec<IpAddr>,
    /// The addresses of the interfaces.
    pub own: Vec<IpAddr>,
}
