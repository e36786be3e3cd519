//! What each service is sent, sign by sign, and what its answers mean.

use super::super::tests::message;
use super::*;
use crate::actions::config::ChannelTo;

fn sent(service: Service, set: impl FnOnce(&mut ChannelConfig), text: &str) -> Outgoing {
    let mut channel = ChannelConfig::new("ops", ChannelTo::Service(service));
    set(&mut channel);
    outgoing(&channel, service, "TOKEN", &message(text))
}

#[test]
fn each_service_gets_what_it_documents() {
    let none = |_: &mut ChannelConfig| {};
    let slack = sent(Service::Slack, none, "a < b & c");
    assert_eq!(slack.body["text"], "riposte on web1: wp-login\na &lt; b &amp; c");
    assert_eq!(slack.body["mrkdwn"], false);
    let discord = sent(Service::Discord, none, "**x** https://evil.example");
    assert_eq!(
        discord.body["content"],
        "riposte on web1\\: wp-login\n\\*\\*x\\*\\* https\\://evil.example"
    );
    assert_eq!(discord.body["allowed_mentions"]["parse"], json!([]));
    let telegram = sent(Service::Telegram, |one| one.recipients = vec!["-100".into()], "x");
    assert_eq!(telegram.path, "/botTOKEN/sendMessage");
    assert_eq!(telegram.body["chat_id"], "-100");
    assert!(telegram.body.get("parse_mode").is_none());
    let matrix = sent(Service::Matrix, |one| one.recipients = vec!["!a:example.com".into()], "x");
    assert_eq!(
        matrix.path,
        format!(
            "/_matrix/client/v3/rooms/%21a%3Aexample.com/send/m.room.message/{}",
            message("x").id
        )
    );
    assert_eq!((matrix.method, matrix.body["m.mentions"].clone()), (Method::PUT, json!({})));
    assert_eq!(matrix.header, Some(("Authorization", "Bearer TOKEN".to_owned())));
    let teams = sent(Service::Teams, none, "one\n[two](http://x)");
    let body = &teams.body["attachments"][0]["content"]["body"];
    assert_eq!(body.as_array().unwrap().len(), 3);
    assert_eq!(body[2]["inlines"][0]["text"], "[two](http://x)");
    assert_eq!(body[2]["type"], "RichTextBlock");
    let ntfy = sent(
        Service::Ntfy,
        |one| {
            one.recipients = vec!["alerts".into()];
            one.priority = Priority::Urgent;
        },
        "x",
    );
    assert_eq!((&ntfy.body["topic"], &ntfy.body["priority"]), (&json!("alerts"), &json!(5)));
    assert_eq!((ntfy.path.as_str(), ntfy.header), ("", None));
    let gotify = sent(Service::Gotify, none, "x");
    assert_eq!(gotify.path, "/message");
    assert_eq!(gotify.header, Some(("X-Gotify-Key", "TOKEN".to_owned())));
    let pagerduty = sent(Service::PagerDuty, |one| one.priority = Priority::High, "x\ny");
    assert_eq!(pagerduty.body["routing_key"], "TOKEN");
    assert_eq!(pagerduty.body["dedup_key"], "riposte/web1/wp-login");
    assert_eq!(pagerduty.body["payload"]["severity"], "error");
    assert_eq!(pagerduty.body["payload"]["summary"], "riposte on web1: wp-login: x");
    let opsgenie = sent(Service::Opsgenie, none, "x");
    assert_eq!(opsgenie.header, Some(("Authorization", "GenieKey TOKEN".to_owned())));
    assert_eq!(
        (&opsgenie.body["alias"], &opsgenie.body["priority"]),
        (&json!("riposte/web1/wp-login"), &json!("P3"))
    );
}

#[test]
fn a_text_of_any_length_fits() {
    let long = "😀*<ä".repeat(60_000);
    let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
    for service in Service::ALL.into_iter().filter(|one| *one != Service::Email) {
        let body = sent(service, |one| one.recipients = vec!["x".into()], &long).body;
        let most = match service {
            Service::Discord => (units(&body["content"]), limits::DISCORD_TEXT_CHARS_MAX),
            Service::Telegram => (units(&body["text"]), limits::TELEGRAM_TEXT_CHARS_MAX),
            Service::Ntfy => (body["message"].as_str().unwrap().len(), limits::NTFY_TEXT_BYTES_MAX),
            Service::Opsgenie => (units(&body["description"]), limits::OPSGENIE_TEXT_CHARS_MAX),
            Service::PagerDuty => {
                (units(&body["payload"]["summary"]), limits::PAGERDUTY_SUMMARY_CHARS_MAX)
            }
            // What is escaped grows after it was cut; what it shows does not.
            _ => (body.to_string().len(), 60_000),
        };
        assert!(most.0 <= most.1, "{service:?}: {most:?}");
    }
}

#[test]
fn an_answer_says_whether_and_when_to_try_again() {
    let reply = |status, body: &str| Reply {
        status,
        retry_after: None,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
        whole: true,
    };
    assert_eq!(judge(&reply(202, "")), Attempt::Done);
    let after = |body| match judge(&reply(429, body)) {
        Attempt::Retry { after, .. } => after,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        after(r#"{"retry_after": 1.5, "global": false}"#),
        Some(Duration::from_millis(1_500))
    );
    assert_eq!(
        after(r#"{"ok":false,"parameters":{"retry_after":7}}"#),
        Some(Duration::from_secs(7))
    );
    assert_eq!(
        after(r#"{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":2000}"#),
        Some(Duration::from_secs(2))
    );
    for hostile in
        ["", "[", r#"{"retry_after": -1}"#, r#"{"retry_after": 1e400}"#, r#"{"retry_after": "x"}"#]
    {
        assert_eq!(after(hostile), None, "{hostile}");
    }
    let Attempt::Failed(reason) = judge(&reply(400, &format!("no\u{1b}[2J {}", "x".repeat(9_000))))
    else {
        panic!("a refusal is final");
    };
    assert!(reason.len() < 300 && !reason.contains('\u{1b}'), "{reason}");
}
