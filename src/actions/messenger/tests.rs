//! A channel against a look-alike of its service, and what is told of a summary.

use super::*;
use crate::actions::config::ChannelTo;

pub(super) fn message(text: &str) -> Message {
    Message {
        id: ActionId(7),
        group: "riposte/web1/wp-login".to_owned(),
        title: "riposte on web1: wp-login".to_owned(),
        text: text.to_owned(),
        time: Timestamp::from_secs(1_790_000_000),
        host: "web1".into(),
        count: 1,
    }
}

fn held(rule: &str, count: u64) -> Held {
    Held {
        rule: rule.into(),
        count,
        told: 1,
        first: Timestamp::from_secs(100),
        last: Timestamp::from_secs(160),
        quotes: vec![format!("{rule} one"), format!("{rule} two")],
    }
}

fn messenger() -> Messenger {
    let mut config = ChannelConfig::new("ops", ChannelTo::Service(Service::Slack));
    config.url = Some(Destination::Url("http://127.0.0.1:1/hook".to_owned()));
    Messenger::new(&config, Service::Slack)
}

#[test]
fn a_summary_says_how_many_and_quotes_some() {
    let summary = Summary { of: vec![held("wp-login", 57)], ids: vec![ActionId(3), ActionId(4)] };
    let message = messenger().summed(&summary).unwrap();
    assert!(message.title.ends_with(": wp-login, 57 more"), "{}", message.title);
    assert_eq!(message.text, "wp-login one\nwp-login two\n… and 55 more\n57 within 1m, 58 in all");
    assert_eq!((message.id, message.count), (ActionId(3), 57));
}

#[test]
fn a_summary_of_several_names_the_busiest_first() {
    let of = (0..30).map(|number| held(&format!("rule-{number:02}"), number + 1)).collect();
    let message = messenger().summed(&Summary { of, ids: vec![ActionId(3)] }).unwrap();
    assert!(message.title.ends_with("465 more messages of 30 rules"), "{}", message.title);
    let lines: Vec<&str> = message.text.lines().collect();
    assert_eq!(lines[0], "rule-29: 30, as in: rule-29 one");
    assert_eq!((lines.len(), lines[20]), (21, "… and 10 more rules"));
}

#[test]
fn what_a_client_wrote_is_a_line() {
    let effect =
        Effect::Notify { channel: "ops".into(), message: "@all\n<!here> \u{202e}x".into() };
    let time = Timestamp::from_secs(0);
    let call = Call { id: ActionId(1), rule: &"r".into(), key: "k\n", time, effect: &effect };
    let note = messenger().note(&call).unwrap();
    assert_eq!(note.text, "@\u{2060}all\\n‹!here› \\u{202e}x");
}
