//! The web pages that may use the service from a browser.

use tenancy::Environment;

use super::setting::{Setting, each, joined};
use super::url;

/// The web pages that may use the service from a browser. In dev, pages of this machine may in any case.
#[derive(Debug, Clone, Default)]
pub struct CorsSettings {
    /// Their origins; `*` is every page there is.
    pub origins: Vec<String>,
}

/// Every page there is.
const ANY: &str = "*";

pub(super) const SETTINGS: &[Setting] = &[Setting::list(
    "cors.origins",
    "origins of web pages that may call the service; * only in dev (dev: pages of this machine, else none)",
    |config, text| {
        config.cors.origins =
            each(text, |item| if item == ANY { Ok(ANY.to_owned()) } else { url::origin(item) })?;
        Ok(())
    },
    |config| joined(&config.cors.origins),
)];

impl CorsSettings {
    /// Whether every page may.
    pub fn allows_any(&self) -> bool {
        self.origins.iter().any(|origin| origin == ANY)
    }

    /// What does not fit together. In prod the wildcard is one of the unsafe settings, which are told apart.
    pub(super) fn contradictions(&self, environment: Environment) -> Vec<String> {
        match environment {
            Environment::Staging if self.allows_any() => {
                vec!["cors.origins may be * only in dev; list the origins of the pages".to_owned()]
            }
            Environment::Dev | Environment::Staging | Environment::Prod => Vec::new(),
        }
    }
}
