//! Backups, restores and their tests on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// One backup of a tenant, encrypted in the vault.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// Its id.
    pub id: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// Where it lies in the vault.
    pub key: String,
    /// Bytes of the stored object, compressed and encrypted.
    pub size_bytes: u64,
    /// SHA-256 of the stored object, in hexadecimal.
    pub sha256: String,
    /// Version of the schema of the tenant's file.
    pub schema_version: i64,
    /// The moment it shows, in milliseconds since 1970, UTC.
    pub ts: i64,
    /// The same as a time.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why it was made: `scheduled`, `on_demand`, `before_restore` or `before_migration`.
    pub reason: String,
    /// Bytes of the file it holds.
    pub plain_bytes: u64,
    /// Memories in it.
    pub memories: u64,
    /// When a restore of it was last proven to work.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub verified_at: Option<Timestamp>,
}

/// A page of backups, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BackupList {
    /// The backups.
    pub items: Vec<Backup>,
    /// The cursor of the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Which backup to restore, and where to. One of `backup`, `before`, `latest_verified` and `replaced` is needed.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateRestore {
    /// A backup by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
    /// The newest backup that is older than this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub before: Option<String>,
    /// The newest backup whose restore was proven to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_verified: Option<bool>,
    /// The file that an earlier restore replaced, by its name in `GET /tenants/{slug}/replaced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<String>,
    /// A new tenant to restore into, instead of the one it was made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// A folder of the service's machine to restore into; by the operator of that machine only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// What a restore would do. Nothing is changed by asking.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestorePlan {
    /// The backup it would take; `null` for a file that an earlier restore replaced.
    pub backup: Option<Backup>,
    /// Slug of the tenant that gets it, or the folder.
    pub into: String,
    /// Memories there now; `null` when the file cannot be read.
    pub memories_now: Option<u64>,
    /// Memories in the backup.
    pub memories_then: Option<u64>,
    /// Memories of the backup that are not there now: deletions that it would undo.
    pub come_back: Option<u64>,
    /// Memories that are there now and not in the backup: they would go.
    pub go_away: Option<u64>,
    /// Erased memories, which stay erased.
    pub erasures: u64,
    /// What happens, step by step.
    pub steps: Vec<String>,
}

/// A file that a restore replaced. It is kept for some days and can be brought back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplacedFile {
    /// Its name.
    pub name: String,
    /// When it was replaced.
    #[schema(value_type = String, format = DateTime)]
    pub replaced_at: Timestamp,
    /// Its bytes.
    pub bytes: u64,
}

/// The files that restores of a tenant replaced, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplacedFileList {
    /// The files.
    pub items: Vec<ReplacedFile>,
}

/// Work that takes a while: a backup, a restore, a restore test. Ask again until it is `done` or `failed`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// What it does: `backup`, `restore`, `restore_test` or `rotate_operator_key`.
    pub kind: String,
    /// The tenant it is about; `null` for all of them.
    pub tenant: Option<String>,
    /// `running`, `done` or `failed`.
    #[schema(pattern = "^(running|done|failed)$")]
    pub state: String,
    /// The step it is at.
    pub stage: String,
    /// How far the step is, in bytes or tenants.
    pub done: u64,
    /// How much it is in all; 0 while that is not known.
    pub total: u64,
    /// What it made, once it is done.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
    /// Why it failed; nothing is changed then.
    pub error: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// A restore that was done, failed, or goes on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Restore {
    /// Its id, which is also that of its run.
    pub id: String,
    /// The tenant that got it.
    pub tenant_id: String,
    /// The tenant whose backup it was.
    pub source_tenant_id: String,
    /// The backup; `null` for a file that an earlier restore replaced.
    pub backup: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// Who asked, as the audit log names them.
    pub requested_by: String,
    /// How far it is; `done` or `failed` at the end.
    pub state: String,
    /// Why it failed; nothing is changed then.
    pub error: Option<String>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// What was restored, and the receipt of the erasures that were applied again.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
}

/// The restores of a tenant, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestoreList {
    /// The restores.
    pub items: Vec<Restore>,
}

/// Which restores to rehearse.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct CreateRestoreTest {
    /// One tenant; a sample of all unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A rehearsal of restores.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestoreTestRun {
    /// `passed` when every tenant did and a damaged copy was refused.
    #[schema(pattern = "^(passed|failed)$")]
    pub status: String,
    /// Each tenant's.
    pub tenants: Vec<RestoreTest>,
}

/// The rehearsal of one tenant's restore.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestoreTest {
    /// The tenant's slug, or its id when it has none any more.
    pub tenant: String,
    /// The backup's id.
    pub backup: String,
    /// `passed` or `failed`.
    #[schema(pattern = "^(passed|failed)$")]
    pub status: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub finished_at: Timestamp,
    /// Everything that was looked at.
    pub checks: Vec<RestoreCheck>,
}

/// One thing that was looked at in a restored file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestoreCheck {
    /// What.
    pub name: String,
    /// `passed` or `failed`.
    #[schema(pattern = "^(passed|failed)$")]
    pub status: String,
    /// What was found.
    pub detail: String,
}

/// Rehearsals, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RestoreTestList {
    /// The rehearsals.
    pub items: Vec<RestoreTest>,
}

/// What an import stored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Memories that are there now and were not.
    pub memories: u64,
    /// Their versions, the newest included.
    pub versions: u64,
    /// Memories that were there already, the same.
    pub already_there: u64,
    /// Memories left out because they have expired.
    pub expired: u64,
    /// What was added to the ids of the export; 0 when they were kept.
    pub ids_raised_by: i64,
}
