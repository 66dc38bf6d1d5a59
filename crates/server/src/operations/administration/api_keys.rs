//! Keys: made, listed, replaced and revoked; by a tenant's admins for their own, by operators for any.

use std::collections::HashMap;

use api::ErrorCode;
use control::{ApiKey, KeyOwner};
use gateway::{Needed, NewKey, OperatorPass, Pass, Refusal};
use jiff::SignedDuration;
use tenancy::{Scopes, Slug, TenantId};

use super::Reach;
use super::authority::Caller;
use crate::app::App;
use crate::decode::KeyInput;
use crate::operations::Failure;

/// Issues a key of the tenant.
///
/// # Errors
/// 403 for scopes beyond the caller's own, unless an operator asks; [`Failure::Control`].
pub async fn create_api_key(
    app: &App,
    pass: &Pass,
    by: &Caller,
    input: KeyInput,
) -> Result<api::CreatedApiKey, Failure> {
    let beyond = input.scopes.iter().find(|scope| !pass.scopes().contains(*scope));
    if let Some(beyond) = beyond.filter(|_| !by.is_operator()) {
        return Err(Refusal::Forbidden { needed: Needed::Scope(beyond) }.into());
    }
    let new = NewKey {
        owner: KeyOwner::Tenant(pass.tenant().clone()),
        scopes: input.scopes,
        name: input.name,
        expires_at: input.expires_at,
    };
    let issued = app.gateway.issue_key(new, &by.actor()).await?;
    Ok(api::CreatedApiKey { key: issued.key, api_key: key_to_wire(issued.record, Some(pass.slug())) })
}

/// Issues an operator's key.
///
/// # Errors
/// [`Failure::Control`].
pub async fn create_operator_key(
    app: &App,
    by: &OperatorPass,
    input: KeyInput,
) -> Result<api::CreatedApiKey, Failure> {
    let new = NewKey {
        owner: KeyOwner::Operator,
        scopes: Scopes::NONE,
        name: input.name,
        expires_at: input.expires_at,
    };
    let issued = app.gateway.issue_key(new, &by.actor()).await?;
    Ok(api::CreatedApiKey { key: issued.key, api_key: key_to_wire(issued.record, None) })
}

/// Keys of the tenant, or of all of them and the operator's; oldest first.
///
/// # Errors
/// [`Failure::Control`].
pub async fn list_api_keys(app: &App, reach: Reach<'_>) -> Result<api::ApiKeyList, Failure> {
    let keys = match reach {
        Reach::Tenant(pass) => app.control.list_api_keys(Some(pass.tenant())).await?,
        Reach::Everything(_) => app.control.list_api_keys(None).await?,
    };
    let slugs = match reach {
        Reach::Tenant(pass) => HashMap::from([(pass.tenant().clone(), pass.slug().clone())]),
        Reach::Everything(_) => {
            let tenants = app.control.list_tenants().await?.into_iter();
            tenants.map(|tenant| (tenant.id, tenant.slug)).collect()
        }
    };
    let items = keys.into_iter().map(|key| {
        let slug = tenant_of(&key).and_then(|id| slugs.get(id)).cloned();
        key_to_wire(key, slug.as_ref())
    });
    Ok(api::ApiKeyList { items: items.collect() })
}

/// Replaces a key by a new one of the same name and scopes; the old one opens until `overlap` is over.
///
/// # Errors
/// 404 when there is no such key within reach, 409 when it is revoked or rotated already; [`Failure::Control`].
pub async fn rotate_api_key(
    app: &App,
    reach: Reach<'_>,
    by: &Caller,
    id: &str,
    overlap: SignedDuration,
) -> Result<api::CreatedApiKey, Failure> {
    let key = key_within(app, reach, id).await?;
    if let Reach::Tenant(pass) = reach
        && let Some(beyond) = key.scopes.iter().find(|scope| !pass.scopes().contains(*scope))
        && !by.is_operator()
    {
        return Err(Refusal::Forbidden { needed: Needed::Scope(beyond) }.into());
    }
    let issued = app.gateway.rotate_key(id, overlap, &by.actor()).await?;
    let slug = slug_of(app, &issued.record).await?;
    Ok(api::CreatedApiKey { key: issued.key, api_key: key_to_wire(issued.record, slug.as_ref()) })
}

/// Revokes a key for ever, effective at once.
///
/// # Errors
/// 404 when there is no such key within reach; [`Failure::Control`].
pub async fn revoke_api_key(
    app: &App,
    reach: Reach<'_>,
    by: &Caller,
    id: &str,
) -> Result<api::ApiKey, Failure> {
    key_within(app, reach, id).await?;
    let key = app.control.revoke_api_key(id, &by.actor()).await?;
    let slug = slug_of(app, &key).await?;
    Ok(key_to_wire(key, slug.as_ref()))
}

/// A key of another tenant is none.
async fn key_within(app: &App, reach: Reach<'_>, id: &str) -> Result<ApiKey, Failure> {
    let key = app.control.api_key(id).await?.filter(|key| match reach {
        Reach::Tenant(pass) => tenant_of(key) == Some(pass.tenant()),
        Reach::Everything(_) => true,
    });
    key.ok_or_else(|| Failure::Coded(ErrorCode::NotFound, "there is no such key".to_owned()))
}

async fn slug_of(app: &App, key: &ApiKey) -> Result<Option<Slug>, Failure> {
    Ok(match tenant_of(key) {
        Some(id) => app.control.tenant_by_id(id).await?.map(|tenant| tenant.slug),
        None => None,
    })
}

fn tenant_of(key: &ApiKey) -> Option<&TenantId> {
    match &key.owner {
        KeyOwner::Tenant(id) => Some(id),
        KeyOwner::Operator => None,
    }
}

fn key_to_wire(key: ApiKey, tenant: Option<&Slug>) -> api::ApiKey {
    api::ApiKey {
        id: key.id,
        tenant: tenant.map(ToString::to_string),
        name: key.name,
        prefix: key.prefix,
        scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
        rotated_to: key.rotated_to,
    }
}
