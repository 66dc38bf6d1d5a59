//! The service's own certificate.

use std::path::PathBuf;

use super::setting::{Setting, filled, path_text};

/// The service's own certificate; without one it speaks plain HTTP.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// The certificate and those that sign it, as PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, as PEM.
    pub key: Option<PathBuf>,
}

/// Both files, as TLS needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those that sign it, as PEM.
    pub certificate: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "tls.certificate",
        "PEM file with the certificate chain; read again when it changes (none: plain HTTP)",
        |config, text| {
            config.tls.certificate = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.tls.certificate.as_deref().map(path_text),
    ),
    Setting::new(
        "tls.key",
        "PEM file with the certificate's private key",
        |config, text| {
            config.tls.key = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.tls.key.as_deref().map(path_text),
    ),
];

impl TlsSettings {
    /// Both files, if the service speaks TLS itself.
    pub fn files(&self) -> Option<TlsFiles> {
        let (certificate, key) = self.certificate.clone().zip(self.key.clone())?;
        Some(TlsFiles { certificate, key })
    }

    /// What does not fit together.
    pub(super) fn contradictions(&self) -> Vec<String> {
        match (&self.certificate, &self.key) {
            (Some(_), None) => vec!["tls.certificate needs tls.key beside it".to_owned()],
            (None, Some(_)) => vec!["tls.key needs tls.certificate beside it".to_owned()],
            (Some(_), Some(_)) | (None, None) => Vec::new(),
        }
    }
}
