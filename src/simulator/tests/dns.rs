//! Records: what is refused and with which code, batches, what a patch keeps, text and back.

use super::{client, quick, read};
use crate::cloudflare::dns::{self, Batch, Filter, NewRecord, Patch, Record, Trouble};
use crate::cloudflare::{Call, Client, zones};
use crate::simulator::{Fault, FaultKind, Options, Plan, Simulator};

fn place(options: Options) -> (Simulator, Client, String) {
    let simulator = Simulator::start(0, options, None).unwrap();
    let client = client(&simulator, "t");
    let zone = zones::find(&client, "example.com").unwrap().unwrap().id;
    (simulator, client, zone)
}

fn refused(client: &Client, call: &Call) -> (Option<i64>, Option<Trouble>) {
    let error = client.send(call).unwrap_err();
    (error.code, dns::trouble(&error))
}

fn www(client: &Client, zone: &str) -> Vec<Record> {
    dns::list(client, zone, &Filter::name("www.example.com")).unwrap()
}

/// All of the area's calls, once; others hold them to the schema.
pub(super) fn tour(client: &Client, zone: &str) {
    let record = NewRecord { ttl: 300.0, ..NewRecord::new("A", "a.example.com", "192.0.2.1") };
    let made: Record = read(client, &dns::create(zone, &record));
    assert!(dns::all(client, zone).unwrap().contains(&made));
    let patched: Record = read(client, &dns::patch(zone, &made.id, &Patch::content("192.0.2.2")));
    assert_eq!(patched, Record { content: "192.0.2.2".to_owned(), ..made.clone() });
    let other = NewRecord::new("CNAME", "a.example.com", "b.example.net");
    let batch = Batch {
        deletes: vec![made.id],
        patches: vec![(www(client, zone)[0].id.clone(), Patch::content("192.0.2.81"))],
        posts: vec![other],
    };
    client.send(&dns::batch(zone, &batch)).unwrap();
    let filter = Filter { kind: Some("CNAME".to_owned()), ..Filter::default() };
    let found = dns::list(client, zone, &filter).unwrap();
    assert_eq!(found.len(), 1);
    client.send(&dns::delete(zone, &found[0].id)).unwrap();
    let usage: dns::Usage = read(client, &dns::usage(zone));
    assert_eq!(usage, dns::Usage { record_quota: Some(200), record_usage: 3 });
    let text = String::from_utf8(client.send(&dns::export(zone)).unwrap().raw).unwrap();
    assert!(text.contains("www.example.com.\t1\tIN\tA\t192.0.2.81"), "{text}");
}

#[test]
fn the_area_answers() {
    let (_simulator, client, zone) = place(quick());
    tour(&client, &zone);
}

#[test]
fn refusals_have_their_codes() {
    let (_simulator, client, zone) = place(quick());
    let create = |kind: &str, name: &str, content: &str| {
        dns::create(&zone, &NewRecord::new(kind, name, content))
    };
    for (call, code, trouble) in [
        (create("A", "www", "192.0.2.80"), 81_058, Trouble::Exists),
        (create("CNAME", "www", "b.example.net"), 81_053, Trouble::Clash),
        (create("A", "x", "192.0.2.800"), 9_005, Trouble::Invalid),
        (create("AAAA", "x", "192.0.2.8"), 9_006, Trouble::Invalid),
        (create("CNAME", "x", "192.0.2.8"), 9_007, Trouble::Invalid),
        (dns::delete(&zone, "nothing"), 81_044, Trouble::Missing),
        (dns::patch(&zone, "nothing", &Patch::content("x")), 81_044, Trouble::Missing),
        (
            dns::create(&zone, &NewRecord { ttl: 30.0, ..NewRecord::new("A", "x", "192.0.2.8") }),
            9_021,
            Trouble::Ttl,
        ),
        (
            dns::create(
                &zone,
                &NewRecord { tags: vec!["a:b".into()], ..NewRecord::new("A", "x", "192.0.2.8") },
            ),
            9_300,
            Trouble::Room,
        ),
    ] {
        assert_eq!(refused(&client, &call), (Some(code), Some(trouble)), "{call}");
    }
    let (_simulator, client, zone) = place(Options { plan: Plan::Enterprise, ..quick() });
    let short = NewRecord { ttl: 30.0, ..NewRecord::new("A", "x", "192.0.2.8") };
    client.send(&dns::create(&zone, &short)).unwrap();
}

#[test]
fn a_batch_happens_whole_or_not_at_all() {
    let (simulator, client, zone) = place(quick());
    let before = simulator.records("example.com");
    let own = www(&client, &zone)[0].id.clone();
    let post = |name: &str| NewRecord::new("A", name, "192.0.2.9");
    let batch = Batch {
        deletes: vec![own.clone()],
        posts: vec![post("a"), post("b"), post("a")],
        ..Batch::default()
    };
    assert_eq!(refused(&client, &dns::batch(&zone, &batch)).0, Some(81_058));
    assert_eq!(simulator.records("example.com"), before, "nothing of it happened");
    let batch = Batch { posts: (0..201).map(|n| post(&format!("n{n}"))).collect(), ..batch };
    assert_eq!(refused(&client, &dns::batch(&zone, &batch)).1, Some(Trouble::Invalid));
    let swap = Batch {
        deletes: vec![own],
        posts: vec![NewRecord::new("CNAME", "www", "b.example.net")],
        ..Batch::default()
    };
    client.send(&dns::batch(&zone, &swap)).unwrap();
    assert_eq!(www(&client, &zone)[0].kind, "CNAME");
}

#[test]
fn a_zone_has_room_for_so_many_records() {
    let (_simulator, client, zone) = place(quick());
    let post = |n: usize| NewRecord::new("A", &format!("n{n}"), "192.0.2.9");
    let batch = Batch { posts: (0..197).map(post).collect(), ..Batch::default() };
    client.send(&dns::batch(&zone, &batch)).unwrap();
    let full = refused(&client, &dns::create(&zone, &post(999)));
    assert_eq!(full, (Some(81_045), Some(Trouble::Room)));
    assert_eq!(dns::all(&client, &zone).unwrap().len(), 200, "over two pages");
}

#[test]
fn a_patch_keeps_what_it_does_not_name_and_a_type_can_not_change() {
    let (_simulator, client, zone) = place(quick());
    let before = www(&client, &zone).remove(0);
    let after: Record =
        read(&client, &dns::patch(&zone, &before.id, &Patch::content("192.0.2.81")));
    assert_eq!(after, Record { content: "192.0.2.81".to_owned(), ..before.clone() });
    assert_eq!(after.proxied, Some(true));
    let mut call = dns::patch(&zone, &before.id, &Patch::content("b.example.net"));
    call.body.as_mut().unwrap()["type"] = "CNAME".into();
    assert_eq!(refused(&client, &call).1, Some(Trouble::Invalid));
}

#[test]
fn a_lost_reply_may_have_happened() {
    let (simulator, client, zone) = place(quick());
    simulator.fault(Fault::new(FaultKind::Lost, 1).only("POST", "/dns_records"));
    let call = dns::create(&zone, &NewRecord::new("A", "a", "192.0.2.9"));
    assert!(client.send(&call).unwrap_err().may_have_happened());
    assert_eq!(refused(&client, &call).1, Some(Trouble::Exists), "and it has");
}
