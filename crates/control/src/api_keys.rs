//! API keys as they are stored: a prefix to find them by and a keyed hash to prove them by, never the key itself.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};
use tenancy::{RequestId, Scopes, TenantId};

use crate::database::WriteTransaction;
use crate::rows::{is_taken, parsed, timestamp, timestamp_or_null};
use crate::{Actor, Change, Control, ControlError, tenants};

/// Longest name of a key, in bytes.
const KEY_NAME_BYTES_MAX: usize = 200;

/// Whom a key speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    /// One tenant, and nothing outside it.
    Tenant(TenantId),
    /// Whoever runs the installation; no tenant.
    Operator,
}

/// A key that is to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// The part that is stored and shown; unique.
    pub prefix: String,
    /// HMAC-SHA256 of the whole key.
    pub hash: [u8; 32],
    /// The pepper the hash was made with.
    pub pepper_version: u32,
    /// What it may do inside its tenant.
    pub scopes: Scopes,
    /// The name people gave it; at most 200 bytes.
    pub name: String,
    /// The instant from which it is refused; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// `key_` and 32 hexadecimal digits.
    pub id: String,
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// Its first characters.
    pub prefix: String,
    /// What it may do inside its tenant.
    pub scopes: Scopes,
    /// The name people gave it.
    pub name: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// The instant from which it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it last opened the door, within a minute.
    pub last_used_at: Option<Timestamp>,
    /// The id of the key that takes its place.
    pub rotated_to: Option<String>,
}

/// A key with what proves it.
#[derive(Debug, Clone)]
pub struct StoredApiKey {
    /// What may be shown.
    pub key: ApiKey,
    /// HMAC-SHA256 of the whole key.
    pub hash: [u8; 32],
    /// The pepper the hash was made with.
    pub pepper_version: u32,
}

impl Control {
    /// Stores a new key.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] when the prefix is taken (make another key), [`ControlError::NotFound`] when the
    /// tenant does not exist or is deleted, [`ControlError::Invalid`] for a long name, [`ControlError::Unavailable`].
    pub async fn insert_api_key(&self, new: NewApiKey, by: &Actor) -> Result<ApiKey, ControlError> {
        new.check()?;
        let by = by.clone();
        self.write(move |deed| {
            require_owner(deed, &new.owner)?;
            let key = issue(deed, new)?;
            note(deed, &by, "create_api_key", &key, &created(&key))?;
            Ok(key)
        })
        .await
    }

    /// Puts a new key of the same owner in the place of an old one, which is refused from `old_expires_at` on, or
    /// from its own expiry if that is earlier.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown key, [`ControlError::Conflict`] when the old one is revoked, expired
    /// or rotated already, or the prefix is taken; [`ControlError::Invalid`], [`ControlError::Unavailable`].
    pub async fn rotate_api_key(
        &self,
        id: &str,
        new: NewApiKey,
        old_expires_at: Timestamp,
        by: &Actor,
    ) -> Result<ApiKey, ControlError> {
        new.check()?;
        let (id, by) = (id.to_owned(), by.clone());
        self.write(move |deed| {
            let old = by_id(deed.tx(), &id)?;
            if old.owner != new.owner {
                return Err(ControlError::Invalid("a key is rotated for its own owner".to_owned()));
            }
            let expired = old.expires_at.is_some_and(|expiry| expiry <= deed.now());
            if old.revoked_at.is_some() || expired || old.rotated_to.is_some() {
                return Err(ControlError::Conflict { what: "successor of key", name: id });
            }
            require_owner(deed, &new.owner)?;
            let key = issue(deed, new)?;
            let until = old.expires_at.map_or(old_expires_at, |expiry| expiry.min(old_expires_at));
            deed.tx()
                .prepare_cached("UPDATE api_keys SET expires_at = ?2, rotated_to = ?3 WHERE id = ?1")?
                .execute(params![old.id, until.as_millisecond(), key.id])?;
            let details = json!({ "rotated_to": key.id, "prefix": old.prefix, "expires_at": until });
            note(deed, &by, "rotate_api_key", &old, &details)?;
            note(deed, &by, "create_api_key", &key, &created(&key))?;
            Ok(key)
        })
        .await
    }

