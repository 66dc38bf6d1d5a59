//! The console: whether there is one, how long people stay signed in, and its client at the identity provider.

use std::time::Duration;

use super::jwt::JwtSettings;
use super::secret::Secret;
use super::setting::{Setting, filled, number, yes_or_no};
use super::url::http_url;

/// Longest time between signing in and having to do it again, in seconds: 30 days.
const SESSION_S_MAX: u64 = 30 * 86_400;

/// The pages for people at `/console`.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// Whether they are served.
    pub enabled: bool,
    /// The console's client at the provider of `jwt.issuer`; people cannot sign in there without one.
    pub client_id: Option<String>,
    /// The client's secret; a public client has none.
    pub client_secret: Option<Secret>,
    /// What the provider is asked for, separated by blanks.
    pub scopes: String,
    /// After so long people sign in again.
    pub session: Duration,
    /// After so long without a page they sign in again.
    pub idle: Duration,
    /// Where an Alertmanager is asked what fires, for the page of alerts.
    pub alertmanager_url: Option<String>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "console.enabled",
        "whether pages for people are served at /console (true)",
        |config, text| {
            config.console.enabled = yes_or_no(text)?;
            Ok(())
        },
        |config| Some(config.console.enabled.to_string()),
    ),
    Setting::new(
        "console.client_id",
        "client of the console at the provider of jwt.issuer, found by discovery (none: people sign in by key)",
        |config, text| {
            config.console.client_id = Some(filled(text)?);
            Ok(())
        },
        |config| config.console.client_id.clone(),
    ),
    Setting::new(
        "console.client_secret",
        "that client's secret, unless it is a public one; better as a variable (none)",
        |config, text| {
            config.console.client_secret = Some(Secret::new(filled(text)?));
            Ok(())
        },
        |config| config.console.client_secret.as_ref().map(|_| "(set)".to_owned()),
    ),
    Setting::new(
        "console.scopes",
        "scopes that the provider is asked for, separated by blanks (openid email)",
        |config, text| {
            config.console.scopes = filled(text)?;
            Ok(())
        },
        |config| Some(config.console.scopes.clone()),
    ),
    Setting::new(
        "console.session_s",
        "seconds after which people sign in again, at most (43200)",
        |config, text| {
            config.console.session = Duration::from_secs(number(text, 60, SESSION_S_MAX)?);
            Ok(())
        },
        |config| Some(config.console.session.as_secs().to_string()),
    ),
    Setting::new(
        "console.idle_s",
        "seconds without a page after which people sign in again (7200)",
        |config, text| {
            config.console.idle = Duration::from_secs(number(text, 60, SESSION_S_MAX)?);
            Ok(())
        },
        |config| Some(config.console.idle.as_secs().to_string()),
    ),
    Setting::new(
        "console.alertmanager_url",
        "base URL of an Alertmanager that the page of alerts asks what fires, such as http://localhost:9093 (none)",
        |config, text| {
            config.console.alertmanager_url = Some(http_url(text)?.trim_end_matches('/').to_owned());
            Ok(())
        },
        |config| config.console.alertmanager_url.clone(),
    ),
];

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            client_id: None,
            client_secret: None,
            scopes: "openid email".to_owned(),
            session: Duration::from_secs(12 * 3_600),
            idle: Duration::from_secs(2 * 3_600),
            alertmanager_url: None,
        }
    }
}

impl ConsoleSettings {
    /// What does not fit together.
    pub(super) fn contradictions(&self, jwt: &JwtSettings) -> Vec<String> {
        let mut problems = Vec::new();
        if self.client_id.is_some() && !jwt.is_on() {
            problems.push("console.client_id needs jwt.issuer beside it: where people sign in".to_owned());
        }
        if self.client_secret.is_some() && self.client_id.is_none() {
            problems.push("console.client_secret needs console.client_id beside it: whose it is".to_owned());
        }
        problems
    }
}
