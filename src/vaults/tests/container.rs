//! The agent's look-alike that gives credentials to a container.

use super::server::{Does, Server};
use super::*;
use crate::clock;
use crate::vaults::container::Container;
use crate::vaults::peer::Peer;
use serde_json::json;

fn found(variables: &[(&str, &str)]) -> Result<Option<Container>, String> {
    Container::found(|name| {
        let known = variables.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| Secret::new((*value).to_owned()))
    })
}

#[test]
fn credentials_go_in_the_clear_to_the_agents_alone() {
    let full = |url: &str| found(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)]);
    for url in [
        "http://169.254.170.2/v2/credentials/x",
        "http://169.254.170.23/v1/credentials",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://127.0.0.1:9/x",
        "http://[::1]/x",
        "http://localhost:9/x",
        "https://credentials.example.com/x",
    ] {
        assert!(matches!(full(url), Ok(Some(_))), "{url}");
    }
    for url in [
        "http://169.254.169.254/x",
        "http://192.0.2.7/x",
        "http://localhost.example.com/x",
        "http://127.0.0.1@192.0.2.7/x",
        "http://192.0.2.7\\@127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "x",
    ] {
        assert!(full(url).unwrap_err().contains("hint: "), "{url}");
    }
    assert_eq!(found(&[]), Ok(None));
    // A relative one must not lead to another host.
    let relative = |path: &str| found(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", path)]);
    assert!(relative("/v2/credentials/x").unwrap().is_some());
    assert!(relative("@192.0.2.7/x").is_err() && relative(".example.com/").is_err());
}

#[test]
fn the_token_is_read_at_each_use_and_shown_to_nobody() {
    let ends = clock::now().plus(Duration::from_hours(6));
    let server = Server::start(move |seen| match seen.header("authorization") {
        "first" | "second" => Does::Json(
            200,
            json!({ "AccessKeyId": "ASIA", "SecretAccessKey": "k", "Token": "the-session",
                "Expiration": ends.to_string(), "RoleArn": "arn:aws:iam::1:role/x" }),
        ),
        other => Does::Json(403, json!({ "message": format!("no: {other}") })),
    });
    let files = Files::new();
    let path = files.path("token").display().to_string();
    let url = format!("{}/v1/credentials", server.url);
    let container = found(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &path),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one"),
    ]);
    let (container, peer) = (container.unwrap().unwrap(), Peer::new("the container's agent"));
    let failed = container.credentials(&peer).unwrap_err();
    assert!(failed.contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"), "{failed}");
    for token in ["first\n", "second"] {
        files.write("token", token);
        let (credentials, until) = container.credentials(&peer).unwrap();
        assert_eq!(credentials.key_id.reveal(), "ASIA");
        assert_eq!(credentials.session.unwrap().reveal(), "the-session");
        assert_eq!(until, ends);
    }
    files.write("token", "ended");
    let failed = container.credentials(&peer).unwrap_err();
    assert!(failed.contains("answered 403") && !failed.contains("ended"), "{failed}");
    let bare = found(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "first"),
    ]);
    assert!(bare.unwrap().unwrap().credentials(&peer).is_ok());
}
