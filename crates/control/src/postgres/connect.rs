//! Ways to the server: the pool, a connection of one's own, one that listens. With TLS when the URL asks for it.

use std::fmt;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Notify;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::outage::told;
use crate::ControlError;

/// Connections for queries: the gateway caches what it reads, so few are busy at once.
const CONNECTIONS_MAX: usize = 8;
/// Longest wait for a connection, made or handed on.
const CONNECTION_WAIT: Duration = Duration::from_secs(3);
/// Longest wait for the server to take a connection.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Longest wait for a connection of one's own; a server that was scaled to zero wakes up in the meantime.
const DIRECT_WAIT: Duration = Duration::from_secs(10);
const HANGS: &str = "PostgreSQL takes connections but does not answer";
/// After this much silence the system asks whether the other end is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// Data that nobody acknowledges for this long ends the connection.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// Where the control plane is.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host/database?sslmode=...`; may lead to a pooler.
    pub url: String,
    /// The same database without a pooler in between, for notifications and migrations; `url` when `None`.
    pub direct_url: Option<String>,
}

impl PostgresOptions {
    /// One URL for everything.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), direct_url: None }
    }

    fn direct(&self) -> &str {
        self.direct_url.as_deref().unwrap_or(&self.url)
    }
}

/// The URL holds a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresOptions(..)")
    }
}

/// A URL, read: what the driver understands, and whom to trust.
struct Target {
    config: Config,
    root_certificates: Option<PathBuf>,
}

/// The pool for queries. Connects when the first one is asked.
pub(super) fn pool(options: &PostgresOptions) -> Result<Pool, ControlError> {
    let Target { config, root_certificates } = target(&options.url)?;
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, tls(root_certificates)?, recycling);
    Pool::builder(manager)
        .max_size(CONNECTIONS_MAX)
        .wait_timeout(Some(CONNECTION_WAIT))
        .create_timeout(Some(CONNECTION_WAIT))
        .recycle_timeout(Some(CONNECTION_WAIT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ControlError::Unavailable(error.to_string()))
}

/// A connection of one's own, past the pooler.
pub(super) async fn direct(options: &PostgresOptions) -> Result<Client, ControlError> {
    let Target { config, root_certificates } = target(options.direct())?;
    // The driver's own limit ends when the socket is open.
    let connected = tokio::time::timeout(DIRECT_WAIT, config.connect(tls(root_certificates)?)).await;
    let connected = connected.map_err(|_| ControlError::Unavailable(HANGS.to_owned()))?;
    let (client, connection) = connected.map_err(|error| ControlError::Unavailable(told(&error)))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = told(&error), "a connection to PostgreSQL ended");
        }
    });
    Ok(client)
}

/// Notifies `heard` of everything on `channel` until the connection ends.
pub(super) async fn listen(
    options: &PostgresOptions,
    channel: &str,
    heard: &Notify,
) -> Result<(), ControlError> {
    let unavailable = |error: tokio_postgres::Error| ControlError::Unavailable(told(&error));
    let Target { config, root_certificates } = target(options.direct())?;
    let (client, mut connection) = config.connect(tls(root_certificates)?).await.map_err(unavailable)?;
    let messages = async {
        loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(_))) => heard.notify_one(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(unavailable(error)),
                None => return Ok(()),
            }
        }
    };
    let listening = async {
        client.batch_execute(&format!("LISTEN {channel}")).await.map_err(unavailable)?;
        // What was announced before is found by looking.
        heard.notify_one();
        std::future::pending::<Result<(), ControlError>>().await
    };
    let (messages, listening) = (pin!(messages), pin!(listening));
    tokio::select! {
        ended = messages => ended,
        failed = listening => failed,
    }
}

fn target(url: &str) -> Result<Target, ControlError> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut kept = Vec::new();
    let mut root_certificates = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            // The certificate is checked whenever there is TLS, so these ask for nothing more.
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            Some(("sslrootcert", "system")) => {}
            Some(("sslrootcert", path)) => root_certificates = Some(PathBuf::from(path)),
            _ => kept.push(pair),
        }
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    let mut config = Config::from_str(&format!("{address}{separator}{}", kept.join("&")))
        .map_err(|error| ControlError::Invalid(format!("the URL of the control plane: {}", told(&error))))?;
    // PostgreSQL 17 can begin with TLS at once; older servers are asked first, as everywhere.
    if config.get_ssl_mode() == SslMode::Disable && root_certificates.is_some() {
        return Err(ControlError::Invalid(
            "the URL of the control plane: sslrootcert without TLS".to_owned(),
        ));
    }
    config
        .application_name("engram")
        .connect_timeout(CONNECT_MAX)
        .keepalives_idle(KEEPALIVE_AFTER)
        .tcp_user_timeout(UNACKNOWLEDGED_MAX);
    Ok(Target { config, root_certificates })
}

/// TLS that trusts the system's certificates, or those in a file.
fn tls(root_certificates: Option<PathBuf>) -> Result<MakeRustlsConnect, ControlError> {
    static SYSTEM: OnceLock<Arc<rustls::RootCertStore>> = OnceLock::new();
    let roots = match root_certificates {
        None => Arc::clone(SYSTEM.get_or_init(|| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(roots)
        })),
        Some(path) => {
            let failed = |error: String| {
                ControlError::Invalid(format!("the certificates in {}: {error}", path.display()))
            };
            let mut roots = rustls::RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(&path).map_err(|e| failed(e.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
            Arc::new(roots)
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ControlError::Invalid(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_hosted_databases_are_understood() {
        for (url, mode) in [
            ("postgres://u:p@host/db", SslMode::Prefer),
            (
                "postgresql://u:p@ep-x-pooler.eu.example/db?sslmode=require&channel_binding=require",
                SslMode::Require,
            ),
            ("postgres://u:p@host:5433/db?sslmode=verify-full&sslrootcert=system", SslMode::Require),
            ("postgres://u:p@host/db?sslmode=disable", SslMode::Disable),
        ] {
            assert_eq!(target(url).unwrap().config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_its_password() {
        for url in
            ["postgres://u:secret@host/db?sslmode=maybe", "mysql://u:secret@host", "postgres://u:secret@:x/"]
        {
            let told = target(url).err().unwrap().to_string();
            assert!(told.starts_with("the URL of the control plane") && !told.contains("secret"), "{told}");
        }
        assert!(!format!("{:?}", PostgresOptions::new("postgres://u:secret@h/d")).contains("secret"));
    }
}
