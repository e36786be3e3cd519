//! How vaults are reached: what the config says under `[vaults]`.

use super::peer::{check_address, check_metadata};
use crate::clock::duration_text;
use crate::limits::SECRET_REREAD_SECS_MIN;
use crate::secret::SecretRef;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How secrets are read again, and how vaults are reached. What riposte needs to get into a vault
/// is itself a secret reference (`env:`, `file:`, `credential:` or `exec:`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaultsConfig {
    /// A secret from a vault or a program is read again after this long, earlier when its vault
    /// says that it won't last so long, and when it is refused where it is used. Files and the
    /// environment are read at each use.
    #[serde(with = "duration_text")]
    pub reread: Duration,
    /// HashiCorp Vault, for `vault:PATH#FIELD`.
    pub vault: Option<VaultConfig>,
    /// AWS Secrets Manager, for `aws-sm:NAME#FIELD`.
    pub aws: Option<AwsConfig>,
    /// Azure Key Vault, for `azure-kv:VAULT/NAME`.
    pub azure: Option<AzureConfig>,
}

impl Default for VaultsConfig {
    fn default() -> Self {
        Self { reread: Duration::from_mins(5), vault: None, aws: None, azure: None }
    }
}

/// HashiCorp Vault or OpenBao, for `vault:PATH#FIELD`. It is entered with a token or with an
/// `approle`; both are renewed in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// Its address (`https://vault.example.com:8200`; plain `http://` only to this machine).
    pub address: String,
    /// A file with the certificates (PEM) of the authority that signed the server's, where the
    /// system doesn't know it. Read at the start; others may not write it.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// The namespace, where the server has some.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Where the token is to be had; read again when it is refused.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// The AppRole to enter with, instead of a token.
    #[serde(default)]
    pub approle: Option<AppRoleConfig>,
}

/// An AppRole of Vault's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppRoleConfig {
    /// Where the role's id is to be had.
    pub role_id: SecretRef,
    /// Where the secret id is to be had; read again at each entry.
    pub secret_id: SecretRef,
    /// Where the auth method is mounted.
    #[serde(default = "approle")]
    pub mount: String,
}

/// AWS Secrets Manager, for `aws-sm:NAME#FIELD`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// The region (`eu-central-1`).
    pub region: String,
    /// The service's address, where it isn't the region's own (a VPC endpoint).
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The id of the access key. Without it, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    /// `AWS_SESSION_TOKEN` of the environment are used, and where there are none, the role of the
    /// container (ECS tasks, EKS Pod Identity), else that of the instance (IMDSv2).
    #[serde(default)]
    pub access_key_id: Option<SecretRef>,
    /// The secret of the access key.
    #[serde(default)]
    pub secret_access_key: Option<SecretRef>,
    /// The address of the instance's metadata service.
    #[serde(default = "metadata")]
    pub metadata: String,
}

/// Azure Key Vault, for `azure-kv:VAULT/NAME`. It is entered with a client's secret, and without
/// one with the machine's managed identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AzureConfig {
    /// The tenant's id or domain; needed with a client's secret.
    pub tenant: Option<String>,
    /// The client's id; with a managed identity, the id of the one that is meant, where the
    /// machine has several.
    pub client_id: Option<String>,
    /// Where the client's secret is to be had.
    pub client_secret: Option<SecretRef>,
    /// What follows the vault's name in its address; other clouds have others.
    pub domain: String,
    /// Where tokens are given; other clouds have others.
    pub login: String,
    /// The address of the machine's metadata service.
    pub metadata: String,
    /// An address that is asked in place of the vault's own (a private endpoint, a look-alike).
    pub endpoint: Option<String>,
}

impl Default for AzureConfig {
    fn default() -> Self {
        Self {
            tenant: None,
            client_id: None,
            client_secret: None,
            domain: "vault.azure.net".to_owned(),
            login: "https://login.microsoftonline.com".to_owned(),
            metadata: metadata(),
            endpoint: None,
        }
    }
}

fn approle() -> String {
    "approle".to_owned()
}

fn metadata() -> String {
    "http://169.254.169.254".to_owned()
}

