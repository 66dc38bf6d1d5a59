//! How many tenant stores stay open, and how usage events travel to the ledger.

use std::time::Duration;

use super::setting::{Setting, milliseconds, number};

/// Open stores and the usage spool.
#[derive(Debug, Clone)]
pub struct StorageSettings {
    /// Most stores open at once; from file descriptors and memory when `None`.
    pub stores_open_max: Option<usize>,
    /// A store nobody used for this long is closed.
    pub store_idle: Duration,
    /// Usage events go to the ledger at least this often.
    pub usage_flush_every: Duration,
    /// Usage events go to the ledger when so many wait.
    pub usage_flush_events: usize,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "storage.stores_open_max",
        "tenant stores open at once (from memory and descriptors)",
        |config, text| {
            config.storage.stores_open_max = Some(number(text, 1, 1_000_000)?);
            Ok(())
        },
    ),
    Setting::new(
        "storage.store_idle_ms",
        "a store unused for this long is closed (300000)",
        |config, text| {
            config.storage.store_idle = milliseconds(text)?;
            Ok(())
        },
    ),
    Setting::new(
        "usage.flush_every_ms",
        "usage events go to the ledger this often (5000)",
        |config, text| {
            config.storage.usage_flush_every = milliseconds(text)?;
            Ok(())
        },
    ),
    Setting::new(
        "usage.flush_events",
        "usage events go to the ledger when so many wait (1000)",
        |config, text| {
            config.storage.usage_flush_events = number(text, 1, 100_000)?;
            Ok(())
        },
    ),
];

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            stores_open_max: None,
            store_idle: Duration::from_secs(5 * 60),
            usage_flush_every: Duration::from_secs(5),
            usage_flush_events: 1_000,
        }
    }
}
