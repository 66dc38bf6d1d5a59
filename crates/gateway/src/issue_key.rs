//! Issues API keys. The whole key exists only in the answer; what is stored is its prefix and its hash.

use std::fmt;

use control::{Actor, ApiKey, Control, ControlError, KeyOwner, NewApiKey};
use jiff::Timestamp;
use tenancy::{Scopes, TenantKind};

use crate::key_text::{self, KeyKind};
use crate::{Gateway, Peppers};

/// Tries to find a prefix nobody has; two keys of a billion share one with a chance of 1 in 200.
const TRIES_MAX: usize = 3;

/// A key that is wanted.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whom it speaks for.
    pub owner: KeyOwner,
    /// What it may do inside its tenant; an operator's key has no use for them.
    pub scopes: Scopes,
    /// The name people give it.
    pub name: String,
    /// The instant from which it is refused; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// A key that was just made; the only moment at which it can be read.
#[derive(Clone)]
pub struct IssuedKey {
    /// The whole key.
    pub key: String,
    /// What may be shown of it later.
    pub record: ApiKey,
}

/// Makes a key and stores what proves it.
///
/// # Errors
/// [`ControlError::NotFound`] when the tenant does not exist or is deleted, [`ControlError::Invalid`] for a long
/// name, [`ControlError::Unavailable`].
pub async fn issue_key(
    control: &Control,
    peppers: &Peppers,
    new: NewKey,
    by: &Actor,
) -> Result<IssuedKey, ControlError> {
    let mut tries = 1;
    loop {
        let (key, stored) = new_secret(control, peppers, &new).await?;
        match control.insert_api_key(stored, by).await {
            Ok(record) => return Ok(IssuedKey { key, record }),
            Err(ControlError::Conflict { .. }) if tries < TRIES_MAX => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A key that nobody has yet, and what is stored of it.
pub(crate) async fn new_secret(
    control: &Control,
    peppers: &Peppers,
    new: &NewKey,
) -> Result<(String, NewApiKey), ControlError> {
    let (key, prefix) = key_text::generate(kind_of(control, &new.owner).await?);
    let pepper_version = peppers.newest();
    let hash = peppers
        .hash(pepper_version, &key)
        .ok_or_else(|| ControlError::Invalid("there is no pepper to hash a key with".to_owned()))?;
    let stored = NewApiKey {
        owner: new.owner.clone(),
        prefix,
        hash,
        pepper_version,
        scopes: new.scopes,
        name: new.name.clone(),
        expires_at: new.expires_at,
    };
    Ok((key, stored))
}

impl Gateway {
    /// Makes a key; see [`issue_key`].
    ///
    /// # Errors
    /// Those of [`issue_key`].
    pub async fn issue_key(&self, new: NewKey, by: &Actor) -> Result<IssuedKey, ControlError> {
        issue_key(&self.control, &self.peppers, new, by).await
    }
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedKey").field("record", &self.record).finish_non_exhaustive()
    }
}

async fn kind_of(control: &Control, owner: &KeyOwner) -> Result<KeyKind, ControlError> {
    let KeyOwner::Tenant(id) = owner else { return Ok(KeyKind::Operator) };
    let tenant = control
        .tenant_by_id(id)
        .await?
        .ok_or_else(|| ControlError::NotFound { what: "tenant", name: id.as_str().to_owned() })?;
    Ok(match tenant.kind {
        TenantKind::Live => KeyKind::Live,
        TenantKind::Test => KeyKind::Test,
    })
}
