//! How usage events travel to the ledger, and how long they stay there.

use std::time::Duration;

use super::setting::{Setting, in_ms, milliseconds, number, yes_or_no};

/// Fewest days that single events are kept: a month's bill can still be explained when it is sent.
const RETENTION_DAYS_MIN: u32 = 35;
/// Most days that they are kept: ten years.
const RETENTION_DAYS_MAX: u32 = 3_650;

/// How usage events travel to the ledger.
#[derive(Debug, Clone)]
pub struct UsageSettings {
    /// They go at least this often.
    pub flush_every: Duration,
    /// They go when so many wait.
    pub flush_events: usize,
    /// What is done with them.
    pub recording: UsageRecording,
    /// Days that single events are kept in the ledger; the daily sums stay.
    pub retention_days: u32,
}

/// What is done with usage events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageRecording {
    /// They go to the ledger.
    On,
    /// They are counted and thrown away, to rehearse.
    DryRun,
}

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new(
        "usage.flush_every_ms",
        "usage events go to the ledger this often (5000)",
        |config, text| {
            config.usage.flush_every = milliseconds(text)?;
            Ok(())
        },
        |config| in_ms(config.usage.flush_every),
    ),
    Setting::new(
        "usage.flush_events",
        "usage events go to the ledger when so many wait (1000)",
        |config, text| {
            config.usage.flush_events = number(text, 1, 100_000)?;
            Ok(())
        },
        |config| Some(config.usage.flush_events.to_string()),
    ),
    Setting::new(
        "usage.dry_run",
        "true: usage is measured but not written to the ledger; for a rehearsal (false)",
        |config, text| {
            let dry = yes_or_no(text)?;
            config.usage.recording = if dry { UsageRecording::DryRun } else { UsageRecording::On };
            Ok(())
        },
        |config| Some((config.usage.recording == UsageRecording::DryRun).to_string()),
    ),
    Setting::new(
        "usage.retention_days",
        "days that single usage events are kept; the daily sums stay (400)",
        |config, text| {
            config.usage.retention_days = number(text, RETENTION_DAYS_MIN, RETENTION_DAYS_MAX)?;
            Ok(())
        },
        |config| Some(config.usage.retention_days.to_string()),
    ),
];

impl Default for UsageSettings {
    fn default() -> Self {
        Self {
            flush_every: Duration::from_secs(5),
            flush_events: 1_000,
            recording: UsageRecording::On,
            retention_days: 400,
        }
    }
}
