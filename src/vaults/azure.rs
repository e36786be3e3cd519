//! Azure Key Vault: the newest version of a secret, with a token for a client's secret or for the
//! machine's managed identity.
//!
//! In: a vault and a name. Out: the text. Facts about the services were read in November 2026.

use super::config::AzureConfig;
use super::peer::{Answer, Peer};
use super::{Document, at, encoded, lasting, words};
use crate::http_client::Method;
use crate::process::read_secret;
use crate::secret::Secret;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The version of Key Vault's API that is spoken.
const API: &str = "7.4";

/// The version of the metadata service's API that is spoken.
const METADATA_API: &str = "2018-02-01";

/// A token is had anew this long before its end.
const BEFORE_END: Duration = Duration::from_mins(2);

/// All vaults of a tenant.
#[derive(Debug)]
pub(super) struct Azure {
    config: AzureConfig,
    peer: Peer,
    login: Peer,
    /// The token, and until when it is used.
    token: Mutex<Option<(Secret, Instant)>>,
}

impl Azure {
    pub(super) fn new(config: &AzureConfig) -> Self {
        Self {
            config: config.clone(),
            peer: Peer::new("Azure Key Vault"),
            login: Peer::new(match config.client_secret {
                Some(_) => "Azure's login",
                None => "the machine's metadata service",
            }),
            token: Mutex::new(None),
        }
    }

    /// Reads a secret.
    pub(super) fn read(&self, vault: &str, name: &str) -> Result<Document, String> {
        let (mut token, is_new) = self.token()?;
        let mut answer = self.ask(vault, name, &token)?;
        if answer.status == 401 && !is_new {
            *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
            token = self.token()?.0;
            answer = self.ask(vault, name, &token)?;
        }
        let error = at(&answer.body, "error");
        let said = words(at(error, "message").as_str().unwrap_or_default(), &[&token]);
        match answer.status {
            200 => match at(&answer.body, "value").as_str() {
                Some(value) => Ok(Document::of(Secret::new(value.to_owned()))),
                None => Err("the reply of Azure Key Vault holds no value".to_owned()),
            },
            401 => Err(format!("Azure Key Vault refuses the token: {said}")),
            403 => Err(format!(
                "Azure Key Vault refuses it: {said}\nhint: give the identity the role `Key Vault Secrets User` on this vault"
            )),
            404 => Err(format!("Azure Key Vault has nothing there: {said}")),
            429 => Err("Azure Key Vault is asked too often".to_owned()),
            status => Err(format!("Azure Key Vault answered {status}: {said}")),
        }
    }

    fn ask(&self, vault: &str, name: &str, token: &Secret) -> Result<Answer, String> {
        let base = match &self.config.endpoint {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{vault}.{}", self.config.domain),
        };
        let url = format!("{base}/secrets/{}?api-version={API}", encoded(name, false));
        let header = ("authorization".to_owned(), format!("Bearer {}", token.reveal()));
        self.peer.call(Method::GET, url, vec![header], Vec::new())
    }

    /// The token, and whether it was had just now.
    fn token(&self) -> Result<(Secret, bool), String> {
        let mut held = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, until)) = held.as_ref()
            && Instant::now() < *until
        {
            return Ok((token.clone(), false));
        }
        let asked = Instant::now();
        let answer = if let Some(reference) = &self.config.client_secret {
            let secret = read_secret(reference).map_err(|error| error.to_string())?;
            let answer = self.of_client(&secret)?;
            refused(&answer, "Azure refuses the client", &[&secret])?;
            answer
        } else {
            let answer = self.of_machine()?;
            refused(&answer, "the machine has no managed identity", &[])?;
            answer
        };
        let Some(token) = at(&answer.body, "access_token").as_str() else {
            return Err("Azure's reply holds no token".to_owned());
        };
        let lasts = lasting(at(&answer.body, "expires_in"));
        let token = Secret::new(token.to_owned());
        *held = Some((token.clone(), asked + lasts.saturating_sub(BEFORE_END)));
        Ok((token, true))
    }

    fn of_client(&self, secret: &Secret) -> Result<Answer, String> {
        let of = |text: &Option<String>| encoded(text.as_deref().unwrap_or_default(), false);
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            of(&self.config.client_id),
            encoded(secret.reveal(), false),
            encoded(&format!("https://{}/.default", self.config.domain), false)
        );
        let base = self.config.login.trim_end_matches('/');
        let url = format!("{base}/{}/oauth2/v2.0/token", of(&self.config.tenant));
        let kind = "application/x-www-form-urlencoded".to_owned();
        self.login.call(
            Method::POST,
            url,
            vec![("content-type".to_owned(), kind)],
            body.into_bytes(),
        )
    }

    fn of_machine(&self) -> Result<Answer, String> {
        let base = self.config.metadata.trim_end_matches('/');
        let resource = encoded(&format!("https://{}", self.config.domain), false);
        let mut url = format!(
            "{base}/metadata/identity/oauth2/token?api-version={METADATA_API}&resource={resource}"
        );
        if let Some(client) = &self.config.client_id {
            url.push_str("&client_id=");
            url.push_str(&encoded(client, false));
        }
        let header = ("Metadata".to_owned(), "true".to_owned());
        self.login.call(Method::GET, url, vec![header], Vec::new())
    }
}

/// The error of an answer that gives no token.
fn refused(answer: &Answer, what: &str, sent: &[&Secret]) -> Result<(), String> {
    if answer.is_well() {
        return Ok(());
    }
    let said = at(&answer.body, "error_description").as_str().unwrap_or_default();
    let said = words(said, sent);
    let said = if said.is_empty() { format!("it answered {}", answer.status) } else { said };
    Err(format!("{what}: {said}\nhint: see `[vaults.azure]` in docs/secrets.md"))
}
