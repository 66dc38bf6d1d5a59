//! Backups, for whoever runs the service: how old everybody's newest ones are, one tenant's list, and new ones on demand.

use axum::response::{IntoResponse, Redirect, Response};
use gateway::Pass;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::Value;
use tenancy::{Operation, Slug, TenantId};

use super::restore::{choice, restores};
use super::run::{lead, runs};
use crate::console::asked::Asked;
use crate::console::fields::{link, segment};
use crate::console::layout::{Tab, failed, page};
use crate::console::parts::{form_token, next_page, status, tile, title};
use crate::console::words;
use crate::decode;
use crate::operations::{self, Caller, Failure};

/// Where the list is.
pub(super) const PATH: &str = "/console/service/backups";
/// Runs of this process that the page names.
const RUNS_SHOWN: usize = 8;

/// `GET /console/service/backups`.
pub(in crate::console) async fn show(asked: Asked) -> Response {
    if let Some(slug) = asked.sent().filled("tenant") {
        return Redirect::to(&path_of(slug)).into_response();
    }
    let mut query = asked.sent().object(&["cursor"]);
    query.insert("limit".to_owned(), Value::from("50"));
    let found = asked
        .operate(async |pass, caller| {
            let query = decode::list_tenants(Value::Object(query))?;
            let mut tenants = operations::list_tenants(asked.app(), caller, query).await?;
            tenants.items.retain(|tenant| tenant.status != "deleted");
            let ids: Vec<_> =
                tenants.items.iter().filter_map(|tenant| TenantId::parse(&tenant.id).ok()).collect();
            let newest = operations::newest_backups(asked.app(), pass, &ids).await?;
            Ok((tenants, newest, operations::list_runs(asked.app(), pass, RUNS_SHOWN).await?))
        })
        .await;
    match found {
        Ok((tenants, newest, at_work)) => {
            page(&asked, Tab::Backups, "Backups", &list(&asked, &tenants, &newest, &at_work))
        }
        Err(failure) => failed(&asked, Tab::Backups, &failure),
    }
}

/// `POST /console/service/backups`: of every tenant that changed.
pub(in crate::console) async fn create_all(asked: Asked) -> Response {
    let begun = asked
        .operate(async |pass, caller| operations::create_all_backups(asked.app(), pass, caller).await)
        .await;
    match begun {
        Ok(run) => lead(&run),
        Err(failure) => failed(&asked, Tab::Backups, &failure),
    }
}

/// `GET /console/service/backups/{slug}`.
pub(in crate::console) async fn show_one(asked: Asked) -> Response {
    match one(&asked).await {
        Ok(main) => page(&asked, Tab::Backups, "Backups of a tenant", &main),
        Err(failure) => failed(&asked, Tab::Backups, &failure),
    }
}

/// `POST /console/service/backups/{slug}`.
pub(in crate::console) async fn create(asked: Asked) -> Response {
    let begun = for_named(&asked, Operation::CreateBackup, async |pass, caller| {
        operations::create_backup(asked.app(), pass, caller).await
    });
    match begun.await {
        Ok(run) => lead(&run),
        Err(failure) => failed(&asked, Tab::Backups, &failure),
    }
}

/// The tenant in the path.
pub(super) fn named(asked: &Asked) -> Result<Slug, Failure> {
    let unknown = |_| Failure::Coded(api::ErrorCode::TenantNotFound, "there is no such tenant".to_owned());
    Slug::parse(asked.guest.segment("slug")).map_err(unknown)
}

/// Does `work` for the tenant in the path. These pages are for whoever runs the service: nobody else comes this far,
/// not with the name of their own tenant either.
pub(super) async fn for_named<T>(
    asked: &Asked,
    operation: Operation,
    work: impl AsyncFnOnce(&Pass, &Caller) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let slug = named(asked)?;
    asked.operate(async |_, _| Ok(())).await?;
    asked.manage_of(Some(slug.as_str()), operation, work).await
}

/// Where one tenant's backups are.
pub(super) fn path_of(slug: &str) -> String {
    format!("{PATH}/{}", segment(slug))
}

fn list(asked: &Asked, tenants: &api::TenantList, newest: &[api::Backup], at_work: &[api::Run]) -> Markup {
    let now = asked.app().clock.now();
    html! {
        (title("Backups", &html! {
            form method="post" action=(PATH) { (form_token(&asked.guest)) button .primary { "Back up all that changed" } }
        }))
        (tiles(asked))
        (runs(at_work, now))
        form .inline method="get" action=(PATH) {
            label for="tenant" { "Tenant " } input #tenant name="tenant" required maxlength="63";
            button { "Show its backups" }
        }
        h2 .spaced { "Tenants" }
        @if tenants.items.is_empty() { div .empty { p { "There is none." } } } @else {
            div .scroll tabindex="0" role="region" aria-label="Newest backup of each tenant" { table {
                thead { tr { th scope="col" { "Tenant" } th scope="col" { "Newest backup" } th .num scope="col" { "Size" } th .num scope="col" { "Memories" } th scope="col" { "Newest verified" } } }
                tbody { @for tenant in &tenants.items { (row(tenant, newest, now)) } }
            } }
        }
        (next_page(PATH, &[], tenants.next_cursor.as_deref()))
    }
}

