//! The service's certificate: read from its files, and read again when they change, without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Protocols we speak, the better one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a certificate cannot be used; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is out of reach.
    #[error("cannot read {}: {source}; check tls.certificate and tls.key", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {what} as PEM: {why}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What the parser said.
        why: String,
    },
    /// They do not belong together, or the key is of a kind we do not speak.
    #[error("the certificate in {} cannot be used with its key: {source}", .path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
}

/// What a look at the files brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// They are what they were.
    Unchanged,
    /// New connections get the new certificate.
    Renewed,
    /// They changed into something that cannot be used; the old certificate stays.
    Rejected,
}

/// The certificate that new connections get.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
    /// Of the files as they were last looked at, good or bad.
    seen: Mutex<blake3::Hash>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let (certificate, key) = read(&files)?;
        let current = ArcSwap::from_pointee(certified(&files, &certificate, &key)?);
        let seen = Mutex::new(fingerprint(&certificate, &key));
        Ok(Arc::new(Self { files, current, seen }))
    }

    /// Looks at the files and takes what is new and good in them. The old certificate stays when it is not.
    pub fn reload(&self) -> Reload {
        let new = read(&self.files).and_then(|(certificate, key)| {
            let found = fingerprint(&certificate, &key);
            if std::mem::replace(&mut *self.seen.lock(), found) == found {
                return Ok(None);
            }
            certified(&self.files, &certificate, &key).map(Some)
        });
        match new {
            Ok(None) => Reload::Unchanged,
            Ok(Some(new)) => {
                self.current.store(Arc::new(new));
                metrics::counter!("engram_certificate_reloads_total").increment(1);
                tracing::info!(certificate = %self.files.certificate.display(), "a new certificate is in use");
                Reload::Renewed
            }
            Err(error) => {
                metrics::counter!("engram_certificate_reload_failures_total").increment(1);
                tracing::error!(%error, "the new certificate cannot be used; the old one stays");
                Reload::Rejected
            }
        }
    }

    /// Looks at the files every few seconds until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let looking = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let this = Arc::clone(&self);
                let _ = tokio::task::spawn_blocking(move || this.reload()).await;
            }
        };
        let _ = stop.run_until_cancelled(looking).await;
    }

    /// What turns a connection into one with TLS.
    ///
    /// # Errors
    /// When the library does not have the protocol versions it should have.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(files: &TlsFiles) -> Result<(Vec<u8>, Vec<u8>), TlsError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source });
    Ok((read(&files.certificate)?, read(&files.key)?))
}

fn certified(files: &TlsFiles, certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsError> {
    let malformed = |path: &Path, what, why: String| TlsError::Malformed { path: path.to_owned(), what, why };
    let no_certificate = |why| malformed(&files.certificate, "certificate", why);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| no_certificate(error.to_string()))?;
    if chain.is_empty() {
        return Err(no_certificate("there is none in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| malformed(&files.key, "private key", error.to_string()))?;
    CertifiedKey::from_der(chain, key, &provider())
        .map_err(|source| TlsError::Unusable { path: files.certificate.clone(), source })
}

fn fingerprint(certificate: &[u8], key: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(certificate.len() as u64).to_le_bytes()).update(certificate).update(key);
    hasher.finalize()
}
