//! Backups, restores and rehearsals: begun here, done in the background, and looked at until they end.

use std::sync::Arc;

use api::ErrorCode;
use backup::Reason;
use control::{Backup, Restore, RestoreTest};
use gateway::{OperatorPass, Pass, Peer};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tenancy::{Slug, Tenant, TenantId};

use super::authority::{Caller, operators_only};
use super::{tenant_named, unknown_tenant};
use crate::app::App;
use crate::backups::{self, About, Destination, Order, RunKind, RunState, Source, Trouble};
use crate::decode::{BackupQuery, RestoreInput, RestoreSource};
use crate::operations::Failure;

/// Begins a backup of the tenant.
///
/// # Errors
/// [`Failure::Control`].
pub async fn create_backup(app: &Arc<App>, pass: &Pass, by: &Caller) -> Result<api::Run, Failure> {
    let tenant = own_tenant(app, pass).await?;
    let (working, actor) = (Arc::clone(app), by.actor());
    let about = About { tenant: tenant.id.clone(), slug: tenant.slug.clone() };
    let run = app.backups.runs.begin(run_id(), RunKind::Backup, Some(about), |progress| async move {
        let made = backups::back_up_tenant(&working, &tenant.id, Reason::OnDemand, &actor, &progress).await;
        made.map(backup_to_wire).map_err(|error| error.to_string())
    });
    Ok(run_to_wire(run))
}

/// Begins a backup of every tenant that changed since its newest one.
///
/// # Errors
/// None at the moment.
pub async fn create_all_backups(app: &Arc<App>, _: &OperatorPass, by: &Caller) -> Result<api::Run, Failure> {
    let (working, actor) = (Arc::clone(app), by.actor());
    let run = app.backups.runs.begin(run_id(), RunKind::Backup, None, |progress| async move {
        let all =
            backups::back_up_changed(&working, SignedDuration::ZERO, Reason::OnDemand, &actor, &progress);
        all.await.map_err(|error| error.to_string())
    });
    Ok(run_to_wire(run))
}

/// A page of the tenant's backups, newest first.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_backups(app: &App, pass: &Pass, query: BackupQuery) -> Result<api::BackupList, Failure> {
    let all = app.control.backups(pass.tenant()).await?;
    let behind = query.after.and_then(|after| all.iter().position(|backup| backup.id == after));
    let mut page: Vec<_> = all.into_iter().skip(behind.map_or(0, |at| at + 1)).collect();
    let more = page.len() > query.limit;
    page.truncate(query.limit);
    let next_cursor = page.last().filter(|_| more).map(|backup| backup.id.clone());
    Ok(api::BackupList { items: page.into_iter().map(backup_to_wire).collect(), next_cursor })
}

/// The newest backup and the newest proven one of each of some tenants.
///
/// # Errors
/// [`Failure::Control`].
pub async fn newest_backups(
    app: &App,
    _: &OperatorPass,
    tenants: &[TenantId],
) -> Result<Vec<api::Backup>, Failure> {
    Ok(app.control.newest_backups_of(tenants).await?.into_iter().map(backup_to_wire).collect())
}

/// What a restore would do.
///
/// # Errors
/// 400 when there is no such backup, 403 for what only operators may.
pub async fn plan_restore(
    app: &App,
    pass: &Pass,
    by: &Caller,
    input: RestoreInput,
) -> Result<api::RestorePlan, Failure> {
    let order = order(app, pass, by, input).await?;
    let plan = backups::plan(app, &order).await.map_err(Trouble::into_failure)?;
    let into = match &order.destination {
        Destination::Tenant => order.tenant.slug.to_string(),
        Destination::NewTenant(slug) => slug.to_string(),
        Destination::Folder(folder) => folder.display().to_string(),
    };
    let memories_then = plan.backup.as_ref().map(|backup| backup.memories);
    let steps = steps(&order, &into, plan.erasures.len());
    Ok(api::RestorePlan {
        backup: plan.backup.map(backup_to_wire),
        into,
        memories_now: plan.memories_now,
        memories_then,
        come_back: plan.come_back,
        go_away: plan.go_away,
        erasures: plan.erasures.len() as u64,
        steps,
    })
}

/// Begins a restore.
///
/// # Errors
/// 400 when there is no such backup, 403 for what only operators may.
pub async fn create_restore(
    app: &Arc<App>,
    pass: &Pass,
    by: &Caller,
    input: RestoreInput,
) -> Result<api::Run, Failure> {
    let order = order(app, pass, by, input).await?;
    backups::plan(app, &order).await.map_err(Trouble::into_failure)?;
    let (working, actor) = (Arc::clone(app), by.actor());
    let about = About { tenant: order.tenant.id.clone(), slug: order.tenant.slug.clone() };
    let id = format!("rst_{}", stdx::random::token(20));
    let run = app.backups.runs.begin(id.clone(), RunKind::Restore, Some(about), |progress| async move {
        let restored = backups::restore(&working, id, &order, &actor, &progress).await;
        restored.map_err(|error| error.to_string())
    });
    Ok(run_to_wire(run))
}

