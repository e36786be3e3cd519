//! Tasks against the look-alike: whose zones they are, and a token that was rotated.

use super::*;
use crate::decisions::{PurgeWhat, RuleName};
use crate::simulator::{Options, Simulator};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const TOKEN: &str = "cfut_PlantedToken0123456789abcdefghijklmnopqr";

fn write_token(dir: &Path, token: &str) {
    let path = dir.join("token");
    std::fs::write(&path, token).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn tasks(dir: &Path, simulator: &Simulator, more: &str) -> CloudflareTasks {
    let path = dir.join("token").display().to_string();
    let text = format!("token = \"file:{path}\"\napi = \"{}\"\n{more}", simulator.base());
    CloudflareTasks::new(&toml::from_str(&text).unwrap())
}

fn perform(tasks: &mut CloudflareTasks, task: CloudflareTask) -> Attempt {
    let (zone, rule) = ("example.com".to_owned(), RuleName::from("r"));
    let ask = CloudflareAsk { zone, via: None, what: CloudflareWhat::Once { task } };
    let effect = Effect::Cloudflare(ask);
    let time = crate::clock::now();
    tasks.perform(&Item { id: ActionId(1), rule: &rule, key: "k", time, effect: &effect })
}

fn set(content: &str) -> CloudflareTask {
    CloudflareTask::DnsSet {
        name: "www.example.com".to_owned(),
        kind: "A".to_owned(),
        content: content.to_owned(),
        create: false,
        ttl: None,
        proxied: false,
    }
}

#[test]
fn what_the_config_does_not_name_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    write_token(dir.path(), TOKEN);
    let simulator = Simulator::start(0, Options::new(TOKEN), None).unwrap();
    let before = simulator.records("example.com");
    let mut others = tasks(dir.path(), &simulator, "zones = [\"example.org\"]\n");
    let warm = CloudflareTask::Warm { urls: vec!["https://example.com/".to_owned()] };
    for task in [set("192.0.2.9"), warm] {
        let said = perform(&mut others, task);
        assert!(
            matches!(&said, Attempt::Failed(why) if why.contains("does not name `example.com`")),
            "{said:?}"
        );
    }
    let everything = PurgeWhat { everything: true, ..PurgeWhat::default() };
    assert_eq!(perform(&mut others, CloudflareTask::Purge(everything)), Attempt::Pending);
    others.stop();
    assert_eq!(simulator.records("example.com"), before);
    assert!(simulator.purges("example.com").is_empty());
    let mut named = tasks(dir.path(), &simulator, "zones = [\"Example.com\"]\n");
    assert_eq!(perform(&mut named, set("192.0.2.9")), Attempt::Done);
}

#[test]
fn after_a_refusal_the_token_is_read_again_once() {
    let dir = tempfile::tempdir().unwrap();
    write_token(dir.path(), "cfut_OldToken0123456789abcdefghijklmnopqrstu");
    let simulator = Simulator::start(0, Options::new(TOKEN), None).unwrap();
    let mut tasks = tasks(dir.path(), &simulator, "");
    let retried = |attempt: &Attempt| matches!(attempt, Attempt::Retry { .. });
    assert!(retried(&perform(&mut tasks, set("192.0.2.9"))));
    let said = perform(&mut tasks, set("192.0.2.9"));
    assert!(matches!(said, Attempt::Failed(_)), "once: {said:?}");
    assert!(retried(&perform(&mut tasks, set("192.0.2.9"))));
    write_token(dir.path(), TOKEN);
    assert!(retried(&perform(&mut tasks, set("192.0.2.9"))), "the new one is tried first");
    assert_eq!(perform(&mut tasks, set("192.0.2.9")), Attempt::Done);
}
