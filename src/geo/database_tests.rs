//! A database against small files of every kind, and copies of it; the tests of what comes of changed
//! files on a daemon are in `tests/geo.rs`.

use super::*;
use crate::geo::{Copies, Edition, Places};
use proptest::prelude::*;
use std::sync::Arc;

#[path = "../../tests/support/mmdb.rs"]
mod mmdb;
use mmdb::{Data, asn, city, country, database, map, text};

const BUILT: u32 = 1_790_000_000;

fn cities() -> Vec<u8> {
    database(
        "Test-City",
        BUILT.into(),
        &[
            ("203.0.113.0/24", city("NL", "Utrecht")),
            ("198.51.100.0/25", city("DE", "K\u{f6}ln")),
            ("2001:db8::/32", city("FR", "Lyon")),
        ],
    )
}

fn find(database: &Database, address: &str) -> Geo {
    database.find(address.parse().unwrap())
}

#[test]
fn an_address_has_the_place_of_its_network() {
    let database = Database::new(cities()).unwrap();
    database.verify(Role::City).unwrap();
    assert_eq!(
        (database.kind(), database.built()),
        ("Test-City", Timestamp::from_secs(BUILT.into()))
    );
    let found = find(&database, "203.0.113.9");
    let wanted = Geo {
        country: Some("NL".into()),
        continent: Some("EU".into()),
        city: Some("Utrecht".into()),
        ..Geo::default()
    };
    assert_eq!(found, wanted);
    assert_eq!(find(&database, "198.51.100.127").city.as_deref(), Some("K\u{f6}ln"));
    assert_eq!(find(&database, "2001:db8::1").country.as_deref(), Some("FR"));
    for nobody in ["198.51.100.128", "192.0.2.1", "2001:db9::1", "::1"] {
        assert!(find(&database, nobody).is_empty(), "{nobody}");
    }
}

#[test]
fn what_two_databases_know_is_put_together_and_mapped_addresses_are_v4() {
    let edition = |bytes| Edition { version: 1, database: Arc::new(Database::new(bytes).unwrap()) };
    let systems = database("Test-ASN", BUILT.into(), &[("203.0.0.0/16", asn(64_500, "Example"))]);
    let places = Places::default()
        .with(Role::Asn, Some(edition(systems)))
        .with(Role::City, Some(edition(cities())));
    let found = places.find("::ffff:203.0.113.9".parse().unwrap());
    assert_eq!(found.city.as_deref(), Some("Utrecht"));
    assert_eq!((found.asn, found.organisation.as_deref()), (Some(64_500), Some("Example")));
    assert_eq!(places.find("203.0.1.1".parse().unwrap()).country, None);
    assert!(places.with(Role::City, None).find("203.0.113.9".parse().unwrap()).country.is_none());
}

#[test]
fn records_side_by_side_are_read_too_and_nonsense_is_left_out() {
    let flat = map(&[
        ("asn", text("AS64501")),
        ("as_name", text("  Flat & Co ")),
        ("continent", text("Europe")),
        ("continent_code", text("EU")),
        ("country", text("Netherlands")),
        ("country_code", text("NL")),
    ]);
    let short = map(&[("country", text("DE")), ("asn", text("AS0")), ("as_name", text(" "))]);
    let nonsense = map(&[
        ("country", map(&[("iso_code", text("n\u{2067}l"))])),
        ("continent", Data::List(vec![text("EU")])),
        ("city", Data::Number(7)),
        ("autonomous_system_number", text("no number")),
        ("autonomous_system_organization", text(&"\u{e9}".repeat(300))),
    ]);
    let unknown = country("ZZ");
    let bytes = database(
        "Flat",
        BUILT.into(),
        &[
            ("192.0.2.0/26", flat),
            ("192.0.2.64/26", short),
            ("192.0.2.128/26", nonsense),
            ("192.0.2.192/26", unknown),
        ],
    );
    let database = Database::new(bytes).unwrap();
    let found = find(&database, "192.0.2.1");
    assert_eq!((found.country.as_deref(), found.continent.as_deref()), (Some("NL"), Some("EU")));
    assert_eq!((found.asn, found.organisation.as_deref()), (Some(64_501), Some("Flat & Co")));
    let found = find(&database, "192.0.2.65");
    assert_eq!(found, Geo { country: Some("DE".into()), ..Geo::default() });
    let found = find(&database, "192.0.2.129");
    let long = "\u{e9}".repeat(100);
    assert_eq!(found, Geo { organisation: Some(long), ..Geo::default() });
    assert_eq!(find(&database, "192.0.2.193").country, None);
}