/// The tenant's restores, newest first.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_restores(app: &App, pass: &Pass) -> Result<api::RestoreList, Failure> {
    let restores = app.control.restores(pass.tenant()).await?;
    Ok(api::RestoreList { items: restores.into_iter().map(restore_to_wire).collect() })
}

/// The files that restores of the tenant replaced, newest first.
///
/// # Errors
/// [`Failure::Store`].
pub async fn list_replaced(app: &App, pass: &Pass) -> Result<api::ReplacedFileList, Failure> {
    let items = app.fleet.replaced(pass.tenant()).await?.into_iter().map(|file| api::ReplacedFile {
        name: file.name,
        replaced_at: Timestamp::from_millisecond(file.at_ms).unwrap_or_default(),
        bytes: file.bytes,
    });
    Ok(api::ReplacedFileList { items: items.collect() })
}

/// How far a run of the tenant is.
///
/// # Errors
/// 404 when there is none, or it is about another tenant.
pub async fn show_tenant_run(app: &App, pass: &Pass, id: &str) -> Result<api::Run, Failure> {
    let run = app.backups.runs.find(id);
    let own = run.filter(|run| run.about.as_ref().is_some_and(|about| about.tenant == *pass.tenant()));
    own.map(run_to_wire).ok_or_else(unknown_run)
}

/// How far any run is.
///
/// # Errors
/// 404 when there is none.
pub async fn show_run(app: &App, _: &OperatorPass, id: &str) -> Result<api::Run, Failure> {
    app.backups.runs.find(id).map(run_to_wire).ok_or_else(unknown_run)
}

/// The newest runs of this process, at work or ended.
///
/// # Errors
/// None at the moment.
pub async fn list_runs(app: &App, _: &OperatorPass, limit: usize) -> Result<Vec<api::Run>, Failure> {
    Ok(app.backups.runs.newest(limit).into_iter().map(run_to_wire).collect())
}

/// Begins to rehearse restores: of one tenant, or of a sample.
///
/// # Errors
/// 404 when there is no such tenant.
pub async fn create_restore_test(
    app: &Arc<App>,
    _: &OperatorPass,
    tenant: Option<Slug>,
) -> Result<api::Run, Failure> {
    let tenant = match tenant {
        Some(slug) => Some(tenant_named(app, &slug).await?),
        None => None,
    };
    let working = Arc::clone(app);
    let count = (app.config.backup.restore_tests as usize).max(1);
    let run = app.backups.runs.begin(run_id(), RunKind::RestoreTest, None, |progress| async move {
        let rehearsed = match tenant {
            Some(tenant) => backups::rehearse(&working, &tenant.id, &progress).await,
            None => backups::rehearse_sample(&working, count, &progress).await,
        };
        rehearsed.map_err(|error| error.to_string())
    });
    Ok(run_to_wire(run))
}

/// The newest rehearsals.
///
/// # Errors
/// 404 when there is no such tenant; [`Failure::Control`].
pub async fn list_restore_tests(
    app: &App,
    _: &OperatorPass,
    tenant: Option<Slug>,
    limit: u32,
) -> Result<api::RestoreTestList, Failure> {
    let tenant = match tenant {
        Some(slug) => Some(tenant_named(app, &slug).await?.id),
        None => None,
    };
    let mut items = Vec::new();
    for test in app.control.restore_tests(tenant.as_ref(), limit).await? {
        let slug = app.control.tenant_by_id(&test.tenant_id).await?.map(|tenant| tenant.slug.to_string());
        items.push(test_to_wire(test, slug));
    }
    Ok(api::RestoreTestList { items })
}

/// Begins to wrap every tenant's backup key with the operator's key in use.
///
/// # Errors
/// None at the moment.
pub async fn rotate_operator_key(app: &Arc<App>, _: &OperatorPass) -> Result<api::Run, Failure> {
    let working = Arc::clone(app);
    let run = app.backups.runs.begin(run_id(), RunKind::RotateOperatorKey, None, |progress| async move {
        backups::rotate(&working, &progress).await.map_err(|error| error.to_string())
    });
    Ok(run_to_wire(run))
}

async fn own_tenant(app: &App, pass: &Pass) -> Result<Tenant, Failure> {
    app.control.tenant_by_id(pass.tenant()).await?.ok_or_else(unknown_tenant)
}

