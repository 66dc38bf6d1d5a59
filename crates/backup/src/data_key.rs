//! The key of one subject, from which every backup of it gets its own keys.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, NONCE_LEN, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::BackupError;

/// Bytes of a key: AES-256.
pub(crate) const KEY_BYTES: usize = 32;

/// The key of one subject. Lost or destroyed, every backup of it is noise.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; KEY_BYTES]);

impl DataKey {
    /// A new one, by chance.
    pub fn generate() -> Self {
        Self(stdx::random::bytes())
    }

    pub(crate) fn of_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The key that one backup's file is encrypted with. Of its own, so that nonces can be counted from zero.
    pub(crate) fn for_file(&self, backup: &str) -> Result<LessSafeKey, BackupError> {
        let mut bytes = self.derive("engram backup file", backup)?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map(LessSafeKey::new);
        bytes.zeroize();
        key.map_err(|_| BackupError::Defect("AES-256 refuses a key of 32 bytes".into()))
    }

    /// The key that one backup's manifest is signed with.
    pub(crate) fn for_manifest(&self, backup: &str) -> Result<hmac::Key, BackupError> {
        let mut bytes = self.derive("engram backup manifest", backup)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        bytes.zeroize();
        Ok(key)
    }

    /// The nonce that this key itself is sealed with.
    pub(crate) fn nonce_for_wrapping(&self, subject: &str) -> Result<[u8; NONCE_LEN], BackupError> {
        let mut bytes = self.derive("engram data key nonce", subject)?;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&bytes[..NONCE_LEN]);
        bytes.zeroize();
        Ok(nonce)
    }

    /// HKDF-SHA-256 (RFC 5869) with the backup's id (or the subject) as salt and the use as info.
    fn derive(&self, purpose: &str, backup: &str) -> Result<[u8; KEY_BYTES], BackupError> {
        let failed = |_| BackupError::Defect("HKDF refuses 32 bytes".into());
        let extracted = Salt::new(HKDF_SHA256, backup.as_bytes()).extract(&self.0);
        let info = [purpose.as_bytes()];
        let expanded = extracted.expand(&info, Length).map_err(failed)?;
        let mut bytes = [0; KEY_BYTES];
        expanded.fill(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}
