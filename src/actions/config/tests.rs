//! The `[actions]` table: what is accepted, and that every fault is told, all at once.

use super::*;

fn read(text: &str) -> Result<ActionsConfig, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn a_whole_config_is_read_and_has_no_faults() {
    let config = read(
        r#"
        [nftables]
        reconcile_every = "30s"
        [[files]]
        name = "nginx"
        format = "nginx-geo"
        path = "/etc/nginx/riposte/blocked.conf"
        test = ["nginx", "-t"]
        reload = ["nginx", "-s", "reload"]
        debounce = "2s"
        [[webhooks]]
        name = "ops"
        url = "https://hooks.example.com/x"
        secret = "file:/etc/riposte/ops.key"
        [[webhooks]]
        name = "chat"
        url = "credential:chat-url"
        [[programs]]
        name = "page"
        argv = ["/usr/local/bin/page", "--", "{1}"]
        [[channels]]
        name = "people"
        to = "webhook:chat"
        "#,
    )
    .unwrap();
    assert_eq!(config.check(), Vec::<String>::new());
    assert_eq!(config.enforcer_names(), ["nftables", "nginx"]);
    let nft = config.nftables.as_ref().unwrap();
    assert_eq!((nft.priority, nft.cut_established), (-310, true));
    assert_eq!(config.webhooks[0].attempts, 5);
    let again: ActionsConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn a_literal_secret_and_unknown_keys_are_refused() {
    let hook = "[[webhooks]]\nname = \"a\"\nurl = \"https://x.example/\"\n";
    let error = read(&format!("{hook}secret = \"hunter2\"")).unwrap_err();
    assert!(error.contains("hint: write `env:NAME`"), "{error}");
    let error = read(&format!("{hook}sercet = \"env:X\"")).unwrap_err();
    assert!(error.contains("unknown field `sercet`"), "{error}");
    let error = read("[[channels]]\nname = \"a\"\nto = \"carrier-pigeon\"").unwrap_err();
    assert!(error.contains("carries no channel"), "{error}");
}

#[test]
fn all_faults_are_told_at_once() {
    let config = read(
        r#"
        [nftables]
        table = "my-table"
        priority = -100
        [[files]]
        name = "nftables"
        format = "plain"
        path = "relative"
        test = ["true"]
        [[webhooks]]
        name = "-x"
        url = "http://203.0.113.1/"
        [[webhooks]]
        name = "pw"
        url = "https://user:pass@example.com/"
        [[programs]]
        name = "p"
        argv = ["sh", "-c", "{1}"]
        [[channels]]
        name = "c"
        to = "exec:missing"
        "#,
    )
    .unwrap();
    let faults = config.check().join("\n");
    for words in [
        "`my-table` is no table name",
        "`priority` -100 comes after connection tracking",
        "actions.files[0]: the name `nftables` is there twice",
        "must be the absolute path",
        "`test` needs `reload`",
        "`-x` is no name",
        "must begin with `https://`",
        "holds a user or a password",
        "must be an absolute path",
        "there is no `exec:missing`",
    ] {
        assert!(faults.contains(words), "missing {words} in:\n{faults}");
    }
    assert!(!faults.contains("user:pass"), "{faults}");
}
