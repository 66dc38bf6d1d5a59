//! The keys that backups are encrypted with, wrapped by the operator's key. A destroyed one stays destroyed.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// A subject's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupKey {
    /// Whose: a tenant's id, or `control`.
    pub subject: String,
    /// The key, if it was not destroyed.
    pub wrapped: Option<WrappedBackupKey>,
}

/// A key that only an operator's key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedBackupKey {
    /// Which operator's key.
    pub operator_key: String,
    /// The wrapped key.
    pub sealed: String,
}

impl Control {
    /// A subject's key; `None` when it never had one.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn backup_key(&self, subject: &str) -> Result<Option<BackupKey>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let subject = subject.to_owned();
                database.read(move |reader| sqlite::find(reader, &subject)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::find(reader, subject)),
        }
    }

    /// Gives a subject a key if it never had one; returns the one that stands, destroyed or not.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn put_backup_key(
        &self,
        subject: &str,
        key: &WrappedBackupKey,
    ) -> Result<BackupKey, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (subject, key) = (subject.to_owned(), key.clone());
                database.write(move |deed| sqlite::put(deed, &subject, &key)).await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::put(deed, subject, key)),
        }
    }

    /// Replaces a wrapped key by the same key wrapped anew; whether the old one was still there to be replaced.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn rewrap_backup_key(
        &self,
        subject: &str,
        old: &WrappedBackupKey,
        new: &WrappedBackupKey,
    ) -> Result<bool, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (subject, old, new) = (subject.to_owned(), old.clone(), new.clone());
                database.write(move |deed| sqlite::rewrap(deed, &subject, &old, &new)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::rewrap(deed, subject, old, new))
            }
        }
    }

    /// Destroys a subject's key for ever; one that it never had can not be made any more either.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn destroy_backup_key(&self, subject: &str, by: &Actor) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (subject, by) = (subject.to_owned(), by.clone());
                database.write(move |deed| sqlite::destroy(deed, &subject, &by)).await?;
                // The key must not lie in the log either.
                database.empty_log().await
            }
            Backend::Postgres(database) => change!(database, |deed| postgres::destroy(deed, subject, by)),
        }
    }

    /// Keys that another operator's key than this one opens.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn backup_keys_not_of(&self, operator_key: &str) -> Result<Vec<BackupKey>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let operator_key = operator_key.to_owned();
                database.read(move |reader| sqlite::not_of(reader, &operator_key)).await
            }
            Backend::Postgres(database) => ask!(database, |reader| postgres::not_of(reader, operator_key)),
        }
    }
}

impl BackupKey {
    fn of(subject: String, operator_key: Option<String>, sealed: Option<String>) -> Self {
        let wrapped = operator_key.zip(sealed);
        let wrapped = wrapped.map(|(operator_key, sealed)| WrappedBackupKey { operator_key, sealed });
        Self { subject, wrapped }
    }
}
