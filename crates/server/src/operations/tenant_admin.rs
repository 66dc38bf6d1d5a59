//! What operators do with tenants and plans, and tenant admins with their own keys.

use std::collections::HashMap;

use api::ErrorCode;
use control::{Actor, KeyOwner, NewTenant};
use gateway::{Needed, NewKey, OperatorPass, Principal, Refusal};
use tenancy::{PlanName, Scope, Scopes, Slug, Tenant, TenantId, TenantStatus};

use super::Failure;
use super::shape::{limits_to_wire, tenant_to_wire};
use crate::app::App;
use crate::decode::{KeyInput, PlanInput, PlanTarget, TenantChange, TenantInput};

/// Creates a tenant and the folder of its data.
///
/// # Errors
/// [`Failure::Control`] when the slug is taken or the plan unknown; [`Failure::Store`] when there is no room.
pub async fn create_tenant(app: &App, by: &OperatorPass, input: TenantInput) -> Result<api::Tenant, Failure> {
    let plan = input.plan.unwrap_or_else(|| app.config.service.default_plan.clone());
    let new = NewTenant {
        name: input.name.unwrap_or_else(|| input.slug.to_string()),
        slug: input.slug,
        kind: input.kind,
        plan: PlanName::new(&plan),
        owner: None,
    };
    let tenant = app.control.create_tenant(new, &by.actor()).await?;
    app.fleet.create_tenant_folder(&tenant.id)?;
    Ok(tenant_to_wire(tenant))
}

/// Every tenant by slug, deleted ones included.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_tenants(app: &App, _: &OperatorPass) -> Result<api::TenantList, Failure> {
    let tenants = app.control.list_tenants().await?;
    Ok(api::TenantList { items: tenants.into_iter().map(tenant_to_wire).collect() })
}

/// One tenant.
///
/// # Errors
/// [`Failure::Control`] when there is none of that slug.
pub async fn show_tenant(app: &App, _: &OperatorPass, slug: &Slug) -> Result<api::Tenant, Failure> {
    Ok(tenant_to_wire(tenant_named(app, slug).await?))
}

/// Suspends, resumes or deletes a tenant, or puts it on another plan. Deleting stops its traffic at once, and
/// then removes its files.
///
/// # Errors
/// [`Failure::Control`] for an unknown tenant or plan; [`Failure::Store`] when files could not be removed, and
/// the deletion must be repeated.
pub async fn update_tenant(
    app: &App,
    by: &OperatorPass,
    slug: &Slug,
    change: TenantChange,
) -> Result<api::Tenant, Failure> {
    let mut tenant = tenant_named(app, slug).await?;
    if let Some(plan) = change.plan {
        tenant = app.control.set_tenant_plan(slug, &PlanName::new(&plan), &by.actor()).await?;
    }
    if let Some(status) = change.status {
        if status == TenantStatus::Deleted {
            app.control.delete_tenant(slug, &by.actor()).await?;
            app.fleet.remove_tenant(&tenant.id).await?;
            app.control.finish_deletion(&tenant.id, &by.actor()).await?;
            tenant.status = status;
        } else {
            tenant = app.control.set_tenant_status(slug, status, &by.actor()).await?;
        }
    }
    Ok(tenant_to_wire(tenant))
}

/// Issues a key: an operator for any tenant, a tenant's admin for its own.
///
/// # Errors
/// [`Failure::Refused`] for anybody else, or for scopes beyond the caller's own; [`Failure::Control`].
pub async fn create_api_key(
    app: &App,
    caller: &Principal,
    owner: KeyOwnerAsked,
    input: KeyInput,
) -> Result<api::CreatedApiKey, Failure> {
    let tenant = match (owner, caller) {
        (KeyOwnerAsked::Operator, Principal::OperatorKey { .. } | Principal::Local) => None,
        (KeyOwnerAsked::Operator, Principal::TenantKey { .. }) => {
            return Err(Refusal::Forbidden { needed: Needed::OperatorKey }.into());
        }
        (KeyOwnerAsked::Tenant, _) => Some(tenant_for(app, caller, input.tenant.as_ref()).await?),
    };
    if let Principal::TenantKey { scopes, .. } = caller
        && let Some(beyond) = input.scopes.iter().find(|scope| !scopes.contains(*scope))
    {
        return Err(Refusal::Forbidden { needed: Needed::Scope(beyond) }.into());
    }
    let new = NewKey {
        owner: tenant.as_ref().map_or(KeyOwner::Operator, |tenant| KeyOwner::Tenant(tenant.id.clone())),
        scopes: if tenant.is_some() { input.scopes } else { Scopes::NONE },
        name: input.name,
        expires_at: input.expires_at,
    };
    let issued = app.gateway.issue_key(new, &caller.actor()).await?;
    let slug = tenant.map(|tenant| tenant.slug.to_string());
    Ok(api::CreatedApiKey { key: issued.key, api_key: key_to_wire(issued.record, slug) })
}

