//! What listening over TLS needs of files: the certificate, its key, and who vouches for senders.
//!
//! In: the files. Out: rustls's config, made anew when a file has changed (a renewed certificate). What
//! can't be read then leaves the last good one in force.

use super::super::supervise::lock;
use super::Teller;
use crate::secret::SecretRef;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// The files, and what was made of them last.
#[derive(Debug)]
pub(in crate::sources) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    made: Mutex<(Stamps, Arc<ServerConfig>)>,
}

/// When each file was written last.
type Stamps = Vec<Option<SystemTime>>;

impl Tls {
    pub(in crate::sources) fn open(
        certificate: Option<&Path>,
        key: Option<&Path>,
        client_ca: Option<&Path>,
    ) -> Result<Self, String> {
        let certificate = certificate.map(Path::to_owned).unwrap_or_default();
        let key = key.map(Path::to_owned).unwrap_or_default();
        let client_ca = client_ca.map(Path::to_owned);
        let stamps = stamps(&[Some(&certificate), Some(&key), client_ca.as_ref()]);
        let made = make(&certificate, &key, client_ca.as_deref())?;
        Ok(Self { certificate, key, client_ca, made: Mutex::new((stamps, made)) })
    }

    /// The config for the next connection.
    pub(in crate::sources) fn config(&self, teller: &Teller) -> Arc<ServerConfig> {
        let mut made = lock(&self.made);
        let now = stamps(&[Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()]);
        if now != made.0 {
            match make(&self.certificate, &self.key, self.client_ca.as_deref()) {
                Ok(config) => *made = (now, config),
                // A file that is being written is whole a moment later.
                Err(why) => teller.tell(&format!("{why}; the one before stays in force")),
            }
        }
        Arc::clone(&made.1)
    }
}

fn stamps(paths: &[Option<&PathBuf>]) -> Stamps {
    let written = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    paths.iter().map(|path| path.and_then(written)).collect()
}

fn make(
    certificate: &Path,
    key: &Path,
    client_ca: Option<&Path>,
) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates(certificate)?;
    let reference = SecretRef::parse(&format!("file:{}", key.display()));
    let secret = reference.and_then(|reference| reference.resolve());
    let secret = secret.map_err(|error| error.to_string())?;
    let pem = PrivateKeyDer::from_pem_slice(secret.reveal().as_bytes());
    let pem = pem.map_err(|_| format!("`{}` holds no private key", key.display()))?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("failed to set TLS up: {error}"))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots
                    .add(root)
                    .map_err(|error| format!("`{}` can't vouch: {error}", path.display()))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let verifier =
                verifier.map_err(|error| format!("`{}` can't vouch: {error}", path.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(chain, pem);
    let config = config.map_err(|error| {
        format!("`{}` and `{}` don't fit: {error}", certificate.display(), key.display())
    })?;
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("failed to read `{}`: {error}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))?;
    let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    if all.is_empty() {
        return Err(format!("`{}` holds no certificate", path.display()));
    }
    Ok(all)
}
