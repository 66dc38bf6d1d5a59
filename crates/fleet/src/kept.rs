//! Files of tenants that are kept beside those in use: what restores replaced, and what was there before a migration.

use std::fs;
use std::path::{Path, PathBuf};

use tenancy::TenantId;

use crate::maintenance::blocking;
use crate::swap::Files;
use crate::{Fleet, FleetError, Replaced, layout, maintenance, quarantine};

impl Fleet {
    /// Keeps a copy of a tenant's file (a store that nobody has open, on the same volume) beside the file, like one that a
    /// restore replaced; returns its name.
    ///
    /// # Errors
    /// [`FleetError::Folder`].
    pub async fn keep_copy(&self, tenant: &TenantId, copy: &Path) -> Result<String, FleetError> {
        let (files, copy) = (Files::of(&layout::database(&self.root, tenant)), copy.to_owned());
        let now_ms = self.clock.now_ms();
        blocking(move || files.keep(&copy, now_ms).map_err(|error| FleetError::Folder(error.to_string())))
            .await
    }

    /// Files that restores of a tenant replaced, newest first.
    ///
    /// # Errors
    /// [`FleetError::Folder`].
    pub async fn replaced(&self, tenant: &TenantId) -> Result<Vec<Replaced>, FleetError> {
        let folder = layout::tenant_folder(&self.root, tenant);
        blocking(move || {
            maintenance::replaced_in(&folder).map_err(|error| FleetError::Folder(error.to_string()))
        })
        .await
    }

    /// Copies replaced files into the new folder `into` and returns the database there.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when there are none of that name, or they cannot be copied.
    pub async fn copy_replaced(
        &self,
        tenant: &TenantId,
        name: &str,
        into: &Path,
    ) -> Result<PathBuf, FleetError> {
        let (folder, name, into) =
            (layout::tenant_folder(&self.root, tenant), name.to_owned(), into.to_owned());
        let copy = move || {
            let copied = maintenance::copy_replaced(&folder, &name, &into);
            copied.map_err(|error| FleetError::Folder(format!("{name}: {error}")))
        };
        blocking(copy).await
    }

    /// Copies the files of a tenant in quarantine into the new folder `into` and returns the database there.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when the tenant is not in quarantine, or they cannot be copied.
    pub async fn copy_quarantined(&self, tenant: &TenantId, into: &Path) -> Result<PathBuf, FleetError> {
        let folder = layout::tenant_folder(&self.root, tenant);
        if quarantine::find(&folder).is_none() {
            return Err(FleetError::Folder("it is not in quarantine".into()));
        }
        let (files, into) = (Files::of(&layout::database(&self.root, tenant)), into.to_owned());
        blocking(move || files.copy(&into).map_err(|error| FleetError::Folder(error.to_string()))).await
    }

    /// Removes files that restores replaced before `before_ms`; damaged ones stay until somebody looks. Returns how many
    /// restores' went.
    ///
    /// # Errors
    /// [`FleetError::Folder`].
    pub async fn remove_replaced(&self, tenant: &TenantId, before_ms: i64) -> Result<u64, FleetError> {
        let folder = layout::tenant_folder(&self.root, tenant);
        let remove = move || -> std::io::Result<u64> {
            let old = maintenance::replaced_in(&folder)?.into_iter();
            let mut removed = 0;
            for replaced in old.filter(|replaced| !replaced.corrupt && replaced.at_ms < before_ms) {
                fs::remove_dir_all(folder.join(&replaced.name))?;
                removed += 1;
            }
            Ok(removed)
        };
        blocking(move || remove().map_err(|error| FleetError::Folder(error.to_string()))).await
    }
}
