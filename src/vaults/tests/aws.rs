//! AWS's look-alike for what goes wrong and for the instance's role; and moto's server, a foreign
//! implementation, where the machine has it.

use super::server::{Does, Faults, Seen, Server};
use super::*;
use crate::clock;
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn keys(files: &Files, endpoint: &str) -> Vaults {
    files.write("id", "AKIDEXAMPLE");
    files.write("key", "the-secret-key");
    Vaults::new(&config(&format!(
        "[aws]\nregion = \"eu-central-1\"\nendpoint = \"{endpoint}\"\naccess_key_id = \"file:{}\"\nsecret_access_key = \"file:{}\"",
        files.path("id").display(),
        files.path("key").display()
    )))
}

fn ask(seen: &Seen) -> Does {
    assert_eq!(seen.header("x-amz-target"), "secretsmanager.GetSecretValue");
    match seen.body.as_str() {
        "{\"SecretId\":\"plain\"}" => Does::Json(200, json!({ "SecretString": "the-value" })),
        _ => Does::Json(200, json!({ "SecretString": "{\"user\":\"u\",\"port\":5432}" })),
    }
}

#[test]
fn a_secret_is_a_text_or_a_field_of_one() {
    let files = Files::new();
    let server = Server::start(|seen| {
        let signed = seen.header("authorization");
        assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signed}");
        assert!(
            signed.contains("/eu-central-1/secretsmanager/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, "),
            "{signed}"
        );
        ask(seen)
    });
    let vaults = keys(&files, &server.url);
    for (text, value) in [
        ("aws-sm:plain", "the-value"),
        ("aws-sm:prod/db#user", "u"),
        ("aws-sm:prod/db#port", "5432"),
        ("aws-sm:prod/db", "{\"user\":\"u\",\"port\":5432}"),
    ] {
        let secret = reference(text);
        assert_eq!(vaults.read(&secret).unwrap().pick(&secret).unwrap().reveal(), value, "{text}");
    }
}

#[test]
fn refusals_are_told_without_a_secret() {
    let answers: Faults = vec![
        (
            || {
                Does::Json(
                    400,
                    json!({ "__type": "x#AccessDeniedException", "Message": "not the-secret-key" }),
                )
            },
            "hint: allow `secretsmanager:GetSecretValue`",
        ),
        (
            || {
                Does::Json(
                    400,
                    json!({ "__type": "ResourceNotFoundException", "message": "can't find" }),
                )
            },
            "has nothing there: can't find",
        ),
        (
            || {
                Does::Json(
                    400,
                    json!({ "__type": "InvalidSignatureException", "message": "expired" }),
                )
            },
            "and is the clock?",
        ),
        (|| Does::Json(500, json!("oh")), "answered 500"),
        (|| Does::Json(200, json!({ "SecretBinary": "AAAA" })), "it is binary"),
        (|| Does::Json(200, json!([])), "holds no secret"),
        (|| Does::Drop, "can't be reached"),
    ];
    for (answer, words) in answers {
        let files = Files::new();
        let server = Server::start(move |_| answer());
        let error = keys(&files, &server.url).read(&reference("aws-sm:a")).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("the-secret-key"), "{error}");
    }
}

#[test]
fn the_role_of_an_instance_does_where_there_are_no_keys() {
    let ends = clock::now().plus(Duration::from_hours(6));
    let server = Server::start(move |seen| match seen.line.as_str() {
        "PUT /latest/api/token" => {
            assert_eq!(seen.header("x-aws-ec2-metadata-token-ttl-seconds"), "300");
            Does::Json(200, json!("a-metadata-token"))
        }
        line if line.starts_with("GET /latest/meta-data/iam/security-credentials/") => {
            assert_eq!(seen.header("x-aws-ec2-metadata-token"), "a-metadata-token");
            match line.rsplit('/').next().unwrap() {
                "" => Does::Json(200, json!("web-role")),
                "web-role" => Does::Json(
                    200,
                    json!({ "Code": "Success", "AccessKeyId": "ASIA", "SecretAccessKey": "k",
                        "Token": "the-session", "Expiration": ends.to_string() }),
                ),
                other => panic!("{other}"),
            }
        }
        _ => {
            assert_eq!(seen.header("x-amz-security-token"), "the-session");
            assert!(seen.header("authorization").contains("Credential=ASIA/"));
            ask(seen)
        }
    });
    let text =
        format!("[aws]\nregion = \"eu-1\"\nendpoint = \"{0}\"\nmetadata = \"{0}\"", server.url);
    let vaults = Vaults::new(&config(&text));
    let secret = reference("aws-sm:plain");
    for _ in 0..3 {
        assert_eq!(vaults.read(&secret).unwrap().pick(&secret).unwrap().reveal(), "the-value");
    }
    assert_eq!(server.count("PUT /latest/api/token"), 1, "they are used again");
    let bare = Server::start(|_| Does::Json(404, json!("")));
    let text =
        format!("[aws]\nregion = \"eu-1\"\nendpoint = \"{0}\"\nmetadata = \"{0}\"", bare.url);
    let error = Vaults::new(&config(&text)).read(&secret).unwrap_err().to_string();
    assert!(error.contains("no AWS credentials") && error.contains("hint: "), "{error}");
}

