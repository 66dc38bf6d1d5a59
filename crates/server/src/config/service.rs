//! What kind of installation this is, where it listens and where it keeps its data.

use std::net::SocketAddr;
use std::path::PathBuf;

use tenancy::Environment;

use super::setting::{Setting, word};

/// Environment, address, data folder.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The kind of installation; decides the defaults of much else.
    pub environment: Environment,
    /// Where REST and MCP answer.
    pub listen: SocketAddr,
    /// Everything the service keeps.
    pub data_dir: PathBuf,
    /// The plan of tenants created without one.
    pub default_plan: String,
    /// Whether people may make tenants for themselves.
    pub sign_up: SignUp,
}

/// Whether people may make tenants for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUp {
    /// Only operators make tenants.
    Closed,
    /// Whoever is signed in may make one and owns it.
    Open,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "env",
        "dev, staging or prod; decides defaults and what is refused (dev)",
        |config, text| {
            let words = [Environment::Dev, Environment::Staging, Environment::Prod].map(|e| (e.as_str(), e));
            config.service.environment = word(text, &words)?;
            Ok(())
        },
    ),
    Setting::new("listen", "address and port for REST and MCP (127.0.0.1:8080)", |config, text| {
        config.service.listen = address(text)?;
        Ok(())
    }),
    Setting::new(
        "data_dir",
        "folder for everything the service keeps (~/.local/share/engram)",
        |config, text| {
            if text.is_empty() {
                return Err("must not be empty".into());
            }
            config.service.data_dir = PathBuf::from(text);
            Ok(())
        },
    ),
    Setting::new(
        "default_plan",
        "plan of tenants created without one (dev: unlimited, else free)",
        |config, text| {
            if text.trim().is_empty() {
                return Err("must not be blank".into());
            }
            config.service.default_plan = text.to_owned();
            Ok(())
        },
    ),
    Setting::new(
        "sign_up",
        "open lets a signed-in person make a tenant of their own, closed does not (closed)",
        |config, text| {
            let words = [("closed", SignUp::Closed), ("open", SignUp::Open)];
            config.service.sign_up = word(text, &words)?;
            Ok(())
        },
    ),
];

impl ServiceSettings {
    pub(super) fn defaults(environment: Environment) -> Self {
        let plan = match environment {
            Environment::Dev => "unlimited",
            Environment::Staging | Environment::Prod => "free",
        };
        Self {
            environment,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: default_data_dir(),
            default_plan: plan.to_owned(),
            sign_up: SignUp::Closed,
        }
    }
}

/// Where data goes unless said: `$XDG_DATA_HOME/engram`, else `~/.local/share/engram`, else `./engram-data`.
#[allow(clippy::disallowed_methods, reason = "the configuration is where the environment is read")]
pub fn default_data_dir() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .map(|folder| folder.join("engram"))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/engram")))
        .unwrap_or_else(|| PathBuf::from("engram-data"))
}

/// An address such as `127.0.0.1:8080` or `localhost:8080`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}
