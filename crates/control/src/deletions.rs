//! Deletions of tenants: asked for at once, done in steps that a crash does not undo, and proven by a receipt.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};
use tenancy::{Slug, TenantId, TenantStatus};

use crate::database::WriteTransaction;
use crate::rows::{parsed, timestamp, timestamp_or_null};
use crate::{Actor, Change, Control, ControlError, tenants};

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
        let (slug, by) = (slug.clone(), by.clone());
        self.write(move |deed| {
            let tenant = tenants::by_slug(deed.tx(), &slug)?;
            let now_ms = deed.now().as_millisecond();
            deed.tx()
                .prepare_cached("UPDATE tenants SET status = ?2 WHERE id = ?1")?
                .execute([tenant.id.as_str(), TenantStatus::Deleted.as_str()])?;
            let count = |sql: &str| -> rusqlite::Result<usize> {
                deed.tx().prepare_cached(sql)?.execute(params![tenant.id.as_str(), now_ms])
            };
            let keys =
                count("UPDATE api_keys SET revoked_at = ?2 WHERE tenant_id = ?1 AND revoked_at IS NULL")?;
            let invites = count(
                "UPDATE invites SET revoked_at = ?2
                 WHERE tenant_id = ?1 AND revoked_at IS NULL AND accepted_at IS NULL",
            )?;
            let members = count("DELETE FROM members WHERE tenant_id = ?1 AND ?2 IS NOT NULL")?;
            let did = json!({ "at": deed.now(), "keys_revoked": keys, "invites_revoked": invites,
                "members_removed": members });
            let deletion = Deletion {
                tenant_id: tenant.id.clone(),
                slug: slug.clone(),
                requested_at: deed.now(),
                requested_by: by.name().to_owned(),
                steps: Map::from_iter([(STOP_TRAFFIC.to_owned(), did.clone())]),
                attempts: 0,
                last_error: None,
                finished_at: None,
            };
            insert(deed.tx(), &deletion)?;
            let change = Change::Tenant { id: tenant.id.clone(), slug };
            deed.note_for(&tenant.id, &by, "delete_tenant", tenant.id.as_str(), &did, Some(change))?;
            Ok(deletion)
        })
        .await
    }

    /// Deletions that still have steps to do, oldest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn unfinished_deletions(&self) -> Result<Vec<Deletion>, ControlError> {
        self.read(|reader| {
            let mut all = reader.prepare_cached(
                "SELECT * FROM tenant_deletions WHERE finished_at IS NULL ORDER BY requested_at, tenant_id",
            )?;
            let deletions = all.query_map([], deletion)?.collect::<rusqlite::Result<_>>()?;
            Ok(deletions)
        })
        .await
    }

    /// The deletion of a tenant, finished or not; `None` when nobody asked for one.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn deletion(&self, tenant: &TenantId) -> Result<Option<Deletion>, ControlError> {
        let tenant = tenant.clone();
        self.read(move |reader| find(reader, &tenant)).await
    }

    /// The newest deletion of a tenant that had this slug.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn deletion_by_slug(&self, slug: &Slug) -> Result<Option<Deletion>, ControlError> {
        let slug = slug.clone();
        self.read(move |reader| {
            Ok(reader
                .prepare_cached(
                    "SELECT * FROM tenant_deletions WHERE slug = ?1 ORDER BY requested_at DESC LIMIT 1",
                )?
                .query_row([slug.as_str()], deletion)
                .optional()?)
        })
        .await
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
        let tenant = tenant.clone();
        self.write(move |deed| {
            let mut deletion = required(deed, &tenant)?;
            deletion.steps.insert(step.to_owned(), did);
            deletion.last_error = None;
            update(deed.tx(), &deletion)?;
            Ok(deletion)
        })
        .await
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
        let (tenant, error) = (tenant.clone(), error.to_owned());
        self.write(move |deed| {
            let mut deletion = required(deed, &tenant)?;
            deletion.attempts += 1;
            deletion.last_error = Some(error);
            update(deed.tx(), &deletion)?;
            Ok(deletion)
        })
        .await
    }

    /// Ends a deletion; its steps are the receipt, in the audit log too. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn finish_deletion(&self, tenant: &TenantId, by: &Actor) -> Result<Deletion, ControlError> {
        let (tenant, by) = (tenant.clone(), by.clone());
        self.write(move |deed| {
            let mut deletion = required(deed, &tenant)?;
            if deletion.finished_at.is_some() {
                return Ok(deletion);
            }
            deletion.finished_at = Some(deed.now());
            update(deed.tx(), &deletion)?;
            let receipt = json!({ "slug": deletion.slug.as_str(), "requested_by": deletion.requested_by,
                "requested_at": deletion.requested_at, "steps": deletion.steps });
            deed.note_for(&tenant, &by, "finish_tenant_deletion", tenant.as_str(), &receipt, None)?;
            Ok(deletion)
        })
        .await
    }
}

fn required(deed: &WriteTransaction<'_>, tenant: &TenantId) -> Result<Deletion, ControlError> {
    find(deed.tx(), tenant)?
        .ok_or_else(|| ControlError::NotFound { what: "deletion", name: tenant.as_str().to_owned() })
}

fn find(connection: &Connection, tenant: &TenantId) -> Result<Option<Deletion>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM tenant_deletions WHERE tenant_id = ?1")?
        .query_row([tenant.as_str()], deletion)
        .optional()?)
}

fn insert(tx: &Connection, deletion: &Deletion) -> Result<(), ControlError> {
    tx.prepare_cached(
        "INSERT INTO tenant_deletions (tenant_id, slug, requested_at, requested_by, steps) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        deletion.tenant_id.as_str(),
        deletion.slug.as_str(),
        deletion.requested_at.as_millisecond(),
        deletion.requested_by,
        Value::Object(deletion.steps.clone()).to_string(),
    ])?;
    Ok(())
}

fn update(tx: &Connection, deletion: &Deletion) -> Result<(), ControlError> {
    tx.prepare_cached(
        "UPDATE tenant_deletions SET steps = ?2, attempts = ?3, last_error = ?4, finished_at = ?5
         WHERE tenant_id = ?1",
    )?
    .execute(params![
        deletion.tenant_id.as_str(),
        Value::Object(deletion.steps.clone()).to_string(),
        deletion.attempts,
        deletion.last_error,
        deletion.finished_at.map(Timestamp::as_millisecond),
    ])?;
    Ok(())
}

fn deletion(row: &Row<'_>) -> rusqlite::Result<Deletion> {
    Ok(Deletion {
        tenant_id: parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?,
        slug: parsed(row, "slug", |text: String| Slug::parse(&text))?,
        requested_at: timestamp(row, "requested_at")?,
        requested_by: row.get("requested_by")?,
        steps: parsed(row, "steps", |text: String| serde_json::from_str(&text))?,
        attempts: row.get("attempts")?,
        last_error: row.get("last_error")?,
        finished_at: timestamp_or_null(row, "finished_at")?,
    })
}
