//! API keys in PostgreSQL.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde_json::Value;
use tenancy::{Scopes, TenantId};
use tokio_postgres::Row;

use super::{ApiKey, KeyOwner, NewApiKey, Rehash, StoredApiKey, taken, unknown};
use crate::postgres::{Answer, WriteTransaction, parsed, unless_taken};
use crate::{Actor, tenants};

pub(super) async fn create(deed: &WriteTransaction<'_>, new: NewApiKey, by: &Actor) -> Answer<ApiKey> {
    require_owner(deed, &new.owner).await?;
    let key = insert(deed, new).await?;
    note(deed, by, "create_api_key", &key, &key.creation()).await?;
    Ok(key)
}

pub(super) async fn rotate(
    deed: &WriteTransaction<'_>,
    id: &str,
    new: NewApiKey,
    old_expires_at: Timestamp,
    by: &Actor,
) -> Answer<ApiKey> {
    if let KeyOwner::Tenant(tenant) = &new.owner {
        tenants::postgres::hold(deed, tenant).await?;
    }
    let old = locked(deed, id).await?;
    let until = old.overlap(&new.owner, old_expires_at, deed.now())?;
    require_owner(deed, &new.owner).await?;
    let key = insert(deed, new).await?;
    let update = deed
        .tx()
        .prepare_cached("UPDATE api_keys SET expires_at = $2, rotated_to = $3 WHERE id = $1")
        .await?;
    deed.tx().execute(&update, &[&old.id, &until, &key.id]).await?;
    note(deed, by, "rotate_api_key", &old, &old.rotation(&key, until)).await?;
    note(deed, by, "create_api_key", &key, &key.creation()).await?;
    Ok(key)
}

pub(super) async fn rehash(deed: &WriteTransaction<'_>, id: &str, rehash: Rehash) -> Answer<bool> {
    let (old_version, version) = (i64::from(rehash.old_pepper_version), i64::from(rehash.pepper_version));
    let update = deed
        .tx()
        .prepare_cached(
            "UPDATE api_keys SET hash = $3, pepper_version = $4 WHERE id = $1 AND pepper_version = $2
             RETURNING *",
        )
        .await?;
    let replaced =
        deed.tx().query_opt(&update, &[&id, &old_version, &rehash.hash.as_slice(), &version]).await?;
    if let Some(row) = &replaced {
        deed.tell(api_key(row)?.change());
    }
    Ok(replaced.is_some())
}

pub(super) async fn find(reader: &impl GenericClient, id: &str) -> Answer<Option<ApiKey>> {
    let one = reader.prepare_cached("SELECT * FROM api_keys WHERE id = $1").await?;
    reader.query_opt(&one, &[&id]).await?.as_ref().map(api_key).transpose()
}

pub(super) async fn by_prefix(reader: &impl GenericClient, prefix: &str) -> Answer<Option<StoredApiKey>> {
    let one = reader.prepare_cached("SELECT * FROM api_keys WHERE prefix = $1").await?;
    let found = reader.query_opt(&one, &[&prefix]).await?;
    let read = |row: &Row| {
        Ok(StoredApiKey {
            key: api_key(row)?,
            hash: parsed(row, "hash", |hash: &[u8]| hash.try_into())?,
            pepper_version: parsed(row, "pepper_version", |version: i64| u32::try_from(version))?,
        })
    };
    found.as_ref().map(read).transpose()
}

pub(super) async fn list(reader: &impl GenericClient, tenant: Option<&TenantId>) -> Answer<Vec<ApiKey>> {
    let some = reader
        .prepare_cached(
            "SELECT * FROM api_keys WHERE $1::text IS NULL OR tenant_id = $1 ORDER BY created_at, id",
        )
        .await?;
    reader.query(&some, &[&tenant.map(TenantId::as_str)]).await?.iter().map(api_key).collect()
}

