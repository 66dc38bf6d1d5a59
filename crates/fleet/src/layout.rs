//! Where things lie: `tenants/<2 hex of sha256(tenant_id)>/<tenant_id>/engram.db`.
//!
//! 256 folders on top keep each folder small at a hundred thousand tenants.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tenancy::TenantId;

/// Name of a tenant's database inside its folder.
const DATABASE: &str = "engram.db";

pub(crate) fn tenant_folder(root: &Path, tenant: &TenantId) -> PathBuf {
    let first = Sha256::digest(tenant.as_str())[0];
    root.join("tenants").join(format!("{first:02x}")).join(tenant.as_str())
}

pub(crate) fn database(root: &Path, tenant: &TenantId) -> PathBuf {
    database_in(&tenant_folder(root, tenant))
}

/// The database of a tenant whose folder this is.
pub(crate) fn database_in(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_lies_under_two_digits_of_its_hash() {
        let tenant = TenantId::parse("ten_00000000000000000000000000000000").unwrap();
        let path = database(Path::new("/data"), &tenant);
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        assert_eq!(parts[2], "tenants");
        assert_eq!(parts[3].len(), 2);
        assert_eq!(parts[4..], [tenant.to_string(), "engram.db".to_owned()]);
    }
}
