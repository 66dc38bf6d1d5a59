//! What operators do with tenants, and a tenant's own people with its members, invites and keys.
//!
//! Whoever may act inside one tenant comes with a [`Pass`]; what belongs to no tenant takes an [`OperatorPass`].

mod api_keys;
mod audit_log;
mod authority;
mod backups;
mod checks;
mod deletions;
mod invites;
mod jwks;
mod load;
mod members;
mod plans;
mod salvage;
mod tenants;
mod usage;
mod usage_proof;

use api::ErrorCode;
use gateway::{OperatorPass, Pass};
use tenancy::{Slug, Tenant};

use super::Failure;
use crate::app::App;

pub use api_keys::{create_api_key, create_operator_key, list_api_keys, revoke_api_key, rotate_api_key};
pub use audit_log::show_audit_log;
pub use authority::{Caller, Person};
pub use backups::{
    create_all_backups, create_backup, create_restore, create_restore_test, list_backups, list_replaced,
    list_restore_tests, list_restores, list_runs, newest_backups, plan_restore, rotate_operator_key,
    show_run, show_tenant_run,
};
pub use checks::{repair, run_checks};
pub use deletions::{delete_tenant, show_deletion};
pub use invites::{accept_invite, create_invite, list_invites, revoke_invite};
pub use jwks::{refresh_jwks, show_jwks};
pub use load::{change_load, show_load};
pub use members::{add_member, leave_tenant, list_members, remove_member, update_member};
pub use plans::{list_plans, set_plan};
pub use salvage::salvage_memories;
pub use tenants::{create_tenant, list_tenants, show_tenant, update_tenant};
pub use usage::report_usage;
pub use usage_proof::{adjust_usage, list_usage_events, reconcile_usage};

/// How far an admitted request reaches.
#[derive(Debug, Clone, Copy)]
pub enum Reach<'a> {
    /// One tenant.
    Tenant(&'a Pass),
    /// An operator who names no tenant: all of them, and what belongs to none.
    Everything(&'a OperatorPass),
}

pub(crate) use load::shown as tenant_shown;

async fn tenant_named(app: &App, slug: &Slug) -> Result<Tenant, Failure> {
    app.control.tenant_by_slug(slug).await?.ok_or_else(unknown_tenant)
}

/// How many to ask for, so that it shows whether a page of `limit` is the last.
fn one_more_than(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1)
}

fn unknown_tenant() -> Failure {
    Failure::Coded(ErrorCode::TenantNotFound, ErrorCode::TenantNotFound.meaning().to_owned())
}