#[test]
fn what_is_no_database_or_another_one_is_refused_in_words() {
    for (bytes, wanted) in [
        (Vec::new(), "it is no database in MaxMind's format: "),
        (b"<html>".repeat(100), "it is no database in MaxMind's format: "),
        (cities()[..cities().len() / 2].to_vec(), "it is no database in MaxMind's format: "),
    ] {
        let error = Database::new(bytes).unwrap_err();
        assert!(error.starts_with(wanted), "{error}");
    }
    let other = Database::new(cities()).unwrap().verify(Role::Asn).unwrap_err();
    assert_eq!(other, "it is `Test-City`, and none of its 3 records has an autonomous system");
    let mut damaged = cities();
    // The first record's head: no longer a map.
    let place = damaged.windows(5).position(|part| part == b"\x44city").unwrap() - 1;
    damaged[place] = 0x20;
    let error = Database::new(damaged).unwrap().verify(Role::City).unwrap_err();
    assert!(error.starts_with("it is damaged: "), "{error}");
    // A tree that leads back to its root has no end.
    let mut circle = cities();
    circle[4..8].copy_from_slice(&[0; 4]);
    let error = Database::new(circle).unwrap().verify(Role::City).unwrap_err();
    assert_eq!(error, "it is damaged: its tree has circles");
}

#[test]
fn copies_are_private_whole_and_forgotten_when_nobody_needs_them() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let copies = Copies::new(dir.path());
    let edition =
        |version, bytes| Edition { version, database: Arc::new(Database::new(bytes).unwrap()) };
    copies.save(Role::City, &edition(7, cities())).unwrap();
    let later = database("Later", BUILT.into(), &[("192.0.2.0/24", city("NL", "Ede"))]);
    copies.save(Role::City, &edition(9, later)).unwrap();
    assert_eq!(copies.load(Role::City, 7).unwrap().database.kind(), "Test-City");
    let mut complaints = Vec::new();
    assert_eq!(copies.newest(Role::City, &mut complaints).unwrap().version, 9);
    assert!(copies.newer(Role::City, 9, &mut complaints).is_none());
    let mut files: Vec<_> =
        std::fs::read_dir(dir.path().join("geo/city")).unwrap().flatten().collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    assert_eq!(files.len(), 2);
    let newest = files[1].path();
    assert_eq!(newest.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    // A copy that rotted doesn't count; the one before does.
    let mut bytes = std::fs::read(&newest).unwrap();
    let place = bytes.windows(3).position(|part| part == b"Ede").unwrap();
    bytes[place] = b'e';
    std::fs::write(&newest, bytes).unwrap();
    assert_eq!(copies.newest(Role::City, &mut complaints).unwrap().version, 7);
    assert!(complaints[0].ends_with("its checksum is wrong"), "{complaints:?}");
    copies.forget_before(&[("city".to_owned(), 9)].into());
    assert!(copies.load(Role::City, 7).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever a file holds, reading, verifying and asking it ends without a panic.
    #[test]
    fn no_file_breaks_the_reader(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
        address in any::<u128>(),
    ) {
        let mut bytes = cities();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            // The end stays: without it nothing is looked at.
            let cut = cut.index(bytes.len() / 2);
            bytes.drain(..cut);
        }
        if let Ok(database) = Database::new(bytes) {
            let _good = database.verify(Role::City);
            for address in [IpAddr::from(address.to_be_bytes()), [203, 0, 113, 9].into(), [198, 51, 100, 3].into()] {
                database.find(address);
            }
        }
    }
}
