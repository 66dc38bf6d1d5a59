//! `/audit-log`: who changed what, when and from where.

use axum::response::Response;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use crate::decode;
use crate::operations;

/// Read the audit log
///
/// A tenant's admins see its own rows; an operator who names no tenant sees all.
#[utoipa::path(get, path = "/audit-log", tag = "administration", operation_id = "show_audit_log",
    params(
        ("tenant" = Option<String>, Query, description = "Only rows of this tenant."),
        ("limit" = Option<i64>, Query, description = "1 to 100 rows, 50 unless said."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Newest first", body = api::AuditLog)))]
pub(super) async fn show_audit_log(call: Call) -> Response {
    call.answer_admin_or_all(Operation::ShowAuditLog, TenantIn::Query, 200, async |call, reach, _| {
        let query = decode::show_audit_log(call.query()?)?;
        operations::show_audit_log(call.app(), reach, query).await
    })
    .await
}
