//! What is sent, and what codes mean.

use super::*;

fn record() -> Record {
    serde_json::from_value(json!({
        "id": "1", "type": "A", "name": "www.example.com", "content": "192.0.2.1",
        "proxied": true, "ttl": 1, "comment": null, "tags": null, "settings": {},
    }))
    .unwrap()
}

#[test]
fn a_patch_sends_only_what_changes() {
    let call = patch("z", "1", &Patch::content("192.0.2.2"));
    assert_eq!(call.to_string(), "PATCH /zones/z/dns_records/1\n{\"content\":\"192.0.2.2\"}");
    assert!(Patch::content("192.0.2.1").is_empty_for(&record()));
    let patch = Patch { ttl: Some(60), ..Patch::content("192.0.2.1") };
    assert!(!patch.is_empty_for(&record()));
}

#[test]
fn a_batch_has_only_the_parts_that_it_uses() {
    let other = NewRecord { ttl: 60.0, ..NewRecord::new("CNAME", "www", "b.example.net") };
    let both = Batch { deletes: vec!["1".into()], posts: vec![other], ..Batch::default() };
    assert_eq!(
        batch("z", &both).body,
        Some(json!({
            "deletes": [{ "id": "1" }],
            "posts": [{ "type": "CNAME", "name": "www", "content": "b.example.net", "ttl": 60 }],
        }))
    );
    let one = Batch { patches: vec![("1".into(), Patch::content("x"))], ..Batch::default() };
    let body = json!({ "patches": [{ "id": "1", "content": "x" }] });
    assert_eq!(batch("z", &one).body, Some(body));
}

#[test]
fn codes_mean_something_in_their_area_alone() {
    let coded = |area, code| {
        let error = ApiError::of(area, ErrorKind::Refused, "x");
        trouble(&ApiError { code: Some(code), ..error })
    };
    for (code, known) in [
        (81_057, Trouble::Exists),
        (81_058, Trouble::Exists),
        (81_053, Trouble::Clash),
        (81_044, Trouble::Missing),
        (9_021, Trouble::Ttl),
        (1_004, Trouble::Invalid),
        (9_300, Trouble::Room),
    ] {
        assert_eq!(coded(Area::Dns, code), Some(known), "{code}");
        assert_eq!(coded(Area::Zones, code), None, "{code}");
    }
    assert_eq!(coded(Area::Dns, 7), None);
}

#[test]
fn a_record_made_again_keeps_all_that_people_gave_it() {
    let mut kept = record();
    kept.comment = Some("web".into());
    kept.tags = vec!["team:web".into()];
    kept.settings = json!({ "ipv4_only": true });
    let again = json!(kept.to_new());
    assert_eq!(
        again,
        json!({
            "type": "A", "name": "www.example.com", "content": "192.0.2.1", "ttl": 1,
            "proxied": true, "comment": "web", "tags": ["team:web"],
            "settings": { "ipv4_only": true },
        })
    );
}