    /// Replaces the hash of a key by one with a newer pepper, unless somebody else has already. The key stays the
    /// same, so the audit log says nothing of it. Returns whether it was replaced.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn rehash_api_key(
        &self,
        id: &str,
        old_pepper_version: u32,
        hash: [u8; 32],
        pepper_version: u32,
    ) -> Result<bool, ControlError> {
        let id = id.to_owned();
        self.write(move |deed| {
            let replaced = deed
                .tx()
                .prepare_cached(
                    "UPDATE api_keys SET hash = ?3, pepper_version = ?4 WHERE id = ?1 AND pepper_version = ?2",
                )?
                .execute(params![id, old_pepper_version, hash, pepper_version])?;
            if replaced == 1 {
                deed.tell(Change::ApiKey { prefix: by_id(deed.tx(), &id)?.prefix });
            }
            Ok(replaced == 1)
        })
        .await
    }

    /// One key, revoked or not.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn api_key(&self, id: &str) -> Result<Option<ApiKey>, ControlError> {
        let id = id.to_owned();
        self.read(move |reader| match by_id(reader, &id) {
            Ok(key) => Ok(Some(key)),
            Err(ControlError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// The key of that prefix, revoked and expired ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn api_key_by_prefix(&self, prefix: &str) -> Result<Option<StoredApiKey>, ControlError> {
        let prefix = prefix.to_owned();
        self.read(move |reader| {
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
        })
        .await
    }

    /// The keys of one tenant, or with `None` every key there is, oldest first; revoked ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_api_keys(&self, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>, ControlError> {
        let tenant = tenant.cloned();
        self.read(move |reader| {
            let mut some = reader.prepare_cached(
                "SELECT * FROM api_keys WHERE ?1 IS NULL OR tenant_id = ?1 ORDER BY created_at, id",
            )?;
            let keys = some
                .query_map([tenant.as_ref().map(TenantId::as_str)], api_key)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(keys)
        })
        .await
    }

    /// Revokes a key for ever; running gateways follow at once. A key revoked before stays as it is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn revoke_api_key(&self, id: &str, by: &Actor) -> Result<ApiKey, ControlError> {
        let (id, by) = (id.to_owned(), by.clone());
        self.write(move |deed| {
            let key = by_id(deed.tx(), &id)?;
            if key.revoked_at.is_some() {
                return Ok(key);
            }
            deed.tx()
                .prepare_cached("UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1")?
                .execute(params![key.id, deed.now().as_millisecond()])?;
            let details = json!({ "tenant": tenant_id(&key.owner), "prefix": key.prefix });
            note(deed, &by, "revoke_api_key", &key, &details)?;
            Ok(ApiKey { revoked_at: Some(deed.now()), ..key })
        })
        .await
    }

    /// Notes when keys were last used, all in one transaction; an older time never replaces a newer one. Using a
    /// key changes no state, so the audit log says nothing of it.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn touch_api_keys(&self, uses: Vec<(String, Timestamp)>) -> Result<(), ControlError> {
        self.write(move |deed| {
            let mut touch = deed.tx().prepare_cached(
                "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?2) WHERE id = ?1",
            )?;
            for (id, used_at) in uses {
                touch.execute(params![id, used_at.as_millisecond()])?;
            }
            Ok(())
        })
        .await
    }
}

impl NewApiKey {
    fn check(&self) -> Result<(), ControlError> {
        if self.name.len() <= KEY_NAME_BYTES_MAX {
            return Ok(());
        }
        Err(ControlError::Invalid(format!("a key's name has at most {KEY_NAME_BYTES_MAX} bytes")))
    }
}

fn issue(deed: &WriteTransaction<'_>, new: NewApiKey) -> Result<ApiKey, ControlError> {
    let key = ApiKey {
        id: format!("key_{}", RequestId::at(deed.now()).as_uuid().simple()),
        owner: new.owner,
        prefix: new.prefix,
        scopes: new.scopes,
        name: new.name,
        created_at: deed.now(),
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        rotated_to: None,
    };
    insert(deed.tx(), &key, &new.hash, new.pepper_version)?;
    Ok(key)
}

fn created(key: &ApiKey) -> Value {
    json!({
        "tenant": tenant_id(&key.owner),
        "prefix": key.prefix,
        "scopes": key.scopes.to_string(),
        "name": key.name,
        "expires_at": key.expires_at,
    })
}

/// Writes the audit row of a key's change, and tells followers.
fn note(
    deed: &WriteTransaction<'_>,
    by: &Actor,
    action: &'static str,
    key: &ApiKey,
    details: &Value,
) -> Result<(), ControlError> {
    let change = Change::ApiKey { prefix: key.prefix.clone() };
    match &key.owner {
        KeyOwner::Tenant(tenant) => deed.note_for(tenant, by, action, &key.id, details, Some(change)),
        KeyOwner::Operator => deed.note(by, action, &key.id, details, change),
    }
}

fn by_id(connection: &Connection, id: &str) -> Result<ApiKey, ControlError> {
    connection
        .prepare_cached("SELECT * FROM api_keys WHERE id = ?1")?
        .query_row([id], api_key)
        .optional()?
        .ok_or_else(|| ControlError::NotFound { what: "key", name: id.to_owned() })
}

fn require_owner(deed: &WriteTransaction<'_>, owner: &KeyOwner) -> Result<(), ControlError> {
    match owner {
        KeyOwner::Tenant(tenant) => tenants::require(deed, tenant),
        KeyOwner::Operator => Ok(()),
    }
}

fn insert(tx: &Connection, key: &ApiKey, hash: &[u8; 32], pepper_version: u32) -> Result<(), ControlError> {
    tx.prepare_cached(
        "INSERT INTO api_keys (id, tenant_id, prefix, hash, pepper_version, scopes, name, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        key.id,
        tenant_id(&key.owner),
        key.prefix,
        hash,
        pepper_version,
        key.scopes.to_string(),
        key.name,
        key.created_at.as_millisecond(),
        key.expires_at.map(Timestamp::as_millisecond),
    ])
    .map_err(|error| {
        if is_taken(&error) {
            ControlError::Conflict { what: "key prefix", name: key.prefix.clone() }
        } else {
            error.into()
        }
    })?;
    Ok(())
}

fn tenant_id(owner: &KeyOwner) -> Option<&str> {
    match owner {
        KeyOwner::Tenant(id) => Some(id.as_str()),
        KeyOwner::Operator => None,
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
