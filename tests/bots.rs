//! Crawlers on the running daemon: who proves to be one is never blocked, whoever only says so is, and
//! a name server that lies, stalls or is silent changes nothing else.

mod support;

#[path = "support/dns.rs"]
mod dns;

use dns::{NameServer, Says, reverse};
use riposte::store::Entry;
use std::time::{Duration, Instant};
use support::Place;
use support::trouble::web_file;

const RULES: &str = r#"
rule("each").on("http").when(|e| e.path == "/x").by("ip").count(1, "1h")
    .then(|hit| block(hit.ip, "1h"));
"#;

const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

fn place(root: &tempfile::TempDir, server: &NameServer, more: &str) -> Place {
    let web = web_file(&root.path().join("p"));
    let config = format!("{web}[bots]\nname_servers = [\"127.0.0.1:{}\"]\n{more}", server.port);
    Place::new(root.path(), "p", RULES, &config)
}

fn line(client: &str, agent: &str) -> String {
    let plain = support::line(client, "/x", 200);
    plain.replace("\"test\"", &format!("\"{agent}\""))
}

fn wait_for_block(place: &Place, client: &str) {
    let what = format!("{client} is blocked");
    place.wait(Duration::from_secs(20), &what, || place.blocked().contains(&client.to_owned()));
}

/// The guard's words for a client's decisions.
fn verdicts(place: &Place, client: &str) -> Vec<String> {
    let mut words = Vec::new();
    for row in place.journal() {
        if let Entry::Decision { row, .. } = row.entry
            && row.decision.target.to_string() == client
        {
            words.push(row.verdict.words());
        }
    }
    words
}

fn wait_for_verdict(place: &Place, client: &str, wanted: &str) {
    let what = format!("{client}: {wanted}");
    place.wait(Duration::from_secs(20), &what, || {
        verdicts(place, client).iter().any(|verdict| verdict.contains(wanted))
    });
}

#[test]
fn serial_who_proves_to_be_a_crawler_is_not_blocked_and_who_does_not_is() {
    let root = tempfile::tempdir().unwrap();
    let server = NameServer::start();
    let place = place(&root, &server, "");
    server.knows("45.64.0.1", "crawl-45-64-0-1.googlebot.com", &["45.64.0.9", "45.64.0.1"]);
    // Forged in every way that the DNS allows.
    server.knows("45.64.1.1", "crawl.googlebot.com.evil.example", &["45.64.1.1"]);
    server.knows("45.64.1.2", "evilgooglebot.com", &["45.64.1.2"]);
    server.knows("45.64.1.3", "crawl-45-64-0-1.googlebot.com", &["45.64.0.9", "45.64.0.1"]);
    server.knows("45.64.1.4", "crawl-x.search.msn.com", &["45.64.1.4"]);
    server.names("45.64.1.5", Says::Code(3));
    server.names("45.64.1.6", Says::Code(2));
    server.names("45.64.1.7", Says::Silence);
    server.names("45.64.1.8", Says::Alias(reverse("45.64.1.8")));
    server.names("45.64.1.9", Says::Alias("loop.example".into()));
    server.says("loop.example", Says::Alias(reverse("45.64.1.9")));
    server.names("45.64.1.10", Says::Garbage(vec![0xff; 900]));
    server.names("45.64.1.11", Says::Cut);
    let many = (0..40).map(|number| format!("n{number}.example.org")).collect();
    server.names("45.64.1.12", Says::Names(many));
    server.knows("45.64.1.13", "a\u{1b}[31m<b>.googlebot.com", &["45.64.1.13"]);
    server.names("45.64.1.14", Says::Names(vec!["gone.googlebot.com".into()]));

    let daemon = place.start_and_wait();
    place.append(&line("45.64.0.1", GOOGLEBOT));
    wait_for_verdict(&place, "45.64.0.1", "verified bot `45.64.0.1`");
    let begin = Instant::now();
    let forgers: Vec<String> = (1..=14).map(|number| format!("45.64.1.{number}")).collect();
    for client in &forgers {
        place.append(&line(client, GOOGLEBOT));
    }
    // Somebody else doesn't wait for them.
    place.append(&line("45.64.2.1", "curl/8.5.0"));
    wait_for_block(&place, "45.64.2.1");
    for client in &forgers {
        wait_for_block(&place, client);
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "a little is what they wait");
    assert!(!place.blocked().contains(&"45.64.0.1".to_owned()));
    let (_, why) = place.code(&["why", "45.64.0.1"]);
    assert!(why.contains("its name is `crawl-45-64-0-1.googlebot.com`"), "{why}");
    let (_, why) = place.code(&["why", "45.64.1.1"]);
    assert!(why.contains("`crawl.googlebot.com.evil.example` is not the operator's"), "{why}");

    // What is known isn't asked again, also after a restart for who is protected.
    let asked = server.times(&reverse("45.64.0.1"));
    daemon.terminate();
    let _daemon = place.start_and_wait();
    place.append(&line("45.64.0.1", GOOGLEBOT));
    place.wait(Duration::from_secs(20), "it is hit again", || place.hits("each")["45.64.0.1"] == 2);
    place.wait(Duration::from_secs(20), "and judged", || {
        verdicts(&place, "45.64.0.1").iter().filter(|words| words.contains("verified bot")).count()
            == 2
    });
    assert!(server.times(&reverse("45.64.0.1")) <= asked + 1);
}

