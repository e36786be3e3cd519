//! Events that anybody may have sent: rules say what they would do, and do nothing.

use super::place;
use super::support::web::free_port;
use std::net::UdpSocket;
use std::time::Duration;

#[test]
fn what_anybody_could_send_blocks_nobody_and_says_why() {
    let root = tempfile::tempdir().unwrap();
    let port = free_port();
    let place = place(
        root.path(),
        &format!(
            "[[sources]]\nname = \"net\"\ntype = \"syslog\"\n[sources.syslog]\nlisten = [\"udp:127.0.0.1:{port}\"]\n"
        ),
    );
    let daemon = place.start_and_wait();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let say = |text: &str| {
        let stamp = riposte::clock::now().to_string();
        let line = format!("<38>1 {stamp} h sshd 7 - - {text}");
        socket.send_to(line.as_bytes(), ("127.0.0.1", port)).unwrap();
    };
    for _ in 0..3 {
        say("Invalid user root from 203.0.113.9 port 4711");
    }
    place.wait(Duration::from_secs(10), "the rule has fired", || {
        place.hits("guess").contains_key("203.0.113.9")
    });
    let why = place.ask(&["why", "203.0.113.9"]);
    assert!(why.contains("shadow: anybody may have sent these events"), "{why}");
    assert_eq!(place.blocked(), [""; 0]);
    // The same client, in a log that only the web server writes.
    place.append(&super::support::trouble::attack("203.0.113.9"));
    place.wait(Duration::from_secs(10), "it is blocked", || place.blocked() == ["203.0.113.9"]);
    daemon.terminate();
}
