//! Who changed what, when and from where; written in the transaction of the change itself.

use std::fmt;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use tenancy::TenantId;

use crate::rows::{parsed, timestamp};
use crate::{Control, ControlError};

/// Whoever asks for a change, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    origin: Option<String>,
}

/// Which rows of the audit log to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those of one tenant; of the whole installation when `None`.
    pub tenant: Option<TenantId>,
    /// Those older than the row with this id.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the log; increasing.
    pub id: i64,
    /// When the change was made.
    pub occurred_at: Timestamp,
    /// The tenant it was a change of; `None` for the installation's own.
    pub tenant: Option<TenantId>,
    /// Who made it, as [`Actor`] prints.
    pub actor: String,
    /// The address it came from, when it came over a network.
    pub origin: Option<String>,
    /// The deed, such as `create_tenant`.
    pub action: String,
    /// The id or name of what was changed.
    pub target: String,
    /// What it was changed to; a JSON object.
    pub details: serde_json::Value,
}

impl Actor {
    /// The service itself, as when it creates the default tenant.
    pub fn system() -> Self {
        Self { name: "system".to_owned(), origin: None }
    }

    /// Somebody with access to the data folder of this machine.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), origin: None }
    }

    /// The holder of an API key.
    pub fn key(key_id: &str) -> Self {
        Self { name: format!("key:{key_id}"), origin: None }
    }

    /// A person, by the `sub` of their token.
    pub fn user(user_id: &str) -> Self {
        Self { name: format!("user:{user_id}"), origin: None }
    }

    /// The same actor, calling from an address.
    #[must_use]
    pub fn from_address(self, address: impl fmt::Display) -> Self {
        Self { origin: Some(address.to_string()), ..self }
    }

    /// The actor's name: `system`, `local`, `key:<id>` or `user:<id>`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Control {
    /// Rows of the audit log, newest first.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn audit_log(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, ControlError> {
        self.read(move |reader| {
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
            let before = query.before.unwrap_or(i64::MAX);
            let tenant = query.tenant.as_ref().map(TenantId::as_str);
            let mut newest = reader.prepare_cached(
                "SELECT * FROM audit_log WHERE id < ?1 AND (?2 IS NULL OR tenant_id = ?2)
                 ORDER BY id DESC LIMIT ?3",
            )?;
            let records = newest
                .query_map(params![before, tenant, limit], audit_record)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(records)
        })
        .await
    }
}

pub(crate) fn insert(
    tx: &Connection,
    now: Timestamp,
    tenant: Option<&TenantId>,
    by: &Actor,
    action: &'static str,
    target: &str,
    details: &serde_json::Value,
) -> Result<(), ControlError> {
    tx.prepare_cached(
        "INSERT INTO audit_log (occurred_at, tenant_id, actor, origin, action, target, details)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        now.as_millisecond(),
        tenant.map(TenantId::as_str),
        by.name,
        by.origin,
        action,
        target,
        details.to_string(),
    ])?;
    Ok(())
}

fn audit_record(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    Ok(AuditRecord {
        id: row.get("id")?,
        occurred_at: timestamp(row, "occurred_at")?,
        tenant: match row.get::<_, Option<String>>("tenant_id")? {
            Some(_) => Some(parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?),
            None => None,
        },
        actor: row.get("actor")?,
        origin: row.get("origin")?,
        action: row.get("action")?,
        target: row.get("target")?,
        details: parsed(row, "details", |text: String| serde_json::from_str(&text))?,
    })
}
