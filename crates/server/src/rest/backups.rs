//! `/tenants/{slug}/backups`, `/tenants/{slug}/restores`, `/restore-tests` and the runs that do them.

use axum::response::Response;
use tenancy::Operation;

use super::call::{Call, TenantIn};
use crate::decode;
use crate::operations;

/// Back up a tenant
///
/// Answers at once; ask the run until it is done. Its result is the backup.
#[utoipa::path(post, path = "/tenants/{slug}/backups", tag = "backups", operation_id = "create_backup",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    responses((status = 202, description = "The run", body = api::Run)))]
pub(super) async fn create_backup(call: Call) -> Response {
    call.answer_admin(Operation::CreateBackup, TenantIn::Path, 202, async |call, pass, caller| {
        call.expect_no_query()?;
        operations::create_backup(call.app(), pass, caller).await
    })
    .await
}

/// List a tenant's backups
#[utoipa::path(get, path = "/tenants/{slug}/backups", tag = "backups", operation_id = "list_backups",
    params(
        ("slug" = String, Path, description = "The tenant's slug."),
        ("limit" = Option<i64>, Query, description = "1 to 100 backups, 50 unless said."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Newest first", body = api::BackupList)))]
pub(super) async fn list_backups(call: Call) -> Response {
    call.answer_admin(Operation::ListBackups, TenantIn::Path, 200, async |call, pass, _| {
        let query = decode::list_backups(call.query()?)?;
        operations::list_backups(call.app(), pass, query).await
    })
    .await
}

/// Back up every tenant that changed since its newest backup
///
/// For operators. Answers at once; ask the run until it is done.
#[utoipa::path(post, path = "/backups", tag = "backups", operation_id = "create_all_backups",
    responses((status = 202, description = "The run", body = api::Run)))]
pub(super) async fn create_all_backups(call: Call) -> Response {
    call.answer_operator(202, async |call, pass| {
        call.expect_no_query()?;
        let caller = call.operator(pass);
        operations::create_all_backups(call.app(), pass, &caller).await
    })
    .await
}

/// See what a restore would do
///
/// Changes nothing: how many memories come back, how many go away, and every step.
#[utoipa::path(post, path = "/tenants/{slug}/restores/plan", tag = "backups", operation_id = "plan_restore",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    request_body = api::CreateRestore,
    responses((status = 200, description = "The plan", body = api::RestorePlan)))]
pub(super) async fn plan_restore(call: Call) -> Response {
    call.answer_admin(Operation::ListBackups, TenantIn::Path, 200, async |call, pass, caller| {
        call.expect_no_query()?;
        let input = decode::create_restore(call.json().await?)?;
        operations::plan_restore(call.app(), pass, caller, input).await
    })
    .await
}

/// Restore a tenant
///
/// Answers at once; ask the run until it is done. Until the swap the tenant's reads go on and its writes are refused with 503.
/// When anything fails, the tenant is as it was.
#[utoipa::path(post, path = "/tenants/{slug}/restores", tag = "backups", operation_id = "create_restore",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    request_body = api::CreateRestore,
    responses((status = 202, description = "The run", body = api::Run)))]
pub(super) async fn create_restore(call: Call) -> Response {
    call.answer_admin(Operation::RestoreTenant, TenantIn::Path, 202, async |call, pass, caller| {
        call.expect_no_query()?;
        let input = decode::create_restore(call.json().await?)?;
        operations::create_restore(call.app(), pass, caller, input).await
    })
    .await
}

/// List a tenant's restores
#[utoipa::path(get, path = "/tenants/{slug}/restores", tag = "backups", operation_id = "list_restores",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    responses((status = 200, description = "Newest first", body = api::RestoreList)))]
pub(super) async fn list_restores(call: Call) -> Response {
    call.answer_admin(Operation::ListBackups, TenantIn::Path, 200, async |call, pass, _| {
        call.expect_no_query()?;
        operations::list_restores(call.app(), pass).await
    })
    .await
}

/// List the files that restores of a tenant replaced
#[utoipa::path(get, path = "/tenants/{slug}/replaced", tag = "backups", operation_id = "list_replaced",
    params(("slug" = String, Path, description = "The tenant's slug.")),
    responses((status = 200, description = "Newest first", body = api::ReplacedFileList)))]