async fn order(app: &App, pass: &Pass, by: &Caller, input: RestoreInput) -> Result<Order, Failure> {
    let destination = match (input.into, input.folder) {
        (None, None) => Destination::Tenant,
        (Some(slug), _) if by.is_operator() => Destination::NewTenant(slug),
        (None, Some(folder)) if by.is_operator() && matches!(by.peer, Peer::LocalSocket) => {
            Destination::Folder(folder)
        }
        (None, Some(_)) if by.is_operator() => {
            let message =
                "a folder is written only for who is on the service's machine: use engram restore there";
            return Err(Failure::Coded(ErrorCode::Forbidden, message.to_owned()));
        }
        (_, _) => return Err(operators_only()),
    };
    let source = match input.source {
        RestoreSource::Backup(which) => Source::Backup(which),
        RestoreSource::Replaced(name) => Source::Replaced(name),
    };
    Ok(Order { tenant: own_tenant(app, pass).await?, source, destination })
}

fn steps(order: &Order, into: &str, erasures: usize) -> Vec<String> {
    let mut steps = match &order.source {
        Source::Backup(_) => vec![
            "fetch the backup and compare every byte, row count and hash with its manifest".to_owned(),
            "check every page, index and reference of the file".to_owned(),
        ],
        Source::Replaced(name) => vec![format!("copy the files of {name} and check them")],
    };
    if erasures > 0 {
        steps.push(format!("delete again what was erased ({erasures} memories on record)"));
    }
    match &order.destination {
        Destination::Folder(_) => steps.push(format!("write it to {into}/engram.db")),
        Destination::NewTenant(_) => steps.push(format!("create the tenant {into} with it")),
        Destination::Tenant => steps.extend([
            format!("back up {into} as it is now"),
            format!("refuse writes to {into} with 503; reads go on"),
            format!("put it in the place of what {into} has, which is kept for some days"),
            "open it, count, read and search; if anything fails, put everything back".to_owned(),
        ]),
    }
    steps
}

fn run_id() -> String {
    format!("run_{}", stdx::random::token(20))
}

fn unknown_run() -> Failure {
    Failure::Coded(
        ErrorCode::NotFound,
        "there is no such run; those of an earlier process are gone".to_owned(),
    )
}

fn run_to_wire(run: RunState) -> api::Run {
    let (finished_at, outcome) = match run.ended {
        Some((at, outcome)) => (Some(at), Some(outcome)),
        None => (None, None),
    };
    let (state, result, error): (_, Option<Value>, _) = match outcome {
        None => ("running", None, None),
        Some(Ok(made)) => ("done", Some(made), None),
        Some(Err(why)) => ("failed", None, Some(why)),
    };
    api::Run {
        id: run.id,
        kind: run.kind.as_str().to_owned(),
        tenant: run.about.map(|about| about.slug.to_string()),
        state: state.to_owned(),
        stage: run.stage.to_owned(),
        done: run.done,
        total: run.total,
        result,
        error,
        started_at: run.started_at,
        finished_at,
    }
}

fn backup_to_wire(backup: Backup) -> api::Backup {
    api::Backup {
        id: backup.id,
        tenant_id: backup.tenant_id.to_string(),
        key: backup.object_key,
        size_bytes: backup.size_bytes,
        sha256: backup.sha256,
        schema_version: backup.schema_version,
        ts: backup.created_at.as_millisecond(),
        created_at: backup.created_at,
        reason: backup.reason,
        plain_bytes: backup.plain_bytes,
        memories: backup.memories,
        verified_at: backup.verified_at,
    }
}

fn restore_to_wire(restore: Restore) -> api::Restore {
    let (state, finished_at, outcome) = match restore.ended {
        None => ("running", None, None),
        Some(ended) if ended.outcome.is_ok() => ("done", Some(ended.at), Some(ended.outcome)),
        Some(ended) => ("failed", Some(ended.at), Some(ended.outcome)),
    };
    let (result, error) = match outcome {
        Some(Ok(result)) => (Some(result), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    api::Restore {
        id: restore.asked.id,
        tenant_id: restore.asked.tenant_id.to_string(),
        source_tenant_id: restore.asked.source_tenant_id.to_string(),
        backup: restore.asked.backup_id,
        requested_at: restore.requested_at,
        requested_by: restore.requested_by,
        state: state.to_owned(),
        error,
        finished_at,
        result,
    }
}

fn test_to_wire(test: RestoreTest, slug: Option<String>) -> api::RestoreTest {
    api::RestoreTest {
        tenant: slug.unwrap_or_else(|| test.tenant_id.to_string()),
        backup: test.backup_id,
        status: if test.passed { "passed" } else { "failed" }.to_owned(),
        finished_at: test.finished_at,
        checks: serde_json::from_value(test.checks).unwrap_or_default(),
    }
}
