//! Rehearses restores: newest backups come back into a sandbox by the code that a real restore uses, and are compared
//! with what was written down when they were made.

use std::collections::HashMap;
use std::sync::Arc;

use backup::{Candidate, Fetched, Kind, pick};
use control::{Backup, RestoreTest};
use engine::Store;
use jiff::Timestamp;
use serde_json::json;
use tenancy::{TenantId, TenantStatus};

use super::back_up::{newest_by_tenant, subject_of};
use super::data_key::data_key;
use super::restore::{fetch_proven, store_options};
use super::scratch::Scratch;
use super::{Progress, Trouble, smoke};
use crate::app::App;

/// Rehearses the restores of a sample of all tenants, and refuses one damaged copy.
///
/// # Errors
/// [`Trouble`] when nothing can be chosen; a tenant that fails is part of the result.
pub(crate) async fn rehearse_sample(
    app: &Arc<App>,
    count: usize,
    progress: &Progress,
) -> Result<api::RestoreTestRun, Trouble> {
    let chosen = sample(app, count).await?;
    rehearse_all(app, chosen, progress).await
}

/// Rehearses the restore of one tenant's newest backup.
///
/// # Errors
/// [`Trouble::Refused`] when it has none.
pub(crate) async fn rehearse(
    app: &Arc<App>,
    tenant: &TenantId,
    progress: &Progress,
) -> Result<api::RestoreTestRun, Trouble> {
    let newest = app.control.backups(tenant).await?.into_iter().next();
    let none = || Trouble::Refused("there is no backup yet; make one with `engram backup create`".into());
    rehearse_all(app, vec![newest.ok_or_else(none)?], progress).await
}

/// Newest backups of tenants, chosen so that everybody has a turn within 90 days.
async fn sample(app: &App, count: usize) -> Result<Vec<Backup>, Trouble> {
    let tested: HashMap<TenantId, Timestamp> =
        app.control.last_passed_restore_tests().await?.into_iter().collect();
    let mut newest = newest_by_tenant(app).await?;
    let mut candidates = Vec::new();
    for backup in newest.values() {
        let Some(tenant) = app.control.tenant_by_id(&backup.tenant_id).await? else { continue };
        if tenant.status != TenantStatus::Deleted {
            candidates.push(Candidate {
                subject: tenant.id.clone(),
                created_at: tenant.created_at,
                bytes: backup.size_bytes,
                schema_version: backup.schema_version,
                last_tested_at: tested.get(&tenant.id).copied(),
            });
        }
    }
    candidates.sort_by(|a, b| a.subject.cmp(&b.subject));
    let seed = u64::from_le_bytes(stdx::random::bytes());
    let picked = pick(&candidates, count, seed, app.clock.now());
    Ok(picked.into_iter().filter_map(|tenant| newest.remove(&tenant)).collect())
}

async fn rehearse_all(
    app: &Arc<App>,
    backups: Vec<Backup>,
    progress: &Progress,
) -> Result<api::RestoreTestRun, Trouble> {
    let run_id = format!("rtr_{}", stdx::random::token(20));
    let mut tenants = Vec::new();
    for (at, backup) in backups.iter().enumerate() {
        progress.at(at as u64, backups.len() as u64);
        let started_at = app.clock.now();
        let damage = if at == 0 { Damage::Tried } else { Damage::Left };
        let checks = check_restore(app, backup, damage, progress).await;
        let passed = checks.iter().all(|check| check.status == PASSED);
        let word = if passed { "passed" } else { "failed" };
        metrics::counter!("engram_restore_tests_total", "result" => word).increment(1);
        if !passed {
            tracing::error!(tenant = %backup.tenant_id, backup = backup.id, ?checks, "a restore test failed");
        }
        let test = RestoreTest {
            id: format!("rt_{}", stdx::random::token(20)),
            run_id: run_id.clone(),
            tenant_id: backup.tenant_id.clone(),
            backup_id: backup.id.clone(),
            passed,
            checks: json!(checks),
            started_at,
            finished_at: app.clock.now(),
        };
        app.control.record_restore_test(&test).await?;
        let slug = app.control.tenant_by_id(&backup.tenant_id).await?.map(|tenant| tenant.slug.to_string());
        tenants.push(api::RestoreTest {
            tenant: slug.unwrap_or_else(|| backup.tenant_id.to_string()),
            backup: backup.id.clone(),
            status: word.to_owned(),
            finished_at: test.finished_at,
            checks,
        });
    }
    let all_passed = tenants.iter().all(|test| test.status == PASSED);
    if all_passed && !tenants.is_empty() {
        metrics::gauge!("engram_restore_test_last_success_timestamp_seconds")
            .set(app.clock.now_ms() as f64 / 1_000.0);
    }
    let status = if all_passed { PASSED } else { FAILED };
    Ok(api::RestoreTestRun { status: status.to_owned(), tenants })
}

/// Whether a rehearsal also damages its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Tried,
    Left,
}

const PASSED: &str = "passed";
const FAILED: &str = "failed";

fn check(name: &str, outcome: Result<String, Trouble>) -> api::RestoreCheck {
    let (status, detail) = match outcome {
        Ok(detail) => (PASSED, detail),
        Err(error) => (FAILED, error.to_string()),
    };
    api::RestoreCheck { name: name.to_owned(), status: status.to_owned(), detail }
}

/// Every check of one backup, up to the first that fails.
async fn check_restore(
    app: &App,
    backup: &Backup,
    damage: Damage,
    progress: &Progress,
) -> Vec<api::RestoreCheck> {
    let scratch = match Scratch::new(&app.fleet) {
        Ok(scratch) => scratch,
        Err(error) => return vec![check("sandbox", Err(error))],
    };
    let file = scratch.path().join("engram.db");
    let fetched = match fetch_proven(app, backup, &file, progress).await {
        Ok(fetched) => fetched,
        Err(error) => return vec![check("contents", Err(error))],
    };
    let tables = &fetched.manifest().facts.tables;
    let rows: u64 = tables.values().map(|table| table.rows).sum();
    let same = format!("{rows} rows of {} tables are those that were copied", tables.len());
    let mut checks = vec![check("contents", Ok(same))];
    progress.stage("verifying");
    let whole = smoke::proven(&file).await.map(|()| "every page, index and reference is whole".to_owned());
    checks.push(check("integrity", whole));
    let options = store_options(app);
    let asked = smoke::blocking(move || smoke::ask(&Store::open(&file, options)?)).await;
    checks.push(check("smoke", asked));
    if damage == Damage::Tried {
        checks.push(check_damage(app, backup, fetched).await);
    }
    checks
}

/// A copy that was damaged on purpose must be refused: a rehearsal that cannot fail proves nothing.
async fn check_damage(app: &App, backup: &Backup, fetched: Fetched) -> api::RestoreCheck {
    let refused = async {
        let key = data_key(app, Kind::Database, &subject_of(&backup.tenant_id)?).await?;
        if fetched.refuses_damage(&key).await? {
            return Ok("a copy with one bit changed is refused".to_owned());
        }
        Err(Trouble::Refused("a copy with one bit changed was taken for good".into()))
    };
    check("damage", refused.await)
}