/// Keys of one tenant, or, for an operator who names none, every key.
///
/// # Errors
/// [`Failure::Refused`], [`Failure::Control`].
pub async fn list_api_keys(
    app: &App,
    caller: &Principal,
    tenant: Option<&Slug>,
) -> Result<api::ApiKeyList, Failure> {
    if let (None, Principal::OperatorKey { .. } | Principal::Local) = (tenant, caller) {
        let tenants = app.control.list_tenants().await?.into_iter();
        let slugs: HashMap<TenantId, Slug> = tenants.map(|tenant| (tenant.id, tenant.slug)).collect();
        let keys = app.control.list_api_keys(None).await?.into_iter().map(|key| {
            let slug = match &key.owner {
                KeyOwner::Tenant(id) => slugs.get(id).map(ToString::to_string),
                KeyOwner::Operator => None,
            };
            key_to_wire(key, slug)
        });
        return Ok(api::ApiKeyList { items: keys.collect() });
    }
    let tenant = tenant_for(app, caller, tenant).await?;
    let keys = app.control.list_api_keys(Some(&tenant.id)).await?.into_iter();
    Ok(api::ApiKeyList { items: keys.map(|key| key_to_wire(key, Some(tenant.slug.to_string()))).collect() })
}

/// Revokes a key for ever, effective at once.
///
/// # Errors
/// [`Failure::Refused`], or [`Failure::Control`] when there is no such key; a key of another tenant is none.
pub async fn revoke_api_key(app: &App, caller: &Principal, id: &str) -> Result<api::ApiKey, Failure> {
    let keys = match caller {
        Principal::OperatorKey { .. } | Principal::Local => app.control.list_api_keys(None).await?,
        Principal::TenantKey { .. } => {
            let tenant = tenant_for(app, caller, None).await?;
            app.control.list_api_keys(Some(&tenant.id)).await?
        }
    };
    if !keys.iter().any(|key| key.id == id) {
        return Err(Failure::Coded(ErrorCode::NotFound, "there is no such key".to_owned()));
    }
    let key = app.control.revoke_api_key(id, &caller.actor()).await?;
    let slug = match &key.owner {
        KeyOwner::Tenant(id) => app.control.tenant_by_id(id).await?.map(|tenant| tenant.slug.to_string()),
        KeyOwner::Operator => None,
    };
    Ok(key_to_wire(key, slug))
}

/// Every plan.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_plans(app: &App, _: &OperatorPass) -> Result<api::PlanList, Failure> {
    let plans = app.control.list_plans().await?.into_iter();
    let plan = |plan: control::Plan| api::Plan {
        name: plan.name.as_str().to_owned(),
        limits: limits_to_wire(&plan.limits),
    };
    Ok(api::PlanList { items: plans.map(plan).collect() })
}

/// Changes the limits of a plan, or of one tenant alone; running gateways follow at once.
///
/// # Errors
/// [`Failure::Control`].
pub async fn set_plan(app: &App, by: &OperatorPass, input: PlanInput) -> Result<api::Plan, Failure> {
    let actor: Actor = by.actor();
    let (name, limits) = match &input.target {
        PlanTarget::Plan(name) => {
            let name = PlanName::new(name);
            let old = app.control.plan(&name).await?.map(|plan| plan.limits).unwrap_or_default();
            let limits = input.onto(old);
            let plan = app.control.upsert_plan(control::Plan { name, limits }, &actor).await?;
            (plan.name, limits)
        }
        PlanTarget::Tenant(slug) => {
            let tenant = tenant_named(app, slug).await?;
            let old = app
                .control
                .tenant_with_limits(&tenant.id)
                .await?
                .map(|found| found.limits)
                .unwrap_or_default();
            let limits = input.onto(old);
            (app.control.set_tenant_limits(slug, limits, &actor).await?.plan, limits)
        }
    };
    Ok(api::Plan { name: name.as_str().to_owned(), limits: limits_to_wire(&limits) })
}

/// Whose key is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwnerAsked {
    /// A tenant's.
    Tenant,
    /// The operator's.
    Operator,
}

/// The tenant whose keys the caller may manage.
async fn tenant_for(app: &App, caller: &Principal, asked: Option<&Slug>) -> Result<Tenant, Failure> {
    match caller {
        Principal::OperatorKey { .. } | Principal::Local => match asked {
            Some(slug) => tenant_named(app, slug).await,
            None => Err(Failure::field("tenant", "is required")),
        },
        Principal::TenantKey { tenant, scopes, .. } => {
            let own = app.control.tenant_by_id(tenant).await?;
            let own =
                own.filter(|tenant| tenant.status != TenantStatus::Deleted).ok_or_else(unknown_tenant)?;
            if own.status == TenantStatus::Suspended {
                return Err(Refusal::Suspended.into());
            }
            if !scopes.contains(Scope::Admin) {
                return Err(Refusal::Forbidden { needed: Needed::Scope(Scope::Admin) }.into());
            }
            match asked {
                Some(slug) if *slug != own.slug => {
                    Err(Refusal::ContradictingTenant { named: slug.to_string() }.into())
                }
                Some(_) | None => Ok(own),
            }
        }
    }
}

async fn tenant_named(app: &App, slug: &Slug) -> Result<Tenant, Failure> {
    app.control.tenant_by_slug(slug).await?.ok_or_else(unknown_tenant)
}

fn unknown_tenant() -> Failure {
    Failure::Coded(ErrorCode::TenantNotFound, ErrorCode::TenantNotFound.meaning().to_owned())
}

fn key_to_wire(key: control::ApiKey, tenant: Option<String>) -> api::ApiKey {
    api::ApiKey {
        id: key.id,
        tenant,
        name: key.name,
        prefix: key.prefix,
        scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
    }
}
