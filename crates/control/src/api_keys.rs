//! API keys as they are stored: a prefix to find them by and a keyed hash to prove them by, never the key itself.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenancy::{RequestId, Scopes, TenantId};

use crate::postgres::{ask, change};
use crate::{Actor, Backend, Change, Control, ControlError};

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
        match &self.backend {
            Backend::Sqlite(database) => {
                let by = by.clone();
                database.write(move |deed| sqlite::create(deed, new, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::create(deed, new.clone(), by))
            }
        }
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
        match &self.backend {
            Backend::Sqlite(database) => {
                let (id, by) = (id.to_owned(), by.clone());
                database.write(move |deed| sqlite::rotate(deed, &id, new, old_expires_at, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::rotate(deed, id, new.clone(), old_expires_at, by))
            }
        }
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
        let rehash = Rehash { old_pepper_version, hash, pepper_version };
        match &self.backend {
            Backend::Sqlite(database) => {
                let id = id.to_owned();
                database.write(move |deed| sqlite::rehash(deed, &id, rehash)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::rehash(deed, id, rehash))
            }
        }
    }

    /// One key, revoked or not.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn api_key(&self, id: &str) -> Result<Option<ApiKey>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let id = id.to_owned();
                database.read(move |reader| sqlite::find(reader, &id)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::find(reader, id))
            }
        }
    }

    /// The key of that prefix, revoked and expired ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn api_key_by_prefix(&self, prefix: &str) -> Result<Option<StoredApiKey>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let prefix = prefix.to_owned();
                database.read(move |reader| sqlite::by_prefix(reader, &prefix)).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::by_prefix(reader, prefix))
            }
        }
    }

    /// The keys of one tenant, or with `None` every key there is, oldest first; revoked ones included.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn list_api_keys(&self, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let tenant = tenant.cloned();
                database.read(move |reader| sqlite::list(reader, tenant.as_ref())).await
            }
            Backend::Postgres(database) => {
                ask!(database, |reader| postgres::list(reader, tenant))
            }
        }
    }

    /// Revokes a key for ever; running gateways follow at once. A key revoked before stays as it is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Unavailable`].
    pub async fn revoke_api_key(&self, id: &str, by: &Actor) -> Result<ApiKey, ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => {
                let (id, by) = (id.to_owned(), by.clone());
                database.write(move |deed| sqlite::revoke(deed, &id, &by)).await
            }
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::revoke(deed, id, by))
            }
        }
    }

    /// Notes when keys were last used, all in one transaction; an older time never replaces a newer one. Using a
    /// key changes no state, so the audit log says nothing of it.
    ///
    /// # Errors
    /// [`ControlError::Unavailable`].
    pub async fn touch_api_keys(&self, uses: Vec<(String, Timestamp)>) -> Result<(), ControlError> {
        match &self.backend {
            Backend::Sqlite(database) => database.write(move |deed| sqlite::touch(deed, &uses)).await,
            Backend::Postgres(database) => {
                change!(database, |deed| postgres::touch(deed, &uses))
            }
        }
    }
}

/// A hash to be replaced.
#[derive(Debug, Clone, Copy)]
struct Rehash {
    old_pepper_version: u32,
    hash: [u8; 32],
    pepper_version: u32,
}

impl NewApiKey {
    fn check(&self) -> Result<(), ControlError> {
        if self.name.len() <= KEY_NAME_BYTES_MAX && !self.name.contains(char::is_control) {
            return Ok(());
        }
        Err(ControlError::Invalid(format!(
            "a key's name has at most {KEY_NAME_BYTES_MAX} bytes and no control characters"
        )))
    }

    fn at(self, now: Timestamp) -> StoredApiKey {
        let key = ApiKey {
            id: format!("key_{}", RequestId::at(now).as_uuid().simple()),
            owner: self.owner,
            prefix: self.prefix,
            scopes: self.scopes,
            name: self.name,
            created_at: now,
            expires_at: self.expires_at,
            revoked_at: None,
            last_used_at: None,
            rotated_to: None,
        };
        StoredApiKey { key, hash: self.hash, pepper_version: self.pepper_version }
    }
}

impl ApiKey {
    fn change(&self) -> Change {
        Change::ApiKey { prefix: self.prefix.clone() }
    }

    /// What the audit log says of a new one.
    fn creation(&self) -> Value {
        json!({
            "tenant": self.owner.tenant().map(TenantId::as_str),
            "prefix": self.prefix,
            "scopes": self.scopes.to_string(),
            "name": self.name,
            "expires_at": self.expires_at,
        })
    }

    fn revocation(&self) -> Value {
        json!({ "tenant": self.owner.tenant().map(TenantId::as_str), "prefix": self.prefix })
    }

    fn rotation(&self, successor: &Self, until: Timestamp) -> Value {
        json!({ "rotated_to": successor.id, "prefix": self.prefix, "expires_at": until })
    }

    /// Until when it overlaps a successor of `owner`, if it may have one at `now`.
    fn overlap(
        &self,
        owner: &KeyOwner,
        old_expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, ControlError> {
        if self.owner != *owner {
            return Err(ControlError::Invalid("a key is rotated for its own owner".to_owned()));
        }
        let expired = self.expires_at.is_some_and(|expiry| expiry <= now);
        if self.revoked_at.is_some() || expired || self.rotated_to.is_some() {
            return Err(ControlError::Conflict { what: "successor of key", name: self.id.clone() });
        }
        Ok(self.expires_at.map_or(old_expires_at, |expiry| expiry.min(old_expires_at)))
    }
}

impl KeyOwner {
    /// The tenant it speaks for.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(id) => Some(id),
            Self::Operator => None,
        }
    }
}

fn taken(prefix: &str) -> ControlError {
    ControlError::Conflict { what: "key prefix", name: prefix.to_owned() }
}

fn unknown(id: &str) -> ControlError {
    ControlError::NotFound { what: "key", name: id.to_owned() }
}
