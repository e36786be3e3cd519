//! What makes no sense is told; what a preset knows need not be said.

use super::*;

fn read(text: &str) -> HttpConfig {
    toml::from_str(text).unwrap()
}

fn faults(text: &str) -> String {
    read(text).faults().join("\n")
}

#[test]
fn presets_need_a_secret_alone() {
    for preset in
        ["github", "cloudflare", "alertmanager", "grafana", "wordpress", "logpush", "json"]
    {
        let config = read(&format!("preset = \"{preset}\"\nsecret = \"env:HOOK\""));
        assert_eq!(config.faults(), [""; 0], "{preset}");
        assert!(config.is_authenticated());
        let plan = config.plan(&BTreeMap::new());
        assert_eq!(plan.signature.is_some(), ["github", "wordpress"].contains(&preset), "{preset}");
    }
    assert!(!HttpConfig::default().is_authenticated());
    let plan = read("preset = \"cloudflare\"\nsecret = \"env:HOOK\"").plan(&BTreeMap::new());
    assert_eq!(plan.secret_header, "cf-webhook-auth");
}

#[test]
fn what_makes_no_sense_is_told_with_its_mend() {
    let signature = "[signature]\nheader = \"X-S\"\n";
    let signed = |more: &str| faults(&format!("secret = \"env:A\"\n{signature}{more}"));
    assert_eq!(signed(""), "");
    assert!(faults(signature).contains("`secret` is required with `signature`"));
    assert!(signed("signed = \"{time}.{body}\"").contains("`time_header`"));
    assert!(signed("time_header = \"X-T\"").contains("proves nothing"));
    assert!(signed("signed = \"nothing\"").contains("must hold `{body}` once"));
    assert!(signed("signed = \"{id}.{body}\"").contains("`delivery_header` is required"));
    assert!(faults("secret_header = \"X-A\"").contains("no use"));
    assert!(faults("delivery_header = \"a b\"").contains("can't be the name of a header"));
    assert!(faults("[headers]\na = \"x\\ny\"").contains("can't be the name of a header"));
    assert!(faults("each = \"a..b\"").contains("is no path"));
    assert!(faults("preset = \"logpush\"\neach = \"a\"").contains("each line"));
    assert!(faults("inflated_mib_max = 3").contains("logpush"));
    assert!(faults("body_kib_max = 0").contains("between 1 and"));
    assert!(faults("remember = \"1s\"").contains("between `1m` and `30d`"));
    assert!(faults("remember = \"soon\"").contains("no duration"));
}

#[test]
fn a_place_to_listen_at_is_an_address_or_a_socket() {
    let with = |listen: &str| IntakeConfig { listen: listen.to_owned(), ..IntakeConfig::default() };
    for listen in ["127.0.0.1:8787", "[::]:443", "unix:/run/x.sock"] {
        assert_eq!(with(listen).faults(), [""; 0], "{listen}");
    }
    for listen in ["8787", "localhost:8787", "unix:x.sock", "tcp:127.0.0.1:1", ""] {
        assert_eq!(with(listen).faults().len(), 1, "{listen}");
    }
    let half = IntakeConfig { key: Some("k".into()), ..IntakeConfig::default() };
    assert_eq!(half.faults().len(), 2);
}
