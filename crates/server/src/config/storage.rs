//! How many tenant stores stay open.

use std::time::Duration;

use super::setting::{Setting, in_ms, milliseconds, number};

/// Open stores.
#[derive(Debug, Clone)]
pub struct StorageSettings {
    /// Most stores open at once; from file descriptors and memory when `None`.
    pub stores_open_max: Option<usize>,
    /// A store nobody used for this long is closed.
    pub store_idle: Duration,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "storage.stores_open_max",
        "tenant stores open at once (from memory and descriptors)",
        |config, text| {
            config.storage.stores_open_max = Some(number(text, 1, 1_000_000)?);
            Ok(())
        },
        |config| config.storage.stores_open_max.map(|number| number.to_string()),
    ),
    Setting::new(
        "storage.store_idle_ms",
        "a store unused for this long is closed (300000)",
        |config, text| {
            config.storage.store_idle = milliseconds(text)?;
            Ok(())
        },
        |config| in_ms(config.storage.store_idle),
    ),
];

impl Default for StorageSettings {
    fn default() -> Self {
        Self { stores_open_max: None, store_idle: Duration::from_secs(5 * 60) }
    }
}
