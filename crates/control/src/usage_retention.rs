//! How long single usage events are kept: whole days go, oldest first, after their sums were proven equal.
//!
//! A day is closed in one transaction that compares its single events with its daily sums, tenant by tenant; then its
//! events go in small steps. From then on nobody can tell whether an event of that day was counted, so one that
//! still comes is not: it is kept aside, told, and a person decides. The sums stay for ever.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::postgres::change;
use crate::{Backend, Control, ControlError, UsageDay};

/// Events removed in one transaction, so that a flusher in between waits for milliseconds only.
const EVENTS_PER_STEP: i64 = 5_000;

/// What one step of pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneStep {
    /// No event is that old.
    Done,
    /// A day's sums were proven equal to its single events, which may go now.
    Closed {
        /// The day.
        day: Date,
        /// Its single events.
        events: u64,
    },
    /// Some single events of a closed day went.
    Removed {
        /// The day.
        day: Date,
        /// How many.
        events: u64,
    },
    /// A day's sums are not those of its single events. Nothing was removed, and nothing is until somebody looked.
    Differs {
        /// The day.
        day: Date,
        /// Tenants whose sums differ.
        tenants: u64,
    },
}

impl Control {
    /// Takes one step towards keeping no single event of a day before `before`. Call it until it is
    /// [`PruneStep::Done`] or [`PruneStep::Differs`].
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn prune_usage(&self, before: Date) -> Result<PruneStep, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.write(move |deed| sqlite::prune(deed, before)).await,
            Backend::Postgres(database) => change!(database, |deed| postgres::prune(deed, before)),
        }
    }
}

/// The first instant of a UTC day.
pub(crate) fn start_of(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |start| start.timestamp())
}

/// The first instant after a UTC day.
pub(crate) fn end_of(day: Date) -> Timestamp {
    start_of(day.checked_add(1.day()).unwrap_or(day))
}

/// The first instant of the UTC day that `at` lies in.
pub(crate) fn day_start(at: Timestamp) -> Timestamp {
    start_of(UsageDay::day_of(at))
}

/// The first instant of a UTC day that is not before `at`.
pub(crate) fn day_start_after(at: Timestamp) -> Timestamp {
    let start = day_start(at);
    if start == at { start } else { end_of(UsageDay::day_of(at)) }
}