/// It was the old credentials that were looked for in the words about the new ones.
#[test]
fn a_refusal_shows_neither_the_new_credentials_nor_the_session() {
    let ends = clock::now().plus(Duration::from_hours(6));
    let given = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |seen| match seen.line.as_str() {
        "PUT /latest/api/token" => Does::Json(200, json!("a-metadata-token")),
        "GET /latest/meta-data/iam/security-credentials/" => Does::Json(200, json!("web-role")),
        line if line.starts_with("GET ") => {
            let n = given.fetch_add(1, Ordering::SeqCst);
            Does::Json(
                200,
                json!({ "AccessKeyId": format!("ASIA{n}"), "SecretAccessKey": format!("key-{n}"),
                    "Token": format!("session-{n}"), "Expiration": ends.to_string() }),
            )
        }
        _ => {
            let n = given.load(Ordering::SeqCst) - 1;
            let message = format!("no: ASIA{n} key-{n} session-{n}");
            Does::Json(400, json!({ "__type": "ExpiredTokenException", "message": message }))
        }
    });
    let text =
        format!("[aws]\nregion = \"eu-1\"\nendpoint = \"{0}\"\nmetadata = \"{0}\"", server.url);
    let error = Vaults::new(&config(&text)).read(&reference("aws-sm:a")).unwrap_err().to_string();
    assert!(error.contains("no: [secret] [secret] [secret]"), "{error}");
    assert_eq!(server.count("POST /"), 2);
}

/// A server of moto's; it ends with this.
struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn serial_motos_server_gives_its_secrets() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let started = Command::new("moto_server")
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        // Without it, moto would take any signature.
        .env("INITIAL_NO_AUTH_ACTION_COUNT", "4")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(started) = started else {
        eprintln!("SKIPPED: there is no `moto_server` here (pip install 'moto[server]')");
        return;
    };
    let _moto = Moto(started);
    let endpoint = format!("http://127.0.0.1:{port}");
    until("moto answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let call = |service: &str, target: &str, kind: &str, body: &str| {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=x"
        );
        let mut headers =
            vec![("authorization".to_owned(), scope), ("content-type".to_owned(), kind.to_owned())];
        if !target.is_empty() {
            headers.push(("x-amz-target".to_owned(), target.to_owned()));
        }
        let peer = peer::Peer::new("moto");
        let url = format!("{endpoint}/");
        let answer = peer.call(http_client::Method::POST, url, headers, body.as_bytes().to_vec());
        let answer = answer.unwrap();
        assert!(answer.is_well(), "{} {}", answer.status, answer.body);
        answer.body
    };
    let json_kind = "application/x-amz-json-1.1";
    let make = r#"{"Name":"prod/riposte","SecretString":"{\"token\":\"of-moto\"}","ClientRequestToken":"0123456789012345678901234567890123"}"#;
    call("secretsmanager", "secretsmanager.CreateSecret", json_kind, make);
    let form = "application/x-www-form-urlencoded";
    call("iam", "", form, "Action=CreateUser&UserName=riposte&Version=2010-05-08");
    let policy = "Action=PutUserPolicy&UserName=riposte&PolicyName=read&Version=2010-05-08&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22secretsmanager%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    call("iam", "", form, policy);
    let keys_made =
        call("iam", "", form, "Action=CreateAccessKey&UserName=riposte&Version=2010-05-08");
    let keys_text = keys_made.as_str().unwrap();
    let tagged = |tag: &str| {
        let after = keys_text.split_once(&format!("<{tag}>")).unwrap().1;
        after.split_once("</").unwrap().0.to_owned()
    };
    // From here on moto checks signatures and policies.
    let files = Files::new();
    let vaults = keys(&files, &endpoint);
    let secret = reference("aws-sm:prod/riposte#token");
    let error = vaults.read(&secret).unwrap_err().to_string();
    assert!(error.contains("AWS"), "unknown keys are refused: {error}");
    files.write("id", &tagged("AccessKeyId"));
    files.write("key", "a-wrong-secret-key");
    let error = vaults.read(&secret).unwrap_err().to_string();
    // Moto's refusal of a signature is XML, which AWS's isn't.
    assert!(error.contains("answered 403"), "{error}");
    files.write("key", &tagged("SecretAccessKey"));
    assert_eq!(vaults.read(&secret).unwrap().pick(&secret).unwrap().reveal(), "of-moto");
    let error = vaults.read(&reference("aws-sm:none")).unwrap_err().to_string();
    assert!(error.contains("has nothing there"), "{error}");
}