impl VaultsConfig {
    /// What is wrong with the values, in words, each with its hint on a line of its own.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.reread < Duration::from_secs(SECRET_REREAD_SECS_MIN) {
            faults.push(format!(
                "`vaults.reread` is under {SECRET_REREAD_SECS_MIN} s\nhint: what is refused is read again at once, whatever its age"
            ));
        }
        if let Some(vault) = &self.vault {
            faults.extend(vault.faults());
        }
        if let Some(aws) = &self.aws {
            faults.extend(aws.faults());
        }
        if let Some(azure) = &self.azure {
            faults.extend(azure.faults());
        }
        for (key, reference) in self.references() {
            if reference.table().is_some() {
                faults.push(format!(
                    "`{key}` is itself in a vault\nhint: what opens a vault must lie outside of it: `env:NAME`, `file:/path`, `credential:NAME` or `exec:/path/program`"
                ));
            }
        }
        faults
    }

    /// Whether the config says how the vault of this reference is reached.
    pub fn reaches(&self, reference: &SecretRef) -> bool {
        match reference {
            SecretRef::Vault { .. } => self.vault.is_some(),
            SecretRef::AwsSm { .. } => self.aws.is_some(),
            SecretRef::AzureKv { .. } => self.azure.is_some(),
            _ => true,
        }
    }

    /// The references of this part of the config, with their keys.
    pub fn references(&self) -> Vec<(&'static str, &SecretRef)> {
        let vault = self.vault.as_ref();
        let role = vault.and_then(|vault| vault.approle.as_ref());
        let aws = self.aws.as_ref();
        let all = [
            ("vaults.vault.token", vault.and_then(|vault| vault.token.as_ref())),
            ("vaults.vault.approle.role_id", role.map(|role| &role.role_id)),
            ("vaults.vault.approle.secret_id", role.map(|role| &role.secret_id)),
            ("vaults.aws.access_key_id", aws.and_then(|aws| aws.access_key_id.as_ref())),
            ("vaults.aws.secret_access_key", aws.and_then(|aws| aws.secret_access_key.as_ref())),
            (
                "vaults.azure.client_secret",
                self.azure.as_ref().and_then(|azure| azure.client_secret.as_ref()),
            ),
        ];
        all.into_iter().filter_map(|(key, reference)| Some((key, reference?))).collect()
    }
}

impl VaultConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(check_address("vaults.vault.address", &self.address).err());
        if self.token.is_some() == self.approle.is_some() {
            faults.push(
                "`vaults.vault` needs either a `token` or an `approle`\nhint: `token = \"file:/etc/riposte/vault.token\"`"
                    .to_owned(),
            );
        }
        if self.ca_file.as_ref().is_some_and(|path| !path.is_absolute()) {
            faults.push(
                "`vaults.vault.ca_file` is no whole path\nhint: `/etc/riposte/vault-ca.pem`"
                    .to_owned(),
            );
        }
        let right = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let odd = |text: &String| !text.chars().all(right) || text.split('/').any(|p| p == "..");
        if self.approle.as_ref().is_some_and(|role| odd(&role.mount) || role.mount.is_empty()) {
            faults.push("`vaults.vault.approle.mount` is no path".to_owned());
        }
        if self.namespace.as_ref().is_some_and(odd) {
            faults.push("`vaults.vault.namespace` is no path".to_owned());
        }
        faults
    }
}

impl AwsConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // The region becomes a part of the address.
        if self.region.is_empty() || !self.region.chars().all(right) {
            faults.push(format!(
                "`{}` is no region\nhint: `eu-central-1`",
                self.region.escape_debug()
            ));
        }
        if let Some(endpoint) = &self.endpoint {
            faults.extend(check_address("vaults.aws.endpoint", endpoint).err());
            let host = endpoint.split_once("://").map_or("", |(_, host)| host);
            // The signature is for the service's one path.
            if host.trim_end_matches('/').contains('/') {
                faults.push(
                    "`vaults.aws.endpoint` has a path\nhint: the scheme and the host alone"
                        .to_owned(),
                );
            }
        }
        faults.extend(check_metadata("vaults.aws.metadata", &self.metadata).err());
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            faults.push(
                "`vaults.aws.access_key_id` and `secret_access_key` need each other".to_owned(),
            );
        }
        faults
    }
}

impl AzureConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let right = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let odd = |text: &str| text.is_empty() || !text.chars().all(right);
        if odd(&self.domain) {
            faults.push("`vaults.azure.domain` is no domain".to_owned());
        }
        for (key, value) in [("tenant", &self.tenant), ("client_id", &self.client_id)] {
            if value.as_deref().is_some_and(odd) {
                faults.push(format!("`vaults.azure.{key}` has letters, digits, `-` and `.` alone"));
            }
        }
        if self.client_secret.is_some() && (self.tenant.is_none() || self.client_id.is_none()) {
            faults.push(
                "`vaults.azure.client_secret` is required with `tenant` and `client_id`".to_owned(),
            );
        }
        faults.extend(check_address("vaults.azure.login", &self.login).err());
        if let Some(endpoint) = &self.endpoint {
            faults.extend(check_address("vaults.azure.endpoint", endpoint).err());
        }
        faults.extend(check_metadata("vaults.azure.metadata", &self.metadata).err());
        faults
    }
}
