//! Tenants in PostgreSQL.

use deadpool_postgres::GenericClient;
use tenancy::{PlanName, Slug, Tenant, TenantId, TenantKind, TenantStatus};
use tokio_postgres::Row;

use super::{
    COLUMNS, NewTenant, TenantWithLimits, TenantsQuery, changed, creation, status_change, taken, unknown,
};
use crate::postgres::{Answer, WriteTransaction, parsed, unless_taken, word};
use crate::{Actor, members, plans};

pub(super) async fn create(deed: &WriteTransaction<'_>, new: NewTenant, by: &Actor) -> Answer<Tenant> {
    plans::postgres::require(deed, &new.plan).await?;
    let (tenant, owner) = new.at(deed.now())?;
    insert(deed.tx(), &tenant).await?;
    let (id, details) = (tenant.id.as_str(), creation(&tenant));
    deed.note_for(&tenant.id, by, "create_tenant", id, &details, Some(changed(&tenant))).await?;
    if let Some(owner) = owner {
        members::postgres::add(deed, owner, by).await?;
    }
    Ok(tenant)
}

pub(super) async fn with_limits(
    reader: &impl GenericClient,
    id: &TenantId,
) -> Answer<Option<TenantWithLimits>> {
    let sql =
        format!("SELECT {COLUMNS}, p.limits FROM tenants t JOIN plans p ON p.name = t.plan WHERE t.id = $1");
    let one = reader.prepare_cached(&sql).await?;
    let found = reader.query_opt(&one, &[&id.as_str()]).await?;
    let read =
        |row: &Row| Ok(TenantWithLimits { tenant: tenant(row)?, limits: plans::postgres::limits(row)? });
    found.as_ref().map(read).transpose()
}

pub(super) async fn list(reader: &impl GenericClient) -> Answer<Vec<Tenant>> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t ORDER BY t.slug COLLATE \"C\", t.created_at");
    let all = reader.prepare_cached(&sql).await?;
    reader.query(&all, &[]).await?.iter().map(tenant).collect()
}

pub(super) async fn page_by_slug(reader: &impl GenericClient, query: &TenantsQuery) -> Answer<Vec<Tenant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tenants t
         WHERE (t.slug COLLATE \"C\", t.id COLLATE \"C\") > ($1, $2) AND ($3::text IS NULL OR t.status = $3)
         ORDER BY t.slug COLLATE \"C\", t.id COLLATE \"C\" LIMIT $4"
    );
    let page = reader.prepare_cached(&sql).await?;
    let ((slug, id), status) = (query.begin(), query.status.map(TenantStatus::as_str));
    let rows = reader.query(&page, &[&slug, &id, &status, &i64::from(query.limit)]).await?;
    rows.iter().map(tenant).collect()
}

/// Ids differ in digits and small letters only, which every collation sorts alike; so the primary key serves.
pub(super) async fn page_by_id(
    reader: &impl GenericClient,
    after: Option<&TenantId>,
    limit: u32,
) -> Answer<Vec<Tenant>> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t WHERE t.id > $1 ORDER BY t.id LIMIT $2");
    let page = reader.prepare_cached(&sql).await?;
    let rows = reader.query(&page, &[&after.map_or("", TenantId::as_str), &i64::from(limit)]).await?;
    rows.iter().map(tenant).collect()
}

pub(super) async fn set_status(
    deed: &WriteTransaction<'_>,
    slug: &Slug,
    status: TenantStatus,
    by: &Actor,
) -> Answer<Tenant> {
    let tenant = by_slug_locked(deed, slug).await?;
    if tenant.status == status {
        return Ok(tenant);
    }
    let update = deed.tx().prepare_cached("UPDATE tenants SET status = $2 WHERE id = $1").await?;
    deed.tx().execute(&update, &[&tenant.id.as_str(), &status.as_str()]).await?;
    let (id, details) = (tenant.id.as_str(), status_change(tenant.status, status));
    deed.note_for(&tenant.id, by, "set_tenant_status", id, &details, Some(changed(&tenant))).await?;
    Ok(Tenant { status, ..tenant })
}

/// Fails with [`ControlError::NotFound`](crate::ControlError::NotFound) when there is no such tenant, or it is
/// deleted. It stays as it is until the transaction ends.
pub(crate) async fn require(deed: &WriteTransaction<'_>, id: &TenantId) -> Answer<()> {
    let one = deed
        .tx()
        .prepare_cached("SELECT 1 FROM tenants WHERE id = $1 AND status <> 'deleted' FOR SHARE")
        .await?;
    let found = deed.tx().query_opt(&one, &[&id.as_str()]).await?;
    if found.is_some() { Ok(()) } else { Err(unknown(id.as_str()).into()) }
}

/// Keeps a tenant as it is, whatever its status, until the transaction ends. Whoever locks something of a tenant holds
/// the tenant first, as a deletion does: otherwise each would wait for the other.
pub(crate) async fn hold(deed: &WriteTransaction<'_>, id: &TenantId) -> Answer<()> {
    let one = deed.tx().prepare_cached("SELECT 1 FROM tenants WHERE id = $1 FOR SHARE").await?;
    deed.tx().query_opt(&one, &[&id.as_str()]).await?;
    Ok(())
}

/// The tenant of that slug, changed by nobody else until the transaction ends; or
/// [`ControlError::NotFound`](crate::ControlError::NotFound).
pub(crate) async fn by_slug_locked(deed: &WriteTransaction<'_>, slug: &Slug) -> Answer<Tenant> {
    let sql =
        format!("SELECT {COLUMNS} FROM tenants t WHERE t.slug = $1 AND t.status <> 'deleted' FOR UPDATE");
    let one = deed.tx().prepare_cached(&sql).await?;
    let found = deed.tx().query_opt(&one, &[&slug.as_str()]).await?;
    tenant(&found.ok_or_else(|| unknown(slug.as_str()))?)
}

pub(super) async fn find_by_slug(reader: &impl GenericClient, slug: &Slug) -> Answer<Option<Tenant>> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t WHERE t.slug = $1 AND t.status <> 'deleted'");
    let one = reader.prepare_cached(&sql).await?;
    reader.query_opt(&one, &[&slug.as_str()]).await?.as_ref().map(tenant).transpose()
}

async fn insert(tx: &impl GenericClient, tenant: &Tenant) -> Answer<()> {
    let insert = tx
        .prepare_cached(
            "INSERT INTO tenants (id, slug, name, status, kind, plan, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .await?;
    let inserted = tx
        .execute(
            &insert,
            &[
                &tenant.id.as_str(),
                &tenant.slug.as_str(),
                &tenant.name,
                &tenant.status.as_str(),
                &tenant.kind.as_str(),
                &tenant.plan.as_str(),
                &tenant.created_at,
            ],
        )
        .await;
    inserted.map_err(|error| unless_taken(error, || taken(&tenant.slug)))?;
    Ok(())
}

fn tenant(row: &Row) -> Answer<Tenant> {
    Ok(Tenant {
        id: parsed(row, "id", TenantId::parse)?,
        slug: parsed(row, "slug", Slug::parse)?,
        name: row.try_get("name")?,
        status: word(row, "status", TenantStatus::parse)?,
        kind: word(row, "kind", TenantKind::parse)?,
        plan: PlanName::new(row.try_get("plan")?),
        created_at: row.try_get("created_at")?,
    })
}
