//! Looks at a made up /proc, and at this machine.

use super::*;
use std::fmt::Write as _;

fn value<'e>(event: &'e Brought, name: &str) -> Option<&'e Value> {
    event.fields.iter().find_map(|(known, value)| (**known == *name).then_some(value))
}

fn of<'e>(found: &'e [Brought], kind: &str) -> Vec<&'e Brought> {
    found.iter().filter(|event| event.kind.name() == kind).collect()
}

#[test]
fn a_made_up_machine_is_told_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("loadavg", "8.00 4.00 2.00 1/2 3\n");
    write("meminfo", "MemTotal: 1000 kB\nMemAvailable: 100 kB\n");
    let mut lines = String::from("head\n");
    for place in 0..300 {
        writeln!(lines, "{place}: 050200C0:01BB {place:02X}7100CB:D431 03 0:0").unwrap();
    }
    for place in 0..120 {
        writeln!(lines, "{place}: 0:01BB 097100CB:{place:04X} 01 0:0").unwrap();
    }
    write("net/tcp", &lines);
    write("net/netstat", "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 10 20\n");
    write("sys/net/netfilter/nf_conntrack_count", "900\n");
    write("sys/net/netfilter/nf_conntrack_max", "1000\n");
    write("41/stat", "41 (nginx) S 1 41");
    write("42/stat", "42 (nginx) Z 1 42");
    let config = HostConfig {
        processes: vec!["nginx".to_owned(), "php-fpm".to_owned()],
        ..HostConfig::default()
    };
    let mut host = Host { config, root: root.path().to_owned(), counters: None, files: None };
    let found = host.look();
    let connections = of(&found, "host.connections")[0];
    assert_eq!(value(connections, "syn_recv"), Some(&Value::Int(300)));
    assert_eq!(value(connections, "overflows"), Some(&Value::Int(0)), "nothing is new yet");
    assert_eq!(value(connections, "conntrack_share"), Some(&Value::Float(0.9)));
    let prefixes = of(&found, "host.prefix");
    assert_eq!(prefixes.len(), 1);
    assert_eq!(value(prefixes[0], "prefix"), Some(&Value::text("203.0.113.0/24")));
    assert_eq!(value(of(&found, "host.memory")[0], "used_share"), Some(&Value::Float(0.9)));
    let processes = of(&found, "host.process");
    assert_eq!(value(processes[0], "count"), Some(&Value::Int(1)), "a zombie is none");
    assert_eq!(value(processes[1], "running"), Some(&Value::Bool(false)));
    write("net/netstat", "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 15 27\n");
    let found = host.look();
    let connections = of(&found, "host.connections")[0];
    assert_eq!(value(connections, "overflows"), Some(&Value::Int(7)));
    assert_eq!(value(connections, "syncookies"), Some(&Value::Int(5)));
}

#[test]
fn this_machine_has_load_memory_a_disk_and_this_program() {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let own = proc::name(&stat).unwrap().to_owned();
    let config = HostConfig { processes: vec![own], ..HostConfig::default() };
    let mut host = Host { config, root: "/proc".into(), counters: None, files: None };
    let found = host.look();
    for kind in ["host.load", "host.memory", "host.disk", "host.connections"] {
        assert_eq!(of(&found, kind).len(), 1, "{kind}");
    }
    assert_eq!(value(of(&found, "host.process")[0], "running"), Some(&Value::Bool(true)));
    // Each field that is told is declared.
    for event in &found {
        for (name, _) in &event.fields {
            let is_it = |(kind, field, _): &(&str, &str, FieldKind)| {
                *kind == event.kind.name() && *field == &**name
            };
            assert!(FIELDS.iter().any(is_it), "{name}");
        }
    }
    assert_eq!(schema().kinds().count(), 8);
}

#[test]
fn units_are_read_block_by_block() {
    let said = "Id=nginx.service\nActiveState=failed\nSubState=failed\nLoadState=loaded\n\nId=ssh.service\nActiveState=active\nSubState=running\nLoadState=loaded\n";
    let found = units(said);
    assert_eq!(found.len(), 2);
    assert_eq!(value(&found[0], "ok"), Some(&Value::Bool(false)));
    assert_eq!(value(&found[1], "substate"), Some(&Value::text("running")));
    assert!(units("nonsense\n\n\n").is_empty());
}
