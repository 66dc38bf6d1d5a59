//! What is sent to administer: tenants, members, invites, keys, plans, and which part of a report to show.
//!
//! Where a request may name its tenant, the field `tenant` is known here and read by whoever admits the request.

mod api_keys;
mod backups;
mod load;
mod members;
mod plans;
mod reports;
mod tenants;
mod usage;

use engine::Problem;
use serde_json::Value;
use tenancy::Slug;

use super::fields::{Form, Problems};
use super::values::text;

pub use api_keys::{KeyInput, create_api_key, rotate_api_key};
pub use backups::{
    BackupQuery, RestoreInput, RestoreSource, create_restore, create_restore_test, list_backups,
    list_restore_tests, salvage_memories,
};
pub use load::{LoadChange, Shedding, change_load, checks_of};
pub use members::{
    InviteInput, MemberInput, accept_invite, add_member, create_invite, leave_tenant, update_member,
};
pub use plans::{PlanInput, PlanTarget, set_plan};
pub use reports::{AuditLogQuery, ReportFormat, UsageQuery, of_tenant, report_usage, show_audit_log};
pub use tenants::{
    TenantChange, TenantInput, TenantQuery, create_tenant, list_tenants, tenants_cursor, update_tenant,
};
pub use usage::{
    AdjustmentInput, OwnUsageQuery, UsageEventsInput, UsagePeriod, adjust_usage, list_usage_events,
    reconcile_usage, show_usage, usage_cursor,
};

/// A tenant's slug.
///
/// # Errors
/// One problem, when it is none.
pub fn slug(value: Value, form: Form) -> Result<Slug, Problems> {
    Slug::parse(&text(value, form)?).map_err(|_| {
        let rule = "must be 1-63 lower-case letters, digits and dashes, with no dash at either end";
        vec![Problem::new("", rule)]
    })
}
