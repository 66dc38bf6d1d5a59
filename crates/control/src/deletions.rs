//! Deletions of tenants: asked for at once, done in steps that a crash does not undo, and proven by a receipt.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tenancy::{Slug, Tenant, TenantId};

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Control, ControlError};

/// The first step, done in the transaction that asks for the deletion.
const STOP_TRAFFIC: &str = "stop_traffic";

/// A tenant on its way out, or gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The slug it had; somebody else may have it by now.
    pub slug: Slug,
    /// When it was asked for; from then on nothing is served.
    pub requested_at: Timestamp,
    /// Who asked, as an [`Actor`] prints.
    pub requested_by: String,
    /// What each step did, by the step's name.
    pub steps: Map<String, Value>,
    /// Tries that failed.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When the last step was done.
    pub finished_at: Option<Timestamp>,
}

impl Control {
    /// Deletes a tenant for ever: its traffic stops with this call, its keys and invites are revoked, its members
    /// leave, its slug is free. What it stored is removed by a job that reads
    /// [`unfinished_deletions`](Self::unfinished_deletions).
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn delete_tenant(&self, slug: &Slug, by: &Actor) -> Result<Deletion, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (slug, by) = (slug.clone(), by.clone());
                database.write(move |deed| sqlite::delete_tenant(deed, &slug, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::delete_tenant(deed, slug, by))
            }
        }
    }

    /// Deletions that still have steps to do, oldest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn unfinished_deletions(&self) -> Result<Vec<Deletion>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.read(sqlite::unfinished).await,
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::unfinished(reader))
            }
        }
    }

    /// The deletion of a tenant, finished or not; `None` when nobody asked for one.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn deletion(&self, tenant: &TenantId) -> Result<Option<Deletion>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.read(move |reader| sqlite::find(reader, &tenant)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::find(reader, tenant))
            }
        }
    }

    /// The newest deletion of a tenant that had this slug.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn deletion_by_slug(&self, slug: &Slug) -> Result<Option<Deletion>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let slug = slug.clone();
                database.read(move |reader| sqlite::newest_of_slug(reader, &slug)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::newest_of_slug(reader, slug))
            }
        }
    }

    /// Notes that a step is done and what it did. Doing a step again replaces the note.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn note_deletion_step(
        &self,
        tenant: &TenantId,
        step: &'static str,
        did: Value,
    ) -> Result<Deletion, ControlError> {
        self.advance_deletion(tenant, Advance::Done { step, did }).await
    }

    /// Notes that a try failed; the steps that are done stay done.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn note_deletion_failure(
        &self,
        tenant: &TenantId,
        error: &str,
    ) -> Result<Deletion, ControlError> {
        self.advance_deletion(tenant, Advance::Failed { error: error.to_owned() }).await
    }

    /// Ends a deletion; its steps are the receipt, in the audit log too. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn finish_deletion(&self, tenant: &TenantId, by: &Actor) -> Result<Deletion, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (tenant, by) = (tenant.clone(), by.clone());
                database.write(move |deed| sqlite::finish(deed, &tenant, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::finish(deed, tenant, by))
            }
        }
    }

    async fn advance_deletion(&self, tenant: &TenantId, advance: Advance) -> Result<Deletion, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.clone();
                database.write(move |deed| sqlite::advance(deed, &tenant, advance)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::advance(deed, tenant, advance.clone()))
            }
        }
    }
}

/// What has happened to a deletion.
#[derive(Debug, Clone)]
enum Advance {
    Done { step: &'static str, did: Value },
    Failed { error: String },
}

/// What the transaction that stops a tenant's traffic changed.
#[derive(Debug, Clone, Copy)]
struct Stopped {
    keys: u64,
    invites: u64,
    members: u64,
}

impl Deletion {
    fn of(tenant: &Tenant, now: Timestamp, by: &Actor, stopped: Stopped) -> Self {
        let Stopped { keys, invites, members } = stopped;
        let did = json!({
            "at": now, "keys_revoked": keys, "invites_revoked": invites, "members_removed": members
        });
        Self {
            tenant_id: tenant.id.clone(),
            slug: tenant.slug.clone(),
            requested_at: now,
            requested_by: by.name().to_owned(),
            steps: Map::from_iter([(STOP_TRAFFIC.to_owned(), did)]),
            attempts: 0,
            last_error: None,
            finished_at: None,
        }
    }

    fn advance(&mut self, advance: Advance) {
        match advance {
            Advance::Done { step, did } => {
                self.steps.insert(step.to_owned(), did);
                self.last_error = None;
            }
            Advance::Failed { error } => {
                self.attempts = self.attempts.saturating_add(1);
                self.last_error = Some(error);
            }
        }
    }

    fn receipt(&self) -> Value {
        json!({
            "slug": self.slug.as_str(),
            "requested_by": self.requested_by,
            "requested_at": self.requested_at,
            "steps": self.steps,
        })
    }
}

fn unknown(tenant: &TenantId) -> ControlError {
    ControlError::NotFound { what: "deletion", name: tenant.as_str().to_owned() }
}
