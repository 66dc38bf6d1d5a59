//! The default tenant of a laptop and its key, which stays the same over restarts: kept in a file that only
//! this user can read.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use control::{Actor, Control, KeyOwner, NewTenant};
use fleet::Fleet;
use gateway::{Gateway, NewKey};
use tenancy::{PlanName, Scopes, Slug, Tenant, TenantKind};

use super::StartError;

/// The tenant that exists from the start in dev.
const DEFAULT_TENANT: &str = "default";
/// File of its key in the data folder.
const KEY_FILE: &str = "dev-key";

/// How a developer reaches the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevAccess {
    /// The tenant's slug.
    pub tenant: String,
    /// A key of the tenant with all its scopes.
    pub api_key: String,
}

impl DevAccess {
    /// Finds or makes the tenant and the key.
    pub(super) async fn prepare(
        data_dir: &Path,
        control: &Control,
        gateway: &Gateway,
        fleet: &Arc<Fleet>,
        plan: &str,
    ) -> Result<Self, StartError> {
        let tenant = default_tenant(control, plan).await?;
        fleet.create_tenant_folder(&tenant.id)?;
        let file = data_dir.join(KEY_FILE);
        let api_key = match kept_key(&file, control, &tenant).await? {
            Some(key) => key,
            None => {
                let new = NewKey {
                    owner: KeyOwner::Tenant(tenant.id.clone()),
                    scopes: Scopes::ALL,
                    name: "development".to_owned(),
                    expires_at: None,
                };
                let issued = gateway.issue_key(new, &Actor::system()).await?;
                stdx::atomic_file::write(&file, format!("{}\n", issued.key).as_bytes(), 0o600)
                    .map_err(|error| StartError::folder(&file, error))?;
                issued.key
            }
        };
        Ok(Self { tenant: tenant.slug.to_string(), api_key })
    }
}

async fn default_tenant(control: &Control, plan: &str) -> Result<Tenant, StartError> {
    let slug = Slug::parse(DEFAULT_TENANT).map_err(|error| StartError::Defect(error.to_string()))?;
    if let Some(tenant) = control.tenant_by_slug(&slug).await? {
        return Ok(tenant);
    }
    let new = NewTenant {
        slug: slug.clone(),
        name: "Default".to_owned(),
        kind: TenantKind::Live,
        plan: PlanName::new(plan),
        owner: None,
    };
    Ok(control.create_tenant(new, &Actor::system()).await?)
}

/// The key of an earlier start, if it is still one of the tenant's and nobody revoked it.
async fn kept_key(file: &Path, control: &Control, tenant: &Tenant) -> Result<Option<String>, StartError> {
    let key = match fs::read_to_string(file) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StartError::folder(file, error)),
    };
    let known = control.list_api_keys(Some(&tenant.id)).await?;
    let live = known.iter().any(|stored| stored.revoked_at.is_none() && key.contains(&stored.prefix));
    Ok(live.then_some(key))
}
