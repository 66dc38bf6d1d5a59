//! Keys of backups in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{BackupKey, WrappedBackupKey};
use crate::sqlite::WriteTransaction;
use crate::{Actor, ControlError, audit};

pub(super) fn find(reader: &Connection, subject: &str) -> Result<Option<BackupKey>, ControlError> {
    let mut one = reader.prepare_cached("SELECT * FROM backup_keys WHERE subject = ?1")?;
    Ok(one.query_row([subject], key).optional()?)
}

pub(super) fn put(
    deed: &WriteTransaction<'_>,
    subject: &str,
    new: &WrappedBackupKey,
) -> Result<BackupKey, ControlError> {
    let now_ms = deed.now().as_millisecond();
    deed.tx()
        .prepare_cached(
            "INSERT INTO backup_keys (subject, operator_key, wrapped, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![subject, new.operator_key, new.sealed, now_ms])?;
    let stands = find(deed.tx(), subject)?;
    stands.ok_or_else(|| ControlError::Unavailable("a key that was just stored is not there".into()))
}

pub(super) fn rewrap(
    deed: &WriteTransaction<'_>,
    subject: &str,
    old: &WrappedBackupKey,
    new: &WrappedBackupKey,
) -> Result<bool, ControlError> {
    let changed = deed
        .tx()
        .prepare_cached(
            "UPDATE backup_keys SET operator_key = ?3, wrapped = ?4 WHERE subject = ?1 AND wrapped = ?2",
        )?
        .execute(params![subject, old.sealed, new.operator_key, new.sealed])?;
    Ok(changed == 1)
}

pub(super) fn destroy(deed: &WriteTransaction<'_>, subject: &str, by: &Actor) -> Result<(), ControlError> {
    let now_ms = deed.now().as_millisecond();
    let changed = deed
        .tx()
        .prepare_cached(
            "INSERT INTO backup_keys (subject, created_at, destroyed_at) VALUES (?1, ?2, ?2)
             ON CONFLICT (subject) DO UPDATE SET operator_key = NULL, wrapped = NULL, destroyed_at = ?2
             WHERE destroyed_at IS NULL",
        )?
        .execute(params![subject, now_ms])?;
    if changed == 1 {
        let details = serde_json::json!({});
        audit::sqlite::insert(deed.tx(), deed.now(), None, by, "destroy_backup_key", subject, &details)?;
    }
    Ok(())
}

pub(super) fn not_of(reader: &Connection, operator_key: &str) -> Result<Vec<BackupKey>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM backup_keys WHERE wrapped IS NOT NULL AND operator_key <> ?1 ORDER BY subject",
    )?;
    let rows = some.query_map([operator_key], key)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn key(row: &Row<'_>) -> rusqlite::Result<BackupKey> {
    Ok(BackupKey::of(row.get("subject")?, row.get("operator_key")?, row.get("wrapped")?))
}