#[test]
fn serial_a_late_word_lifts_the_block_that_went_ahead() {
    let root = tempfile::tempdir().unwrap();
    let server = NameServer::start();
    let place = place(&root, &server, "");
    let name = "crawl.googlebot.com";
    server.names("45.64.0.1", Says::Names(vec![name.into()]));
    // The first answer comes when the block stands already; names are asked for twice.
    let late = Says::Addresses(vec!["45.64.0.1".parse().unwrap()]);
    server.names(
        "45.64.0.1",
        Says::Late(Duration::from_millis(1_800), Box::new(Says::Names(vec![name.into()]))),
    );
    server.says(name, Says::Late(Duration::from_millis(1_800), Box::new(late)));
    let _daemon = place.start_and_wait();
    place.append(&line("45.64.0.1", GOOGLEBOT));
    wait_for_block(&place, "45.64.0.1");
    place.wait(Duration::from_secs(20), "it is lifted", || place.blocked().is_empty());
    let (_, why) = place.code(&["why", "45.64.0.1"]);
    assert!(why.contains("a verified bot"), "{why}");
}

#[test]
fn serial_a_crash_while_a_block_waits_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let server = NameServer::start();
    let place = place(&root, &server, "");
    server.names("45.64.1.1", Says::Silence);
    let mut daemon = place.start_and_wait();
    place.append(&line("45.64.1.1", GOOGLEBOT));
    wait_for_verdict(&place, "45.64.1.1", "queued");
    daemon.kill();
    assert!(place.blocked().is_empty());
    let daemon = place.start_and_wait();
    wait_for_block(&place, "45.64.1.1");
    assert_eq!(place.hits("each")["45.64.1.1"], 1);
    assert_eq!(verdicts(&place, "45.64.1.1").len(), 1, "one decision, judged again");

    // An orderly end saves all that was read, so nothing would be judged again: it is judged before.
    server.names("45.64.1.2", Says::Silence);
    place.append(&line("45.64.1.2", GOOGLEBOT));
    wait_for_verdict(&place, "45.64.1.2", "queued");
    daemon.terminate();
    let _daemon = place.start_and_wait();
    wait_for_block(&place, "45.64.1.2");
}

#[test]
fn serial_published_ranges_count_without_asking() {
    let root = tempfile::tempdir().unwrap();
    let server = NameServer::start();
    let more = "[[feeds]]\nshipped = \"googlebot\"\npath = \"ranges.json\"\n";
    let place = place(&root, &server, more);
    place.write(
        "ranges.json",
        r#"{"creationTime": "2026-11-01T00:00:00", "prefixes": [{"ipv6Prefix": "2001:4860:4801:10::/64"}, {"ipv4Prefix": "45.64.0.0/28"}]}"#,
    );
    let _daemon = place.start_and_wait();
    place.wait(Duration::from_secs(20), "the feed is in force", || {
        place.status().feeds.first().is_some_and(|feed| feed.entries == 2)
    });
    place.append(&line("45.64.0.1", GOOGLEBOT));
    wait_for_verdict(&place, "45.64.0.1", "verified bot");
    assert_eq!(server.asked(), 0);
    // The range is Google's; that says nothing of who claims to be Bing.
    place.append(&line("45.64.0.2", "Mozilla/5.0 (compatible; bingbot/2.0)"));
    wait_for_block(&place, "45.64.0.2");
}
