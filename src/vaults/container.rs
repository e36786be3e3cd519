//! Credentials that AWS gives to a container: of a task in ECS, of a pod in EKS (Pod Identity).
//!
//! In: what the environment says. Out: who gives them, then the credentials. They go in the clear
//! only within the machine or its link. The rules are those of AWS's own tools, as read in November
//! 2026.

use super::at;
use super::peer::{Answer, Peer};
use super::sigv4::Credentials;
use crate::clock::Timestamp;
use crate::http_client::{Method, redirect};
use crate::limits::SECRET_BYTES_MAX;
use crate::secret::Secret;
use std::io::Read;
use std::path::PathBuf;

/// Where the agent of ECS answers; a relative address is one of its.
const ECS: &str = "http://169.254.170.2";

/// Hosts beside this machine that may be asked in the clear: the agents of ECS and of EKS.
const HOSTS: &[&str] = &["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// Who gives credentials to this container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Container {
    url: String,
    /// A file with the token to show: it is written anew now and then.
    token_file: Option<PathBuf>,
    /// The token, where there is no file.
    token: Option<Secret>,
}

impl Container {
    /// As the environment has it; `None` where this is no such container.
    pub(super) fn found(variable: impl Fn(&str) -> Option<Secret>) -> Result<Option<Self>, String> {
        let text = |name: &str| variable(name).map(|value| value.reveal().to_owned());
        let url = match text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) if path.starts_with('/') => format!("{ECS}{path}"),
            Some(_) => {
                return Err(
                    "`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` does not begin with `/`".to_owned()
                );
            }
            None => match text("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
                Some(url) => url,
                None => return Ok(None),
            },
        };
        if !may_be_asked(&url) {
            return Err(
                "`AWS_CONTAINER_CREDENTIALS_FULL_URI` leads where credentials must not go in the clear\nhint: `https://…`, or `http://` to this machine, `169.254.170.2`, `169.254.170.23` or `[fd00:ec2::23]`"
                    .to_owned(),
            );
        }
        let token_file = text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from);
        let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").filter(|_| token_file.is_none());
        Ok(Some(Self { url, token_file, token }))
    }

    /// Asks for them.
    pub(super) fn credentials(&self, peer: &Peer) -> Result<(Credentials, Timestamp), String> {
        let mut headers = Vec::new();
        if let Some(token) = self.token()? {
            headers.push(("authorization".to_owned(), token.reveal().to_owned()));
        }
        let answer = peer.call(Method::GET, self.url.clone(), headers, Vec::new())?;
        given(&answer).ok_or_else(|| {
            format!("the container's credentials can't be had: it answered {}", answer.status)
        })
    }

    /// The token to show. Kubernetes lets every user of the container read its file, so only its
    /// length is looked at.
    fn token(&self) -> Result<Option<Secret>, String> {
        let Some(path) = &self.token_file else { return Ok(self.token.clone()) };
        let failed =
            |why: String| format!("failed to read `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`: {why}");
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        let most = u64::try_from(SECRET_BYTES_MAX).unwrap_or(u64::MAX);
        let mut text = String::new();
        file.take(most.saturating_add(1))
            .read_to_string(&mut text)
            .map_err(|error| failed(error.to_string()))?;
        if text.len() > SECRET_BYTES_MAX || text.trim().is_empty() {
            return Err(failed("it is empty or too long".to_owned()));
        }
        Ok(Some(Secret::new(text.trim().to_owned())))
    }
}

/// Whether credentials may come from there.
fn may_be_asked(url: &str) -> bool {
    // Read as the client reads it: what else an address may hold isn't ours to take apart.
    let Some(target) = redirect(url, "").filter(|_| !url.contains(['@', '\\'])) else {
        return false;
    };
    let is_here = || match target.host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback() || HOSTS.contains(&address.to_string().as_str()),
        Err(_) => target.host == "localhost",
    };
    target.scheme == "https" || (target.scheme == "http" && is_here())
}

/// The credentials of an answer, and when they end.
pub(super) fn given(answer: &Answer) -> Option<(Credentials, Timestamp)> {
    let part = |key: &str| at(&answer.body, key).as_str().map(|text| Secret::new(text.to_owned()));
    let ends = at(&answer.body, "Expiration").as_str().and_then(Timestamp::parse_rfc3339)?;
    let (key_id, secret) = (part("AccessKeyId")?, part("SecretAccessKey")?);
    answer.is_well().then(|| (Credentials { key_id, secret, session: part("Token") }, ends))
}
