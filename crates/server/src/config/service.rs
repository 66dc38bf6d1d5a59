//! What kind of installation this is, where it listens, under which names it is reached, and where its data is.

use std::net::SocketAddr;
use std::path::PathBuf;

use tenancy::Environment;

use super::setting::{Setting, filled, path_text, spelled, word};
use super::url::{domain_name, http_url};

/// Environment, addresses, data folder.
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
    /// A request to `{slug}.<domain>` names the tenant `slug`; in lower case, without a dot at its ends.
    pub domain: Option<String>,
    /// The address that clients know, such as `https://memory.example.com`; without a slash at its end.
    pub public_url: Option<String>,
    /// Who may make a tenant.
    pub sign_up: SignUp,
}

/// Who may make a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUp {
    /// Operators.
    Closed,
    /// Anybody with a valid token, who becomes its owner.
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
        |config| Some(config.service.environment.as_str().to_owned()),
    ),
    Setting::new(
        "listen",
        "address and port for REST and MCP (127.0.0.1:8080)",
        |config, text| {
            config.service.listen = address(text)?;
            Ok(())
        },
        |config| Some(config.service.listen.to_string()),
    ),
    Setting::new(
        "data_dir",
        "folder for everything the service keeps (~/.local/share/engram)",
        |config, text| {
            config.service.data_dir = PathBuf::from(filled(text)?);
            Ok(())
        },
        |config| Some(path_text(&config.service.data_dir)),
    ),
    Setting::new(
        "default_plan",
        "plan of tenants created without one (dev: unlimited, else free)",
        |config, text| {
            config.service.default_plan = filled(text)?;
            Ok(())
        },
        |config| Some(config.service.default_plan.clone()),
    ),
    Setting::new(
        "domain",
        "requests to {slug}.<domain> name their tenant, such as engram.example.com (none)",
        |config, text| {
            config.service.domain = Some(domain_name(text)?);
            Ok(())
        },
        |config| config.service.domain.clone(),
    ),
    Setting::new(
        "public_url",
        "the address that clients know (https://<domain>, else the one it listens on)",
        |config, text| {
            config.service.public_url = Some(http_url(text)?.trim_end_matches('/').to_owned());
            Ok(())
        },
        |config| config.service.public_url.clone(),
    ),
    Setting::new(
        "sign_up",
        "closed: operators make tenants; open: so does anybody with a valid token (closed)",
        |config, text| {
            config.service.sign_up = word(text, &SIGN_UPS)?;
            Ok(())
        },
        |config| spelled(config.service.sign_up, &SIGN_UPS),
    ),
];

const SIGN_UPS: [(&str, SignUp); 2] = [("closed", SignUp::Closed), ("open", SignUp::Open)];

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
            domain: None,
            public_url: None,
            sign_up: SignUp::Closed,
        }
    }
}

impl ServiceSettings {
    /// The address that clients know, as far as the configuration tells; without a slash at its end.
    pub fn known_url(&self) -> Option<String> {
        self.public_url.clone().or_else(|| self.domain.as_ref().map(|domain| format!("https://{domain}")))
    }

    /// The origin of pages that the service serves itself.
    pub fn public_origin(&self) -> Option<String> {
        let url: http::Uri = self.known_url()?.parse().ok()?;
        Some(format!("{}://{}", url.scheme_str()?, url.authority()?).to_ascii_lowercase())
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
