//! The usage ledger: each request at most once, rolled up by hour and day in the transaction that inserts it.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tenancy::{Counters, RequestId, TenantId, UsageEvent, UsageSum};

use crate::postgres::{ask, change};
use crate::{Backend, Control, ControlError};

/// What became of a batch of events; the four add up to its length.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Events that were new, and are now counted.
    pub inserted: u64,
    /// Events the ledger held already, word for word.
    pub duplicates: u64,
    /// Events whose id the ledger holds with another content; the first one stands.
    pub conflicting: Vec<Conflict>,
    /// Events of a day that is closed (its single events are gone): kept aside, and not counted.
    pub late: Vec<UsageEvent>,
}

/// Two different events under one request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The event that counts.
    pub stored: UsageEvent,
    /// The event that came later, and does not.
    pub offered: UsageEvent,
}

/// What a tenant used on one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// The day, in UTC.
    pub day: Date,
    /// Requests on record, charged or not.
    pub requests: u64,
    /// What is charged.
    pub counters: Counters,
}

/// What a tenant used in one UTC hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageHour {
    /// The hour's first instant.
    pub hour_start: Timestamp,
    /// Its sum, without corrections; those are of days.
    pub sum: UsageSum,
}

/// Which single events to read, in the order of their times and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEventsQuery {
    /// Of one tenant, or of all.
    pub tenant: Option<TenantId>,
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub to: Timestamp,
    /// After this event: the last one of the page before.
    pub after: Option<(Timestamp, RequestId)>,
    /// At most so many.
    pub limit: u32,
}

impl Control {
    /// Takes a batch of events into the ledger, whole or not at all. Sending it again changes nothing.
    ///
    /// An event counts on the day and hour it happened, however late it comes, until its day is closed (see
    /// [`prune_usage`](Self::prune_usage)).
    ///
    /// # Errors
    /// [`ControlError::Unavailable`]; nothing of the batch is then recorded.
    pub async fn record_usage(&self, events: Vec<UsageEvent>) -> Result<Recorded, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.write(move |deed| sqlite::record(deed.tx(), events)).await,
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::record(deed.tx(), &events))
            }
        }
    }

    /// A tenant's days from `first` to `last`, both included, oldest first, with their corrections; days without a
    /// request are left out.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_by_day(
        &self,
        tenant: &TenantId,
        first: Date,
        last: Date,
    ) -> Result<Vec<UsageDay>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::by_day(reader, &tenant, first, last)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::by_day(reader, tenant, first, last))
            }
        }
    }

    /// A tenant's hours that start at `from` or later and before `to`, oldest first; hours without a request are left
    /// out.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_by_hour(
        &self,
        tenant: &TenantId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<UsageHour>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::by_hour(reader, &tenant, from, to)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::by_hour(reader, tenant, from, to))
            }
        }
    }

    /// A page of single events.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_events(&self, query: UsageEventsQuery) -> Result<Vec<UsageEvent>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(move |reader| sqlite::events(reader, &query)).await,
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::events(reader, &query))
            }
        }
    }

    /// The event on record under a request's id.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_event(&self, id: RequestId) -> Result<Option<UsageEvent>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(move |reader| sqlite::stored_event(reader, id)).await,
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::stored_event(reader, id))
            }
        }
    }
}

impl UsageDay {
    /// The UTC day on which something that happened at `at` counts.
    pub fn day_of(at: Timestamp) -> Date {
        at.to_zoned(TimeZone::UTC).date()
    }
}
