//! AWS Secrets Manager: `GetSecretValue`, signed with the keys of the config, of the environment,
//! of the container's role, or of the instance's (IMDSv2).
//!
//! In: a name or ARN. Out: the text, and its fields where it is a JSON object. Facts about both
//! services were read in November 2026.

use super::config::AwsConfig;
use super::container::{Container, given};
use super::peer::{Answer, Peer};
use super::sigv4::{Credentials, Signed, sign};
use super::{Document, at, encoded, fields, words};
use crate::clock::{self, Timestamp};
use crate::http_client::Method;
use crate::process::read_secret;
use crate::secret::{Secret, SecretRef};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Credentials of the instance are had anew this long before their end.
const BEFORE_END: Duration = Duration::from_mins(5);

/// How long the token for the metadata service may be used, in seconds.
const METADATA_TOKEN_SECS: &str = "300";

/// The service in a region.
#[derive(Debug)]
pub(super) struct Aws {
    config: AwsConfig,
    endpoint: String,
    peer: Peer,
    metadata: Peer,
    container: Peer,
    /// Credentials of the container or the instance, and when they end.
    held: Mutex<Option<(Credentials, Timestamp)>>,
}

impl Aws {
    pub(super) fn new(config: &AwsConfig) -> Self {
        let endpoint = config.endpoint.clone().unwrap_or_else(|| {
            let domain =
                if config.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://secretsmanager.{}.{domain}", config.region)
        });
        Self {
            config: config.clone(),
            // The signature holds the host, which is sent in lower case.
            endpoint: endpoint.trim_end_matches('/').to_ascii_lowercase(),
            peer: Peer::new("AWS Secrets Manager"),
            metadata: Peer::new("the instance's metadata service"),
            container: Peer::new("the agent that gives this container its credentials"),
            held: Mutex::new(None),
        }
    }

    /// Reads a secret.
    pub(super) fn read(&self, name: &str) -> Result<Document, String> {
        let credentials = self.credentials()?;
        let answer = self.ask(name, &credentials)?;
        let ended = matches!(
            kind(&answer),
            "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidClientTokenId"
        );
        let forgot =
            ended && self.held.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        let (credentials, answer) = if forgot {
            let credentials = self.credentials()?;
            let answer = self.ask(name, &credentials)?;
            (credentials, answer)
        } else {
            (credentials, answer)
        };
        if answer.is_well() {
            return document(&answer.body);
        }
        let mut sent = vec![&credentials.secret, &credentials.key_id];
        sent.extend(&credentials.session);
        Err(refusal(&answer, &sent))
    }