pub(super) async fn revoke(deed: &WriteTransaction<'_>, id: &str, by: &Actor) -> Answer<ApiKey> {
    let key = locked(deed, id).await?;
    if key.revoked_at.is_some() {
        return Ok(key);
    }
    let update = deed.tx().prepare_cached("UPDATE api_keys SET revoked_at = $2 WHERE id = $1").await?;
    deed.tx().execute(&update, &[&key.id, &deed.now()]).await?;
    note(deed, by, "revoke_api_key", &key, &key.revocation()).await?;
    Ok(ApiKey { revoked_at: Some(deed.now()), ..key })
}

pub(super) async fn touch(deed: &WriteTransaction<'_>, uses: &[(String, Timestamp)]) -> Answer<()> {
    // In the order of ids, so that two gateways that write at once wait for each other and never deadlock.
    let touch = deed
        .tx()
        .prepare_cached(
            "UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.used_at)
             FROM (SELECT k2.id, u.used_at FROM api_keys k2
                   JOIN unnest($1::text[], $2::timestamptz[]) AS u (id, used_at) ON u.id = k2.id
                   ORDER BY k2.id FOR UPDATE OF k2) u
             WHERE k.id = u.id",
        )
        .await?;
    let (ids, times): (Vec<&str>, Vec<Timestamp>) = uses.iter().map(|(id, at)| (id.as_str(), *at)).unzip();
    deed.tx().execute(&touch, &[&ids, &times]).await?;
    Ok(())
}

async fn require_owner(deed: &WriteTransaction<'_>, owner: &KeyOwner) -> Answer<()> {
    match owner {
        KeyOwner::Tenant(tenant) => tenants::postgres::require(deed, tenant).await,
        KeyOwner::Operator => Ok(()),
    }
}

async fn locked(deed: &WriteTransaction<'_>, id: &str) -> Answer<ApiKey> {
    let lock = deed.tx().prepare_cached("SELECT * FROM api_keys WHERE id = $1 FOR UPDATE").await?;
    let found = deed.tx().query_opt(&lock, &[&id]).await?;
    api_key(&found.ok_or_else(|| unknown(id))?)
}

async fn insert(deed: &WriteTransaction<'_>, new: NewApiKey) -> Answer<ApiKey> {
    let StoredApiKey { key, hash, pepper_version } = new.at(deed.now());
    let insert = deed
        .tx()
        .prepare_cached(
            "INSERT INTO api_keys
                 (id, tenant_id, prefix, hash, pepper_version, scopes, name, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .await?;
    let inserted = deed
        .tx()
        .execute(
            &insert,
            &[
                &key.id,
                &key.owner.tenant().map(TenantId::as_str),
                &key.prefix,
                &hash.as_slice(),
                &i64::from(pepper_version),
                &key.scopes.to_string(),
                &key.name,
                &key.created_at,
                &key.expires_at,
            ],
        )
        .await;
    inserted.map_err(|error| unless_taken(error, || taken(&key.prefix)))?;
    Ok(key)
}

/// Writes the audit row of a key's change, and tells followers.
async fn note(
    deed: &WriteTransaction<'_>,
    by: &Actor,
    action: &'static str,
    key: &ApiKey,
    details: &Value,
) -> Answer<()> {
    match &key.owner {
        KeyOwner::Tenant(tenant) => {
            deed.note_for(tenant, by, action, &key.id, details, Some(key.change())).await
        }
        KeyOwner::Operator => deed.note(by, action, &key.id, details, key.change()).await,
    }
}

fn api_key(row: &Row) -> Answer<ApiKey> {
    let owner = match row.try_get::<_, Option<&str>>("tenant_id")? {
        Some(_) => KeyOwner::Tenant(parsed(row, "tenant_id", TenantId::parse)?),
        None => KeyOwner::Operator,
    };
    Ok(ApiKey {
        id: row.try_get("id")?,
        owner,
        prefix: row.try_get("prefix")?,
        scopes: parsed(row, "scopes", Scopes::parse)?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        last_used_at: row.try_get("last_used_at")?,
        rotated_to: row.try_get("rotated_to")?,
    })
}
