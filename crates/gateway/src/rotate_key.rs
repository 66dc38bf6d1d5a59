//! Replaces an API key by another that may do the same, with a while in which both open.

use control::{Actor, ControlError};
use jiff::SignedDuration;

use crate::issue_key::new_secret;
use crate::{Gateway, IssuedKey, NewKey};

impl Gateway {
    /// Makes a key with the owner, the name and the scopes of an old one, which is refused once `overlap` is over.
    /// The new key never expires unless the old one would have: then it lives as long as that one was meant to.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] for an unknown key, [`ControlError::Conflict`] when it is revoked, expired or
    /// rotated already, [`ControlError::Unavailable`].
    pub async fn rotate_key(
        &self,
        id: &str,
        overlap: SignedDuration,
        by: &Actor,
    ) -> Result<IssuedKey, ControlError> {
        let unknown = || ControlError::NotFound { what: "key", name: id.to_owned() };
        let old = self.control.api_key(id).await?.ok_or_else(unknown)?;
        let now = self.clock.now();
        let lifetime = old.expires_at.map(|expiry| expiry.duration_since(old.created_at));
        let new = NewKey {
            owner: old.owner,
            scopes: old.scopes,
            name: old.name,
            expires_at: lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
        };
        let (key, stored) = new_secret(&self.control, &self.peppers, &new).await?;
        let old_ends = now.checked_add(overlap).unwrap_or(now);
        let record = self.control.rotate_api_key(id, stored, old_ends, by).await?;
        Ok(IssuedKey { key, record })
    }
}
