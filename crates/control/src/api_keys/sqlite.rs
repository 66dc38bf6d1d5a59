//! API keys in SQLite.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use tenancy::{Scopes, TenantId};

use super::{ApiKey, KeyOwner, NewApiKey, Rehash, StoredApiKey, taken, unknown};
use crate::sqlite::WriteTransaction;
use crate::sqlite::rows::{is_taken, parsed, timestamp, timestamp_or_null};
use crate::{Actor, ControlError, tenants};

pub(super) fn create(
    deed: &WriteTransaction<'_>,
    new: NewApiKey,
    by: &Actor,
) -> Result<ApiKey, ControlError> {
    require_owner(deed, &new.owner)?;
    let key = insert(deed, new)?;
    note(deed, by, "create_api_key", &key, &key.creation())?;
    Ok(key)
}

pub(super) fn rotate(
    deed: &WriteTransaction<'_>,
    id: &str,
    new: NewApiKey,
    old_expires_at: Timestamp,
    by: &Actor,
) -> Result<ApiKey, ControlError> {
    let old = required(deed.tx(), id)?;
    let until = old.overlap(&new.owner, old_expires_at, deed.now())?;
    require_owner(deed, &new.owner)?;
    let key = insert(deed, new)?;
    deed.tx()
        .prepare_cached("UPDATE api_keys SET expires_at = ?2, rotated_to = ?3 WHERE id = ?1")?
        .execute(params![old.id, until.as_millisecond(), key.id])?;
    note(deed, by, "rotate_api_key", &old, &old.rotation(&key, until))?;
    note(deed, by, "create_api_key", &key, &key.creation())?;
    Ok(key)
}

pub(super) fn rehash(deed: &WriteTransaction<'_>, id: &str, rehash: Rehash) -> Result<bool, ControlError> {
    let Rehash { old_pepper_version, hash, pepper_version } = rehash;
    let replaced = deed
        .tx()
        .prepare_cached(
            "UPDATE api_keys SET hash = ?3, pepper_version = ?4 WHERE id = ?1 AND pepper_version = ?2",
        )?
        .execute(params![id, old_pepper_version, hash, pepper_version])?;
    if replaced == 1 {
        deed.tell(required(deed.tx(), id)?.change());
    }
    Ok(replaced == 1)
}

pub(super) fn find(connection: &Connection, id: &str) -> Result<Option<ApiKey>, ControlError> {
    Ok(connection
        .prepare_cached("SELECT * FROM api_keys WHERE id = ?1")?
        .query_row([id], api_key)
        .optional()?)
}

pub(super) fn by_prefix(reader: &Connection, prefix: &str) -> Result<Option<StoredApiKey>, ControlError> {
    Ok(reader
        .prepare_cached("SELECT * FROM api_keys WHERE prefix = ?1")?
        .query_row([prefix], |row| {
            Ok(StoredApiKey {
                key: api_key(row)?,
                hash: row.get("hash")?,
                pepper_version: row.get("pepper_version")?,
            })
        })
        .optional()?)
}

pub(super) fn list(reader: &Connection, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>, ControlError> {
    let mut some = reader.prepare_cached(
        "SELECT * FROM api_keys WHERE ?1 IS NULL OR tenant_id = ?1 ORDER BY created_at, id",
    )?;
    let keys = some.query_map([tenant.map(TenantId::as_str)], api_key)?.collect::<rusqlite::Result<_>>()?;
    Ok(keys)
}

pub(super) fn revoke(deed: &WriteTransaction<'_>, id: &str, by: &Actor) -> Result<ApiKey, ControlError> {
    let key = required(deed.tx(), id)?;
    if key.revoked_at.is_some() {
        return Ok(key);
    }
    deed.tx()
        .prepare_cached("UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1")?
        .execute(params![key.id, deed.now().as_millisecond()])?;
    note(deed, by, "revoke_api_key", &key, &key.revocation())?;
    Ok(ApiKey { revoked_at: Some(deed.now()), ..key })
}

pub(super) fn touch(deed: &WriteTransaction<'_>, uses: &[(String, Timestamp)]) -> Result<(), ControlError> {
    let mut touch = deed.tx().prepare_cached(
        "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1",
    )?;
    for (id, used_at) in uses {
        touch.execute(params![id, used_at.as_millisecond()])?;
    }
    Ok(())
}

fn require_owner(deed: &WriteTransaction<'_>, owner: &KeyOwner) -> Result<(), ControlError> {
    match owner {
        KeyOwner::Tenant(tenant) => tenants::sqlite::require(deed, tenant),
        KeyOwner::Operator => Ok(()),
    }
}

fn required(connection: &Connection, id: &str) -> Result<ApiKey, ControlError> {
    find(connection, id)?.ok_or_else(|| unknown(id))
}

fn insert(deed: &WriteTransaction<'_>, new: NewApiKey) -> Result<ApiKey, ControlError> {
    let StoredApiKey { key, hash, pepper_version } = new.at(deed.now());
    deed.tx()
        .prepare_cached(
            "INSERT INTO api_keys
                 (id, tenant_id, prefix, hash, pepper_version, scopes, name, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            key.id,
            key.owner.tenant().map(TenantId::as_str),
            key.prefix,
            hash,
            pepper_version,
            key.scopes.to_string(),
            key.name,
            key.created_at.as_millisecond(),
            key.expires_at.map(Timestamp::as_millisecond),
        ])
        .map_err(|error| if is_taken(&error) { taken(&key.prefix) } else { error.into() })?;
    Ok(key)
}

/// Writes the audit row of a key's change, and tells followers.
fn note(
    deed: &WriteTransaction<'_>,
    by: &Actor,
    action: &'static str,
    key: &ApiKey,
    details: &Value,
) -> Result<(), ControlError> {
    match &key.owner {
        KeyOwner::Tenant(tenant) => deed.note_for(tenant, by, action, &key.id, details, Some(key.change())),
        KeyOwner::Operator => deed.note(by, action, &key.id, details, key.change()),
    }
}

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let owner = match row.get::<_, Option<String>>("tenant_id")? {
        Some(_) => KeyOwner::Tenant(parsed(row, "tenant_id", |text: String| TenantId::parse(&text))?),
        None => KeyOwner::Operator,
    };
    Ok(ApiKey {
        id: row.get("id")?,
        owner,
        prefix: row.get("prefix")?,
        scopes: parsed(row, "scopes", |text: String| Scopes::parse(&text))?,
        name: row.get("name")?,
        created_at: timestamp(row, "created_at")?,
        expires_at: timestamp_or_null(row, "expires_at")?,
        revoked_at: timestamp_or_null(row, "revoked_at")?,
        last_used_at: timestamp_or_null(row, "last_used_at")?,
        rotated_to: row.get("rotated_to")?,
    })
}
