//! Tenants in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tenancy::{PlanName, Slug, Tenant, TenantId, TenantKind, TenantStatus};

use super::{
    COLUMNS, NewTenant, TenantWithLimits, TenantsQuery, changed, creation, status_change, taken, unknown,
};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{is_taken, parsed, timestamp, word};
use crate::{Actor, ControlError, members, plans};

pub(super) fn create(
    deed: &WriteTransaction<'_>,
    new: NewTenant,
    by: &Actor,
) -> Result<Tenant, ControlError> {
    plans::sqlite::require(deed, &new.plan)?;
    let (tenant, owner) = new.at(deed.now())?;
    insert(deed.tx(), &tenant)?;
    let (id, details) = (tenant.id.as_str(), creation(&tenant));
    deed.note_for(&tenant.id, by, "create_tenant", id, &details, Some(changed(&tenant)))?;
    if let Some(owner) = owner {
        members::sqlite::add(deed, owner, by)?;
    }
    Ok(tenant)
}

pub(super) fn with_limits(
    reader: &Connection,
    id: &TenantId,
) -> Result<Option<TenantWithLimits>, ControlError> {
    let sql =
        format!("SELECT {COLUMNS}, p.limits FROM tenants t JOIN plans p ON p.name = t.plan WHERE t.id = ?1");
    Ok(reader
        .prepare_cached(&sql)?
        .query_row([id.as_str()], |row| {
            Ok(TenantWithLimits { tenant: tenant(row)?, limits: plans::sqlite::limits(row)? })
        })
        .optional()?)
}

pub(super) fn list(reader: &Connection) -> Result<Vec<Tenant>, ControlError> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t ORDER BY t.slug, t.created_at");
    let mut all = reader.prepare_cached(&sql)?;
    let tenants = all.query_map([], tenant)?.collect::<rusqlite::Result<_>>()?;
    Ok(tenants)
}

pub(super) fn page_by_slug(reader: &Connection, query: &TenantsQuery) -> Result<Vec<Tenant>, ControlError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tenants t WHERE (t.slug, t.id) > (?1, ?2) AND (?3 IS NULL OR t.status = ?3)
         ORDER BY t.slug, t.id LIMIT ?4"
    );
    let (slug, id) = query.begin();
    let mut page = reader.prepare_cached(&sql)?;
    let rows =
        page.query_map(params![slug, id, query.status.map(TenantStatus::as_str), query.limit], tenant)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn page_by_id(
    reader: &Connection,
    after: Option<&TenantId>,
    limit: u32,
) -> Result<Vec<Tenant>, ControlError> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t WHERE t.id > ?1 ORDER BY t.id LIMIT ?2");
    let mut page = reader.prepare_cached(&sql)?;
    let rows = page.query_map(params![after.map_or("", TenantId::as_str), limit], tenant)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn set_status(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    status: TenantStatus,
    by: &Actor,
) -> Result<Tenant, ControlError> {
    let tenant = by_slug(deed.tx(), slug)?;
    if tenant.status == status {
        return Ok(tenant);
    }
    deed.tx()
        .prepare_cached("UPDATE tenants SET status = ?2 WHERE id = ?1")?
        .execute([tenant.id.as_str(), status.as_str()])?;
    let details = status_change(tenant.status, status);
    deed.note_for(&tenant.id, by, "set_tenant_status", tenant.id.as_str(), &details, Some(changed(&tenant)))?;
    Ok(Tenant { status, ..tenant })
}

/// Fails with [`ControlError::NotFound`] when there is no such tenant, or it is deleted.
pub(crate) fn require(deed: &WriteTransaction<'_>, id: &TenantId) -> Result<(), ControlError> {
    let known: bool = deed
        .tx()
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND status <> 'deleted')")?
        .query_row([id.as_str()], |row| row.get(0))?;
    if known { Ok(()) } else { Err(unknown(id.as_str())) }
}

/// The tenant of that slug, or [`ControlError::NotFound`].
pub(crate) fn by_slug(connection: &Connection, slug: &Slug) -> Result<Tenant, ControlError> {
    find_by_slug(connection, slug)?.ok_or_else(|| unknown(slug.as_str()))
}

pub(super) fn find_by_slug(connection: &Connection, slug: &Slug) -> Result<Option<Tenant>, ControlError> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t WHERE t.slug = ?1 AND t.status <> 'deleted'");
    Ok(connection.prepare_cached(&sql)?.query_row([slug.as_str()], tenant).optional()?)
}

fn insert(tx: &Connection, tenant: &Tenant) -> Result<(), ControlError> {
    tx.prepare_cached(
        "INSERT INTO tenants (id, slug, name, status, kind, plan, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        tenant.id.as_str(),
        tenant.slug.as_str(),
        tenant.name,
        tenant.status.as_str(),
        tenant.kind.as_str(),
        tenant.plan.as_str(),
        tenant.created_at.as_millisecond(),
    ])
    .map_err(|error| if is_taken(&error) { taken(&tenant.slug) } else { error.into() })?;
    Ok(())
}

fn tenant(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant {
        id: parsed(row, "id", |text: String| TenantId::parse(&text))?,
        slug: parsed(row, "slug", |text: String| Slug::parse(&text))?,
        name: row.get("name")?,
        status: word(row, "status", TenantStatus::parse)?,
        kind: word(row, "kind", TenantKind::parse)?,
        plan: PlanName::new(&row.get::<_, String>("plan")?),
        created_at: timestamp(row, "created_at")?,
    })
}
