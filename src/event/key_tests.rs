//! Keys: what they are made of, and that their bytes are read back.

use super::*;
use proptest::prelude::*;

#[test]
fn a_distrusted_key_is_another_that_reads_the_same() {
    // Parts that end with the mark's byte are no mark.
    for key in [Key::net(net("203.0.113.9")), Key::text("x\t"), Key::int(9), Key::text("")] {
        let apart = key.clone().distrusted();
        assert!(apart.is_distrusted() && !key.is_distrusted(), "{key}");
        assert_ne!(key, apart);
        assert_eq!((key.to_string(), key.net_part()), (apart.to_string(), apart.net_part()));
        assert_eq!(key.neighbourhood(), apart.neighbourhood());
        assert_eq!(Key::from_bytes(apart.as_bytes()).as_ref(), Some(&apart));
    }
}

fn net(text: &str) -> IpNet {
    super::super::net::parse_net(text).unwrap()
}

#[test]
fn keys_print_as_people_write_them() {
    assert_eq!(Key::net(net("203.0.113.9")).to_string(), "203.0.113.9");
    let client = Key::net(net("2001:db8:1:2::/64"));
    assert_eq!(client.to_string(), "2001:db8:1:2::/64");
    let pair = Key::parts(&[KeyPart::Text("bob"), KeyPart::Text("www.example.com")]);
    assert_eq!(pair.to_string(), "bob|www.example.com");
    assert_eq!(Key::int(-5).to_string(), "-5");
    assert_eq!(Key::bool(true).to_string(), "true");
}

#[test]
fn addresses_are_short_and_numbers_are_in_order() {
    assert_eq!(Key::net(net("203.0.113.9")).as_bytes().len(), 5);
    assert_eq!(Key::net(net("2001:db8:1:2::/64")).as_bytes().len(), 9);
    let near = Key::parts(&[KeyPart::Int(3), KeyPart::Net(net("203.0.113.0/26"))]);
    assert_eq!(near.neighbourhood(), Key::net(net("203.0.113.9")).neighbourhood());
    let wide = Key::net(net("2001:db8:1::/48")).neighbourhood();
    assert_eq!(wide, Key::net(net("2001:db8:1:2::/64")).neighbourhood());
    assert_eq!(Key::text("x").neighbourhood(), None);
    assert!(Key::int(-1) < Key::int(0) && Key::int(0) < Key::int(i64::MAX));
}

#[test]
fn parts_can_not_be_shifted_into_one_another() {
    let first = Key::parts(&[KeyPart::Text("ab"), KeyPart::Text("c")]);
    let second = Key::parts(&[KeyPart::Text("a"), KeyPart::Text("bc")]);
    assert_ne!(first, second);
    assert_ne!(Key::text("1"), Key::int(1));
}

#[test]
fn long_texts_stay_apart() {
    let long = "ä".repeat(40_000);
    let longer = "ä".repeat(40_001);
    assert_ne!(Key::text(&long), Key::text(&longer));
    assert!(Key::text(&long).as_bytes().len() < KEY_TEXT_BYTES_MAX + 32);
    assert!(Key::from_bytes(Key::text(&long).as_bytes()).is_some());
}

proptest! {
    #[test]
    fn bytes_are_read_back(number: i64, flag: bool, text in ".{0,300}", v4: u32, v6: u128,
                           bits4 in 0_u8..=32, bits6 in 0_u8..=128) {
        let v4 = IpNet::new(IpAddr::V4(v4.into()), bits4).unwrap();
        let v6 = IpNet::new(IpAddr::V6(v6.into()), bits6).unwrap();
        let parts = [KeyPart::Int(number), KeyPart::Net(v6), KeyPart::Bool(flag),
                     KeyPart::Text(&text), KeyPart::Net(v4)];
        let key = Key::parts(&parts);
        prop_assert_eq!(Key::from_bytes(key.as_bytes()), Some(key.clone()));
        prop_assert_eq!(key.net_part(), Some(v6.trunc()));
        prop_assert_eq!(key.iter().count(), 5);
        prop_assert_eq!(key.iter().next(), Some(KeyPart::Int(number)));
        prop_assert_eq!(key.iter().last(), Some(KeyPart::Net(v4.trunc())));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        if let Some(key) = Key::from_bytes(&bytes) {
            let _ = key.to_string();
            prop_assert_eq!(key.as_bytes(), &bytes[..]);
        }
    }
}
