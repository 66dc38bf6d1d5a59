//! Tenants: created, found, suspended, resumed.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::{Limits, PlanName, RequestId, Role, Slug, Tenant, TenantId, TenantKind, TenantStatus};

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Change, Control, ControlError, NewMember};

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

/// Which page of all tenants, deleted ones included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantsQuery {
    /// Only those of this status.
    pub status: Option<TenantStatus>,
    /// Only those after this one.
    pub after: Option<(Slug, TenantId)>,
    /// Most tenants of the page.
    pub limit: u32,
}

impl Control {
    /// Creates a tenant, active at once.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] when the slug is taken, [`ControlError::NotFound`] for an unknown plan,
    /// [`ControlError::Invalid`] for a blank or long name, [`ControlError::Unavailable`].
    pub async fn create_tenant(&self, new: NewTenant, by: &Actor) -> Result<Tenant, ControlError> {
        new.check()?;
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::create(deed, new, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::create(deed, new.clone(), by))
            }
        }
    }

    /// The tenant of that slug, unless it is deleted.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn tenant_by_slug(&self, slug: &Slug) -> Result<Option<Tenant>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let slug = slug.clone();
                database.read(move |reader| sqlite::find_by_slug(reader, &slug)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::find_by_slug(reader, slug))
            }
        }
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
        match &self.backend {
            Backend::Sqlite(database) => {
                let id = id.clone();
                database.read(move |reader| sqlite::with_limits(reader, &id)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::with_limits(reader, id))
            }
        }
    }

    /// Every tenant by slug, deleted ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::list).await,
            Backend::Postgres(database) => ask!(database, |reader| postgres::list(reader)),
        }
    }

    /// A page of tenants by slug, and those of one slug by id, which is the order of creation.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn tenants_by_slug(&self, query: TenantsQuery) -> Result<Vec<Tenant>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                database.read(move |reader| sqlite::page_by_slug(reader, &query)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::page_by_slug(reader, &query))
            }
        }
    }

    /// The first `limit` tenants made after the one with this id, deleted ones included. No tenant slips between two
    /// pages.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn tenants_made_after(
        &self,
        after: Option<&TenantId>,
        limit: u32,
    ) -> Result<Vec<Tenant>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let after = after.cloned();
                database.read(move |reader| sqlite::page_by_id(reader, after.as_ref(), limit)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::page_by_id(reader, after, limit))
            }
        }
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
        match &self.backend {
            Backend::Sqlite(database) => {
                let (slug, by) = (slug.clone(), by.clone());
                database.write(move |deed| sqlite::set_status(deed, &slug, status, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::set_status(deed, slug, status, by))
            }
        }
    }
}

impl NewTenant {
    fn check(&self) -> Result<(), ControlError> {
        let fits = self.name.len() <= TENANT_NAME_BYTES_MAX && !self.name.contains(char::is_control);
        if self.name.trim().is_empty() || !fits {
            return Err(ControlError::Invalid(format!(
                "a tenant's name has 1-{TENANT_NAME_BYTES_MAX} bytes and no control characters"
            )));
        }
        Ok(())
    }

    /// The tenant it becomes, and its first member.
    fn at(self, now: Timestamp) -> Result<(Tenant, Option<NewMember>), ControlError> {
        let tenant = Tenant {
            id: TenantId::from_uuid(RequestId::at(now).as_uuid()),
            slug: self.slug,
            name: self.name,
            status: TenantStatus::Active,
            kind: self.kind,
            plan: self.plan,
            created_at: now,
        };
        let owner = self.owner.map(|NewOwner { user_id, email }| NewMember {
            tenant_id: tenant.id.clone(),
            user_id,
            email,
            role: Role::Owner,
        });
        if let Some(owner) = &owner {
            owner.check()?;
        }
        Ok((tenant, owner))
    }
}

/// What followers hear of a change of a tenant.
pub(crate) fn changed(tenant: &Tenant) -> Change {
    Change::Tenant { id: tenant.id.clone(), slug: tenant.slug.clone() }
}

/// What the audit log says of a new one.
fn creation(tenant: &Tenant) -> Value {
    json!({ "slug": tenant.slug.as_str(), "kind": tenant.kind.as_str(), "plan": tenant.plan.as_str() })
}

fn status_change(from: TenantStatus, to: TenantStatus) -> Value {
    json!({ "from": from.as_str(), "to": to.as_str() })
}

impl TenantsQuery {
    /// The slug and the id that the page begins after; nothing sorts before them when it is the first.
    fn begin(&self) -> (&str, &str) {
        self.after.as_ref().map_or(("", ""), |(slug, id)| (slug.as_str(), id.as_str()))
    }
}

fn taken(slug: &Slug) -> ControlError {
    ControlError::Conflict { what: "tenant", name: slug.as_str().to_owned() }
}

fn unknown(name: &str) -> ControlError {
    ControlError::NotFound { what: "tenant", name: name.to_owned() }
}
