//! A transaction that changes state: its time, its audit rows, and what followers will be told.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use parking_lot::Mutex;
use tenancy::TenantId;

use super::follow::{self, CHANNEL};
use super::owed::{Numbered, Owed};
use super::{Answer, Trouble};
use crate::{Actor, Change, audit};

pub(crate) struct WriteTransaction<'a> {
    tx: Transaction<'a>,
    now: Timestamp,
    changes: Mutex<Vec<Change>>,
}

impl<'a> WriteTransaction<'a> {
    pub(super) fn new(tx: Transaction<'a>, now: Timestamp) -> Self {
        Self { tx, now, changes: Mutex::default() }
    }

    pub(crate) fn tx(&self) -> &Transaction<'a> {
        &self.tx
    }

    /// The moment of the change, in whole milliseconds.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Writes the audit row of a change of the installation and tells followers after the commit.
    pub(crate) async fn note(
        &self,
        by: &Actor,
        action: &'static str,
        target: &str,
        details: &serde_json::Value,
        change: Change,
    ) -> Answer<()> {
        audit::postgres::insert(&self.tx, self.now, None, by, action, target, details).await?;
        self.tell(change);
        Ok(())
    }

    /// The same for a change of one tenant, whose own people may read of it; `None` where nobody caches what has
    /// changed.
    pub(crate) async fn note_for(
        &self,
        tenant: &TenantId,
        by: &Actor,
        action: &'static str,
        target: &str,
        details: &serde_json::Value,
        change: Option<Change>,
    ) -> Answer<()> {
        audit::postgres::insert(&self.tx, self.now, Some(tenant), by, action, target, details).await?;
        self.changes.lock().extend(change);
        Ok(())
    }

    /// Tells followers of something that is no change of state.
    pub(crate) fn tell(&self, change: Change) {
        self.changes.lock().push(change);
    }

    /// Numbers the changes, commits, and returns them for being told in this process.
    pub(super) async fn commit(self, origin: uuid::Uuid, owed: &Owed) -> Answer<Vec<Numbered>> {
        let changes = self.changes.into_inner();
        let mut numbered = Vec::new();
        if !changes.is_empty() {
            // The row lock is held until the commit, so numbers become visible in their order.
            numbered = follow::number(&self.tx, changes, origin).await?;
            let notify = self.tx.prepare_cached("SELECT pg_notify($1, '')").await?;
            self.tx.query_one(&notify, &[&CHANNEL]).await?;
            owed.owe(&numbered);
        }
        self.tx.commit().await.map_err(Trouble::AtCommit)?;
        Ok(numbered)
    }
}
