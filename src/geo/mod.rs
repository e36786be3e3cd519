//! Databases of places and networks (GeoIP, ASN), as what rules ask with `geo(address)`, and what gives
//! events their `country` and `asn`.
//!
//! In: files in MaxMind's format (`.mmdb`), as MaxMind, DB-IP and IPinfo give them. On the way: read
//! whole, verified ([`database`]), kept on disk ([`copies`]). Out: a [`Places`], all databases in force
//! together. When that counts is the pipeline's business: a version of a database is a numbered input,
//! like one of a feed.

pub mod config;
pub mod copies;
pub mod database;
pub mod keeper;
mod record;
mod set;

pub use config::{GeoConfig, Role};
pub use copies::Copies;
pub use database::Database;
pub use keeper::{GeoStatus, Keeper, Loaded};
pub use set::{Edition, Places};
