//! Puts whole backups on record that nobody has on record: those of a control plane that was lost, or that a crash kept from it.

use std::collections::HashSet;

use backup::{Kind, Listed, Subject};
use control::{Actor, Backup};
use jiff::Timestamp;
use tenancy::TenantId;

use super::Trouble;
use super::data_key::data_key;
use crate::app::App;

/// Puts those of `whole` on record that are not, once their manifests are proven.
///
/// # Errors
/// [`Trouble`]; safe to repeat.
pub(crate) async fn adopt(
    app: &App,
    tenant: &TenantId,
    subject: &Subject,
    whole: &[&Listed],
) -> Result<(), Trouble> {
    let on_record = app.control.backups(tenant).await?;
    let known: HashSet<_> = on_record.iter().map(|backup| backup.object_key.as_str()).collect();
    let unknown: Vec<_> = whole.iter().filter(|listed| !known.contains(listed.object.as_str())).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let key = data_key(app, Kind::Database, subject).await?;
    for listed in unknown {
        let vault = &app.backups.vault;
        let manifest = backup::fetch_manifest(vault, &key, subject, Kind::Database, &listed.object).await?;
        let found = Backup {
            id: manifest.id.to_string(),
            tenant_id: tenant.clone(),
            created_at: Timestamp::from_millisecond(manifest.ts_ms).unwrap_or_default(),
            reason: manifest.reason.as_str().to_owned(),
            schema_version: manifest.facts.schema_version,
            object_key: manifest.object,
            size_bytes: manifest.stored_bytes,
            sha256: manifest.stored_sha256,
            plain_bytes: manifest.plain_bytes,
            memories: manifest.facts.tables.get("memory").map_or(0, |table| table.rows),
            ids_handed_out: manifest.facts.ids_handed_out,
            source_stamp: None,
            verified_at: None,
        };
        app.control.record_backup(&found, &Actor::system()).await?;
    }
    Ok(())
}
