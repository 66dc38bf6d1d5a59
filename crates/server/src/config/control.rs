//! Where the control plane is: in the data folder, or in a PostgreSQL database.

use super::secret::{Secret, without_password};
use super::setting::Setting;

/// Where tenants, keys, plans, usage and the audit log are kept.
#[derive(Debug, Clone, Default)]
pub struct ControlSettings {
    /// What somebody asked for; the data folder when nobody did.
    pub asked: Option<ControlPlace>,
    /// A connection past the pooler, for LISTEN; the same URL when `None`.
    pub direct_url: Option<Secret>,
}

/// Where the control plane is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlPlace {
    /// SQLite in the data folder.
    Embedded,
    /// PostgreSQL at this URL, which holds a password.
    Postgres(Secret),
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "control.url",
        "embedded (in the data folder) or postgres://user:password@host/database (embedded)",
        |config, text| {
            config.control.asked = Some(match text.trim() {
                "embedded" => ControlPlace::Embedded,
                url => ControlPlace::Postgres(postgres_url(url)?),
            });
            Ok(())
        },
        |config| Some(config.control.shown_url()),
    ),
    Setting::new(
        "control.direct_url",
        "the same database past its pooler, for LISTEN (control.url)",
        |config, text| {
            config.control.direct_url = Some(postgres_url(text.trim())?);
            Ok(())
        },
        |config| config.control.direct_url.as_ref().map(|url| without_password(url.reveal())),
    ),
];

impl ControlSettings {
    /// Where the control plane is, asked for or not.
    pub fn place(&self) -> ControlPlace {
        self.asked.clone().unwrap_or(ControlPlace::Embedded)
    }

    /// The same for people, without its password.
    pub fn shown_url(&self) -> String {
        match self.place() {
            ControlPlace::Embedded => "embedded".to_owned(),
            ControlPlace::Postgres(url) => without_password(url.reveal()),
        }
    }

    /// What does not fit together.
    pub(super) fn contradictions(&self) -> Vec<String> {
        match (self.place(), &self.direct_url) {
            (ControlPlace::Embedded, Some(_)) => {
                vec!["control.direct_url needs a postgres:// URL in control.url".to_owned()]
            }
            (ControlPlace::Embedded, None) | (ControlPlace::Postgres(_), _) => Vec::new(),
        }
    }
}

fn postgres_url(text: &str) -> Result<Secret, String> {
    // The text itself is not repeated: it may hold a password.
    let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
    match rest {
        Some(rest) if !rest.is_empty() && !text.contains(char::is_whitespace) => Ok(Secret::new(text)),
        _ => Err("must be embedded or a URL such as postgres://user:password@host/database".into()),
    }
}
