//! Which part of a report is asked for: the audit log, usage, and lists of one tenant.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use tenancy::TenantId;

use super::slug;
use crate::decode::fields::{Fields, Form, Problems};
use crate::decode::memories::{PAGE_LIMIT_MAX, whole};
use crate::decode::values::{integer, positive, text, word};

/// Rows of a page unless said.
const PAGE_DEFAULT: i64 = 50;
/// Days of a usage report unless said, today included.
const DAYS_DEFAULT: i32 = 31;
/// Most days of a usage report.
pub(super) const DAYS_MAX: i32 = 366;

/// Which part of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditLogQuery {
    /// Only rows older than this one.
    pub before: Option<i64>,
    /// Most rows of the page.
    pub limit: usize,
}

/// Which days, and of which tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Only tenants made after this one.
    pub after: Option<TenantId>,
    /// Most tenants of the page.
    pub limit: usize,
    /// How the answer is written.
    pub format: ReportFormat,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// JSON.
    Json,
    /// Lines of comma-separated values, with a header (RFC 4180).
    Csv,
}

/// Reads a query that may only name a tenant.
///
/// # Errors
/// Every problem.
pub fn of_tenant(query: Value) -> Result<(), Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        fields.get("tenant", slug);
        fields.finish();
    });
    whole(input, problems)
}

/// Reads which part of the audit log is asked for.
///
/// # Errors
/// Every problem.
pub fn show_audit_log(query: Value) -> Result<AuditLogQuery, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        fields.get("tenant", slug);
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(PAGE_DEFAULT);
        let before = fields.get("cursor", positive);
        fields.finish();
        AuditLogQuery { before, limit: usize::try_from(limit).unwrap_or(usize::MAX) }
    });
    whole(input, problems)
}

/// Reads which days of which tenants are asked for; the last 31 days unless said.
///
/// # Errors
/// Every problem.
pub fn report_usage(query: Value, today: Date, accepted: ReportFormat) -> Result<UsageQuery, Problems> {
    let mut problems = Problems::new();
    let input = Fields::of(query, Form::Query, &mut problems).map(|mut fields| {
        fields.get("tenant", slug);
        let (from, to) = days(&mut fields, today, DAYS_MAX);
        let format = fields.get("format", report_format).unwrap_or(accepted);
        let limit = fields.get("limit", integer(1, PAGE_LIMIT_MAX)).unwrap_or(PAGE_DEFAULT);
        let after = fields.get("cursor", text).and_then(|cursor| {
            let after = TenantId::parse(&cursor).ok();
            if after.is_none() {
                fields.refuse("cursor", "must be the next_cursor of a page");
            }
            after
        });
        fields.finish();
        UsageQuery { from, to, after, limit: usize::try_from(limit).unwrap_or(usize::MAX), format }
    });
    whole(input, problems)
}

/// The first and the last day asked for: the last month unless said, and at most so many.
pub(super) fn days(fields: &mut Fields<'_>, today: Date, days_max: i32) -> (Date, Date) {
    let to = fields.get("to", day).unwrap_or(today);
    let from = fields.get("from", day);
    let from = from.unwrap_or_else(|| to.saturating_sub((DAYS_DEFAULT - 1).days()));
    if from > to {
        fields.refuse("from", "must not be later than `to`");
    } else if from.until(to).is_ok_and(|span| span.get_days() >= days_max) {
        fields.refuse("from", format!("must be at most {days_max} days before `to`; ask in parts"));
    }
    (from, to)
}

pub(super) fn report_format(value: Value, form: Form) -> Result<ReportFormat, Problems> {
    word(&["json", "csv"], |text| match text {
        "json" => Some(ReportFormat::Json),
        "csv" => Some(ReportFormat::Csv),
        _ => None,
    })(value, form)
}

pub(super) fn day(value: Value, form: Form) -> Result<Date, Problems> {
    let parsed = text(value, form)?.parse::<Date>().ok();
    // Before 1970 nothing was counted, and not every database knows such days.
    let day = parsed.filter(|day| day.year() >= 1970);
    day.ok_or_else(|| vec![engine::Problem::new("", "must be a UTC day such as 2026-11-24")])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(query: Value, want: Result<(&str, &str), &str>) {
        let today = "2026-11-24".parse().unwrap();
        let got = report_usage(query, today, ReportFormat::Json)
            .map(|asked| (asked.from.to_string(), asked.to.to_string()));
        let want = want.map(|(from, to)| (from.to_owned(), to.to_owned())).map_err(str::to_owned);
        assert_eq!(got.map_err(|problems| problems[0].field.clone()), want);
    }

    #[test]
    fn a_report_is_of_a_month_unless_said() {
        check(json!({}), Ok(("2026-10-25", "2026-11-24")));
        check(json!({"to": "2026-03-01"}), Ok(("2026-01-30", "2026-03-01")));
        check(json!({"from": "2025-11-24"}), Ok(("2025-11-24", "2026-11-24")));
        check(json!({"from": "2025-11-23"}), Err("from"));
        check(json!({"from": "2026-11-25"}), Err("from"));
        check(json!({"from": "yesterday"}), Err("from"));
        check(json!({"cursor": "1"}), Err("cursor"));
    }
}
