//! AWS's Signature Version 4, as much of it as one POST needs: every header that is sent is
//! signed, and there is no query.
//!
//! Pure: the time is a value. Held to AWS's published examples.

use crate::clock::Timestamp;
use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Who signs.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) key_id: Secret,
    pub(super) secret: Secret,
    /// Of credentials that end.
    pub(super) session: Option<Secret>,
}

/// What is signed.
#[derive(Debug)]
pub(super) struct Signed<'s> {
    pub(super) method: &'s str,
    pub(super) host: &'s str,
    /// The path, encoded; `/` at least.
    pub(super) path: &'s str,
    /// Names in lower case, without `host`, `x-amz-date` and `x-amz-security-token`.
    pub(super) headers: &'s [(&'s str, &'s str)],
    pub(super) body: &'s [u8],
    pub(super) region: &'s str,
    pub(super) service: &'s str,
}

/// `20150830T123600Z`.
pub(super) fn stamp(now: Timestamp) -> String {
    now.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The headers to send beside those that were given: the date, the session, the signature.
pub(super) fn sign(
    signed: &Signed<'_>,
    credentials: &Credentials,
    now: Timestamp,
) -> Vec<(String, String)> {
    let stamp = stamp(now);
    let date = stamp.split('T').next().unwrap_or_default();
    let mut headers: Vec<(&str, &str)> = signed.headers.to_vec();
    headers.push(("host", signed.host));
    headers.push(("x-amz-date", &stamp));
    if let Some(session) = &credentials.session {
        headers.push(("x-amz-security-token", session.reveal()));
    }
    headers.sort_unstable();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut canonical = format!("{}\n{}\n\n", signed.method, signed.path);
    for (name, value) in &headers {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(&value.split_whitespace().collect::<Vec<_>>().join(" "));
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&names);
    canonical.push('\n');
    canonical.push_str(&hex(&Sha256::digest(signed.body)));
    let scope = format!("{date}/{}/{}/aws4_request", signed.region, signed.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let key = key(credentials.secret.reveal(), date, signed.region, signed.service);
    let signature = hex(&mac(&key, text.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.key_id.reveal()
    );
    let mut out =
        vec![("x-amz-date".to_owned(), stamp.clone()), ("authorization".to_owned(), authorization)];
    if let Some(session) = &credentials.session {
        out.push(("x-amz-security-token".to_owned(), session.reveal().to_owned()));
    }
    out
}

/// The key of a day, a region and a service.
fn key(secret: &str, date: &str, region: &str, service: &str) -> Vec<u8> {
    let mut key = mac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    key
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn signature(
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        session: Option<&str>,
    ) -> String {
        let signed = Signed {
            method,
            host: "example.amazonaws.com",
            path: "/",
            headers,
            body,
            region: "us-east-1",
            service: "service",
        };
        let credentials = Credentials {
            key_id: Secret::new("AKIDEXAMPLE".to_owned()),
            secret: Secret::new(KEY.to_owned()),
            session: session.map(|session| Secret::new(session.to_owned())),
        };
        let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").unwrap();
        let all = sign(&signed, &credentials, now);
        let (_, value) = all.iter().find(|(name, _)| name == "authorization").unwrap();
        assert!(value.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        ));
        value.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_published_examples() {
        // `get-vanilla`, `post-vanilla` and `post-x-www-form-urlencoded` of AWS's test suite.
        assert_eq!(
            signature("GET", &[], b"", None),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            signature("POST", &[], b"", None),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(
            signature("POST", &form, b"Param1=value1", None),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn the_key_is_that_of_the_published_example() {
        // "Examples of how to derive a signing key" of AWS's general reference.
        assert_eq!(
            hex(&key(KEY, "20150830", "us-east-1", "iam")),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }
}