fn row(tenant: &api::Tenant, newest: &[api::Backup], now: Timestamp) -> Markup {
    let mut own = newest.iter().filter(|backup| backup.tenant_id == tenant.id);
    let verified = own.clone().find(|backup| backup.verified_at.is_some());
    let newest = own.next();
    html! { tr {
        td { a href=(path_of(&tenant.slug)) { bdi { (tenant.slug) } } @if tenant.status != "active" { " " (status(&tenant.status)) } }
        @match newest {
            Some(backup) => { td .nowrap { (words::time(backup.created_at, now)) } td .num { (words::bytes(backup.size_bytes)) } td .num { (words::count(backup.memories)) } }
            None => { td { span .badge .warn { "none yet" } } td .num { "–" } td .num { "–" } }
        }
        td .nowrap { @match verified { Some(backup) => (words::time(backup.created_at, now)), None => span .dim { "none yet" } } }
    } }
}

/// What the alerts are made of.
fn tiles(asked: &Asked) -> Markup {
    let app = asked.app();
    let ages = app.backups.ages();
    let hours = app.config.backup.every_hours;
    html! {
        div .tiles {
            (tile("Longest without a backup", &age(ages.newest), "of tenants that changed"))
            (tile("Oldest proof", &age(ages.newest_verified), "of tenants that changed"))
            (tile("Proven by a restore", &words::percent(ages.coverage()), "of tenants with a backup"))
            (tile("Made by itself", &if hours == 0 { "never".to_owned() } else { format!("every {hours} h") }, "backup.every_hours"))
        }
    }
}

fn age(age: SignedDuration) -> String {
    match age.as_secs_f64() / 3_600.0 {
        hours if hours <= 0.0 => "nobody waits".to_owned(),
        hours if hours < 1.0 => format!("{:.0} min", hours * 60.0),
        hours if hours < 48.0 => format!("{hours:.0} h"),
        hours => format!("{:.0} days", hours / 24.0),
    }
}

/// Everything that can be brought back of one tenant, and what was.
struct Kept {
    slug: Slug,
    backups: api::BackupList,
    replaced: api::ReplacedFileList,
    restores: api::RestoreList,
}

async fn one(asked: &Asked) -> Result<Markup, Failure> {
    let slug = named(asked)?;
    let query = Value::Object(asked.sent().object(&["cursor"]));
    let kept = for_named(asked, Operation::ListBackups, async |pass, _| {
        let backups = operations::list_backups(asked.app(), pass, decode::list_backups(query)?).await?;
        let replaced = operations::list_replaced(asked.app(), pass).await?;
        let restores = operations::list_restores(asked.app(), pass).await?;
        Ok(Kept { slug, backups, replaced, restores })
    })
    .await?;
    Ok(shown(asked, &kept))
}

fn shown(asked: &Asked, kept: &Kept) -> Markup {
    let now = asked.app().clock.now();
    let path = path_of(kept.slug.as_str());
    html! {
        (title(&format!("Backups of {}", kept.slug), &html! {
            form method="post" action=(path) { (form_token(&asked.guest)) button .primary { "Back up now" } }
        }))
        @if kept.backups.items.is_empty() { div .empty { p { "There is no backup yet." } } } @else {
            div .scroll tabindex="0" role="region" aria-label="Backups, newest first" { table {
                thead { tr { th scope="col" { "Of" } th scope="col" { "Why" } th .num scope="col" { "Size" } th .num scope="col" { "Memories" } th scope="col" { "Proven" } th scope="col" { span .visually-hidden { "Restore" } } } }
                tbody { @for backup in &kept.backups.items { tr {
                    td { (words::exact(backup.created_at)) div .dim { code .break { (backup.id) } } }
                    td .nowrap { (backup.reason.replace('_', " ")) }
                    td .num { (words::bytes(backup.size_bytes)) }
                    td .num { (words::count(backup.memories)) }
                    td .nowrap { @match backup.verified_at { Some(at) => (words::time(at, now)), None => span .dim { "not yet" } } }
                    td .nowrap { a href=(link(&format!("{path}/restore"), &[("backup", &backup.id)])) { "Restore…" } }
                } } }
            } }
            (next_page(&path, &[], kept.backups.next_cursor.as_deref()))
            (choice(&path))
        }
        @if !kept.replaced.items.is_empty() {
            h2 { "Files that restores replaced" }
            div .scroll tabindex="0" role="region" aria-label="Replaced files" { table {
                thead { tr { th scope="col" { "Replaced" } th .num scope="col" { "Size" } th scope="col" { span .visually-hidden { "Restore" } } } }
                tbody { @for file in &kept.replaced.items { tr {
                    td { (words::time(file.replaced_at, now)) div .dim { code .break { (file.name) } } }
                    td .num { (words::bytes(file.bytes)) }
                    td .nowrap { a href=(link(&format!("{path}/restore"), &[("replaced", &file.name)])) { "Bring back…" } }
                } } }
            } }
        }
        (restores(&kept.restores, now))
    }
}
