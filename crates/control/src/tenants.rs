//! Tenants: created, found, suspended, resumed, deleted.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::json;
use tenancy::{Limits, PlanName, RequestId, Role, Slug, Tenant, TenantId, TenantKind, TenantStatus};

use crate::database::WriteTransaction;
use crate::rows::{is_taken, parsed, timestamp, word};
use crate::{Actor, Change, Control, ControlError, NewMember, members, plans};

const COLUMNS: &str = "t.id, t.slug, t.name, t.status, t.kind, t.plan, t.created_at";
/// Longest name of a tenant, in bytes.
const TENANT_NAME_BYTES_MAX: usize = 200;

/// A tenant that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// The name in hosts and headers; free among tenants that are not deleted.
    pub slug: Slug,
    /// The name people read; 1-200 bytes.
    pub name: String,
    /// Whether it is billed.
    pub kind: TenantKind,
    /// The plan whose limits apply.
    pub plan: PlanName,
    /// Its first member, when a person signs up.
    pub owner: Option<NewOwner>,
}

/// The person who owns a new tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOwner {
    /// The `sub` of their tokens.
    pub user_id: String,
    /// Their address, if it is known.
    pub email: Option<String>,
}

/// A tenant and what its plan allows, read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantWithLimits {
    /// The tenant.
    pub tenant: Tenant,
    /// The limits of its plan.
    pub limits: Limits,
}

impl Control {
    /// Creates a tenant, active at once.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] when the slug is taken, [`ControlError::NotFound`] for an unknown plan,
    /// [`ControlError::Invalid`] for a blank or long name, [`ControlError::Unavailable`].
    pub async fn create_tenant(&self, new: NewTenant, by: &Actor) -> Result<Tenant, ControlError> {
        if new.name.trim().is_empty() || new.name.len() > TENANT_NAME_BYTES_MAX {
            return Err(ControlError::Invalid(format!(
                "a tenant's name has 1-{TENANT_NAME_BYTES_MAX} bytes"
            )));
        }
        let by = by.clone();
        self.write(move |deed| {
            plans::require(deed, &new.plan)?;
            let tenant = Tenant {
                id: TenantId::from_uuid(RequestId::at(deed.now()).as_uuid()),
                slug: new.slug,
                name: new.name,
                status: TenantStatus::Active,
                kind: new.kind,
                plan: new.plan,
                created_at: deed.now(),
            };
            insert(deed.tx(), &tenant)?;
            let details = json!({
                "slug": tenant.slug.as_str(),
                "kind": tenant.kind.as_str(),
                "plan": tenant.plan.as_str(),
            });
            let change = Change::Tenant { id: tenant.id.clone(), slug: tenant.slug.clone() };
            deed.note_for(&tenant.id, &by, "create_tenant", tenant.id.as_str(), &details, Some(change))?;
            if let Some(NewOwner { user_id, email }) = new.owner {
                let owner = NewMember { tenant_id: tenant.id.clone(), user_id, email, role: Role::Owner };
                owner.check()?;
                members::add(deed, owner, &by)?;
            }
            Ok(tenant)
        })
        .await
    }

    /// The tenant of that slug, unless it is deleted.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn tenant_by_slug(&self, slug: &Slug) -> Result<Option<Tenant>, ControlError> {
        let slug = slug.clone();
        self.read(move |reader| find_by_slug(reader, &slug)).await
    }

    /// The tenant of that id, deleted or not.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn tenant_by_id(&self, id: &TenantId) -> Result<Option<Tenant>, ControlError> {
        Ok(self.tenant_with_limits(id).await?.map(|found| found.tenant))
    }

    /// The tenant of that id, deleted or not, with the limits of its plan.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn tenant_with_limits(&self, id: &TenantId) -> Result<Option<TenantWithLimits>, ControlError> {
        let id = id.clone();
        self.read(move |reader| {
            let sql = format!(
                "SELECT {COLUMNS}, p.limits FROM tenants t JOIN plans p ON p.name = t.plan WHERE t.id = ?1"
            );
            Ok(reader
                .prepare_cached(&sql)?
                .query_row([id.as_str()], |row| {
                    Ok(TenantWithLimits { tenant: tenant(row)?, limits: plans::limits(row)? })
                })
                .optional()?)
        })
        .await
    }

    /// Every tenant by slug, deleted ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, ControlError> {
        self.read(|reader| {
            let sql = format!("SELECT {COLUMNS} FROM tenants t ORDER BY t.slug, t.created_at");
            let mut all = reader.prepare_cached(&sql)?;
            let tenants = all.query_map([], tenant)?.collect::<rusqlite::Result<_>>()?;
            Ok(tenants)
        })
        .await
    }

    /// Suspends or resumes a tenant; running gateways follow at once. Deleting is
    /// [`delete_tenant`](Self::delete_tenant).
    ///
    /// # Errors
    /// [`ControlError::NotFound`] when no tenant that is not deleted has that slug; [`ControlError::Unavailable`].
    pub async fn set_tenant_status(
        &self,
        slug: &Slug,
        status: TenantStatus,
        by: &Actor,
    ) -> Result<Tenant, ControlError> {
        if status == TenantStatus::Deleted {
            return Err(ControlError::Invalid("a tenant is deleted, not given a status".to_owned()));
        }
        let (slug, by) = (slug.clone(), by.clone());
        self.write(move |deed| {
            let tenant = by_slug(deed.tx(), &slug)?;
            if tenant.status == status {
                return Ok(tenant);
            }
            deed.tx()
                .prepare_cached("UPDATE tenants SET status = ?2 WHERE id = ?1")?
                .execute([tenant.id.as_str(), status.as_str()])?;
            let details = json!({ "from": tenant.status.as_str(), "to": status.as_str() });
            let change = Change::Tenant { id: tenant.id.clone(), slug: tenant.slug.clone() };
            deed.note_for(&tenant.id, &by, "set_tenant_status", tenant.id.as_str(), &details, Some(change))?;
            Ok(Tenant { status, ..tenant })
        })
        .await
    }
}

/// Fails with [`ControlError::NotFound`] when there is no such tenant, or it is deleted.
pub(crate) fn require(deed: &WriteTransaction<'_>, id: &TenantId) -> Result<(), ControlError> {
    let known: bool = deed
        .tx()
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tenants WHERE id = ?1 AND status <> 'deleted')")?
        .query_row([id.as_str()], |row| row.get(0))?;
    if known { Ok(()) } else { Err(ControlError::NotFound { what: "tenant", name: id.as_str().to_owned() }) }
}

/// The tenant of that slug, or [`ControlError::NotFound`].
pub(crate) fn by_slug(connection: &Connection, slug: &Slug) -> Result<Tenant, ControlError> {
    find_by_slug(connection, slug)?
        .ok_or_else(|| ControlError::NotFound { what: "tenant", name: slug.as_str().to_owned() })
}

fn find_by_slug(connection: &Connection, slug: &Slug) -> Result<Option<Tenant>, ControlError> {
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
    .map_err(|error| {
        if is_taken(&error) {
            ControlError::Conflict { what: "tenant", name: tenant.slug.as_str().to_owned() }
        } else {
            error.into()
        }
    })?;
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
