//! The audit log: all of it for operators, a tenant's own rows for its admins.

use control::{AuditQuery, AuditRecord};

use super::Reach;
use crate::app::App;
use crate::decode::AuditLogQuery;
use crate::operations::Failure;

/// A page of changes, newest first.
///
/// # Errors
/// [`Failure::Control`].
pub async fn show_audit_log(
    app: &App,
    reach: Reach<'_>,
    query: AuditLogQuery,
) -> Result<api::AuditLog, Failure> {
    let tenant = match reach {
        Reach::Tenant(pass) => Some(pass.tenant().clone()),
        Reach::Everything(_) => None,
    };
    // One more than is shown tells whether there is a next page.
    let asked = AuditQuery { tenant, before: query.before, limit: query.limit + 1 };
    let mut records = app.control.audit_log(asked).await?;
    let more = records.len() > query.limit;
    records.truncate(query.limit);
    let next_cursor = records.last().filter(|_| more).map(|record| record.id.to_string());
    Ok(api::AuditLog { items: records.into_iter().map(record_to_wire).collect(), next_cursor })
}

fn record_to_wire(record: AuditRecord) -> api::AuditRecord {
    api::AuditRecord {
        id: record.id,
        occurred_at: record.occurred_at,
        actor: record.actor,
        origin: record.origin,
        action: record.action.to_string(),
        target: record.target,
        tenant_id: record.tenant.map(|id| id.to_string()),
        details: record.details,
    }
}
