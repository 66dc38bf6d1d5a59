//! Tenants: made, listed, shown, suspended, resumed, put on another plan.

use api::ErrorCode;
use control::{NewOwner, NewTenant, TenantsQuery};
use gateway::{OperatorPass, Pass};
use tenancy::{PlanName, Role, Slug, Tenant};

use super::authority::{Caller, operators_only};
use super::{one_more_than, tenant_named, unknown_tenant};
use crate::app::App;
use crate::config::SignUp;
use crate::decode::{TenantChange, TenantInput, TenantQuery, tenants_cursor};
use crate::operations::Failure;
use crate::operations::shape::{limits_to_wire, tenant_to_wire};

/// Tenants one person may own where sign-up is open; each costs a folder, and a free plan to be used again.
const OWNED_BY_ONE_MAX: usize = 10;

/// Creates a tenant and the folder of its data. Where sign-up is open, a person may too: they become its owner,
/// and plan and kind are not theirs to choose.
///
/// # Errors
/// [`Failure::Control`] when the slug is taken or the plan unknown; [`Failure::Store`] when there is no room;
/// [`Failure::Refused`] or 403 for anybody else.
pub async fn create_tenant(app: &App, by: &Caller, input: TenantInput) -> Result<api::Tenant, Failure> {
    let owner = match by.person() {
        _ if by.is_operator() => None,
        None => return Err(operators_only()),
        Some(person) => {
            require_open_sign_up(app)?;
            require_plain(&input)?;
            require_room(app, &person.user_id).await?;
            Some(NewOwner { user_id: person.user_id, email: person.email })
        }
    };
    let plan = input.plan.unwrap_or_else(|| app.config.service.default_plan.clone());
    let role = owner.as_ref().map(|_| Role::Owner);
    let new = NewTenant {
        name: input.name.unwrap_or_else(|| input.slug.to_string()),
        slug: input.slug,
        kind: input.kind,
        plan: PlanName::new(&plan),
        owner,
    };
    let tenant = app.control.create_tenant(new, &by.actor()).await?;
    app.fleet.create_tenant_folder(&tenant.id)?;
    let role = role.map(|role| role.as_str().to_owned());
    Ok(api::Tenant { role, ..tenant_to_wire(tenant) })
}

/// A page of tenants by slug: every one for operators, deleted ones included; for a person those they belong to.
///
/// # Errors
/// [`Failure::Control`]; [`Failure::Refused`] for a tenant's key.
pub async fn list_tenants(app: &App, by: &Caller, query: TenantQuery) -> Result<api::TenantList, Failure> {
    let found = match by.person() {
        _ if by.is_operator() => {
            let TenantQuery { status, after, limit } = query.clone();
            let asked = TenantsQuery { status, after, limit: one_more_than(limit) };
            let found = app.control.tenants_by_slug(asked).await?;
            found.into_iter().map(|tenant| (tenant, None)).collect()
        }
        None => return Err(operators_only()),
        Some(person) => {
            let mut own = tenants_of(app, &person.user_id).await?;
            own.retain(|(tenant, _)| is_asked_for(tenant, &query));
            own
        }
    };
    Ok(page(found, query.limit))
}

/// One tenant and what it may use.
///
/// # Errors
/// [`Failure::Control`].
pub async fn show_tenant(app: &App, pass: &Pass) -> Result<api::TenantDetails, Failure> {
    let found = app.control.tenant_with_limits(pass.tenant()).await?.ok_or_else(unknown_tenant)?;
    Ok(api::TenantDetails { tenant: tenant_to_wire(found.tenant), limits: limits_to_wire(&found.limits) })
}

/// Suspends or resumes a tenant, or puts it on another plan.
///
/// # Errors
/// [`Failure::Control`] for an unknown tenant or plan.
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
        tenant = app.control.set_tenant_status(slug, status, &by.actor()).await?;
    }
    Ok(tenant_to_wire(tenant))
}

async fn tenants_of(app: &App, user_id: &str) -> Result<Vec<(Tenant, Option<String>)>, Failure> {
    let mut found = Vec::new();
    for member in app.control.memberships(user_id).await? {
        // One that was deleted a moment ago is passed over.
        if let Some(tenant) = app.control.tenant_by_id(&member.tenant_id).await? {
            found.push((tenant, Some(member.role.as_str().to_owned())));
        }
    }
    found.sort_by(|(a, _), (b, _)| (&a.slug, &a.id).cmp(&(&b.slug, &b.id)));
    Ok(found)
}

