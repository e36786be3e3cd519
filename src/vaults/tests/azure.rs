//! Azure's look-alike: a client's secret, a managed identity, tokens that end.

use super::server::{Does, Faults, Seen, Server};
use super::*;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn vault(seen: &Seen, token: &str) -> Does {
    if seen.header("authorization") != format!("Bearer {token}") {
        return Does::Json(
            401,
            json!({ "error": { "code": "Unauthorized", "message": "AKV10000: no" } }),
        );
    }
    match seen.line.as_str() {
        "GET /secrets/cloudflare?api-version=7.4" => {
            Does::Json(200, json!({ "value": "the-value", "id": "https://v/secrets/cloudflare/1" }))
        }
        "GET /secrets/forbidden?api-version=7.4" => Does::Json(
            403,
            json!({ "error": { "code": "Forbidden", "message": "Caller is not authorized" } }),
        ),
        _ => Does::Json(
            404,
            json!({ "error": { "code": "SecretNotFound", "message": "A secret was not found" } }),
        ),
    }
}

#[test]
fn a_client_gets_a_token_and_with_it_the_secret() {
    let files = Files::new();
    files.write("client", "cl/ent+s&cret");
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let server = Server::start(move |seen| {
        if seen.line == "POST /a-tenant/oauth2/v2.0/token" {
            assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
            assert_eq!(
                seen.body,
                "grant_type=client_credentials&client_id=a-client&client_secret=cl%2Fent%2Bs%26cret&scope=https%3A%2F%2Fvault.azure.net%2F.default"
            );
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            return Does::Json(
                200,
                json!({ "access_token": format!("token-{number}"), "expires_in": 3599 }),
            );
        }
        vault(seen, &format!("token-{}", count.load(Ordering::SeqCst)))
    });
    let vaults = Vaults::new(&config(&format!(
        "[azure]\ntenant = \"a-tenant\"\nclient_id = \"a-client\"\nclient_secret = \"file:{}\"\nlogin = \"{1}\"\nendpoint = \"{1}\"",
        files.path("client").display(),
        server.url
    )));
    let secret = reference("azure-kv:my-vault/cloudflare");
    assert_eq!(vaults.read(&secret).unwrap().pick(&secret).unwrap().reveal(), "the-value");
    vaults.read(&secret).unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 1, "the token is used again");
    logins.fetch_add(1, Ordering::SeqCst);
    vaults.read(&secret).unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 3, "a refused token is had anew");
    for (name, words) in [("forbidden", "Key Vault Secrets User"), ("none", "nothing there")] {
        let error = vaults.read(&reference(&format!("azure-kv:my-vault/{name}"))).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_machine_gets_a_token_for_its_identity() {
    let server = Server::start(|seen| {
        if seen.line.starts_with("GET /metadata/identity/oauth2/token?") {
            assert_eq!(seen.header("metadata"), "true");
            assert!(seen.line.contains("resource=https%3A%2F%2Fvault.azure.net"), "{}", seen.line);
            // It writes numbers as texts.
            return Does::Json(200, json!({ "access_token": "of-machine", "expires_in": "86399" }));
        }
        vault(seen, "of-machine")
    });
    let text = format!("[azure]\nmetadata = \"{0}\"\nendpoint = \"{0}\"", server.url);
    let vaults = Vaults::new(&config(&text));
    let secret = reference("azure-kv:my-vault/cloudflare");
    assert_eq!(vaults.read(&secret).unwrap().pick(&secret).unwrap().reveal(), "the-value");
}

#[test]
fn refusals_are_told_without_a_secret() {
    let files = Files::new();
    files.write("client", "client-s3cret");
    let answers: Faults = vec![
        (
            || {
                Does::Json(
                    401,
                    json!({ "error_description": "AADSTS7000215: Invalid client secret client-s3cret" }),
                )
            },
            "Azure refuses the client: AADSTS7000215: Invalid client secret [secret]",
        ),
        (|| Does::Json(200, json!("<html>")), "holds no token"),
        (|| Does::Drop, "Azure's login can't be reached"),
    ];
    for (answer, words) in answers {
        let server = Server::start(move |_| answer());
        let vaults = Vaults::new(&config(&format!(
            "[azure]\ntenant = \"t\"\nclient_id = \"c\"\nclient_secret = \"file:{}\"\nlogin = \"{1}\"\nendpoint = \"{1}\"",
            files.path("client").display(),
            server.url
        )));
        let error = vaults.read(&reference("azure-kv:my-vault/a")).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("client-s3cret"), "{error}");
    }
}

#[test]
fn a_token_for_longer_than_clocks_can_count_is_taken() {
    for lasts in [json!(u64::MAX), json!(u64::MAX.to_string())] {
        let server = Server::start(move |seen| {
            if seen.line.starts_with("GET /metadata/") {
                return Does::Json(
                    200,
                    json!({ "access_token": "of-machine", "expires_in": lasts }),
                );
            }
            vault(seen, "of-machine")
        });
        let text = format!("[azure]\nmetadata = \"{0}\"\nendpoint = \"{0}\"", server.url);
        let vaults = Vaults::new(&config(&text));
        let secret = reference("azure-kv:my-vault/cloudflare");
        for _ in 0..2 {
            assert_eq!(vaults.read(&secret).unwrap().pick(&secret).unwrap().reveal(), "the-value");
        }
        assert_eq!(server.count("GET /metadata/"), 1);
    }
}
