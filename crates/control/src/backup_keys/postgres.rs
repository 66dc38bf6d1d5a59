//! Keys of backups in PostgreSQL.

use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::{BackupKey, WrappedBackupKey};
use crate::postgres::{Answer, WriteTransaction};
use crate::{Actor, ControlError, audit};

pub(super) async fn find(reader: &impl GenericClient, subject: &str) -> Answer<Option<BackupKey>> {
    let one = reader.prepare_cached("SELECT * FROM backup_keys WHERE subject = $1").await?;
    reader.query_opt(&one, &[&subject]).await?.as_ref().map(key).transpose()
}

pub(super) async fn put(
    deed: &WriteTransaction<'_>,
    subject: &str,
    new: &WrappedBackupKey,
) -> Answer<BackupKey> {
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO backup_keys (subject, operator_key, wrapped, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .await?;
    deed.tx().execute(&insert, &[&subject, &new.operator_key, &new.sealed, &deed.now()]).await?;
    let stands = find(deed.tx(), subject).await?;
    Ok(stands.ok_or_else(|| ControlError::Unavailable("a key that was just stored is not there".into()))?)
}

pub(super) async fn rewrap(
    deed: &WriteTransaction<'_>,
    subject: &str,
    old: &WrappedBackupKey,
    new: &WrappedBackupKey,
) -> Answer<bool> {
    let update = deed
        .tx()
        .prepare_cached(
            "UPDATE backup_keys SET operator_key = $3, wrapped = $4 WHERE subject = $1 AND wrapped = $2",
        )
        .await?;
    Ok(deed.tx().execute(&update, &[&subject, &old.sealed, &new.operator_key, &new.sealed]).await? == 1)
}

pub(super) async fn destroy(deed: &WriteTransaction<'_>, subject: &str, by: &Actor) -> Answer<()> {
    let destroy = deed
        .tx()
        .prepare_cached(
            "INSERT INTO backup_keys (subject, created_at, destroyed_at) VALUES ($1, $2, $2)
             ON CONFLICT (subject) DO UPDATE SET operator_key = NULL, wrapped = NULL, destroyed_at = $2
             WHERE backup_keys.destroyed_at IS NULL",
        )
        .await?;
    if deed.tx().execute(&destroy, &[&subject, &deed.now()]).await? == 1 {
        let details = serde_json::json!({});
        audit::postgres::insert(deed.tx(), deed.now(), None, by, "destroy_backup_key", subject, &details)
            .await?;
    }
    Ok(())
}

pub(super) async fn not_of(reader: &impl GenericClient, operator_key: &str) -> Answer<Vec<BackupKey>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM backup_keys WHERE wrapped IS NOT NULL AND operator_key <> $1 ORDER BY subject",
        )
        .await?;
    reader.query(&some, &[&operator_key]).await?.iter().map(key).collect()
}

fn key(row: &Row) -> Answer<BackupKey> {
    Ok(BackupKey::of(row.try_get("subject")?, row.try_get("operator_key")?, row.try_get("wrapped")?))
}