    fn ask(&self, name: &str, credentials: &Credentials) -> Result<Answer, String> {
        let body = json!({ "SecretId": name }).to_string().into_bytes();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "secretsmanager.GetSecretValue"),
        ];
        let host = self.endpoint.split_once("://").map_or("", |(_, host)| host);
        let signed = Signed {
            method: "POST",
            // As the HTTP client writes it: without the scheme's own port.
            host: host.strip_suffix(":443").unwrap_or(host),
            path: "/",
            headers: &headers,
            body: &body,
            region: &self.config.region,
            service: "secretsmanager",
        };
        let mut all = sign(&signed, credentials, clock::now());
        all.extend(headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.peer.call(Method::POST, format!("{}/", self.endpoint), all, body)
    }

    /// Who asks: the config's keys, else the environment's, else the container's or the instance's role.
    fn credentials(&self) -> Result<Credentials, String> {
        let read = |reference| read_secret(reference).map_err(|error| error.to_string());
        if let (Some(key_id), Some(secret)) =
            (&self.config.access_key_id, &self.config.secret_access_key)
        {
            return Ok(Credentials { key_id: read(key_id)?, secret: read(secret)?, session: None });
        }
        let variable = |name: &str| SecretRef::Env(name.to_owned()).resolve().ok();
        if let (Some(key_id), Some(secret)) =
            (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"))
        {
            return Ok(Credentials { key_id, secret, session: variable("AWS_SESSION_TOKEN") });
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((credentials, ends)) = held.as_ref()
            && clock::now().plus(BEFORE_END) < *ends
        {
            return Ok(credentials.clone());
        }
        let fresh = match Container::found(variable)? {
            Some(container) => container.credentials(&self.container),
            None => self.of_instance(),
        };
        match fresh {
            Ok(fresh) => {
                let credentials = fresh.0.clone();
                *held = Some(fresh);
                Ok(credentials)
            }
            // What is held may do a while longer.
            Err(error) => match held.as_ref() {
                Some((credentials, ends)) if clock::now() < *ends => Ok(credentials.clone()),
                _ => Err(error),
            },
        }
    }

    /// The credentials of the instance's role.
    fn of_instance(&self) -> Result<(Credentials, Timestamp), String> {
        let base = self.config.metadata.trim_end_matches('/');
        let no_role = |why: String| {
            format!(
                "there are no AWS credentials: {why}\nhint: set `vaults.aws.access_key_id` and `secret_access_key`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the instance a role"
            )
        };
        let lasts = vec![(
            "X-aws-ec2-metadata-token-ttl-seconds".to_owned(),
            METADATA_TOKEN_SECS.to_owned(),
        )];
        let url = format!("{base}/latest/api/token");
        let answer = self.metadata.call(Method::PUT, url, lasts, Vec::new()).map_err(no_role)?;
        let token = match text(&answer) {
            Some(token) if answer.is_well() => Secret::new(token),
            _ => return Err(no_role(format!("the metadata service answered {}", answer.status))),
        };
        let get = |path: &str| {
            let header = ("X-aws-ec2-metadata-token".to_owned(), token.reveal().to_owned());
            let url = format!("{base}/latest/meta-data/iam/security-credentials/{path}");
            self.metadata.call(Method::GET, url, vec![header], Vec::new()).map_err(no_role)
        };
        let answer = get("")?;
        let role = text(&answer).filter(|_| answer.is_well());
        let role = role.as_deref().and_then(|names| names.lines().next()).map(str::trim);
        let Some(role) = role.filter(|role| !role.is_empty()) else {
            return Err(no_role("the instance has no role".to_owned()));
        };
        let answer = get(&encoded(role, false))?;
        given(&answer).ok_or_else(|| {
            no_role(format!(
                "the metadata service gives none for the role (it answered {})",
                answer.status
            ))
        })
    }
}

/// A reply that is plain text.
fn text(answer: &Answer) -> Option<String> {
    let text = match &answer.body {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn document(body: &Value) -> Result<Document, String> {
    let Some(text) = at(body, "SecretString").as_str() else {
        let why = if at(body, "SecretBinary").is_string() {
            "it is binary, and riposte's secrets are texts"
        } else {
            "the reply of AWS Secrets Manager holds no secret"
        };
        return Err(why.to_owned());
    };
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let fields = parsed.as_ref().and_then(Value::as_object).map(fields).unwrap_or_default();
    Ok(Document { whole: Some(Secret::new(text.to_owned())), fields, ..Document::default() })
}

/// The kind of a refusal: `com.amazonaws…#AccessDeniedException` is `AccessDeniedException`.
fn kind(answer: &Answer) -> &str {
    let kind = at(&answer.body, "__type").as_str().unwrap_or_default();
    kind.rsplit('#').next().unwrap_or(kind)
}

fn refusal(answer: &Answer, sent: &[&Secret]) -> String {
    let said =
        at(&answer.body, "message").as_str().or_else(|| at(&answer.body, "Message").as_str());
    let said = words(said.unwrap_or_default(), sent);
    let said = if said.is_empty() { format!("it answered {}", answer.status) } else { said };
    match kind(answer) {
        "ResourceNotFoundException" => format!(
            "AWS Secrets Manager has nothing there: {said}\nhint: is it in the region of `vaults.aws.region`?"
        ),
        "AccessDeniedException" => format!(
            "AWS refuses it: {said}\nhint: allow `secretsmanager:GetSecretValue` on it, and `kms:Decrypt` on its key where that is your own"
        ),
        "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException" => {
            format!(
                "AWS refuses the credentials: {said}\nhint: are the keys right, and is the clock?"
            )
        }
        "" => format!("AWS Secrets Manager answered {}: {said}", answer.status),
        kind => format!("AWS Secrets Manager refuses it ({}): {said}", words(kind, sent)),
    }
}
