//! What is asked of usage: a tenant's own, single events, a reconciliation, and corrections.

use control::{Correction, NewAdjustment};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tenancy::{RequestId, Slug};

use super::reports::{DAYS_MAX, ReportFormat, day, days, report_format};
use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::whole;
use crate::decode::values::{integer, text, time, word};

/// Most days of a report by hour.
const DAYS_BY_HOUR_MAX: i32 = 31;
/// Events of a page unless said, and at most.
const EVENTS_DEFAULT: i64 = 1_000;
const EVENTS_MAX: i64 = 10_000;

/// Which days of the tenant's own usage, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnUsageQuery {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// What a row is.
    pub by: UsagePeriod,
    /// How the answer is written.
    pub format: ReportFormat,
}

/// What a row of usage sums up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsagePeriod {
    /// A UTC day.
    Day,
    /// A UTC hour.
    Hour,
}

/// Which single events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEventsInput {
    /// From this time on; the beginning unless said.
    pub from: Timestamp,
    /// Before this time; the present unless said.
    pub to: Timestamp,
    /// After this event.
    pub after: Option<(Timestamp, RequestId)>,
    /// Most events of the page.
    pub limit: u32,
}

/// A correction, and the tenant it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustmentInput {
    tenant: Slug,
    id: String,
    day: Date,
    correction: Correction,
    reason: String,
}

impl AdjustmentInput {
    /// The tenant it names.
    pub fn tenant(&self) -> &Slug {
        &self.tenant
    }

    /// The correction, of the tenant with this id.
    pub fn of(self, tenant_id: tenancy::TenantId) -> NewAdjustment {
        let Self { tenant: _, id, day, correction, reason } = self;
        NewAdjustment { id, tenant_id, day, correction, reason }
    }
}

/// Reads which part of its own usage a tenant asks for; the last 31 days unless said.
///
/// # Errors
/// Every problem.
pub fn show_usage(query: Value, today: Date, accepted: ReportFormat) -> Result<OwnUsageQuery, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let by = fields.get("by", period).unwrap_or(UsagePeriod::Day);
        let days_max = match by {
            UsagePeriod::Day => DAYS_MAX,
            UsagePeriod::Hour => DAYS_BY_HOUR_MAX,
        };
        let (from, to) = days(&mut fields, today, days_max);
        let format = fields.get("format", report_format).unwrap_or(accepted);
        fields.finish();
        OwnUsageQuery { from, to, by, format }
    });
    whole(input, problems)
}

/// Reads which single events are asked for.
///
/// # Errors
/// Every problem.
pub fn list_usage_events(query: Value, now: Timestamp) -> Result<UsageEventsInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        fields.get("tenant", slug);
        let from = fields.get("from", time).unwrap_or(Timestamp::UNIX_EPOCH);
        let to = fields.get("to", time).unwrap_or(now);
        // Not every database knows earlier times, and nothing was counted then.
        let (from, to) = (from.max(Timestamp::UNIX_EPOCH), to.max(Timestamp::UNIX_EPOCH));
        let limit = fields.get("limit", integer(1, EVENTS_MAX)).unwrap_or(EVENTS_DEFAULT);
        let after = fields.get("cursor", text).and_then(|cursor| {
            let after = parse_cursor(&cursor);
            if after.is_none() {
                fields.refuse("cursor", "must be the next_cursor of a page");
            }
            after
        });
        fields.finish();
        UsageEventsInput { from, to, after, limit: u32::try_from(limit).unwrap_or(u32::MAX) }
    });
    whole(input, problems)
}

/// The cursor that goes on after an event.
pub fn usage_cursor(event: &tenancy::UsageEvent) -> String {
    format!("{}.{}", event.occurred_at.as_millisecond(), event.request_id)
}

/// Reads which hours are to be reconciled; those of the last two days unless said.
///
/// # Errors
/// Every problem.
pub fn reconcile_usage(query: Value, today: Date) -> Result<(Date, Date), Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        let to = fields.get("to", day).unwrap_or(today);
        let from = fields.get("from", day).unwrap_or_else(|| to.yesterday().unwrap_or(to));
        if from > to {
            fields.refuse("from", "must not be later than `to`");
        } else if from.until(to).is_ok_and(|span| span.get_days() >= DAYS_BY_HOUR_MAX) {
            fields
                .refuse("from", format!("must be at most {DAYS_BY_HOUR_MAX} days before `to`; ask in parts"));
        }
        fields.finish();
        (from, to)
    });
    whole(input, problems)
}

/// Reads a correction.
///
/// # Errors
/// Every problem.
pub fn adjust_usage(body: Value) -> Result<AdjustmentInput, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(body, Form::Json, &mut problems).and_then(|mut fields| {
        let tenant = fields.need("tenant", slug);
        let (id, day, reason) =
            (fields.need("id", text), fields.need("day", day), fields.need("reason", text));
        let mut change = |name| fields.get(name, integer(i64::MIN, i64::MAX)).unwrap_or(0);
        let correction = Correction {
            api_calls: change("api_calls"),
            search_queries: change("search_queries"),
            memories_created: change("memories_created"),
            storage_bytes_delta: change("storage_bytes"),
        };
        fields.finish();
        Some(AdjustmentInput { tenant: tenant?, id: id?, day: day?, correction, reason: reason? })
    });
    whole(input, problems)
}

fn period(value: Value, form: Form) -> Result<UsagePeriod, Problems> {
    word(&["day", "hour"], |text| match text {
        "day" => Some(UsagePeriod::Day),
        "hour" => Some(UsagePeriod::Hour),
        _ => None,
    })(value, form)
}

fn parse_cursor(text: &str) -> Option<(Timestamp, RequestId)> {
    let (ms, id) = text.split_once('.')?;
    Some((Timestamp::from_millisecond(ms.parse().ok()?).ok()?, RequestId::parse(id).ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hours_are_asked_for_in_months_and_days_in_years() {
        let check = |query: Value, want: Result<UsagePeriod, &str>| {
            let got = show_usage(query, "2026-11-24".parse().unwrap(), ReportFormat::Json);
            let got = got.map(|asked| asked.by).map_err(|problems| problems[0].field.clone());
            assert_eq!(got, want.map_err(str::to_owned));
        };
        check(json!({}), Ok(UsagePeriod::Day));
        check(json!({"by": "hour"}), Ok(UsagePeriod::Hour));
        check(json!({"by": "day", "from": "2025-11-24"}), Ok(UsagePeriod::Day));
        check(json!({"by": "hour", "from": "2026-10-01"}), Err("from"));
        check(json!({"by": "minute"}), Err("by"));
        check(json!({"format": "xml"}), Err("format"));
    }

    #[test]
    fn a_cursor_reads_back() {
        let event = tenancy::UsageEvent {
            request_id: RequestId::at(Timestamp::UNIX_EPOCH),
            tenant_id: tenancy::TenantId::from_uuid(RequestId::at(Timestamp::UNIX_EPOCH).as_uuid()),
            workspace: None,
            route: "search".to_owned(),
            status: 200,
            counters: tenancy::Counters::default(),
            occurred_at: Timestamp::from_millisecond(1_795_428_000_123).unwrap(),
        };
        let read = parse_cursor(&usage_cursor(&event));
        assert_eq!(read, Some((event.occurred_at, event.request_id)));
        assert_eq!(parse_cursor("1"), None);
    }
}