fn is_asked_for(tenant: &Tenant, query: &TenantQuery) -> bool {
    let after = query.after.as_ref().map(|(slug, id)| (slug, id));
    query.status.is_none_or(|status| tenant.status == status)
        && after.is_none_or(|after| (&tenant.slug, &tenant.id) > after)
}

/// The first `limit` of those that are left, and whether there are more.
fn page(mut left: Vec<(Tenant, Option<String>)>, limit: usize) -> api::TenantList {
    let there_is_more = left.len() > limit;
    left.truncate(limit);
    let last = left.last().filter(|_| there_is_more);
    api::TenantList {
        next_cursor: last.map(|(tenant, _)| tenants_cursor(&tenant.slug, &tenant.id)),
        items: left
            .into_iter()
            .map(|(tenant, role)| api::Tenant { role, ..tenant_to_wire(tenant) })
            .collect(),
    }
}

fn require_open_sign_up(app: &App) -> Result<(), Failure> {
    match app.config.service.sign_up {
        SignUp::Open => Ok(()),
        SignUp::Closed => Err(Failure::Coded(
            ErrorCode::Forbidden,
            "sign-up is closed here; ask whoever runs the service for a tenant or an invite".to_owned(),
        )),
    }
}

async fn require_room(app: &App, user_id: &str) -> Result<(), Failure> {
    let owned = app.control.memberships(user_id).await?;
    let owned = owned.into_iter().filter(|member| member.role == Role::Owner).count();
    if owned < OWNED_BY_ONE_MAX {
        return Ok(());
    }
    let message = format!("you own {owned} tenants already; delete one, or ask whoever runs the service");
    Err(Failure::Coded(ErrorCode::Forbidden, message))
}

/// A person who signs up chooses neither what it costs nor what it may use.
fn require_plain(input: &TenantInput) -> Result<(), Failure> {
    let mut problems = Vec::new();
    if input.plan.is_some() {
        problems.push(engine::Problem::new("plan", "is for operators to choose; leave it out"));
    }
    if input.kind != tenancy::TenantKind::Live {
        problems.push(engine::Problem::new("kind", "is for operators to choose; leave it out"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.into()) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tenancy::{RequestId, TenantId, TenantKind, TenantStatus};

    use super::*;
    use crate::decode;

    fn tenant(slug: &str, second: i64, status: TenantStatus) -> (Tenant, Option<String>) {
        let at = Timestamp::from_second(second).unwrap();
        let tenant = Tenant {
            id: TenantId::from_uuid(RequestId::at(at).as_uuid()),
            slug: Slug::parse(slug).unwrap(),
            name: slug.to_owned(),
            status,
            kind: TenantKind::Live,
            plan: PlanName::new("free"),
            created_at: at,
        };
        (tenant, None)
    }

    fn page_of(all: &[(Tenant, Option<String>)], query: &TenantQuery) -> api::TenantList {
        let asked = all.iter().filter(|(tenant, _)| is_asked_for(tenant, query)).cloned();
        page(asked.collect(), query.limit)
    }

    #[test]
    fn pages_hold_every_tenant_once_in_order() {
        let (active, deleted) = (TenantStatus::Active, TenantStatus::Deleted);
        let all =
            [("a", 5, active), ("b", 1, deleted), ("b", 2, deleted), ("b", 3, active), ("c", 4, active)]
                .map(|(slug, second, status)| tenant(slug, second, status));
        for limit in 1..=6 {
            let mut cursor = None;
            let mut seen = Vec::new();
            loop {
                let mut asked = serde_json::json!({ "limit": limit.to_string() });
                if let Some(cursor) = cursor {
                    asked["cursor"] = serde_json::Value::String(cursor);
                }
                let page = page_of(&all, &decode::list_tenants(asked).unwrap());
                seen.extend(page.items.into_iter().map(|tenant| tenant.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            let want: Vec<_> = all.iter().map(|(tenant, _)| tenant.id.to_string()).collect();
            assert_eq!(seen, want, "{limit} a page");
        }
        let only = decode::list_tenants(serde_json::json!({"status": "active"})).unwrap();
        assert_eq!(page_of(&all, &only).items.len(), 3);
    }
}