pub(super) async fn list_replaced(call: Call) -> Response {
    call.answer_admin(Operation::ListBackups, TenantIn::Path, 200, async |call, pass, _| {
        call.expect_no_query()?;
        operations::list_replaced(call.app(), pass).await
    })
    .await
}

/// See how far a backup or a restore of a tenant is
#[utoipa::path(get, path = "/tenants/{slug}/runs/{run}", tag = "backups", operation_id = "show_tenant_run",
    params(
        ("slug" = String, Path, description = "The tenant's slug."),
        ("run" = String, Path, description = "The run's id."),
    ),
    responses((status = 200, description = "The run", body = api::Run)))]
pub(super) async fn show_tenant_run(call: Call) -> Response {
    call.answer_admin(Operation::ShowRun, TenantIn::Path, 200, async |call, pass, _| {
        call.expect_no_query()?;
        let id = call.segment("run").await?;
        operations::show_tenant_run(call.app(), pass, &id).await
    })
    .await
}

/// See how far a run is
///
/// For operators.
#[utoipa::path(get, path = "/runs/{run}", tag = "backups", operation_id = "show_run",
    params(("run" = String, Path, description = "The run's id.")),
    responses((status = 200, description = "The run", body = api::Run)))]
pub(super) async fn show_run(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        call.expect_no_query()?;
        let id = call.segment("run").await?;
        operations::show_run(call.app(), pass, &id).await
    })
    .await
}

/// Rehearse restores
///
/// For operators. One tenant's, or those of a sample; in a sandbox, touching nothing that is served. Answers at once; the
/// run's result is a `RestoreTestRun`.
#[utoipa::path(post, path = "/restore-tests", tag = "backups", operation_id = "create_restore_test",
    request_body = api::CreateRestoreTest,
    responses((status = 202, description = "The run", body = api::Run)))]
pub(super) async fn create_restore_test(call: Call) -> Response {
    call.answer_operator(202, async |call, pass| {
        call.expect_no_query()?;
        let tenant = decode::create_restore_test(call.json().await?)?;
        operations::create_restore_test(call.app(), pass, tenant).await
    })
    .await
}

/// List rehearsals of restores
///
/// For operators.
#[utoipa::path(get, path = "/restore-tests", tag = "backups", operation_id = "list_restore_tests",
    params(
        ("tenant" = Option<String>, Query, description = "Only those of this tenant."),
        ("limit" = Option<i64>, Query, description = "1 to 100 rehearsals, 50 unless said."),
    ),
    responses((status = 200, description = "Newest first", body = api::RestoreTestList)))]
pub(super) async fn list_restore_tests(call: Call) -> Response {
    call.answer_operator(200, async |call, pass| {
        let (tenant, limit) = decode::list_restore_tests(call.query()?)?;
        operations::list_restore_tests(call.app(), pass, tenant, limit).await
    })
    .await
}

/// Read what a damaged file still holds
///
/// For operators. Lines like those of an export, for `POST /v1/import`; the last one names the memories that are lost. The file
/// stays as it is.
#[utoipa::path(get, path = "/tenants/{slug}/salvage", tag = "backups", operation_id = "salvage_memories",
    params(
        ("slug" = String, Path, description = "The tenant's slug."),
        ("file" = Option<String>, Query, description = "A name of `/tenants/{slug}/replaced`; without it, the file in \
            quarantine or the newest damaged one."),
    ),
    responses((status = 200, description = "The lines", body = String, content_type = "application/x-ndjson")))]
pub(super) async fn salvage_memories(call: Call) -> Response {
    call.answer_operator_as(async |call, pass| {
        let file = decode::salvage_memories(call.query()?)?;
        let slug = call.named_tenant(TenantIn::Path).await?;
        let caller = call.operator(pass);
        let lines = operations::salvage_memories(call.app(), pass, &caller, &slug, file).await?;
        Ok(super::transfer::lines_answer(lines))
    })
    .await
}

/// Wrap every tenant's backup key with the operator's key in use
///
/// For operators, after a new key was put before the old one in `backup.operator_key`. No backup is encrypted anew.
#[utoipa::path(post, path = "/operator-key/rotate", tag = "backups", operation_id = "rotate_operator_key",
    responses((status = 202, description = "The run", body = api::Run)))]
pub(super) async fn rotate_operator_key(call: Call) -> Response {
    call.answer_operator(202, async |call, pass| {
        call.expect_no_query()?;
        operations::rotate_operator_key(call.app(), pass).await
    })
    .await
}
