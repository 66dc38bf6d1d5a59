//! Corrections of usage: rows of their own beside what was counted, which is never edited.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use tenancy::{Counters, TenantId};

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// Longest id of a correction, in bytes.
const ID_BYTES_MAX: usize = 128;
/// The largest change of one counter: sums of corrections stay far from the end of their numbers.
const CHANGE_MAX: u64 = 1_000_000_000_000_000;
/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 500;

/// What a correction adds to a day, or takes from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Correction {
    /// Charged requests.
    pub api_calls: i64,
    /// Searches.
    pub search_queries: i64,
    /// Memories stored.
    pub memories_created: i64,
    /// Bytes stored.
    pub storage_bytes_delta: i64,
}

/// A correction somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAdjustment {
    /// The caller's own id: asked for twice, it is made once.
    pub id: String,
    /// Whose usage.
    pub tenant_id: TenantId,
    /// The UTC day that is corrected.
    pub day: Date,
    /// By how much.
    pub correction: Correction,
    /// Why; the tenant can read it.
    pub reason: String,
}

/// A correction on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// What was asked for.
    pub asked: NewAdjustment,
    /// Who asked, as an [`Actor`] prints.
    pub actor: String,
    /// When.
    pub created_at: Timestamp,
}

impl Control {
    /// Corrects a tenant's day. The same correction under the same id changes nothing and gives the one on record.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] for one that says nothing or would leave a day with less than nothing,
    /// [`ControlError::Conflict`] when the id has another correction, [`ControlError::NotFound`] for an unknown
    /// tenant, [`ControlError::Unavailable`].
    pub async fn adjust_usage(&self, new: NewAdjustment, by: &Actor) -> Result<Adjustment, ControlError> {
        new.check()?;
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::adjust(deed, &new, &by)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::adjust(deed, &new, by)),
        }
    }

    /// A tenant's corrections of the days from `first` to `last`, both included, by day and time.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn usage_adjustments(
        &self,
        tenant: &TenantId,
        first: Date,
        last: Date,
    ) -> Result<Vec<Adjustment>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::list(reader, &tenant, first, last)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::list(reader, tenant, first, last))
            }
        }
    }
}

impl Correction {
    fn largest(&self) -> u64 {
        let Self { api_calls, search_queries, memories_created, storage_bytes_delta } = *self;
        let changes = [api_calls, search_queries, memories_created, storage_bytes_delta];
        changes.map(i64::unsigned_abs).into_iter().fold(0, u64::max)
    }
}

impl NewAdjustment {
    fn check(&self) -> Result<(), ControlError> {
        let id = self.id.as_str();
        let problem =
            if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
                Some(format!("id must have 1-{ID_BYTES_MAX} visible ASCII characters"))
            } else if self.reason.trim().is_empty() || self.reason.len() > REASON_BYTES_MAX {
                Some(format!("reason must have 1-{REASON_BYTES_MAX} bytes and say something"))
            } else if self.correction == Correction::default() {
                Some("the correction changes nothing; give at least one counter".to_owned())
            } else if self.correction.largest() > CHANGE_MAX {
                Some(format!("a correction of one counter is at most {CHANGE_MAX}"))
            } else {
                None
            };
        problem.map_or(Ok(()), |problem| Err(ControlError::Invalid(problem)))
    }

    /// Refuses to leave less than nothing of what the day has.
    fn check_day(&self, day: Counters) -> Result<(), ControlError> {
        let Correction { api_calls, search_queries, memories_created, storage_bytes_delta: _ } =
            self.correction;
        for (name, has, change) in [
            ("api_calls", day.api_calls, api_calls),
            ("search_queries", day.search_queries, search_queries),
            ("memories_created", day.memories_created, memories_created),
        ] {
            if has.checked_add_signed(change).is_none_or(|left| i64::try_from(left).is_err()) {
                let day = self.day;
                return Err(ControlError::Invalid(format!(
                    "{day} has {has} {name}; a correction by {change} is out of bounds"
                )));
            }
        }
        Ok(())
    }

    fn details(&self) -> Value {
        let Correction { api_calls, search_queries, memories_created, storage_bytes_delta } = self.correction;
        json!({
            "id": self.id, "day": self.day.to_string(), "api_calls": api_calls, "search_queries": search_queries,
            "memories_created": memories_created, "storage_bytes_delta": storage_bytes_delta,
            "reason": self.reason,
        })
    }
}

/// What to do with a correction whose id is on record already.
fn again(stored: Adjustment, asked: &NewAdjustment) -> Result<Adjustment, ControlError> {
    if stored.asked == *asked {
        return Ok(stored);
    }
    Err(ControlError::Conflict { what: "adjustment", name: asked.id.clone() })
}

fn unknown(tenant: &TenantId) -> ControlError {
    ControlError::NotFound { what: "tenant", name: tenant.as_str().to_owned() }
}
