//! The secrets that API keys are hashed with.

use std::path::PathBuf;

use gateway::Peppers;

use super::secret::Secret;
use super::setting::{Setting, filled, path_text};

/// Where the peppers come from; a file in the data folder, made at the first start, when neither is set.
#[derive(Debug, Clone, Default)]
pub struct KeySettings {
    /// The peppers themselves, a line each; better as a variable.
    pub peppers: Option<Secret>,
    /// A file with them.
    pub peppers_file: Option<PathBuf>,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "keys.peppers",
        "secrets that keys are hashed with: `<version> <64 hex digits>`, several by lines or commas; better as a variable",
        |config, text| {
            // Commas, because a variable seldom has lines.
            let lines = text.replace(',', "\n");
            Peppers::parse(&lines).map_err(|error| format!("is wrong: {error}"))?;
            config.keys.peppers = Some(Secret::new(lines));
            Ok(())
        },
        |config| config.keys.peppers.as_ref().map(|_| "(set)".to_owned()),
    ),
    Setting::new(
        "keys.peppers_file",
        "file with the same, a line each (control/pepper in the data folder, made at the first start)",
        |config, text| {
            config.keys.peppers_file = Some(PathBuf::from(filled(text)?));
            Ok(())
        },
        |config| config.keys.peppers_file.as_deref().map(path_text),
    ),
];

impl KeySettings {
    /// Whether somebody gave peppers, rather than have the first start make one beside the keys it protects.
    pub fn are_given(&self) -> bool {
        self.peppers.is_some() || self.peppers_file.is_some()
    }

    /// What does not fit together.
    pub(super) fn contradictions(&self) -> Vec<String> {
        if self.peppers.is_some() && self.peppers_file.is_some() {
            return vec!["keys.peppers and keys.peppers_file are both set; leave one out".to_owned()];
        }
        Vec::new()
    }
}
