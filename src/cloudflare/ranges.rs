//! Cloudflare's own address ranges, as its API tells them: they must never be blocked.

use super::call::{Area, Call};
use serde::{Deserialize, Serialize};

/// The ranges.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Ranges {
    /// IPv4.
    #[serde(default)]
    pub ipv4_cidrs: Vec<String>,
    /// IPv6.
    #[serde(default)]
    pub ipv6_cidrs: Vec<String>,
}

/// Asks for them.
pub fn all() -> Call {
    Call::get(Area::Ranges, "/ips")
}
